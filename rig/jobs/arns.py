"""Amazon resource names of what this service has (job service §7.1)."""

from __future__ import annotations

from dataclasses import dataclass

from rig.jobs.engine import Target
from rig.jobs.settings import JobSettings


@dataclass(frozen=True)
class Arns:
    """Makes the ARNs of one region and account."""

    settings: JobSettings

    @property
    def prefix(self) -> str:
        """What all of them begin with, up to the kind."""
        return f"arn:aws:iot:{self.settings.region}:{self.settings.account}:"

    def make(self, kind: str, name: str) -> str:
        """`kind` is for example `thing`, `job`, `cert`, `otaupdate`."""
        return f"{self.prefix}{kind}/{name}"

    def of_target(self, target: Target) -> str:
        return self.make(target.kind.value, target.name)
