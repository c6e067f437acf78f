"""The MQTT control packets as values, and what the standard fixes about each (MQTT 3.1.1 §2, §3).

MQTT 5 will add a `properties` field to these packets and a type AUTH to the table; both sides of
the codec are already told the protocol level.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class PacketType(IntEnum):
    """The packet types (MQTT 3.1.1 §2.2.1). The names are those of the trace format."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


# The low four bits of the first byte; PUBLISH alone carries DUP, QoS and RETAIN there (§2.2.2).
FIXED_FLAGS: dict[PacketType, int] = {
    **dict.fromkeys(PacketType, 0),
    PacketType.PUBREL: 0b0010,
    PacketType.SUBSCRIBE: 0b0010,
    PacketType.UNSUBSCRIBE: 0b0010,
}

PROTOCOL_NAME = "MQTT"
LEVEL_3_1_1 = 4
SUPPORTED_LEVELS = frozenset({LEVEL_3_1_1})

# CONNACK return codes (§3.2.2.3).
CONNECT_RETURN_CODES: dict[int, str] = {
    0: "accepted",
    1: "unacceptable protocol version",
    2: "identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}

SUBACK_FAILURE = 0x80
SUBACK_CODES = frozenset({0, 1, 2, SUBACK_FAILURE})


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes when the connection ends without DISCONNECT (§3.1.2.5)."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Connect:
    """The first packet of a client. `keepalive` in seconds, 0 for none."""

    client_id: str
    clean: bool = True
    keepalive: int = 0
    will: Will | None = None
    username: str | None = None
    # Not shown, so that no log or failed assertion gives it away.
    password: bytes | None = field(default=None, repr=False)
    level: int = LEVEL_3_1_1


@dataclass(frozen=True, slots=True)
class UnsupportedConnect:
    """A CONNECT of another protocol name or level; what follows these two is not read."""

    protocol_name: str
    level: int


@dataclass(frozen=True, slots=True)
class Connack:
    rc: int
    session_present: bool = False


@dataclass(frozen=True, slots=True)
class Publish:
    """`pid` is None with QoS 0 and 1…65535 otherwise."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Puback:
    pid: int


@dataclass(frozen=True, slots=True)
class Pubrec:
    pid: int


@dataclass(frozen=True, slots=True)
class Pubrel:
    pid: int


@dataclass(frozen=True, slots=True)
class Pubcomp:
    pid: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`filters` pairs each topic filter with the QoS asked for."""

    pid: int
    filters: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Suback:
    """One code for each filter, in their order: the QoS granted, or `SUBACK_FAILURE`."""

    pid: int
    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    pid: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsuback:
    pid: int


@dataclass(frozen=True, slots=True)
class Pingreq:
    pass


@dataclass(frozen=True, slots=True)
class Pingresp:
    pass


@dataclass(frozen=True, slots=True)
class Disconnect:
    pass


Packet = (
    Connect
    | UnsupportedConnect
    | Connack
    | Publish
    | Puback
    | Pubrec
    | Pubrel
    | Pubcomp
    | Subscribe
    | Suback
    | Unsubscribe
    | Unsuback
    | Pingreq
    | Pingresp
    | Disconnect
)

TYPE_OF: dict[type[Packet], PacketType] = {
    Connect: PacketType.CONNECT,
    UnsupportedConnect: PacketType.CONNECT,
    Connack: PacketType.CONNACK,
    Publish: PacketType.PUBLISH,
    Puback: PacketType.PUBACK,
    Pubrec: PacketType.PUBREC,
    Pubrel: PacketType.PUBREL,
    Pubcomp: PacketType.PUBCOMP,
    Subscribe: PacketType.SUBSCRIBE,
    Suback: PacketType.SUBACK,
    Unsubscribe: PacketType.UNSUBSCRIBE,
    Unsuback: PacketType.UNSUBACK,
    Pingreq: PacketType.PINGREQ,
    Pingresp: PacketType.PINGRESP,
    Disconnect: PacketType.DISCONNECT,
}
