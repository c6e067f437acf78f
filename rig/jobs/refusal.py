"""A control command that the service refuses."""

from __future__ import annotations

from rig.errors import UsageError
from rig.jobs.engine import Code


class RefusalError(UsageError):
    """The user asked for something impossible; `code` says which kind, for the control plane."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
