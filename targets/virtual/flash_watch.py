"""Every flash operation of a virtual board: watchpoints on the registers of the flash controller.

The core stops before it opens or closes the flash for writing, and before each erase. What words
have changed since the stop before was written meanwhile, in ascending order of addresses: that is
how the firmware's driver writes a block.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from rig.errors import BenchError
from targets.virtual.board import BoardOff, CoreLockedUp, VirtualBoard
from targets.virtual.core import PC, Core
from targets.virtual.gdb_packets import StubRefused, Watch

CONFIG = 0x4001_E504
ERASE_REGISTERS = (0x4001_E508, 0x4001_E514)
"""ERASEPAGE and ERASEPCR0 of the nRF51's flash controller: an erase of the page written there."""
IDLE_S = 0.001
PAGE = 1024
ERASED_PAGE = b"\xff" * PAGE
WORD_STORE_OFFSET = 0b01100
WORD_STORE_REGISTER = 0b0101000


class FlashWatch:
    """Watches from construction to `close`, in a thread of its own.

    `erased(address)` and `written(address, word)` are called in the order of the operations.
    """

    def __init__(
        self,
        board: VirtualBoard,
        stretches: Sequence[range],
        erased: Callable[[int], None],
        written: Callable[[int, int], None],
    ) -> None:
        """`stretches` of flash are compared; erases are seen anywhere."""
        self._board = board
        self._stretches = tuple(stretches)
        self._erased = erased
        self._written = written
        self._instructions: dict[int, int] = {}
        """Those that were seen, by their address."""
        self._seen = 0
        self._failure: str = ""
        self._ending = threading.Event()
        watches = {(Watch.WRITE, register, 4) for register in ERASE_REGISTERS}
        watches.add((Watch.WRITE, CONFIG, 4))
        self._known = [board.read(one.start, len(one)) for one in self._stretches]
        board.observe(watches, self._see)
        self._thread = threading.Thread(target=self._follow, name="flash-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Watch no more. Raises `BenchError` if the log is not complete."""
        self._ending.set()
        self._thread.join()
        if not self._failure:
            try:
                self._board.observe(set(), lambda _: None)
                # What was written since the last stop.
                self._compare(self._board.read)
            except (BoardOff, CoreLockedUp) as error:
                self._failure = str(error)
        if self._failure:
            raise BenchError(f"the flash operations could not be watched: {self._failure}")

    def _follow(self) -> None:
        """The core waits at each access until somebody looks."""
        while not self._ending.is_set():
            before = self._seen
            try:
                _ = self._board.state
            except (BoardOff, CoreLockedUp, StubRefused) as error:
                self._failure = str(error)
                return
            if self._seen == before:
                self._ending.wait(IDLE_S)

    def _see(self, core: Core) -> None:
        self._seen += 1
        self._compare(core.read)
        pc = core.read_register(PC)
        store = word_store(self._instruction(core, pc), core.read_register)
        if store is not None and store[0] in ERASE_REGISTERS:
            self._erased(store[1])
            self._forget(store[1])

    def _compare(self, read: Callable[[int, int], bytes]) -> None:
        for number, stretch in enumerate(self._stretches):
            old, new = self._known[number], read(stretch.start, len(stretch))
            if old == new:
                continue
            self._known[number] = new
            for page in range(0, len(stretch), PAGE):
                if old[page : page + PAGE] != new[page : page + PAGE]:
                    self._compare_page(stretch.start + page, old[page:][:PAGE], new[page:][:PAGE])

    def _compare_page(self, address: int, old: bytes, new: bytes) -> None:
        if any(now & ~was for was, now in zip(old, new, strict=True)):
            # Bits that are set again: an erase whose stop the emulator told of too late.
            self._erased(address)
            old = ERASED_PAGE
        for at in range(0, PAGE, 4):
            if old[at : at + 4] != new[at : at + 4]:
                self._written(address + at, int.from_bytes(new[at : at + 4], "little"))

    def _forget(self, address: int) -> None:
        """The page is about to be erased."""
        for number, stretch in enumerate(self._stretches):
            if address in stretch:
                at = (address - stretch.start) // PAGE * PAGE
                known = self._known[number]
                self._known[number] = known[:at] + ERASED_PAGE + known[at + PAGE :]

    def _instruction(self, core: Core, address: int) -> int:
        if address not in self._instructions:
            self._instructions[address] = int.from_bytes(core.read(address, 2), "little")
        return self._instructions[address]


def word_store(instruction: int, register: Callable[[int], int]) -> tuple[int, int] | None:
    """Address and value of a Thumb instruction STR (Arm ARMv6-M, A6.7.59 and A6.7.60).

    The flash of the chip takes whole words only, so other stores cannot write it. None if it is
    another instruction.
    """
    base, source = register(instruction >> 3 & 7), register(instruction & 7)
    if instruction >> 11 == WORD_STORE_OFFSET:
        return base + (instruction >> 6 & 31) * 4 & 0xFFFF_FFFF, source
    if instruction >> 9 == WORD_STORE_REGISTER:
        return base + register(instruction >> 6 & 7) & 0xFFFF_FFFF, source
    return None
