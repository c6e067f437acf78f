"""What the control plane lists: jobs, executions and OTA updates as they are stored."""

from __future__ import annotations

from rig.jobs.engine import Code, Execution, ExecutionStatus, Job
from rig.jobs.refusal import RefusalError
from rig.jobs.registry import Registry
from rig.jobs.store import OtaUpdateRecord, Store


class Views:
    """Read only; any thread. Raises `RefusalError` for what is asked of something unknown."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def jobs(self) -> tuple[Job, ...]:
        """All jobs, the newest first."""
        with self._store.transaction() as transaction:
            return transaction.jobs()

    def job(self, job_id: str) -> Job:
        with self._store.transaction() as transaction:
            job = transaction.job(job_id)
        if job is None:
            raise RefusalError(Code.RESOURCE_NOT_FOUND, f"there is no job {job_id}")
        return job

    def waiting_things(self, job_id: str) -> tuple[str, ...]:
        """The things that the job's rollout has yet to come to, in their order."""
        with self._store.transaction() as transaction:
            return transaction.waiting(job_id)

    def executions_of_job(
        self, job_id: str, status: ExecutionStatus | None = None
    ) -> tuple[Execution, ...]:
        """By thing, then number."""
        self.job(job_id)
        with self._store.transaction() as transaction:
            return transaction.executions_of_job(job_id, status)

    def executions_of_thing(
        self, thing: str, status: ExecutionStatus | None = None, job_id: str | None = None
    ) -> tuple[Execution, ...]:
        """The newest first."""
        with self._store.transaction() as transaction:
            Registry.known_thing(transaction, thing)
            return transaction.executions_of_thing(thing, status, job_id)

    def ota_updates(self) -> tuple[OtaUpdateRecord, ...]:
        """All updates by their ids."""
        with self._store.transaction() as transaction:
            return transaction.ota_updates()
