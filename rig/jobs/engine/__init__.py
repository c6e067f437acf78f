"""The job engine's core: values in, values out, no clock, no store, no sockets."""

from rig.jobs.engine.answers import (
    Answer,
    Change,
    Code,
    Decision,
    Described,
    Done,
    Event,
    ExecutionEvent,
    JobEvent,
    JobOperation,
    NextChanged,
    PendingChanged,
    PendingList,
    Refused,
    Updated,
)
from rig.jobs.engine.model import Execution, ExecutionKey, Job, State
from rig.jobs.engine.policy import Policy
from rig.jobs.engine.status import ExecutionStatus, JobStatus
from rig.jobs.engine.target import Target, TargetKind
from rig.jobs.engine.transition import transition

__all__ = [
    "Answer",
    "Change",
    "Code",
    "Decision",
    "Described",
    "Done",
    "Event",
    "Execution",
    "ExecutionEvent",
    "ExecutionKey",
    "ExecutionStatus",
    "Job",
    "JobEvent",
    "JobOperation",
    "JobStatus",
    "NextChanged",
    "PendingChanged",
    "PendingList",
    "Policy",
    "Refused",
    "State",
    "Target",
    "TargetKind",
    "Updated",
    "transition",
]
