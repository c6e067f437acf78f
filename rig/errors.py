"""The kinds of failure that are not the device's.

Three kinds never mix: the device broke a rule (a verdict of the judge, never an exception),
the bench failed (`BenchError`), the user gave bad input (`UsageError`).
"""

from __future__ import annotations


class OtarigError(Exception):
    """Base of both kinds; the message is one line that says what, where and what to do."""


class BenchError(OtarigError):
    """The bench itself failed: nothing can be said of the device (exit code 3)."""


class UsageError(OtarigError):
    """The user gave bad input: a file, a field, an argument (exit code 2)."""
