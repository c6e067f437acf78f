"""What the rig asks of a device under test: a driver declares what it can, and does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol, runtime_checkable


class Capability(Enum):
    """What a driver can do; a scenario that needs more is not observed, with that reason."""

    FLASH = "flash"
    """Put the factory image into the device, everything else erased."""
    RESET = "reset"
    """Restart the device at once."""
    POWER = "power"
    """Switch the device on and off, and cut its power."""
    READ_SLOTS = "read_slots"
    """Read back what is in the image slots."""
    CONSOLE = "console"
    """Deliver the device's console lines, each with the boot it belongs to."""
    COMMANDS = "commands"
    """Tell the application on the device to suspend, resume, abort …"""
    PLATFORM_FAULTS = "platform_faults"
    """The command `fail create_file|commit|reset` makes the next such call of the platform fail."""
    POWER_CUTS = "power_cuts"
    """Every write to the device's memory can be watched, and any content of it put back."""
    STATE_WITNESS = "state_witness"
    """Follow the agent's state in the device's memory."""
    MEMORY = "memory"
    """Tell how much memory the device has needed since it was switched on."""


@dataclass(frozen=True)
class Connection:
    """Where the device finds the gateway, and what it proves itself with; paths are PEM files."""

    thing: str
    host: str
    port: int
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    http_ca: Path | None = None
    signer_keys: Sequence[Path] = ()


@dataclass(frozen=True)
class SlotReading:
    """What is in one slot: `length` in bytes, `sha256` of that many bytes in hex."""

    slot: str
    length: int
    sha256: str


@dataclass(frozen=True)
class BootReport:
    """What the device's boot marker said of the image that runs."""

    number: int
    version: str
    slot: str
    marker: str
    state: str


@runtime_checkable
class StateFollower(Protocol):
    """A driver with the capability `STATE_WITNESS`."""

    def follow_states(self, wanted: bool) -> None:
        """From the next power-on on, each change of the agent's state goes into the trace."""


@runtime_checkable
class MemoryMeter(Protocol):
    """A driver with the capability `MEMORY`."""

    def meter_memory(self, wanted: bool) -> None:
        """From the next power-on on, what the device needs can be asked for."""

    def memory_needed(self) -> Mapping[str, int]:
        """The most since power-on, in bytes, by what it is; raises `BenchError` if it is off."""


class Driver(Protocol):
    """One device. Every call in the wrong state raises `BenchError` naming state and call."""

    name: str
    capabilities: frozenset[Capability]

    @property
    def last_boot(self) -> BootReport | None:
        """What the last boot marker said; None before the first one."""

    def provision(self, factory_image: bytes, connection: Connection) -> None:
        """Flash the factory image, erase all other state, tell the device where to connect."""

    def attach(self, connection: Connection) -> None:
        """Take the device with what is in its flash: it was provisioned before."""

    def power_on(self) -> None: ...

    def power_off(self) -> None:
        """Switch off in an orderly way; no effect on a device that is off."""

    def power_cut(self) -> None:
        """Cut the power, at once and without notice."""

    def reset(self) -> None: ...

    def command(self, name: str, *arguments: str) -> str:
        """Tell the application something and return its answer."""

    def read_slots(self) -> tuple[SlotReading, ...]: ...

    def is_running(self) -> bool: ...

    def close(self) -> None:
        """Leave nothing behind: no process, port or temporary file."""
