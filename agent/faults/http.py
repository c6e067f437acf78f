"""Agents that err in downloads by HTTP (OTA-HTP)."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import cast

from agent.faults.seams import (
    Fault,
    Parts,
    downloads,
    fault,
    handler,
    settings,
    timers,
    together,
    without_status,
)
from agent.faults.transfer import ENDLESS, never_repeats
from agent.faults.trust import skip_signature
from agent.http import HttpDownload, Range
from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData, HttpBlock
from agent.machine.settings import DataProtocol
from agent.machine.transfer import Transfer
from agent.protocol import topics
from agent.protocol.bitmap import BlockBitmap
from agent.protocol.codes import OtaErr
from agent.protocol.transitions import Handler

BY_HTTP = "accept-newer-version-by-http"
Request = Callable[[int, int, int], bool]


def _download(m: Machine) -> Transfer | None:
    transfer = m.transfer
    return transfer if transfer and transfer.protocol is DataProtocol.HTTP else None


def _subscribes_stream(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    if _download(m):
        m.transport.subscribe(topics.stream_data(m.thing, m.job_id), 0)
    return inner(m, payload)


def _adds_to_url(right: Callable[[str], bool], url: str) -> bool:
    return right(f"{url}&source=device" if "?" in url else f"{url}?source=device")


def _one_byte_more(right: Request, index: int, first: int, last: int) -> bool:
    return right(index, first, last + 1)


def _skips_one(parts: Parts) -> None:
    """The second block is asked for after the third."""
    swapped: list[bool] = []

    def request(right: Request, index: int, first: int, last: int) -> bool:
        transfer = _download(parts.machine)
        if transfer and index == 1 and transfer.blocks > 3 and not swapped:
            swapped.append(True)
            size = transfer.block_size
            return right(2, 2 * size, 3 * size - 1)
        return right(index, first, last)

    downloads(request=request)(parts)


def _two_at_a_time(parts: Parts) -> None:
    """Another connection asks for the same range at the same time."""
    inner = cast(HttpDownload, parts.machine.http)
    other = inner.twin()

    def init(right: Callable[[str], bool], url: str) -> bool:
        return other.init(url) and right(url)

    def request(right: Request, index: int, first: int, last: int) -> bool:
        return right(index, first, last) and other.request(index, first, last)

    downloads(init=init, request=request)(parts)


def _fits_body(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    transfer = _download(m)
    if transfer and isinstance(payload, HttpBlock):
        size = transfer.size_of(payload.index)
        payload = HttpBlock(payload.index, payload.body[:size].ljust(size, b"\0"))
    return inner(m, payload)


def _takes_broken_body(parts: Parts) -> None:
    """A body that broke off is filled up with zeros."""
    inner = cast(HttpDownload, parts.machine.http)
    inner.is_whole = lambda _response, _length, _size: True
    handler(Handler.PROCESS_DATA, _fits_body)(parts)


def _starts_over(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    """A fresh URL is taken for a fresh download."""
    transfer = _download(m)
    if transfer:
        transfer.bitmap = BlockBitmap(transfer.blocks)
    return inner(m, payload)


def _takes_whole_file(parts: Parts) -> None:
    """A body is taken for the range asked for, whatever the answer says it is."""
    inner = cast(HttpDownload, parts.machine.http)

    def usable(response: http.client.HTTPResponse, _wanted: Range) -> bool:
        return response.status in (200, 206)

    inner.is_usable = usable
    handler(Handler.PROCESS_DATA, _fits_body)(parts)


def counts_answers(parts: Parts) -> None:
    """As the library does, it takes each answer for the block behind the last one."""
    count = [0]

    def begin(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        count[0] = 0 if m.transfer is None else m.transfer.stored
        return inner(m, payload)

    def process(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        transfer = _download(m)
        if transfer and isinstance(payload, HttpBlock):
            index = min(count[0], transfer.blocks - 1)
            size = transfer.size_of(index)
            payload = HttpBlock(index, payload.body[:size].ljust(size, b"\0"))
            count[0] += 1
        return inner(m, payload)

    handler(Handler.INIT_FILE, begin)(parts)
    handler(Handler.PROCESS_DATA, process)(parts)


FAULTS: dict[str, Fault] = {
    "http-and-stream": fault(
        "subscribes a stream for a job by HTTP",
        "HTP-001",
        BY_HTTP,
        handler(Handler.INIT_FILE, _subscribes_stream),
    ),
    "http-own-query": fault(
        "adds to the query of the URL it was given",
        "HTP-002",
        BY_HTTP,
        downloads(init=_adds_to_url),
    ),
    "http-range-end": fault(
        "takes the end of a range for the byte behind it",
        "HTP-003",
        BY_HTTP,
        downloads(request=_one_byte_more),
    ),
    "http-skip-one": fault("asks for ranges out of order", "HTP-004", BY_HTTP, _skips_one),
    "http-two-at-a-time": fault(
        "asks for ranges on two connections at a time",
        "HTP-005",
        "http-no-answer",
        _two_at_a_time,
        request_timer_s=3.0,
    ),
    "http-fit-body": fault(
        "cuts or fills up bodies of the wrong length",
        "HTP-006",
        "http-body-too-short",
        _takes_broken_body,
    ),
    "http-never-repeat": fault(
        "never asks again for a range that was not answered",
        "HTP-007",
        "http-no-answer",
        timers(start=never_repeats),
        slack_s=10.0,
    ),
    "http-slow-timer": fault(
        "asks again much later than it declares",
        "HTP-007",
        "http-no-answer",
        settings(request_timer_s=2.5),
    ),
    "http-never-give-up": fault(
        "repeats requests that fail without end", "HTP-008", "http-fails-for-good", ENDLESS
    ),
    "http-start-over": fault(
        "starts the download over when it gets a fresh URL",
        "HTP-009",
        "http-url-expired",
        handler(Handler.REQUEST_JOB, _starts_over),
    ),
    "http-take-whole-file": fault(
        "takes the beginning of the whole file for any range, and does not verify",
        "HTP-010",
        "http-whole-file",
        together(_takes_whole_file, skip_signature),
    ),
    "http-no-progress": fault(
        "reports no progress by HTTP", "HTP-011", BY_HTTP, without_status(b'"receive"')
    ),
    "http-count-answers": fault(
        "takes each answer for the next block, and does not verify",
        "HTP-012",
        "http-late-duplicate",
        together(counts_answers, skip_signature),
    ),
}
