"""The debug probe of the virtual board, for pyOCD (entry point `pyocd.probe`, name "otarig").

Everything above it is pyOCD as it is: `pyocd flash -u otarig:microbit-v1 -t nrf51 firmware.elf`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, overload

from pyocd.core import exceptions
from pyocd.core.memory_interface import MemoryInterface
from pyocd.core.plugin import Plugin
from pyocd.probe.debug_probe import DebugProbe

from rig.errors import BenchError
from targets.virtual.board import BoardOff, CoreLockedUp, VirtualBoard
from targets.virtual.bus import BUS, HOUSE_BOARD, house_folder
from targets.virtual.gdb_packets import StubRefused

DP_IDR, DP_CTRL_STAT = 0x0, 0x4
IDR_OF_DP = 0x0BB1_1477
POWER_REQUESTS = 0x5000_0000
AP_CSW, AP_TAR, AP_DRW, AP_BASE, AP_IDR = 0x00, 0x04, 0x0C, 0xF8, 0xFC
IDR_OF_AP = 0x0477_0021
ROM_TABLE_BASE = 0xE00F_F003
CSW_READY = 0x0300_0040
BYTES_OF_SIZE = {0: 1, 1: 2, 2: 4}
AP_NUMBER = 0xFF00_0000


@contextmanager
def _as_pyocd_tells() -> Iterator[None]:
    """Failures of the board as the exceptions that pyOCD expects of a probe."""
    try:
        yield
    except StubRefused as error:
        raise exceptions.TransferFaultError(str(error)) from None
    except CoreLockedUp as error:
        raise exceptions.TransferError(str(error)) from None
    except BoardOff as error:
        raise exceptions.ProbeDisconnected(str(error)) from None
    except BenchError as error:
        raise exceptions.ProbeError(str(error)) from None


class VirtualProbe(DebugProbe):
    """A probe that is plugged in always; the board behind it may be without power."""

    @classmethod
    def get_all_connected_probes(
        cls, unique_id: str | None = None, is_explicit: bool = False
    ) -> Sequence[DebugProbe]:
        return [cls(probe_id) for probe_id in BUS.ids()]

    @classmethod
    def get_probe_with_id(cls, unique_id: str, is_explicit: bool = False) -> DebugProbe | None:
        return cls(unique_id) if unique_id in BUS.ids() else None

    def __init__(self, probe_id: str) -> None:
        super().__init__()
        self._id = probe_id
        self._board: VirtualBoard | None = None
        self._own_board = False
        self._connected = False
        self._power_requests = 0
        self._csw = CSW_READY
        self._tar = 0
        self._held_in_reset = False

    # -- what it is ------------------------------------------------------------------------------

    @property
    def vendor_name(self) -> str:
        return "otarig"

    @property
    def product_name(self) -> str:
        return "virtual micro:bit"

    @property
    def unique_id(self) -> str:
        return self._id

    @property
    def supported_wire_protocols(self) -> Collection[DebugProbe.Protocol]:
        return [DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD]

    @property
    def wire_protocol(self) -> DebugProbe.Protocol | None:
        return DebugProbe.Protocol.SWD if self._connected else None

    @property
    def is_open(self) -> bool:
        return self._board is not None

    @property
    def capabilities(self) -> set[DebugProbe.Capability]:
        return {
            DebugProbe.Capability.MANAGED_AP_SELECTION,
            DebugProbe.Capability.MANAGED_DPBANKSEL,
        }

    # -- opening ---------------------------------------------------------------------------------

    def open(self) -> None:
        with _as_pyocd_tells():
            board = BUS.board(self._id)
            if board is None:
                # Nobody has plugged one in: the board that everybody has, powered by the probe.
                board = VirtualBoard(HOUSE_BOARD, house_folder())
                try:
                    board.power_on()
                except BaseException:
                    board.close()
                    raise
                self._own_board = True
            self._board = board

    def close(self) -> None:
        board, self._board = self._board, None
        if board is not None and self._own_board:
            with _as_pyocd_tells():
                board.close()

    def connect(self, protocol: DebugProbe.Protocol | None = None) -> None:
        with _as_pyocd_tells():
            if not self.board.is_powered:
                raise BoardOff(f"the virtual board {self._id!r} has no power")
        self._connected = True

    def disconnect(self) -> None:
        self._connected = False

    @property
    def board(self) -> VirtualBoard:
        if self._board is None:
            raise exceptions.ProbeDisconnected(f"the probe {self._id!r} is not open")
        return self._board

    def set_clock(self, frequency: float) -> None:
        """There is no wire whose clock could be set."""

    # -- reset line ------------------------------------------------------------------------------

    def reset(self) -> None:
        with _as_pyocd_tells():
            self.board.reset()

    def assert_reset(self, asserted: bool) -> None:
        with _as_pyocd_tells():
            if asserted:
                self.board.hold_in_reset()
            elif self._held_in_reset:
                self.board.reset()
        self._held_in_reset = asserted

    def is_reset_asserted(self) -> bool:
        return self._held_in_reset

    # -- debug port and access port ----------------------------------------------------------------

    @overload
    def read_dp(self, addr: int, now: Literal[True] = True) -> int: ...
    @overload
    def read_dp(self, addr: int, now: Literal[False]) -> Callable[[], int]: ...
    @overload
    def read_dp(self, addr: int, now: bool) -> int | Callable[[], int]: ...
    def read_dp(self, addr: int, now: bool = True) -> int | Callable[[], int]:
        value = {DP_IDR: IDR_OF_DP, DP_CTRL_STAT: self._power_requests * 3}.get(addr, 0)
        return value if now else lambda: value

    def write_dp(self, addr: int, data: int) -> None:
        """Power is granted or taken as it is asked for; there are no sticky errors."""
        if addr == DP_CTRL_STAT:
            self._power_requests = data & POWER_REQUESTS

    @overload
    def read_ap(self, addr: int, now: Literal[True] = True) -> int: ...
    @overload
    def read_ap(self, addr: int, now: Literal[False]) -> Callable[[], int]: ...
    @overload
    def read_ap(self, addr: int, now: bool) -> int | Callable[[], int]: ...
    def read_ap(self, addr: int, now: bool = True) -> int | Callable[[], int]:
        value = 0 if addr & AP_NUMBER else self._read_mem_ap(addr & 0xFF)
        return value if now else lambda: value

    def write_ap(self, addr: int, data: int) -> None:
        if addr & AP_NUMBER:
            return
        register = addr & 0xFF
        if register == AP_CSW:
            self._csw = data & ~0x40 | CSW_READY
        elif register == AP_TAR:
            self._tar = data
        elif register == AP_DRW:
            size = self._step()
            shift = 8 * (self._tar & 3)
            with _as_pyocd_tells():
                content = (data >> shift & (1 << 8 * size) - 1).to_bytes(size, "little")
                self.board.write(self._tar, content)
            self._advance(size)

    def _read_mem_ap(self, register: int) -> int:
        if register == AP_DRW:
            size = self._step()
            with _as_pyocd_tells():
                content = self.board.read(self._tar, size)
            value = int.from_bytes(content, "little") << 8 * (self._tar & 3)
            self._advance(size)
            return value
        return {
            AP_CSW: self._csw,
            AP_TAR: self._tar,
            AP_BASE: ROM_TABLE_BASE,
            AP_IDR: IDR_OF_AP,
        }.get(register, 0)

    def _step(self) -> int:
        return BYTES_OF_SIZE.get(self._csw & 7, 4)

    def _advance(self, size: int) -> None:
        if self._csw & 0x30:
            self._tar = self._tar + size & 0xFFFF_FFFF

    @overload
    def read_ap_multiple(
        self, addr: int, count: int = 1, now: Literal[True] = True
    ) -> Sequence[int]: ...
    @overload
    def read_ap_multiple(
        self, addr: int, count: int, now: Literal[False]
    ) -> Callable[[], Sequence[int]]: ...
    @overload
    def read_ap_multiple(
        self, addr: int, count: int, now: bool
    ) -> Sequence[int] | Callable[[], Sequence[int]]: ...
    def read_ap_multiple(
        self, addr: int, count: int = 1, now: bool = True
    ) -> Sequence[int] | Callable[[], Sequence[int]]:
        values = [self.read_ap(addr) for _ in range(count)]
        return values if now else lambda: values

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        for value in values:
            self.write_ap(addr, value)

    def get_memory_interface_for_ap(self, ap_address: Any) -> MemoryInterface | None:
        return VirtualMemory(self) if ap_address.apsel == 0 else None


class VirtualMemory(MemoryInterface):
    """Memory without the detour by access port registers: blocks go in one piece."""

    def __init__(self, probe: VirtualProbe) -> None:
        self._probe = probe

    def write_memory(
        self, addr: int, data: int, transfer_size: int = 32, **attributes: Any
    ) -> None:
        with _as_pyocd_tells():
            self._probe.board.write(addr, data.to_bytes(transfer_size // 8, "little"))

    @overload
    def read_memory(self, addr: int, transfer_size: int = 32, now: Literal[True] = True) -> int: ...
    @overload
    def read_memory(
        self, addr: int, transfer_size: int, now: Literal[False]
    ) -> Callable[[], int]: ...
    @overload
    def read_memory(self, addr: int, transfer_size: int, now: bool) -> int | Callable[[], int]: ...
    def read_memory(
        self, addr: int, transfer_size: int = 32, now: bool = True, **attributes: Any
    ) -> int | Callable[[], int]:
        with _as_pyocd_tells():
            value = int.from_bytes(self._probe.board.read(addr, transfer_size // 8), "little")
        return value if now else lambda: value

    def write_memory_block32(self, addr: int, data: Sequence[int], **attributes: Any) -> None:
        with _as_pyocd_tells():
            self._probe.board.write(addr, b"".join(word.to_bytes(4, "little") for word in data))

    def read_memory_block32(self, addr: int, size: int, **attributes: Any) -> Sequence[int]:
        with _as_pyocd_tells():
            content = self._probe.board.read(addr, size * 4)
        return list(struct.unpack(f"<{size}I", content))

    def write_memory_block8(self, addr: int, data: Sequence[int], **attributes: Any) -> None:
        with _as_pyocd_tells():
            self._probe.board.write(addr, bytes(data))

    def read_memory_block8(self, addr: int, size: int, **attributes: Any) -> Sequence[int]:
        with _as_pyocd_tells():
            return list(self._probe.board.read(addr, size))


class VirtualProbePlugin(Plugin):
    """Tells pyOCD that there are virtual boards."""

    def load(self) -> type[DebugProbe]:
        return VirtualProbe

    @property
    def name(self) -> str:
        return "otarig"

    @property
    def description(self) -> str:
        return "virtual micro:bit of the rig"
