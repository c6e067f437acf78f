"""A job as it is asked for (job service §3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rig.errors import UsageError
from rig.jobs.engine import Code, Job, Policy, Target
from rig.jobs.engine.policy import NO_POLICY
from rig.jobs.names import check_job_id, streams_named
from rig.jobs.refusal import RefusalError
from rig.jobs.settings import JobSettings

PRESIGN_SECONDS = 3600
MAX_TARGETS = 100


@dataclass(frozen=True)
class JobSpec:
    """What to do, where and how. The document is delivered as just this text, right or wrong.

    `labels` are members that the service only keeps and shows.
    """

    job_id: str
    targets: tuple[Target, ...]
    document: str
    policy: Policy = NO_POLICY
    continuous: bool = False
    presign_seconds: int = PRESIGN_SECONDS
    description: str | None = None
    labels: Mapping[str, object] = field(default_factory=dict)


def check_targets(targets: Sequence[Target]) -> None:
    """Raises `RefusalError` for more targets than a job may have (§3)."""
    count = len(set(targets))
    if count > MAX_TARGETS:
        raise RefusalError(
            Code.LIMIT_EXCEEDED, f"a job has at most {MAX_TARGETS} targets, not {count}"
        )


def make_job(spec: JobSpec, settings: JobSettings, now: float) -> Job:
    """The new job; raises `UsageError` for an id or a document that cannot be."""
    check_job_id(spec.job_id)
    check_targets(spec.targets)
    limit = settings.max_document_characters
    if len(spec.document) > limit:
        raise UsageError(
            f"the document of job {spec.job_id} has {len(spec.document)} characters, "
            f"at most {limit} are allowed"
        )
    try:
        spec.document.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the document of job {spec.job_id} is not proper Unicode") from error
    return Job(
        spec.job_id,
        spec.document,
        now,
        now,
        targets=tuple(dict.fromkeys(spec.targets)),
        streams=streams_named(spec.document),
        continuous=spec.continuous,
        policy=spec.policy,
        presign_seconds=spec.presign_seconds,
        description=spec.description,
        labels=spec.labels,
    )
