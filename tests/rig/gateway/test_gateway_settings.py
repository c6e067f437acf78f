"""Settings that are no gateway are refused in one clear line."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from rig.errors import UsageError
from rig.gateway.broker import BrokerEndpoint, EmbeddedBroker
from rig.gateway.gateway import Gateway, listen
from rig.gateway.settings import GatewaySettings, is_loopback
from rig.trace import RecorderSwitch
from tests.rig.gateway.world import FakeRegistry, FakeService, Pki

BROKER = BrokerEndpoint("127.0.0.1", 1)


def test_neither_port() -> None:
    with pytest.raises(UsageError, match="neither a TLS nor a plain port"):
        GatewaySettings(broker=BROKER).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_plain_mqtt_beyond_loopback_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="on loopback only"):
        GatewaySettings(broker=BROKER, host=host, plain_port=0).check()


def test_loopback() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost")] == [
        True
    ] * 4


@pytest.mark.parametrize("port", [-1, 65_536])
def test_impossible_ports(port: int) -> None:
    with pytest.raises(UsageError, match="is not a port"):
        GatewaySettings(broker=BROKER, plain_port=port).check()


def tls_settings(pki: Pki, **paths: Path | None) -> GatewaySettings:
    files: dict[str, Path | None] = {
        "server_cert": pki.server_cert,
        "server_key": pki.server_key,
        "client_ca": pki.ca,
    }
    files.update(paths)
    return GatewaySettings(
        broker=BROKER,
        tls_port=0,
        server_cert=files["server_cert"],
        server_key=files["server_key"],
        client_ca=files["client_ca"],
    )


def test_good_tls_settings_demand_a_client_certificate(pki: Pki) -> None:
    context = tls_settings(pki).tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_tls_without_files(pki: Pki) -> None:
    with pytest.raises(UsageError, match="needs a server certificate"):
        tls_settings(pki, client_ca=None).tls_context()


@pytest.mark.parametrize("name", ["server_cert", "server_key", "client_ca"])
def test_missing_and_malformed_files_are_named(pki: Pki, tmp_path: Path, name: str) -> None:
    absent, junk = tmp_path / "absent.pem", tmp_path / "junk.pem"
    junk.write_text("junk")
    for path, what in ((absent, "No such file"), (junk, "PEM")):
        with pytest.raises(UsageError, match=what) as raised:
            tls_settings(pki, **{name: path}).tls_context()
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_key_of_another_certificate_is_refused(pki: Pki) -> None:
    _, _ = pki.client("other")
    with pytest.raises(UsageError, match="are not a certificate and its unencrypted key"):
        tls_settings(pki, server_key=pki.directory / "other.key").tls_context()


def start(settings_for: GatewaySettings) -> None:
    """Start a gateway with the embedded broker behind, and stop it."""

    async def run() -> None:
        broker = EmbeddedBroker()
        endpoint = await broker.start()
        settings = GatewaySettings(
            broker=endpoint, host=settings_for.host, plain_port=settings_for.plain_port
        )
        gateway = Gateway(settings, FakeService(), FakeRegistry(), RecorderSwitch())
        try:
            await gateway.start()
        finally:
            await gateway.stop()
            await broker.stop()

    asyncio.run(run())


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as raised:
            start(GatewaySettings(broker=BROKER, plain_port=port))
    assert str(raised.value) == (
        f"cannot listen for plain MQTT on 127.0.0.1:{port}: Address already in use; "
        "choose another port, or end the program that uses it"
    )


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(UsageError, match=r"cannot listen for TLS MQTT on 192\.0\.2\.1:0"):
        listen("192.0.2.1", 0, "TLS")
