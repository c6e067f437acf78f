"""Board files: what a vendor writes down of a device, read from TOML and validated."""

from __future__ import annotations

import re
import reprlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from rig.errors import UsageError
from targets.sections import (
    CommandSettings,
    ConsoleSettings,
    FlashSettings,
    ModemSettings,
    PowerSettings,
    PyocdSettings,
    Section,
    WitnessSettings,
)

MAX_FILE = 256 * 1024
"""Bytes of a board file; the boards that come with the rig have a few thousand."""
# A value in an error: its begin and end, and no deeper than anybody would write it.
_LONGEST = 200
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = _SHOWN.maxlong = _LONGEST
BOARDS = Path(__file__).parent / "boards"
DRIVERS = ("process", "pyocd", "command")
OWN_DRIVER = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"
VERSION_TEXT = r"^\d{1,3}\.\d{1,3}\.\d{1,5}$"


class Declares(Section):
    """What the vendor states of the device's OTA configuration (OTA spec §10)."""

    block_size: int = Field(4096, ge=256, le=131072, description="bytes per block")
    window: int = Field(1, ge=1, le=512, description="blocks asked for in one request")
    request_timer_s: float = Field(10.0, gt=0, description="seconds")
    self_test_timer_s: float = Field(16.0, gt=0, description="seconds")
    trial_time_s: float = Field(40.0, gt=0, description="seconds a trial boot may last")
    momentum: int = Field(32, ge=1, description="attempts without an answer")
    status_frequency: int = Field(64, ge=1, description="blocks between progress reports")
    data_protocols: tuple[Literal["MQTT", "HTTP"], ...] = Field(("MQTT",), min_length=1)
    primary_data_protocol: Literal["MQTT", "HTTP"] = "MQTT"
    allow_downgrade: bool = False


class ImageRules(Section):
    """Which images the device takes."""

    factory_version: str = Field("1.0.0", pattern=VERSION_TEXT)
    max_size: int = Field(4 * 1024 * 1024, ge=64, description="bytes")
    base: str = Field(
        "", description="image that variants are patched from; firmware: targets/firmware"
    )
    build: tuple[str, ...] = Field(
        (),
        description="command that builds a variant instead, from {version}, {behaviour}, {marker} "
        "and {size}, into {output}",
    )
    build_time_s: float = Field(600.0, gt=0, description="seconds a build may take")


class ProcessSettings(Section):
    """How the device's process is started; `{python}` and `{config}` are filled in."""

    command: tuple[str, ...] = Field(
        ("{python}", "-P", "-m", "agent", "--config", "{config}"), min_length=1
    )
    faults: tuple[str, ...] = Field((), description="deliberate faults of the reference agent")


class CustomJob(Section):
    """A job of its own that the device's application claims, and how it answers (OTA spec §4.5)."""

    document: str = Field("", description="its document, as JSON text; empty: it claims none")
    status: Literal["SUCCEEDED", "FAILED", "REJECTED"] = "SUCCEEDED"
    reason: str = Field("", description="the `reason` of its statusDetails")


