"""Who is let in, and what is refused (job service §8.2 A1 to A8), over real sockets."""

from __future__ import annotations

import socket
import ssl

import pytest

from rig.clock import SystemClock
from rig.gateway.codec import (
    Connack,
    Connect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Will,
)
from rig.pki import CertificateAuthority
from tests.rig.gateway.clients import Bare, publishes
from tests.rig.gateway.world import World

over_tls = pytest.mark.parametrize("transport", ["tls"], indirect=True)
# What the broker does makes no difference here.
with_amqtt = pytest.mark.parametrize("broker_kind", ["amqtt"], indirect=True)
pytestmark = with_amqtt

PREFIX = "$aws/things/thing1"


def refused_connect(world: World, client: Bare, packet: Connect) -> Packet | None:
    """The answer to a CONNECT; after it the connection has ended."""
    client.send(packet)
    answer = client.receive_or_end()
    assert client.receive_until_end() == []
    return answer


# -- certificates -------------------------------------------------------------------------------


@over_tls
def test_the_certificate_decides_which_thing_one_is(world: World) -> None:
    device = world.bare("thing1")
    assert refused_connect(world, device, Connect("thing2")) == Connack(5)
    assert world.bare("thing1").connect("thing1") == Connack(0)


@over_tls
def test_a_certificate_of_another_thing_does_not_disturb_it(world: World) -> None:
    device = world.bare("thing1")
    device.connect("thing1")
    assert refused_connect(world, world.bare("thing2"), Connect("thing1")) == Connack(5)
    device.send(Pingreq())
    assert device.receive() == Pingresp()


@over_tls
def test_a_certificate_with_several_things_may_be_each_of_them(world: World) -> None:
    context, fingerprint = world.pki.client("several")
    world.registry.owners[fingerprint] = frozenset({"thing1", "thing2"})
    for thing in ("thing1", "thing2"):
        device = Bare(world.port, context)
        world.clients.append(device)
        assert device.connect(thing) == Connack(0)


@over_tls
def test_a_certificate_that_counts_no_more_ends_the_connection(world: World) -> None:
    one, other = world.bare("thing1"), world.bare("thing2")
    for device, thing in ((one, "thing1"), (other, "thing2")):
        assert device.connect(thing) == Connack(0)
    for fingerprint, things in world.registry.owners.items():
        if "thing1" in things:
            world.registry.owners[fingerprint] = frozenset()
    world.loop.call(checked(world))
    closed = world.wait("TCP_CLOSE", "to_device")
    assert "may be thing1 no more" in closed.data["reason"]
    other.send(Pingreq())
    assert other.receive() == Pingresp()


async def checked(world: World) -> None:
    world.gateway.check_identities()


@over_tls
def test_a_registered_ca_is_not_enough(world: World) -> None:
    context, _ = world.pki.client("unregistered")
    device = Bare(world.port, context)
    world.clients.append(device)
    assert refused_connect(world, device, Connect("unregistered")) == Connack(5)


def refused_handshake(world: World, context: ssl.SSLContext) -> str:
    """Why the gateway ended the handshake."""
    with socket.create_connection(("127.0.0.1", world.port)) as sock:
        try:
            tls = context.wrap_socket(sock, server_hostname="localhost")
            # In TLS 1.3 a client learns of its refusal only when it reads.
            assert tls.recv(1) == b""
        except OSError:
            pass
    return str(world.wait("TCP_CLOSE", "to_device").data["reason"])


@over_tls
def test_without_a_certificate_nobody_gets_in(world: World) -> None:
    reason = refused_handshake(world, world.pki.anonymous())
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in reason
    assert world.kinds() == ["TCP_OPEN", "TCP_CLOSE"]


@over_tls
def test_a_certificate_of_another_ca_does_not_get_in(world: World) -> None:
    stranger = CertificateAuthority.generate(SystemClock())
    context, fingerprint = world.pki.client_of(stranger, "thing1")
    world.registry.owners[fingerprint] = frozenset({"thing1"})
    assert "CERTIFICATE_VERIFY_FAILED" in refused_handshake(world, context)


@over_tls
def test_tls_1_1_is_refused(world: World) -> None:
    context = world.tls_for("thing1")
    assert context is not None
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert "UNSUPPORTED_PROTOCOL" in refused_handshake(world, context)


@over_tls
def test_mqtt_without_tls_on_the_tls_port_is_refused(world: World) -> None:
    device = Bare(world.port)
    world.clients.append(device)
    device.send(Connect("thing1"))
    assert device.receive_until_end_of_bytes()
    assert "TLS handshake failed" in world.wait("TCP_CLOSE", "to_device").data["reason"]


# -- CONNECT ------------------------------------------------------------------------------------

REFUSED_CONNECTS = {
    "unknown thing": (Connect("stranger"), 5),
    "no client id, clean": (Connect(""), 2),
    "no client id, persistent": (Connect("", clean=False), 2),
    "will to an answer": (Connect("thing1", will=Will(f"{PREFIX}/jobs/get/accepted", b"")), 5),
    "will to a request": (Connect("thing1", will=Will(f"{PREFIX}/jobs/get", b"")), 5),
    "will to another thing": (Connect("thing1", will=Will("$aws/things/thing2/x", b"")), 5),
    "will to $SYS": (Connect("thing1", will=Will("$SYS/x", b"")), 5),
    "will with QoS 2": (Connect("thing1", will=Will("x", b"", 2)), 5),
}


