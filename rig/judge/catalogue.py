"""The requirement catalogue: what a device is held against, read from TOML and validated."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from rig.errors import UsageError

DEFAULT_FILE = Path(__file__).parents[2] / "conformance" / "requirements.toml"
_E = TypeVar("_E", bound=Enum)

ID_FORM = re.compile(r"OTA-[A-Z]{3}-\d{3}")


class Level(Enum):
    """How binding a requirement is (OTA spec §13)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    TOL = "TOL"
    """Behaviour that must be tolerated: no device fails for it."""


class Channel(Enum):
    """A witness of the device's behaviour (OTA spec §13, column Obs)."""

    MQTT = "mqtt"
    HTTP = "http"
    RESET = "reset"
    FLASH = "flash"
    CONSOLE = "console"
    STATE = "state"
    """The agent's state, read from the memory of the running device."""


class Profile(Enum):
    """Which requirements a certificate covers."""

    CORE = "core"
    FULL = "full"


class CatalogueError(UsageError):
    """The catalogue is malformed; the message names file, entry, field and what to write."""


@dataclass(frozen=True)
class Requirement:
    """One entry. `channels` are the witnesses that a satisfied verdict needs.

    What is `optional` no profile asks for: it is judged where its witness is there.
    """

    id: str
    level: Level
    statement: str
    source: str
    channels: tuple[Channel, ...]
    core: bool
    optional: bool = False


@dataclass(frozen=True)
class Catalogue:
    """All requirements by id, in the order of the file."""

    requirements: Mapping[str, Requirement]

    def __getitem__(self, identifier: str) -> Requirement:
        return self.requirements[identifier]

    def profile(self, profile: Profile) -> tuple[Requirement, ...]:
        """The requirements that a run with this profile is held against."""
        return tuple(
            requirement
            for requirement in self.requirements.values()
            if requirement.core or (profile is Profile.FULL and not requirement.optional)
        )


@cache
def default_catalogue() -> Catalogue:
    """The catalogue that comes with the rig."""
    return load_catalogue(DEFAULT_FILE)


def load_catalogue(path: Path) -> Catalogue:
    """Read a catalogue. Raises `CatalogueError`."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CatalogueError(f"{path}: is not UTF-8 text; a catalogue is TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path}: is not valid TOML: {error}") from None
    return parse_catalogue(document, str(path))


def parse_catalogue(document: Mapping[str, Any], source: str) -> Catalogue:
    """Validate a parsed catalogue; `source` names it in the `CatalogueError`."""
    entries = document.get("requirement")
    if not isinstance(entries, list) or not entries:
        raise CatalogueError(f"{source}: has no [[requirement]]; write at least one")
    if unknown := set(document) - {"requirement"}:
        raise CatalogueError(f"{source}: {min(unknown)!r} is not known here; remove it")
    requirements = [_requirement(entry, f"{source}: entry {n}") for n, entry in enumerate(entries)]
    identifier, count = Counter(entry.id for entry in requirements).most_common(1)[0]
    if count > 1:
        raise CatalogueError(f"{source}: {identifier} is there {count} times; ids are unique")
    return Catalogue({requirement.id: requirement for requirement in requirements})


def _requirement(entry: object, where: str) -> Requirement:
    if not isinstance(entry, dict):
        raise CatalogueError(f"{where}: is not a table; write [[requirement]]")
    where = f"{where} ({entry.get('id', 'without id')})"
    known = {field.name for field in fields(Requirement)}
    if missing := known - {"optional"} - set(entry):
        raise CatalogueError(f"{where}: {min(missing)!r} is missing; write it")
    if unknown := set(entry) - known:
        raise CatalogueError(f"{where}: {min(unknown)!r} is not a field; remove it")
    identifier = _text(entry, "id", where)
    if not ID_FORM.fullmatch(identifier):
        raise CatalogueError(f"{where}: id must look like OTA-CTL-001")
    optional = entry.get("optional", False)
    for key, value in (("core", entry["core"]), ("optional", optional)):
        if not isinstance(value, bool):
            raise CatalogueError(f"{where}: {key} must be true or false")
    if entry["core"] and optional:
        raise CatalogueError(f"{where}: is core and optional; no profile asks for an optional one")
    channels = entry["channels"]
    if not isinstance(channels, list) or not channels:
        raise CatalogueError(f"{where}: channels must be a list with at least one channel")
    return Requirement(
        id=identifier,
        level=_member(Level, entry["level"], f"{where}: level"),
        statement=_text(entry, "statement", where),
        source=_text(entry, "source", where),
        channels=tuple(_member(Channel, channel, f"{where}: channels") for channel in channels),
        core=entry["core"],
        optional=optional,
    )


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry[key]
    if not isinstance(value, str) or not value.strip():
        raise CatalogueError(f"{where}: {key} must be a text")
    return value


def _member(kind: type[_E], value: object, where: str) -> _E:
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join(repr(member.value) for member in kind)
        raise CatalogueError(f"{where}: {value!r} is not one of {choices}") from None
