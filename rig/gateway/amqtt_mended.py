"""amqtt 0.12.1 where it departs from MQTT 3.1.1, put right in a thin subclass.

What is wrong upstream, and where it is mended here; a test of each tells when upstream mends it:

| amqtt 0.12.1 | mended in |
|---|---|
| drops a client that publishes to `$aws/…` | `_deliver` |
| a second connection of a client id leaves the first (clean) or ends both (persistent) | `_claim` |
| delivers at the subscription's QoS even if published at a lower one (§3.8.4) | `_run_broadcast` |
| delivers once for each of several filters that match (allowed, but no broker does) | same |
| delivers queued messages with RETAIN set (§3.3.1.3) | `_publish_session_retained_messages` |
| on connecting, delivers retained messages nobody subscribed to | `_greeting` |
| delivers retained messages of QoS 0 at the subscription's QoS | `_publish_retained_…` |
| forgets an unacknowledged QoS 1 message after 5 s or at disconnection (§4.4) | `MendedHandler` |
| loses all but one of the messages just before DISCONNECT | `MendedHandler.handle_publish` |
| ignores the new QoS of a repeated subscription (§3.8.4) | `add_subscription` |
| finds a clean session present (§3.2.2.2), may sweep away one just begun | `_release` |
| takes in messages faster than it gives them out, without bound | `_broadcast_queue` |
| keeps every topic that was ever retained, without bound | `retain_message` |
| keeps the will's RETAIN of the connection before | `_resume` |
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from amqtt.adapters import ReaderAdapter, StreamReaderAdapter, StreamWriterAdapter, WriterAdapter
from amqtt.broker import AMQTT_MAGIC_VALUE_RET_SUBSCRIBED, Broker, Server
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import AMQTTError
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.protocol.broker_handler import (
    BrokerProtocolHandler,
    Subscription,
    UnSubscription,
)
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket
from amqtt.session import ApplicationMessage, OutgoingApplicationMessage, Session
from amqtt.utils import gen_client_id

from rig.gateway import limits
from rig.gateway.codec.topic_names import matches

_log = logging.getLogger(__name__)

LISTENER = "default"


class MendedWriter(StreamWriterAdapter):  # type: ignore[misc]
    """A writer whose connection can be ended without waiting for its client to read."""

    def abort(self) -> None:
        self._writer.transport.abort()


class MendedHandler(BrokerProtocolHandler):  # type: ignore[misc]
    """One client's connection. Packets act in the order they come, and none is forgotten."""

    on_publish: Callable[[ApplicationMessage], Awaitable[None]]
    on_subscribe: Callable[[Subscription], Awaitable[None]]
    on_unsubscribe: Callable[[UnSubscription], Awaitable[None]]
    # Publishes that wait for the client to read.
    waiting = 0
    has_ended = False
    farewell: DisconnectPacket | None = None

    async def handle_disconnect(self, disconnect: DisconnectPacket | None) -> None:
        if not self.has_ended:
            self.has_ended, self.farewell = True, disconnect
        await super().handle_disconnect(disconnect)

    async def wait_disconnect(self) -> DisconnectPacket | None:
        """How the client left, also if it left before anybody waited for that."""
        if self.has_ended:
            return self.farewell
        await super().wait_disconnect()
        return self.farewell

    async def mqtt_publish(self, *arguments: Any, **named: Any) -> OutgoingApplicationMessage:
        self.waiting += 1
        try:
            return await super().mqtt_publish(*arguments, **named)
        finally:
            self.waiting -= 1

    async def handle_publish(self, publish_packet: PublishPacket) -> None:
        header = publish_packet.variable_header
        pid = header.packet_id if header else None
        message = ApplicationMessage(
            pid,
            publish_packet.topic_name or "",
            publish_packet.qos,
            publish_packet.data or b"",
            publish_packet.retain_flag,
        )
        await self.on_publish(message)
        if publish_packet.qos and pid is not None:
            await self._send_packet(PubackPacket.build(pid))

    async def handle_subscribe(self, subscribe: SubscribePacket) -> None:
        await self.on_subscribe(
            Subscription(subscribe.variable_header.packet_id, subscribe.payload.topics)
        )

    async def handle_unsubscribe(self, unsubscribe: UnsubscribePacket) -> None:
        await self.on_unsubscribe(
            UnSubscription(unsubscribe.variable_header.packet_id, unsubscribe.payload.topics)
        )

    async def handle_puback(self, puback: PubackPacket) -> None:
        if self.session is not None and puback.variable_header is not None:
            self.session.inflight_out.pop(puback.variable_header.packet_id, None)

    async def _handle_qos1_message_flow(self, app_message: Any) -> None:
        """Send and remember; only PUBACK makes the message forgotten."""
        if self.session is None:
            return
        again = app_message.publish_packet is not None
        app_message.publish_packet = app_message.build_publish_packet(dup=again)
        self.session.inflight_out[app_message.packet_id] = app_message
        await self._send_packet(app_message.publish_packet)