@pytest.mark.parametrize("name", REFUSED_CONNECTS)
def test_refused_connects(world: World, name: str) -> None:
    packet, code = REFUSED_CONNECTS[name]
    assert refused_connect(world, world.bare(), packet) == Connack(code)
    assert world.wait("TCP_CLOSE", "to_device").data["reason"].startswith(f"CONNACK {code}: ")


def test_user_name_and_password_are_accepted_and_mean_nothing(world: World) -> None:
    """The C SDKs put their metrics there (job service §0.19); amqtt would refuse them."""
    device = world.bare()
    assert device.connect("thing1", username="?SDK=Python&Version=1.0") == Connack(0)
    event = world.wait("CONNECT")
    assert event.data["username"] == "?SDK=Python&Version=1.0"
    other = world.bare()
    assert other.connect("thing2", username="u", password=b"secret-of-device") == Connack(0)
    assert "secret-of-device" not in "".join(event.to_json() for event in world.recorder.events)


def test_a_level_that_nobody_knows_is_told_to_come_with_another(world: World) -> None:
    device = world.bare()
    device.send_bytes(b"\x10\x10\x00\x04MQTT\x06\x02\x00\x3c\x00\x00\x03abc")
    assert device.receive() == Connack(1)
    assert device.receive_until_end() == []


# -- PUBLISH ------------------------------------------------------------------------------------

FORBIDDEN_TOPICS = (
    "$aws/things/thing2/jobs/get",
    "$aws/things/thing2/jobs/$next/get",
    "$aws/things/thing2/jobs/job1/update",
    "$aws/things/thing2/streams/s/get/cbor",
    f"{PREFIX}/jobs/$next/get/accepted",
    f"{PREFIX}/jobs/job1/update/accepted",
    f"{PREFIX}/jobs/job1/update/rejected",
    f"{PREFIX}/jobs/notify",
    f"{PREFIX}/jobs/notify-next",
    f"{PREFIX}/streams/s/data/cbor",
    f"{PREFIX}/streams/s/description/json",
    f"{PREFIX}/streams/s/rejected/json",
    f"{PREFIX}/streams/s/get/xml",
    f"{PREFIX}/shadow/update",
    f"{PREFIX}",
    "$aws/events/job/x/completed",
    "$aws",
    "$SYS/broker/uptime",
    "$share/group/topic",
    "$anything",
)


@pytest.mark.parametrize("topic", FORBIDDEN_TOPICS)
def test_a_forbidden_publish_ends_the_connection(world: World, topic: str) -> None:
    victim = world.connected("thing2")
    victim.subscribe("$aws/things/thing2/#")
    device = world.bare()
    device.connect("thing1")
    # What follows the forbidden packet in the same read is not looked at either.
    device.send(Publish(topic, b"{}", 1, pid=1), Publish(f"{PREFIX}/jobs/get", b"{}", 1, pid=2))
    assert device.receive_until_end() == []
    assert repr(topic) in world.wait("TCP_CLOSE", "to_device").data["reason"]
    victim.subscribe("sentinel")
    victim.publish("sentinel")
    assert victim.next().topic == "sentinel"
    assert world.service.requests == []


def test_a_forged_answer_in_the_broker_is_not_delivered(world: World) -> None:
    """Somebody with access to the broker writes what only the job service may say."""
    device = world.bare()
    device.connect("thing1")
    device.send(Subscribe(1, ((f"{PREFIX}/#", 1), ("sentinel", 1))))
    assert device.receive() == Suback(1, (1, 1))
    for topic in (f"{PREFIX}/jobs/$next/get/accepted", f"{PREFIX}/streams/s/data/cbor"):
        world.loop.call(world.gateway.publish(topic, b"forged"))
    world.loop.call(world.gateway.publish("sentinel", b""))
    assert publishes([device.receive()]) == ["sentinel"]


def test_the_thing_is_taken_from_the_topic_not_from_the_payload(world: World) -> None:
    device = world.connected("thing1")
    device.publish(f"{PREFIX}/jobs/get", b'{"thingName":"thing2"}')
    assert device.next().topic == f"{PREFIX}/jobs/get/accepted"
    assert [thing for thing, _, _ in world.service.requests] == ["thing1"]


# -- SUBSCRIBE ----------------------------------------------------------------------------------


def test_each_filter_is_judged_by_itself(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    filters = (
        ("$aws/#", 1),
        (f"{PREFIX}/jobs/+/get/+", 1),
        ("$aws/things/thing2/#", 0),
        ("own/topic", 0),
        (f"{PREFIX}/#", 2),
        ("$SYS/#", 0),
    )
    device.send(Subscribe(5, filters))
    assert device.receive() == Suback(5, (0x80, 1, 0x80, 0, 1, 0x80))
    assert world.wait("SUBACK").data == {"pid": 5, "rc": [128, 1, 128, 0, 1, 128]}


def test_ordinary_topics_are_everybodys(world: World) -> None:
    listener = world.connected("thing2")
    listener.subscribe("fleet/+/state")
    world.connected("thing1").publish("fleet/thing1/state", b"on")
    message = listener.next()
    assert (message.topic, message.payload) == ("fleet/thing1/state", b"on")
