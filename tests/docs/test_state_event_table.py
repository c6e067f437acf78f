"""The state × event table forgets nothing: each cell is run, or says why it cannot be."""

from __future__ import annotations

import ast

from agent.protocol.states import State
from conformance.state_event_table import CELLS, ENDINGS, PASSED, STATES, Ending, Event, Hold
from docs.generate import ROOT


def test_every_state_is_held_or_says_why_not() -> None:
    assert set(STATES.values()) | set(PASSED) == set(State) - {State.ALL}
    assert set(STATES.values()) & set(PASSED) == set()
    assert set(STATES) == set(Hold)


def test_every_cell_is_run_or_says_why_not() -> None:
    assert {(cell.hold, cell.event) for cell in CELLS} == {(h, e) for h in Hold for e in Event}
    assert len(CELLS) == len(Hold) * len(Event)
    assert all((cell.ending is None) == bool(cell.reason) for cell in CELLS)
    assert all(set(row) == set(Event) for row in ENDINGS.values())


def test_every_hold_event_and_ending_is_acted_out() -> None:
    """Each word of the table stands in the scenario, which else would pass it over in silence."""
    source = (ROOT / "conformance" / "test_state_event.py").read_text("utf-8")
    named = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    in_download = {Hold.DOWNLOADING, Hold.LAST_BLOCK, Hold.SUSPENDED, Hold.STOPPED}
    words: list[Hold | Event | Ending] = [*Event, *Ending, *(set(Hold) - in_download)]
    assert {str(word) for word in words} - named == set()
