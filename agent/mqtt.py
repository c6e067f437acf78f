"""MQTT for the OTA agent over a paho client that belongs to the application.

Only three topic filters are claimed; everything else stays with the application's own
``on_message``. Answers to the job request arrive without a subscription, so messages are routed by
their topic alone.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode

from agent.machine.ports import EventData, JobAnswer, StreamMessage
from agent.protocol import topics
from agent.protocol.states import Event

OLD_TOKENS = 64
STATUS_SUFFIX = "/update"

Signal = Callable[[Event, EventData], bool]


class OtaMqtt:
    """The machine's transport, and the router of what comes in.

    Calls must come from the thread that runs the client's network loop. :attr:`asked_at` is the
    moment (``monotonic`` seconds) of a job request that has no answer yet.
    """

    def __init__(
        self,
        client: Client,
        thing: str,
        signal: Signal,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._signal = signal
        self._monotonic = monotonic
        self._request_topic = topics.next_get(thing)
        self._stream_prefix, _, self._stream_suffix = topics.stream_data(thing, "+").partition("+")
        self._filters: dict[str, Callable[[bytes, str], None]] = {
            topics.notify_next(thing): self._notified,
            topics.next_get_accepted(thing): self._answered,
            topics.stream_data(thing, "+"): self._data,
        }
        self._unacknowledged: list[MQTTMessageInfo] = []
        self._token: str | None = None
        self._old_tokens: deque[str] = deque(maxlen=OLD_TOKENS)
        self.retain = False
        self.requests = 0
        self.asked_at: float | None = None

    def claim(self) -> None:
        """Route the OTA topics of the shared client here."""
        for topic_filter, take in self._filters.items():
            self._client.message_callback_add(topic_filter, self._taker(take))

    def release(self) -> None:
        """Give the OTA topics back to the application."""
        for topic_filter in self._filters:
            self._client.message_callback_remove(topic_filter)

    @staticmethod
    def _taker(
        take: Callable[[bytes, str], None],
    ) -> Callable[[Client, Any, MQTTMessage], None]:
        def on_message(_client: Client, _userdata: Any, message: MQTTMessage) -> None:
            take(bytes(message.payload), message.topic)

        return on_message

    # -- out ------------------------------------------------------------------------------------

    def subscribe(self, topic: str, qos: int) -> bool:
        """Send SUBSCRIBE; does not wait for the answer."""
        if not self._client.is_connected():
            return False
        code, _ = self._client.subscribe(topic, qos)
        return code is MQTTErrorCode.MQTT_ERR_SUCCESS

    def unsubscribe(self, topic: str) -> bool:
        """Send UNSUBSCRIBE; does not wait for the answer."""
        if not self._client.is_connected():
            return False
        code, _ = self._client.unsubscribe(topic)
        return code is MQTTErrorCode.MQTT_ERR_SUCCESS

    def publish(self, topic: str, payload: bytes, qos: int) -> bool:
        """Send PUBLISH, never retained.

        A QoS 1 job status is also taken without a connection: the client keeps it and sends it
        first of all when it is connected again, so no final report is lost to a broken link. A
        job request is not kept: a new one is made after reconnecting.
        """
        if not self._client.is_connected() and not (qos and topic.endswith(STATUS_SUFFIX)):
            return False
        info = self._client.publish(topic, payload, qos, retain=self.retain)
        if qos and info.rc is MQTTErrorCode.MQTT_ERR_NO_CONN:
            info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS  # kept by the client, sent on reconnect
        if qos:
            self._unacknowledged = [i for i in self._unacknowledged if not _done(i)]
            self._unacknowledged.append(info)
        if topic == self._request_topic:
            self._remember_request(payload)
        return info.rc is MQTTErrorCode.MQTT_ERR_SUCCESS

    @property
    def flushed(self) -> bool:
        """Whether everything is written and every QoS 1 message acknowledged."""
        return not self._client.want_write() and all(map(_done, self._unacknowledged))

    def _remember_request(self, payload: bytes) -> None:
        if self._token is not None:
            self._old_tokens.append(self._token)
        self._token = _client_token(payload)
        self.requests += 1
        self.asked_at = self._monotonic()

    # -- in -------------------------------------------------------------------------------------

    def _notified(self, payload: bytes, _topic: str) -> None:
        self.asked_at = None
        self._signal(Event.RECEIVED_JOB_DOCUMENT, payload)

    def _answered(self, payload: bytes, _topic: str) -> None:
        """An answer to one of our earlier requests (re-sent after a reconnect) is history."""
        if _client_token(payload) in self._old_tokens:
            return
        self.asked_at = None
        self._signal(Event.RECEIVED_JOB_DOCUMENT, JobAnswer(payload))

    def _data(self, payload: bytes, topic: str) -> None:
        stream = topic[len(self._stream_prefix) : -len(self._stream_suffix)]
        self._signal(Event.RECEIVED_FILE_BLOCK, StreamMessage(stream, payload))


def _done(info: MQTTMessageInfo) -> bool:
    """A message the client refused (``is_published`` raises) is not worth waiting for."""
    try:
        return info.is_published()
    except (ValueError, RuntimeError):
        return True


def _client_token(payload: bytes) -> str | None:
    try:
        token = json.loads(payload).get("clientToken")
    except (ValueError, AttributeError, RecursionError):
        return None
    return token if isinstance(token, str) else None
