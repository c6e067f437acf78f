"""What the page tells of boots and flash, beside what the device said."""

from __future__ import annotations

from typing import Any

from rig.report.witnesses import EMPTY_SHA256, sightings
from rig.trace import Event, Header, Trace

FACTORY, OFFERED = "fa" * 32, "0f" * 32


def trace_of(*events: tuple[str, dict[str, Any]]) -> Trace:
    made = [
        Event(float(n), "probe", kind, data=data, line=n)
        for n, (kind, data) in enumerate(events, start=2)
    ]
    return Trace(Header("s", "d", "t"), tuple(made))


def read(slot: str, sha256: str, *, active: bool = False) -> tuple[str, dict[str, Any]]:
    return "READ", {"slot": slot, "sha256": sha256, "active": active}


def boot(slot: str, marker: str) -> tuple[str, dict[str, Any]]:
    return "BOOT", {"slot": slot, "marker": marker, "version": "1.0.1", "state": "valid"}


OFFER = ("JOB_CREATED", {"job_id": "J", "image": {"sha256": OFFERED, "version": "1.0.1"}})
FLASHED = ("FLASH", {"slot": "A", "sha256": FACTORY})


def test_images_are_named_by_their_digest() -> None:
    found = sightings(
        trace_of(
            FLASHED, OFFER, read("A", FACTORY, active=True), read("B", OFFERED), read("C", "x")
        )
    )
    assert [(s.what, s.slot, s.image) for s in found] == [
        ("flashed", "A", "factory image"),
        ("offered", "", "1.0.1 of J"),
        ("read back, running", "A", "factory image"),
        ("read back", "B", "1.0.1 of J"),
        ("read back", "C", "none of these images"),
    ]
    assert found[1].proof == OFFERED[:16]


def test_every_boot_is_told_and_no_reading_twice() -> None:
    found = sightings(
        trace_of(
            boot("A", "01" * 16),
            read("B", EMPTY_SHA256),
            read("B", EMPTY_SHA256),
            boot("A", "01" * 16),
        )
    )
    assert [s.what for s in found] == ["booted", "read back", "booted"]
    assert found[1].image == "nothing"
    assert found[0].proof == "01" * 8


def test_what_changes_in_a_slot_is_told_again() -> None:
    found = sightings(trace_of(read("B", FACTORY), read("B", OFFERED), read("B", FACTORY)))
    assert len(found) == 3


def test_hostile_values_are_cut() -> None:
    found = sightings(
        trace_of(("BOOT", {"slot": "x" * 9000, "version": ["y" * 9000]}), ("READ", {}))
    )
    assert all(len(s.image) < 200 and len(s.slot) < 100 for s in found)
