"""What users get wrong with `agent` and `update`: one clear line each, exit code 2."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rig.cli.main import main
from rig.jobs.settings import JobSettings
from rig.serve_client import ServeClient
from rig.serve_state import STATE_FILE
from rig.signing import SigningKey
from tests.rig.cli.command import ANY_PORTS, SERVING, Desk, terminal

THING = "known"
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a serve that runs and knows one thing."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    path = desk.directory / "data"
    with terminal(desk, "serve", *ANY_PORTS, "--data", str(path)) as serve:
        serve.wait_for(SERVING)
        ServeClient(path).enrol(THING)
        yield path
        assert serve.end() == 0


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a verb that must be refused; its one line."""

    def run(*arguments: str, code: int = 2) -> str:
        assert main(arguments) == code
        said = capsys.readouterr()
        assert not said.out
        lines = said.err.splitlines()
        assert len(lines) == 1, said.err
        assert lines[0].startswith(f"otarig {arguments[0]}: ")
        return lines[0]

    return run


# -- no serve ------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["agent", "update"])
@pytest.mark.parametrize("there", [True, False])
def test_no_serve_runs(verb: str, there: bool, tmp_path: Path, refused: Refused) -> None:
    where = tmp_path / "data"
    if there:
        where.mkdir()
    line = refused(verb, "--thing", THING, "--data", str(where))
    assert f"no serve runs with the data directory {where}" in line
    assert line.endswith(f"start it: otarig serve --data {where}")
    assert not (where / "devices").exists()


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b"{}", b'{"endpoint": 5}', b"\xff"])
def test_state_of_another_kind(content: bytes, tmp_path: Path, refused: Refused) -> None:
    (tmp_path / STATE_FILE).write_bytes(content)
    line = refused("update", "--thing", THING, "--data", str(tmp_path))
    assert f"{STATE_FILE} is not what serve writes" in line


def test_serve_is_gone(data: Path, tmp_path: Path, refused: Refused) -> None:
    text = (data / STATE_FILE).read_text("utf-8")
    endpoint = ServeClient(data).state.endpoint
    (tmp_path / STATE_FILE).write_text(text.replace(endpoint, "http://127.0.0.1:1"))
    SigningKey.generate().save(tmp_path / "signing.key")
    line = refused("update", "--thing", THING, "--data", str(tmp_path))
    assert "no serve answers at http://127.0.0.1:1" in line
    assert str(tmp_path) in line


def test_access_key_of_another_serve(data: Path, tmp_path: Path, refused: Refused) -> None:
    text = (data / STATE_FILE).read_text("utf-8")
    secret = ServeClient(data).state.secret_access_key
    (tmp_path / STATE_FILE).write_text(text.replace(secret, "wrong"))
    SigningKey.generate().save(tmp_path / "signing.key")
    line = refused("update", "--thing", THING, "--data", str(tmp_path))
    assert "serve refused DescribeThing: SignatureDoesNotMatch" in line


# -- things --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["agent", "update"])
@pytest.mark.parametrize("thing", ["../known", "a/b", "", ".", "..", "a\0b", "a" * 129, "ü", "a\n"])
def test_no_name_of_a_thing(verb: str, thing: str, data: Path, refused: Refused) -> None:
    before = sorted([*data.parent.iterdir(), *data.glob("devices/**/*")])
    assert "the thing name" in refused(verb, "--thing", thing, "--data", str(data))
    assert sorted([*data.parent.iterdir(), *data.glob("devices/**/*")]) == before


def test_unknown_thing(data: Path, refused: Refused) -> None:
    line = refused("update", "--thing", "stranger", "--data", str(data))
    assert "there is no thing stranger" in line
    assert "otarig agent --thing stranger" in line
    assert not (data / "devices" / "stranger").exists()


# -- updates -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--version", "one"), "version 'one' is not written major.minor.build"),
        (("--version", "1.0.65536"), "the build is 0 to 65535"),
        (("--size", "0"), "has 0 bytes"),
        (("--size", "63"), "at least 64 bytes"),
        (("--size", str(JobSettings().max_file + 1)), "more than 16777216 bytes"),
        (("--size", "many"), "invalid int value: 'many'"),
        (("--behaviour", "sulk"), "invalid choice: 'sulk'"),
        (("--protocol", "FTP"), "invalid choice: 'FTP'"),
        (("--key", "no/such.pem"), "cannot read the signing key no/such.pem: No such file"),
        (("--image", "no/such.bin"), "cannot read the image no/such.bin: No such file"),
        (("--image", "x.bin", "--version", "1.0.1"), "not allowed with argument"),
        (("--image", "x.bin", "--size", "100"), "--size is for a new image"),
        (("--image", "x.bin", "--behaviour", "pass"), "--behaviour is for a new image"),
    ],
)
def test_bad_update(arguments: tuple[str, ...], words: str, data: Path, refused: Refused) -> None:
    assert words in refused("update", "--thing", THING, "--data", str(data), *arguments)


