"""The agent's states in a case: which were visited, and how they are drawn.

A probe that follows the state variable tells them best, then the console of a device that prints
`ota: state A -> B`; else they follow from what the device says on the wire. Nodes and edges are
those of the agent's transition table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from agent.protocol import topics
from agent.protocol.states import State, state_of
from agent.protocol.status import StatusError, parse_status
from agent.protocol.topics import ReservedApi, parse_reserved
from agent.protocol.transitions import TRANSITIONS
from rig.report.message_text import payload_of
from rig.trace import Event, Trace

_MOVE = re.compile(r"ota: state (\w{1,40}) -> (\w{1,40})")
Move = tuple[State, State]


@dataclass(frozen=True)
class Tour:
    """The moves of an agent in a case; `told` says that the device itself showed them."""

    moves: frozenset[Move]
    told: bool

    @property
    def visited(self) -> tuple[State, ...]:
        return tuple(sorted({state for move in self.moves for state in move}))


def tour(trace: Trace) -> Tour:
    """Where the agent went in a trace; no state is guessed that nothing shows."""
    told = frozenset(_read(trace)) or frozenset(_told(trace))
    return Tour(told, True) if told else Tour(frozenset(_inferred(trace)), False)


def _read(trace: Trace) -> Iterator[Move]:
    read = [e for e in trace.events if (e.channel, e.kind) == ("probe", "STATE")]
    states = [state_of(str(event.data.get("state"))) for event in read]
    for before, after in pairwise(states):
        # A start is no move: the state before was that of an agent that is gone.
        if before is not None and after is not None and after is not State.INIT:
            yield before, after


def _told(trace: Trace) -> Iterator[Move]:
    for event in trace.events:
        text = event.data.get("text")
        if event.channel != "console" or not isinstance(text, str):
            continue
        found = _MOVE.search(text)
        before, after = (state_of(found[1]), state_of(found[2])) if found else (None, None)
        if before is not None and after is not None:
            yield before, after


def _inferred(trace: Trace) -> Iterator[Move]:
    """The moves that must lie behind what the device sends (OTA spec §2.3, §2.4)."""
    for event in trace.events:
        if event.dir != "from_device":
            continue
        if event.channel == "http" and event.kind == "REQUEST":
            yield from _downloading()
        elif event.kind == "PUBLISH":
            yield from _behind_publish(event)


def _behind_publish(event: Event) -> Iterator[Move]:
    topic = event.data.get("topic")
    reserved = parse_reserved(topic) if isinstance(topic, str) else None
    if reserved is None:
        return
    if reserved.api is ReservedApi.DESCRIBE and reserved.job_id == topics.NEXT:
        yield State.REQUESTING_JOB, State.WAITING_FOR_JOB
    elif reserved.api is ReservedApi.STREAM_GET:
        yield from _downloading()
    elif reserved.api is ReservedApi.UPDATE and _in_self_test(payload_of(event)):
        yield State.WAITING_FOR_JOB, State.CREATING_FILE
        yield State.CREATING_FILE, State.WAITING_FOR_JOB


def _in_self_test(payload: bytes) -> bool:
    try:
        return parse_status(payload).details.get("self_test") == "active"
    except StatusError:
        return False


def _downloading() -> Iterator[Move]:
    yield State.WAITING_FOR_JOB, State.CREATING_FILE
    yield State.CREATING_FILE, State.REQUESTING_FILE_BLOCK
    yield State.REQUESTING_FILE_BLOCK, State.WAITING_FOR_FILE_BLOCK


# -- the drawing ---------------------------------------------------------------------------------

NODE_WIDTH, NODE_HEIGHT = 148, 30
WIDTH, HEIGHT = 408, 452
_LEFT, _RIGHT = 118, 308
POSITIONS: dict[State, tuple[int, int]] = {
    State.INIT: (_LEFT, 24),
    State.READY: (_LEFT, 92),
    State.REQUESTING_JOB: (_LEFT, 160),
    State.WAITING_FOR_JOB: (_LEFT, 228),
    State.CREATING_FILE: (_LEFT, 296),
    State.REQUESTING_FILE_BLOCK: (_LEFT, 364),
    State.WAITING_FOR_FILE_BLOCK: (_LEFT, 428),
    State.STOPPED: (_RIGHT, 24),
    State.SUSPENDED: (_RIGHT, 92),
    State.ALL: (_RIGHT, 160),
}
"""Centres of the nodes. States that no row of the table leads to or from are not drawn."""


@dataclass(frozen=True)
class Node:
    number: int
    text: str
    x: int
    y: int


@dataclass(frozen=True)
class Edge:
    """A move of the table, with the words of the events that make it."""

    number: int
    source: State
    target: State
    events: str
    path: str


def nodes() -> list[Node]:
    return [
        Node(state.value, "any state" if state is State.ALL else state.text, x, y)
        for state, (x, y) in POSITIONS.items()
    ]


def edges() -> list[Edge]:
    """One edge for each pair of different states in the table, and the one into Ready."""
    events: dict[Move, list[str]] = {(State.INIT, State.READY): ["the loop runs"]}
    for row in TRANSITIONS:
        if row.state is not row.next_state:
            events.setdefault((row.state, row.next_state), []).append(row.event.text)
    return [
        Edge(number, source, target, ", ".join(words), _path(source, target))
        for number, ((source, target), words) in enumerate(events.items())
    ]


# Arrow heads, drawn as the end of their line: down, up, to the right, to the left.
_DOWN, _UP, _RIGHTWARD, _LEFTWARD = (
    "m-4-5l4 5l4-5",
    "m-4 5l4-5l4 5",
    "m-5-4l5 4l-5 4",
    "m5-4l-5 4l5 4",
)


def _path(source: State, target: State) -> str:
    """The line from the border of one node to that of another, its arrow head included."""
    (x1, y1), (x2, y2) = POSITIONS[source], POSITIONS[target]
    half_w, half_h = NODE_WIDTH // 2, NODE_HEIGHT // 2
    if x1 != x2:
        side = 1 if x2 > x1 else -1
        head = _RIGHTWARD if side == 1 else _LEFTWARD
        out, into = x1 + side * half_w, x2 - side * half_w
        return f"M{out} {y1}C{out + side * 22} {y1} {into - side * 22} {y2} {into} {y2}{head}"
    if abs(y2 - y1) < 90:
        step = 1 if y2 > y1 else -1
        # Beside the middle, so that a way there and a way back are two lines.
        x = x1 - 24 * step
        return f"M{x} {y1 + step * half_h}V{y2 - step * half_h}{_DOWN if step == 1 else _UP}"
    # Past its neighbours: a bow on the outer side of the column.
    side = -1 if x1 == _LEFT else 1
    edge, bow = x1 + side * half_w, x1 + side * (half_w + abs(y2 - y1) // 8)
    head = _RIGHTWARD if side == -1 else _LEFTWARD
    return f"M{edge} {y1}C{bow} {y1} {bow} {y2} {edge} {y2}{head}"


def was_made(edge: Edge, tour_: Tour) -> bool:
    """Whether the tour made the move; one from any state by a move that the table has not else."""
    if edge.source is not State.ALL:
        return (edge.source, edge.target) in tour_.moves
    drawn = {(row.state, row.next_state) for row in TRANSITIONS}
    return any(target is edge.target and (a, target) not in drawn for a, target in tour_.moves)


def was_visited(node: Node, tour_: Tour) -> bool:
    return State(node.number) in tour_.visited
