"""The boot record and the boot decision.

A power cut at any flash operation leaves the state that was or the one that was to be.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from tests.targets.firmware.host_chip import NEVER, RECORDS, RECORDS_SIZE, Chip

PER_PAGE = 1024 // 24
NONE, ARMED, STARTED, REJECTED = range(4)
SLOT_A, SLOT_B = 0, 1
NO_ROLLBACK, COMMIT_FIRST = 2, 4
TORN_PATTERNS = (0x00000000, 0xFFFFFFFF, 0x0F0F3355, 0xFFFF0000)


@pytest.fixture
def chip(host: ctypes.CDLL) -> Iterator[Chip]:
    chip = Chip(host)
    chip.cut_after(NEVER)
    chip.erase()
    yield chip
    chip.cut_after(NEVER)


def test_factory(chip: Chip) -> None:
    assert chip.load() == (SLOT_A, NONE, 0, 0)


def test_newest_counts_over_many_pages(chip: Chip) -> None:
    for number in range(3 * PER_PAGE + 5):
        assert chip.save(number % 2, ARMED, number)
        assert chip.load() == (number % 2, ARMED, number, number * 7)


@pytest.mark.parametrize("torn", TORN_PATTERNS)
@pytest.mark.parametrize("before", [0, 1, PER_PAGE - 1, PER_PAGE, 2 * PER_PAGE, 2 * PER_PAGE + 1])
def test_cut_at_any_operation(chip: Chip, before: int, torn: int) -> None:
    """Whatever was stored before, the cut leaves the old or the new state, and the next change
    works."""
    for operations in range(1, 20):
        chip.erase()
        for number in range(before):
            chip.save(SLOT_A, ARMED, number + 1)
        old = chip.load()
        chip.cut_after(operations, torn)
        chip.save(SLOT_B, STARTED, 999)
        finished = not chip.was_cut
        chip.cut_after(NEVER)
        new = (SLOT_B, STARTED, 999, 999 * 7)
        assert chip.load() in ((new,) if finished else (old, new))
        assert chip.save(SLOT_B, NONE, 5)
        assert chip.load() == (SLOT_B, NONE, 5, 35)
        if finished:
            return
    pytest.fail("the cut was never behind the last operation")


def test_foreign_bytes_are_no_record(chip: Chip) -> None:
    ctypes.memset(ctypes.addressof(chip.flash) + RECORDS, 0x5A, RECORDS_SIZE)
    assert chip.load() == (SLOT_A, NONE, 0, 0)
    assert chip.save(SLOT_B, NONE)
    assert chip.load() == (SLOT_B, NONE, 0, 0)


def test_trial_is_started_once(chip: Chip) -> None:
    plan = chip.plan(SLOT_A, ARMED)
    assert (plan.slot, plan.trial, plan.store, plan.rolled_back) == (SLOT_B, True, True, False)
    assert plan.state.tuple()[:2] == (SLOT_A, STARTED)
    again = chip.plan(SLOT_A, STARTED)
    assert (again.slot, again.trial, again.store, again.rolled_back) == (SLOT_A, False, True, True)
    assert again.state.tuple() == (SLOT_A, NONE, 0, 0)


@pytest.mark.parametrize(("phase", "intact"), [(STARTED, True), (REJECTED, True), (ARMED, False)])
def test_trial_that_is_over(chip: Chip, phase: int, intact: bool) -> None:
    plan = chip.plan(SLOT_B, phase, intact)
    assert (plan.slot, plan.trial, plan.rolled_back) == (SLOT_B, False, True)
    assert plan.state.tuple() == (SLOT_B, NONE, 0, 0)


def test_confirmed_image(chip: Chip) -> None:
    plan = chip.plan(SLOT_B, NONE)
    assert (plan.slot, plan.trial, plan.store, plan.rolled_back) == (SLOT_B, False, False, False)


def test_deliberate_faults(chip: Chip) -> None:
    kept = chip.plan(SLOT_A, STARTED, faults=NO_ROLLBACK)
    assert (kept.slot, kept.rolled_back, kept.state.active) == (SLOT_B, False, SLOT_B)
    committed = chip.plan(SLOT_A, ARMED, faults=COMMIT_FIRST)
    assert (committed.slot, committed.trial) == (SLOT_B, True)
    assert committed.state.tuple()[:2] == (SLOT_B, NONE)
