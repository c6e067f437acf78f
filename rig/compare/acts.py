"""What a device does in a scenario, in words that are the same for the same act of any device.

Left out is what two right devices may do differently, or one device from run to run: network
connections, acknowledgements and keep-alive, when it unsubscribes, client tokens, HTTP headers.
Names of jobs and streams become their numbers in the order in which they come up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rig.judge.story import seen as s
from rig.judge.story.story import Story
from rig.trace import Trace

RESERVED = re.compile(r"\$aws/things/[^/]+/(?P<rest>.*)", re.DOTALL)
NAMED = re.compile(r"(jobs|streams)/(?P<name>[^/$][^/]*)/(?=.)")
WORDS_OF_JOBS = frozenset({"notify", "notify-next", "get"})
TOKENS = frozenset({"clientToken", "timestamp"})


@dataclass(frozen=True)
class Act:
    """One act; `line` is that of its event in the trace, `t` its time there in seconds."""

    line: int
    t: float
    text: str


def acts_of(trace: Trace) -> list[Act]:
    """What the device did, in order."""
    teller = _Teller()
    told = ((seen, teller.tell(seen)) for seen in Story(trace).ordered)
    return [Act(seen.line, seen.t, text) for seen, text in told if text is not None]


@dataclass
class _Teller:
    """Remembers which jobs and streams have come up."""

    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def tell(self, seen: s.Seen) -> str | None:
        """The act, None for what is none of the device's or does not count."""
        tell = _WORDS.get(type(seen))
        return None if tell is None else tell(self, seen)

    def connected(self, _: s.Connected) -> str:
        return "connects"

    def subscribed(self, seen: s.Subscribed) -> str:
        filters = sorted(f"{self._topic(name)} (QoS {qos})" for name, qos in seen.filters)
        return f"subscribes to {', '.join(filters)}"

    def asked_for_job(self, seen: s.JobRequested) -> str:
        return f"asks for its next job{_way(seen)}"

    def reported(self, seen: s.Reported) -> str:
        return f"reports {self._name('job', seen.job_id)}: {_body(seen.payload)}{_way(seen)}"

    def asked_for_blocks(self, seen: s.BlocksRequested) -> str:
        request, stream = seen.request, self._name("stream", seen.stream)
        if request.defect is not None:
            return f"asks for blocks of {stream} in a way that is none: {request.defect}"
        return (
            f"asks for {request.count} blocks of {stream}, file {request.file_id}: "
            f"{_ranges(request.wanted)} of {request.block_size} bytes{_way(seen)}"
        )

    def published(self, seen: s.Published) -> str:
        return f"publishes to {self._topic(seen.topic)}: {_body(seen.payload)}{_way(seen)}"

    def asked_by_http(self, seen: s.HttpAsked) -> str:
        return f"asks by HTTP: {seen.method}, {seen.range_text or 'no range'}"

    def booted(self, seen: s.Booted) -> str:
        return f"boots {seen.version} in slot {seen.slot}, {seen.state}"

    def _topic(self, name: str) -> str:
        found = RESERVED.fullmatch(name)
        if found is None:
            return name
        return NAMED.sub(self._named, found["rest"])

    def _named(self, found: re.Match[str]) -> str:
        kind, name = found[1], found["name"]
        if kind == "jobs" and name in WORDS_OF_JOBS:
            return found[0]
        return f"{kind}/{self._name(kind.removesuffix('s'), name)}/"

    def _name(self, kind: str, name: str) -> str:
        known = sum(1 for other, _ in self._numbers if other == kind)
        return f"{kind} {self._numbers.setdefault((kind, name), known + 1)}"


_WORDS: dict[type[s.Seen], Callable[[_Teller, Any], str]] = {
    s.Connected: _Teller.connected,
    s.Subscribed: _Teller.subscribed,
    s.JobRequested: _Teller.asked_for_job,
    s.Reported: _Teller.reported,
    s.BlocksRequested: _Teller.asked_for_blocks,
    s.Published: _Teller.published,
    s.HttpAsked: _Teller.asked_by_http,
    s.Booted: _Teller.booted,
}


def _way(seen: s.Published) -> str:
    """How it was published, where that is not usual."""
    unusual = [f"QoS {seen.qos}"] if seen.qos > 1 else []
    unusual += ["retained"] if seen.retain else []
    unusual += ["again"] if seen.dup else []
    return f" ({', '.join(unusual)})" if unusual else ""


def _body(payload: bytes) -> str:
    """A JSON object with its keys in order and without tokens; else the bytes."""
    try:
        content: object = json.loads(payload)
    except (ValueError, RecursionError):
        return repr(payload)
    if isinstance(content, dict):
        content = {key: value for key, value in content.items() if key not in TOKENS}
    return json.dumps(content, sort_keys=True)


def _ranges(bitmap: int) -> str:
    """Block numbers as text: `0-7, 9`."""
    found: list[str] = []
    index = 0
    while bitmap >> index:
        if not bitmap >> index & 1:
            index += 1
            continue
        first = index
        while bitmap >> index & 1:
            index += 1
        found.append(str(first) if index == first + 1 else f"{first}-{index - 1}")
    return ", ".join(found) or "none"
