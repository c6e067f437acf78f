"""The console of a case, boot by boot."""

from __future__ import annotations

from dataclasses import dataclass, field

from rig.report.message_text import cut
from rig.trace import Trace

MAX_LINES = 120
MAX_CHARACTERS = 300


@dataclass
class Boot:
    """What the device printed in one boot; `more` lines are left to the trace."""

    number: int | None
    image: str = ""
    lines: list[str] = field(default_factory=list)
    more: int = 0

    @property
    def title(self) -> str:
        name = "before the first boot" if self.number is None else f"Boot {self.number}"
        return f"{name}, {self.image}" if self.image else name


def boots(trace: Trace) -> tuple[Boot, ...]:
    """The boots in order, each with its lines; one without any is left out."""
    found: dict[int | None, Boot] = {}
    for event in trace.events:
        if event.channel == "console":
            boot = found.setdefault(event.boot, Boot(event.boot))
            if len(boot.lines) < MAX_LINES:
                line = cut(str(event.data.get("text", "")), MAX_CHARACTERS)
                boot.lines.append(f"{event.t:8.3f}  {line}")
            else:
                boot.more += 1
        elif event.kind == "BOOT":
            boot = found.setdefault(event.boot, Boot(event.boot))
            boot.image = f"version {event.data.get('version')} in slot {event.data.get('slot')}"
    return tuple(boot for boot in found.values() if boot.lines)
