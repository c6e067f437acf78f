"""Where jobs outlive the process: one SQL database, by URL."""

from rig.jobs.store.records import (
    ACTIVE,
    INACTIVE,
    NON_EXCLUSIVE,
    CertificateRecord,
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
    "OtaUpdateRecord",
    "Store",
    "StreamFile",
    "StreamRecord",
    "ThingRecord",
    "Transaction",
]
