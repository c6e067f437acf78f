"""Faults that a scenario arms on the download server: the nth request from now fares badly."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class AnswerStatus:
    """Answer with this status and an S3 error, without looking at the request."""

    status: int


@dataclass(frozen=True)
class Truncate:
    """Announce the whole answer, send so many bytes of its body, and close the connection."""

    length: int


@dataclass(frozen=True)
class Close:
    """Close the connection instead of answering."""


@dataclass(frozen=True)
class NoAnswer:
    """Say nothing until the client gives up."""


@dataclass(frozen=True)
class WholeFile:
    """Answer 200 with the whole file, whatever range was asked for."""


@dataclass(frozen=True)
class Slow:
    """Wait so many seconds before the head of the answer, and again before its body."""

    seconds: float


HttpAction = AnswerStatus | Truncate | Close | NoAnswer | WholeFile | Slow


@dataclass(frozen=True)
class HttpFault:
    """Does `action` to the `nth` request after it was added and to the `count - 1` ones after it.

    `count` None means all of them until the faults are cleared.
    """

    nth: int
    action: HttpAction
    count: int | None = 1

    def __post_init__(self) -> None:
        if self.nth < 1:
            raise ValueError(f"requests are counted from 1, not {self.nth}")

    def hits(self, number: int) -> bool:
        """Whether it strikes the request with this number, counted from 1."""
        return number >= self.nth and (self.count is None or number < self.nth + self.count)


class HttpFaults:
    """The armed faults. Any thread may add; the server asks once for each request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[tuple[HttpFault, list[int]]] = []

    def add(self, fault: HttpFault) -> None:
        with self._lock:
            self._armed.append((fault, [0]))

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def strike(self) -> HttpFault | None:
        """Count a request; the first fault that hits it, if any."""
        struck = None
        with self._lock:
            for fault, seen in self._armed:
                seen[0] += 1
                if struck is None and fault.hits(seen[0]):
                    struck = fault
        return struck


def describe(action: HttpAction) -> str:
    """The action in words, for the trace."""
    match action:
        case AnswerStatus(status):
            return f"status {status}"
        case Truncate(length):
            return f"truncate {length}"
        case Close():
            return "close"
        case NoAnswer():
            return "no answer"
        case WholeFile():
            return "whole file"
        case Slow(seconds):
            return f"slow, twice {seconds:g} s"
