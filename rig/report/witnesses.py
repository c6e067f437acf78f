"""What ran and what was in flash: the witnesses of a case beside the device's own words."""

from __future__ import annotations

from dataclasses import dataclass

from rig.report.message_text import cut
from rig.trace import Event, Trace

MAX_SIGHTINGS = 60
MAX_CHARACTERS = 100
DIGITS = 16
"""Of a digest or a marker; enough to tell images apart."""
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True)
class Sighting:
    """One image in one place: offered, flashed, booted, or read back.

    `proof` is the beginning of the content's SHA-256, of a boot the marker it showed.
    """

    line: int
    t: float
    what: str
    slot: str
    image: str
    proof: str

    @property
    def shows(self) -> tuple[str, str, str, str]:
        return self.what, self.slot, self.image, self.proof


def sightings(trace: Trace) -> tuple[Sighting, ...]:
    """In order of time; what shows the same as the last of its kind and slot is left out."""
    names = {EMPTY_SHA256: "nothing"}
    last: dict[tuple[str, str], tuple[str, str, str, str]] = {}
    found: list[Sighting] = []
    for position, event in enumerate(trace.events):
        line = position + 2 if event.line is None else event.line
        sighting = _sighting(line, event, names)
        if sighting is None:
            continue
        place = (sighting.what.split(",")[0], sighting.slot)
        # Every boot is one of its own; a second reading of the same is no news.
        if event.kind == "BOOT" or last.get(place) != sighting.shows:
            found.append(sighting)
        last[place] = sighting.shows
    return tuple(found[:MAX_SIGHTINGS])


def _sighting(line: int, event: Event, names: dict[str, str]) -> Sighting | None:
    data = event.data
    if event.kind == "JOB_CREATED" and isinstance(image := data.get("image"), dict):
        digest = str(image.get("sha256", ""))
        name = cut(f"{image.get('version')} of {data.get('job_id')}", MAX_CHARACTERS)
        names.setdefault(digest, name)
        return Sighting(line, event.t, "offered", "", name, digest[:DIGITS])
    if event.kind == "BOOT":
        image = cut(f"{data.get('version')}, {data.get('state')}", MAX_CHARACTERS)
        marker = str(data.get("marker", ""))
        return Sighting(line, event.t, "booted", _slot(event), image, marker[:DIGITS])
    digest = str(data.get("sha256", ""))
    if event.kind == "FLASH" and "slot" in data:
        names.setdefault(digest, "factory image")
        slot, name = _slot(event), names[digest]
        return Sighting(line, event.t, "flashed", slot, name, digest[:DIGITS])
    if event.kind == "READ":
        what = "read back, running" if data.get("active") else "read back"
        name = names.get(digest, "none of these images")
        return Sighting(line, event.t, what, _slot(event), name, digest[:DIGITS])
    return None


def _slot(event: Event) -> str:
    return cut(str(event.data.get("slot", "")), DIGITS)
