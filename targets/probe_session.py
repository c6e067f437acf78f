"""A pyOCD session with one target: whatever fails is told in one line that names the device."""

from __future__ import annotations

import contextlib
import logging
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pyocd.core import exceptions
from pyocd.core.session import Session
from pyocd.core.target import Target
from pyocd.flash.eraser import FlashEraser
from pyocd.flash.loader import MemoryLoader
from pyocd.probe.aggregator import DebugProbeAggregator

from rig.errors import BenchError
from targets.console_source import ConsoleSource
from targets.flash_plan import Piece
from targets.rtt_source import RttSource
from targets.sections import ConsoleSettings, PyocdSettings
from targets.state_witness import Write

VIRTUAL = "VirtualProbe"

# pyOCD logs what it raises; without a handler Python would print that to the terminal.
logging.getLogger("pyocd").addHandler(logging.NullHandler())


def connected_probes() -> list[Any]:
    """All probes that pyOCD finds. Raises `BenchError` when it cannot look."""
    try:
        return list(DebugProbeAggregator.get_all_connected_probes())
    except Exception as error:
        raise BenchError(f"pyOCD cannot look for probes: {error}") from None


def choose_probe(device: str, wanted: str, probes: Sequence[Any]) -> Any:
    """The probe with just this unique id; with none wanted, the only real one there is.

    Never by the order of ports, which changes from one start to the next. Raises `BenchError`.
    """
    unique_id = wanted.rpartition(":")[2]
    if wanted:
        for probe in probes:
            if probe.unique_id == unique_id:
                return probe
    else:
        real = [probe for probe in probes if type(probe).__name__ != VIRTUAL]
        if len(real) == 1:
            return real[0]
        probes = real
    found = ", ".join(f"{probe.unique_id} ({probe.description})" for probe in probes) or "none"
    problem = f"no probe {unique_id!r}" if wanted else "the probe to use is not clear"
    raise BenchError(
        f"device {device!r}: {problem}; found: {found}; plug it in, or write its id in pyocd.probe"
    )


