"""Agents that make the wrong thing of data blocks (OTA-DAT-015 to 028, 032, 038)."""

from __future__ import annotations

from collections.abc import Callable

from agent.faults.seams import (
    BLOCK_REQUEST,
    Apply,
    Fault,
    Parts,
    Send,
    Table,
    block,
    fault,
    handler,
    is_status,
    on_publish,
    platform,
    read_block,
    status_says,
    together,
)
from agent.faults.trust import arm_received_image, skip_signature
from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData, StreamMessage
from agent.platform.boot_plan import BootPlan, plan_boot
from agent.platform.boot_state import BootState
from agent.protocol.bitmap import BlockBitmap
from agent.protocol.codes import OtaErr
from agent.protocol.states import Event
from agent.protocol.transitions import Handler

BY_MQTT = "accept-newer-version-by-mqtt"
Wrong = Callable[[Machine, Table], bool]
NOWHERE = 1 << 20
"""An index that no file has."""


def is_last_block(m: Machine, message: Table) -> bool:
    """Whether the message claims to be the last block."""
    return m.transfer is not None and message["i"] == m.transfer.blocks - 1


def has_wrong_size(m: Machine, message: Table) -> bool:
    """Whether a block of the file comes with a size that it cannot have."""
    transfer = m.transfer
    if transfer is None or not 0 <= message["i"] < transfer.blocks:
        return False
    return bool(message["l"] != transfer.size_of(message["i"]))


def is_outside(m: Machine, message: Table) -> bool:
    """Whether the index is none of the file's."""
    return m.transfer is not None and not 0 <= message["i"] < m.transfer.blocks


def is_duplicate(m: Machine, message: Table) -> bool:
    """Whether the block is already stored."""
    transfer = m.transfer
    if transfer is None or is_outside(m, message):
        return False
    index: int = message["i"]
    return not transfer.bitmap.wanted(index)


def is_unusual(_m: Machine, message: Table) -> bool:
    """Whether the keys are others, or in another order, than the service's."""
    return "".join(key for key in message if key != "c") != "filp"


def _is_short(_m: Machine, message: Table) -> bool:
    return bool(len(message["p"]) < message["l"])


def fails_on(wrong: Wrong) -> Apply:
    """A message of this sort fails the job, as one from outside the file does."""

    def edit(m: Machine, message: Table) -> None:
        if wrong(m, message):
            message["i"] = NOWHERE

    return block(edit)


