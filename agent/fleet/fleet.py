"""The loop of a fleet: one thread waits for all sockets and runs whichever device is ready."""

from __future__ import annotations

import contextlib
import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

MAX_CONNECTING = 32
"""Connections that may be on their way at once: the queue of a listener is short."""
SWEEP_S = 0.25
"""How often timers are looked at; the shortest is much longer."""


class Member(Protocol):
    """What the loop needs of a device. Its socket is another one after a reset."""

    @property
    def sock(self) -> Any:
        """The socket to wait for, if there is one."""

    @property
    def events(self) -> int:
        """The ``select.epoll`` events to wait for."""

    @property
    def online(self) -> bool:
        """Whether the broker has accepted it."""

    def attend(self) -> None:
        """What time brings: connecting, keep-alive, timers."""

    def ready(self, *, readable: bool, writable: bool) -> None:
        """The socket of the connection is ready."""

    def power_off(self) -> None:
        """Cut the connection."""


@dataclass
class _Watched:
    sock: object
    fd: int
    events: int


class Fleet:
    """Devices in one thread. ``monotonic`` gives seconds."""

    def __init__(
        self, members: Sequence[Member], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._members = members
        self._monotonic = monotonic
        self._epoll = select.epoll()
        self._by_fd: dict[int, Member] = {}
        self._watched: dict[Member, _Watched] = {}
        self._offline: deque[Member] = deque()
        self._connecting: set[Member] = set()
        self._next_sweep = 0.0

    def run(self, until: Callable[[], bool], patience_s: float) -> bool:
        """Run the devices until the condition, looked at every :data:`SWEEP_S`, holds.

        False if it does not within ``patience_s`` seconds.
        """
        limit = self._monotonic() + patience_s
        while True:
            now = self._monotonic()
            if now >= self._next_sweep:
                self._next_sweep = now + SWEEP_S
                self._sweep()
                if until():
                    return True
                if now >= limit:
                    return False
            while self._offline and len(self._connecting) < MAX_CONNECTING:
                member = self._offline.popleft()
                member.attend()
                self._watch(member)
            self._move(max(0.0, self._next_sweep - self._monotonic()))

    def close(self) -> None:
        """Cut every connection."""
        for member in self._members:
            member.power_off()
        self._epoll.close()

    def _sweep(self) -> None:
        for member in self._members:
            if member.sock is not None:
                member.attend()
                self._watch(member)
            elif member not in self._offline:
                self._offline.append(member)

    def _move(self, seconds: float) -> None:
        for fd, events in self._epoll.poll(seconds):
            member = self._by_fd.get(fd)
            if member is not None:
                member.ready(
                    readable=bool(events & ~select.EPOLLOUT),
                    writable=bool(events & select.EPOLLOUT),
                )
                self._watch(member)

    def _watch(self, member: Member) -> None:
        """Right after a member did something, while no other can have got its old descriptor."""
        sock = member.sock
        known = self._watched.get(member)
        if known is not None and known.sock is sock:
            if (events := member.events) != known.events:
                known.events = events
                self._epoll.modify(known.fd, events)
            if self._connecting and member.online:
                self._connecting.discard(member)
            return
        self._connecting.discard(member)
        if known is not None:
            del self._watched[member], self._by_fd[known.fd]
            with contextlib.suppress(OSError):
                self._epoll.unregister(known.fd)  # it is gone already if the socket was closed
            if sock is None:
                self._offline.append(member)
        # One that could not connect waits for the next sweep.
        if sock is None:
            return
        watched = _Watched(sock, sock.fileno(), member.events)
        self._watched[member], self._by_fd[watched.fd] = watched, member
        self._epoll.register(watched.fd, watched.events)
        self._connecting.add(member)
