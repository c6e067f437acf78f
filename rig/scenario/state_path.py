"""Paths of the agent's state, written as a scenario tells them and held against what was read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from agent.protocol.states import state_of
from rig.trace import Event

UNKNOWN = "?"


class StatePath:
    """`Ready RequestingJob (WaitingForJob) Init`: a state in brackets may be missing.

    A device that resets may or may not have come that far.
    """

    def __init__(self, text: str) -> None:
        """Raises `ValueError` for what is no state."""
        self.text = text
        choices = []
        for word in text.split():
            name = word.strip("()")
            if state_of(name) is None:
                raise ValueError(f"{name!r} is no state of the agent")
            choices.append(((name,), ()) if word.startswith("(") else ((name,),))
        self._ways = [sum(parts, ()) for parts in product(*choices)]

    def is_taken_by(self, states: Sequence[str]) -> bool:
        """Whether these states, by name, are this path from start to end."""
        return tuple(states) in self._ways

    def is_left_by(self, states: Sequence[str]) -> bool:
        """Whether these states can be no beginning of this path."""
        return not any(way[: len(states)] == tuple(states) for way in self._ways)


def states_read(events: Sequence[Event]) -> list[str]:
    """The states that a probe read, by name, in their order."""
    return [
        event.data["state"] or UNKNOWN
        for event in events
        if (event.channel, event.kind) == ("probe", "STATE")
    ]
