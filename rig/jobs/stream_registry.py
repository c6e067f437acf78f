"""Streams that users make themselves (job service §4.5); an update makes its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rig.clock import Clock
from rig.errors import UsageError
from rig.jobs.engine import Code
from rig.jobs.objects import ObjectStore
from rig.jobs.refusal import RefusalError
from rig.jobs.store import Mark, Store, StreamFile, StreamRecord, Transaction


class StreamInUseError(UsageError):
    """A job that is not over names the stream."""


@dataclass(frozen=True)
class FileSpec:
    """One file of a stream as it is asked for."""

    file_id: int
    bucket: str
    key: str


class StreamRegistry:
    """The streams of one store. Raises `UsageError` for bad input, any thread."""

    def __init__(
        self, store: Store, objects: ObjectStore, clock: Clock, on_change: Callable[[], None]
    ) -> None:
        """`on_change` is called when a stream has changed: who has read it is to look again."""
        self._store = store
        self._objects = objects
        self._clock = clock
        self._on_change = on_change

    def create(
        self, stream_id: str, files: Sequence[FileSpec], role_arn: str, description: str | None
    ) -> StreamRecord:
        """The new stream, version 1; its files are what the objects are now."""
        now = self._clock.now()
        made = StreamRecord(
            stream_id, self._files(files), now, description=description, role_arn=role_arn
        )
        with self._store.transaction() as transaction:
            if transaction.stream(stream_id) is not None:
                raise RefusalError(
                    Code.RESOURCE_ALREADY_EXISTS, f"stream {stream_id} exists already"
                )
            transaction.put_stream(made)
        return made

    def update(
        self,
        stream_id: str,
        files: Sequence[FileSpec] | None,
        role_arn: str | None,
        description: str | None,
    ) -> StreamRecord:
        """The next version of the stream; None leaves a member as it is."""
        with self._store.transaction() as transaction:
            stream = _known(transaction, stream_id)
            changed = replace(
                stream,
                version=stream.version + 1,
                files=stream.files if files is None else self._files(files),
                role_arn=stream.role_arn if role_arn is None else role_arn,
                description=stream.description if description is None else description,
                updated_at=self._clock.now(),
            )
            transaction.put_stream(changed)
            transaction.put_out([(Mark.STREAMS, None)], self._clock.now())
        self._on_change()
        return changed

    def stream(self, stream_id: str) -> StreamRecord:
        """Raises `RefusalError` if there is none."""
        with self._store.transaction() as transaction:
            return _known(transaction, stream_id)

    def file(self, stream_id: str, file_id: int) -> StreamFile:
        """One file of a stream; raises `RefusalError` if there is none."""
        for file in self.stream(stream_id).files:
            if file.file_id == file_id:
                return file
        raise RefusalError(Code.RESOURCE_NOT_FOUND, f"the stream {stream_id} has no file {file_id}")

    def streams(self) -> tuple[StreamRecord, ...]:
        """All streams by their ids."""
        with self._store.transaction() as transaction:
            return transaction.streams()

    def delete(self, stream_id: str) -> None:
        """Raises `StreamInUseError` while a job that is not over names it."""
        with self._store.transaction() as transaction:
            _known(transaction, stream_id)
            for job in transaction.jobs():
                if stream_id in job.streams and not job.status.terminal:
                    raise StreamInUseError(f"job {job.job_id} names the stream {stream_id}")
            transaction.delete_stream(stream_id)
            transaction.put_out([(Mark.STREAMS, None)], self._clock.now())
        self._on_change()

    def _files(self, files: Sequence[FileSpec]) -> tuple[StreamFile, ...]:
        if len({file.file_id for file in files}) != len(files):
            raise UsageError("two files of the stream have the same fileId")
        return tuple(self._file(file) for file in files)

    def _file(self, file: FileSpec) -> StreamFile:
        stored = self._objects.get(file.bucket, file.key)
        if stored is None:
            raise UsageError(f"there is no object {file.bucket}/{file.key}: upload it first")
        return StreamFile(file.file_id, file.bucket, file.key, len(stored.content), stored.sha256)


def _known(transaction: Transaction, stream_id: str) -> StreamRecord:
    found = transaction.stream(stream_id)
    if found is None:
        raise RefusalError(Code.RESOURCE_NOT_FOUND, f"there is no stream {stream_id}")
    return found
