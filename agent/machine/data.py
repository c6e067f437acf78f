"""The data plane: begin a transfer, ask for blocks, take them (OTA spec §6, §7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.machine import reporting
from agent.machine.ports import EventData, HttpBlock, StreamMessage, Timer
from agent.machine.settings import FIRMWARE_FILE_TYPE, DataProtocol
from agent.machine.transfer import Transfer
from agent.protocol import status
from agent.protocol.codes import (
    ImageState,
    IngestResult,
    JobEvent,
    OtaErr,
    PalMainStatus,
)
from agent.protocol.states import Event
from agent.protocol.stream import DataBlock, StreamError, StreamRequest, decode_data, encode_request
from agent.protocol.version import Version

if TYPE_CHECKING:
    from agent.machine.machine import Machine

CLIENT_TOKEN = "rdy"  # noqa: S105 - a protocol word
INGEST_FAILED = (PalMainStatus.UNINITIALIZED, 0)
"""What a failed ingest is reported as: ``0x000000e0: 0x00000000`` (OTA spec §5.4)."""


def init_file(m: Machine, _: EventData) -> OtaErr:
    """Open the source: subscribe the stream or initialise the HTTP download."""
    transfer = m.transfer
    if transfer is not None and _open_source(m, transfer):
        transfer.open_at_source = True
        m.momentum = 0
        m.counters.reset()
        m.follow(Event.REQUEST_FILE_BLOCK)
        return OtaErr.NONE
    if m.momentum < m.settings.momentum:
        m.timers.start(Timer.REQUEST, m.settings.request_timer_s)
        m.momentum += 1
    else:
        _give_up(m)
    return OtaErr.INIT_FILE_TRANSFER_FAILED


def _open_source(m: Machine, transfer: Transfer) -> bool:
    if transfer.protocol is DataProtocol.MQTT:
        return m.transport.subscribe(transfer.data_topic, 0)
    return m.http.init(transfer.document.update_data_url or "")


def request_data(m: Machine, _: EventData) -> OtaErr:
    """Ask for missing blocks, guarded by the request timer; give up after too many attempts."""
    transfer = m.transfer
    if transfer is None or not transfer.bitmap.remaining:
        return OtaErr.NONE
    started = m.timers.start(Timer.REQUEST, m.settings.request_timer_s)
    if not started or m.momentum >= m.settings.momentum:
        _give_up(m)
        return OtaErr.MOMENTUM_ABORT
    m.momentum += 1
    asked = _ask_http(m, transfer) if transfer.protocol is DataProtocol.HTTP else _ask(m, transfer)
    return OtaErr.NONE if asked else OtaErr.REQUEST_FILE_BLOCK_FAILED


def _give_up(m: Machine) -> None:
    m.timers.stop(Timer.REQUEST)
    if m.execution is not None:
        reporting.decide(m, ImageState.ABORTED)
    m.momentum = 0
    m.follow(Event.SHUTDOWN)


def _ask(m: Machine, transfer: Transfer) -> bool:
    transfer.window_left = m.settings.window
    request = StreamRequest(
        client_token=CLIENT_TOKEN,
        file_id=transfer.document.file_id,
        block_size=transfer.block_size,
        offset=0,
        bitmap=transfer.bitmap.to_bytes(),
        count=m.settings.window,
        stream_version=None,
    )
    return m.transport.publish(transfer.request_topic, encode_request(request, "cbor"), 0)


def _ask_http(m: Machine, transfer: Transfer) -> bool:
    transfer.window_left = 1
    index = transfer.next_wanted()
    first = index * transfer.block_size
    return m.http.request(index, first, first + transfer.size_of(index) - 1)


def process_data(m: Machine, payload: EventData) -> OtaErr:
    """Take one data message. Ends with the PROCESSED callback.

    After the last block a late duplicate finds no active job and is dropped, as is a message of
    another stream; neither can hurt a finished job (OTA spec §12.2 item 2).
    """
    transfer = m.transfer
    if transfer is None or m.execution is None or not _is_ours(payload, transfer):
        m.give_back(payload)
        return OtaErr.NONE
    m.timers.start(Timer.REQUEST, m.settings.request_timer_s)
    error = _settle(m, transfer, ingest(m, transfer, payload))
    m.give_back(payload)
    return error


def _is_ours(payload: EventData, transfer: Transfer) -> bool:
    if isinstance(payload, StreamMessage):
        mqtt = transfer.protocol is DataProtocol.MQTT
        return mqtt and payload.stream == transfer.document.stream_name
    return isinstance(payload, HttpBlock) and transfer.protocol is DataProtocol.HTTP


def ingest(m: Machine, transfer: Transfer, payload: EventData) -> IngestResult:
    """Check one message and store its block (OTA spec §6.4); touches nothing but the file and
    the bitmap."""
    if isinstance(payload, HttpBlock):
        block = DataBlock(transfer.document.file_id, payload.index, len(payload.body), payload.body)
    elif isinstance(payload, StreamMessage):
        try:
            block = decode_data(payload.payload, "cbor")
        except StreamError:
            return IngestResult.BAD_DATA
    else:
        return IngestResult.NULL_INPUT
    if block.file_id != transfer.document.file_id:
        return IngestResult.DUPLICATE_CONTINUE
    index, bitmap = block.index, transfer.bitmap
    if not 0 <= index < transfer.blocks or block.size != transfer.size_of(index):
        return IngestResult.BLOCK_OUT_OF_RANGE
    if len(block.payload) != block.size:
        return IngestResult.BLOCK_OUT_OF_RANGE
    if not bitmap.wanted(index):
        return IngestResult.DUPLICATE_CONTINUE
    if m.platform.write_block(index * transfer.block_size, block.payload) != block.size:
        return IngestResult.WRITE_BLOCK_FAILED
    bitmap.clear(index)
    return IngestResult.ACCEPTED_CONTINUE if bitmap.remaining else IngestResult.FILE_COMPLETE


def _settle(m: Machine, transfer: Transfer, result: IngestResult) -> OtaErr:
    """What follows from one ingested message."""
    match result:
        case IngestResult.ACCEPTED_CONTINUE:
            return _stored(m, transfer)
        case IngestResult.DUPLICATE_CONTINUE:
            return OtaErr.NONE
        case IngestResult.FILE_COMPLETE:
            return _complete(m, transfer)
        case _:
            return _fail(m, *INGEST_FAILED)


def _stored(m: Machine, transfer: Transfer) -> OtaErr:
    m.counters.processed += 1
    m.momentum = 0
    stored = transfer.stored
    error = OtaErr.NONE
    if stored == 1 or stored % m.settings.status_frequency == 0:
        error = reporting.publish(m, m.job_id, status.receiving(stored, transfer.blocks))
    transfer.window_left -= 1
    if transfer.window_left <= 0:
        m.follow(Event.REQUEST_FILE_BLOCK)
    return error


def _complete(m: Machine, transfer: Transfer) -> OtaErr:
    """All blocks are there: close, verify, report, and let the application activate."""
    m.timers.stop(Timer.REQUEST)
    document = transfer.document
    closed = m.platform.close_file(document)
    if closed.value != 0:
        return _fail(m, closed.main, closed.sub)
    m.counters.processed += 1
    m.follow(Event.CLOSE_FILE)
    record = m.record()
    if document.file_type == FIRMWARE_FILE_TYPE:
        ready = status.self_test_ready(m.settings.version)
        error = reporting.publish(m, m.job_id, ready)
        m.execution = None
        m.tell(JobEvent.ACTIVATE, record)
        return error
    error = OtaErr.NONE
    if m.execution is not None:
        last = Version.unpack(document.updated_by or 0)
        message = status.accepted(Version.unpack(document.file_type), last)
        error = reporting.publish_last(m, m.execution, message)
    m.execution = None
    m.tell(JobEvent.UPDATE_COMPLETE, record)
    return error


def _fail(m: Machine, main: int, sub: int) -> OtaErr:
    """The file is bad: refuse it at the platform, report, and end the transfer. The state of the
    *running* image is not touched."""
    m.platform.set_image_state(ImageState.REJECTED)
    m.timers.stop(Timer.REQUEST)
    error = OtaErr.NONE
    if m.execution is not None:
        error = reporting.publish_last(m, m.execution, status.failed_with_values(main, sub))
    m.follow(Event.CLOSE_FILE)
    m.tell(JobEvent.FAIL, m.record())
    m.execution = None
    return error
