"""Names that users choose, and what a document names."""

from __future__ import annotations

import json
import re

from rig.errors import UsageError

_THING = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_JOB_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TOPIC_WORDS = frozenset({"get", "start-next", "notify", "notify-next"})


def check_thing_name(name: str) -> None:
    """Raises `UsageError` for what cannot name a thing (job service §7.2)."""
    if not _THING.fullmatch(name):
        raise UsageError(
            f"the thing name {name!r} is not 1 to 128 of a-z, A-Z, 0-9, colon, underscore, dash"
        )


def check_job_id(job_id: str) -> None:
    """Raises `UsageError` for what cannot be a job id, or would read as a topic (§1.1, §3)."""
    if not _JOB_ID.fullmatch(job_id):
        raise UsageError(
            f"the job id {job_id!r} is not 1 to 64 of a-z, A-Z, 0-9, underscore and dash"
        )
    if job_id in _TOPIC_WORDS:
        raise UsageError(f"the job id {job_id!r} is a word of the job topics: take another")


def streams_named(document: str) -> tuple[str, ...]:
    """The stream that an `afr_ota` document names; none if it is not such a document."""
    try:
        name = json.loads(document)["afr_ota"]["streamname"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return ()
    return (name,) if isinstance(name, str) and name else ()
