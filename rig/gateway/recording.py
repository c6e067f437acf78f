"""How packets look in the trace."""

from __future__ import annotations

from typing import Any

from rig.gateway.codec.packets import (
    TYPE_OF,
    Connack,
    Connect,
    Packet,
    PacketType,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    UnsupportedConnect,
)

# Looked up once: an enum member's `name` is a property, and packets are many.
KIND_OF: dict[type[Packet], str] = {
    packet: PacketType(packet_type).name for packet, packet_type in TYPE_OF.items()
}


def packet_keys(packet: Packet) -> dict[str, Any]:
    """The packet's keys in the trace format; payloads as hex, passwords never."""
    match packet:
        case Publish():
            return _publish_keys(packet)
        case Puback(pid) | Pubrec(pid) | Pubrel(pid) | Pubcomp(pid) | Unsuback(pid):
            return {"pid": pid}
        case Subscribe(pid, filters):
            return {"pid": pid, "filters": [list(pair) for pair in filters]}
        case Suback(pid, codes):
            return {"pid": pid, "rc": list(codes)}
        case Unsubscribe(pid, unwanted):
            return {"pid": pid, "filters": list(unwanted)}
        case Connect():
            return _connect_keys(packet)
        case UnsupportedConnect(name, level):
            return {"protocol_name": name, "level": level}
        case Connack(rc, session_present):
            return {"rc": rc, "session_present": int(session_present)}
        case _:
            return {}


def _publish_keys(packet: Publish) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "qos": packet.qos,
        "dup": packet.dup,
        "retain": packet.retain,
        "topic": packet.topic,
    }
    if packet.pid is not None:
        keys["pid"] = packet.pid
    keys["payload"] = packet.payload.hex()
    return keys


def _connect_keys(packet: Connect) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "level": packet.level,
        "clean": packet.clean,
        "will": packet.will is not None,
        "keepalive": packet.keepalive,
        "client_id": packet.client_id,
    }
    if packet.will is not None:
        keys["will_topic"] = packet.will.topic
        keys["will_qos"] = packet.will.qos
        keys["will_retain"] = packet.will.retain
        keys["will_payload"] = packet.will.payload.hex()
    if packet.username is not None:
        keys["username"] = packet.username
    return keys
