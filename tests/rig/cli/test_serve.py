"""`serve` by itself: what it writes, how it ends, and what it does not put up with."""

from __future__ import annotations

import json
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from rig.page.guard import TOKEN_HEADER
from rig.serve_state import STATE_FILE, find_serve
from tests.rig.cli.command import ANY_PORTS, Desk, serving, terminal

USAGE, BENCH = 2, 3
DATA = Path(".otarig") / "serve"
PRIVATE = (
    "serve.json",
    "page-token",
    "signing.key",
    "server.key",
    "control-key.json",
    "url-key.json",
)


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield str(taken.getsockname()[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_from_start_to_end(number: signal.Signals, desk: Desk) -> None:
    data = desk.directory / DATA
    with serving(desk, "--plain-port", "0") as serve:
        state = find_serve(data)
        assert f"MQTT (TLS)  127.0.0.1:{state.mqtt_port}, " in serve.text
        assert f"MQTT        127.0.0.1:{state.plain_port}, without TLS" in serve.text
        assert f"HTTP        {state.endpoint}, " in serve.text
        assert f"Page        {state.page}\n" in serve.text
        assert "  otarig agent --thing demo\n  otarig update --thing demo\n" in serve.text
        assert Path(state.ca).is_absolute()
        assert Path(state.ca).read_text("ascii").startswith("-----BEGIN CERTIFICATE")
        for name in PRIVATE:
            assert stat.S_IMODE((data / name).stat().st_mode) == 0o600, name
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert state.secret_access_key not in repr(state) + serve.text
        signer = (data / "signer.pub.pem").read_bytes()
        assert serve.end(number) == 0
    assert "Traceback" not in serve.text
    assert not (data / STATE_FILE).exists()
    with serving(desk) as again:
        assert (data / "signer.pub.pem").read_bytes() == signer
        assert find_serve(data).plain_port is None
        assert again.end() == 0


def status_of(page: str, token: str) -> int:
    """What the fleet's page answers who asks for the jobs with this token."""
    request = Request(page.partition("#")[0] + "jobs", headers={TOKEN_HEADER: token})
    try:
        with urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_the_page_has_a_token_of_its_run(desk: Desk) -> None:
    tokens = []
    for _ in range(2):
        with serving(desk) as serve:
            page = find_serve(desk.directory / DATA).page
            tokens.append(page.partition("#token=")[2])
            assert status_of(page, tokens[-1]) == 200
            assert status_of(page, tokens[0] if len(tokens) > 1 else "guessed") == 401
            assert serve.end() == 0
    assert tokens[0] != tokens[1]
    assert min(map(len, tokens)) >= 40


def test_one_serve_for_a_data_directory(desk: Desk) -> None:
    with serving(desk) as serve:
        second = desk.run("serve", *ANY_PORTS)
        assert second.code == USAGE
        assert "another serve runs with the data directory .otarig/serve" in second.complaint
        # The first is as it was.
        find_serve(desk.directory / DATA)
        assert serve.end() == 0


@pytest.mark.parametrize("option", ["--mqtt-port", "--plain-port", "--http-port"])
def test_port_in_use(option: str, taken_port: str, desk: Desk) -> None:
    done = desk.run("serve", *ANY_PORTS, option, taken_port)
    assert done.code == USAGE
    assert f"127.0.0.1:{taken_port}: Address already in use" in done.complaint
    assert not (desk.directory / DATA / STATE_FILE).exists()
    assert desk.is_clean()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--mqtt-port", "65536"), "'65536' is not a port"),
        (("--http-port", "-1"), "--http-port"),
        (("--host", "0.0.0.0"), "no address that devices could be sent to"),
        (("--host", "203.0.113.77"), "203.0.113.77"),
        (("--host", "no.such.host.invalid"), "no.such.host.invalid"),
        (("--broker", "nonsense"), "write it as mqtt://host:port"),
        (("--data", "file"), "file"),
        (("--data", "/proc/serve"), "/proc/serve"),
        (("--data", "damaged"), "signing.key is not a private key in PEM"),
        (("surplus",), "unrecognized arguments: surplus"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], words: str, desk: Desk) -> None:
    (desk.directory / "file").write_text("in the way")
    damaged = desk.directory / "damaged"
    damaged.mkdir()
    (damaged / "signing.key").write_text("no key")
    done = desk.run("serve", *ANY_PORTS, *arguments)
    assert done.code == USAGE, done.err
    assert done.complaint.startswith("otarig serve: ")
    assert words in done.complaint
    assert not done.out


def test_nobody_listens_where_the_broker_should(desk: Desk) -> None:
    done = desk.run("serve", *ANY_PORTS, "--broker", "mqtt://127.0.0.1:1")
    assert done.code == BENCH
    assert "127.0.0.1:1 cannot be reached" in done.complaint


def test_a_state_that_was_left_misleads_nobody(desk: Desk) -> None:
    """A killed serve leaves its file; one that cannot start does not leave it for others."""
    data = desk.directory / DATA
    data.mkdir(parents=True)
    (data / STATE_FILE).write_text(json.dumps({"endpoint": "http://127.0.0.1:1"}))
    done = desk.run("serve", *ANY_PORTS, "--broker", "mqtt://127.0.0.1:1")
    assert done.code == BENCH
    assert not (data / STATE_FILE).exists()


def test_ended_before_it_is_up(desk: Desk) -> None:
    """The broker takes the connection and says nothing; the user does not wait for it."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"mqtt://127.0.0.1:{silent.getsockname()[1]}"
        with terminal(desk, "serve", *ANY_PORTS, "--broker", url) as serve:
            connection, _ = silent.accept()
            with connection:
                assert serve.end() == 0
    assert "Traceback" not in serve.text
    assert not (desk.directory / DATA / STATE_FILE).exists()
