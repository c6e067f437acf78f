"""Waivers: requirements that somebody answers for although the device does not meet them.

    [[waiver]]
    requirement = "OTA-DAT-017"
    reason = "known defect of library 3.4, mended with the next release"
    owner = "Firmware team"
    expires = 2027-03-31

A waiver never makes a device conformant. It separates what is known from what is new.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rig.errors import UsageError
from rig.judge.catalogue import Catalogue
from rig.private_files import read_file

FIELDS = ("requirement", "reason", "owner", "expires")
MAX_BYTES = 1024 * 1024


class WaiverError(UsageError):
    """A waiver that does not hold; the message names file, entry, field and what to write."""


@dataclass(frozen=True)
class Waiver:
    """One entry; it holds up to and with the day `expires`."""

    requirement: str
    reason: str
    owner: str
    expires: date

    @property
    def text(self) -> str:
        return f"waived by {self.owner} until {self.expires}: {self.reason}"

    def as_json(self) -> dict[str, str]:
        return {
            "requirement": self.requirement,
            "reason": self.reason,
            "owner": self.owner,
            "expires": self.expires.isoformat(),
        }


def load_waivers(path: Path, catalogue: Catalogue, today: date) -> tuple[Waiver, ...]:
    """Read a file of waivers; raises `WaiverError` for one that is malformed or has expired."""
    content = read_file(path, "file of waivers")
    if len(content) > MAX_BYTES:
        raise WaiverError(f"{path}: is longer than {MAX_BYTES} bytes; waivers are a short list")
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise WaiverError(f"{path}: is not UTF-8 text; waivers are TOML") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise WaiverError(f"{path}: is not valid TOML: {error}") from None
    return parse_waivers(document, str(path), catalogue, today)


def parse_waivers(
    document: Mapping[str, Any], source: str, catalogue: Catalogue, today: date
) -> tuple[Waiver, ...]:
    """Validate a parsed file; `source` names it in the `WaiverError`."""
    entries = document.get("waiver", [])
    if unknown := set(document) - {"waiver"}:
        raise WaiverError(f"{source}: {min(unknown)!r} is not known here; write [[waiver]]")
    if not isinstance(entries, list) or not entries:
        raise WaiverError(f"{source}: has no [[waiver]]; write one, or leave the file out")
    waivers: dict[str, Waiver] = {}
    for number, entry in enumerate(entries, start=1):
        waiver = _waiver(entry, f"{source}: waiver {number}", catalogue)
        where = f"{source}: waiver {number} ({waiver.requirement})"
        if waiver.requirement in waivers:
            raise WaiverError(f"{where}: the requirement is waived above already; keep one")
        if waiver.expires < today:
            raise WaiverError(f"{where}: expired on {waiver.expires}; renew it or remove it")
        waivers[waiver.requirement] = waiver
    return tuple(waivers.values())


def _waiver(entry: object, where: str, catalogue: Catalogue) -> Waiver:
    if not isinstance(entry, dict):
        raise WaiverError(f"{where}: is not a table; write [[waiver]]")
    for name in FIELDS:
        if name not in entry:
            raise WaiverError(f"{where}: {name!r} is missing; write it")
    if unknown := set(entry) - set(FIELDS):
        raise WaiverError(f"{where}: {min(unknown)!r} is not a field; remove it")
    identifier = _text(entry, "requirement", where)
    if identifier not in catalogue.requirements:
        raise WaiverError(f"{where}: there is no requirement {identifier!r}; write its id")
    expires = entry["expires"]
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise WaiverError(f"{where}: expires must be a date without quotes, as in 2027-03-31")
    return Waiver(identifier, _text(entry, "reason", where), _text(entry, "owner", where), expires)


def _text(entry: Mapping[str, Any], name: str, where: str) -> str:
    value = entry[name]
    if not isinstance(value, str) or not value.strip():
        raise WaiverError(f"{where}: {name} must be a text")
    return " ".join(value.split())


def parse_stored_waivers(
    stored: Sequence[Mapping[str, str]], source: str, catalogue: Catalogue
) -> tuple[Waiver, ...]:
    """The waivers of a stored report: they held on the day of the run, whatever today is."""
    if not stored:
        return ()
    entries = [{**entry, "expires": date.fromisoformat(entry["expires"])} for entry in stored]
    return parse_waivers({"waiver": entries}, source, catalogue, date.min)
