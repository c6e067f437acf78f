"""Rows to values and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import RowMapping

from rig.jobs.engine import Execution, ExecutionStatus, Job, JobStatus, Target
from rig.jobs.engine.model import RolloutProgress
from rig.jobs.engine.policy import NO_POLICY
from rig.jobs.policy_json import read_policy, show_policy
from rig.jobs.store.records import OtaUpdateRecord

Row = RowMapping | Mapping[str, Any]

# A job of a hundred targets is read with each request of a device.
_target_of = lru_cache(maxsize=1024)(Target.parse)


def execution_of(row: Row) -> Execution:
    return Execution(
        thing=row["thing"],
        job_id=row["job_id"],
        number=row["number"],
        sequence=row["sequence"],
        status=ExecutionStatus(row["status"]),
        status_details=row["status_details"],
        version=row["version"],
        queued_at=row["queued_at"],
        started_at=row["started_at"],
        last_updated_at=row["last_updated_at"],
        in_progress_deadline=row["in_progress_deadline"],
        step_deadline=row["step_deadline"],
        force_canceled=row["force_canceled"],
        retries=_counts_of(row["retries"]),
        left_group=row["left_group"],
    )


def row_of_execution(execution: Execution) -> dict[str, Any]:
    return {
        "thing": execution.thing,
        "job_id": execution.job_id,
        "number": execution.number,
        "sequence": execution.sequence,
        "status": execution.status.value,
        "pending": execution.status.pending,
        "status_details": dict(execution.status_details),
        "version": execution.version,
        "queued_at": execution.queued_at,
        "started_at": execution.started_at,
        "last_updated_at": execution.last_updated_at,
        "in_progress_deadline": execution.in_progress_deadline,
        "step_deadline": execution.step_deadline,
        "deadline": execution.deadline,
        "force_canceled": execution.force_canceled,
        "retries": _row_of_counts(execution.retries),
        "left_group": execution.left_group,
    }


def job_of(row: Row) -> Job:
    return Job(
        job_id=row["job_id"],
        document=row["document"],
        streams=tuple(row["streams"]),
        targets=tuple(map(_target_of, row["targets"])),
        status=JobStatus(row["status"]),
        continuous=row["continuous"],
        created_at=row["created_at"],
        last_updated_at=row["last_updated_at"],
        completed_at=row["completed_at"],
        force_canceled=row["force_canceled"],
        reason_code=row["reason_code"],
        comment=row["comment"],
        policy=read_policy(row["policy"]) if row["policy"] else NO_POLICY,
        presign_seconds=row["presign_seconds"],
        counts=_counts_of(row["counts"]),
        waiting=row["waiting"],
        rollout=RolloutProgress(row["notified"], row["minute_started_at"], row["rate"]),
        ended=row["ended"],
        description=row["description"],
        labels=row["labels"],
    )


def row_of_job(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "document": job.document,
        "streams": list(job.streams),
        "targets": [target.resource for target in job.targets],
        "status": job.status.value,
        "continuous": job.continuous,
        "created_at": job.created_at,
        "last_updated_at": job.last_updated_at,
        "completed_at": job.completed_at,
        "force_canceled": job.force_canceled,
        "reason_code": job.reason_code,
        "comment": job.comment,
        "policy": show_policy(job.policy),
        "presign_seconds": job.presign_seconds,
        "counts": _row_of_counts(job.counts),
        "waiting": job.waiting,
        "notified": job.rollout.notified,
        "minute_started_at": job.rollout.minute_started_at,
        "rate": job.rollout.rate,
        "ended": job.ended,
        "description": job.description,
        "labels": dict(job.labels),
        "due_at": job.due_at,
    }


def _counts_of(row: Mapping[str, int]) -> dict[ExecutionStatus, int]:
    return {ExecutionStatus(name): count for name, count in row.items()}


def _row_of_counts(counts: Mapping[ExecutionStatus, int]) -> dict[str, int]:
    return {status.value: count for status, count in counts.items()}


def ota_update_of(row: RowMapping) -> OtaUpdateRecord:
    return OtaUpdateRecord(
        update_id=row["update_id"],
        job_id=row["job_id"],
        stream_id=row["stream_id"],
        description=row["description"],
        targets=tuple(Target.parse(resource) for resource in row["targets"]),
        protocols=tuple(row["protocols"]),
        files=tuple(row["files"]),
        continuous=row["continuous"],
        created_at=row["created_at"],
        labels=row["labels"],
    )


def row_of_ota_update(record: OtaUpdateRecord) -> dict[str, Any]:
    return {
        "update_id": record.update_id,
        "job_id": record.job_id,
        "stream_id": record.stream_id,
        "description": record.description,
        "targets": [target.resource for target in record.targets],
        "protocols": list(record.protocols),
        "files": list(record.files),
        "continuous": record.continuous,
        "created_at": record.created_at,
        "labels": dict(record.labels),
    }
