"""Ranged HTTP download for the OTA agent: one worker thread, answers posted as events.

The standard library's client is used because it sends the target of a presigned URL byte for
byte; clients that normalise URLs break signatures.
"""

from __future__ import annotations

import http.client
import queue
import re
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from agent.machine.ports import EventData, HttpBlock
from agent.protocol.states import Event

URL_REFUSED = frozenset({400, 403, 404})
"""Answers that call for a fresh URL: the agent asks for the job document again."""
MAX_REFRESHES = 3
"""Refreshes in a row without a block; after that the request timer paces and ends the attempts."""
CHUNK = 1 << 16

Signal = Callable[[Event, EventData], bool]


@dataclass(frozen=True)
class Source:
    """Where a file is: split once, so that the target goes out unaltered."""

    secure: bool
    host: str
    port: int | None
    target: str

    @classmethod
    def of(cls, url: str) -> Source | None:
        """The parts of an http or https URL; None if it is not one."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        if parts.scheme not in ("http", "https") or not host:
            return None
        if not url.isascii() or re.search(r"[\x00-\x20\x7f]", url):
            return None
        after = url.split("://", 1)[1][len(parts.netloc) :].split("#", 1)[0]
        target = after if after.startswith("/") else "/" + after
        return cls(parts.scheme == "https", host, port, target)


@dataclass(frozen=True)
class Range:
    """One block asked for; bytes ``first`` to ``last``, both inclusive."""

    generation: int
    source: Source
    index: int
    first: int
    last: int


class HttpDownload:
    """The machine's HTTP transfer. ``timeout_s`` bounds each request as a whole.

    Redirects are not followed: the signature covers the file, but a device should talk only
    to whom the job names.
    """

    def __init__(self, signal: Signal, timeout_s: float, ca: Path | None = None) -> None:
        self._signal = signal
        self._timeout_s = timeout_s
        self._ca = ca
        self._generation = 0
        self._source: Source | None = None
        self._refreshes = 0
        self._ranges: queue.SimpleQueue[Range | None] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._connected_to: tuple[bool, str, int | None] | None = None
        self.is_usable: Callable[[http.client.HTTPResponse, Range], bool] = is_range
        self.is_whole: Callable[[http.client.HTTPResponse, int, int], bool] = is_whole

    def twin(self) -> HttpDownload:
        """Another download like this one, with a connection of its own."""
        return HttpDownload(self._signal, self._timeout_s, self._ca)

    def init(self, url: str) -> bool:
        """Set the source; no connection is made yet. False for anything but a good URL."""
        self._generation += 1
        self._source = Source.of(url)
        return self._source is not None

    def request(self, index: int, first: int, last: int) -> bool:
        """Queue one range for the worker; answers of an earlier ``init`` are dropped."""
        if self._source is None:
            return False
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name="ota-http", daemon=True)
            self._worker.start()
        self._ranges.put(Range(self._generation, self._source, index, first, last))
        return True

    def deinit(self) -> bool:
        """Forget the source; the worker closes the connection."""
        self._generation += 1
        self._source = None
        self._refreshes = 0
        if self._worker is not None:
            self._ranges.put(None)
        return True

    # -- the worker's side ----------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            wanted = self._ranges.get()
            if wanted is None:
                self._disconnect()
            elif wanted.generation == self._generation:
                self._fetch(wanted)

    def _fetch(self, wanted: Range) -> None:
        try:
            status, body = self._exchange(wanted)
        except (OSError, http.client.HTTPException, ValueError):
            self._disconnect()
            return
        if wanted.generation != self._generation:
            return
        if body is not None:
            self._refreshes = 0
            self._signal(Event.RECEIVED_FILE_BLOCK, HttpBlock(wanted.index, body))
        elif status in URL_REFUSED and self._refreshes < MAX_REFRESHES:
            self._refreshes += 1
            self._signal(Event.REQUEST_JOB_DOCUMENT, None)

    def _exchange(self, wanted: Range) -> tuple[int, bytes | None]:
        """One request and its answer: the status, and the body if it is the range asked for.

        A connection kept alive may have been closed by the server meanwhile: that, and only
        that, is repeated at once on a new one.
        """
        kept = self._connection is not None
        try:
            response = self._send(wanted)
        except (ConnectionError, http.client.RemoteDisconnected):
            if not kept:
                raise
            self._disconnect()
            response = self._send(wanted)
        size = wanted.last - wanted.first + 1
        usable = self.is_usable(response, wanted)
        body = self._read(response, size)
        if not response.isclosed() or response.will_close:
            self._disconnect()
        return response.status, body if usable else None

    def _send(self, wanted: Range) -> http.client.HTTPResponse:
        source = wanted.source
        where = (source.secure, source.host, source.port)
        if self._connection is None or self._connected_to != where:
            self._disconnect()
            self._connection = self._connect(source)
            self._connected_to = where
        headers = {"Range": f"bytes={wanted.first}-{wanted.last}", "Accept-Encoding": "identity"}
        self._connection.request("GET", source.target, headers=headers)
        return self._connection.getresponse()

    def _connect(self, source: Source) -> http.client.HTTPConnection:
        if not source.secure:
            return http.client.HTTPConnection(source.host, source.port, timeout=self._timeout_s)
        ca = None if self._ca is None else str(self._ca)
        context = ssl.create_default_context(cafile=ca)
        return http.client.HTTPSConnection(
            source.host, source.port, timeout=self._timeout_s, context=context
        )

    def _read(self, response: http.client.HTTPResponse, size: int) -> bytes:
        """At most one byte more than asked for, so an endless body shows as too long. Raises
        ``OSError`` if it comes too slowly or breaks off."""
        deadline = time.monotonic() + self._timeout_s
        body = b""
        while len(body) <= size:
            chunk = response.read1(min(CHUNK, size + 1 - len(body)))
            if not chunk:
                break
            body += chunk
            if response.length == 0:
                response.read()  # tells the response that it is complete
            if time.monotonic() > deadline:
                raise TimeoutError("the body did not arrive in time")
        if not self.is_whole(response, len(body), size):
            raise ConnectionError("the connection broke within the body")
        return body

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def is_whole(response: http.client.HTTPResponse, length: int, size: int) -> bool:
    """Whether a body of ``length`` bytes is all that was announced, up to the ``size`` wanted."""
    announced = response.getheader("Content-Length")
    return announced is None or not announced.isdigit() or length >= min(int(announced), size)


def is_range(response: http.client.HTTPResponse, wanted: Range) -> bool:
    """Whether the body is the range asked for, by what the answer says of itself."""
    if response.status == 206:
        return range_fits(response.getheader("Content-Range"), wanted)
    size = wanted.last - wanted.first + 1
    all_of_it = wanted.first == 0 and response.getheader("Content-Length") == str(size)
    return response.status == 200 and all_of_it


def range_fits(header: str | None, wanted: Range) -> bool:
    """Whether a Content-Range header names the first byte asked for. Its absence is forgiven; a
    wrong length is the agent's to judge."""
    if header is None:
        return True
    match = re.match(r"bytes (\d+)-", header)
    return match is not None and int(match[1]) == wanted.first
