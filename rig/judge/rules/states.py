"""The agent's states as the device's memory shows them (OTA-STA)."""

from __future__ import annotations

from itertools import pairwise

from agent.protocol.states import State
from agent.protocol.transitions import TRANSITIONS
from rig.judge.rule import Findings, Rule, broken, kept
from rig.judge.story import Story
from rig.judge.story import seen as s

Move = tuple[State, State]

MOVES: frozenset[Move] = frozenset(
    (row.state, row.next_state) for row in TRANSITIONS if row.state is not State.ALL
) | {(State.INIT, State.READY), (State.SHUTTING_DOWN, State.STOPPED)}
"""What a row for just that state allows, and the two moves that no event makes."""

STARTS = frozenset({State.INIT, State.STOPPED})
"""What start-up code or initialisation leaves, whatever stood there before."""

ALWAYS = STARTS | {State.SUSPENDED, State.SHUTTING_DOWN}
"""Where the rows for any state lead to, and where a start leads to."""


def moves_along_the_table(story: Story) -> Findings:
    """Each change is a row of the table, or a start; an abort must have been asked for."""
    for before, after in pairwise(story.all(s.StateRead)):
        if after.state is None:
            yield broken(f"the agent's state became {after.value}, which is none", before, after)
        elif after.state in ALWAYS or before.state is None:
            yield kept(f"the agent's state became {after.state.text}", before, after)
        elif (before.state, after.state) in MOVES:
            yield kept(f"{_words(before.state, after.state)} as in the table", before, after)
        elif after.state is State.WAITING_FOR_JOB and _abort_before(story, after):
            yield kept(f"{_words(before.state, after.state)} by the abort", before, after)
        else:
            yield broken(
                f"{_words(before.state, after.state)} is no row of the table", before, after
            )


def _words(before: State, after: State) -> str:
    return f"{before.text} -> {after.text}"


def _abort_before(story: Story, after: s.StateRead) -> bool:
    """Whether the application was told to abort in this run, before the state changed."""
    commands = story.in_run(s.Commanded, story.run_of(after))
    return any(command.name == "abort" and command.line < after.line for command in commands)


RULES = (
    Rule(
        "OTA-STA-001",
        moves_along_the_table,
        "the agent's state: no probe followed it (docs/state-witness.md)",
    ),
)
