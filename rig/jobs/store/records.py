"""What is stored beside jobs and executions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rig.jobs.engine import Target


@dataclass(frozen=True)
class ThingRecord:
    """A thing of the registry. Times are epoch seconds."""

    name: str
    thing_id: str
    created_at: float
    attributes: Mapping[str, str] = field(default_factory=dict)
    type_name: str | None = None
    billing_group: str | None = None
    version: int = 1


@dataclass(frozen=True)
class GroupRecord:
    """A group of things, perhaps in a parent group."""

    name: str
    group_id: str
    created_at: float
    parent: str | None = None
    description: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    version: int = 1


ACTIVE = "ACTIVE"
INACTIVE = "INACTIVE"
NON_EXCLUSIVE = "NON_EXCLUSIVE_THING"


@dataclass(frozen=True)
class CertificateRecord:
    """A registered certificate; `pem` is None if only its fingerprint was told."""

    certificate_id: str
    status: str
    created_at: float
    updated_at: float
    pem: str | None = None


@dataclass(frozen=True)
class KeptRecord:
    """Something that the service only keeps and shows."""

    name: str
    content: dict[str, Any]
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
    role_arn: str | None = None
    updated_at: float | None = None


@dataclass(frozen=True)
class OtaUpdateRecord:
    """An OTA update as it was asked for (job service §5.3).

    `files` has the JSON objects that GetOTAUpdate answers with as `otaUpdateFiles`.
    """

    update_id: str
    job_id: str
    targets: tuple[Target, ...]
    protocols: tuple[str, ...]
    created_at: float
    stream_id: str | None = None
    description: str | None = None
    continuous: bool = False
    files: tuple[dict[str, Any], ...] = field(default_factory=tuple)
    labels: Mapping[str, Any] = field(default_factory=dict)
    """Members that are only shown."""
