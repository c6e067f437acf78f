"""What a driver writes into the trace about flash: what it put there, what it read back."""

from __future__ import annotations

import hashlib

from rig.trace import RecorderSwitch
from targets.driver import BootReport, SlotReading
from targets.flash_plan import Piece
from targets.sections import Slot


def record_flash(recorder: RecorderSwitch, piece: Piece, *, sectors: int) -> None:
    """`sectors` is how many had to be written; 0: the digest was right already."""
    recorder.record(
        "probe",
        "FLASH",
        what=piece.what,
        address=piece.address,
        length=len(piece.content),
        sha256=piece.sha256,
        sectors=sectors,
    )


def record_reading(
    recorder: RecorderSwitch, slot: Slot, content: bytes, boot: BootReport | None
) -> SlotReading:
    """The reading of one slot, recorded with what the boot marker says of it."""
    digest = hashlib.sha256(content).hexdigest()
    recorder.record(
        "probe",
        "READ",
        slot=slot.name,
        active=bool(boot and boot.slot == slot.name),
        address=slot.address,
        length=len(content),
        sha256=digest,
    )
    return SlotReading(slot.name, len(content), digest)
