"""What is stored beside jobs and executions."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ThingRecord:
    """A thing of the registry. Times are epoch seconds."""

    name: str
    thing_id: str
    created_at: float


@dataclass(frozen=True)
class StreamFile:
    """One file of a stream: an object, and the content it had when the stream was made."""

    file_id: int
    bucket: str
    key: str
    size: int
    digest: str
    """SHA-256 of the content, lower-case hex."""


@dataclass(frozen=True)
class StreamRecord:
    """A stream (job service §4.5); versions start at 1."""

    stream_id: str
    files: tuple[StreamFile, ...]
    created_at: float
    version: int = 1
    description: str | None = None


@dataclass(frozen=True)
class OtaUpdateRecord:
    """An OTA update as it was asked for (job service §5.3).

    `files` has the JSON objects that GetOTAUpdate answers with as `otaUpdateFiles`.
    """

    update_id: str
    job_id: str
    targets: tuple[str, ...]
    protocols: tuple[str, ...]
    created_at: float
    stream_id: str | None = None
    description: str | None = None
    files: tuple[dict[str, object], ...] = field(default_factory=tuple)
