"""The core of the virtual chip, as its debug hardware sees it: run control, memory, registers.

The GDB stub answers only while the core is stopped, a debug probe reads memory while it runs: an
access to a running core stops it for as long as the access takes, and nobody is told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from enum import Enum, auto

from targets.virtual.gdb_packets import Stop, StubRefused, Watch
from targets.virtual.gdb_stub import GdbStub
from targets.virtual.memory_map import (
    RAM_SIZE,
    RAM_START,
    VECTOR_HARD_FAULT,
    in_flash,
    in_ram,
)

R0, R1, SP, LR, PC, XPSR = 0, 1, 13, 14, 15, 25
BKPT = 0xBE
"""High byte of the instruction."""
STORE_R0_AT_R1 = bytes.fromhex("0860")
SCRATCH = RAM_START + RAM_SIZE - 4
"""Where an instruction is put that the core executes on behalf of the probe."""


class CoreState(Enum):
    """What the core does."""

    RUNNING = auto()
    HALTED = auto()
    LOCKED_UP = auto()


class HaltCause(Enum):
    """Why it halted."""

    REQUEST = auto()
    BREAKPOINT = auto()
    WATCHPOINT = auto()
    VECTOR_CATCH = auto()


Watchpoint = tuple[Watch, int, int]
"""Kind, address, length in bytes."""


class Core:
    """One power-on of the core, halted at first. Not thread-safe: the board has the lock."""

    def __init__(self, stub: GdbStub, on_hard_fault: Callable[[], None]) -> None:
        """`on_hard_fault` is called while the core is stopped at the entry of its handler."""
        self.state = CoreState.HALTED
        self.cause: HaltCause | None = None
        self.catch_hard_fault = False
        self.breakpoints: set[int] = set()
        self.watchpoints: set[Watchpoint] = set()
        self.planted: set[int] = set()
        """Addresses in RAM where the debugger wrote a BKPT instruction."""
        self.observed: set[Watchpoint] = set()
        """Accesses that somebody looks at without halting the core."""
        self.on_observed: Callable[[Core], None] = lambda _: None
        """Called before each of them is done, the core stopped at its instruction."""
        self._stub = stub
        self._on_hard_fault = on_hard_fault
        self._fault_handler: int | None = None
        self._trap: frozenset[int] = frozenset()
        """Where the function that the debugger called returns to."""
        self._set_breakpoints: set[int] = set()
        self._set_watchpoints: set[Watchpoint] = set()

    # -- run control ---------------------------------------------------------------------------

    def poll(self) -> CoreState:
        """What the core does, after taking note of what stopped it meanwhile."""
        if self.state is CoreState.RUNNING and self._stub.has_stopped():
            self._take(self._stub.take_stop())
            if self.state is CoreState.RUNNING:
                self._go()
        return self.state

    def halt(self) -> None:
        """Stop it where it is; a core that is locked up lets itself be halted, too."""
        if self.poll() is CoreState.LOCKED_UP:
            self._halted(HaltCause.REQUEST)
        if self.state is CoreState.HALTED:
            return
        self._take(self._stub.interrupt())
        if self.state is CoreState.RUNNING:
            self._halted(HaltCause.REQUEST)

    def resume(self) -> None:
        """Run on; what halted it is stepped over, as the debug hardware does."""
        if self.state is not CoreState.HALTED:
            return
        if self.cause in (HaltCause.BREAKPOINT, HaltCause.VECTOR_CATCH):
            self._step_unhindered()
        self.state, self.cause = CoreState.RUNNING, None
        self._look_where_it_may_stop()
        self._arm()
        self._stub.go()

    def step(self) -> None:
        """Execute one instruction."""
        if self.state is CoreState.HALTED:
            self._step_unhindered()
            self._halted(HaltCause.REQUEST)

    def reset(self, *, halt: bool) -> None:
        """Reset the chip; memory keeps its contents."""
        self.halt()
        self._stub.reset()
        self.state, self.cause = CoreState.HALTED, None
        if halt:
            self._halted(HaltCause.VECTOR_CATCH)
            self.cause = HaltCause.REQUEST
        else:
            self.resume()

    # -- memory and registers ------------------------------------------------------------------

    def read(self, address: int, length: int) -> bytes:
        with self._stopped():
            return self._stub.read(address, length)

    def write(self, address: int, content: bytes) -> None:
        """Memory by the stub; a peripheral's register by an instruction of the core."""
        with self._stopped():
            if in_ram(address) or in_flash(address):
                self._note_planted(address, content)
                self._stub.write(address, content)
            elif len(content) % 4 == 0:
                for at in range(0, len(content), 4):
                    value = int.from_bytes(content[at : at + 4], "little")
                    self.execute(STORE_R0_AT_R1, {R0: value, R1: address + at})
            else:
                raise StubRefused(f"registers at {address:#010x} are written as whole words")

    def observe(self, watches: set[Watchpoint], seen: Callable[[Core], None]) -> None:
        """Have `seen` called before each of these accesses, unseen by the debugger.

        It may read memory and registers. To have none any more, give no watches.
        """
        with self._stopped():
            self.observed, self.on_observed = watches, seen
            self._arm()

    def read_register(self, number: int) -> int:
        with self._stopped():
            return self._stub.read_register(number)

    def write_register(self, number: int, value: int) -> None:
        with self._stopped():
            self._stub.write_register(number, value)
            # It goes on elsewhere: what halted it here need not be stepped over.
            if number == PC and self.state is CoreState.HALTED:
                self.cause = HaltCause.REQUEST

    def execute(self, instruction: bytes, registers: dict[int, int]) -> int:
        """Let the core execute one instruction with these registers; the R0 it leaves.

        For what a debugger may do on silicon but not through the stub. Nothing else changes.
        Raises `StubRefused` when the core sleeps.
        """
        with self._stopped():
            saved = {n: self._stub.read_register(n) for n in (R0, R1, PC, XPSR)}
            scratch = self._stub.read(SCRATCH, 4)
            self._arm(disarmed=True)
            try:
                self._stub.write(SCRATCH, instruction.ljust(4, b"\0"))
                for number, value in {**registers, PC: SCRATCH}.items():
                    self._stub.write_register(number, value)
                self._stub.step()
                if self._stub.read_register(PC) == SCRATCH:
                    raise StubRefused("the core sleeps: halt it after a reset first")
                return self._stub.read_register(R0)
            finally:
                self._stub.write(SCRATCH, scratch)
                for number, value in saved.items():
                    self._stub.write_register(number, value)
                self._arm()

    # -- inside --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _stopped(self) -> Iterator[None]:
        """A core that runs is stopped for the moment, unseen."""
        if self.poll() is not CoreState.RUNNING:
            yield
            return
        self._take(self._stub.interrupt())
        if self.state is not CoreState.RUNNING:
            yield
            return
        # Inner accesses must not stop it once more.
        self.state = CoreState.HALTED
        try:
            yield
        finally:
            if self.state is CoreState.HALTED:
                self.state = CoreState.RUNNING
                self._go()

    def _take(self, stop: Stop) -> None:
        """Sort out a stop: it halts, it locks up, or it is to go on (state RUNNING)."""
        if stop.asked_for:
            return
        if stop.watched is not None:
            observed = self._observed_at(stop.watched)
            if observed is not None:
                self._show(observed)
                return
            # The emulator stops before the access, silicon after it.
            self._do_the_access(next(w for w in self.watchpoints if _covers(w, stop.watched)))
            self._halted(HaltCause.WATCHPOINT)
            return
        pc = self._stub.read_register(PC)
        if pc == self._fault_handler and pc not in self.breakpoints:
            self._on_hard_fault()
            if not (in_flash(pc) or in_ram(pc)):
                # Its handler is nowhere: on silicon the core locks up now, the emulator would end.
                self.state, self.cause = CoreState.LOCKED_UP, None
            elif self.catch_hard_fault:
                self._halted(HaltCause.VECTOR_CATCH)
            return
        self._halted(HaltCause.BREAKPOINT)

    def _observed_at(self, address: int) -> Watchpoint | None:
        """The observed watchpoint there; one that the debugger has set, too, is the debugger's."""
        every = self.observed - self.watchpoints
        return next((watch for watch in every if _covers(watch, address)), None)

    def _show(self, watch: Watchpoint) -> None:
        """Let `on_observed` look, then do the access; the core runs on for all others."""
        self.state = CoreState.HALTED
        self.on_observed(self)
        self._do_the_access(watch)
        self.state = CoreState.RUNNING

    def _do_the_access(self, watch: Watchpoint) -> None:
        # Only this one is lifted: to lift all would cost several times as much.
        self._stub.clear_watchpoint(*watch)
        self._stub.step()
        self._stub.set_watchpoint(*watch)

    def _halted(self, cause: HaltCause) -> None:
        self.state, self.cause = CoreState.HALTED, cause

    def _go(self) -> None:
        """On from a stop that nobody is to see."""
        if self._stub.read_register(PC) == self._fault_handler:
            self._step_unhindered()
        self._stub.go()

    def _step_unhindered(self) -> None:
        self._arm(disarmed=True)
        self._stub.step()
        self._arm()

    def _look_where_it_may_stop(self) -> None:
        """The entry of the hard fault's handler, and where a called function returns to.

        A debugger has a function return to a BKPT instruction, which in the emulator does not
        halt: it escalates to a hard fault.
        """
        target = self._stub.read_register(LR) & ~1
        wanted = [VECTOR_HARD_FAULT, target & ~3] if in_ram(target) else [VECTOR_HARD_FAULT]
        handler, *words = self._stub.read_words(wanted)
        self._fault_handler = handler & ~1
        planted = any(word >> 8 * (target & 2) + 8 & 0xFF == BKPT for word in words)
        self._trap = frozenset({target}) if planted else frozenset()

    def _note_planted(self, address: int, content: bytes) -> None:
        self.planted -= set(range(address, address + len(content)))
        if in_ram(address) and len(content) == 2 and content[1] == BKPT:
            self.planted.add(address)

    def _arm(self, *, disarmed: bool = False) -> None:
        """Bring the stub's breakpoints and watchpoints in line with what is wanted."""
        points: set[int] = set()
        watches: set[Watchpoint] = set()
        if not disarmed:
            points = self.breakpoints | self.planted | self._trap
            watches = self.watchpoints | self.observed
            if self._fault_handler is not None:
                points.add(self._fault_handler)
        for address in self._set_breakpoints - points:
            self._stub.clear_breakpoint(address)
        for address in points - self._set_breakpoints:
            self._stub.set_breakpoint(address)
        for watch in self._set_watchpoints - watches:
            self._stub.clear_watchpoint(*watch)
        for watch in watches - self._set_watchpoints:
            self._stub.set_watchpoint(*watch)
        self._set_breakpoints, self._set_watchpoints = points, watches


def _covers(watch: Watchpoint, address: int) -> bool:
    return watch[1] <= address < watch[1] + watch[2]
