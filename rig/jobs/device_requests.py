"""Requests that devices publish: topic to API, payload to command, decision to outcome.

Job service §1.8: the answer is for the requester alone, on the request's topic with a suffix.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.protocol.topics import ReservedApi, ReservedTopic, parse_reserved
from rig.clock import Clock
from rig.jobs import messages, requests
from rig.jobs.carry_out import carry_out
from rig.jobs.engine import Code, Decision, Refused
from rig.jobs.engine.commands import Describe, DeviceCommand, Update
from rig.jobs.outbox import Entry, News, Outbox
from rig.jobs.outcome import Notification, Outcome, Reply
from rig.jobs.requests import BadRequest
from rig.jobs.settings import JobSettings
from rig.jobs.store import Store
from rig.jobs.streams import StreamServer

_log = logging.getLogger(__name__)

NEXT = "$next"

Notifications = Callable[[Sequence[News], float], tuple[Notification, ...]]

_STREAM_APIS = frozenset({ReservedApi.STREAM_DESCRIBE, ReservedApi.STREAM_GET})


class DeviceRequests:
    """Answers one request at a time; the owner sees to that."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: JobSettings,
        streams: StreamServer,
        outbox: Outbox,
        text_of: messages.DocumentText,
        notifications: Notifications,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._streams = streams
        self._outbox = outbox
        self._text_of = text_of
        self._notifications = notifications

    def handle(self, thing: str, topic: str, payload: bytes) -> Outcome:
        """The answers to what `thing` published; never raises."""
        try:
            reserved = parse_reserved(topic)
            if reserved is None or reserved.thing != thing:
                # The gateway refuses these (A4, A8): whoever gets here is not to be answered.
                _log.error("thing %s asked on a topic that is not its own: %r", thing, topic)
                return Outcome()
            if reserved.api in _STREAM_APIS:
                return Outcome(self._streams.answer(reserved, topic, payload))
            return self._job_request(reserved, topic, payload)
        except Exception:
            _log.exception("a request of thing %s on %r failed", thing, topic)
            return self._failed(topic)

    def _job_request(self, reserved: ReservedTopic, topic: str, payload: bytes) -> Outcome:
        now = self._clock.now()
        token: str | None = None
        try:
            if not _exists(reserved):
                raise BadRequest(Code.INVALID_TOPIC, f"there is no such API: {topic}")
            fields = requests.read_object(payload, self._settings)
            token = requests.client_token(fields)
            command = _command(reserved, fields)
        except BadRequest as bad:
            answer = messages.rejected(bad.code, bad.message, None, now, token)
            return Outcome((Reply(f"{topic}/rejected", answer),))
        decisions, news = self.carry_out(command, now)
        answered = decisions[0].answer
        if isinstance(answered, Refused):
            answer = messages.refused(answered, now, token)
            return Outcome((Reply(f"{topic}/rejected", answer),))
        answer = messages.accepted(answered, now, token, self._text_of)
        return Outcome((Reply(f"{topic}/accepted", answer),), self._notifications(news, now))

    def carry_out(
        self, command: DeviceCommand, now: float
    ) -> tuple[tuple[Decision, ...], tuple[News, ...]]:
        """Decide and commit: the answer and the news are told only when the change is stored."""
        job_id = command.job_id if isinstance(command, Describe | Update) else None
        with self._store.transaction() as transaction:
            before = transaction.load_thing(command.thing, job_id)
            decisions = carry_out(transaction, before, command, now)
            news = self._outbox.put(transaction, decisions, now)
        self._streams.forget_access_of(
            entry.change.thing for entry in news if isinstance(entry, Entry)
        )
        return decisions, news

    def _failed(self, topic: str) -> Outcome:
        """The fault is ours; the log has it."""
        message = "the service failed, its log says how"
        reserved = parse_reserved(topic)
        if reserved is not None and reserved.api in _STREAM_APIS:
            return Outcome(self._streams.failed(topic, message))
        answer = messages.rejected(Code.INTERNAL_ERROR, message, None, self._clock.now(), None)
        return Outcome((Reply(f"{topic}/rejected", answer),))


def _exists(reserved: ReservedTopic) -> bool:
    """False for topics that map to no API; `$next` cannot be updated (§1.1)."""
    if reserved.api is ReservedApi.UPDATE:
        return reserved.job_id != NEXT
    return reserved.api in {
        ReservedApi.GET_PENDING,
        ReservedApi.START_NEXT,
        ReservedApi.DESCRIBE,
    }


def _command(reserved: ReservedTopic, fields: Mapping[str, Any]) -> DeviceCommand:
    thing, job_id = reserved.thing, reserved.job_id or ""
    match reserved.api:
        case ReservedApi.GET_PENDING:
            return requests.get_pending(thing, fields)
        case ReservedApi.START_NEXT:
            return requests.start_next(thing, fields)
        case ReservedApi.DESCRIBE:
            return requests.describe(thing, None if job_id == NEXT else job_id, fields)
        case _:
            return requests.update(thing, job_id, fields)