def test_bad_files(data: Path, refused: Refused, tmp_path: Path) -> None:
    empty, huge, text = tmp_path / "empty.bin", tmp_path / "huge.bin", tmp_path / "text.pem"
    empty.touch()
    with huge.open("wb") as file:
        os.truncate(file.fileno(), JobSettings().max_file + 1)
    text.write_text("not a key")

    def update(*arguments: str) -> str:
        return refused("update", "--thing", THING, "--data", str(data), *arguments)

    assert f"the image {empty} has 0 bytes" in update("--image", str(empty))
    assert f"the image {huge} has more than 16777216 bytes" in update("--image", str(huge))
    assert f"the image {tmp_path}: Is a directory" in update("--image", str(tmp_path))
    assert "/dev/zero has more than 16777216 bytes" in update("--image", "/dev/zero")
    assert f"{text} is not a private key" in update("--key", str(text))
    assert f"key {tmp_path}: Is a directory" in update("--key", str(tmp_path))


def test_image_at_the_limit(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Any bytes may be an image: which are good ones is for the device to say."""
    largest = tmp_path / "largest.bin"
    largest.write_bytes(bytes(JobSettings().max_file))
    words = ("update", "--thing", THING, "--data", str(data), "--no-watch")
    assert main([*words, "--image", str(largest)]) == 0
    assert "image largest.bin (16777216 bytes) by MQTT for known" in capsys.readouterr().out


def test_default_version_is_above_all_that_were_given(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ServeClient(data).enrol("counted")
    said = []
    for arguments in ((), ("--version", "1.255.65535"), (), ("--version", "1.0.7"), ()):
        words = ("update", "--thing", "counted", "--data", str(data), "--no-watch")
        assert main([*words, "--size", "64", *arguments]) == 0
        said.append(capsys.readouterr().out.split()[1])
    assert said == ["1.0.1", "1.255.65535", "2.0.0", "1.0.7", "2.0.1"]


def test_aws_settings_of_the_user_do_not_matter(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert ServeClient(data).thing_arn(THING).endswith(f":thing/{THING}")


# -- devices -------------------------------------------------------------------------------------


def test_bad_version_of_a_device(data: Path, refused: Refused) -> None:
    words = ("agent", "--thing", "unborn", "--data", str(data), "--version", "1.x")
    assert "version '1.x' is not written major.minor.build" in refused(*words)
    assert not (data / "devices" / "unborn").exists()


def test_devices_that_cannot_run(data: Path, desk: Desk) -> None:
    words = ("agent", "--thing", "single", "--data", str(data))
    bad_fault = desk.run(*words, "--fault", "sleepy")
    assert bad_fault.code == 2
    assert "unknown fault 'sleepy'; known: " in bad_fault.complaint
    with terminal(desk, *words, "--fault", "retain") as agent:
        agent.wait_for("ota: connected")
        second = desk.run(*words)
        assert second.code == 2
        assert "the device single runs already" in second.complaint
        assert agent.end() == 0
    # Its lock went with it; its image stays, so it cannot be another one now.
    with terminal(desk, *words) as agent:
        agent.wait_for("ota: connected")
        assert agent.end() == 0
    flashed = desk.run(*words, "--version", "2.0.0")
    assert flashed.code == 2
    assert "has its image already" in flashed.complaint
    elsewhere = desk.run(*words, "--root", "/proc/slots")
    assert elsewhere.code == 2
    assert "cannot make the directory /proc/slots" in elsewhere.complaint


def test_device_of_another_version_and_place(data: Path, desk: Desk) -> None:
    """A directory called `agent` in the user's own is not mistaken for the device."""
    (desk.directory / "agent").mkdir()
    (desk.directory / "agent" / "__init__.py").write_text("raise SystemExit('wrong agent')")
    words = ("--thing", "placed", "--data", str(data), "--version", "3.2.1", "--root", "slots")
    with terminal(desk, "agent", *words) as agent:
        agent.wait_for("boot: version=3.2.1 slot=A")
        assert agent.end() == 0
    assert (desk.directory / "slots" / "slot_a.bin").exists()
    private_key = data / "devices" / "placed" / "private.key"
    assert private_key.stat().st_mode & 0o777 == 0o600
