"""A chip that is given a flash and power again and again, in one emulator: what a sweep needs.

No probe, no wire: after each power-on its console is read once in a while, from memory.
"""

from __future__ import annotations

import shutil
import socket
import time

from rig.errors import BenchError
from targets.virtual.emulator import LOCK_UP, PACKAGE, PROGRAM, Emulator
from targets.virtual.gdb_packets import StubGone
from targets.virtual.gdb_stub import GdbStub
from targets.virtual.memory_map import FLASH_SIZE, FLASH_START, RAM_SIZE, RAM_START

PAGE = 1024
LOOK_S = 0.003
IDENTITY = b"SEGGER RTT"
UP_BUFFER = 24
"""Where the description of the first up-buffer is in SEGGER's control block; 24 bytes of words:
name, buffer, size, write and read position, flags."""


class LockedUp(Exception):  # noqa: N818 - it says what it is
    """The core locked up: the emulator has ended."""


class BareChip:
    """One chip; not thread-safe. `close` ends its emulator."""

    def __init__(self, rtt_address: int) -> None:
        self._rtt_address = rtt_address
        self._wire = socket.create_server(("127.0.0.1", 0))
        self._emulator: Emulator | None = None
        self._runs = False

    def close(self) -> None:
        self._end()
        self._wire.close()

    def power_on(self, flash: bytes, ram: bytes) -> None:
        """Begin with this flash; `ram` is what RAM happens to hold. Raises `BenchError`."""
        try:
            stub = self._stopped_stub()
            _replace(stub, flash)
            stub.write(RAM_START, ram[:RAM_SIZE])
            stub.reset()
            self._go(stub)
        except StubGone:
            raise self._ended() from None

    def reset(self) -> None:
        """Reset the running chip, RAM kept. Raises `LockedUp`."""
        try:
            stub = self._stopped_stub()
            # The block of the boot before must not be taken for that of the one to come.
            stub.write(self._rtt_address, bytes(len(IDENTITY)))
            stub.reset()
            self._go(stub)
        except StubGone:
            raise self._locked_up() from None

    def lines(self) -> tuple[str, ...]:
        """The whole lines of its console since it began. Raises `LockedUp`."""
        try:
            stub = self._stopped_stub()
            found = _console(stub, self._rtt_address)
            self._go(stub)
        except StubGone:
            raise self._locked_up() from None
        return found

    def flash(self) -> bytes:
        """What the flash holds now; the chip goes on. Raises `LockedUp`."""
        try:
            stub = self._stopped_stub()
            found = stub.read(FLASH_START, FLASH_SIZE)
            self._go(stub)
        except StubGone:
            raise self._locked_up() from None
        return found

    def wait_for(self, start: str, limit_s: float) -> str | None:
        """The last console line that begins so, once there is one; None after `limit_s`."""
        deadline = time.monotonic() + limit_s
        while True:
            found = [line for line in self.lines() if line.startswith(start)]
            if found or time.monotonic() > deadline:
                return found[-1] if found else None
            time.sleep(LOOK_S)

    def _stopped_stub(self) -> GdbStub:
        if self._emulator is None:
            program = shutil.which(PROGRAM)
            if program is None:
                raise BenchError(f"{PROGRAM} is missing; install your system's package {PACKAGE}")
            self._emulator = Emulator(program, self._wire)
            self._runs = False
        stub = self._emulator.stub
        if self._runs:
            self._runs = False
            stub.interrupt()
        return stub

    def _go(self, stub: GdbStub) -> None:
        stub.go()
        self._runs = True

    def _locked_up(self) -> Exception:
        error = self._ended()
        return LockedUp("the core locked up") if LOCK_UP in str(error) else error

    def _ended(self) -> BenchError:
        said = self._emulator.last_words() if self._emulator else ""
        self._end()
        return BenchError(f"the emulator ended: {said or 'it was killed'}")

    def _end(self) -> None:
        emulator, self._emulator = self._emulator, None
        self._runs = False
        if emulator is not None:
            emulator.kill()


def _replace(stub: GdbStub, flash: bytes) -> None:
    """Pages that differ are written; reading costs less than that."""
    present = stub.read(FLASH_START, FLASH_SIZE)
    for at in range(0, FLASH_SIZE, PAGE):
        if present[at : at + PAGE] != flash[at : at + PAGE]:
            stub.write(FLASH_START + at, flash[at : at + PAGE])


def _console(stub: GdbStub, address: int) -> tuple[str, ...]:
    block = stub.read(address, UP_BUFFER + 24)
    if not block.startswith(IDENTITY):
        return ()
    words = [int.from_bytes(block[at : at + 4], "little") for at in range(UP_BUFFER, len(block), 4)]
    _, buffer, size, written = words[:4]
    # Nobody takes anything out, so what was said lies there from the beginning.
    if not (buffer >= RAM_START and buffer + size <= RAM_START + RAM_SIZE and written <= size):
        return ()
    said = stub.read(buffer, written).split(b"\n")[:-1] if written else []
    return tuple(line.decode("ascii", "replace").rstrip("\r") for line in said)