class ProbeSession:
    """Open from construction to `close`. Any thread may call: one at a time has the probe."""

    can_read = True

    def __init__(self, device: str, settings: PyocdSettings, folder: Path) -> None:
        """Raises `BenchError` when probe or target do not answer as the board file says."""
        self._device = device
        self._lock = threading.RLock()
        probe = choose_probe(device, settings.probe, connected_probes())
        options: dict[str, Any] = {
            **settings.options,
            "target_override": settings.target,
            "connect_mode": settings.connect_mode,
            "frequency": settings.frequency_hz or 1_000_000,
            "pack": [str(Path(name).expanduser().absolute()) for name in settings.pack] or None,
            # Nothing but the board file decides: no pyocd.yaml or script of some folder.
            "no_config": True,
            "project_dir": str(folder),
            # A device that has a fault handler is to use it.
            "vector_catch": "none",
            "resume_on_disconnect": False,
        }
        # pyOCD goes to its project's folder and stays; whoever named a report by "report" did not.
        with self._telling("connecting"), contextlib.chdir(folder):
            self._session = Session(probe, options=options)
            self._session.open()
        self._target = self._session.target
        try:
            self._check_core(settings)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the probe; whatever is wrong with it by now does not matter."""
        with self._lock, contextlib.suppress(Exception):
            self._session.close()

    # -- flash and memory ------------------------------------------------------------------------

    def read(self, address: int, length: int) -> bytes:
        if length == 0:
            return b""
        with self._telling(f"reading {length} bytes at {address:#010x}"):
            # By words and from the access port: the core would look at every unit that it reads
            # for a software breakpoint to hide, and there are none.
            first, end = address & ~3, address + length + 3 & ~3
            port = self._target.selected_core_or_raise.ap
            words = port.read_memory_block32(first, (end - first) // 4)
            content = struct.pack(f"<{len(words)}I", *words)
            return content[address - first :][:length]

    def write_memory(self, address: int, words: Sequence[int]) -> None:
        """Write RAM, past the core; `address` is one of a word."""
        with self._telling(f"writing {4 * len(words)} bytes at {address:#010x}"):
            self._target.selected_core_or_raise.ap.write_memory_block32(address, words)

    def program(self, changes: Sequence[Piece]) -> None:
        """Erase and write sectors. Raises `BenchError` if pyOCD says that this failed."""
        with self._telling("flashing"):
            erased = [
                (piece.address, piece.address + len(piece.content))
                for piece in changes
                if piece.is_erased
            ]
            if erased:
                # All in one: the flash algorithm is loaded and started once for each call.
                sectors = FlashEraser(self._session, FlashEraser.Mode.SECTOR)
                sectors._log_chip_erase = False
                sectors.erase(erased)
            # Only what differs comes here: no need to look once more what the pages hold.
            loader = MemoryLoader(
                self._session, chip_erase="sector", smart_flash=False, progress=lambda _: None
            )
            written = [piece for piece in changes if not piece.is_erased]
            for piece in written:
                loader.add_data(piece.address, list(piece.content))
            if written:
                loader.commit()

    # -- run control -----------------------------------------------------------------------------

    def hold(self) -> None:
        """Stop the core before its first instruction."""
        with self._telling("resetting"):
            self._target.reset_and_halt()

    def halt(self) -> None:
        with self._telling("halting"):
            self._target.halt()

    def reset(self) -> None:
        """Reset the chip and let it run."""
        with self._telling("resetting"):
            self._target.reset()

    def refuse_lock_up(self) -> None:
        """Raise `BenchError` if the core has locked up."""
        with self._telling("asking for the core's state"):
            locked = self._target.get_state() is Target.State.LOCKUP
        if locked:
            raise BenchError(
                f"device {self._device!r}: the core has locked up (a fault in its fault handler, "
                "or no program in flash); look at the firmware's start-up, flash it anew"
            )

    # -- watching --------------------------------------------------------------------------------

    def watch(self, address: int, size: int) -> None:
        """Halt the core at each write there, until the session ends. Raises `BenchError`."""
        with self._telling("setting a watchpoint"):
            is_set = self._target.set_watchpoint(address, size, Target.WatchpointType.WRITE)
            # The breakpoint of a flash algorithm is remembered, and would be told first.
            self._target.selected_core_or_raise.clear_debug_cause_bits()
        if not is_set:
            raise BenchError(
                f"device {self._device!r}: its core has no free watchpoint, so no state can be "
                "followed; remove witness.state from its board file"
            )

    def take_write(self, address: int, size: int, note: Callable[[Write], None]) -> bool:
        """Whether the core had halted at a write; noted while it stands, then it goes on."""
        with self._telling("following the agent's state"):
            target = self._target
            if target.get_state() is not Target.State.HALTED:
                return False
            if target.get_halt_reason() is not Target.HaltReason.WATCHPOINT:
                return False
            value = int(target.read_memory(address, 8 * size))
            note(Write(value, int(target.read_core_register("pc"))))
            target.resume()
        return True

    # -- console ---------------------------------------------------------------------------------

    def rtt_source(self, settings: ConsoleSettings) -> ConsoleSource:
        return RttSource(self._target, self._telling, settings)

    # -- inside ----------------------------------------------------------------------------------

    def _check_core(self, settings: PyocdSettings) -> None:
        core = self._target.selected_core
        name = core.name if core is not None else "no core"
        if settings.core and name != settings.core:
            raise BenchError(
                f"device {self._device!r}: the target is a {name}, the board file says "
                f"{settings.core}; is it the right board? mend pyocd.core or pyocd.probe"
            )

    @contextlib.contextmanager
    def _telling(self, doing: str) -> Iterator[None]:
        """pyOCD's failures as one line each."""
        with self._lock:
            try:
                yield
            except (exceptions.Error, OSError, KeyError, ValueError) as error:
                text = " ".join(str(error).split()) or type(error).__name__
                raise BenchError(f"device {self._device!r}: {doing} failed: {text}") from None
