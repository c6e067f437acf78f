"""The firmware's small codecs: SLIP, MQTT packets, HTTP heads, DER, device page, status, topics."""

from __future__ import annotations

import binascii
import ctypes
import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.protocol import status, topics
from agent.protocol.codes import JobReason
from agent.protocol.states import Event, State
from agent.protocol.transitions import Handler, find_transition
from agent.protocol.version import Version
from targets.board import Declares
from tests.targets.firmware.host_library import GuardedBytes, Slice, Text
from tests.targets.firmware.modem import frame
from tests.targets.firmware.provisioning import device_page

SUPPRESSED = [HealthCheck.function_scoped_fixture]
P256 = 2**256


class Decoder(ctypes.Structure):
    _fields_ = (
        ("frame", ctypes.c_void_p),
        ("room", ctypes.c_size_t),
        ("length", ctypes.c_size_t),
        *((name, ctypes.c_bool) for name in ("escaped", "reported", "spoilt")),
    )


class Publish(ctypes.Structure):
    _fields_ = (
        ("topic", Slice),
        ("payload", Slice),
        ("packet_id", ctypes.c_uint16),
        ("qos", ctypes.c_uint8),
        ("retain", ctypes.c_bool),
        ("duplicate", ctypes.c_bool),
    )


class Head(ctypes.Structure):
    _fields_ = (
        ("status", ctypes.c_uint16),
        *((name, ctypes.c_bool) for name in ("has_length", "has_range", "closes", "broken")),
        ("length", ctypes.c_uint32),
        ("range_first", ctypes.c_uint32),
        ("line_length", ctypes.c_uint8),
        ("status_seen", ctypes.c_bool),
        ("line", ctypes.c_char * 96),
    )


class Url(ctypes.Structure):
    _fields_ = (("origin", Slice), ("host", Slice), ("target", Slice))


class Transition(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint8) for name in ("state", "event", "handler", "next"))


def frames_in(host: ctypes.CDLL, stream: bytes, room: int) -> list[bytes]:
    buffer = (ctypes.c_uint8 * room)()
    decoder = Decoder(ctypes.addressof(buffer), room)
    return [
        bytes(buffer)[: decoder.length]
        for byte in stream
        if host.slip_take(ctypes.byref(decoder), byte)
    ]


@given(payloads=st.lists(st.binary(max_size=60), max_size=5))
@settings(deadline=None, suppress_health_check=SUPPRESSED)
def test_slip_frames(host: ctypes.CDLL, payloads: list[bytes]) -> None:
    stream = b"".join(frame(1, 18, payload) for payload in payloads)
    found = frames_in(host, stream, 64)
    assert [body[2:-2] for body in found] == payloads
    for body in found:
        assert binascii.crc_hqx(body[:-2], 0xFFFF) == int.from_bytes(body[-2:], "little")


def test_slip_drops_what_is_spoilt(host: ctypes.CDLL) -> None:
    good = frame(0, 18, b"good")
    for bad in (frame(0, 18, bytes(65)), b"\xc0ab\xdbx\xc0", b"\xc0ab\xdb\xc0"):
        assert frames_in(host, bad + good, 64) == [good[1:-1]]


@given(stream=st.binary(max_size=300))
@settings(deadline=None, suppress_health_check=SUPPRESSED)
def test_slip_hostile_bytes(host: ctypes.CDLL, stream: bytes) -> None:
    assert all(0 < len(body) <= 32 for body in frames_in(host, stream, 32))


@given(topic=st.text("a/$", min_size=1, max_size=20), payload=st.binary(max_size=50))
@settings(deadline=None, suppress_health_check=SUPPRESSED)
def test_mqtt_publish(host: ctypes.CDLL, guarded: GuardedBytes, topic: str, payload: bytes) -> None:
    publish = Publish()
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + struct.pack(">H", 7) + payload
    assert host.mqtt_read_publish(
        0x3B, ctypes.c_void_p(guarded.put(body)), len(body), ctypes.byref(publish)
    )
    assert (publish.topic.value(), publish.payload.value()) == (name, payload)
    assert (publish.qos, publish.packet_id, publish.retain, publish.duplicate) == (1, 7, True, True)


@given(first=st.integers(0x30, 0x3F), body=st.binary(max_size=40))
@settings(max_examples=300, deadline=None, suppress_health_check=SUPPRESSED)
def test_mqtt_hostile_publish(
    host: ctypes.CDLL, guarded: GuardedBytes, first: int, body: bytes
) -> None:
    publish = Publish()
    address = ctypes.c_void_p(guarded.put(body))
    if host.mqtt_read_publish(first, address, len(body), ctypes.byref(publish)):
        assert len(publish.topic.value()) + len(publish.payload.value()) <= len(body) - 2


