"""What goes wrong on a bench: one clear line, nothing left behind, and the next run works."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
from pathlib import Path

import pytest

from rig.errors import BenchError
from targets.board import Board, load_board
from targets.chip_driver import ChipDriver
from targets.probe_session import ProbeSession, choose_probe
from targets.virtual.bus import BUS
from tests.targets.drivers.conftest import DriverBench, MakeBench, changed
from tests.targets.virtual.machine_code import COUNTING, DOUBLE_FAULT


def emulator_of(bench: DriverBench) -> int:
    """The process of the bench's virtual board."""
    assert isinstance(bench.driver, ChipDriver)
    board = BUS.board(bench.board.pyocd.probe.rpartition(":")[2])
    assert board is not None
    assert board.emulator_pid is not None
    return board.emulator_pid


def kill_emulator_of(bench: DriverBench) -> None:
    """Returns when it is dead, which is later than when it was told to die."""
    process = os.pidfd_open(emulator_of(bench))
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
        # Readable once it has ended, whoever collects it: the board may, from its own thread.
        select.select([process], [], [])
    finally:
        os.close(process)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def start(bench: DriverBench) -> None:
    bench.driver.provision(bench.image(1), bench.connection)
    mark = bench.mark
    bench.driver.power_on()
    bench.boot(mark)


def threads_of_benches() -> set[int | None]:
    """All but the one that starts processes, which lasts as long as the process."""
    return {
        thread.ident
        for thread in threading.enumerate()
        if not thread.name.startswith("process-starter")
    }


def works(make_bench: MakeBench, board: Board) -> None:
    """The next run on the same machine is a good one."""
    bench = make_bench(board)
    start(bench)
    assert bench.driver.is_running()
    bench.driver.close()


def test_emulator_missing(
    make_bench: MakeBench, virtual_board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(virtual_board)
    image = bench.image(1)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match=r"qemu-system-arm is missing.*install") as caught:
        bench.driver.provision(image, bench.connection)
    assert "\n" not in str(caught.value)
    bench.driver.close()
    monkeypatch.undo()
    works(make_bench, virtual_board)


@pytest.mark.parametrize("call", ["is_running", "read_slots", "reset"])
def test_probe_gone_in_mid_run(
    make_bench: MakeBench, virtual_board: Board, virtual: DriverBench, call: str
) -> None:
    threads = threads_of_benches()
    start(virtual)
    kill_emulator_of(virtual)
    with pytest.raises(
        BenchError, match=r"'microbit-v1-virtual': .* failed: .*ended unexpectedly: it was killed"
    ):
        getattr(virtual.driver, call)()
    virtual.driver.close()
    assert threads_of_benches() == threads
    works(make_bench, virtual_board)


def test_a_probe_that_is_gone_is_no_device_that_is_silent(virtual: DriverBench) -> None:
    start(virtual)
    kill_emulator_of(virtual)
    with pytest.raises(BenchError):
        virtual.driver.command("check")


def test_target_type_that_pyocd_does_not_know(make_bench: MakeBench, virtual_board: Board) -> None:
    bench = make_bench(changed(virtual_board, "pyocd", target="no-such-chip"))
    with pytest.raises(
        BenchError, match=r"'microbit-v1-virtual': connecting failed: .*no.such.chip"
    ):
        bench.driver.provision(bench.image(1), bench.connection)
    bench.driver.close()
    works(make_bench, virtual_board)


def test_another_core_than_the_board_file_says(make_bench: MakeBench, virtual_board: Board) -> None:
    bench = make_bench(changed(virtual_board, "pyocd", core="Cortex-M4"))
    with pytest.raises(BenchError, match="target is a Cortex-M0, the board file says Cortex-M4"):
        bench.driver.provision(bench.image(1), bench.connection)
    bench.driver.close()
    works(make_bench, virtual_board)


def test_target_type_of_another_chip(make_bench: MakeBench, virtual_board: Board) -> None:
    bench = make_bench(changed(virtual_board, "pyocd", target="stm32f051"))
    with pytest.raises(BenchError, match=r"'microbit-v1-virtual': .* failed: ") as caught:
        bench.driver.provision(bench.image(1), bench.connection)
    assert "\n" not in str(caught.value)
    bench.driver.close()
    works(make_bench, virtual_board)


def test_console_port_busy_or_gone(make_bench: MakeBench, virtual_board: Board) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"socket://127.0.0.1:{taken.getsockname()[1]}"
    bench = make_bench(changed(virtual_board, "console", kind="serial", url=url))
    bench.driver.provision(bench.image(1), bench.connection)
    pid = emulator_of(bench)
    with pytest.raises(BenchError, match=r"the port socket://.* cannot be opened \(console.url\)"):
        bench.driver.power_on()
    assert not is_alive(pid)
    bench.driver.close()
    works(make_bench, virtual_board)


