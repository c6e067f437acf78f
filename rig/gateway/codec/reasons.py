"""Why the gateway refuses or ends a connection, as each protocol level says it."""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """Reason codes of CONNACK, SUBACK and DISCONNECT that the gateway gives (MQTT 5 §2.4)."""

    WITH_WILL = 0x04
    UNSPECIFIED = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    QUOTA_EXCEEDED = 0x97
    QOS_NOT_SUPPORTED = 0x9B
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E


# CONNACK's return codes at level 4 (MQTT 3.1.1 §3.2.2.3); the others are "not authorized".
_RETURN_CODES = {
    Reason.UNSUPPORTED_PROTOCOL_VERSION: 1,
    Reason.CLIENT_IDENTIFIER_NOT_VALID: 2,
    Reason.SERVER_UNAVAILABLE: 3,
}
_NOT_AUTHORIZED = 5


def return_code(reason: Reason) -> int:
    """What a CONNACK of level 4 says for this."""
    return _RETURN_CODES.get(reason, _NOT_AUTHORIZED)
