"""Where jobs outlive the process: one SQL database, by URL."""

from rig.jobs.store.database import is_shared
from rig.jobs.store.fleet import FailureCount
from rig.jobs.store.kept import Kind
from rig.jobs.store.outbox import EventMessage, Mark, OutboxRow
from rig.jobs.store.records import (
    ACTIVE,
    INACTIVE,
    NON_EXCLUSIVE,
    CertificateRecord,
    GroupRecord,
    KeptRecord,
    OtaUpdateRecord,
    StreamFile,
    StreamRecord,
    ThingRecord,
)
from rig.jobs.store.store import Store, Transaction

__all__ = [
    "ACTIVE",
    "INACTIVE",
    "NON_EXCLUSIVE",
    "CertificateRecord",
    "EventMessage",
    "FailureCount",
    "GroupRecord",
    "KeptRecord",
    "Kind",
    "Mark",
    "OtaUpdateRecord",
    "OutboxRow",
    "Store",
    "StreamFile",
    "StreamRecord",
    "ThingRecord",
    "Transaction",
    "is_shared",
]
