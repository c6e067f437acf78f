"""pyOCD as it is, on the virtual board: run control, registers, memory, flash, RTT."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import pytest
from pyocd.core import exceptions
from pyocd.core.target import Target
from pyocd.debug.rtt import RTTControlBlock
from pyocd.flash.file_programmer import FileProgrammer

from targets.virtual.board import VirtualBoard
from tests.targets.virtual.machine_code import (
    CODE,
    COUNTER,
    COUNTING,
    COUNTING_ADD,
    COUNTING_STORE,
    DOUBLE_FAULT,
    RTT_BLOCK,
    STACK,
    program,
    saying,
)

RADIO_FREQUENCY = 0x4000_1508
TIMER0_CC0 = 0x4000_8540


def flash(session: Any, content: bytes, folder: Path) -> None:
    path = folder / "program.bin"
    path.write_bytes(content)
    FileProgrammer(session, chip_erase="sector").program(str(path), base_address=0)


@pytest.fixture
def counting(session: Any, tmp_path: Path) -> Any:
    """The target, halted before the first instruction of the counting program."""
    flash(session, COUNTING, tmp_path)
    session.target.reset_and_halt()
    return session.target


def test_it_is_a_cortex_m0_with_breakpoints_and_watchpoints(session: Any) -> None:
    core = session.target.selected_core
    assert core.name == "Cortex-M0"
    assert core.fpb.available_breakpoints == 4
    assert core.dwt.watchpoint_count == 2


def test_the_flash_algorithm_of_pyocd_programs_200_kib(session: Any, tmp_path: Path) -> None:
    content = random.Random(7).randbytes(200 * 1024)
    flash(session, content, tmp_path)
    assert bytes(session.target.read_memory_block8(0, len(content))) == content


def test_chip_erase_leaves_ones(session: Any, tmp_path: Path) -> None:
    flash(session, COUNTING, tmp_path)
    session.target.mass_erase()
    assert set(session.target.read_memory_block8(0, 4096)) == {0xFF}


def test_reset_and_halt_stops_before_the_first_instruction(counting: Any) -> None:
    assert counting.get_state() is Target.State.HALTED
    assert counting.read_core_register("pc") == CODE
    assert counting.read_core_register("sp") == STACK
    assert counting.read_core_register("msp") == STACK
    assert counting.read_core_register("primask") == 0
    assert counting.read_core_register("control") == 0


def test_registers_are_written(counting: Any) -> None:
    for name, value in {"r7": 0x1234_5678, "r12": 7, "psp": 0x2000_1000, "primask": 1}.items():
        counting.write_core_register(name, value)
        assert counting.read_core_register(name) == value
    assert counting.read_core_register("pc") == CODE


def test_it_steps_one_instruction(counting: Any) -> None:
    counting.step()
    assert counting.read_core_register("pc") == CODE + 2
    assert counting.read_core_register("r1") == COUNTER
    assert counting.get_halt_reason() is Target.HaltReason.DEBUG


def test_memory_is_read_while_the_core_runs(counting: Any) -> None:
    counting.resume()
    first = counting.read32(COUNTER)
    # A moment between two accesses may be too short for a single instruction.
    assert any(counting.read32(COUNTER) > first for _ in range(10_000))
    assert counting.get_state() is Target.State.RUNNING


def test_halted_it_stands_still(counting: Any) -> None:
    counting.resume()
    counting.halt()
    assert counting.get_state() is Target.State.HALTED
    assert counting.read32(COUNTER) == counting.read32(COUNTER)


def wait_until_halted(target: Any) -> None:
    for _ in range(100_000):
        if target.get_state() is Target.State.HALTED:
            return
    pytest.fail("the core does not halt")


def test_a_breakpoint_halts_each_time_round(counting: Any) -> None:
    counting.set_breakpoint(COUNTING_ADD, Target.BreakpointType.HW)
    for count in range(3):
        counting.resume()
        wait_until_halted(counting)
        assert counting.get_halt_reason() is Target.HaltReason.BREAKPOINT
        assert counting.read_core_register("pc") == COUNTING_ADD
        assert counting.read32(COUNTER) == count
    counting.remove_breakpoint(COUNTING_ADD)
    counting.resume()
    assert counting.get_state() is Target.State.RUNNING


def test_a_breakpoint_in_ram_is_a_planted_instruction(counting: Any) -> None:
    code = COUNTER + 0x100
    counting.write_memory_block8(code, COUNTING[CODE:])
    counting.write_core_register("pc", code)
    counting.set_breakpoint(code + 6, Target.BreakpointType.SW)
    counting.resume()
    wait_until_halted(counting)
    assert counting.read_core_register("pc") == code + 6


def test_a_watchpoint_halts_after_each_write(counting: Any) -> None:
    counting.set_watchpoint(COUNTER, 4, Target.WatchpointType.WRITE)
    for count in range(3):
        counting.resume()
        wait_until_halted(counting)
        assert counting.get_halt_reason() is Target.HaltReason.WATCHPOINT
        assert counting.read_core_register("pc") == COUNTING_STORE + 2
        assert counting.read32(COUNTER) == counting.read_core_register("r0") == count
    counting.remove_watchpoint(COUNTER, 4, Target.WatchpointType.WRITE)
    counting.resume()
    assert counting.get_state() is Target.State.RUNNING


def test_a_register_of_a_peripheral_is_written(counting: Any) -> None:
    before = counting.read_core_register("r0")
    counting.write32(TIMER0_CC0, 0x1234)
    assert counting.read32(TIMER0_CC0) == 0x1234
    assert counting.read_core_register("r0") == before
    assert counting.read_core_register("pc") == CODE


def test_no_memory_is_a_transfer_fault(session: Any) -> None:
    with pytest.raises(exceptions.TransferFaultError):
        session.target.read_memory_block8(0x7000_0000, 4)
    assert session.target.get_state() is Target.State.HALTED


def test_rtt_delivers_what_the_firmware_says(session: Any, tmp_path: Path) -> None:
    flash(session, saying(b"boot: hello\n"), tmp_path)
    session.target.reset()
    block = RTTControlBlock.from_target(session.target, RTT_BLOCK, 0)
    block.start()
    assert block.up_channels[0].read() == b"boot: hello\n"
    assert block.up_channels[0].read() == b""
    assert block.down_channels[0].write(b"check\n") == 6


def test_a_core_that_locks_up_says_so_and_is_reset(
    board: VirtualBoard, session: Any, tmp_path: Path
) -> None:
    flash(session, DOUBLE_FAULT, tmp_path)
    session.target.set_vector_catch(Target.VectorCatch.NONE)
    with contextlib.suppress(exceptions.TransferError):
        session.target.reset()
    for _ in range(1000):
        if session.target.get_state() is Target.State.LOCKUP:
            break
    assert session.target.get_state() is Target.State.LOCKUP
    flash(session, COUNTING, tmp_path)
    session.target.reset()
    assert session.target.get_state() is Target.State.RUNNING


def test_an_erased_chip_locks_up_and_keeps_its_memory(session: Any) -> None:
    session.target.set_vector_catch(Target.VectorCatch.NONE)
    session.target.reset()
    for _ in range(1000):
        if session.target.get_state() is Target.State.LOCKUP:
            break
    assert session.target.get_state() is Target.State.LOCKUP
    assert set(session.target.read_memory_block8(0, 64)) == {0xFF}


def test_a_hard_fault_is_caught_if_asked_for(session: Any, tmp_path: Path) -> None:
    handler = CODE + 2
    flash(session, program(b"\x00\xde" + b"\xfe\xe7", hard_fault=handler), tmp_path)
    session.target.set_vector_catch(Target.VectorCatch.HARD_FAULT)
    session.target.reset_and_halt()
    session.target.resume()
    wait_until_halted(session.target)
    assert session.target.get_halt_reason() is Target.HaltReason.VECTOR_CATCH
    assert session.target.read_core_register("pc") == handler