class _Tenure:
    """One connection's time as the holder of its client id."""

    def __init__(self, writer: MendedWriter) -> None:
        self.writer = writer
        self.ended = asyncio.Event()


class MendedBroker(Broker):  # type: ignore[misc]
    """A broker on a loopback port of the system's choice, for clients with this password."""

    def __init__(self, host: str, username: str, password: str) -> None:
        listener = ListenerConfig(type=ListenerType.TCP, bind=f"{host}:0")
        super().__init__(BrokerConfig(listeners={LISTENER: listener}, plugins={}))
        self._broadcast_queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(limits.MAX_BROADCASTS)
        self._retained_bytes = 0
        self._told_full = False
        self._credentials = f"{username}\0{password}".encode()
        self._tenures: dict[str, _Tenure] = {}
        self._greeting: set[str] = set()
        self._publishing: set[asyncio.Task[OutgoingApplicationMessage]] = set()

    @property
    def port(self) -> int:
        server: Server = self._servers[LISTENER]
        return int(server.instance.sockets[0].getsockname()[1])

    async def _authenticate(self, session: Session, _: ListenerConfig) -> bool:
        offered = f"{session.username or ''}\0{session.password or ''}".encode()
        return hmac.compare_digest(offered, self._credentials)

    # -- one connection at a time for a client id ----------------------------------------------

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        await self._client_connected(
            listener_name, StreamReaderAdapter(reader), MendedWriter(writer)
        )

    async def _initialize_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, remote_address: str, remote_port: int
    ) -> tuple[BrokerProtocolHandler, Session]:
        try:
            handler, session = await MendedHandler.init_from_connect(
                reader, writer, self.plugins_manager
            )
        except Exception as error:
            assert isinstance(writer, MendedWriter)
            writer.abort()
            raise AMQTTError(f"no CONNECT from {remote_address}:{remote_port}") from error
        session.client_id = session.client_id or gen_client_id()
        if not await self._authenticate(session, self.listeners_config[LISTENER]):
            # Whoever is not let in shall not disturb the session of a client that was.
            session.client_id, session.clean_session = gen_client_id(), True
        client_id: str = session.client_id
        await self._claim(client_id, writer)
        if session.clean_session:
            await self._delete_session(client_id)
        elif client_id in self._sessions:
            session = _resume(self._sessions[client_id][0], session)
        self._bind(handler, session)
        return handler, session

    async def _claim(self, client_id: str, writer: WriterAdapter) -> None:
        """End the connection that holds the client id, and wait for all that follows from it."""
        while (tenure := self._tenures.get(client_id)) is not None:
            tenure.writer.abort()
            await tenure.ended.wait()
        assert isinstance(writer, MendedWriter)
        self._tenures[client_id] = _Tenure(writer)

    async def _handle_client_session(
        self,
        reader: ReaderAdapter,
        writer: WriterAdapter,
        client_session: Session,
        handler: BrokerProtocolHandler,
        server: Server,
        listener_name: str,
    ) -> None:
        client_id: str = client_session.client_id
        self._greeting.add(client_id)
        try:
            await super()._handle_client_session(
                reader, writer, client_session, handler, server, listener_name
            )
        finally:
            await self._release(client_id, client_session)

    async def _release(self, client_id: str, session: Session) -> None:
        self._greeting.discard(client_id)
        session.transitions.disconnect()
        if session.clean_session:
            await self._delete_session(client_id)
        self._tenures.pop(client_id).ended.set()

    async def _session_monitor(self) -> None:
        """Sessions end with their connection, so there is nothing to look after."""

    def _bind(self, handler: MendedHandler, session: Session) -> None:
        async def publish(message: ApplicationMessage) -> None:
            await self._deliver(session, message)

        async def subscribe(subscription: Subscription) -> None:
            await self._handle_subscription(session, handler, _done(subscription))

        async def unsubscribe(unsubscription: UnSubscription) -> None:
            await self._handle_unsubscription(session, handler, _done(unsubscription))

        handler.on_publish = publish
        handler.on_subscribe = subscribe
        handler.on_unsubscribe = unsubscribe

    async def _client_message_loop(
        self, client_session: Session, handler: BrokerProtocolHandler
    ) -> None:
        # What came in while the greeting went on is queued behind what had been queued before.
        while not client_session.retained_messages.empty():
            await self._publish_session_retained_messages(client_session)
        self._greeting.discard(client_session.client_id)
        await super()._client_message_loop(client_session, handler)

    # -- messages ------------------------------------------------------------------------------

    async def _deliver(self, session: Session, message: ApplicationMessage) -> None:
        await self._broadcast_message(session, message.topic, message.data, message.qos)
        if message.retain:
            await self.retain_message(session, message.topic, message.data, message.qos)

    async def _run_broadcast(
        self, running_tasks: deque[asyncio.Task[OutgoingApplicationMessage]]
    ) -> None:
        broadcast = await self._broadcast_queue.get()
        topic, data, published = broadcast["topic"], broadcast["data"], broadcast["qos"]
        subscribers: dict[str, tuple[Session, int]] = {}
        for topic_filter, subscriptions in self._subscriptions.items():
            if not matches(topic, topic_filter):
                continue
            for session, granted in subscriptions:
                _, before = subscribers.get(session.client_id, (session, 0))
                subscribers[session.client_id] = session, max(before, granted)
        for client_id, (session, granted) in subscribers.items():
            qos = min(granted, published)
            connected = session.transitions.state == "connected"
            if connected and client_id not in self._greeting:
                self._publish_soon(session, topic, data, qos)
            elif connected or (qos and not session.clean_session):
                _queue(session, ApplicationMessage(None, topic, qos, data, False))

    def _publish_soon(self, session: Session, topic: str, data: bytes, qos: int) -> None:
        handler = self._get_handler(session)
        if handler is None:
            return
        if handler.waiting + len(session.inflight_out) >= limits.MAX_QUEUED:
            _lose(session)
            return
        task = asyncio.ensure_future(handler.mqtt_publish(topic, data, qos, retain=False))
        self._publishing.add(task)
        task.add_done_callback(self._published)

    def _published(self, task: asyncio.Task[OutgoingApplicationMessage]) -> None:
        self._publishing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The client has gone meanwhile; with QoS 1 the session still holds the message.
            _log.debug("a message was not sent: %s", error)

    async def _publish_session_retained_messages(self, session: Session) -> None:
        """What was queued for the session, in its order."""
        handler = self._get_handler(session)
        while handler is not None and not session.retained_messages.empty():
            message = session.retained_messages.get_nowait()
            await handler.mqtt_publish(message.topic, message.data, message.qos, retain=False)

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        if session.client_id in self._greeting:
            return
        topic_filter, granted = subscription
        handler = self._get_handler(session)
        for topic, message in tuple(self._retained_messages.items()):
            if handler is not None and matches(topic, topic_filter):
                qos = min(granted, message.qos or 0)
                await handler.mqtt_publish(topic, message.data, qos, retain=True)

    async def retain_message(
        self,
        source_session: Session | None,
        topic_name: str | None,
        data: bytes | bytearray | None,
        qos: int | None = None,
    ) -> None:
        """Keep the message, as long as there is room; an empty one clears its topic (§3.3.1.3)."""
        if topic_name is None:
            return
        cleared = self._retained_messages.pop(topic_name, None)
        if cleared is not None:
            self._retained_bytes -= len(topic_name) + len(cleared.data)
        if not data:
            return
        size = len(topic_name) + len(data)
        if (
            len(self._retained_messages) >= limits.MAX_RETAINED
            or self._retained_bytes + size > limits.MAX_RETAINED_BYTES
        ):
            if not self._told_full:
                self._told_full = True
                _log.warning("no room for more retained messages: %s is not kept", topic_name[:80])
            return
        self._retained_bytes += size
        await super().retain_message(source_session, topic_name, data, qos)

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        code: int = await super().add_subscription(subscription, session)
        if code != AMQTT_MAGIC_VALUE_RET_SUBSCRIBED:
            topic_filter, _ = subscription
            self._subscriptions[topic_filter] = [
                (session, code) if each.client_id == session.client_id else (each, granted)
                for each, granted in self._subscriptions[topic_filter]
            ]
        return code


def _resume(session: Session, connecting: Session) -> Session:
    """The stored session, with what the new CONNECT brings."""
    for name in (
        "will_flag",
        "will_retain",
        "will_qos",
        "will_topic",
        "will_message",
        "keep_alive",
        "username",
        "password",
    ):
        setattr(session, name, getattr(connecting, name))
    session.parent = 1
    return session


def _queue(session: Session, message: ApplicationMessage) -> None:
    if session.retained_messages.qsize() >= limits.MAX_QUEUED:
        _lose(session)
        return
    session.retained_messages.put_nowait(message)


def _lose(session: Session) -> None:
    # Told once: who does not read would else fill the log instead of the memory.
    if not getattr(session, "has_lost", False):
        session.has_lost = True
        _log.warning(
            "client %s has %d messages waiting: more are lost", session.client_id, limits.MAX_QUEUED
        )


def _done(result: Any) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_result(result)
    return future
