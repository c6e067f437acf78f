"""The virtual board: power, wire, and a chip whose flash outlives every power-off and lock-up."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from rig.errors import BenchError
from targets.virtual.core import Core, CoreState, Watchpoint
from targets.virtual.debug_unit import DebugUnit
from targets.virtual.emulator import LOCK_UP, PACKAGE, PROGRAM, Emulator
from targets.virtual.flash_store import FlashStore
from targets.virtual.gdb_packets import StubGone
from targets.virtual.memory_map import FLASH_SIZE, FLASH_START, RAM_SIZE, RAM_START


class BoardOff(Exception):  # noqa: N818 - it says what it is
    """The board has no power, so nobody answers."""


class CoreLockedUp(Exception):  # noqa: N818 - it says what it is
    """The core locked up while the probe did something; the state is to be asked again."""


class VirtualBoard:
    """One board in one folder, with a stable probe id and a wire that stays where it is.

    Thread-safe: whatever touches the chip holds the board's lock.
    """

    def __init__(self, probe_id: str, folder: Path) -> None:
        """Raises `BenchError` while another process uses the folder."""
        self.probe_id = probe_id
        self.lock = threading.RLock()
        self._store = FlashStore(folder)
        self._wire: socket.socket | None = None
        self._emulator: Emulator | None = None
        self._core: Core
        self._unit: DebugUnit
        self._flash = b""
        self._ram = b""
        self._ended = ""
        """Why the emulator of the last power-on is gone, if nobody ended it."""

    # -- power -----------------------------------------------------------------------------------

    @property
    def wire_url(self) -> str:
        """Where pyserial finds the far end of the chip's UART, from the first use until `close`."""
        host, port = self._wire_end().getsockname()
        return f"wire://{host}:{port}"

    @property
    def is_powered(self) -> bool:
        return self._emulator is not None

    @property
    def emulator_pid(self) -> int | None:
        return self._emulator.pid if self._emulator else None

    def power_on(self, *, halt: bool = False) -> None:
        """Let the chip begin with the flash it had; `halt`: before its first instruction.

        Raises `BenchError` when the emulator is missing or does not start.
        """
        with self.lock:
            if self._emulator is not None:
                return
            self._flash, self._ram = self._store.load(), bytes(RAM_SIZE)
            self._ended = ""
            self._begin()
            if not halt:
                with self._chip():
                    self._unit.reset()

    def power_off(self) -> None:
        """Take the power away, at once; what the flash holds at this moment stays."""
        with self.lock:
            if self._emulator is None:
                return
            try:
                with self._chip():
                    self._core.halt()
                    self._flash = self._core.read(FLASH_START, FLASH_SIZE)
            finally:
                self._end()
                self._store.save(self._flash)

    def stored_flash(self) -> bytes:
        """What the flash holds while the board is off."""
        with self.lock:
            return self._store.load()

    def store_flash(self, content: bytes) -> None:
        """Let the flash hold this from the next power-on. Raises `BenchError` with power on."""
        with self.lock:
            if self._emulator is not None:
                raise BenchError(
                    f"the virtual board {self.probe_id!r} has power: switch it off before its "
                    "flash is exchanged"
                )
            self._store.save(content)

    def close(self) -> None:
        """Leave no process and no port; the flash file stays for the next power-on."""
        with self.lock:
            try:
                self.power_off()
            finally:
                if self._wire is not None:
                    self._wire.close()
                    self._wire = None
                self._store.close()

    # -- what a probe does -----------------------------------------------------------------------

    def read(self, address: int, length: int) -> bytes:
        """Memory, or whole registers of the debug hardware.

        Raises `BoardOff`, and `StubRefused` where there is nothing.
        """
        with self.lock, self._chip():
            if not self._unit.owns(address):
                return self._core.read(address, length)
            first = address & ~3
            words = (self._unit.read(at) for at in range(first, address + length, 4))
            content = b"".join(word.to_bytes(4, "little") for word in words)
            return content[address - first : address - first + length]

    def write(self, address: int, content: bytes) -> None:
        with self.lock, self._chip():
            if not self._unit.owns(address):
                self._core.write(address, content)
                return
            for at in range(0, len(content), 4):
                self._unit.write(address + at, int.from_bytes(content[at : at + 4], "little"))

    def reset(self) -> None:
        """What the reset line does."""
        with self.lock, self._chip():
            self._unit.reset()

    def hold_in_reset(self) -> None:
        """The chip stands before its first instruction, as long as nobody lets it go."""
        with self.lock, self._chip():
            self._core.reset(halt=True)

    @property
    def state(self) -> CoreState:
        with self.lock, self._chip():
            return self._core.poll()

    def observe(self, watches: set[Watchpoint], seen: Callable[[Core], None]) -> None:
        """Have `seen` called before each of these accesses of the core, until power-off.

        The core waits at such an access until somebody asks for its `state` or does anything else
        with the chip. Raises `BoardOff`.
        """
        with self.lock, self._chip():
            self._core.observe(watches, seen)

    # -- inside ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _chip(self) -> Iterator[None]:
        """The chip, powered. An emulator that gave up on a locked-up core is begun anew."""
        if self._emulator is None:
            raise BoardOff(self._ended or f"the virtual board {self.probe_id!r} has no power")
        try:
            yield
        except StubGone:
            said = self._emulator.last_words()
            self._end()
            if LOCK_UP not in said:
                self._store.save(self._flash)
                self._ended = (
                    f"the emulator of the virtual board {self.probe_id!r} ended unexpectedly: "
                    f"{said or 'it was killed'}"
                )
                raise BoardOff(self._ended) from None
            unit = self._unit
            self._begin()
            unit.take_over(self._core)
            self._unit = unit
            self._core.state = CoreState.LOCKED_UP
            raise CoreLockedUp(
                f"the core of the virtual board {self.probe_id!r} has locked up: a fault inside "
                "its fault handler; reset it or flash another firmware"
            ) from None

    def _begin(self) -> None:
        program = shutil.which(PROGRAM)
        if program is None:
            raise BenchError(
                f"{PROGRAM} is missing, which the virtual board needs; "
                f"install your system's package {PACKAGE}, or run `otarig doctor`"
            )
        emulator = Emulator(program, self._wire_end())
        try:
            emulator.stub.write(FLASH_START, self._flash)
            emulator.stub.write(RAM_START, self._ram)
            emulator.stub.reset()
        except BaseException as error:
            emulator.kill()
            if isinstance(error, StubGone):
                raise BenchError(f"the emulator ended at its start: {error}") from None
            raise
        self._emulator = emulator
        self._core = Core(emulator.stub, self._keep_memory)
        self._unit = DebugUnit(self._core)

    def _wire_end(self) -> socket.socket:
        with self.lock:
            if self._wire is None:
                # Listening whether the chip has power or not: the wire is always at one place.
                self._wire = socket.create_server(("127.0.0.1", 0))
            return self._wire

    def _keep_memory(self) -> None:
        # The next thing that goes wrong may be the last: the emulator then takes all with it.
        assert self._emulator is not None
        self._flash = self._emulator.stub.read(FLASH_START, FLASH_SIZE)
        self._ram = self._emulator.stub.read(RAM_START, RAM_SIZE)

    def _end(self) -> None:
        if self._emulator is not None:
            self._emulator.kill()
            self._emulator = None
