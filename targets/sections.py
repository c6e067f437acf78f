"""Sections of a board file that tell how a microcontroller is reached: probe, flash, console …"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A table of a board file; a key that is not known is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _address(value: object) -> object:
    """TOML has hexadecimal numbers; text such as "0x5000" is taken as well."""
    if isinstance(value, str):
        try:
            return int(value, 0)
        except ValueError:
            return value
    return value


Address = Annotated[int, BeforeValidator(_address), Field(ge=0, le=0xFFFF_FFFF)]


class PyocdSettings(Section):
    """Which probe and which target; whatever `pyocd list` and `pyocd list --targets` show."""

    target: str = Field("", description="target type; `pyocd list --targets` shows them")
    probe: str = Field(
        "", description="unique id of the probe as `pyocd list` shows it; empty: the only one"
    )
    core: str = Field("", description="name of the core that must answer, for example Cortex-M0")
    frequency_hz: int | None = Field(None, ge=1000, description="clock of the debug wire")
    connect_mode: Literal["attach", "halt", "pre-reset", "under-reset"] = "halt"
    options: dict[str, bool | int | float | str] = Field(
        {}, description="further session options of pyOCD, as its manual has them"
    )
    pack: tuple[str, ...] = Field((), description="CMSIS packs that describe the target")


class Slot(Section):
    """Where one image slot is in flash."""

    name: str = Field(pattern=r"^\S{1,16}$")
    address: Address
    size: int = Field(gt=0, description="bytes")


class Part(Section):
    """A file that is flashed besides the factory image, such as a boot loader."""

    address: Address
    file: str = Field(description="a path; firmware:boot is the boot loader of targets/firmware")


class Region(Section):
    """A stretch of flash, whole sectors."""

    address: Address
    size: int = Field(gt=0, description="bytes")


class FlashSettings(Section):
    """What is where in flash. The factory image goes into the first slot."""

    slots: tuple[Slot, ...] = Field((), description="[[flash.slots]] name, address, size")
    parts: tuple[Part, ...] = Field((), description="[[flash.parts]] address, file")
    erase: tuple[Region, ...] = Field((), description="[[flash.erase]] address, size")
    device_page: Address | None = Field(
        None, description="where thing name, keys and timers go (docs/firmware.md)"
    )
    provision: tuple[str, ...] = Field(
        (),
        description="command that puts {thing}, {host}, {port}, {ca}, {cert}, {key} and {signer} "
        "(paths) into a device that has no device page",
    )
    provision_time_s: float = Field(120.0, gt=0, description="seconds that command may take")
    sector_size: int = Field(1024, ge=4, description="bytes that are erased at once")
    image_length: Literal["header", "trimmed"] = Field(
        "header",
        description="how long an image in a slot is: as its header says, or up to the last byte "
        "that is not erased",
    )

    @model_validator(mode="after")
    def _apart(self) -> FlashSettings:
        """No two stretches share a byte: one would be flashed over the other."""
        stretches = [(slot.address, slot.size, f"slot {slot.name}") for slot in self.slots]
        stretches += [(region.address, region.size, "erase") for region in self.erase]
        if self.device_page is not None:
            stretches.append((self.device_page, self.sector_size, "device_page"))
        for (start, size, what), (following, _, other) in pairwise(sorted(stretches)):
            if start + size > following:
                raise PydanticCustomError(
                    "needed",
                    "{field} overlaps: {what} ends at {end}, behind the beginning of {other} at "
                    "{begin}; mend an address or a size",
                    {
                        "field": "flash",
                        "what": what,
                        "end": f"{start + size:#x}",
                        "other": other,
                        "begin": f"{following:#x}",
                    },
                )
        return self


class ConsoleSettings(Section):
    """Where the device's lines come from, and its commands go to."""

    kind: Literal["rtt", "serial", "none"] = "none"
    rtt_address: Address = Field(0x2000_0000, description="where the RTT control block is")
    rtt_search: int = Field(0, ge=0, description="bytes to search for it; 0: it is right there")
    url: str = Field("", description="pyserial URL: /dev/serial/by-id/…, socket://, rfc2217://")
    baudrate: int = Field(115200, ge=300)
    poll_s: float = Field(0.01, gt=0, le=1, description="seconds between two looks at RTT")
    platform_faults: bool = Field(
        False, description="the application has the command `fail create_file|commit|reset`"
    )


class WitnessSettings(Section):
    """How the agent's state is followed over the debug wire (docs/state-witness.md)."""

    state: str = Field(
        "", description="variable, or member of one, that holds the state: otaAgent.state"
    )
    elf: str = Field(
        "",
        description="the image as it was linked, with debug information; firmware: that of "
        "targets/firmware",
    )
    stack: tuple[()] | tuple[str, str] = Field(
        (),
        description="symbols at the lower and the upper end of the stack, whose deepest use an "
        "endurance run tells: __StackLimit, __StackTop",
    )


class PowerSettings(Section):
    """How the device is switched on and off; without, it is held halted instead."""

    kind: Literal["virtual", "command", "none"] = "none"
    on: tuple[str, ...] = Field((), description="command that switches on")
    off: tuple[str, ...] = Field((), description="command that switches off")
    time_s: float = Field(10.0, gt=0, description="seconds a command may take")


class ModemSettings(Section):
    """The device's network, if it goes over a serial line (SLIP frames, docs/firmware.md)."""

    url: str = Field(
        "", description="pyserial URL; empty: none; virtual: the wire of the virtual board"
    )
    baudrate: int = Field(115200, ge=300)


class CommandSettings(Section):
    """A vendor's tools as templates; what stands in braces is filled in."""

    flash: tuple[str, ...] = Field(
        (), description="writes {image} (a file) to {address}; {serial} is the probe"
    )
    erase: tuple[str, ...] = Field((), description="erases {size} bytes at {address}")
    read: tuple[str, ...] = Field((), description="reads {size} bytes at {address} to {output}")
    reset: tuple[str, ...] = Field((), description="resets and lets run")
    hold: tuple[str, ...] = Field((), description="stops the core")
    serial: str = Field("", description="id of the probe, for {serial}")
    time_s: float = Field(60.0, gt=0, description="seconds a command may take")
