"""MQTT packets and bytes, without any I/O."""

from rig.gateway.codec.decoder import MAX_REMAINING_LENGTH, Decoder
from rig.gateway.codec.encode import encode
from rig.gateway.codec.packets import (
    CONNECT_RETURN_CODES,
    SUBACK_FAILURE,
    Connack,
    Connect,
    Disconnect,
    Packet,
    PacketType,
    Pingreq,
    Pingresp,
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
    Will,
)
from rig.gateway.codec.wire import MalformedPacket

__all__ = [
    "CONNECT_RETURN_CODES",
    "MAX_REMAINING_LENGTH",
    "SUBACK_FAILURE",
    "Connack",
    "Connect",
    "Decoder",
    "Disconnect",
    "MalformedPacket",
    "Packet",
    "PacketType",
    "Pingreq",
    "Pingresp",
    "Puback",
    "Pubcomp",
    "Publish",
    "Pubrec",
    "Pubrel",
    "Suback",
    "Subscribe",
    "Unsuback",
    "Unsubscribe",
    "UnsupportedConnect",
    "Will",
    "encode",
]
