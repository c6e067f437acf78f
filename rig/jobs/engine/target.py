"""What a job is aimed at: a thing or a group of things (job service §3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class TargetKind(Enum):
    """The words of the ARNs."""

    THING = "thing"
    GROUP = "thinggroup"


@dataclass(frozen=True)
class Target:
    """A thing or a group, by name."""

    kind: TargetKind
    name: str

    @classmethod
    def thing(cls, name: str) -> Target:
        return cls(TargetKind.THING, name)

    @classmethod
    def group(cls, name: str) -> Target:
        return cls(TargetKind.GROUP, name)

    @classmethod
    def parse(cls, resource: str) -> Target:
        """From the end of an ARN, `thing/T` or `thinggroup/G`; raises `ValueError`."""
        kind, _, name = resource.partition("/")
        if not name:
            raise ValueError(f"{resource!r} names no target")
        return cls(TargetKind(kind), name)

    @property
    def resource(self) -> str:
        """As an ARN ends."""
        return f"{self.kind.value}/{self.name}"
