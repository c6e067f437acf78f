"""Reading a job status as the device published it (OTA spec §0, §5.3, §5.4)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from rig.judge.story.offer import number

STATUS_WORDS = frozenset({"IN_PROGRESS", "FAILED", "SUCCEEDED", "REJECTED"})
TERMINAL_WORDS = STATUS_WORDS - {"IN_PROGRESS"}

_REASON = re.compile(r"(?:([a-z]+)|0x([0-9a-f]{1,8})): 0x([0-9a-f]{1,8})", re.IGNORECASE)
_RECEIVE = re.compile(r"(\d{1,10})/(\d{1,10})", re.ASCII)
# Releases up to 3.4.0 print a component that is 0 as nothing (OTA spec §12.5).
_VERSION = re.compile(r"v(\d{0,3})\.(\d{0,3})\.(\d{0,5})", re.ASCII)


class Kind(Enum):
    """What a status tells, by the shorthand of OTA spec §0."""

    RECEIVING = "progress"
    READY = "self_test ready"
    ACTIVE = "self_test active"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"
    OTHER = "another status"


TERMINAL = frozenset({Kind.SUCCEEDED, Kind.FAILED, Kind.REJECTED})


@dataclass(frozen=True)
class Reason:
    """The reason of a failure: a word or a first number, and a second number."""

    word: str | None
    first: int | None
    second: int


@dataclass(frozen=True)
class Report:
    """A status. `defect` says why it is not one by OTA spec §0, None when it is.

    `not_text` are the keys of statusDetails whose values are not strings.
    """

    kind: Kind
    defect: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    not_text: tuple[str, ...] = ()

    @property
    def is_terminal(self) -> bool:
        return self.kind in TERMINAL

    @property
    def reason(self) -> str:
        return self.details.get("reason", "")

    @property
    def reason_codes(self) -> Reason | None:
        """The reason taken apart; hex of 1 to 8 digits is granted (OTA spec §12.3)."""
        match = _REASON.fullmatch(self.reason.strip())
        if match is None:
            return None
        word, first, second = match.groups()
        return Reason(word, None if first is None else int(first, 16), int(second, 16))

    @property
    def progress(self) -> tuple[int, int] | None:
        """(stored blocks, all blocks), None when `receive` does not say so."""
        match = _RECEIVE.fullmatch(self.details.get("receive", ""))
        return None if match is None else (int(match[1]), int(match[2]))

    @property
    def updated_by(self) -> int | None:
        """The packed version in `updatedBy`, given as number."""
        return number(self.details.get("updatedBy"))

    @property
    def named_version(self) -> int | None:
        """The packed version that `reason` names, as in "accepted  v1.0.1"."""
        return packed_version(self.reason)

    @property
    def named_updater(self) -> int | None:
        """The packed version that `updatedBy` names as text, as in "  v1.0.0"."""
        return packed_version(self.details.get("updatedBy", ""))


def packed_version(text: str) -> int | None:
    """The version in a text like "accepted  v1.0.1" as major<<24 | minor<<16 | build."""
    match = _VERSION.search(text)
    if match is None:
        return None
    major, minor, build = (int(part or 0) for part in match.groups())
    if major > 0xFF or minor > 0xFF or build > 0xFFFF:
        return None
    return major << 24 | minor << 16 | build


def read_report(payload: bytes) -> Report:
    """What a status payload says; never raises."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return Report(Kind.OTHER, "the payload is not JSON")
    if not isinstance(document, dict):
        return Report(Kind.OTHER, "the payload is not a JSON object")
    status, raw = document.get("status"), document.get("statusDetails")
    details = raw if isinstance(raw, dict) else {}
    defect = None
    if not (isinstance(status, str) and status in STATUS_WORDS):
        defect = f"the status {status!r} is none of {', '.join(sorted(STATUS_WORDS))}"
    elif not isinstance(raw, dict):
        defect = "statusDetails is not an object"
    return Report(
        kind=_kind(status, details),
        defect=defect,
        details={key: value for key, value in details.items() if isinstance(value, str)},
        not_text=tuple(key for key, value in details.items() if not isinstance(value, str)),
    )


def _kind(status: object, details: Mapping[str, object]) -> Kind:
    if isinstance(status, str) and status in TERMINAL_WORDS:
        return Kind(status)
    if status == "IN_PROGRESS":
        if details.get("self_test") == "ready":
            return Kind.READY
        if details.get("self_test") == "active":
            return Kind.ACTIVE
        if "receive" in details:
            return Kind.RECEIVING
    return Kind.OTHER
