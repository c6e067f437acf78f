"""The asyncio shell around one device's `Session`: sockets, time, buffers, faults, the trace."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from rig.errors import BenchError
from rig.gateway import acts, limits, policy
from rig.gateway.acts import State
from rig.gateway.broker_link import HIGH_WATER, BrokerLink
from rig.gateway.codec import Connack, Decoder, Disconnect, MalformedPacket, Packet, encode
from rig.gateway.codec.packets import UnsupportedConnect
from rig.gateway.codec.reasons import Reason
from rig.gateway.device_terms import MAX_TOPIC_ALIAS
from rig.gateway.endpoint import BrokerEndpoint
from rig.gateway.faults import Direction, FaultPlan
from rig.gateway.service import DeviceService
from rig.gateway.session import Session
from rig.gateway.tap import Tap
from rig.jobs.outcome import Notification
from rig.trace import RecorderSwitch

# A client must send CONNECT in a reasonable time (MQTT 3.1.1 §3.1).
CONNECT_PATIENCE_S = 10.0
# How long a device may take to read the last bytes of a connection that the gateway ends.
FAREWELL_S = 1.0
# Packets that one device may have looked at in a row before the others' turn.
SLICE = 16


class Host(Protocol):
    """What a connection needs of its gateway."""

    broker: BrokerEndpoint
    service: DeviceService
    recorder: RecorderSwitch
    faults: FaultPlan
    max_packet: int

    async def take_seat(self, connection: DeviceConnection, thing: str) -> None:
        """Become the one connection of the client id, when the one before is fully gone."""

    def leave(self, connection: DeviceConnection) -> None:
        """The connection and its link to the broker are gone."""

    def pass_on(self, notification: Notification) -> None: ...

    def miss_broker(self, error: BenchError) -> None: ...

    def lack(self, what: str) -> None:
        """The bench has not what a device may rightly want."""

    def fail(self, error: Exception) -> None:
        """The bench itself failed in serving a device."""


class DeviceConnection(asyncio.Protocol):
    """One device's connection and its link to the broker.

    `identify` tells, from the transport, which things the peer has proved to be. `gone` is set
    when nothing is left of the connection, neither here nor at the broker.
    """

    def __init__(
        self,
        number: int,
        raw: socket.socket,
        identify: Callable[[asyncio.Transport, str], bool],
        host: Host,
    ) -> None:
        self.number = number
        self.gone = asyncio.Event()
        self._raw = raw
        self._identify = identify
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._session = Session(self._may_connect, host.broker.levels, host.max_packet)
        self._tap = Tap(number, host.recorder, host.faults, self._flush)
        self._decoder = Decoder(host.max_packet, max_alias=MAX_TOPIC_ALIAS)
        self._transport: asyncio.Transport | None = None
        self._link: BrokerLink | None = None
        self._opening: asyncio.Task[None] | None = None
        self._pending: deque[Packet] = deque()
        self._malformed: MalformedPacket | None = None
        self._out: list[Packet] = []
        self._forward: list[Packet] = []
        self._device_full = False
        self._broker_full = False
        self._deaf = False
        self._alive = True
        self._pumping = False
        self._pump_scheduled = False
        self._farewell: Disconnect | None = None
        self._finished = False
        self._last_heard = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._unread: int | None = None

    @property
    def thing(self) -> str | None:
        """The thing that the connection has proved to be, once it has."""
        return self._session.thing

    def begin(self, peer: str, tls: bool) -> None:
        """The connection is there; `peer` is an address and a port."""
        self._tap.opened(peer, tls)

    def close(self, why: str, reason: Reason | None = None) -> None:
        """End the connection so that the will is published; without a reason as if the network
        had ended it. Only an MQTT 5 device is told the reason."""
        if self._alive:
            if reason is not None:
                self._perform(self._session.say_goodbye(reason, why))
            self._end("to_device", why)
            self._settle()

    def turn_away(self, why: str) -> None:
        """End a connection that may still be amid its TLS handshake, which then fails."""
        self.close(why)
        if self._transport is None:
            with contextlib.suppress(OSError):
                self._raw.shutdown(socket.SHUT_RDWR)

    def check_identity(self) -> None:
        """End the connection if its peer is the thing no more that it was (§8.2 A2)."""
        thing = self.thing
        if self._alive and thing is not None and not self._may_connect(thing):
            self.close(f"it may be {thing} no more", Reason.NOT_AUTHORIZED)

    def holds_back(self, notification: Notification) -> bool:
        """Whether it keeps the news and passes it on in its turn."""
        return self._alive and self._session.holds_back(notification)

    def release(self, name: str) -> None:
        """Let go what a fault of this name holds back, in its order."""
        for direction, packet in self._tap.release(name):
            if direction == "to_device":
                self._out.append(packet)
            elif self._session.state is State.OPENING:
                self._pending.append(packet)
            else:
                self._perform(self._session.on_device(packet))
        self._flush()
        self._settle()

    # -- asyncio.Protocol: the device ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._set_timer(CONNECT_PATIENCE_S, self._check_connected)

    def data_received(self, data: bytes) -> None:
        if not self._alive:
            return
        self._take_in(data)
        self._pump()
        if self._decoder.is_amid:
            self._watch_for_stall()

    def pause_writing(self) -> None:
        self._device_full = True
        self._unread = None
        self._watch_for_stall()
        self._adjust_reading()

    def resume_writing(self) -> None:
        self._device_full = False
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._alive:
            if exc is not None:
                self._salvage()
            self._end("from_device", str(exc or "closed by the device"), keep_pending=True)
        # After `_end`, which sets it: there is nothing left to cut off.
        if self._timer is not None:
            self._timer.cancel()
        self._settle()

    def _take_in(self, data: bytes) -> None:
        self._last_heard = self._loop.time()
        malformed = None
        try:
            packets: Sequence[Packet] = self._decoder.feed(data)
        except MalformedPacket as error:
            packets = error.before
            malformed = error
        if self.thing is None and len(packets) > 1:
            # Whose the rest is shows with the first: no other device answers for it.
            self._accept(packets[:1], self._size_of(packets[0]))
            self._pump()
            packets = packets[1:]
        self._accept(packets, len(data))
        self._malformed = malformed

    def _accept(self, packets: Sequence[Packet], size: int) -> None:
        """Record the packets, `size` bytes with what is not whole yet, and line them up."""
        if not self._alive:
            return
        # A stranger is heard nevertheless: it may be a device that has done no wrong.
        if not self._tap.spend(self.thing, len(packets), size) and self.thing is not None:
            self.close(f"the device floods: {limits.RATION_SPENT}", Reason.QUOTA_EXCEEDED)
            return
        for packet in packets:
            self._tap.record("from_device", packet)
        self._pending.extend(packets)

    def _size_of(self, packet: Packet) -> int:
        if isinstance(packet, UnsupportedConnect):
            return 0
        return len(encode(packet, self._decoder.level))

    def _salvage(self) -> None:
        """Read what the device sent before it reset the connection.

        When writing fails, asyncio drops what has arrived meanwhile unread: it may be the
        status that a device publishes just before it restarts. Only a plain socket can be read.
        """
        assert self._transport is not None
        if self._transport.get_extra_info("ssl_object") is not None:
            return
        try:
            while self._malformed is None and (data := self._raw.recv(65536)):
                self._take_in(data)
        except OSError:
            return

    # -- LinkListener: the broker --------------------------------------------------------------

    def broker_opened(self, connack: Connack) -> None:
        self._perform(self._session.broker_opened(connack))
        self._flush()
        if self._session.keepalive and self._alive:
            self._set_timer(1.5 * self._session.keepalive, self._check_alive)
        self._pump()

    def broker_packets(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            self._perform(self._session.on_broker(packet))
        self._flush()
        self._settle()

    def broker_full(self, full: bool) -> None:
        self._broker_full = full
        self._pump()

    def broker_lost(self, why: str, reason: Reason = Reason.SERVER_UNAVAILABLE) -> None:
        if self._alive:
            self._tap.note(why)
        if self._session.state is State.OPENING:
            self._perform(self._session.broker_refused(why, reason))
        else:
            self._perform(self._session.broker_lost(why))
        self._flush()
        self._settle()

    def broker_gone(self) -> None:
        self._link = None
        self._settle()

    # -- the session ---------------------------------------------------------------------------

    def _may_connect(self, thing: str) -> bool:
        assert self._transport is not None
        try:
            return self._identify(self._transport, thing)
        except Exception as error:
            self._host.fail(error)
            return False

    def _pump(self) -> None:
        """Show the session what has come from the device, as far as there is room for it."""
        if self._pumping:
            return
        self._pumping = True
        try:
            for _ in range(SLICE):
                if not self._pending or self._must_wait:
                    break
                packet = self._pending.popleft()
                for passed in self._through_faults("from_device", packet):
                    self._perform(self._session.on_device(passed))
                self._flush()
            else:
                self._pump_later()
            if self._malformed is not None and not self._pending and self._alive:
                why = f"malformed MQTT: {self._malformed}"
                self._perform(self._session.say_goodbye(self._malformed.rc, why))
                self._end("to_device", why)
        finally:
            self._pumping = False
        self._adjust_reading()
        self._settle()

    def catch_up(self) -> None:
        """Show the session all that was recorded, now and not a slice at a time."""
        while self._alive and self._pending and not self._must_wait:
            self._pump()

    def _pump_later(self) -> None:
        if not self._pump_scheduled:
            self._pump_scheduled = True
            self._loop.call_soon(self._pump_again)

    def _pump_again(self) -> None:
        self._pump_scheduled = False
        self._pump()

    @property
    def _must_wait(self) -> bool:
        if self._session.state is State.OPENING:
            return True
        return self._alive and (self._device_full or self._broker_full)

    def _adjust_reading(self) -> None:
        transport = self._transport
        if not self._alive or transport is None or transport.is_closing():
            return
        deaf = bool(self._pending) or self._must_wait
        if deaf is not self._deaf:
            self._deaf = deaf
            if deaf:
                transport.pause_reading()
            else:
                transport.resume_reading()
        if self._link is not None:
            self._link.pause(self._device_full)

    def _perform(self, todo: Iterable[acts.Act]) -> None:
        for act in todo:
            match act:
                case acts.Send(packet):
                    # First the faults: they may flush, which begins a new `_out`.
                    passed = self._through_faults("to_device", packet)
                    self._out.extend(passed)
                case acts.Forward(packet):
                    self._forward.append(packet)
                case acts.Ask():
                    self._perform(self._ask(act))
                case acts.Notify(notification):
                    self._host.pass_on(notification)
                case acts.OpenBroker(connect):
                    self._tap.known(connect.client_id)
                    self._opening = self._loop.create_task(self._open(act))
                case acts.Lack(what):
                    self._host.lack(what)
                case acts.Note(text):
                    self._tap.note(text)
                case acts.Close(reason, farewell):
                    self._farewell = farewell
                    self._end("from_device" if farewell else "to_device", reason)

    def _ask(self, ask: acts.Ask) -> Iterator[acts.Act]:
        request = ask.request
        if not self._alive and not policy.changes_something(request.topic):
            return iter(())
        try:
            outcome = self._host.service.handle(ask.thing, request.topic, request.payload)
        except Exception as error:
            # Not acknowledged: the device will ask again, elsewhere or when the bench is mended.
            self._host.fail(error)
            self._end("to_device", f"the job service failed: {type(error).__name__}: {error}")
            return iter(())
        return self._session.answer(request, outcome)

    async def _open(self, act: acts.OpenBroker) -> None:
        await self._host.take_seat(self, act.connect.client_id)
        link = BrokerLink(self._host.broker, act.connect, self)
        self._link = link
        try:
            await link.open()
        except BenchError as error:
            self._link = None
            self._host.miss_broker(error)
            self.broker_lost(str(error))

    # -- packets out ---------------------------------------------------------------------------

    def _through_faults(self, direction: Direction, packet: Packet) -> tuple[Packet, ...]:
        if self._host.faults.idle:
            return (packet,)
        passage = self._tap.judge(direction, packet, self._session.thing)
        if passage.close:
            self._break()
        return passage.packets

    def _flush(self) -> None:
        """Write what has gathered: one write to the device, one to the broker."""
        if self._forward:
            forward, self._forward = self._forward, []
            if self._link is not None:
                self._link.send(forward)
        if self._out:
            out, self._out = self._out, []
            transport = self._transport
            if not self._alive or transport is None or transport.is_closing():
                return
            level = self._session.level
            data = b"".join([encode(packet, level) for packet in out])
            self._tap.spend(self.thing, len(out), len(data))
            transport.write(data)
            # A failed write closes the transport: nothing of it reached the device.
            if not transport.is_closing():
                for packet in out:
                    self._tap.record("to_device", packet)

    # -- the end -------------------------------------------------------------------------------

    def _break(self) -> None:
        """End the connection as a fault wants it: after the packets before, with none after."""
        self._end("to_device", "a fault closed the connection")

    def _end(self, direction: Direction, reason: str, keep_pending: bool = False) -> None:
        """Nothing more passes to the device. What it has sent before it left still counts."""
        if not self._alive:
            return
        self._flush()
        self._alive = False
        if not keep_pending:
            self._pending.clear()
        self._tap.ended(direction, reason)
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        transport = self._transport
        if transport is None:
            return
        transport.close()
        self._set_timer(FAREWELL_S, transport.abort)

    def _settle(self) -> None:
        """Once the device is gone: finish its last packets, then its link, then say so."""
        if self._alive or self._finished or self._session.state is State.OPENING:
            return
        if self._pumping:
            return
        if self._pending:
            self._pump_later()
            return
        self._perform(self._session.end())
        self._flush()
        if self._link is not None:
            self._link.close(self._farewell)
            return
        self._finished = True
        self._tap.forget()
        self._host.leave(self)
        self.gone.set()

    # -- time ----------------------------------------------------------------------------------

    def _check_connected(self) -> None:
        if self._session.state is State.NEW:
            self.close(f"no CONNECT within {CONNECT_PATIENCE_S:g} s")

    def _check_alive(self) -> None:
        limit = 1.5 * self._session.keepalive
        # While the gateway itself does not read, silence says nothing of the device.
        deaf = self._broker_full and not self._device_full
        silent = 0.0 if deaf else self._loop.time() - self._last_heard
        if silent >= limit:
            self.close(
                f"silent for 1.5 times its keep-alive of {self._session.keepalive} s",
                Reason.KEEP_ALIVE_TIMEOUT,
            )
        elif self._alive:
            self._set_timer(limit - silent, self._check_alive)

    def _watch_for_stall(self) -> None:
        if self._stall_timer is None and self._alive:
            self._stall_timer = self._loop.call_later(limits.STALL_S, self._check_stall)

    def _check_stall(self) -> None:
        """End a connection whose device stands still, and so has buffers here for nothing."""
        self._stall_timer = None
        assert self._transport is not None
        if self._device_full:
            unread = self._transport.get_write_buffer_size()
            if self._unread is not None and unread >= self._unread:
                self.close(f"the device has read nothing for {limits.STALL_S:g} s")
            self._unread = unread
        elif not self._decoder.is_amid:
            return
        elif not self._deaf and self._loop.time() - self._last_heard >= limits.STALL_S:
            self.close(f"a packet has stood half sent for {limits.STALL_S:g} s")
        self._watch_for_stall()

    def _set_timer(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, callback)
