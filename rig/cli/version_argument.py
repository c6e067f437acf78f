"""A version as users write it on the command line."""

from __future__ import annotations

from agent.protocol.version import Version
from rig.errors import UsageError


def version_of(text: str) -> Version:
    """Read `major.minor.build`; raises `UsageError`."""
    try:
        return Version.parse(text)
    except ValueError as error:
        raise UsageError(f"--version: {error}") from None
