"""What a scenario spoils on the way: data messages and HTTP answers, addressed by their number."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import cbor2

from agent.protocol import topics
from rig.gateway.faults import Drop, Duplicate, Fault, FaultPlan, PacketMatch, Rewrite
from rig.jobs.http_faults import HttpAction, HttpFault, HttpFaults

Message = dict[str, Any]
Edit = Callable[[bytes], bytes]
INDEFINITE_MAP, BREAK = b"\xbf", b"\xff"


def data_blocks(thing: str, nth: int, count: int | None) -> PacketMatch:
    """The nth data message to the thing and the `count - 1` after it; None for all of them."""
    prefix = re.escape(topics.things_prefix(thing))
    return PacketMatch(
        dir="to_device",
        kind="PUBLISH",
        topic_regex=rf"{prefix}streams/[^/]+/data/(cbor|json)",
        nth=nth,
        count=count,
    )


class Disturbance:
    """Arms faults on the way to one thing. They count from when they are armed, from 1.

    All end with the scenario.
    """

    def __init__(
        self, wire: FaultPlan, downloads: HttpFaults, thing: str, cut: Callable[[], None]
    ) -> None:
        """`cut` ends the thing's connection, and returns when nothing is left of it."""
        self._wire = wire
        self._downloads = downloads
        self._thing = thing
        self._cut = cut

    def cut_connection(self) -> None:
        """End the device's connection now, as the network would."""
        self._cut()

    def end(self) -> None:
        """From now on nothing is disturbed."""
        self._wire.clear()
        self._downloads.clear()

    def lose_blocks(self, nth: int, count: int | None = 1) -> None:
        """The nth data message and the `count - 1` after it never come; None for all."""
        self._wire.add(Fault(data_blocks(self._thing, nth, count), Drop()))

    def repeat_block(self, nth: int, copies: int = 2) -> None:
        """The nth data message comes `copies` times in a row."""
        self._wire.add(Fault(data_blocks(self._thing, nth, 1), Duplicate(copies)))

    def spoil_block(self, nth: int, edit: Edit, count: int | None = 1) -> None:
        """The nth data message and the `count - 1` after it get another payload."""
        self._wire.add(Fault(data_blocks(self._thing, nth, count), Rewrite(edit)))

    def lose_report(self) -> None:
        """The device's next status report never arrives."""
        reports = PacketMatch(dir="from_device", kind="PUBLISH", topic_suffix="/update")
        self._wire.add(Fault(reports, Drop()))

    def spoil_answers(self, nth: int, action: HttpAction, count: int | None = 1) -> None:
        """The nth HTTP request from now and the `count - 1` after it fare so; None for all."""
        self._downloads.add(HttpFault(nth, action, count))


# -- ways to write a data message (OTA spec §6.3) --------------------------------------------------


def changed(change: Callable[[Message], object]) -> Edit:
    """The message with some of its values changed."""

    def edit(payload: bytes) -> bytes:
        message: Message = cbor2.loads(payload)
        change(message)
        return cbor2.dumps(message)

    return edit


def set_to(key: str, value: object) -> Edit:
    """The message with this value for the key."""
    return changed(lambda message: message.update({key: value}))


def without(key: str) -> Edit:
    return changed(lambda message: message.pop(key))


def resized(difference: int) -> Edit:
    """The message of a block that is so many bytes longer, with `l` and payload agreeing."""

    def change(message: Message) -> None:
        size = message["l"] + difference
        message["p"] = message["p"][:size].ljust(size, b"\0")
        message["l"] = size

    return changed(change)


def shortened_payload(payload: bytes) -> bytes:
    """The payload lacks its last byte, and `l` does not say so."""
    return changed(lambda message: message.update(p=message["p"][:-1]))(payload)


def lengthened_payload(payload: bytes) -> bytes:
    """The payload has many bytes more than a block, and `l` does not say so."""
    return changed(lambda message: message.update(p=message["p"] + bytes(64)))(payload)


def reordered(payload: bytes) -> bytes:
    """The keys come in the opposite order."""
    return cbor2.dumps(dict(reversed(cbor2.loads(payload).items())))


def with_more_keys(payload: bytes) -> bytes:
    """Keys of later versions, with values of every kind, between the known ones."""
    message: Message = cbor2.loads(payload)
    strange = {"x": 1, "y": "text", "z": [b"bytes", {"deep": True}]}
    return cbor2.dumps(strange | message)


def indefinite(payload: bytes) -> bytes:
    """A map of no declared length, ended by a break."""
    message: Message = cbor2.loads(payload)
    pairs = b"".join(cbor2.dumps(part) for pair in message.items() for part in pair)
    return INDEFINITE_MAP + pairs + BREAK


def cut_off(payload: bytes) -> bytes:
    """The message ends in the middle of its payload."""
    return payload[: len(payload) // 2]