@pytest.mark.parametrize("remaining", [0, 1, 127, 128, 16383, 16384, 2097152, 268435455])
def test_mqtt_remaining_length(host: ctypes.CDLL, remaining: int) -> None:
    room = (ctypes.c_uint8 * 5)()
    used = host.mqtt_fixed_header(room, 3, 0, remaining)
    value = sum((byte & 0x7F) << 7 * i for i, byte in enumerate(bytes(room)[1:used]))
    assert (room[0], value) == (0x30, remaining)
    assert [byte >> 7 for byte in bytes(room)[1:used]] == [1] * (used - 2) + [0]


def head_of(host: ctypes.CDLL, text: str) -> Head | None:
    head = Head()
    host.http_head_begin(ctypes.byref(head))
    for position, byte in enumerate(text.encode("latin-1")):
        if host.http_head_take(ctypes.byref(head), byte):
            assert position == len(text) - 1
            return head
    return None


def test_http_head(host: ctypes.CDLL) -> None:
    head = head_of(
        host,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 206 Partial Content\r\nX: " + "y" * 500 + "\r\n"
        "CONTENT-Length:  1024\r\nContent-Range: bytes 2048-3071/9000\r\nConnection: close\r\n\r\n",
    )
    assert head is not None
    assert (head.status, head.length, head.range_first) == (206, 1024, 2048)
    assert head.closes
    assert not head.broken


@pytest.mark.parametrize(
    "text",
    [
        "HTTP/1.1 206 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 206 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 206 OK\r\nContent-Length: 12 13\r\n\r\n",
        "HTTP/1.1 206 OK\r\nContent-Range: bytes x\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 2 OK\r\n\r\n",
    ],
)
def test_http_head_that_cannot_be_used(host: ctypes.CDLL, text: str) -> None:
    head = head_of(host, text)
    assert head is not None
    assert head.broken


@given(text=st.text(st.characters(max_codepoint=255), max_size=200))
@settings(deadline=None, suppress_health_check=SUPPRESSED)
def test_http_hostile_head(host: ctypes.CDLL, text: str) -> None:
    head = Head()
    host.http_head_begin(ctypes.byref(head))
    for byte in text.encode("latin-1"):
        host.http_head_take(ctypes.byref(head), byte)
    assert head.line_length <= 96


def test_url(host: ctypes.CDLL, guarded: GuardedBytes) -> None:
    url = Url()
    text = b"https://127.0.0.1:8443/b/k?X-Amz-Signature=ab&x=%2F#part"
    assert host.http_url_read(guarded.slice_of(text), ctypes.byref(url))
    assert url.origin.value() == b"https://127.0.0.1:8443"
    assert url.host.value() == b"127.0.0.1:8443"
    assert url.target.value() == b"/b/k?X-Amz-Signature=ab&x=%2F"
    for bad in (b"", b"ftp://h/x", b"https://", b"http://h/a b", b"http://h/\r\nX: y"):
        assert not host.http_url_read(guarded.slice_of(bad), ctypes.byref(url))


@given(r=st.integers(1, P256 - 1), s=st.integers(1, P256 - 1))
@settings(deadline=None, suppress_health_check=SUPPRESSED)
def test_der(host: ctypes.CDLL, guarded: GuardedBytes, r: int, s: int) -> None:
    der = encode_dss_signature(r, s)
    out = (ctypes.c_uint8 * 64)()
    assert host.der_read_signature(ctypes.c_void_p(guarded.put(der)), len(der), out)
    assert bytes(out) == r.to_bytes(32, "big") + s.to_bytes(32, "big")


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=SUPPRESSED)
def test_der_takes_one_form_only(
    host: ctypes.CDLL, guarded: GuardedBytes, data: st.DataObject
) -> None:
    """What is taken, encoded again, is what was read."""
    der = bytearray(encode_dss_signature(*data.draw(st.tuples(*[st.integers(1, P256 - 1)] * 2))))
    for _ in range(data.draw(st.integers(1, 3))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der)))
    content = bytes(der[:cut]) if data.draw(st.booleans()) else bytes(der)
    out = (ctypes.c_uint8 * 64)()
    if host.der_read_signature(ctypes.c_void_p(guarded.put(content)), len(content), out):
        numbers = bytes(out)
        r, s = int.from_bytes(numbers[:32], "big"), int.from_bytes(numbers[32:], "big")
        assert encode_dss_signature(r, s) == content


