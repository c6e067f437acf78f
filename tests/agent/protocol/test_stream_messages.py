"""Messages of file streams: the bytes of OTA spec §6, tolerances, and hostile bytes."""

from __future__ import annotations

import base64
import contextlib
import json
import tracemalloc
from typing import Any

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.protocol import stream
from agent.protocol.stream import (
    DataBlock,
    StreamError,
    StreamFormat,
    StreamRequest,
    decode_data,
    decode_request,
    encode_data,
    encode_request,
)

FORMATS: list[StreamFormat] = ["cbor", "json"]
REQUEST = StreamRequest("rdy", 0, 4096, 0, b"\x07", 1)
EXAMPLE = bytes.fromhex(
    "a6 6163 63726479 6166 00 616c 191000 616f 00 6162 4107 616e 01".replace(" ", "")
)
"""The request of OTA spec §6.1."""
BLOCK = {"f": 0, "i": 5, "l": 4, "p": b"data"}


def code_of(payload: bytes, fmt: StreamFormat = "cbor", *, data: bool = True) -> str:
    """The code with which a message is refused."""
    with pytest.raises(StreamError) as raised:
        (decode_data if data else decode_request)(payload, fmt)
    assert str(raised.value) == raised.value.message != ""
    return raised.value.code


# -- what is written ----------------------------------------------------------------------------


def test_the_request_of_the_spec() -> None:
    assert encode_request(REQUEST, "cbor") == EXAMPLE
    assert decode_request(EXAMPLE, "cbor") == REQUEST


def test_a_request_in_json() -> None:
    payload = b'{"c":"rdy","f":0,"l":4096,"o":0,"b":"0x07","n":1}'
    assert encode_request(REQUEST, "json") == payload
    assert decode_request(payload, "json") == REQUEST


def test_the_requests_of_the_streams_library() -> None:
    """Job service §4.3: JSON without token and bitmap; CBOR with the bitmap ``MQ==``."""
    assert decode_request(b'{"s":1,"f":2,"l":256,"o":3,"n":4}', "json") == StreamRequest(
        None, 2, 256, 3, None, 4, 1
    )
    odd = cbor2.dumps({"c": "rdy", "f": 0, "l": 256, "o": 7, "n": 1, "b": b"MQ=="})
    assert decode_request(odd, "cbor") == StreamRequest("rdy", 0, 256, 7, b"MQ==", 1)


def test_only_file_and_size_are_needed() -> None:
    assert decode_request(cbor2.dumps({"f": 1, "l": 2}), "cbor") == StreamRequest(None, 1, 2)


@pytest.mark.parametrize("digits", ["130080", "0x130080"])
def test_a_json_bitmap_is_hex(digits: str) -> None:
    payload = json.dumps({"f": 0, "l": 256, "b": digits}).encode()
    assert decode_request(payload, "json").bitmap == b"\x13\x00\x80"


def test_a_data_message() -> None:
    block = DataBlock(0, 5, 4, b"data")
    assert encode_data(block, "cbor").hex() == "a4616600616905616c0461704464617461"
    assert encode_data(block, "json") == b'{"f":0,"i":5,"l":4,"p":"ZGF0YQ=="}'
    with_token = DataBlock(0, 5, 4, b"data", "rdy")
    assert encode_data(with_token, "json").startswith(b'{"c":"rdy","f":0')


tokens = st.none() | st.text(max_size=16)
numbers = st.integers(0, 1 << 32)
requests = st.builds(
    StreamRequest,
    tokens,
    numbers,
    numbers,
    numbers,
    st.none() | st.binary(max_size=200),
    st.none() | numbers,
    st.none() | numbers,
)
blocks = st.builds(DataBlock, numbers, numbers, numbers, st.binary(max_size=300), tokens)


@given(requests, st.sampled_from(FORMATS))
def test_every_request_survives(request: StreamRequest, fmt: StreamFormat) -> None:
    assert decode_request(encode_request(request, fmt), fmt) == request


@given(blocks, st.sampled_from(FORMATS))
def test_every_block_survives(block: DataBlock, fmt: StreamFormat) -> None:
    assert decode_data(encode_data(block, fmt), fmt) == block


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_largest_block_survives(fmt: StreamFormat) -> None:
    block = DataBlock(255, 0xFFFFFFFF, 131_072, b"\xa5" * 131_072, "t" * 64)
    assert decode_data(encode_data(block, fmt), fmt) == block


# -- what is tolerated (OTA spec §6.3) ----------------------------------------------------------

