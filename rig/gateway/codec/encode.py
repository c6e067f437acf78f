"""From a packet to its bytes (MQTT 3.1.1 §3, MQTT 5 §3)."""

from __future__ import annotations

from functools import lru_cache

from rig.gateway.codec.packets import (
    FIXED_FLAGS,
    LEVEL_3_1_1,
    LEVEL_5,
    PROTOCOL_NAME,
    SUPPORTED_LEVELS,
    TYPE_OF,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
)
from rig.gateway.codec.properties import Properties, write_properties
from rig.gateway.codec.wire import encode_binary, encode_remaining_length, encode_string

# The blocks of a window go to the same topic, one after the other.
_topic = lru_cache(maxsize=256)(encode_string)


def encode(packet: Packet, level: int = LEVEL_3_1_1) -> bytes:
    """The packet's bytes; a CONNECT names its level itself.

    At level 4 properties and reason codes are left out, as it has none. Raises `ValueError` for a
    value that MQTT cannot carry.
    """
    if level not in SUPPORTED_LEVELS:
        raise ValueError(f"MQTT level {level} is not supported; {sorted(SUPPORTED_LEVELS)} are")
    if isinstance(packet, Publish):
        return _publish(packet, level)
    packet_type = TYPE_OF[type(packet)]
    body = _body(packet) if level < LEVEL_5 else _body_5(packet)
    first = packet_type << 4 | FIXED_FLAGS[packet_type]
    return bytes([first]) + encode_remaining_length(len(body)) + body


def _publish(packet: Publish, level: int) -> bytes:
    if (packet.pid is None) != (packet.qos == 0):
        raise ValueError(f"PUBLISH with QoS {packet.qos} and packet identifier {packet.pid}")
    first = 0x30 | packet.dup << 3 | packet.qos << 1 | packet.retain
    head = _topic(packet.topic)
    if packet.pid is not None:
        head += packet.pid.to_bytes(2, "big")
    if level >= LEVEL_5:
        head += write_properties(packet.properties)
    length = encode_remaining_length(len(head) + len(packet.payload))
    return b"".join((bytes([first]), length, head, packet.payload))


def _body(packet: Packet) -> bytes:
    match packet:
        case Puback(pid) | Pubrec(pid) | Pubrel(pid) | Pubcomp(pid) | Unsuback(pid):
            return pid.to_bytes(2, "big")
        case Connack(rc, session_present):
            return bytes([session_present, rc])
        case Subscribe(pid, filters):
            wanted = (encode_string(text) + bytes([qos]) for text, qos in filters)
            return pid.to_bytes(2, "big") + b"".join(wanted)
        case Suback(pid, codes):
            return pid.to_bytes(2, "big") + bytes(codes)
        case Unsubscribe(pid, unwanted):
            return pid.to_bytes(2, "big") + b"".join(map(encode_string, unwanted))
        case Connect():
            return _connect(packet)
        case _:
            return b""


def _body_5(packet: Packet) -> bytes:
    match packet:
        case Puback(pid, rc, properties) | Pubrec(pid, rc, properties):
            return pid.to_bytes(2, "big") + _reason(rc, properties)
        case Pubrel(pid, rc, properties) | Pubcomp(pid, rc, properties):
            return pid.to_bytes(2, "big") + _reason(rc, properties)
        case Disconnect(rc, properties) | Auth(rc, properties):
            return _reason(rc, properties)
        case Connack(rc, session_present, properties):
            return bytes([session_present, rc]) + write_properties(properties)
        case Subscribe(pid, filters, properties):
            wanted = (encode_string(text) + bytes([options]) for text, options in filters)
            return pid.to_bytes(2, "big") + write_properties(properties) + b"".join(wanted)
        case Suback(pid, codes, properties) | Unsuback(pid, codes, properties):
            return pid.to_bytes(2, "big") + write_properties(properties) + bytes(codes)
        case Unsubscribe(pid, unwanted, properties):
            names = b"".join(map(encode_string, unwanted))
            return pid.to_bytes(2, "big") + write_properties(properties) + names
        case _:
            return _body(packet)


def _reason(rc: int, properties: Properties) -> bytes:
    """Left out as far as it says nothing (MQTT 5 §3.4.2.1, §3.14.2.1)."""
    if properties:
        return bytes([rc]) + write_properties(properties)
    return bytes([rc]) if rc else b""


def _connect(packet: Connect) -> bytes:
    will = packet.will
    flags = packet.clean << 1
    five = packet.level >= LEVEL_5
    payload = encode_string(packet.client_id)
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        if five:
            payload += write_properties(will.properties)
        payload += encode_string(will.topic) + encode_binary(will.payload)
    if packet.username is not None:
        flags |= 0x80
        payload += encode_string(packet.username)
    if packet.password is not None:
        if packet.username is None and not five:
            raise ValueError("CONNECT with a password, but without a user name")
        flags |= 0x40
        payload += encode_binary(packet.password)
    head = encode_string(PROTOCOL_NAME) + bytes([packet.level, flags])
    head += packet.keepalive.to_bytes(2, "big")
    if five:
        head += write_properties(packet.properties)
    return head + payload
