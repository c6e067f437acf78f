"""The tables of deliberate faults: every row is complete and speaks of what exists."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agent.config import Declares
from agent.faults import FAMILIES, FAULTS
from agent.platform.boot_plan import plan_boot

ROOT = Path(__file__).parents[3]
CATALOGUE = tomllib.loads((ROOT / "conformance" / "requirements.toml").read_text("utf-8"))
LEVELS = {row["id"]: row["level"] for row in CATALOGUE["requirement"]}
BOARD_FIELDS = {"slack_s"}
BINDING = {name for name, level in LEVELS.items() if level != "TOL"}
# A process has no debug wire: the firmware has a fault for these (docs/firmware.md).
ON_A_CHIP = {row["id"] for row in CATALOGUE["requirement"] if row["channels"] == ["state"]}


@pytest.mark.parametrize("name", FAULTS)
def test_row_is_complete(name: str) -> None:
    fault = FAULTS[name]
    assert fault.description
    assert fault.scenarios
    assert fault.breaks
    assert set(fault.breaks) <= BINDING
    assert fault.apply is not None or fault.plan not in (None, plan_boot)
    assert set(fault.declares) <= set(Declares.__dataclass_fields__) | BOARD_FIELDS


def test_no_name_is_in_two_families() -> None:
    assert sum(len(family.FAULTS) for family in FAMILIES) == len(FAULTS)


def test_no_two_do_the_same() -> None:
    descriptions = [fault.description for fault in FAULTS.values()]
    assert len(set(descriptions)) == len(descriptions)


def test_there_are_enough() -> None:
    assert len(FAULTS) >= 130


def test_every_binding_requirement_has_one() -> None:
    broken = {name for fault in FAULTS.values() for name in fault.breaks}
    assert BINDING - broken == ON_A_CHIP


def test_releases_of_the_library_are_among_them() -> None:
    releases = {"3.0.0", "3.1.0", "3.2.0", "3.3.0", "3.4.0", "head"}
    assert {f"library-{release}" for release in releases} <= set(FAULTS)


def test_the_table_is_told_to_other_programs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent.faults"], cwd=ROOT, capture_output=True, check=True
    )
    told = json.loads(done.stdout)
    assert list(told) == list(FAULTS)
    assert told["retain"]["breaks"] == ["OTA-CTL-007"]
    assert told["retain"]["scenarios"] == list(FAULTS["retain"].scenarios)