def test_device_page(host: ctypes.CDLL, guarded: GuardedBytes) -> None:
    keys = [bytes([1]) * 64, bytes([2]) * 64]
    page = device_page("thing-1", keys, Declares(window=8), faults=0x81)
    page = page.ljust(1024, b"\xff")
    value = Slice()

    def find(tag: int, nth: int) -> bytes | None:
        address = ctypes.c_void_p(guarded.put(page))
        found = host.device_page_find(address, 1024, tag, nth, ctypes.byref(value))
        return value.value() if found else None

    assert find(1, 0) == b"thing-1"
    assert [find(2, nth) for nth in range(3)] == [*keys, None]
    assert find(4, 0) == b"\x81\0\0\0"


@given(page=st.binary(max_size=64), good_start=st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=SUPPRESSED)
def test_device_page_hostile(
    host: ctypes.CDLL, guarded: GuardedBytes, page: bytes, good_start: bool
) -> None:
    content = (b"OTDP\1\0" if good_start else b"") + page
    value = Slice()
    address = guarded.put(content)
    found = host.device_page_find(ctypes.c_void_p(address), len(content), 1, 0, ctypes.byref(value))
    if found:
        assert value.length <= len(content) - 12


def written(host: ctypes.CDLL, name: str, *arguments: Any) -> bytes:
    room = ctypes.create_string_buffer(256)
    text = Text(ctypes.addressof(room), 0, 128, False)
    getattr(host, name)(ctypes.byref(text), *arguments)
    assert not text.cut
    return room.raw[: text.length]


def test_status_reports(host: ctypes.CDLL) -> None:
    version = Version(1, 0, 65535)
    assert written(host, "status_receiving", 64, 118) == status.receiving(64, 118).payload
    for stage, wanted in (("ready", status.self_test_ready), ("active", status.self_test_active)):
        got = written(host, "status_self_test", stage.encode(), version.packed)
        assert got == wanted(version).payload
    old = Version(255, 255, 0)
    got = written(host, "status_accepted", version.packed, old.packed)
    assert got == status.accepted(version, old).payload
    got = written(host, "status_failed", b"rejected", 0x10)
    assert got == status.failed(JobReason.REJECTED, 0x10).payload
    got = written(host, "status_failed_with_values", 0xE3, 0x42)
    assert got == status.failed_with_values(0xE3, 0x42).payload


def test_topics(host: ctypes.CDLL, guarded: GuardedBytes) -> None:
    thing = "t" * 128
    kept = ctypes.create_string_buffer(thing.encode())
    thing_slice = Slice(ctypes.addressof(kept), 128)
    name = Slice()
    wanted = {
        topics.notify_next(thing): 1,
        topics.next_get_accepted(thing): 3,
        topics.stream_data(thing, "S-1"): 5,
        topics.stream_get(thing, "S-1"): 0,
        topics.notify_next("other"): 0,
        topics.notify(thing): 0,
        "$aws/things/": 0,
    }
    for topic, kind in wanted.items():
        found = host.topic_read(guarded.slice_of(topic.encode()), thing_slice, ctypes.byref(name))
        assert (topic, found) == (topic, kind)
        if kind == 5:
            assert name.value() == b"S-1"
    job = ctypes.create_string_buffer(b"j" * 72)
    room = ctypes.create_string_buffer(256)
    text = Text(ctypes.addressof(room), 0, 232, False)
    host.topic_put(ctypes.byref(text), thing_slice, 4, Slice(ctypes.addressof(job), 72))
    assert room.raw[: text.length].decode() == topics.update(thing, "j" * 72)
    assert not text.cut


HANDLERS = tuple(Handler)
"""In the order of the firmware's own, which begin with none at all."""


def test_transitions_are_the_reference_ones(host: ctypes.CDLL) -> None:
    host.transition_find.restype = Transition
    host.state_text.restype = ctypes.c_char_p
    for state in State:
        if state in (State.ALL,) or state < 0:
            continue
        assert host.state_text(int(state)).decode() == state.text
        for event in Event:
            wanted = find_transition(state, event)
            found = host.transition_find(int(state), int(event))
            if wanted is None:
                assert found.handler == 0
            else:
                assert HANDLERS[found.handler - 1] is wanted.handler
                assert found.next == wanted.next_state
