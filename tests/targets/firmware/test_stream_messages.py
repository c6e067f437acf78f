"""The firmware's stream messages, held against the reference codec."""

from __future__ import annotations

import ctypes
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.protocol.stream import StreamError, StreamRequest, decode_data, encode_request
from tests.targets.firmware.host_library import GuardedBytes, Slice

SUPPRESSED = [HealthCheck.function_scoped_fixture]
INT64 = (-(2**63), 2**63 - 1)


class Request(ctypes.Structure):
    _fields_ = (
        ("file_id", ctypes.c_uint32),
        ("block_size", ctypes.c_uint32),
        ("bitmap", Slice),
        ("count", ctypes.c_uint32),
    )


class Block(ctypes.Structure):
    _fields_ = (
        ("file_id", ctypes.c_int64),
        ("index", ctypes.c_int64),
        ("size", ctypes.c_int64),
        ("payload", Slice),
    )


def read(
    host: ctypes.CDLL, guarded: GuardedBytes, message: bytes
) -> tuple[int, int, int, bytes] | None:
    block = Block()
    if not host.data_block_read(guarded.slice_of(message), ctypes.byref(block)):
        return None
    return block.file_id, block.index, block.size, block.payload.value()


def narrowed(value: int) -> int:
    return min(max(value, INT64[0]), INT64[1])


def reference(message: bytes) -> tuple[int, int, int, bytes] | None:
    try:
        block = decode_data(message, "cbor")
    except StreamError:
        return None
    numbers = (block.file_id, block.index, block.size)
    a, b, c = (narrowed(number) for number in numbers)
    return a, b, c, block.payload


@given(
    file_id=st.integers(0, 2**32 - 1),
    block_size=st.sampled_from([256, 512, 1024]),
    bitmap=st.binary(max_size=60),
    count=st.integers(1, 300),
)
@settings(deadline=None, suppress_health_check=SUPPRESSED)
def test_request(
    host: ctypes.CDLL,
    guarded: GuardedBytes,
    file_id: int,
    block_size: int,
    bitmap: bytes,
    count: int,
) -> None:
    room = (ctypes.c_uint8 * (48 + len(bitmap)))()
    request = Request(file_id, block_size, guarded.slice_of(bitmap), count)
    size = host.stream_request_write(room, ctypes.byref(request))
    wanted = StreamRequest("rdy", file_id, block_size, 0, bitmap, count, None)
    assert bytes(room)[:size] == encode_request(wanted, "cbor")


KEYS = st.sampled_from(["f", "i", "l", "p", "c", "x", "ff"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.integers(-(2**64), 2**64 - 1),
        st.binary(max_size=40),
        st.text("abc", max_size=5),
        st.booleans(),
        st.none(),
        st.floats(allow_nan=False),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
GOOD = {"f": 0, "i": 3, "l": 4, "p": b"\1\2\3\4"}


@given(extra=st.dictionaries(KEYS, VALUES, max_size=4), order=st.randoms())
@settings(max_examples=300, deadline=None, suppress_health_check=SUPPRESSED)
def test_maps(host: ctypes.CDLL, guarded: GuardedBytes, extra: dict[str, Any], order: Any) -> None:
    pairs = list((GOOD | extra).items())
    order.shuffle(pairs)
    message = cbor2.dumps(dict(pairs))
    assert read(host, guarded, message) == reference(message)


@pytest.mark.parametrize(
    ("message", "taken"),
    [
        ("bf616600616903616c04617044deadbeefff", True),
        ("a4616600616903616c0461705f42dead42beefff", True),
        ("a4616600616903616c04617044deadbeef0000", True),
        ("a3616600616903616c04", False),
        ("a4616600616903616c0461705f42dead5f42beefffff", False),
        ("a5616600616903616c04617044deadbeef616601", False),
        ("a4616600616903616c046170c244deadbeef", False),
        ("a561786981818181818181818181", False),
        ("bf6166006169", False),
        ("8403", False),
        ("", False),
    ],
)
def test_forms(host: ctypes.CDLL, guarded: GuardedBytes, message: str, taken: bool) -> None:
    content = bytes.fromhex(message)
    found = read(host, guarded, content)
    assert (found is not None) == taken
    if found is not None:
        assert found == (0, 3, 4, bytes.fromhex("deadbeef"))


@given(data=st.data())
@settings(max_examples=500, deadline=None, suppress_health_check=SUPPRESSED)
def test_hostile_bytes(host: ctypes.CDLL, guarded: GuardedBytes, data: st.DataObject) -> None:
    """Nothing outside the message is touched, and what is taken lies within it."""
    message = bytearray(cbor2.dumps(GOOD | data.draw(st.dictionaries(KEYS, VALUES, max_size=2))))
    for _ in range(data.draw(st.integers(0, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    found = read(host, guarded, bytes(message))
    if found is not None:
        assert len(found[3]) <= len(message)
        wanted = reference(bytes(message))
        # The reference also refuses texts that are no UTF-8, and repeated keys of others.
        assert wanted is None or found == wanted
