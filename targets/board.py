"""Board files: what a vendor writes down of a device, read from TOML and validated."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rig.errors import UsageError

BOARDS = Path(__file__).parent / "boards"
VERSION_TEXT = r"^\d{1,3}\.\d{1,3}\.\d{1,5}$"


class _Section(BaseModel):
    """A table of a board file; a key that is not known is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Declares(_Section):
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


class ImageRules(_Section):
    """Which images the device takes."""

    factory_version: str = Field("1.0.0", pattern=VERSION_TEXT)
    max_size: int = Field(4 * 1024 * 1024, ge=64, description="bytes")


class ProcessSettings(_Section):
    """How the device's process is started; `{python}` and `{config}` are filled in."""

    command: tuple[str, ...] = Field(
        ("{python}", "-m", "agent", "--config", "{config}"), min_length=1
    )
    faults: tuple[str, ...] = Field((), description="deliberate faults of the reference agent")


class Board(_Section):
    """One device under test."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    description: str = ""
    driver: Literal["process"]
    thing: str = Field(pattern=r"^[a-zA-Z0-9:_-]{1,128}$")
    product: str = Field("reference", pattern=r"^[ -~]{1,16}$")
    transport: Literal["tls", "plain"] = "tls"
    slack_s: float = Field(10.0, gt=0, description="seconds a step may take beyond the timers")
    image: ImageRules = ImageRules()
    declares: Declares = Declares()
    process: ProcessSettings = ProcessSettings()


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
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text; a board file is TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: is not valid TOML: {error}") from None
    return parse_board(table, str(path))


def parse_board(table: dict[str, Any], source: str) -> Board:
    """Validate a parsed board file; `source` names it in the `UsageError`."""
    try:
        return Board.model_validate(table)
    except ValidationError as error:
        first, more = error.errors()[0], error.error_count() - 1
        field = ".".join(str(part) for part in first["loc"]) or "(top level)"
        if first["type"] == "extra_forbidden":
            problem = "is not a field of a board file; remove it or mend its spelling"
        elif first["type"] == "missing":
            problem = "is missing; write it"
        else:
            problem = f"is {first['input']!r}: {first['msg']}"
        rest = f" (and {more} more)" if more else ""
        raise UsageError(f"{source}: {field} {problem}{rest}") from None
