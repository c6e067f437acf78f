"""What a driver writes into the trace about flash: what it put there, what it read back."""

from __future__ import annotations

import hashlib
from typing import Any

from rig.trace import RecorderSwitch
from targets.driver import BootReport, SlotReading
from targets.flash_plan import Piece
from targets.sections import Slot


def record_flash(recorder: RecorderSwitch, piece: Piece, *, sectors: int) -> None:
    """`sectors` is how many had to be written; 0: the digest was right already.

    Length and digest of an image are its own, without what is erased behind it.
    """
    image = piece.content[: piece.image_size] if piece.slot else piece.content
    told: dict[str, Any] = (
        {"slot": piece.slot} if piece.slot else {"file": piece.file} if piece.file else {}
    )
    recorder.record(
        "probe",
        "FLASH",
        what=piece.what,
        address=piece.address,
        length=len(image),
        sha256=hashlib.sha256(image).hexdigest(),
        sectors=sectors,
        **told,
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
