"""The device page as the driver writes it."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec

from targets.board import Declares

PROTOCOL_BITS = {"MQTT": 1, "HTTP": 2}


def key_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    """x and y, 32 bytes each."""
    numbers = key.public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def device_page(
    thing: str, signer_keys: Sequence[bytes], declares: Declares, faults: int = 0
) -> bytes:
    """One page; `signer_keys` are 64 bytes each."""
    told = struct.pack(
        "<IIIHHIHBBB",
        round(declares.request_timer_s * 1000),
        round(declares.self_test_timer_s * 1000),
        round(declares.trial_time_s * 1000),
        declares.momentum,
        declares.window,
        declares.block_size,
        declares.status_frequency,
        sum(PROTOCOL_BITS[name] for name in declares.data_protocols),
        PROTOCOL_BITS[declares.primary_data_protocol],
        declares.allow_downgrade,
    )
    records = [(1, thing.encode()), *((2, key) for key in signer_keys), (3, told)]
    records += [(4, struct.pack("<I", faults)), (0, b"")]
    body = b"".join(struct.pack("<BBH", tag, 0, len(value)) + value for tag, value in records)
    return struct.pack("<4sHH", b"OTDP", 1, len(body)) + body
