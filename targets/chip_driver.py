"""A microcontroller behind whatever can flash, read, reset and hold it.

What switches the device on is separate (targets/power.py). Where nothing does, and between
provisioning and switching on, the device is *held*: powered, reset, its core halted.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from rig.errors import BenchError
from rig.trace import RecorderSwitch
from targets.board import Board
from targets.console import ConsoleLog
from targets.console_source import ConsolePump, ConsoleSource, SerialSource
from targets.driver import BootReport, Capability, Connection, SlotReading
from targets.firmware_image import elf_file
from targets.flash_plan import Piece, image_in, pieces, sectors_to_change, stretch_of
from targets.modem.modem import Modem
from targets.power import CommandPower, NoPower, Power, VirtualPower
from targets.sections import ConsoleSettings
from targets.slot_reading import record_flash, record_reading
from targets.stack_meter import StackMeter, find_stack
from targets.state_variable import StateVariable, find_state_variable
from targets.state_witness import StateWitness, Write
from targets.tool import run_tool
from targets.virtual.board import VirtualBoard
from targets.virtual.bus import BOARD_FOLDER, BUS

VIRTUAL_WIRE = "virtual"
TOLD = ("thing", "host", "port", "ca", "cert", "key")


class ChipSession(Protocol):
    """A hold on one chip. Everything raises `BenchError`, in one line that names the device."""

    can_read: bool
    """Whether `read` works; without, flashing relies on the check of whoever does it."""

    def read(self, address: int, length: int) -> bytes: ...

    def write_memory(self, address: int, words: Sequence[int]) -> None: ...

    def program(self, changes: Sequence[Piece]) -> None: ...

    def hold(self) -> None: ...

    def halt(self) -> None: ...

    def reset(self) -> None: ...

    def refuse_lock_up(self) -> None: ...

    def rtt_source(self, settings: ConsoleSettings) -> ConsoleSource: ...

    def watch(self, address: int, size: int) -> None: ...

    def take_write(self, address: int, size: int, note: Callable[[Write], None]) -> bool: ...

    def close(self) -> None: ...


class ChipDriver(ABC):
    """One device; a subclass tells how a session with its chip is opened."""

    def __init__(self, board: Board, root: Path, recorder: RecorderSwitch) -> None:
        self.name = board.name
        self._board = board
        self._root = root
        self._recorder = recorder
        self._log = ConsoleLog(board.name, recorder)
        self._virtual = self._plug_in() if board.power.kind == "virtual" else None
        self._power = self._choose_power()
        self.capabilities = self._capabilities()
        self._connection: Connection | None = None
        self._session: ChipSession | None = None
        self._source: ConsoleSource | None = None
        self._pump: ConsolePump | None = None
        self._modem: Modem | None = None
        self._witness: StateWitness | None = None
        self._variable: StateVariable | None = None
        self._follows_states = False
        self._stack: StackMeter | None = None
        self._meters_memory = False
        self._powered = False
        self._running = False

    @property
    def last_boot(self) -> BootReport | None:
        """What the last boot marker said."""
        return self._log.last_boot

    @abstractmethod
    def _open_session(self) -> ChipSession:
        """Get hold of the chip, which has power. Raises `BenchError`."""

    # -- flash -----------------------------------------------------------------------------------

    def provision(self, factory_image: bytes, connection: Connection) -> None:
        self._refuse_while_running("provision")
        wanted = pieces(self._board, factory_image, connection)
        session = self._hold()
        self._put(session, wanted)
        if self._board.flash.provision:
            self._tell_by_command(connection)
        self._connection = connection
        self._log.forget()

    def attach(self, connection: Connection) -> None:
        """Take the device as it is: it was provisioned before."""
        self._refuse_while_running("attach")
        self._connection = connection

    def read_slots(self) -> tuple[SlotReading, ...]:
        session = self._require_running("read_slots") if self._running else self._hold()
        if not session.can_read:
            raise BenchError(
                f"device {self.name!r} cannot be read back: write command.read in its board file"
            )
        readings = []
        for slot in self._board.flash.slots:
            content = image_in(self._board, slot, session.read)
            readings.append(record_reading(self._recorder, slot, content, self.last_boot))
        return tuple(readings)

    def _tell_by_command(self, connection: Connection) -> None:
        flash = self._board.flash
        places = {name: str(getattr(connection, name) or "") for name in TOLD}
        places["signer"] = str(connection.signer_keys[0]) if connection.signer_keys else ""
        run_tool(self.name, "flash.provision", flash.provision, places, flash.provision_time_s)

    def _put(self, session: ChipSession, wanted: Sequence[Piece]) -> None:
        """Bring pieces into flash unless they are there already; read back in any case."""
        size = self._board.flash.sector_size
        if not session.can_read:
            for piece in wanted:
                session.program([piece])
                record_flash(self._recorder, piece, sectors=-(-len(piece.content) // size))
            return
        changes = [
            sectors_to_change(piece, session.read(piece.address, len(piece.content)), size)
            for piece in wanted
        ]
        if any(changes):
            # All in one: to load and start a flash algorithm takes longer than to erase a sector.
            session.program([sector for sectors in changes for sector in sectors])
        for piece, sectors in zip(wanted, changes, strict=True):
            if sectors:
                self._check_written(session, stretch_of(piece, sectors))
            record_flash(self._recorder, piece, sectors=len(sectors))

    def _check_written(self, session: ChipSession, written: Piece) -> None:
        """What lies before and behind was read before, and was right."""
        present = session.read(written.address, len(written.content))
        wrong = sectors_to_change(written, present, self._board.flash.sector_size)
        if wrong:
            raise BenchError(
                f"device {self.name!r}: {written.what}: flash differs from what was written, "
                f"first in the sector at {wrong[0].address:#010x}; is flash.slots right, "
                "is the chip worn or protected?"
            )

    # -- power -----------------------------------------------------------------------------------

    def power_on(self) -> None:
        self._refuse_while_running("power_on")
        if self._connection is None:
            raise BenchError(f"device {self.name!r} is not provisioned: flash it before power_on")
        try:
            session = self._hold()
            self._open_console(session)
            self._open_modem(self._connection)
            self._recorder.record("power", "ON")
            if self._follows_states:
                self._open_witness(session)
            if self._meters_memory:
                self._meter_stack(session)
            session.reset()
        except BaseException:
            self._let_go()
            raise
        self._running = True

    def follow_states(self, wanted: bool) -> None:
        self._follows_states = wanted

    def meter_memory(self, wanted: bool) -> None:
        self._meters_memory = wanted

    def memory_needed(self) -> Mapping[str, int]:
        session = self._require_running("memory_needed")
        if self._stack is None:
            raise BenchError(f"device {self.name!r}: its memory was not metered from power-on on")
        return {"stack": self._stack.deepest(session)}

    def power_off(self) -> None:
        if self._powered:
            was_running = self._running
            self._let_go()
            if was_running:
                self._recorder.record("power", "OFF")

    def power_cut(self) -> None:
        self._require_running("power_cut")
        self._let_go()
        self._recorder.record("power", "CUT")

    def reset(self) -> None:
        self._require_running("reset").reset()
        self._recorder.record("probe", "RESET")

    def is_running(self) -> bool:
        """Raises `BenchError` when probe or console failed, or the core locked up meanwhile."""
        if self._running:
            session = self._require_running("is_running")
            session.refuse_lock_up()
        return self._running

    def close(self) -> None:
        try:
            self.power_off()
        finally:
            if self._virtual is not None:
                BUS.unplug(self._virtual)
                self._virtual.close()

    # -- console ---------------------------------------------------------------------------------

    def command(self, name: str, *arguments: str) -> str:
        self._require_running(f"command {name!r}")
        if self._pump is None:
            raise BenchError(
                f"device {self.name!r} has no console: write console.kind in its board file"
            )
        self._log.await_no_answer()
        self._recorder.record("rig", "COMMAND", name=name, arguments=list(arguments))
        self._pump.write(" ".join((name, *arguments)).encode() + b"\n")
        return self._log.answer(name)

    # -- inside ----------------------------------------------------------------------------------

    def _plug_in(self) -> VirtualBoard:
        probe_id = self._board.pyocd.probe.rpartition(":")[2]
        virtual = VirtualBoard(probe_id, self._root / BOARD_FOLDER)
        try:
            BUS.plug(virtual)
        except BenchError:
            virtual.close()
            raise
        return virtual

    def _choose_power(self) -> Power:
        if self._virtual is not None:
            return VirtualPower(self._virtual)
        if self._board.power.kind == "command":
            return CommandPower(self.name, self._board.power)
        return NoPower()

    def _capabilities(self) -> frozenset[Capability]:
        found = {Capability.FLASH, Capability.RESET}
        if self._board.driver != "command" or self._board.command.read:
            found.add(Capability.READ_SLOTS)
        if self._power.switches:
            found.add(Capability.POWER)
        if self._board.driver == "pyocd" and self._board.witness.state:
            found.add(Capability.STATE_WITNESS)
        if self._board.driver == "pyocd" and self._board.witness.stack:
            found.add(Capability.MEMORY)
        if self._board.console.kind != "none":
            found |= {Capability.CONSOLE, Capability.COMMANDS}
            if self._virtual is not None and self._board.console.kind == "rtt":
                found.add(Capability.POWER_CUTS)
            if self._board.console.platform_faults:
                found.add(Capability.PLATFORM_FAULTS)
        return frozenset(found)

    def _hold(self) -> ChipSession:
        """The device powered and halted, whatever it was before (but not running)."""
        if self._session is None:
            try:
                self._power.on()
                self._powered = True
                self._session = self._open_session()
                self._session.hold()
            except BaseException:
                self._let_go()
                raise
        return self._session

    def _open_console(self, session: ChipSession) -> None:
        settings = self._board.console
        if settings.kind == "none":
            return
        if settings.kind == "rtt":
            self._source = session.rtt_source(settings)
        else:
            self._source = SerialSource(self.name, settings)
        self._pump = ConsolePump(self._source, self._log)

    def _open_witness(self, session: ChipSession) -> None:
        settings = self._board.witness
        if self._variable is None:
            self._variable = find_state_variable(elf_file(settings.elf), settings.state)
        self._witness = StateWitness(
            session, self._variable, self._board.flash.slots, self._recorder
        )

    def _meter_stack(self, session: ChipSession) -> None:
        settings = self._board.witness
        if self._stack is None:
            self._stack = StackMeter(find_stack(elf_file(settings.elf), settings.stack))
        self._stack.paint(session)

    def _open_modem(self, connection: Connection) -> None:
        settings = self._board.modem
        if not settings.url:
            return
        url = settings.url
        if url == VIRTUAL_WIRE:
            if self._virtual is None:
                raise BenchError(
                    f"device {self.name!r}: modem.url is {url!r}, but power.kind is not virtual"
                )
            url = self._virtual.wire_url
        self._modem = Modem(
            self.name, url, settings.baudrate, connection, on_device_hello=self._drain
        )

    def _drain(self) -> None:
        if self._pump is not None:
            self._pump.drain()

    def _let_go(self) -> None:
        """Everything off, in an order in which nothing that was said gets lost."""
        self._running = False
        session, self._session = self._session, None
        if self._witness is not None:
            self._witness.close()
            self._witness = None
        if self._pump is not None:
            self._pump.close()
            if session is not None and self._pump.failure is None:
                with contextlib.suppress(BenchError):
                    session.halt()
                self._pump.drain()
            self._pump = None
        if self._source is not None:
            self._source.close()
            self._source = None
        self._log.cut()
        if self._modem is not None:
            self._modem.close()
            self._modem = None
        if session is not None:
            if not self._power.switches:
                with contextlib.suppress(BenchError):
                    session.hold()
            session.close()
        if self._powered:
            self._powered = False
            self._power.off()

    def _require_running(self, call: str) -> ChipSession:
        if not self._running or self._session is None:
            raise BenchError(f"device {self.name!r} is off: {call} needs it running")
        failed = self._pump.failure if self._pump is not None else None
        failed = failed or (self._modem.failure if self._modem is not None else None)
        failed = failed or (self._witness.failure if self._witness is not None else None)
        if failed is not None:
            # A core that has locked up takes console and network along: that is what to tell.
            self._session.refuse_lock_up()
            raise failed
        return self._session

    def _refuse_while_running(self, call: str) -> None:
        if self._running:
            raise BenchError(f"device {self.name!r} is running: {call} needs it off")
