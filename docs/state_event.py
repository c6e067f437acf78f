"""The tables of `state-event.md`, from the one that the scenarios run on."""

from __future__ import annotations

from agent.protocol.states import State
from conformance.state_event_table import ENDINGS, PASSED, STATES, Ending, Event, Hold


def held_states() -> str:
    """Every state of the agent: what holds it there, or why nothing can."""
    lines = ["| state | row | held by |", "|---|---|---|"]
    for state in State:
        if state is State.ALL:
            continue
        for hold, held in STATES.items():
            if held is state:
                lines.append(f"| {state.text} | `{word(hold)}` | {hold.value} |")
        if state in PASSED:
            lines.append(f"| {state.text} | none | cannot be held: {PASSED[state]} |")
    return "\n".join(lines)


def state_events() -> str:
    lines = ["| column | what happens |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{word(event)}` | {event.value} |" for event in Event)])


def state_event_cells() -> str:
    """The grid, what its words mean, and the cells that nothing can reach."""
    lines = ["| | " + " | ".join(f"`{word(event)}`" for event in Event) + " |"]
    lines.append("|---" * (1 + len(Event)) + "|")
    reasons: dict[str, list[str]] = {}
    for hold in Hold:
        shown = []
        for event in Event:
            ending = ENDINGS[hold][event]
            if isinstance(ending, Ending):
                shown.append(word(ending))
            else:
                shown.append("n/a")
                reasons.setdefault(ending, []).append(f"`{word(hold)}-{word(event)}`")
        lines.append(f"| `{word(hold)}` | " + " | ".join(shown) + " |")
    lines += ["", "| ending | what it means |", "|---|---|"]
    lines += [f"| {word(ending)} | {ending.value} |" for ending in Ending]
    lines += ["", "| cannot be reached | because |", "|---|---|"]
    lines += [f"| {', '.join(cells)} | {reason} |" for reason, cells in reasons.items()]
    return "\n".join(lines)


def word(member: Hold | Event | Ending) -> str:
    return member.name.lower().replace("_", "-")
