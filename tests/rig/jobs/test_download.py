"""The download server over real sockets (job service §6)."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from rig.clock import FakeClock, SystemClock
from rig.errors import UsageError
from rig.jobs.access_key import AccessKey
from rig.jobs.download import DownloadServer
from rig.jobs.http_faults import (
    AnswerStatus,
    Close,
    HttpFault,
    HttpFaults,
    NoAnswer,
    Slow,
    Truncate,
    WholeFile,
)
from rig.jobs.objects import ObjectStore
from rig.jobs.presign import Presigner
from rig.pki import CertificateAuthority
from rig.trace import Header, Recorder, RecorderSwitch

CONTENT = bytes(n % 251 for n in range(20_000))
KEY = "firmware ä.bin"


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass
class Answer:
    """A response as the client read it."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass
class Site:
    """A running server with one object in it, and a client's connection to it."""

    server: DownloadServer
    presigner: Presigner
    clock: FakeClock
    recorder: Recorder
    tls: ssl.SSLContext | None = None
    _connections: list[http.client.HTTPConnection] = field(default_factory=list)

    def url(self, key: str = KEY, seconds: int = 60, method: str = "GET") -> str:
        return self.presigner.url("images", key, seconds, method)

    def connect(self) -> http.client.HTTPConnection:
        connection = (
            http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
            if self.tls is None
            else http.client.HTTPSConnection(
                "127.0.0.1", self.server.port, timeout=10, context=self.tls
            )
        )
        self._connections.append(connection)
        return connection

    def get(
        self,
        url: str,
        *,
        connection: http.client.HTTPConnection | None = None,
        method: str = "GET",
        byte_range: str | None = None,
    ) -> Answer:
        connection = connection or self.connect()
        parts = urlsplit(url)
        headers = {} if byte_range is None else {"Range": byte_range}
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, target, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.msg, response.read())

    def events(self, kind: str) -> list[Any]:
        return [event for event in self.recorder.events if event.kind == kind]

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


