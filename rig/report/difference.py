"""What changed between two runs, from their `conformance.json` and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

# Two runs never agree on these, and nobody asks.
VOLATILE = frozenset({"started", "seconds"})
ABSENT = "absent"


@dataclass(frozen=True)
class Change:
    """One thing that is not the same: `part` of the report, `name` in it, and both values.

    `why` is what the later run says of it, "" where it says nothing.
    """

    part: str
    name: str
    before: str
    after: str
    why: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """All changes between two documents as `read_conformance` gives them."""
    return tuple(_differences(before, after))


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in ("verdict", "profile"):
        yield from _values("verdict", {name: before[name]}, {name: after[name]})
    yield from _values("verdict", _judged_how(before), _judged_how(after))
    yield from _entries("requirement", before["requirements"], after["requirements"], _standing)
    yield from _entries("case", before["cases"], after["cases"], _outcome)
    for part in ("suite", "device", "provenance"):
        yield from _values(part, _flat(before[part]), _flat(after[part]))


def _judged_how(document: Mapping[str, Any]) -> dict[str, Any]:
    run = document.get("run")
    if not isinstance(run, dict):
        return {}
    waivers = run.get("waivers")
    waived = [w.get("requirement") for w in waivers if isinstance(w, dict)] if waivers else []
    return {"strict": run.get("strict"), "waivers": waived}


def _entries(
    part: str, before: Mapping[str, Any], after: Mapping[str, Any], word: Any
) -> Iterator[Change]:
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        shown = (ABSENT if old is None else word(old), ABSENT if new is None else word(new))
        if shown[0] != shown[1]:
            why = "" if new is None else str(new.get("why") or new.get("message") or "")
            yield Change(part, name, *shown, why)


def _standing(entry: Mapping[str, Any]) -> str:
    caveat = entry.get("caveat")
    return f"{entry.get('verdict')}, {caveat}" if caveat else str(entry.get("verdict"))


def _outcome(entry: Mapping[str, Any]) -> str:
    return str(entry.get("outcome"))


def _values(part: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if old != new and name not in VOLATILE:
            yield Change(part, name, _shown(old), _shown(new))


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as one, their names joined by dots."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and prefix.count(".") < 4:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _shown(value: Any) -> str:
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else json.dumps(value)
