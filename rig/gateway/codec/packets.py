"""The MQTT control packets as values, and what the standards fix about each.

Sections are those of MQTT 3.1.1 where nothing else is said. `properties` and the reason codes `rc`
of acknowledgements and of DISCONNECT are MQTT 5's: at level 4 they stay as they are by default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from rig.gateway.codec.properties import Properties


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
    # MQTT 5 §3.15; reserved before.
    AUTH = 15


# The low four bits of the first byte; PUBLISH alone carries DUP, QoS and RETAIN there (§2.2.2).
FIXED_FLAGS: dict[PacketType, int] = {
    **dict.fromkeys(PacketType, 0),
    PacketType.PUBREL: 0b0010,
    PacketType.SUBSCRIBE: 0b0010,
    PacketType.UNSUBSCRIBE: 0b0010,
}

PROTOCOL_NAME = "MQTT"
LEVEL_3_1_1 = 4
LEVEL_5 = 5
SUPPORTED_LEVELS = frozenset({LEVEL_3_1_1, LEVEL_5})

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
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Connect:
    """The first packet of a client. `keepalive` in seconds, 0 for none.

    `clean` is Clean Session, in MQTT 5 Clean Start.
    """

    client_id: str
    clean: bool = True
    keepalive: int = 0
    will: Will | None = None
    username: str | None = None
    # Not shown, so that no log or failed assertion gives it away.
    password: bytes | None = field(default=None, repr=False)
    level: int = LEVEL_3_1_1
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class UnsupportedConnect:
    """A CONNECT of another protocol name or level; what follows these two is not read."""

    protocol_name: str
    level: int


@dataclass(frozen=True, slots=True)
class Connack:
    """`rc` is a return code of `CONNECT_RETURN_CODES`, in MQTT 5 a reason code."""

    rc: int
    session_present: bool = False
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Publish:
    """`pid` is None with QoS 0 and 1…65535 otherwise."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    pid: int | None = None
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Puback:
    pid: int
    rc: int = 0
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Pubrec:
    pid: int
    rc: int = 0
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Pubrel:
    pid: int
    rc: int = 0
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Pubcomp:
    pid: int
    rc: int = 0
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`filters` pairs each topic filter with its options: the QoS asked for in the low two bits,
    above them MQTT 5's No Local, Retain As Published and Retain Handling (MQTT 5 §3.8.3.1)."""

    pid: int
    filters: tuple[tuple[str, int], ...]
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Suback:
    """One code for each filter, in their order: the QoS granted, or `SUBACK_FAILURE`, in MQTT 5
    any code from there on."""

    pid: int
    codes: tuple[int, ...]
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    pid: int
    filters: tuple[str, ...]
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Unsuback:
    """MQTT 5 has one code for each filter, 3.1.1 none."""

    pid: int
    codes: tuple[int, ...] = ()
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Pingreq:
    pass


@dataclass(frozen=True, slots=True)
class Pingresp:
    pass


@dataclass(frozen=True, slots=True)
class Disconnect:
    rc: int = 0
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Auth:
    """MQTT 5 alone (MQTT 5 §3.15)."""

    rc: int = 0
    properties: Properties = ()


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
    | Auth
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
    Auth: PacketType.AUTH,
}