@contextmanager
def running(
    directory: Path, server_tls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[Site]:
    clock = FakeClock()
    objects = ObjectStore(directory / "objects")
    objects.put("images", KEY, CONTENT)
    presigner = Presigner(AccessKey.generate(), clock, "")
    recorder = Recorder(Header("s", "k", "thing1"))
    with event_loop() as loop:

        def run(action: Callable[[], Any]) -> None:
            asyncio.run_coroutine_threadsafe(action(), loop).result(20)

        server = DownloadServer(objects, clock, RecorderSwitch(recorder), presigner, tls=server_tls)
        run(server.start)
        site = Site(server, presigner, clock, recorder, tls)
        try:
            yield site
        finally:
            site.close()
            run(server.stop)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(tmp_path) as found:
        yield found


def test_the_whole_file(site: Site) -> None:
    answer = site.get(site.url())
    assert answer.status == 200
    assert answer.body == CONTENT
    assert answer.headers["Content-Length"] == "20000"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Last-Modified"].endswith(" GMT")
    assert "Transfer-Encoding" not in answer.headers
    assert "Content-Encoding" not in answer.headers


def test_every_block_on_one_connection(site: Site) -> None:
    """As the C library does it: one range per block, the connection kept."""
    url, connection = site.url(), site.connect()
    received = b""
    for start in range(0, len(CONTENT), 4096):
        last = min(start + 4096, len(CONTENT)) - 1
        answer = site.get(url, connection=connection, byte_range=f"bytes={start}-{last}")
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {start}-{last}/20000"
        assert answer.headers["Content-Length"] == str(last - start + 1)
        received += answer.body
    assert received == CONTENT
    assert {event.conn for event in site.recorder.events} == {1}


def test_head_tells_the_length_and_sends_nothing(site: Site) -> None:
    answer = site.get(site.url(method="HEAD"), method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == "20000"
    assert site.get(site.url(), method="HEAD").status == 403


def test_a_range_beyond_the_end(site: Site) -> None:
    answer = site.get(site.url(), byte_range="bytes=20000-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == "bytes */20000"
    assert b"<Code>InvalidRange</Code>" in answer.body


def test_an_expired_url_is_refused_and_a_fresh_one_is_not(site: Site) -> None:
    url = site.url(seconds=60)
    site.clock.advance(61)
    answer = site.get(url)
    assert answer.status == 403
    assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in answer.body
    assert answer.headers["Content-Type"] == "application/xml"
    assert site.get(site.url()).status == 200


def test_refusals(site: Site) -> None:
    bare = site.get(site.url().partition("?")[0])
    assert bare.status == 403
    assert b"<Code>AccessDenied</Code>" in bare.body
    wrong = site.get(site.url().replace("firmware", "firmwarf"))
    assert wrong.status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in wrong.body
    missing = site.get(site.url("nope"))
    assert missing.status == 404
    assert b"<Code>NoSuchKey</Code>" in missing.body
    for method in ("PUT", "POST", "DELETE"):
        answer = site.get(site.url(), method=method)
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("key", ["../objects", "../../etc/passwd", "/etc/passwd", "a/../b"])
def test_no_signed_path_leaves_the_store(site: Site, key: str) -> None:
    assert site.get(site.url(key)).status == 404


@pytest.mark.parametrize("target", ["/", "/images", "/images/", "//", "/%00/%00", "/A B/c"])
def test_odd_paths_are_refused(site: Site, target: str) -> None:
    answer = site.get(f"{site.server.base_url}{target.replace(' ', '%20')}?X-Amz-Signature=0")
    assert answer.status == 403


def test_requests_and_responses_are_in_the_trace(site: Site) -> None:
    url = site.url()
    site.get(url, byte_range="bytes=0-4095")
    site.get(site.url("nope"))
    first, second = site.events("REQUEST")
    assert (first.channel, first.dir, first.conn) == ("http", "from_device", 1)
    assert first.data["method"] == "GET"
    assert first.data["target"] == url.removeprefix(site.server.base_url)
    assert first.data["headers"]["Range"] == "bytes=0-4095"
    assert second.conn == 2
    answered, missing = site.events("RESPONSE")
    assert (answered.channel, answered.dir, answered.conn) == ("http", "to_device", 1)
    assert answered.data["status"] == 206
    assert answered.data["headers"]["Content-Range"] == "bytes 0-4095/20000"
    assert answered.data["length"] == 4096
    assert answered.data["sha256"] == hashlib.sha256(CONTENT[:4096]).hexdigest()
    assert missing.data["status"] == 404


def test_https_with_the_throw_away_ca(tmp_path: Path) -> None:
    authority = CertificateAuthority.generate(SystemClock())
    authority.issue_server().save(tmp_path / "server.pem", tmp_path / "server.key")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    client = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    with running(tmp_path, server, client) as site:
        assert site.url().startswith("https://127.0.0.1:")
        assert site.get(site.url()).body == CONTENT


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    async def start(port: int) -> None:
        server = DownloadServer(
            ObjectStore(tmp_path / "objects"),
            FakeClock(),
            RecorderSwitch(),
            Presigner(AccessKey.generate(), FakeClock(), ""),
            port=port,
        )
        await server.start()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=f"cannot listen for HTTP on 127.0.0.1:{port}"
        ) as caught:
            asyncio.run(start(port))
    assert "\n" not in str(caught.value)


def test_an_ordered_status(site: Site) -> None:
    site.server.faults.add(HttpFault(2, AnswerStatus(503), count=2))
    assert [site.get(site.url()).status for _ in range(5)] == [200, 503, 503, 200, 200]
    assert [event.data["action"] for event in site.events("FAULT")] == ["status 503"] * 2
    assert all(event.channel == "rig" for event in site.events("FAULT"))
    assert [e.data["status"] for e in site.events("RESPONSE")] == [200, 503, 503, 200, 200]


def test_a_truncated_body(site: Site) -> None:
    site.server.faults.add(HttpFault(1, Truncate(100)))
    with pytest.raises(http.client.IncompleteRead) as caught:
        site.get(site.url(), byte_range="bytes=0-4095")
    assert caught.value.partial == CONTENT[:100]
    (response,) = site.events("RESPONSE")
    assert (response.data["status"], response.data["length"]) == (206, 100)
    assert response.data["headers"]["Content-Range"] == "bytes 0-4095/20000"
    assert site.get(site.url()).body == CONTENT


def test_a_connection_closed_instead_of_an_answer(site: Site) -> None:
    site.server.faults.add(HttpFault(1, Close()))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        site.get(site.url())
    assert site.events("RESPONSE") == []
    assert site.get(site.url()).status == 200


def test_no_answer_until_the_server_stops(tmp_path: Path) -> None:
    with running(tmp_path) as site:
        site.server.faults.add(HttpFault(1, NoAnswer()))
        connection = site.connect()
        parts = urlsplit(site.url())
        connection.request("GET", f"{parts.path}?{parts.query}")
        site.recorder.wait(lambda event: event.kind == "FAULT", 10)
        assert site.get(site.url()).status == 200
        assert len(site.events("RESPONSE")) == 1


def test_the_whole_file_whatever_was_asked(site: Site) -> None:
    site.server.faults.add(HttpFault(1, WholeFile()))
    answer = site.get(site.url(), byte_range="bytes=0-4095")
    assert (answer.status, answer.body) == (200, CONTENT)
    assert "Content-Range" not in answer.headers


def test_a_slow_answer_comes_whole(site: Site) -> None:
    site.server.faults.add(HttpFault(1, Slow(0.01)))
    answer = site.get(site.url(), byte_range="bytes=0-4095")
    assert (answer.status, answer.body) == (206, CONTENT[:4096])
    assert answer.headers["Content-Range"] == "bytes 0-4095/20000"
    (response,) = site.events("RESPONSE")
    assert (response.data["status"], response.data["length"]) == (206, 4096)
    assert site.get(site.url()).body == CONTENT


def test_faults_are_counted_from_when_they_are_added() -> None:
    faults = HttpFaults()
    assert faults.strike() is None
    always, second = HttpFault(3, Close(), count=None), HttpFault(2, NoAnswer())
    faults.add(always)
    faults.add(second)
    assert [faults.strike() for _ in range(4)] == [None, second, always, always]
    faults.clear()
    assert faults.strike() is None
    with pytest.raises(ValueError, match="counted from 1"):
        HttpFault(0, Close())
