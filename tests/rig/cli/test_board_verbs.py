"""`otarig boards|doctor|flash|reset|console`, on the virtual board and on what is not there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from rig.cli.main import main
from targets.board import BOARDS
from targets.virtual.bus import BUS

BENCH, USAGE = 3, 2
VIRTUAL = "microbit-v1-virtual"


@pytest.fixture(autouse=True)
def bench_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OTARIG_BENCH", str(tmp_path / "bench"))
    return tmp_path / "bench"


def edited_board(folder: Path, name: str, old: str, new: str) -> str:
    """A copy of a board file with one text changed."""
    text = (BOARDS / f"{name}.toml").read_text()
    assert old in text
    path = folder / "mine.toml"
    path.write_text(text.replace(old, new))
    return str(path)


def test_boards_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["boards"]) == 0
    shown = capsys.readouterr().out
    assert all(path.stem in shown for path in BOARDS.glob("*.toml"))


def test_flash_then_reset_then_console(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["flash"]) == 0
    flashed = capsys.readouterr().out
    assert "runs 1.0.0 from slot A" in flashed
    assert main(["flash"]) == 0
    assert "0 sectors written" in capsys.readouterr().out
    assert main(["reset"]) == 0
    assert "reset: runs 1.0.0 from slot A" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("check\n"))
    assert main(["console", "--seconds", "2"]) == 0
    shown = capsys.readouterr().out
    assert "boot: version=1.0.0 slot=A" in shown
    assert "command: check OtaErrNone" in shown
    assert BUS.board("microbit-v1") is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (bytes(range(256)) * 4, "does not begin with the header"),
        (b"OTIM" + bytes(200_000), "slot A has room for 120832"),
    ],
    ids=["empty", "noise", "too-big"],
)
def test_what_is_no_image_is_not_flashed(
    content: bytes,
    told: str,
    tmp_path: Path,
    bench_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = tmp_path / "image.bin"
    image.write_bytes(content)
    assert main(["flash", "--image", str(image)]) == USAGE
    assert told in capsys.readouterr().err
    assert not bench_folder.exists()


def test_doctor_finds_the_virtual_board_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["board"] == VIRTUAL
    assert report["healthy"] is True
    assert {check["result"] for check in report["checks"]} == {"ok"}
    assert all(check["seconds"] >= 0 for check in report["checks"])


def test_a_dry_run_starts_nothing(capsys: pytest.CaptureFixture[str], bench_folder: Path) -> None:
    assert main(["doctor", "--dry-run", "--json"]) == 0
    results = {
        check["check"]: check["result"] for check in json.loads(capsys.readouterr().out)["checks"]
    }
    assert results["flash, start, read back"] == "not tried"
    assert results["debug probe"] == "ok"
    assert not bench_folder.exists()


def test_the_physical_micro_bit_passes_a_dry_run_with_its_probe_in_the_list(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = SimpleNamespace(unique_id="9900000037324e45", description="BBC micro:bit CMSIS-DAP")
    monkeypatch.setattr("targets.probe_session.connected_probes", lambda: [probe])
    assert main(["doctor", "--board", "microbit-v1", "--dry-run", "--json"]) == 0
    checks = {check["check"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["debug probe"]["detail"] == "9900000037324e45 (BBC micro:bit CMSIS-DAP)"
    assert checks["image"]["result"] == "ok"
    assert checks["modem.url"]["result"] == "not tried"


def test_without_its_probe_it_does_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("targets.probe_session.connected_probes", list)
    assert main(["doctor", "--board", "microbit-v1", "--dry-run"]) == BENCH
    shown = capsys.readouterr().out
    assert "FAIL debug probe" in shown
    assert "found: none; plug it in" in shown


def test_what_depends_on_what_failed_is_not_tried(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    board = edited_board(tmp_path, VIRTUAL, 'target = "nrf51"', 'target = "nrf15"')
    assert main(["doctor", "--board", board, "--json"]) == BENCH
    checks = {check["check"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert "pyOCD knows no target 'nrf15'" in checks["target type"]["detail"]
    assert checks["flash, start, read back"]["result"] == "not tried"


@pytest.mark.parametrize("verb", ["flash", "reset", "console", "doctor"])
def test_a_board_that_is_not_there_is_the_user_s_mistake(
    capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert main([verb, "--board", "no-such-board"]) == USAGE
    error = capsys.readouterr().err
    assert "no board 'no-such-board'" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("gateway", ["here", "host:", ":1", "host:0", "host:70000", "host:x"])
def test_a_gateway_that_is_no_place(capsys: pytest.CaptureFixture[str], gateway: str) -> None:
    assert main(["reset", "--gateway", gateway]) == USAGE
    assert f"--gateway {gateway!r} is no HOST:PORT" in capsys.readouterr().err


def test_an_image_that_cannot_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["flash", "--image", str(tmp_path / "none.bin")]) == USAGE
    assert "cannot read the image" in capsys.readouterr().err
    assert BUS.board("microbit-v1") is None


def test_an_erased_board_is_silent_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing was ever flashed: the core locks up at once."""
    assert main(["reset"]) == BENCH
    error = capsys.readouterr().err
    assert "the core has locked up" in error
    assert error.count("\n") == 1
    assert main(["flash"]) == 0
