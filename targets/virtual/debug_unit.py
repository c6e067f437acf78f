"""The debug registers of a Cortex-M0, which the emulator lacks: what reads and writes of them do.

Halting and stepping (DHCSR), core registers (DCRSR, DCRDR), vector catch (DEMCR), breakpoints
(BPU), watchpoints (DWT), and the ROM table by which a debugger finds them all. Arm's ARMv6-M
Architecture Reference Manual, part C.
"""

from __future__ import annotations

from targets.virtual.core import R0, XPSR, Core, CoreState, HaltCause
from targets.virtual.gdb_packets import Watch

ROM_TABLE, SCS, DWT, BPU = 0xE00F_F000, 0xE000_E000, 0xE000_1000, 0xE000_2000
ROM_ENTRIES = (SCS, DWT, BPU)
PRESENT = 0b11
PARTS = {ROM_TABLE: 0x471, SCS: 0x008, DWT: 0x00A, BPU: 0x00B}
ROM_CLASS, GENERIC_CLASS = 0x1, 0xE
PAGE = 0x1000
JEP106_ARM = 0x3B

AIRCR, DFSR, DHCSR, DCRSR, DCRDR, DEMCR = (
    0xE000_ED0C,
    0xE000_ED30,
    0xE000_EDF0,
    0xE000_EDF4,
    0xE000_EDF8,
    0xE000_EDFC,
)
RESET_KEY, SYSRESETREQ, VECTRESET = 0x05FA, 1 << 2, 1 << 0
DEBUG_KEY = 0xA05F
C_DEBUGEN, C_HALT, C_STEP, C_MASKINTS = 1 << 0, 1 << 1, 1 << 2, 1 << 3
S_REGRDY, S_HALT, S_LOCKUP, S_RESET_ST = 1 << 16, 1 << 17, 1 << 19, 1 << 25
VC_CORERESET, VC_HARDERR = 1 << 0, 1 << 10
WRITE_REGISTER = 1 << 16
CAUSE_BITS = {
    HaltCause.REQUEST: 1 << 0,
    HaltCause.BREAKPOINT: 1 << 1,
    HaltCause.WATCHPOINT: 1 << 2,
    HaltCause.VECTOR_CATCH: 1 << 3,
}

# Registers that the stub does not give: an instruction moves them to or from R0.
READ_SPECIAL = {17: "eff30880", 18: "eff30980", 20: "eff31480"}
"""MSP, PSP, CONTROL by `mrs r0, …`."""
WRITE_SPECIAL = {17: "80f30888", 18: "80f30988", 20: "80f31488"}
READ_PRIMASK, WRITE_PRIMASK = "eff31080", "80f31088"
CONTROL_SHIFT = 24
SPECIAL_FIELDS = 20
"""CONTROL in the highest byte, PRIMASK in the lowest."""

COMPARATORS, WATCHES = 4, 2
WATCH_KINDS = {5: Watch.READ, 6: Watch.WRITE, 7: Watch.ACCESS}


