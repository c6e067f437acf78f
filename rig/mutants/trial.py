"""How a broken agent fared: what it violated, and what of that it was made for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MISSING = "there is no such scenario"


@dataclass
class Trial:
    """One broken agent's run through its scenarios; `said` is how each of them ended."""

    name: str
    killed_by: list[str] = field(default_factory=list)
    """Violated requirements that the mutant was made to break."""
    violated: list[str] = field(default_factory=list)
    """All violated requirements."""
    scenario: str = ""
    """The scenario that caught it."""
    said: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def is_killed(self) -> bool:
        return bool(self.killed_by)

    @property
    def lacks_scenario(self) -> bool:
        """Whether it survived for want of a scenario that would try it."""
        return not self.is_killed and MISSING in self.said.values()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, table: dict[str, Any]) -> Trial:
        return cls(**table)
