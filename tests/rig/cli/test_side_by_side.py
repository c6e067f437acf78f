"""Several devices of one board at once give the report that one device gives."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from rig.errors import UsageError
from rig.lanes import devices_of
from targets.board import Board, load_board
from tests.rig.certify.command import ROOT, Certified, certify
from tests.rig.cli.command import Desk, terminal

REFERENCE = ("--board", "reference")
REFUSED = ("-k", "signature or version")
SECOND_GOOD_CASE = "good-case-2"


def without_the_second_device(run: Certified) -> list[tuple[str, str]]:
    return [case for case in run.outcomes().items() if case[0] != SECOND_GOOD_CASE]


def test_two_devices_give_the_report_of_one(tmp_path: Path) -> None:
    one = certify(tmp_path / "one", *REFERENCE, *REFUSED, "--devices", "1")
    two = certify(tmp_path / "two", *REFERENCE, *REFUSED, "--devices", "2")
    assert SECOND_GOOD_CASE in two.outcomes()
    assert SECOND_GOOD_CASE not in one.outcomes()
    assert without_the_second_device(one) == without_the_second_device(two)
    assert one.code == two.code
    assert one.document["verdict"] == two.document["verdict"]
    verdicts = [
        {name: entry["verdict"] for name, entry in run.document["requirements"].items()}
        for run in (one, two)
    ]
    assert verdicts[0] == verdicts[1]
    traces = {path.stem for path in (two.out / "traces").glob("*.jsonl")}
    assert traces == set(two.outcomes())


def test_what_is_broken_is_found_on_every_device(tmp_path: Path) -> None:
    text = (ROOT / "targets" / "boards" / "reference.toml").read_text("utf-8")
    board = tmp_path / "broken.toml"
    board.write_text(f'{text}\n[process]\nfaults = ["skip-signature"]\n', "utf-8")
    run = certify(tmp_path / "report", "--board", str(board), *REFUSED, "--devices", "3")
    assert run.code == 1, run.said
    refused = {name: outcome for name, outcome in run.outcomes().items() if "bad-sig" in name}
    assert set(refused.values()) == {"failed"}
    assert run.said.count("✗ signature-refused-bad-signature") == 1


def test_a_bench_process_that_dies(desk: Desk) -> None:
    """The bench is to blame, and nothing is left of either device."""
    words = ("certify", *REFERENCE, "--devices", "2", "--out", "report")
    with terminal(desk, *words) as run:
        run.wait_for("✓")
        first = run.process.pid
        lanes = [pid for pid in desk.processes() if parent_of(pid) == first]
        os.kill(lanes[1], signal.SIGKILL)
        run.wait_for("the process of its bench has died")
        run.wait_for("bench error")
        assert run.process.wait() == 3
    assert "✗" not in run.text


def test_a_first_process_that_dies_takes_the_others_along(desk: Desk) -> None:
    with terminal(desk, "certify", *REFERENCE, "--devices", "2", "--out", "report") as run:
        run.wait_for("✓")
        lanes = [pid for pid in desk.processes() if parent_of(pid) == run.process.pid]
        # The devices too, and whatever else was begun for them.
        ends = list(ends_of(pid for pid in desk.processes() if pid != run.process.pid))
        run.process.kill()
        for end in ends:
            # The test's time limit ends a wait in vain.
            select.select([end], [], [])
            os.close(end)
    assert len(lanes) == 2


def ends_of(pids: Iterable[int]) -> Iterator[int]:
    """A file descriptor for each that still runs, readable once it has ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            yield os.pidfd_open(pid)


def parent_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    return int(stat.rpartition(")")[2].split()[1])


def test_trouble_that_all_devices_have_is_told_once(desk: Desk) -> None:
    text = (ROOT / "targets" / "boards" / "microbit-v1-virtual.toml").read_text("utf-8")
    board = desk.directory / "wrong.toml"
    board.write_text(text.replace('"Cortex-M0"', '"Cortex-M4"'), "utf-8")
    done = desk.run("certify", "--board", str(board), "--devices", "2", "--out", "report")
    assert done.code == 3, done.out
    assert (done.out + done.err).count("the target is a Cortex-M0") == 1


@pytest.mark.parametrize(
    ("name", "wanted", "own_broker", "told"),
    [
        ("reference", 0, True, "one device is needed at least"),
        ("microbit-v1", 2, True, "is one device on the bench"),
        ("reference", 2, False, "cannot share the broker"),
    ],
)
def test_wishes_that_cannot_be_fulfilled(
    name: str, wanted: int, own_broker: bool, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        devices_of(load_board(name), wanted, own_broker=own_broker)


@pytest.mark.parametrize(
    ("name", "own_broker", "devices"),
    [("microbit-v1", True, 1), ("reference", False, 1)],
)
def test_one_device_unless_there_can_be_more(name: str, own_broker: bool, devices: int) -> None:
    board: Board = load_board(name)
    assert devices_of(board, None, own_broker=own_broker) == devices


@pytest.mark.parametrize(("name", "per_core"), [("reference", 2), ("microbit-v1-virtual", 1)])
def test_as_many_as_the_cores_carry(name: str, per_core: int) -> None:
    cores = len(os.sched_getaffinity(0))
    assert devices_of(load_board(name), None, own_broker=True) == min(per_core * cores, 8)
