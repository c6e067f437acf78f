"""Job messages as a scenario wants them: of any job, with any details, of any length."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]
PADDING = "padding"
ENVELOPE = 220
"""Bytes that the job service puts around a job document, give or take fifty (job service §1.7)."""


def compact(message: Mapping[str, Any]) -> bytes:
    """JSON without blanks, as the job service sends it."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def job_message(
    job_id: str, document: Mapping[str, Any], details: Mapping[str, str] | None = None
) -> Document:
    """What a device is sent of a job in progress (job service §1.7); `details` as it reported."""
    execution: Document = {"jobId": job_id, "status": "IN_PROGRESS"}
    if details is not None:
        execution["statusDetails"] = dict(details)
    execution |= {
        "queuedAt": 1,
        "startedAt": 1,
        "lastUpdatedAt": 1,
        "versionNumber": 2,
        "executionNumber": 1,
        "jobDocument": document,
    }
    return {"timestamp": 1, "execution": execution}


def padded(document: Mapping[str, Any], size: int) -> Document:
    """The document with one more member that nobody knows, so that it has `size` bytes.

    Raises `ValueError` when it has more already.
    """
    missing = size - len(compact(dict(document) | {PADDING: ""}))
    if missing < 0:
        raise ValueError(f"the document is longer than {size} bytes without any padding")
    return dict(document) | {PADDING: "x" * missing}
