"""Everything that can be asked of the engine, as values that have been validated already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rig.jobs.engine.model import Job
from rig.jobs.engine.policy import Policy
from rig.jobs.engine.status import ExecutionStatus
from rig.jobs.engine.target import Target

DROP_STEP_TIMER = -1
"""As `step_minutes`: the step timer is removed (§3.3)."""


@dataclass(frozen=True)
class GetPending:
    """List the pending executions (`jobs/get`)."""

    thing: str


@dataclass(frozen=True)
class StartNext:
    """Take the next pending execution (`jobs/start-next`)."""

    thing: str
    status_details: Mapping[str, str] | None = None
    step_minutes: int | None = None


@dataclass(frozen=True)
class Describe:
    """Describe an execution (`jobs/J/get`); `job_id` None is `$next`, `number` None the latest."""

    thing: str
    job_id: str | None = None
    number: int | None = None
    include_document: bool = True


@dataclass(frozen=True)
class Update:
    """Report progress (`jobs/J/update`); `status_details` None leaves them as they are."""

    thing: str
    job_id: str
    status: ExecutionStatus
    status_details: Mapping[str, str] | None = None
    expected_version: int | None = None
    number: int | None = None
    include_state: bool = False
    include_document: bool = False
    step_minutes: int | None = None


@dataclass(frozen=True)
class CreateJob:
    """Make the job and begin its rollout to these things, at once or when it is scheduled."""

    job: Job
    things: tuple[str, ...]


@dataclass(frozen=True)
class UpdateJob:
    """Change how a job is carried out from now on (§7.2); None leaves a member as it is."""

    job_id: str
    policy: Policy | None = None
    description: str | None = None
    presign_seconds: int | None = None
    labels: Mapping[str, object] | None = None


@dataclass(frozen=True)
class AddThings:
    """Queue a continuous job at once on things that have come under its targets (§3.1).

    `targets` are new ones of the job, none if a thing has joined a group.
    """

    job_id: str
    things: tuple[str, ...]
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True)
class RemoveThings:
    """Things are no longer under the job's targets (§2.1)."""

    job_id: str
    things: tuple[str, ...]


@dataclass(frozen=True)
class CancelJob:
    """Cancel what is queued, and with `force` also what is in progress (§2.2)."""

    job_id: str
    force: bool = False
    reason_code: str | None = None
    comment: str | None = None


@dataclass(frozen=True)
class DeleteJob:
    """Delete an ended job, or with `force` any (§2.2)."""

    job_id: str
    force: bool = False


@dataclass(frozen=True)
class CancelExecution:
    """Cancel one thing's latest execution of a job (§2.1)."""

    thing: str
    job_id: str
    force: bool = False
    expected_version: int | None = None
    status_details: Mapping[str, str] | None = None


@dataclass(frozen=True)
class DeleteExecution:
    """Delete one execution (§2.1)."""

    thing: str
    job_id: str
    number: int
    force: bool = False


@dataclass(frozen=True)
class Tick:
    """Time has passed: deadlines, starts and ends of schedules, rollouts (§3)."""


@dataclass(frozen=True)
class Settle:
    """End what has to end with a canceled job."""

    job_id: str


DeviceCommand = GetPending | StartNext | Describe | Update
ControlCommand = (
    CreateJob
    | UpdateJob
    | AddThings
    | RemoveThings
    | CancelJob
    | DeleteJob
    | CancelExecution
    | DeleteExecution
    | Tick
    | Settle
)
Command = DeviceCommand | ControlCommand
