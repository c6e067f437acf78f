"""The flash of the host build, and the boot records in it."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

RECORDS = 0x4000
RECORDS_SIZE = 0x1000
FLASH_SIZE = 0x40000
NEVER = -1


class State(ctypes.Structure):
    """`struct boot_state`"""

    _fields_ = (
        ("active", ctypes.c_uint8),
        ("phase", ctypes.c_uint8),
        ("zeros", ctypes.c_uint8 * 2),
        ("image_size", ctypes.c_uint32),
        ("image_crc", ctypes.c_uint32),
    )

    def tuple(self) -> tuple[int, int, int, int]:
        return self.active, self.phase, self.image_size, self.image_crc


class Plan(ctypes.Structure):
    """`struct boot_plan`"""

    _fields_ = (
        ("slot", ctypes.c_int),
        ("trial", ctypes.c_bool),
        ("store", ctypes.c_bool),
        ("rolled_back", ctypes.c_bool),
        ("state", State),
    )


@dataclass
class Chip:
    """The flash of the host build, whose power goes at a chosen operation."""

    library: ctypes.CDLL

    def __post_init__(self) -> None:
        self.flash = (ctypes.c_uint8 * FLASH_SIZE).in_dll(self.library, "host_flash")
        self._left = ctypes.c_int.in_dll(self.library, "host_operations_left")
        self._torn = ctypes.c_uint32.in_dll(self.library, "host_torn")
        self.library.boot_record_load.restype = State
        self.library.plan_boot.restype = Plan

    def erase(self, address: int = 0, size: int = FLASH_SIZE) -> None:
        ctypes.memset(ctypes.addressof(self.flash) + address, 0xFF, size)

    def put(self, address: int, content: bytes) -> None:
        ctypes.memmove(ctypes.addressof(self.flash) + address, content, len(content))

    def content(self, address: int, size: int) -> bytes:
        return ctypes.string_at(ctypes.addressof(self.flash) + address, size)

    def cut_after(self, operations: int, torn: int = 0) -> None:
        """The power goes in the middle of that operation, counted from 1; NEVER: it stays."""
        self._left.value, self._torn.value = operations, torn

    @property
    def was_cut(self) -> bool:
        return self._left.value == 0

    def load(self) -> tuple[int, int, int, int]:
        state: State = self.library.boot_record_load()
        return state.tuple()

    def save(self, active: int, phase: int, size: int = 0) -> bool:
        return bool(self.library.boot_record_save(State(active, phase, (0, 0), size, size * 7)))

    def plan(self, active: int, phase: int, intact: bool = True, faults: int = 0) -> Plan:
        plan: Plan = self.library.plan_boot(State(active, phase), intact, faults)
        return plan
