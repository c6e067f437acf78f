"""Where jobs outlive the process: one SQL database, by URL."""

from rig.jobs.store.records import OtaUpdateRecord, StreamFile, StreamRecord, ThingRecord
from rig.jobs.store.store import Store, Transaction

__all__ = [
    "OtaUpdateRecord",
    "Store",
    "StreamFile",
    "StreamRecord",
    "ThingRecord",
    "Transaction",
]
