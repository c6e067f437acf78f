"""Rows to values and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping

from rig.jobs.engine import Execution, ExecutionStatus, Job, JobStatus
from rig.jobs.store.records import OtaUpdateRecord


def execution_of(row: RowMapping) -> Execution:
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
    }


def job_of(row: RowMapping) -> Job:
    return Job(
        job_id=row["job_id"],
        document=row["document"],
        streams=tuple(row["streams"]),
        targets=tuple(row["targets"]),
        status=JobStatus(row["status"]),
        continuous=row["continuous"],
        created_at=row["created_at"],
        last_updated_at=row["last_updated_at"],
        completed_at=row["completed_at"],
        force_canceled=row["force_canceled"],
        reason_code=row["reason_code"],
        comment=row["comment"],
        in_progress_timeout_minutes=row["in_progress_timeout_minutes"],
        presign_seconds=row["presign_seconds"],
        counts={ExecutionStatus(name): count for name, count in row["counts"].items()},
    )


def row_of_job(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "document": job.document,
        "streams": list(job.streams),
        "targets": list(job.targets),
        "status": job.status.value,
        "continuous": job.continuous,
        "created_at": job.created_at,
        "last_updated_at": job.last_updated_at,
        "completed_at": job.completed_at,
        "force_canceled": job.force_canceled,
        "reason_code": job.reason_code,
        "comment": job.comment,
        "in_progress_timeout_minutes": job.in_progress_timeout_minutes,
        "presign_seconds": job.presign_seconds,
        "counts": {status.value: count for status, count in job.counts.items()},
    }


def ota_update_of(row: RowMapping) -> OtaUpdateRecord:
    return OtaUpdateRecord(
        update_id=row["update_id"],
        job_id=row["job_id"],
        stream_id=row["stream_id"],
        description=row["description"],
        targets=tuple(row["targets"]),
        protocols=tuple(row["protocols"]),
        files=tuple(row["files"]),
        created_at=row["created_at"],
    )


def row_of_ota_update(record: OtaUpdateRecord) -> dict[str, Any]:
    return {
        "update_id": record.update_id,
        "job_id": record.job_id,
        "stream_id": record.stream_id,
        "description": record.description,
        "targets": list(record.targets),
        "protocols": list(record.protocols),
        "files": list(record.files),
        "created_at": record.created_at,
    }
