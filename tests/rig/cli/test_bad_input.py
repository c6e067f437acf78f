"""What users get wrong with `certify`: one clear line, the right exit code, nothing left behind."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.gateway.endpoint import BrokerEndpoint
from tests.rig.cli.command import ROOT, Desk, Done, terminal

USAGE, BENCH, INCOMPLETE = 2, 3, 4
REFERENCE = (ROOT / "targets" / "boards" / "reference.toml").read_text("utf-8")
OUT = ("--out", "report")


@pytest.fixture(autouse=True)
def nothing_left(desk: Desk) -> Iterator[None]:
    yield
    assert desk.processes() == []
    assert list(desk.temporary.iterdir()) == []


def write_board(desk: Desk, text: str) -> str:
    (desk.directory / "board.toml").write_text(text, "utf-8")
    return "board.toml"


def process_board(desk: Desk, *command: str) -> str:
    """The reference board with another command, and little patience."""
    text = re.sub(r"^(\w+_timer_s|trial_time_s) = .*$", r"\1 = 0.1", REFERENCE, flags=re.MULTILINE)
    text = text.replace("transport =", "slack_s = 1.0\ntransport =", 1)
    words = ", ".join(f"'{word}'" for word in command)
    return write_board(desk, f"{text}\n[process]\ncommand = [{words}]\n")


def refused(done: Done) -> str:
    """A usage error, told on standard error alone."""
    assert done.code == USAGE, done.out + done.err
    assert done.complaint.startswith("otarig certify: ")
    return done.complaint


def bench_line(done: Done) -> str:
    """A failure of the bench, told in one line with the verdict."""
    assert done.code == BENCH, done.out + done.err
    assert "bench error" in done.out
    reasons = [line for line in done.out.splitlines() if line.startswith("  bench: ")]
    assert len(reasons) == 1, done.out
    assert "not observed:" not in done.out
    return reasons[0]


# -- the user's input ----------------------------------------------------------------------------


def test_unknown_board(desk: Desk) -> None:
    complaint = refused(desk.run("certify", "--board", "nonesuch"))
    assert "no board 'nonesuch'" in complaint
    assert "reference" in complaint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", ("not valid TOML",)),
        (f'colour = "red"\n{REFERENCE}', ("colour", "not a field")),
        (REFERENCE.replace("window = 8", 'window = "wide"'), ("declares.window", "'wide'")),
        (re.sub("^thing = .*$", "", REFERENCE, flags=re.MULTILINE), ("thing is missing",)),
    ],
    ids=["not-toml", "unknown-field", "wrong-type", "missing-field"],
)
def test_malformed_board_file(text: str, words: tuple[str, ...], desk: Desk) -> None:
    complaint = refused(desk.run("certify", "--board", write_board(desk, text), *OUT))
    assert "board.toml: " in complaint
    assert all(word in complaint for word in words), complaint


@pytest.mark.parametrize("url", ["nonsense", "mqtt://h:none"])
def test_no_url_of_a_broker(url: str, desk: Desk) -> None:
    complaint = refused(desk.run("certify", "--broker", url, *OUT))
    assert "write it as mqtt://host:port" in complaint
    assert not (desk.directory / "report").exists()


@pytest.mark.parametrize("out", ["file", "/proc/report"])
def test_no_directory_for_the_report(out: str, desk: Desk) -> None:
    (desk.directory / "file").write_text("in the way")
    complaint = refused(desk.run("certify", "--out", out))
    assert f"cannot make the report directory {out}" in complaint
    assert "--out" in complaint


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--bogus",), "unrecognized arguments: --bogus"),
        (("--profile", "some"), "invalid choice: 'some'"),
        (("-k", "nothing"), "no scenario is selected"),
        (("-k", "a and"), "Wrong expression passed to '-k'"),
        (("no/such/place.py",), "file or directory not found: no/such/place.py"),
    ],
    ids=["unknown", "no-such-profile", "selects-nothing", "bad-expression", "no-such-file"],
)
def test_options_of_no_use(arguments: tuple[str, ...], words: str, desk: Desk) -> None:
    assert words in refused(desk.run("certify", *OUT, *arguments))
    assert not (desk.directory / "report").exists()


def test_listing_leaves_nothing(desk: Desk) -> None:
    done = desk.run("certify", "--list")
    assert done.code == 0
    assert "accept-newer-version-by-mqtt" in done.out
    assert [path.name for path in desk.directory.iterdir()] == ["tmp"]


def test_report_cannot_be_written(desk: Desk) -> None:
    in_the_way = desk.directory / "report" / "conformance.json"
    in_the_way.mkdir(parents=True)
    done = desk.run("certify", *OUT, "-k", "both_protocols")
    assert done.code == BENCH
    assert "cannot write the report in report: report/conformance.json" in done.complaint


# -- the bench -----------------------------------------------------------------------------------


def test_nobody_listens_where_the_broker_should(desk: Desk) -> None:
    line = bench_line(desk.run("certify", "--broker", "mqtt://127.0.0.1:1", *OUT))
    assert "127.0.0.1:1 cannot be reached" in line


def test_command_of_the_board_does_not_exist(desk: Desk) -> None:
    board = process_board(desk, "/no/such/program")
    line = bench_line(desk.run("certify", "--board", board, *OUT))
    assert "/no/such/program" in line
    assert "process.command" in line


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("raise SystemExit(9)", "ended before it showed a boot marker and said nothing"),
        ("import time; time.sleep(600)", "shows no boot marker within"),
    ],
    ids=["crashes", "stays"],
)
def test_process_shows_no_boot_marker(script: str, told: str, desk: Desk) -> None:
    board = process_board(desk, "{python}", "-c", script)
    line = bench_line(desk.run("certify", "--board", board, *OUT))
    assert told in line


def test_device_that_crashes_after_its_boot_marker(desk: Desk) -> None:
    """It was seen to boot, so it is the device that fails, not the bench."""
    marker = "boot: version=1.0.0 slot=A marker=00 state=valid"
    board = process_board(desk, "{python}", "-c", f'print("{marker}")')
    done = desk.run("certify", "--board", board, *OUT, "-k", "both_protocols")
    assert done.code == 1, done.out
    assert "to ask for a job after power-on, but stopped running" in done.out
    assert not done.err


# -- the user has enough -------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number: signal.Signals, desk: Desk) -> None:
    with terminal(desk, "certify", *OUT) as certify:
        certify.wait_for("✓")
        assert certify.end(number) == INCOMPLETE, certify.text
    assert "the run was interrupted before its end" in certify.text
    assert "incomplete" in certify.text
    assert "Traceback" not in certify.text
    report = desk.directory / "report"
    written = {path.name for path in report.iterdir()}
    assert written >= {"conformance.json", "junit.xml", "report.html", "console.log"}
    assert '"verdict": "incomplete"' in Path(report / "conformance.json").read_text("utf-8")


# -- what fails in mid-run -----------------------------------------------------------------------


def test_broker_that_ends_in_mid_run(
    desk: Desk, mosquitto_process: subprocess.Popen[str], mosquitto: BrokerEndpoint
) -> None:
    """No device is blamed for a broker that is gone, and none is waited for."""
    broker = f"mqtt://{mosquitto.host}:{mosquitto.port}"
    with terminal(desk, "certify", "--board", "reference", "--broker", broker, *OUT) as certify:
        certify.wait_for("✓")
        mosquitto_process.kill()
        certify.wait_for("bench error")
        assert certify.process.wait() == BENCH
    assert f"the broker at {mosquitto.host}:{mosquitto.port} cannot be reached" in certify.text
    assert "✗" not in certify.text


def test_device_that_ends_before_its_boot_marker(desk: Desk) -> None:
    """Told at once and with its last words, not when all patience with it is over."""
    text = REFERENCE.replace("transport =", "slack_s = 600.0\ntransport =", 1)
    board = write_board(desk, f'{text}\n[process]\nfaults = ["nofault"]\n')
    done = desk.run("certify", "--board", board, *OUT, "-k", "accept-both")
    line = bench_line(done)
    assert "ended before it showed a boot marker; its last line: agent: unknown fault" in line