TOLERATED = {
    "other order": cbor2.dumps(dict(reversed(BLOCK.items()))),
    "extra keys": cbor2.dumps(BLOCK | {"x": [1, {"y": None}], "c": "rdy", 7: 1.5}),
    "trailing bytes": cbor2.dumps(BLOCK) + b"\xff\xff",
    "indefinite map": b"\xbf" + cbor2.dumps(BLOCK)[1:] + b"\xff",
    "indefinite bytes": bytes.fromhex("a4616600616905616c0461705f426461427461ff"),
    "indefinite key": bytes.fromhex("a47f6166ff00616905616c0461704464617461"),
    "long forms": bytes.fromhex("a461661b0000000000000000616919000561 6c1804 6170590004 64617461"),
}


@pytest.mark.parametrize("payload", TOLERATED.values(), ids=TOLERATED.keys())
def test_tolerated_data_messages(payload: bytes) -> None:
    block = decode_data(payload, "cbor")
    assert (block.file_id, block.index, block.size, block.payload) == (0, 5, 4, b"data")


def test_values_are_not_judged_here() -> None:
    """A negative index, and a size that is not that of the payload, are the reader's to judge."""
    block = decode_data(cbor2.dumps({"f": 9, "i": -1, "l": 4096, "p": b""}), "cbor")
    assert block == DataBlock(9, -1, 4096, b"")
    assert decode_data(cbor2.dumps(BLOCK | {"i": 1 << 32}), "cbor").index == 1 << 32


# -- what is refused ----------------------------------------------------------------------------

NO_INTEGERS: list[Any] = ["0", b"0", 1.0, True, None, [1], {}, 1 << 64, cbor2.CBORTag(700, 1)]
NO_BYTES: list[Any] = ["data", 7, [b"data"], None, cbor2.CBORTag(24, b"data")]
WRONG_TYPES: list[tuple[str, Any]] = [(key, value) for key in "fil" for value in NO_INTEGERS] + [
    ("p", value) for value in NO_BYTES
]


@pytest.mark.parametrize("key", "filp")
def test_a_key_is_missing(key: str) -> None:
    pairs = {name: value for name, value in BLOCK.items() if name != key}
    assert code_of(cbor2.dumps(pairs)) == ("InvalidCbor" if key == "p" else "InvalidRequest")


@pytest.mark.parametrize(("key", "value"), WRONG_TYPES, ids=repr)
def test_a_value_of_a_wrong_type(key: str, value: Any) -> None:
    code_of(cbor2.dumps(BLOCK | {key: value}))


JSON_DATA = {
    "payload not base64": b'{"f":0,"i":5,"l":4,"p":"ZGF0*Q=="}',
    "payload not ASCII": '{"f":0,"i":5,"l":4,"p":"ü"}'.encode(),
    "payload a number": b'{"f":0,"i":5,"l":4,"p":7}',
    "payload missing": b'{"f":0,"i":5,"l":4}',
    "an array": b"[]",
    "nested deep": b"[" * 100_000,
    "not UTF-8": b'{"f":0,"i":5,"l":4,"p":"\xff"}',
}


@pytest.mark.parametrize("payload", JSON_DATA.values(), ids=JSON_DATA.keys())
def test_json_data_that_is_refused(payload: bytes) -> None:
    assert code_of(payload, "json") == "InvalidJson"


REQUEST_ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"l": 256}, "InvalidRequest"),
    ({"f": 0}, "InvalidRequest"),
    ({"f": None, "l": 256}, "InvalidRequest"),
    ({"f": 0, "l": 256, "n": True}, "InvalidRequest"),
    ({"f": 0, "l": 256, "o": 1.5}, "InvalidRequest"),
    ({"f": 0, "l": 256, "c": 7}, "InvalidRequest"),
    ({"f": 0, "l": 256, "c": "ü" * 33}, "InvalidRequest"),
]


@pytest.mark.parametrize(("pairs", "code"), REQUEST_ERRORS, ids=repr)
@pytest.mark.parametrize("fmt", FORMATS)
def test_requests_that_are_refused(pairs: dict[str, Any], code: str, fmt: StreamFormat) -> None:
    payload = cbor2.dumps(pairs) if fmt == "cbor" else json.dumps(pairs).encode()
    assert code_of(payload, fmt, data=False) == code


