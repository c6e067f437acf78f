"""The catalogue that comes with the rig, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rig.judge.catalogue import (
    CatalogueError,
    Channel,
    Level,
    Profile,
    default_catalogue,
    load_catalogue,
    parse_catalogue,
)

ENTRY: dict[str, Any] = {
    "id": "OTA-CTL-001",
    "level": "MUST",
    "statement": "It does.",
    "source": "OTA spec §1",
    "channels": ["mqtt"],
    "core": True,
}
FAMILY_SIZES = {
    "CTL": 20, "JOB": 38, "DAT": 38, "SIG": 12, "TST": 24, "ABT": 5, "SUS": 8, "SHT": 4,
    "HTP": 12, "RES": 10, "STA": 1,
}  # fmt: skip


def test_all_requirements_of_the_spec_are_there() -> None:
    identifiers = [
        f"OTA-{family}-{number:03}"
        for family, size in FAMILY_SIZES.items()
        for number in range(1, size + 1)
    ]
    assert list(default_catalogue().requirements) == identifiers
    assert len(identifiers) == 172


def test_entries_are_read() -> None:
    requirement = default_catalogue()["OTA-SIG-004"]
    assert requirement.level is Level.MUST
    assert requirement.channels == (Channel.MQTT, Channel.RESET, Channel.FLASH)


def test_the_core_profile_is_a_part_of_the_full_one() -> None:
    catalogue = default_catalogue()
    core, full = catalogue.profile(Profile.CORE), catalogue.profile(Profile.FULL)
    assert len(full) == 171
    assert 0 < len(core) < len(full)
    assert set(core) <= set(full)
    optional = {entry for entry in catalogue.requirements.values() if entry.optional}
    assert optional == set(catalogue.requirements.values()) - set(full)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": "MAY"}, "level: 'MAY' is not one of 'MUST', 'SHOULD', 'TOL'"),
        ({"channels": ["smoke"]}, "channels: 'smoke' is not one of"),
        ({"channels": []}, "channels must be a list with at least one channel"),
        ({"channels": "mqtt"}, "channels must be a list with at least one channel"),
        ({"statement": "  "}, "statement must be a text"),
        ({"source": 7}, "source must be a text"),
        ({"core": "yes"}, "core must be true or false"),
        ({"optional": "no"}, "optional must be true or false"),
        ({"optional": True}, "is core and optional"),
        ({"id": "CTL-1"}, "id must look like OTA-CTL-001"),
        ({"colour": "red"}, "'colour' is not a field; remove it"),
    ],
)
def test_wrong_fields_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CatalogueError) as refusal:
        parse_catalogue({"requirement": [ENTRY | change]}, "here.toml")
    assert str(refusal.value).startswith("here.toml: entry 0 (")
    assert message in str(refusal.value)


def test_missing_fields_are_named() -> None:
    entry = {key: value for key, value in ENTRY.items() if key != "source"}
    with pytest.raises(CatalogueError, match="'source' is missing; write it"):
        parse_catalogue({"requirement": [entry]}, "here.toml")


def test_ids_are_unique() -> None:
    with pytest.raises(CatalogueError, match="OTA-CTL-001 is there 2 times"):
        parse_catalogue({"requirement": [ENTRY, ENTRY]}, "here.toml")


@pytest.mark.parametrize("document", [{}, {"requirement": []}, {"requirement": 3}])
def test_an_empty_catalogue_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(CatalogueError, match="has no"):
        parse_catalogue(document, "here.toml")


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_catalogue(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[[requirement")
    with pytest.raises(CatalogueError, match="is not valid TOML"):
        load_catalogue(broken)
