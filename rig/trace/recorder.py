"""The recorder: every channel writes into it, scenarios wait on it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rig.interruption import interruption
from rig.trace.event import Event, Header

Predicate = Callable[[Event], bool]

_EVENTS_SHOWN = 5


RATION = 512 << 20
"""Bytes, about, that one source may put into a trace: an update of 4 MiB in the smallest blocks
takes a tenth of it, a device that floods takes it in a minute."""
LOOK_EVERY_S = 1.0
"""How often a waiter looks after the bench."""


class TraceTimeout(TimeoutError):  # noqa: N818 - it says what it is
    """The event that somebody waited for did not come in time."""


@dataclass
class _Waiter:
    """Somebody who sleeps until an event satisfies the predicate, or the predicate fails."""

    predicate: Predicate
    woken: threading.Event = field(default_factory=threading.Event)
    event: Event | None = None
    error: Exception | None = None

    def offer(self, event: Event) -> bool:
        """Show the waiter one more event; True when it needs no further ones."""
        try:
            if not self.predicate(event):
                return False
            self.event = event
        except Exception as error:
            self.error = error
        self.woken.set()
        return True


class Recorder:
    """One trace in the making. Any thread may record, wait, and read.

    `monotonic` gives seconds; the first event happens at `t` = 0.
    """

    def __init__(
        self,
        header: Header,
        monotonic: Callable[[], float] = time.monotonic,
        ration: int = RATION,
    ) -> None:
        self.header = header
        self._monotonic = monotonic
        self._ration = ration
        self._spent: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._events: list[Event] = []
        self._waiters: list[_Waiter] = []
        self._begin: float | None = None

    @property
    def events(self) -> tuple[Event, ...]:
        """All events so far."""
        with self._lock:
            return tuple(self._events)

    def spend(self, source: str, size: int) -> bool:
        """Put `size` bytes, about, on the account of `source`; False once its ration is spent.

        Who records for a device asks here first, so that no device fills the memory.
        """
        with self._lock:
            before = self._spent[source]
            self._spent[source] = before + size
            if before <= self._ration < before + size:
                self.record("rig", "NOTE", text=f"the part of {source} in the trace is full")
            return before + size <= self._ration

    def record(
        self,
        channel: str,
        kind: str,
        *,
        dir: str | None = None,
        conn: int | None = None,
        boot: int | None = None,
        **data: Any,
    ) -> Event:
        """Append an event that happens now; `data` are its further keys, as JSON values."""
        with self._lock:
            now = self._monotonic()
            if self._begin is None:
                self._begin = now
            # Reading the clock inside the lock keeps `t` from decreasing between threads.
            event = Event(now - self._begin, channel, kind, dir, conn, boot, data)
            self._events.append(event)
            # Waiters are asked here, not woken to look for themselves: waking a thread for each
            # of hundreds of packets would cost more than the packets.
            if self._waiters:
                self._waiters = [waiter for waiter in self._waiters if not waiter.offer(event)]
            return event

    def wait(
        self,
        predicate: Predicate,
        timeout: float,
        since: int = 0,
        what: str | None = None,
        look_after: Callable[[], object] | None = None,
    ) -> Event:
        """The first event from position `since` on that satisfies, waiting at most `timeout` s.

        The predicate sees each event once and in order, also those still to come, and may run in
        the thread that records. `look_after` is called every second meanwhile; what it raises
        ends the wait. Raises `TraceTimeout`, or whatever the predicate raises.
        """
        waiter = _Waiter(predicate)
        with self._lock:
            if not any(waiter.offer(event) for event in self._events[since:]):
                self._waiters.append(waiter)
        try:
            with interruption.allowed():
                _sleep(waiter.woken, timeout, look_after)
        finally:
            with self._lock:
                # It may have been satisfied between the timeout and the lock.
                if not waiter.woken.is_set():
                    self._waiters.remove(waiter)
        if waiter.error is not None:
            raise waiter.error
        if waiter.event is None:
            raise TraceTimeout(self._timeout_text(what or _name(predicate), timeout, since))
        return waiter.event

    def save(self, path: Path) -> None:
        """Write the trace file: the header, then one event a line."""
        with path.open("w", encoding="utf-8") as file:
            file.write(f"{self.header.to_json()}\n")
            file.writelines(f"{event.to_json()}\n" for event in self.events)

    def _timeout_text(self, what: str, timeout: float, since: int) -> str:
        events = self.events
        seen = events[since:]
        last = "; ".join(event.brief() for event in seen[-_EVENTS_SHOWN:]) or "none"
        return (
            f"no event was {what} within {timeout:g} s "
            f"({len(seen)} events seen since event {since}, the last: {last})"
        )


def _sleep(woken: threading.Event, timeout: float, look_after: Callable[[], object] | None) -> None:
    """Until woken, at most `timeout` seconds."""
    left = timeout
    while look_after is not None and left > LOOK_EVERY_S:
        if woken.wait(LOOK_EVERY_S):
            return
        left -= LOOK_EVERY_S
        look_after()
    woken.wait(left)


class RecorderSwitch:
    """A recorder that stands for the current one, so that a gateway outlives a scenario."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self._recorder = recorder

    def use(self, recorder: Recorder | None) -> None:
        """Record into this recorder from now on; None drops what happens between scenarios."""
        self._recorder = recorder

    @property
    def is_on(self) -> bool:
        """Whether what is recorded now is kept; else nobody needs to make it up."""
        return self._recorder is not None

    def spend(self, source: str, size: int) -> bool:
        """See `Recorder.spend`; without a recorder nothing is spent."""
        recorder = self._recorder
        return recorder is None or recorder.spend(source, size)

    def record(
        self,
        channel: str,
        kind: str,
        *,
        dir: str | None = None,
        conn: int | None = None,
        boot: int | None = None,
        **data: Any,
    ) -> Event | None:
        """Record into the current recorder; None when there is none."""
        recorder = self._recorder
        if recorder is None:
            return None
        return recorder.record(channel, kind, dir=dir, conn=conn, boot=boot, **data)


def _name(predicate: Predicate) -> str:
    name = getattr(predicate, "__qualname__", type(predicate).__qualname__)
    return f"as {name} wants it"