def test_bitmaps_that_are_refused() -> None:
    """Job service §4.4: a text for a CBOR bitmap is ``InvalidCbor``."""
    assert code_of(cbor2.dumps({"f": 0, "l": 256, "b": "ff"}), data=False) == "InvalidCbor"
    no_hex: list[Any] = ["0xfg", "f", "0x f", "ü", 7, None, []]
    for bitmap in no_hex:
        payload = json.dumps({"f": 0, "l": 256, "b": bitmap}).encode()
        assert code_of(payload, "json", data=False) == "InvalidRequest"


def test_the_longest_bitmap_of_the_service_is_read() -> None:
    request = StreamRequest("t" * 64, 255, 131_072, 98_304, b"\xff" * 12_288, 98_304, 65_535)
    for fmt in FORMATS:
        assert decode_request(encode_request(request, fmt), fmt) == request


def test_messages_that_are_too_long() -> None:
    assert code_of(bytes(stream.MAX_REQUEST + 1), data=False) == "InvalidCbor"
    assert code_of(b" " * (stream.MAX_REQUEST + 1), "json", data=False) == "InvalidJson"
    assert code_of(bytes(stream.MAX_DATA["cbor"] + 1)) == "InvalidCbor"
    assert code_of(b" " * (stream.MAX_DATA["json"] + 1), "json") == "InvalidJson"


HUGE = "7fffffffffffffff"
HOSTILE = {
    "nothing": "",
    "a break": "ff",
    "array without end": "9b" + HUGE,
    "map without end": "bb" + HUGE,
    "bytes without end": "5b" + HUGE,
    "text without end": "7b" + HUGE,
    "payload without end": "a4616600616905616c04617 05b".replace(" ", "") + HUGE,
    "many bytes announced": "5affffffff00",
    "arrays in arrays": "81" * 20_000,
    "endless arrays": "9f" * 20_000,
    "maps in maps": "a100" * 20_000,
    "tags of tags": "c6" * 20_000,
    "indefinite in indefinite": "5f" * 20_000,
    "nested below a key": "a16178" + "81" * 9 + "00",
    "a big float": "c5821b000000007fffffff01",
    "a decimal": "c4821b7fffffffffffffff01",
    "a big number": "c25a00004e20" + "ff" * 20_000,
    "a rational": "d81e820100",
    "a regular expression": "d823" + "781e" + b"(a*)*(a*)*(a*)*(a*)*(a*)*(a*)*".hex(),
    "a cycle": "d81c81d81d00",
    "a date": "c1fb7ff0000000000000",
    "an address": "d9010444ffffffff",
    "a key twice": "a2616600616601",
    "text that is not UTF-8": "a161ff00",
    "reserved head": "1c",
    "an object as key": "a1a100000",
    "simple values": "a16166f800",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bytes_cost_nothing(text: str) -> None:
    payload = bytes.fromhex(text + "0" * (len(text) % 2))
    tracemalloc.start()
    try:
        code_of(payload)
        code_of(payload, data=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("tag", [*range(6), 25, 28, 29, 30, 35, 36, 37, 100, 258, 260, 261, 55799])
def test_tags_are_refused_wherever_they_stand(tag: int) -> None:
    head = cbor2.dumps(cbor2.CBORTag(tag, 0))[:-1]
    for inner in (b"\x00", b"\x41\x01", b"\x61\x31", b"\x82\x01\x01", b"\x80"):
        code_of(b"\xa5" + cbor2.dumps(BLOCK)[1:] + b"\x61\x78" + head + inner)


cbor_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(1 << 70), 1 << 70) | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    | st.builds(cbor2.CBORTag, st.integers(0, 300), inner),
    max_leaves=8,
)  # fmt: skip
maps = st.dictionaries(st.sampled_from("cfilpobnsx"), cbor_values).map(cbor2.dumps)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good message with some bytes changed, or cut off."""
    message = draw(
        st.sampled_from([EXAMPLE, encode_data(DataBlock(0, 1, 9, b"123456789"), "cbor")])
    )
    payload = bytearray(message)
    for _ in range(draw(st.integers(1, 4))):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload[: draw(st.integers(0, len(payload)))])


@given(st.binary(max_size=60) | maps | damaged(), st.sampled_from(FORMATS))
@example(base64.b64decode("oWFm2CN4AigA"), "cbor")
def test_no_bytes_raise_anything_else(payload: bytes, fmt: StreamFormat) -> None:
    with contextlib.suppress(StreamError):
        block = decode_data(payload, fmt)
        assert type(block.index) is type(block.size) is type(block.file_id) is int
        assert type(block.payload) is bytes
    with contextlib.suppress(StreamError):
        request = decode_request(payload, fmt)
        assert decode_request(encode_request(request, fmt), fmt) == request
