"""The HTTP download against a real server that behaves well, badly, or not at all."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.http import MAX_REFRESHES, HttpDownload, Source
from agent.machine.ports import EventData, HttpBlock
from agent.protocol.states import Event
from tests.agent.shells.range_server import DATA, Server, partial_content, reply


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


class Agent:
    """Takes the events the download posts."""

    def __init__(self, timeout_s: float = 5.0) -> None:
        self.events: queue.Queue[tuple[Event, EventData]] = queue.Queue()
        self.download = HttpDownload(self.signal, timeout_s)

    def signal(self, event: Event, payload: EventData) -> bool:
        self.events.put((event, payload))
        return True

    def next(self) -> tuple[Event, EventData]:
        return self.events.get(timeout=10)

    def sees_only(self, index: int) -> None:
        """A good request afterwards is the next thing that arrives: nothing came before it."""
        self.download.request(index, index * 256, index * 256 + 255)
        assert self.next() == block(index)


def block(index: int) -> tuple[Event, HttpBlock]:
    first = index * 256
    return Event.RECEIVED_FILE_BLOCK, HttpBlock(index, DATA[first : first + 256])


def test_ranges_over_one_connection(server: Server) -> None:
    agent = Agent()
    assert agent.download.init(server.url)
    for index in range(3):
        agent.sees_only(index)
    paths, ranges, ports = zip(*server.asked, strict=True)
    assert set(paths) == {"/bucket/file%20x?Sig=%2fAb%3D&x=~"}
    assert ranges == ("bytes=0-255", "bytes=256-511", "bytes=512-767")
    assert len(set(ports)) == 1


def failing(answer: Callable[[Any, int, int], None]) -> Callable[[Server], None]:
    """Answer wrongly once, then well."""

    def arm(server: Server) -> None:
        def behave(handler: Any, first: int, last: int) -> None:
            server.behave = partial_content
            answer(handler, first, last)

        server.behave = behave

    return arm


def truncated(handler: Any, first: int, last: int) -> None:
    reply(handler, 206, DATA[first : first + 10], Content_Length=str(last - first + 1))
    handler.close_connection = True


def hang_up(handler: Any, first: int, last: int) -> None:
    handler.close_connection = True
    handler.connection.shutdown(2)


FAILED_REQUESTS: dict[str, Callable[[Any, int, int], None]] = {
    "whole file": lambda h, first, last: reply(h, 200, DATA),
    "other range": lambda h, first, last: reply(
        h, 206, DATA[:256], Content_Range=f"bytes 0-255/{len(DATA)}"
    ),
    "500": lambda h, first, last: reply(h, 500, b"oops"),
    "416": lambda h, first, last: reply(h, 416, b""),
    "redirect": lambda h, first, last: reply(h, 302, b"", Location="http://127.0.0.1:9/"),
    "body breaks off": truncated,
    "not HTTP": lambda h, first, last: h.wfile.write(b"\x00\xff garbage\r\n\r\n"),
}


@pytest.mark.parametrize("answer", FAILED_REQUESTS.values(), ids=FAILED_REQUESTS.keys())
def test_failed_request_yields_nothing(
    server: Server, answer: Callable[[Any, int, int], None]
) -> None:
    agent = Agent()
    agent.download.init(server.url)
    failing(answer)(server)
    agent.download.request(1, 256, 511)
    agent.sees_only(2)


@pytest.mark.parametrize(("size", "seen"), [(0, 0), (255, 255), (300, 257)])
def test_wrong_length_is_left_to_the_agent(server: Server, size: int, seen: int) -> None:
    agent = Agent()
    agent.download.init(server.url)
    failing(lambda h, first, last: reply(h, 206, DATA[:size]))(server)
    agent.download.request(0, 0, 255)
    event, payload = agent.next()
    assert event is Event.RECEIVED_FILE_BLOCK
    assert isinstance(payload, HttpBlock)
    assert len(payload.body) == seen
    agent.sees_only(1)


def test_whole_file_of_one_block_is_its_range(server: Server) -> None:
    agent = Agent()
    agent.download.init(server.url)
    failing(lambda h, first, last: reply(h, 200, DATA))(server)
    agent.download.request(0, 0, len(DATA) - 1)
    assert agent.next() == (Event.RECEIVED_FILE_BLOCK, HttpBlock(0, DATA))


def test_kept_connection_closed_by_the_server(server: Server) -> None:
    agent = Agent()
    agent.download.init(server.url)
    agent.sees_only(0)
    failing(hang_up)(server)
    agent.sees_only(1)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_refused_url_asks_for_a_fresh_one_but_not_for_ever(server: Server, status: int) -> None:
    agent = Agent()
    agent.download.init(server.url)
    refused = threading.Semaphore(0)

    def refuse(handler: Any, first: int, last: int) -> None:
        reply(handler, status, b"<Error/>")
        refused.release()

    server.behave = refuse
    for _ in range(MAX_REFRESHES):
        agent.download.request(1, 256, 511)
        assert agent.next() == (Event.REQUEST_JOB_DOCUMENT, None)
        agent.download.init(server.url)
    agent.download.request(1, 256, 511)
    for _ in range(MAX_REFRESHES + 1):
        assert refused.acquire(timeout=10)
    server.behave = partial_content
    agent.sees_only(1)
    server.behave = refuse
    agent.download.request(2, 512, 767)
    assert agent.next() == (Event.REQUEST_JOB_DOCUMENT, None)


def test_answer_of_an_ended_download_is_dropped(server: Server) -> None:
    agent = Agent()
    release = threading.Event()
    agent.download.init(server.url)

    def behave(handler: Any, first: int, last: int) -> None:
        release.wait(5)
        partial_content(handler, first, last)

    server.behave = behave
    agent.download.request(0, 0, 255)
    agent.download.deinit()
    agent.download.init(server.url)
    release.set()
    agent.sees_only(1)


def test_server_that_never_answers(server: Server) -> None:
    agent = Agent(timeout_s=0.1)
    release = threading.Event()
    agent.download.init(server.url)

    def stay_silent(_handler: Any, _first: int, _last: int) -> None:
        release.wait(5)

    failing(stay_silent)(server)
    agent.download.request(0, 0, 255)
    agent.sees_only(1)
    release.set()


def test_nobody_listens() -> None:
    agent = Agent()
    agent.download.init("http://127.0.0.1:9/x")
    assert agent.download.request(0, 0, 255)
    assert agent.events.empty()


@pytest.mark.parametrize(
    "url", ["", "ftp://h/x", "http://", "http:///x", "h/x", "http://h:port/", "http://h/a b",
            "http://h/a\r\nX: y", "http://[", "http://h/\u00e9"]
)  # fmt: skip
def test_bad_url_is_refused_at_once(url: str) -> None:
    download = Agent().download
    assert not download.init(url)
    assert not download.request(0, 0, 255)


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("http://h", Source(False, "h", None, "/")),
        ("https://h:8443/a/../b?x=%2F#frag", Source(True, "h", 8443, "/a/../b?x=%2F")),
        ("http://h?q", Source(False, "h", None, "/?q")),
        ("http://[::1]:80/", Source(False, "::1", 80, "/")),
    ],
)
def test_target_is_taken_as_it_is(url: str, source: Source) -> None:
    assert Source.of(url) == source
