"""From a packet to its bytes (MQTT 3.1.1 §3)."""

from __future__ import annotations

from rig.gateway.codec.packets import (
    FIXED_FLAGS,
    LEVEL_3_1_1,
    PROTOCOL_NAME,
    SUPPORTED_LEVELS,
    TYPE_OF,
    Connack,
    Connect,
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
from rig.gateway.codec.wire import encode_binary, encode_remaining_length, encode_string


def encode(packet: Packet, level: int = LEVEL_3_1_1) -> bytes:
    """The packet's bytes. Raises `ValueError` for a value that MQTT cannot carry."""
    if level not in SUPPORTED_LEVELS:
        raise ValueError(f"MQTT level {level} is not supported; {sorted(SUPPORTED_LEVELS)} are")
    if isinstance(packet, Publish):
        return _publish(packet)
    packet_type = TYPE_OF[type(packet)]
    body = _body(packet)
    first = packet_type << 4 | FIXED_FLAGS[packet_type]
    return bytes([first]) + encode_remaining_length(len(body)) + body


def _publish(packet: Publish) -> bytes:
    if (packet.pid is None) != (packet.qos == 0):
        raise ValueError(f"PUBLISH with QoS {packet.qos} and packet identifier {packet.pid}")
    first = 0x30 | packet.dup << 3 | packet.qos << 1 | packet.retain
    head = encode_string(packet.topic)
    if packet.pid is not None:
        head += packet.pid.to_bytes(2, "big")
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


def _connect(packet: Connect) -> bytes:
    will = packet.will
    flags = packet.clean << 1
    payload = encode_string(packet.client_id)
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        payload += encode_string(will.topic) + encode_binary(will.payload)
    if packet.username is not None:
        flags |= 0x80
        payload += encode_string(packet.username)
    if packet.password is not None:
        if packet.username is None:
            raise ValueError("CONNECT with a password, but without a user name")
        flags |= 0x40
        payload += encode_binary(packet.password)
    head = encode_string(PROTOCOL_NAME) + bytes([packet.level, flags])
    return head + packet.keepalive.to_bytes(2, "big") + payload
