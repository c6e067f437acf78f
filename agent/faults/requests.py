"""Agents that ask for blocks in the wrong way (OTA-DAT-001 to 012)."""

from __future__ import annotations

from collections.abc import Callable

import cbor2

from agent.faults.seams import (
    BLOCK_REQUEST,
    DATA,
    Apply,
    Fault,
    Parts,
    Send,
    Table,
    block_request,
    fault,
    later_block_requests,
    on_publish,
    on_subscribe,
    with_qos,
)
from agent.protocol.bitmap import BlockBitmap

BY_MQTT = "accept-newer-version-by-mqtt"
REORDERED = "data-blocks-out-of-order"
Subscribe = Callable[[str, int], bool]


def _without_data_topic(send: Subscribe, topic: str, qos: int) -> bool:
    return topic.endswith(DATA) or send(topic, qos)


def _data_topic_with_qos_1(send: Subscribe, topic: str, qos: int) -> bool:
    return send(topic, 1 if topic.endswith(DATA) else qos)


def _set(key: str, make: Callable[[Table], object]) -> Apply:
    """One value of every block request is another one."""

    def edit(request: Table) -> None:
        request[key] = make(request)

    return block_request(edit)


def _set_later(key: str, make: Callable[[Table], object]) -> Apply:
    """One value of every block request of a transfer but the first is another one."""

    def edit(request: Table) -> None:
        request[key] = make(request)

    return later_block_requests(edit)


def _all_bits(request: Table) -> bytes:
    return BlockBitmap(8 * len(request["b"])).to_bytes()


def _spare_bits(request: Table) -> bytes:
    """The last byte's unused bits are set, as if the file filled it."""
    bitmap: bytes = request["b"]
    last = bitmap[-1]
    return bitmap[:-1] + bytes([last | (0xFF << last.bit_length()) & 0xFF if last else 0])


def _reversed_bits(request: Table) -> bytes:
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in request["b"])


def _first_is_not_full(parts: Parts) -> None:
    """The first request of each transfer leaves out block 0."""
    streams: set[str] = set()

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if topic.endswith(BLOCK_REQUEST) and topic not in streams:
            streams.add(topic)
            request = cbor2.loads(payload)
            request["b"] = bytes([request["b"][0] & 0xFE]) + request["b"][1:]
            payload = cbor2.dumps(request)
        return send(topic, payload, qos)

    on_publish(publish)(parts)


FAULTS: dict[str, Fault] = {
    "no-data-topic": fault(
        "asks for blocks without subscribing the stream's data topic",
        "DAT-001",
        BY_MQTT,
        on_subscribe(_without_data_topic),
    ),
    "data-topic-qos1": fault(
        "subscribes the stream's data topic with QoS 1",
        "DAT-001",
        BY_MQTT,
        on_subscribe(_data_topic_with_qos_1),
    ),
    "block-request-qos1": fault(
        "asks for blocks with QoS 1", "DAT-002", BY_MQTT, with_qos(BLOCK_REQUEST, 1)
    ),
    "block-request-extra": fault(
        "adds a key of its own to block requests", "DAT-003", BY_MQTT, _set("x", lambda _r: 1)
    ),
    "block-request-short": fault(
        "leaves the offset out of block requests",
        "DAT-003",
        BY_MQTT,
        block_request(lambda request: request.pop("o")),
    ),
    "block-request-text": fault(
        "gives the file id as text", "DAT-003", BY_MQTT, _set("f", lambda r: str(r["f"]))
    ),
    "other-file": fault(
        "asks for the blocks of another file", "DAT-004", BY_MQTT, _set("f", lambda r: r["f"] + 1)
    ),
    "odd-block-size": fault(
        "asks for blocks of 3000 bytes", "DAT-005", BY_MQTT, _set("l", lambda _r: 3000)
    ),
    "huge-block-size": fault(
        "asks for blocks of 256 KiB", "DAT-005", BY_MQTT, _set("l", lambda _r: 1 << 18)
    ),
    "changing-block-size": fault(
        "asks for larger blocks after the first request",
        "DAT-005",
        REORDERED,
        _set_later("l", lambda request: 2 * request["l"]),
    ),
    "offset": fault(
        "asks for blocks from an offset on", "DAT-006", BY_MQTT, _set("o", lambda _r: 1)
    ),
    "long-bitmap": fault(
        "sends a bitmap of a byte too many",
        "DAT-007",
        BY_MQTT,
        _set("b", lambda request: request["b"] + b"\0"),
    ),
    "short-bitmap": fault(
        "sends a bitmap of a byte too few",
        "DAT-007",
        BY_MQTT,
        _set("b", lambda request: request["b"][:-1]),
    ),
    "bits-reversed": fault(
        "counts the bits of the bitmap from the other end",
        "DAT-008 DAT-009",
        "accept-both-protocols-offered",
        _set("b", _reversed_bits),
    ),
    "spare-bits": fault(
        "sets the bits beyond the last block",
        "DAT-008",
        "accept-both-protocols-offered",
        _set("b", _spare_bits),
    ),
    "first-not-full": fault(
        "leaves a block out of its first request", "DAT-009", BY_MQTT, _first_is_not_full
    ),
    "forget-bitmap": fault(
        "asks for blocks it has already stored",
        "DAT-010 SUS-004 DAT-008",
        "interrupted-connection-lost-in-mid-download",
        _set("b", _all_bits),
    ),
    "no-window": fault("asks for 0 blocks", "DAT-011", BY_MQTT, _set("n", lambda _r: 0)),
    "huge-window": fault(
        "asks for more than 128 KiB at once", "DAT-011", BY_MQTT, _set("n", lambda _r: 64)
    ),
    "changing-window": fault(
        "asks for more blocks after the first request",
        "DAT-011",
        REORDERED,
        _set_later("n", lambda request: request["n"] + 1),
    ),
    "request-word": fault(
        "sends another word than rdy", "DAT-012", BY_MQTT, _set("c", lambda _r: "get")
    ),
}
