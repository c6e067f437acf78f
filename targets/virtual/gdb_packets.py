"""Packets of the GDB remote protocol as values: what goes to a stub, and what its answers mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

SIGINT = 2
MAX_ANSWER = 64 * 1024
"""Characters of an answer that has no end yet; QEMU's have 4096 at most."""
_CHECKSUM = 2
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)
_ADDRESS = re.compile(r"[0-9a-fA-F]{1,16}", re.ASCII)


class StubGone(Exception):  # noqa: N818 - it says what it is
    """The emulator ended, answers no more, or answers what is no answer."""


class StubRefused(Exception):  # noqa: N818 - it says what it is
    """The stub answered with an error, for example for memory that does not exist."""


class Watch(Enum):
    """Which accesses a watchpoint stops at; the value is the packet's digit."""

    WRITE = 2
    READ = 3
    ACCESS = 4


@dataclass(frozen=True)
class Stop:
    """Why the core stopped. `watched` is the address of the access, if a watchpoint did it."""

    signal: int
    watched: int | None = None

    @property
    def asked_for(self) -> bool:
        """Whether it stopped because it was told to, not by itself."""
        return self.signal == SIGINT


class AnswerReader:
    """Takes bytes of a stub as they come and gives its answers one by one."""

    def __init__(self) -> None:
        self._received = bytearray()

    @property
    def anything(self) -> bool:
        """Whether something has come that is more than an acknowledgement."""
        return bool(self._received)

    def feed(self, data: bytes) -> None:
        """Raises `StubGone` for an answer without end."""
        self._received += data
        # An acknowledgement says nothing that an answer does not say.
        if self._received.startswith(b"+"):
            self._received = self._received.lstrip(b"+")
        if len(self._received) > MAX_ANSWER and self._end(MAX_ANSWER) is None:
            raise StubGone(f"the emulator sends more than {MAX_ANSWER} bytes without an answer")

    def take(self) -> str | None:
        """The next whole answer without its frame; None if there is none yet."""
        start, end = self._received.find(b"$"), self._end()
        if end is None:
            return None
        body = bytes(self._received[start + 1 : end])
        del self._received[: end + 1 + _CHECKSUM]
        return body.decode("latin-1")

    def _end(self, within: int | None = None) -> int | None:
        """Where the `#` of the first answer is, if its checksum is there too."""
        start = self._received.find(b"$", 0, within)
        end = self._received.find(b"#", start, within)
        return end if start >= 0 and 0 <= end < len(self._received) - _CHECKSUM else None


def framed(packet: str) -> bytes:
    """A packet as it goes over the wire."""
    body = packet.encode("ascii")
    return b"$%s#%02x" % (body, sum(body) & 0xFF)


def memory_of(answer: str) -> bytes:
    """The bytes of memory that an answer holds. Raises `StubGone`."""
    if not _HEX.fullmatch(answer):
        raise StubGone(f"the emulator answers {answer[:40]!r}, which is no memory")
    return bytes.fromhex(answer)


def word_of(answer: str) -> int:
    """A word, which the wire has in the core's byte order. Raises `StubGone`."""
    return int.from_bytes(memory_of(answer), "little")


def stop_of(answer: str) -> Stop:
    """An answer that begins with `T` or `S`. Raises `StubGone`."""
    signal = memory_of(answer[1:3])
    watched = None
    for pair in answer[3:].split(";"):
        name, _, value = pair.partition(":")
        if name in ("watch", "rwatch", "awatch"):
            if not _ADDRESS.fullmatch(value):
                raise StubGone(f"the emulator stopped at {value[:40]!r}, which is no address")
            watched = int(value, 16)
    if not signal:
        raise StubGone(f"the emulator stopped without a signal: {answer[:40]!r}")
    return Stop(signal[0], watched)
