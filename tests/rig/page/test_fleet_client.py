"""What programs are told of the fleet, and how each failure reads."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rig.errors import BenchError, UsageError
from rig.fleet_client import FleetClient
from rig.page.face import page_url
from rig.serve_state import RegionAddress, ServeState
from tests.rig.jobs.site import KEY, PAGE_TOKEN, Site
from tests.rig.jobs.world import THING

GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def client(data: Path, url: str, token: str = PAGE_TOKEN, ca: Path | None = None) -> FleetClient:
    """For a `serve` at this URL, as its file tells it."""
    ServeState(
        endpoint=url,
        mqtt_host="127.0.0.1",
        mqtt_port=8883,
        plain_port=None,
        ca=str(ca),
        region="us-east-1",
        access_key_id=KEY.key_id,
        secret_access_key=KEY.secret,
        page=page_url(url, token),
        regions={"us-east-1": RegionAddress("127.0.0.1", 8883, None)},
    ).save(data)
    return FleetClient(data)


def test_the_fleet_and_one_job(site: Site, tmp_path: Path) -> None:
    site.world.service.create_job("job1", [THING], {})
    fleet = client(tmp_path, site.url).fleet()
    assert [job.job_id for job in fleet.jobs] == ["job1"]
    expected = site.world.service.fleet.fleet(site.world.clock.now())
    assert fleet == replace(expected, regions=("us-east-1",))
    detail = client(tmp_path, site.url).job("job1")
    assert detail == site.world.service.fleet.job("job1", site.world.clock.now())


def test_over_https(tls_site: Site, tmp_path: Path) -> None:
    assert client(tmp_path, tls_site.url, ca=tls_site.ca).fleet().thing_count == 1


def test_a_server_with_a_certificate_of_another_authority(tls_site: Site, tmp_path: Path) -> None:
    other = tmp_path / "s.pem"
    with pytest.raises(UsageError, match="no serve answers at https:"):
        client(tmp_path, tls_site.url, ca=other).fleet()


@pytest.mark.parametrize("name", ["nothing", "../jobs", "a b", "jobs/x?y#z"])
def test_no_such_job(site: Site, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="serve refused: there is no job"):
        client(tmp_path, site.url).job(name)


def test_a_token_of_an_earlier_run(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="of an earlier run"):
        client(tmp_path, site.url, token="old").fleet()


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError, match="start it: otarig serve --data") as raised:
            client(tmp_path, url).fleet()
    assert "\n" not in str(raised.value)


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that says this to the first who asks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        serving.join()


def test_a_serve_of_another_version(tmp_path: Path) -> None:
    with answering(GARBAGE) as url, pytest.raises(BenchError, match="run both from one version"):
        client(tmp_path, url).fleet()


def test_something_that_is_no_serve(tmp_path: Path) -> None:
    with answering(b"SSH-2.0-OpenSSH_9.2\r\n") as url, pytest.raises(UsageError, match="no serve"):
        client(tmp_path, url).fleet()


def test_a_serve_that_has_failed(tmp_path: Path) -> None:
    answer = b'HTTP/1.1 500 No\r\nContent-Length: 16\r\n\r\n{"error":"fault"}'
    with answering(answer) as url, pytest.raises(BenchError, match="serve refused: "):
        client(tmp_path, url).fleet()
