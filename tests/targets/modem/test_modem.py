"""The modem between a device's wire and sockets: plain, TLS, flow control, and what goes wrong."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rig.clock import SystemClock
from rig.errors import BenchError
from rig.pki import CertificateAuthority
from targets.driver import Connection
from targets.modem.channel import CREDIT
from targets.modem.frames import MAX_PAYLOAD, Frame, FrameType
from targets.modem.modem import Modem
from tests.targets.modem.device_end import PATIENCE_S, DeviceEnd

GATEWAY = b"\x01"
SERVER = b"\x02"
BAUD = 115200


@pytest.fixture
def device() -> Iterator[DeviceEnd]:
    device = DeviceEnd()
    yield device
    device.close()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_S)
        yield listening


def port_of(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


Start = Callable[..., Modem]


@pytest.fixture
def start(device: DeviceEnd, server: socket.socket) -> Iterator[Start]:
    """Starts a modem whose gateway is the server."""
    started: list[Modem] = []

    def make(connection: Connection | None = None, **options: Callable[[], None]) -> Modem:
        target = connection or Connection("t", "127.0.0.1", port_of(server))
        started.append(Modem("dut", device.url, BAUD, target, **options))
        device.accept()
        return started[-1]

    yield make
    for modem in started:
        modem.close()


def opened(device: DeviceEnd, channel: int, what: bytes = GATEWAY) -> None:
    device.send(channel, FrameType.OPEN, what)
    assert device.next() == Frame(channel, FrameType.OPENED)
    assert device.next() == Frame(channel, FrameType.HOST_CREDIT, CREDIT.to_bytes(2, "little"))


def accepted(server: socket.socket) -> socket.socket:
    connection, _ = server.accept()
    connection.settimeout(PATIENCE_S)
    return connection


def test_bytes_go_both_ways(device: DeviceEnd, server: socket.socket, start: Start) -> None:
    start()
    opened(device, 0)
    with accepted(server) as peer:
        device.send(0, FrameType.DATA, b"CONNECT")
        assert peer.recv(100) == b"CONNECT"
        assert device.next() == Frame(0, FrameType.HOST_CREDIT, b"\x07\x00")
        peer.sendall(b"CONNACK")
        device.send(0, FrameType.CREDIT, b"\xff\x00")
        assert device.next() == Frame(0, FrameType.HOST_DATA, b"CONNACK")


def test_never_more_than_the_device_granted(
    device: DeviceEnd, server: socket.socket, start: Start
) -> None:
    start()
    opened(device, 2)
    with accepted(server) as peer:
        peer.sendall(b"x" * 1000)
        assert not device.has_more(within_s=0.1)
        device.send(2, FrameType.CREDIT, b"\x05\x00")
        assert device.next() == Frame(2, FrameType.HOST_DATA, b"xxxxx")
        assert not device.has_more(within_s=0.1)
        device.send(2, FrameType.CREDIT, (995).to_bytes(2, "little"))
        frames = [device.next().payload for _ in range(4)]
        assert b"".join(frames) == b"x" * 995
        assert max(map(len, frames)) == MAX_PAYLOAD


def test_channels_do_not_mix(device: DeviceEnd, server: socket.socket, start: Start) -> None:
    start()
    opened(device, 0)
    first = accepted(server)
    where = SERVER + f"http://127.0.0.1:{port_of(server)}".encode()
    opened(device, 1, where)
    second = accepted(server)
    with first, second:
        device.send(1, FrameType.DATA, b"GET")
        assert second.recv(100) == b"GET"
        assert device.next() == Frame(1, FrameType.HOST_CREDIT, b"\x03\x00")
        device.send(0, FrameType.CREDIT, b"\x10\x00")
        first.sendall(b"zero")
        assert device.next() == Frame(0, FrameType.HOST_DATA, b"zero")


def test_the_other_end_closes(device: DeviceEnd, server: socket.socket, start: Start) -> None:
    start()
    opened(device, 0)
    device.send(0, FrameType.CREDIT, b"\x10\x00")
    accepted(server).close()
    assert device.next() == Frame(0, FrameType.CLOSED, b"\0")


def test_the_device_closes(device: DeviceEnd, server: socket.socket, start: Start) -> None:
    start()
    opened(device, 0)
    with accepted(server) as peer:
        device.send(0, FrameType.CLOSE)
        assert peer.recv(1) == b""


def test_a_device_that_boots_loses_its_sockets(
    device: DeviceEnd, server: socket.socket, start: Start
) -> None:
    hellos = threading.Event()
    start(on_device_hello=hellos.set)
    opened(device, 0)
    with accepted(server) as peer:
        device.send(0, FrameType.HELLO)
        assert peer.recv(1) == b""
        assert hellos.wait(PATIENCE_S)


def test_nobody_there(device: DeviceEnd, server: socket.socket, start: Start) -> None:
    port = port_of(server)
    server.close()
    start(Connection("t", "127.0.0.1", port))
    device.send(0, FrameType.OPEN, GATEWAY)
    assert device.next() == Frame(0, FrameType.CLOSED, b"\1")


@pytest.mark.parametrize(
    "where", [b"", b"ftp://x", b"https://", b"http://127.0.0.1:99999", b"\xff"]
)
def test_no_place_to_connect_to(device: DeviceEnd, start: Start, where: bytes) -> None:
    start()
    device.send(1, FrameType.OPEN, SERVER + where)
    assert device.next() == Frame(1, FrameType.CLOSED, b"\1")


def test_noise_on_the_wire_is_counted(
    device: DeviceEnd, server: socket.socket, start: Start
) -> None:
    modem = start()
    device.send_raw(b"\xc0noise\xc0")
    opened(device, 0)
    assert modem.bad_frames == 1
    accepted(server).close()


@pytest.mark.parametrize("channel", [4, 255])
def test_frames_for_no_channel_are_ignored(
    device: DeviceEnd, server: socket.socket, start: Start, channel: int
) -> None:
    start()
    device.send(channel, FrameType.OPEN, GATEWAY)
    device.send(0, FrameType.DATA, b"not open")
    device.send(0, FrameType.CREDIT, b"\x01")
    opened(device, 0)
    accepted(server).close()


def test_tls_with_the_device_s_certificate(
    device: DeviceEnd, server: socket.socket, start: Start, tmp_path: Path
) -> None:
    authority = CertificateAuthority.generate(SystemClock())
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    ca.write_bytes(authority.certificate_pem)
    own, own_key = tmp_path / "server.pem", tmp_path / "server.key"
    authority.issue_server(["127.0.0.1"]).save(own, own_key)
    authority.issue_client("dut").save(cert, key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(own, own_key)
    start(Connection("t", "127.0.0.1", port_of(server), ca=ca, cert=cert, key=key))
    subject: list[object] = []

    def serve() -> None:
        with context.wrap_socket(accepted(server), server_side=True) as peer:
            subject.append(peer.getpeercert())
            peer.sendall(b"y" * 5000)
            peer.recv(100)

    serving = threading.Thread(target=serve)
    serving.start()
    opened(device, 0)
    received = b""
    while len(received) < 5000:
        device.send(0, FrameType.CREDIT, b"\xfa\x00")
        received += device.next().payload
    assert received == b"y" * 5000
    device.send(0, FrameType.DATA, b"bye")
    serving.join(PATIENCE_S)
    assert "dut" in str(subject)


def test_a_server_that_is_not_ours_is_refused(
    device: DeviceEnd, server: socket.socket, start: Start, tmp_path: Path
) -> None:
    ours, theirs = (
        CertificateAuthority.generate(SystemClock()),
        CertificateAuthority.generate(SystemClock()),
    )
    ca, own, own_key = (tmp_path / name for name in ("ca.pem", "server.pem", "server.key"))
    ca.write_bytes(ours.certificate_pem)
    theirs.issue_server(["127.0.0.1"]).save(own, own_key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own, own_key)
    start(Connection("t", "127.0.0.1", port_of(server), ca=ca))

    def serve() -> None:
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(accepted(server), server_side=True)

    serving = threading.Thread(target=serve)
    serving.start()
    device.send(0, FrameType.OPEN, GATEWAY)
    assert device.next() == Frame(0, FrameType.CLOSED, b"\1")
    serving.join(PATIENCE_S)


def test_a_port_that_is_not_there_is_named() -> None:
    with pytest.raises(BenchError, match=r"'dut': the port /dev/no-such .*modem\.url.*plugged in"):
        Modem("dut", "/dev/no-such", BAUD, Connection("t", "127.0.0.1", 1))


def test_a_port_that_goes_away_is_a_failure_of_the_bench(device: DeviceEnd, start: Start) -> None:
    modem = start()
    device.close()
    modem._thread.join(PATIENCE_S)
    assert modem.failure is not None
    assert "'dut': the port of its network has gone" in str(modem.failure)


def test_closed_it_leaves_no_thread(device: DeviceEnd, server: socket.socket, start: Start) -> None:
    before = threading.active_count()
    modem = start()
    opened(device, 0)
    peer = accepted(server)
    modem.close()
    assert threading.active_count() == before
    peer.close()