class Board(Section):
    """One device under test."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    description: str = ""
    driver: str = Field(description="process, pyocd, command, or your own as module:Class")
    thing: str = Field(pattern=r"^[a-zA-Z0-9:_-]{1,128}$")
    product: str = Field("reference", pattern=r"^[ -~]{1,16}$")
    transport: Literal["tls", "plain"] = "tls"
    slack_s: float = Field(10.0, gt=0, description="seconds a step may take beyond the timers")
    image: ImageRules = ImageRules()
    declares: Declares = Declares()
    process: ProcessSettings = ProcessSettings()
    pyocd: PyocdSettings = PyocdSettings()
    command: CommandSettings = CommandSettings()
    flash: FlashSettings = FlashSettings()
    console: ConsoleSettings = ConsoleSettings()
    power: PowerSettings = PowerSettings()
    modem: ModemSettings = ModemSettings()
    witness: WitnessSettings = WitnessSettings()
    custom_job: CustomJob = CustomJob()
    faults: int = Field(0, ge=0, description="deliberate faults of the reference firmware, bits")

    @field_validator("driver")
    @classmethod
    def _driver_is_known(cls, name: str) -> str:
        if name not in DRIVERS and not re.fullmatch(OWN_DRIVER, name):
            raise ValueError(
                f"no driver of the rig ({', '.join(map(repr, DRIVERS))}), "
                "nor one of your own as module:Class"
            )
        return name

    @model_validator(mode="after")
    def _whole(self) -> Board:
        """What one section promises, another must have."""
        for section, field, needed in _NEEDS:
            if needed(self) and not getattr(getattr(self, section), field):
                raise PydanticCustomError(
                    "needed", "{field} is missing; write it", {"field": f"{section}.{field}"}
                )
        return self


_NEEDS: tuple[tuple[str, str, Callable[[Board], bool]], ...] = (
    ("pyocd", "target", lambda board: board.driver == "pyocd"),
    ("flash", "slots", lambda board: board.driver in ("pyocd", "command")),
    ("command", "flash", lambda board: board.driver == "command"),
    ("command", "reset", lambda board: board.driver == "command"),
    ("console", "url", lambda board: board.console.kind == "serial"),
    ("power", "on", lambda board: board.power.kind == "command"),
    ("power", "off", lambda board: board.power.kind == "command"),
    ("witness", "elf", lambda board: bool(board.witness.state or board.witness.stack)),
)


def board_names() -> list[str]:
    """The names of the boards that come with the rig."""
    return sorted(path.stem for path in BOARDS.glob("*.toml"))


def load_board(name_or_file: str) -> Board:
    """A board by the name of one that comes with the rig, or by the path of a board file.

    Raises `UsageError` that names the file, the field, what was wrong and what to write.
    """
    path = BOARDS / f"{name_or_file}.toml"
    if name_or_file not in board_names():
        path = Path(name_or_file)
        if not path.is_file():
            raise UsageError(
                f"no board {name_or_file!r}: not a file, and not one of "
                f"{', '.join(board_names())}; name one of these or give a board file"
            )
    try:
        return read_board(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def read_board(content: bytes, source: str) -> Board:
    """The board that a file's content describes; `source` names the file in the `UsageError`."""
    if len(content) > MAX_FILE:
        raise UsageError(f"{source}: has more than {MAX_FILE} bytes; that is no board file")
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError(f"{source}: is not UTF-8 text; a board file is TOML") from None
    # Beyond its own error the reader lets out what Python says to numbers of thousands of digits.
    except ValueError as error:
        raise UsageError(f"{source}: is not valid TOML: {error}") from None
    except RecursionError:
        raise UsageError(f"{source}: is nested too deep; a board file has sections only") from None
    return parse_board(table, source)


def in_place_of(board: Board, other: Board) -> Board:
    """The board as it would be in the place of another: its thing, declaration, images and jobs.

    Only a device can be that which takes any image of the reference format and any declaration,
    as the reference agent does. Raises `UsageError` for others.
    """
    if board.driver != "process":
        raise UsageError(
            f"board {board.name!r} cannot stand in for {other.name!r}: its firmware is what it is; "
            "only a device that is a program, as the reference agent, takes on a declaration"
        )
    taken = ("thing", "product", "transport", "image", "declares", "custom_job")
    return board.model_copy(update={name: getattr(other, name) for name in taken})


def parse_board(table: dict[str, Any], source: str) -> Board:
    """Validate a parsed board file; `source` names it in the `UsageError`."""
    try:
        return Board.model_validate(table)
    except ValidationError as error:
        first, more = error.errors()[0], error.error_count() - 1
        field = ".".join(str(part)[:_LONGEST] for part in first["loc"]) or "(top level)"
        if first["type"] == "extra_forbidden":
            problem = "is not a field of a board file; remove it or mend its spelling"
        elif first["type"] == "missing":
            problem = "is missing; write it"
        elif first["type"] == "needed":
            field, problem = first["msg"].split(" ", 1)
        else:
            problem = f"is {_SHOWN.repr(first['input'])}: {first['msg']}"
        rest = f" (and {more} more)" if more else ""
        raise UsageError(f"{source}: {field} {problem}{rest}") from None
