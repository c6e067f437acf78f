"""Agents that keep the wrong time or the wrong accounts (OTA-DAT-013, 014, 029 to 037)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from agent.faults.seams import (
    BLOCK_REQUEST,
    Fault,
    Parts,
    Send,
    fault,
    handler,
    is_status,
    on_publish,
    settings,
    status_says,
    timers,
    together,
    without_status,
    without_unsubscribing,
)
from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData, Timer
from agent.protocol.codes import OtaErr
from agent.protocol.transitions import Handler

BY_MQTT = "accept-newer-version-by-mqtt"
LOST = "data-blocks-lost"
NO_DATA = "data-blocks-none-at-all"
ENDLESS = settings(momentum=1000)
MANY = 1 << 20


def never_repeats(right: Callable[[Timer, float], bool], timer: Timer, seconds: float) -> bool:
    """The request timer is never started."""
    return timer is Timer.REQUEST or right(timer, seconds)


def _only_at_the_timer(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    if m.transfer is not None:
        m.transfer.window_left = MANY
    return inner(m, payload)


def _counts_on(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    attempts = m.momentum
    result = inner(m, payload)
    m.momentum = attempts
    return result


def _from_behind(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    """Progress counts the blocks that are missing."""

    def turn(match: re.Match[bytes]) -> bytes:
        stored, total = int(match[1]), int(match[2])
        return b'"%d/%d"' % (total - stored, total)

    if is_status(topic):
        payload = re.sub(rb'"(\d+)/(\d+)"', turn, payload)
    return send(topic, payload, qos)


def _hexadecimal(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    def turn(match: re.Match[bytes]) -> bytes:
        return b'"0x%x/0x%x"' % (int(match[1]), int(match[2]))

    if is_status(topic):
        payload = re.sub(rb'"(\d+)/(\d+)"', turn, payload)
    return send(topic, payload, qos)


def _waits_for_the_answer(parts: Parts) -> None:
    """After a progress report nothing is asked for until the report is answered."""
    waiting: list[bool] = []

    def answered(_client: Any, _userdata: Any, _message: Any) -> None:
        waiting.clear()

    parts.connection.client.message_callback_add("$aws/things/+/jobs/+/update/accepted", answered)

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if is_status(topic) and b'"receive"' in payload:
            waiting.append(True)
        return (topic.endswith(BLOCK_REQUEST) and bool(waiting)) or send(topic, payload, qos)

    on_publish(publish)(parts)


FAULTS: dict[str, Fault] = {
    "ask-at-the-timer": fault(
        "asks for the next blocks only when the request timer expires",
        "DAT-013",
        BY_MQTT,
        handler(Handler.PROCESS_DATA, _only_at_the_timer),
    ),
    "slow-timer": fault(
        "repeats block requests much later than it declares",
        "DAT-014",
        LOST,
        settings(request_timer_s=2.5),
    ),
    "never-repeat": fault(
        "never repeats a block request",
        "DAT-014",
        LOST,
        timers(start=never_repeats),
        slack_s=10.0,
    ),
    "never-give-up": fault("repeats block requests without end", "DAT-029", NO_DATA, ENDLESS),
    "momentum-reason": fault(
        "gives another reason when no block comes",
        "DAT-030",
        NO_DATA,
        status_says(b"aborted: 0x00000000", b"aborted: 0x0000000e"),
    ),
    "count-on": fault(
        "counts attempts on when a block has come",
        "DAT-031",
        "data-blocks-slow",
        handler(Handler.PROCESS_DATA, _counts_on),
        momentum=4,
    ),
    "stay-subscribed": fault(
        "leaves the stream's data topic subscribed",
        "DAT-033",
        "data-blocks-unsubscribed",
        without_unsubscribing("/streams/"),
    ),
    "no-first-progress": fault(
        "does not report the first block", "DAT-034", BY_MQTT, without_status(b'"receive":"1/')
    ),
    "progress-total": fault(
        "reports the blocks it has as all there are",
        "DAT-035",
        BY_MQTT,
        status_says(rb'"(\d+)/\d+"', rb'"\1/\1"'),
    ),
    "progress-backwards": fault(
        "counts the missing blocks in its progress",
        "DAT-035",
        BY_MQTT,
        on_publish(_from_behind),
        status_frequency=8,
    ),
    "progress-hex": fault(
        "reports its progress in hexadecimal", "DAT-035", BY_MQTT, on_publish(_hexadecimal)
    ),
    "progress-seldom": fault(
        "reports its progress less often than it declares",
        "DAT-036",
        BY_MQTT,
        settings(status_frequency=MANY),
        status_frequency=8,
    ),
    "wait-for-answer": fault(
        "asks for nothing until its progress report is answered",
        "DAT-037",
        "data-blocks-lost-progress-report",
        together(_waits_for_the_answer, ENDLESS),
        slack_s=10.0,
    ),
}
