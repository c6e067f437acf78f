"""The tables, the same in SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 3

metadata = MetaData()


def _name(length: int) -> String:
    """Ordered by its characters' numbers in every database, whatever language it was made for."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

things = Table(
    "things",
    metadata,
    Column("name", _name(128), primary_key=True),
    Column("thing_id", _name(36), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("type_name", _name(128)),
    Column("billing_group", _name(128)),
    Column("version", BigInteger, nullable=False),
)

groups = Table(
    "groups",
    metadata,
    Column("name", _name(128), primary_key=True),
    Column("group_id", _name(36), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("parent", ForeignKey("groups.name")),
    Column("description", Text),
    Column("attributes", JSON, nullable=False),
    Column("version", BigInteger, nullable=False),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_name", ForeignKey("groups.name"), primary_key=True),
    Column("thing", ForeignKey("things.name"), primary_key=True),
    Index("groups_of_thing", "thing"),
)

certificates = Table(
    "certificates",
    metadata,
    Column("certificate_id", _name(64), primary_key=True),
    Column("pem", Text),
    Column("status", _name(24), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
)

thing_principals = Table(
    "thing_principals",
    metadata,
    Column("certificate_id", ForeignKey("certificates.certificate_id"), primary_key=True),
    Column("thing", ForeignKey("things.name"), primary_key=True),
    Column("kind", _name(24), nullable=False),
)

kept = Table(
    "kept",
    metadata,
    Column("kind", _name(24), primary_key=True),
    Column("name", _name(512), primary_key=True),
    Column("content", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
)
"""What the service only keeps and shows, such as signing profiles."""

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", _name(64), primary_key=True),
    Column("document", Text, nullable=False),
    Column("streams", JSON, nullable=False),
    Column("targets", JSON, nullable=False),
    Column("status", _name(24), nullable=False),
    Column("continuous", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("last_updated_at", Double, nullable=False),
    Column("completed_at", Double),
    Column("force_canceled", Boolean, nullable=False),
    Column("reason_code", _name(128)),
    Column("comment", Text),
    Column("policy", JSON, nullable=False),
    Column("presign_seconds", Integer, nullable=False),
    Column("counts", JSON, nullable=False),
    Column("waiting", Integer, nullable=False),
    Column("notified", Integer, nullable=False),
    Column("minute_started_at", Double),
    Column("rate", Integer, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("description", Text),
    Column("labels", JSON, nullable=False),
    Column("due_at", Double),
    Index("jobs_due", "due_at"),
)
"""`due_at` follows from the other columns; it is there to be searched."""

waiting_things = Table(
    "waiting_things",
    metadata,
    Column("job_id", ForeignKey("jobs.job_id"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("thing", _name(128), nullable=False),
    Index("waiting_of_thing", "thing", "job_id"),
)
"""Things that a rollout has yet to come to, in the order of `place`."""

executions = Table(
    "executions",
    metadata,
    Column("thing", _name(128), primary_key=True),
    Column("job_id", ForeignKey("jobs.job_id"), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("status", _name(16), nullable=False),
    Column("pending", Boolean, nullable=False),
    Column("status_details", JSON, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("queued_at", Double, nullable=False),
    Column("started_at", Double),
    Column("last_updated_at", Double, nullable=False),
    Column("in_progress_deadline", Double),
    Column("step_deadline", Double),
    Column("deadline", Double),
    Column("force_canceled", Boolean, nullable=False),
    Column("retries", JSON, nullable=False),
    Column("left_group", Boolean, nullable=False),
    Index("executions_pending", "thing", "pending"),
    Index("executions_job", "job_id"),
    Index("executions_deadline", "deadline"),
)
"""`pending` and `deadline` follow from the other columns; they are there to be searched."""

streams = Table(
    "streams",
    metadata,
    Column("stream_id", _name(128), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("description", Text),
    Column("role_arn", Text),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
)

stream_files = Table(
    "stream_files",
    metadata,
    Column("stream_id", ForeignKey("streams.stream_id"), primary_key=True),
    Column("file_id", Integer, primary_key=True),
    Column("bucket", _name(63), nullable=False),
    Column("key", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("digest", _name(64), nullable=False),
)

ota_updates = Table(
    "ota_updates",
    metadata,
    Column("update_id", _name(128), primary_key=True),
    Column("job_id", _name(64), nullable=False),
    Column("stream_id", _name(128)),
    Column("description", Text),
    Column("targets", JSON, nullable=False),
    Column("protocols", JSON, nullable=False),
    Column("files", JSON, nullable=False),
    Column("continuous", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("labels", JSON, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("mark", _name(16), nullable=False),
    Column("thing", _name(128)),
    Column("told", Boolean, nullable=False),
    Column("noted_at", Double, nullable=False),
    Index("outbox_told", "told", "noted_at"),
    # No number is given twice, also when the last row is gone.
    sqlite_autoincrement=True,
)
"""What has changed, until devices and other processes have been told."""

event_messages = Table(
    "event_messages",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", Text, nullable=False),
    Column("payload", Text, nullable=False),
)
"""The texts of events by their numbers in the outbox, until they have been told."""