def test_a_board_is_for_one_run_at_a_time(
    make_bench: MakeBench, virtual_board: Board, virtual: DriverBench
) -> None:
    with pytest.raises(BenchError, match="'microbit-v1' is plugged in already"):
        make_bench(virtual_board)
    start(virtual)
    assert virtual.driver.is_running()


def test_flash_that_does_not_take_what_is_written(
    make_bench: MakeBench, virtual_board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(virtual_board)
    monkeypatch.setattr(ProbeSession, "program", lambda session, changes: None)
    with pytest.raises(
        BenchError, match="flash differs from what was written, first in the sector"
    ):
        bench.driver.provision(bench.image(1), bench.connection)
    bench.driver.close()
    monkeypatch.undo()
    works(make_bench, virtual_board)


def test_a_silent_board_shows_no_boot_marker(
    make_bench: MakeBench, virtual_board: Board, tmp_path: Path
) -> None:
    """Whoever waits finds that it runs, without a line and without a boot."""
    bench = make_bench(with_program(virtual_board, COUNTING, tmp_path))
    bench.driver.provision(bench.image(1), bench.connection)
    bench.driver.power_on()
    assert bench.driver.is_running()
    with pytest.raises(BenchError, match=r"did not answer|takes no commands"):
        bench.driver.command("check")
    assert bench.last_boot is None
    bench.driver.close()


def test_a_core_that_locks_up(make_bench: MakeBench, virtual_board: Board, tmp_path: Path) -> None:
    bench = make_bench(with_program(virtual_board, DOUBLE_FAULT, tmp_path))
    bench.driver.provision(bench.image(1), bench.connection)
    with pytest.raises(BenchError, match="lock"):
        until_it_fails(bench)
    bench.driver.close()
    works(make_bench, virtual_board)


def with_program(board: Board, program: bytes, folder: Path) -> Board:
    """The board with another program in the place of its boot loader."""
    file = folder / "program.bin"
    file.write_bytes(program)
    part = board.flash.parts[0].model_copy(update={"file": str(file)})
    return changed(board, "flash", parts=(part,))


def until_it_fails(bench: DriverBench) -> None:
    bench.driver.power_on()
    for _ in range(100_000):
        bench.driver.is_running()


def test_a_slot_that_is_too_small(make_bench: MakeBench, virtual_board: Board) -> None:
    first = virtual_board.flash.slots[0].model_copy(update={"size": 1024})
    bench = make_bench(changed(virtual_board, "flash", slots=(first,)))
    with pytest.raises(BenchError, match="slot A has room for 1024"):
        bench.driver.provision(bench.image(1), bench.connection)


def test_closed_it_leaves_no_process_thread_or_port(
    make_bench: MakeBench, virtual_board: Board
) -> None:
    threads = threads_of_benches()
    bench = make_bench(virtual_board)
    start(bench)
    pid = emulator_of(bench)
    bench.driver.close()
    assert not is_alive(pid)
    assert threads_of_benches() == threads
    assert BUS.board("microbit-v1") is None


class FakeProbe:
    """A probe of a list that nobody has plugged in."""

    description = "BBC micro:bit"

    def __init__(self, unique_id: str) -> None:
        self.unique_id = unique_id


class TestChoosingAProbe:
    def test_by_its_whole_id(self) -> None:
        probes = [FakeProbe("99000000"), FakeProbe("9900000012")]
        assert choose_probe("dut", "99000000", probes) is probes[0]

    @pytest.mark.parametrize("wanted", ["9900", "99000001", "990000001"])
    def test_never_by_a_part_of_it(self, wanted: str) -> None:
        with pytest.raises(BenchError, match=f"no probe '{wanted}'; found: 99000000 .BBC micro"):
            choose_probe("dut", wanted, [FakeProbe("99000000")])

    def test_without_an_id_the_only_one(self) -> None:
        probe = FakeProbe("99000000")
        assert choose_probe("dut", "", [probe]) is probe

    def test_without_an_id_several_are_not_clear(self) -> None:
        with pytest.raises(
            BenchError, match=r"not clear; found: 1 \(.*\), 2 \(.*\); .*pyocd.probe"
        ):
            choose_probe("dut", "", [FakeProbe("1"), FakeProbe("2")])

    def test_the_virtual_one_is_only_taken_by_name(self) -> None:
        from targets.virtual.probe import VirtualProbe

        virtual = VirtualProbe("microbit-v1")
        with pytest.raises(BenchError, match="not clear; found: none"):
            choose_probe("dut", "", [virtual])
        assert choose_probe("dut", "otarig:microbit-v1", [virtual]) is virtual


def test_the_reference_device_that_cannot_be_started(make_bench: MakeBench) -> None:
    board = changed(load_board("reference"), "process", command=("/no/such/program",))
    bench = make_bench(board)
    bench.driver.provision(bench.image(1), bench.connection)
    with pytest.raises(BenchError, match=r"cannot be started: /no/such/program: .*mend"):
        bench.driver.power_on()