class DebugUnit:
    """Stands between the probe and the core. Not thread-safe: the board has the lock."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._enabled = False
        self._mask_interrupts = False
        self._demcr = 0
        self._dfsr = 0
        self._data = 0
        self._was_reset = True
        self._seen_cause: HaltCause | None = None
        self._bpu_enabled = False
        self._bpu = [0] * COMPARATORS
        self._dwt = [[0, 0, 0] for _ in range(WATCHES)]

    def take_over(self, core: Core) -> None:
        """Another core in the place of one that the emulator gave up: settings stay."""
        core.breakpoints, core.watchpoints = self._core.breakpoints, self._core.watchpoints
        core.catch_hard_fault = self._core.catch_hard_fault
        self._core = core

    def owns(self, address: int) -> bool:
        """Whether a word at this address is a register of the debug hardware."""
        page = address & ~(PAGE - 1)
        if page in (ROM_TABLE, DWT, BPU):
            return True
        return page == SCS and (
            address in (AIRCR, DFSR, DHCSR, DCRSR, DCRDR, DEMCR) or address & 0xFFF >= 0xFD0
        )

    # -- reading -------------------------------------------------------------------------------

    def read(self, address: int) -> int:
        page, offset = address & ~(PAGE - 1), address & (PAGE - 1)
        if offset >= 0xFD0:
            return _identification(page, offset)
        if page == ROM_TABLE:
            entry = offset // 4
            if entry < len(ROM_ENTRIES):
                return ((ROM_ENTRIES[entry] - ROM_TABLE) & 0xFFFF_FFFF) | PRESENT
            return 0
        if page == BPU:
            return self._read_bpu(offset)
        if page == DWT:
            return self._read_dwt(offset)
        if address == DHCSR:
            return self._status()
        if address == DFSR:
            self._note_cause()
            return self._dfsr
        return {DCRDR: self._data, DEMCR: self._demcr, AIRCR: 0xFA05_0000}.get(address, 0)

    def _status(self) -> int:
        state = self._core.poll()
        self._note_cause()
        value = S_REGRDY | (C_DEBUGEN if self._enabled else 0)
        if self._mask_interrupts:
            value |= C_MASKINTS
        if state is CoreState.HALTED:
            value |= C_HALT | S_HALT
        elif state is CoreState.LOCKED_UP:
            value |= S_LOCKUP
        if self._was_reset:
            value |= S_RESET_ST
            self._was_reset = False
        return value

    def _note_cause(self) -> None:
        cause = self._core.cause
        if cause is not self._seen_cause:
            self._seen_cause = cause
            if cause is not None:
                self._dfsr |= CAUSE_BITS[cause]

    def _read_bpu(self, offset: int) -> int:
        if offset == 0:
            return COMPARATORS << 4 | int(self._bpu_enabled)
        number = (offset - 8) // 4
        return self._bpu[number] if 0 <= number < COMPARATORS else 0

    def _read_dwt(self, offset: int) -> int:
        if offset == 0:
            return WATCHES << 28 | 1 << 25  # no cycle counter
        number, register = divmod(offset - 0x20, 16)
        if 0 <= number < WATCHES and register // 4 < 3:
            return self._dwt[number][register // 4]
        return 0

    # -- writing -------------------------------------------------------------------------------

    def write(self, address: int, value: int) -> None:
        page, offset = address & ~(PAGE - 1), address & (PAGE - 1)
        if page == BPU:
            self._write_bpu(offset, value)
        elif page == DWT:
            self._write_dwt(offset, value)
        elif address == DHCSR:
            self._control(value)
        elif address == DCRSR:
            self._select(value)
        elif address == DCRDR:
            self._data = value
        elif address == DFSR:
            self._dfsr &= ~value
        elif address == DEMCR:
            self._demcr = value
            self._core.catch_hard_fault = bool(value & VC_HARDERR)
        elif address == AIRCR and value >> 16 == RESET_KEY and value & (SYSRESETREQ | VECTRESET):
            self.reset()

    def reset(self) -> None:
        """Reset the chip, halting it before its first instruction if that is caught."""
        halt = self._enabled and bool(self._demcr & VC_CORERESET)
        self._core.reset(halt=halt)
        self._was_reset = True
        if halt:
            self._seen_cause = self._core.cause
            self._dfsr |= CAUSE_BITS[HaltCause.VECTOR_CATCH]

    def _control(self, value: int) -> None:
        if value >> 16 != DEBUG_KEY:
            return
        self._enabled = bool(value & C_DEBUGEN)
        self._mask_interrupts = bool(value & C_MASKINTS)
        if not self._enabled:
            self._core.resume()
        elif value & C_HALT:
            self._core.halt()
        elif value & C_STEP:
            self._core.step()
            self._seen_cause = None
        else:
            self._core.resume()
            self._seen_cause = None

    def _select(self, value: int) -> None:
        number = value & 0x7F
        if value & WRITE_REGISTER:
            self._write_register(number, self._data)
        else:
            self._data = self._read_register(number)

    def _read_register(self, number: int) -> int:
        core = self._core
        if number == SPECIAL_FIELDS:
            control = core.execute(bytes.fromhex(READ_SPECIAL[number]), {})
            primask = core.execute(bytes.fromhex(READ_PRIMASK), {})
            return (control & 0xFF) << CONTROL_SHIFT | primask & 1
        if number in READ_SPECIAL:
            return core.execute(bytes.fromhex(READ_SPECIAL[number]), {})
        if number == 16:
            return core.read_register(XPSR)
        return core.read_register(number) if number < 16 else 0

    def _write_register(self, number: int, value: int) -> None:
        core = self._core
        if number == SPECIAL_FIELDS:
            control = value >> CONTROL_SHIFT
            core.execute(bytes.fromhex(WRITE_SPECIAL[number]), {R0: control})
            core.execute(bytes.fromhex(WRITE_PRIMASK), {R0: value & 1})
        elif number in WRITE_SPECIAL:
            core.execute(bytes.fromhex(WRITE_SPECIAL[number]), {R0: value})
        elif number <= 16:
            core.write_register(XPSR if number == 16 else number, value)

    def _write_bpu(self, offset: int, value: int) -> None:
        number = (offset - 8) // 4
        if offset == 0 and value & 2:
            self._bpu_enabled = bool(value & 1)
        elif 0 <= number < COMPARATORS:
            self._bpu[number] = value
        self._core.breakpoints = {
            address
            for comparator in self._bpu
            if self._bpu_enabled and comparator & 1
            for address in _matched(comparator)
        }

    def _write_dwt(self, offset: int, value: int) -> None:
        number, register = divmod(offset - 0x20, 16)
        if 0 <= number < WATCHES and register // 4 < 3:
            self._dwt[number][register // 4] = value
        self._core.watchpoints = {
            (WATCH_KINDS[function & 0xF], address, 1 << mask)
            for address, mask, function in self._dwt
            if function & 0xF in WATCH_KINDS
        }


def _matched(comparator: int) -> list[int]:
    """The addresses of a breakpoint comparator: lower halfword, upper halfword, or both."""
    base, match = comparator & 0x1FFF_FFFC, comparator >> 30
    return [base + offset for bit, offset in ((1, 0), (2, 2)) if match & bit]


def _identification(page: int, offset: int) -> int:
    """Component and peripheral identification: one byte in each word at the end of the page."""
    kind = ROM_CLASS if page == ROM_TABLE else GENERIC_CLASS
    component = 0xB105_000D | kind << 12
    peripheral = PARTS[page] | JEP106_ARM << 12 | 1 << 19 | 4 << 32
    if offset >= 0xFF0:
        return component >> (offset - 0xFF0) * 2 & 0xFF
    if offset >= 0xFE0:
        return peripheral >> (offset - 0xFE0) * 2 & 0xFF
    return peripheral >> 32 & 0xFF if offset == 0xFD0 else 0
