"""Streams and OTA updates."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping, delete, insert, select

from rig.jobs.store import schema
from rig.jobs.store.records import OtaUpdateRecord, StreamFile, StreamRecord
from rig.jobs.store.rows import ota_update_of, row_of_ota_update


class StreamQueries:
    """The part of a transaction that knows streams and OTA updates."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put_stream(self, stream: StreamRecord) -> None:
        """Store the stream, in place of the one of the same id."""
        self.delete_stream(stream.stream_id)
        changed = stream.created_at if stream.updated_at is None else stream.updated_at
        self._connection.execute(
            insert(schema.streams).values(
                stream_id=stream.stream_id,
                version=stream.version,
                description=stream.description,
                role_arn=stream.role_arn,
                created_at=stream.created_at,
                updated_at=changed,
            )
        )
        rows = [
            {
                "stream_id": stream.stream_id,
                "file_id": file.file_id,
                "bucket": file.bucket,
                "key": file.key,
                "size": file.size,
                "digest": file.digest,
            }
            for file in stream.files
        ]
        self._connection.execute(insert(schema.stream_files), rows)

    def stream(self, stream_id: str) -> StreamRecord | None:
        query = select(schema.streams).where(schema.streams.c.stream_id == stream_id)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else self._stream_of(row)

    def streams(self) -> tuple[StreamRecord, ...]:
        """All streams by their ids."""
        query = select(schema.streams).order_by(schema.streams.c.stream_id)
        return tuple(self._stream_of(row) for row in self._connection.execute(query).mappings())

    def delete_stream(self, stream_id: str) -> None:
        for table in (schema.stream_files, schema.streams):
            self._connection.execute(delete(table).where(table.c.stream_id == stream_id))

    def _stream_of(self, row: RowMapping) -> StreamRecord:
        table = schema.stream_files
        files = self._connection.execute(
            select(table).where(table.c.stream_id == row["stream_id"]).order_by(table.c.file_id)
        ).mappings()
        return StreamRecord(
            stream_id=row["stream_id"],
            version=row["version"],
            description=row["description"],
            role_arn=row["role_arn"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            files=tuple(
                StreamFile(f["file_id"], f["bucket"], f["key"], f["size"], f["digest"])
                for f in files
            ),
        )

    def add_ota_update(self, record: OtaUpdateRecord) -> None:
        self._connection.execute(insert(schema.ota_updates).values(row_of_ota_update(record)))

    def ota_update(self, update_id: str) -> OtaUpdateRecord | None:
        table = schema.ota_updates
        query = select(table).where(table.c.update_id == update_id)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else ota_update_of(row)

    def ota_updates(self) -> tuple[OtaUpdateRecord, ...]:
        """All updates by their ids."""
        query = select(schema.ota_updates).order_by(schema.ota_updates.c.update_id)
        return tuple(ota_update_of(row) for row in self._connection.execute(query).mappings())

    def delete_ota_update(self, update_id: str) -> None:
        table = schema.ota_updates
        self._connection.execute(delete(table).where(table.c.update_id == update_id))
