"""How packets look in the trace."""

from __future__ import annotations

from typing import Any

from rig.gateway.codec.packets import (
    TYPE_OF,
    Auth,
    Connack,
    Connect,
    Disconnect,
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
from rig.gateway.codec.properties import Properties, Property

# Looked up once: an enum member's `name` is a property, and packets are many.
KIND_OF: dict[type[Packet], str] = {
    packet: PacketType(packet_type).name for packet, packet_type in TYPE_OF.items()
}


def packet_keys(packet: Packet) -> dict[str, Any]:
    """The packet's keys in the trace format; payloads as hex, passwords never.

    MQTT 5 adds `properties` where there are some, and `rc` where it tells more than success.
    """
    match packet:
        case Publish():
            keys = _publish_keys(packet)
        case Puback(pid, rc) | Pubrec(pid, rc) | Pubrel(pid, rc) | Pubcomp(pid, rc):
            keys = {"pid": pid, "rc": rc} if rc else {"pid": pid}
        case Unsuback(pid, codes):
            keys = {"pid": pid, "rc": list(codes)} if codes else {"pid": pid}
        case Subscribe():
            keys = _subscribe_keys(packet)
        case Suback(pid, codes):
            keys = {"pid": pid, "rc": list(codes)}
        case Unsubscribe(pid, unwanted):
            keys = {"pid": pid, "filters": list(unwanted)}
        case Connect():
            keys = _connect_keys(packet)
        case UnsupportedConnect(name, level):
            return {"protocol_name": name, "level": level}
        case Connack(rc, session_present):
            keys = {"rc": rc, "session_present": int(session_present)}
        case Disconnect(rc) | Auth(rc):
            keys = {"rc": rc} if rc else {}
        case _:
            return {}
    if packet.properties:
        keys["properties"] = properties_value(packet.properties)
    return keys


def properties_value(properties: Properties) -> dict[str, Any]:
    """Name → value, bytes as hex; of those that may repeat, a list. No credentials."""
    shown: dict[str, Any] = {}
    for identifier, value in properties:
        name = identifier.name.lower()
        if identifier is Property.USER_PROPERTY:
            shown.setdefault(name, []).append(list(value) if isinstance(value, tuple) else value)
        elif identifier is Property.SUBSCRIPTION_IDENTIFIER:
            shown.setdefault(name, []).append(value)
        elif identifier is not Property.AUTHENTICATION_DATA:
            shown[name] = value.hex() if isinstance(value, bytes) else value
    return shown


def _subscribe_keys(packet: Subscribe) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "pid": packet.pid,
        "filters": [[text, options & 0x03] for text, options in packet.filters],
    }
    if any(options > 0x03 for _, options in packet.filters):
        keys["options"] = [options for _, options in packet.filters]
    return keys


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
        if packet.will.properties:
            keys["will_properties"] = properties_value(packet.will.properties)
    if packet.username is not None:
        keys["username"] = packet.username
    return keys