def ignores(wrong: Wrong) -> Apply:
    """A message of this sort is not looked at, so that its block is asked for again."""

    def process(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        message = read_block(payload)
        return OtaErr.NONE if message and wrong(m, message) else inner(m, payload)

    return handler(Handler.PROCESS_DATA, process)


def _fills_up(wrong: Wrong) -> Apply:
    """A message of this sort is cut or filled up with zeros until it fits."""

    def edit(m: Machine, message: Table) -> None:
        if m.transfer is not None and wrong(m, message) and not is_outside(m, message):
            size = m.transfer.size_of(message["i"])
            message["l"] = size
            message["p"] = message["p"][:size].ljust(size, b"\0")

    return block(edit)


def _ignores_unreadable(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    if isinstance(payload, StreamMessage) and not read_block(payload):
        return OtaErr.NONE
    return inner(m, payload)


def _crashes_on_unreadable(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    if isinstance(payload, StreamMessage) and not read_block(payload):
        raise ValueError("no data message")
    return inner(m, payload)


def _stores_as_it_comes(parts: Parts) -> None:
    """Each block goes behind the one that came before it."""
    count = [0]

    def create(right: Callable[..., object], *arguments: object) -> object:
        count[0] = 0
        return right(*arguments)

    def write(right: Callable[[int, bytes], int], _offset: int, data: bytes) -> int:
        offset = count[0] * parts.machine.settings.block_size
        count[0] += 1
        return right(offset, data)

    platform(create_file=create, write_block=write)(parts)


def _duplicates_count(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    message = read_block(payload)
    duplicate = bool(message) and is_duplicate(m, message)
    result = inner(m, payload)
    if duplicate and m.transfer is not None:
        m.transfer.window_left -= 1
        if m.transfer.window_left <= 0:
            m.follow(Event.REQUEST_FILE_BLOCK)
    return result


def _misplaces_after_loss(parts: Parts) -> None:
    """The first block that comes after a repeated request is stored one place too far."""
    repeated: list[bool] = []

    def request(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        if m.transfer is not None and 0 < m.transfer.window_left < m.settings.window:
            repeated.append(True)
        return inner(m, payload)

    def write(right: Callable[[int, bytes], int], offset: int, data: bytes) -> int:
        if repeated:
            repeated.clear()
            right(0, bytes(len(data)))
            return len(data)
        return right(offset, data)

    handler(Handler.REQUEST_DATA, request)(parts)
    platform(write_block=write)(parts)


def _asks_on_after_failure(parts: Parts) -> None:
    """What it asked for last is asked for again behind the report of a bad block."""
    asked: list[tuple[str, bytes]] = []

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        sent = send(topic, payload, qos)
        if topic.endswith(BLOCK_REQUEST):
            asked.append((topic, payload))
        elif is_status(topic) and b'"0x000000e0: ' in payload and asked:
            send(*asked[-1], 0)
        return sent

    on_publish(publish)(parts)


def _boots_failed_image(parts: Parts) -> None:
    """After a bad block it runs what it has."""

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        sent = send(topic, payload, qos)
        if is_status(topic) and b'"0x000000e0: ' in payload:
            arm_received_image(parts.platform)
            parts.platform.reset()
        return sent

    on_publish(publish)(parts)


def boot_anything(state: BootState, _intact: bool) -> BootPlan:
    """The decision of a boot loader that does not look whether an image is what was verified."""
    return plan_boot(state, True)


def _one_block_too_many(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    """Counts the blocks of a file as size / l + 1."""
    transfer = m.transfer
    if transfer is not None and transfer.document.file_size % transfer.block_size == 0:
        transfer.blocks += 1
        transfer.bitmap = BlockBitmap(transfer.blocks)
    return inner(m, payload)


FAULTS: dict[str, Fault] = {
    "store-as-it-comes": fault(
        "stores blocks in the order in which they come",
        "DAT-015",
        "data-blocks-out-of-order",
        _stores_as_it_comes,
    ),
    "duplicate-fails": fault(
        "fails the job for a duplicate block",
        "DAT-016",
        "data-blocks-duplicate",
        fails_on(is_duplicate),
    ),
    "duplicate-counts": fault(
        "counts a duplicate block for the window",
        "DAT-017",
        "data-blocks-duplicate",
        handler(Handler.PROCESS_DATA, _duplicates_count),
        request_timer_s=2.5,
    ),
    "refuse-last-block": fault(
        "refuses a last block that is shorter than the others",
        "DAT-018",
        BY_MQTT,
        fails_on(lambda m, message: is_last_block(m, message) and message["l"] < 4096),
    ),
    "ignore-wrong-size": fault(
        "passes over blocks of the wrong size",
        "DAT-019",
        "data-blocks-spoilt-wrong-size",
        ignores(has_wrong_size),
    ),
    "fill-up-wrong-size": fault(
        "fills up blocks of the wrong size, and does not verify",
        "DAT-019",
        "data-blocks-spoilt-wrong-size",
        together(_fills_up(has_wrong_size), skip_signature),
    ),
    "ignore-wrong-last-size": fault(
        "passes over last blocks of the wrong size",
        "DAT-020",
        "data-blocks-spoilt-wrong-last-size",
        ignores(has_wrong_size),
    ),
    "ignore-outside": fault(
        "passes over blocks from outside the file",
        "DAT-021",
        "data-blocks-spoilt-index-too-high",
        ignores(is_outside),
    ),
    "ignore-unreadable": fault(
        "passes over data messages that it cannot read",
        "DAT-022",
        "data-blocks-spoilt-not-cbor",
        handler(Handler.PROCESS_DATA, _ignores_unreadable),
    ),
    "crash-on-unreadable": fault(
        "crashes on data messages that it cannot read",
        "DAT-022",
        "data-blocks-spoilt-not-cbor",
        handler(Handler.PROCESS_DATA, _crashes_on_unreadable),
    ),
    "ingest-reason": fault(
        "gives another reason for bad blocks",
        "DAT-023",
        "data-blocks-spoilt-not-cbor",
        status_says(b"0x000000e0: 0x00000000", b"aborted: 0x00000015"),
    ),
    "ask-after-failure": fault(
        "asks for blocks of a job that it has failed",
        "DAT-024",
        "data-blocks-spoilt-wrong-size",
        _asks_on_after_failure,
    ),
    "boot-failed-image": fault(
        "runs what it has of an image after a bad block",
        "DAT-025",
        "data-blocks-spoilt-not-cbor",
        _boots_failed_image,
    ),
    "refuse-unusual": fault(
        "refuses data messages with keys in another order",
        "DAT-026",
        "data-blocks-unusual-encoding",
        fails_on(is_unusual),
    ),
    "fill-up-short": fault(
        "fills up short payloads, and does not verify",
        "DAT-027",
        "data-blocks-short-payload",
        together(_fills_up(_is_short), skip_signature),
    ),
    "misplace-after-loss": fault(
        "stores the first block after a repeated request in the wrong place",
        "DAT-032",
        "data-blocks-lost",
        _misplaces_after_loss,
    ),
    "one-block-too-many": fault(
        "counts a block too many for files that fill their last block",
        "DAT-038",
        "data-blocks-sizes-one-block",
        handler(Handler.INIT_FILE, _one_block_too_many),
    ),
    "refuse-one-byte": fault(
        "refuses a block of one byte",
        "DAT-038",
        "data-blocks-sizes-one-byte",
        fails_on(lambda _m, message: message["l"] == 1),
    ),
}
