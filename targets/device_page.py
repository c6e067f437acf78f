"""The device page: what a device of the reference firmware learns at provisioning.

Little-endian: ``4s`` "OTDP", ``u16`` format 1, ``u16`` length of the rest, then records of ``u8``
tag, ``u8`` 0, ``u16`` length and value; docs/firmware.md tells what they hold.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from rig.errors import BenchError
from targets.board import Board, Declares

PROTOCOL_BITS = {"MQTT": 1, "HTTP": 2}
THING, SIGNER_KEY, DECLARES, FAULTS, END = 1, 2, 3, 4, 0
_DECLARES = struct.Struct("<IIIHHIHBBB")
_RECORD = struct.Struct("<BBH")
_START = struct.Struct("<4sHH")
COORDINATE = 32
"""Bytes of x and of y on P-256."""


def device_page(board: Board, thing: str, signer_keys: Sequence[Path]) -> bytes:
    """The page's bytes. Raises `BenchError` for a key that the firmware cannot use."""
    records = [(THING, thing.encode("ascii"))]
    records += [(SIGNER_KEY, _point(path)) for path in signer_keys]
    records += [(DECLARES, _declared(board.declares)), (FAULTS, board.faults.to_bytes(4, "little"))]
    records += [(END, b"")]
    body = b"".join(_RECORD.pack(tag, 0, len(value)) + value for tag, value in records)
    return _START.pack(b"OTDP", 1, len(body)) + body


def _declared(declares: Declares) -> bytes:
    return _DECLARES.pack(
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


def _point(path: Path) -> bytes:
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.key_size != 8 * COORDINATE:
        raise BenchError(f"{path}: is no P-256 public key, which is all that the firmware knows")
    point = key.public_numbers()
    return b"".join(number.to_bytes(COORDINATE, "big") for number in (point.x, point.y))
