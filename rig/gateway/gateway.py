"""The gateway: listeners, the connections of the devices, and who sits in which seat."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine
from functools import partial

from rig.errors import BenchError, UsageError
from rig.gateway import policy, tls_buffers
from rig.gateway.codec.reasons import Reason
from rig.gateway.connection import DeviceConnection
from rig.gateway.faults import FaultPlan
from rig.gateway.limits import Strangers, max_strangers
from rig.gateway.publisher import Publisher
from rig.gateway.service import DeviceService, Registry
from rig.gateway.settings import GatewaySettings
from rig.jobs.outcome import Notification
from rig.trace import RecorderSwitch

_log = logging.getLogger(__name__)

HANDSHAKE_PATIENCE_S = 10.0
PUBLISH_PATIENCE_S = 10.0
_BACKLOG = 128
# How long to leave a listener alone that cannot accept, for want of file descriptors.
_ACCEPT_PAUSE_S = 0.1


class Gateway:
    """Ends the devices' connections, answers their requests, records and disturbs.

    All methods belong to the event loop that `start` ran in.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        service: DeviceService,
        registry: Registry,
        recorder: RecorderSwitch,
        faults: FaultPlan | None = None,
    ) -> None:
        self.broker = settings.broker
        self.service = service
        self.recorder = recorder
        self.faults = faults or FaultPlan()
        self.max_packet = settings.max_packet
        # The first failure of the bench itself; a run with one certifies nothing.
        self.failure: Exception | None = None
        # Called at each new connection before it is recorded, so that what a device wrote to its
        # console before it connected also stands before that in the trace.
        self.before_open: Callable[[], None] = lambda: None
        # Called with the number of each notification that the broker has acknowledged.
        self.on_told: Callable[[int], None] = lambda number: None
        self._settings = settings
        self._registry = registry
        self._lacking: set[str] = set()
        self._publisher = Publisher(settings.broker)
        self._numbers = itertools.count(1)
        self._connections: set[DeviceConnection] = set()
        self._seats: dict[str, DeviceConnection] = {}
        self._strangers: Strangers[DeviceConnection] = Strangers(max_strangers())
        self._listeners: dict[str, socket.socket] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def tls_port(self) -> int | None:
        """The TLS listener's port in fact, None without one."""
        return self._port("TLS")

    @property
    def plain_port(self) -> int | None:
        """The plain listener's port in fact, None without one."""
        return self._port("plain")

    async def start(self) -> None:
        """Reach the broker and listen. Raises `UsageError` and `BenchError`."""
        settings = self._settings
        settings.check()
        context = None if settings.tls_port is None else settings.tls_context()
        tls_buffers.keep_them_small()
        await self._publisher.start()
        self._loop = asyncio.get_running_loop()
        self.faults.on_release(self._released)
        try:
            for name, port, tls in (
                ("TLS", settings.tls_port, context),
                ("plain", settings.plain_port, None),
            ):
                if port is not None:
                    listener = self._listeners[name] = listen(
                        settings.host, port, name, share=settings.share_ports
                    )
                    self._spawn(self._accept(listener, tls))
        except UsageError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening, end all connections and wait until nothing is left of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self._listeners.values():
            listener.close()
        self._listeners.clear()
        for connection in tuple(self._connections):
            connection.close("the gateway stops", Reason.SERVER_SHUTTING_DOWN)
        while self._connections:
            await next(iter(self._connections)).gone.wait()
        if self._loop is not None:
            self._loop = None
            self.faults.forget_listener(self._released)
        await self._publisher.stop()

    async def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Publish through the broker; returns when the broker has acknowledged it.

        Raises `BenchError` when it does not in time; it gets the message when it is back.
        """
        try:
            async with asyncio.timeout(PUBLISH_PATIENCE_S):
                await asyncio.shield(self._publisher.publish(topic, payload, qos))
        except TimeoutError:
            raise BenchError(
                f"the broker at {self.broker} did not acknowledge a publish to {topic!r} within "
                f"{PUBLISH_PATIENCE_S:g} s; is it running?"
            ) from None

    async def catch_up(self) -> None:
        """Take in all that was read from devices, but for what has to wait for a broker."""
        for connection in tuple(self._connections):
            connection.catch_up()

    async def drop(self, thing: str) -> None:
        """End the thing's connection, if it has one, and wait until nothing is left of it."""
        connection = self._seats.get(thing)
        if connection is not None:
            connection.close("dropped by the rig")
            await connection.gone.wait()

    def check_identities(self) -> None:
        """Things or certificates have changed: end the connections that would be refused now."""
        for connection in tuple(self._connections):
            connection.check_identity()

    # -- for connections -----------------------------------------------------------------------

    async def take_seat(self, connection: DeviceConnection, thing: str) -> None:
        """See `Host`. The newest connection wins (MQTT 3.1.1 §3.1.4)."""
        self._strangers.discard(connection)
        while (holder := self._seats.get(thing)) is not None:
            holder.close(
                f"connection {connection.number} took over the client id",
                Reason.SESSION_TAKEN_OVER,
            )
            await holder.gone.wait()
        self._seats[thing] = connection

    def leave(self, connection: DeviceConnection) -> None:
        self._connections.discard(connection)
        self._strangers.discard(connection)
        if connection.thing is not None and self._seats.get(connection.thing) is connection:
            del self._seats[connection.thing]

    def notify(self, notification: Notification) -> None:
        """Publish news of a thing, in turn with what its device has brought about."""
        connection = self._seats.get(policy.thing_of(notification.topic) or "")
        if connection is None or not connection.holds_back(notification):
            self.pass_on(notification)

    def pass_on(self, notification: Notification) -> None:
        """See `Host`."""
        done = self._publisher.publish(notification.topic, notification.payload)
        if notification.number is not None:
            done.add_done_callback(partial(self._told, notification.number))

    def fail(self, error: Exception) -> None:
        self.failure = self.failure or error
        self.recorder.record("rig", "BENCH_ERROR", text=f"{type(error).__name__}: {error}")
        _log.error("serving a device failed", exc_info=error)

    def miss_broker(self, error: BenchError) -> None:
        """The broker cannot be reached. Devices come back when it does, but a run is spoilt."""
        self.failure = self.failure or error
        self.recorder.record("rig", "BENCH_ERROR", text=str(error))

    def lack(self, what: str) -> None:
        """See `Host`. Told on the console once, however often devices come."""
        if what not in self._lacking:
            self._lacking.add(what)
            _log.warning("%s", what)
        self.miss_broker(BenchError(what))

    # -- listening -----------------------------------------------------------------------------

    async def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        assert self._loop is not None
        while True:
            try:
                sock, peer = await self._loop.sock_accept(listener)
            except OSError as error:
                _log.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(_ACCEPT_PAUSE_S)
                continue
            self._spawn(self._serve(sock, peer, context))
            # A queue that is never empty would else let nobody be served.
            await asyncio.sleep(0)

    async def _serve(
        self, sock: socket.socket, peer: tuple[str, int], context: ssl.SSLContext | None
    ) -> None:
        assert self._loop is not None
        number = next(self._numbers)
        tls = context is not None
        self.before_open()
        identify = self._certified if tls else self._claimed
        connection = DeviceConnection(number, sock, identify, self)
        connection.begin(f"{peer[0]}:{peer[1]}", tls)
        self._connections.add(connection)
        greedy = self._strangers.add(connection, peer[0])
        if greedy is not None:
            greedy.turn_away(f"more than {len(self._strangers)} connections without CONNECT")
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_PATIENCE_S if tls else None,
            )
        except OSError as error:
            # Among them ssl.SSLError: no certificate, an untrusted one, not TLS at all.
            sock.close()
            reason = getattr(error, "reason", None) or str(error)
            connection.close(f"TLS handshake failed: {reason}")
        except asyncio.CancelledError:
            sock.close()
            raise

    def _certified(self, transport: asyncio.Transport, thing: str) -> bool:
        """TLS identity: the things of the client's certificate (job service §8.2 A2)."""
        certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if not certificate:
            return False
        fingerprint = hashlib.sha256(certificate).hexdigest()
        return thing in self._registry.things_of_certificate(fingerprint)

    def _claimed(self, _transport: asyncio.Transport, thing: str) -> bool:
        """Plain identity, on loopback only: the client id is believed."""
        return self._registry.has_thing(thing)

    # -- within --------------------------------------------------------------------------------

    def _told(self, number: int, done: asyncio.Future[None]) -> None:
        if not done.cancelled():
            self.on_told(number)

    def _released(self, name: str) -> None:
        """A hold was released, in whichever thread."""
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._release, name)

    def _release(self, name: str) -> None:
        for connection in tuple(self._connections):
            connection.release(name)

    def _port(self, name: str) -> int | None:
        listener = self._listeners.get(name)
        return None if listener is None else int(listener.getsockname()[1])

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        assert self._loop is not None
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def listen(host: str, port: int, name: str, *, share: bool = False) -> socket.socket:
    """A listening socket. Raises `UsageError`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(
            f"cannot listen for {name} MQTT on {host}:{port}: {error.strerror or error}; "
            "give an address of this machine"
        ) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setblocking(False)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen for {name} MQTT on {host}:{port}: {error.strerror}; "
            "choose another port, or end the program that uses it"
        ) from None
    return listener
