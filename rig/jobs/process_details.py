"""How many things are at which status of a job (job service §3.4)."""

from __future__ import annotations

from rig.jobs.engine import ExecutionStatus, Job

_S = ExecutionStatus
COUNTS = {
    "numberOfCanceledThings": _S.CANCELED,
    "numberOfSucceededThings": _S.SUCCEEDED,
    "numberOfFailedThings": _S.FAILED,
    "numberOfRejectedThings": _S.REJECTED,
    "numberOfQueuedThings": _S.QUEUED,
    "numberOfInProgressThings": _S.IN_PROGRESS,
    "numberOfRemovedThings": _S.REMOVED,
    "numberOfTimedOutThings": _S.TIMED_OUT,
}


def counts_of(job: Job) -> dict[str, int]:
    """The counts by their names in `jobProcessDetails`."""
    return {name: job.counts.get(status, 0) for name, status in COUNTS.items()}
