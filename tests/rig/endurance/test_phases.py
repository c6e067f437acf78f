"""The phases of an update, from traces."""

from __future__ import annotations

import pytest

from rig.endurance.phases import BLOCK, PHASES, TOTAL, measures_of
from tests.rig.judge.tape import NEW, OLD, Tape, offer


def updated() -> Tape:
    """An update of three blocks in which every phase takes a time of its own."""
    tape = Tape()
    tape.flash()
    tape.start()
    tape.answer()
    tape.created(version=NEW)
    tape.wait(1)
    tape.news(offer())
    tape.subscribe_stream()
    tape.request([0, 1, 2])
    for index in range(3):
        tape.wait(2)
        tape.data(index)
    tape.wait(4)
    tape.ready()
    tape.close()
    tape.wait(8)
    tape.start(NEW, "pending_commit")
    tape.answer(offer(ready=OLD))
    tape.active()
    tape.wait(16)
    tape.succeeded()
    return tape


def test_phases_of_an_update() -> None:
    tape = updated()
    tape.add("rig", "MEMORY", rig=1000, stack=500)
    found = measures_of(tape.trace())
    assert found is not None
    assert list(found.seconds) == list(PHASES)
    expected = {"job": 1, "download": 6, BLOCK: 2, "verify": 4, "restart": 8, "self-test": 16}
    for name, seconds in expected.items():
        assert found.seconds[name] == pytest.approx(seconds, abs=0.5), name
    parts = sum(found.seconds[name] for name in expected if name != BLOCK)
    assert found.seconds[TOTAL] == pytest.approx(parts)
    assert found.memory == {"rig": 1000, "stack": 500}


def test_memory_that_is_no_number_is_none() -> None:
    tape = updated()
    tape.add("rig", "MEMORY", rig="much", stack=-1, heap=True)
    found = measures_of(tape.trace())
    assert found is not None
    assert found.memory == {}


def test_an_update_that_was_refused_has_no_phases() -> None:
    tape = Tape()
    tape.flash()
    tape.start()
    tape.answer()
    tape.created()
    tape.news(offer())
    tape.download()
    tape.failed("0x000000e3: 0x00000000")
    assert measures_of(tape.trace()) is None


def test_a_trace_without_an_update() -> None:
    assert measures_of(Tape().trace()) is None
