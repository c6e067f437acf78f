"""What an MQTT 5 device and its broker say of each other in CONNECT and CONNACK, and what of it the
gateway changes because it stands between them.

Topic aliases end at the gateway: it resolves the device's, so that trace, faults and access rules
see topics, and asks the broker for none, because a delivery that it withholds might be the one
that sets an alias.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rig.gateway.codec.packets import Connack, Connect
from rig.gateway.codec.properties import Properties, Property, number_of, without

# Topic aliases that a device may set (AWS IoT Core grants 8).
MAX_TOPIC_ALIAS = 8
# What a client takes that does not say (MQTT 5 §3.1.2.11.3).
MOST_IN_FLIGHT = 0xFFFF


@dataclass(frozen=True)
class DeviceTerms:
    """What the device said it takes: packets of QoS 1 that it has not yet acknowledged, and bytes
    in one packet, 0 for any number."""

    receive_maximum: int = MOST_IN_FLIGHT
    max_packet: int = 0

    @classmethod
    def of(cls, connect: Connect) -> DeviceTerms:
        said = connect.properties
        return cls(
            number_of(said, Property.RECEIVE_MAXIMUM, MOST_IN_FLIGHT),
            number_of(said, Property.MAXIMUM_PACKET_SIZE, 0),
        )


def authenticates(connect: Connect) -> bool:
    """Whether the device wants an exchange of AUTH packets, which AWS IoT does not know."""
    return any(each is Property.AUTHENTICATION_METHOD for each, _ in connect.properties)


def for_broker(connect: Connect) -> Connect:
    """The CONNECT that goes on: without credentials and aliases.

    The device's user name and password mean nothing here (job service §0.19) and are not the
    broker's business.
    """
    properties = without(connect.properties, Property.TOPIC_ALIAS_MAXIMUM)
    return replace(connect, username=None, password=None, properties=properties)


def for_device(connack: Connack, max_packet: int, highest_qos: int) -> Connack:
    """The broker's CONNACK at level 5 as the device gets it.

    The keep-alive that the broker wants is the gateway's to keep; a size is the smaller one.
    """
    broker_takes = number_of(connack.properties, Property.MAXIMUM_PACKET_SIZE, max_packet)
    own: Properties = (
        (Property.MAXIMUM_QOS, highest_qos),
        (Property.MAXIMUM_PACKET_SIZE, min(broker_takes, max_packet)),
        (Property.TOPIC_ALIAS_MAXIMUM, MAX_TOPIC_ALIAS),
        (Property.SHARED_SUBSCRIPTION_AVAILABLE, 0),
    )
    replaced = (identifier for identifier, _ in own)
    kept = without(connack.properties, Property.SERVER_KEEP_ALIVE, *replaced)
    return replace(connack, properties=kept + own)
