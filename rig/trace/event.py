"""One event of a trace, and the header that a trace begins with. Both are values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA = "otarig-trace/1"

CHANNELS = frozenset({"mqtt", "http", "console", "probe", "power", "rig"})
DIRECTIONS = frozenset({"from_device", "to_device"})

# Longer values are cut in the one-line form of an event.
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Event:
    """Something the rig saw or did.

    `t` is seconds since the first event, `conn` the number of the network connection, `boot` the
    number of the boot, `data` every other key of the event as JSON values (`topic`, `qos`,
    `payload` as hex, …). `line` is where a trace file holds the event (1 is the header), None for
    an event that has not been read from a file.
    """

    t: float
    channel: str
    kind: str
    dir: str | None = None
    conn: int | None = None
    boot: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    line: int | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of this event; keys that make no sense for it are absent."""
        keys: dict[str, Any] = {"t": round(self.t, 6), "channel": self.channel}
        if self.dir is not None:
            keys["dir"] = self.dir
        if self.conn is not None:
            keys["conn"] = self.conn
        keys["kind"] = self.kind
        if self.boot is not None:
            keys["boot"] = self.boot
        return keys | self.data

    def to_json(self) -> str:
        """The event as its line of a trace file, without the newline."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    def brief(self) -> str:
        """The event in one short line for people."""
        shown = []
        for key, value in self.data.items():
            text = str(value)
            if len(text) > _SHOWN_CHARACTERS:
                text = f"{text[:_SHOWN_CHARACTERS]}…"
            shown.append(f"{key}={text}")
        where = [self.dir or "", "" if self.conn is None else f"conn={self.conn}"]
        return " ".join(
            word for word in (f"{self.t:.3f}", self.channel, *where, self.kind, *shown) if word
        )


@dataclass(frozen=True)
class Header:
    """What a trace is of: a scenario, and the device with what its vendor declares.

    `declares` maps the names of the trace format (`block_size` in bytes, `window` in blocks,
    `request_timer_s`, …) to values; a missing one means "not declared". `extra` keeps keys that
    this version of the rig does not know.
    """

    scenario: str
    kind: str
    thing: str
    declares: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The header as the first line of a trace file, without the newline."""
        device = {"kind": self.kind, "thing": self.thing, "declares": dict(self.declares)}
        keys = {"schema": SCHEMA, "scenario": self.scenario, "device": device}
        return json.dumps(keys | dict(self.extra), separators=(",", ":"))
