"""One connection from the gateway to the broker behind it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from rig.errors import BenchError
from rig.gateway.codec import (
    CONNECT_RETURN_CODES,
    Connack,
    Connect,
    Decoder,
    Disconnect,
    MalformedPacket,
    Packet,
    Pingreq,
    encode,
)
from rig.gateway.codec.properties import Property, number_of
from rig.gateway.codec.reasons import Reason
from rig.gateway.endpoint import BrokerEndpoint

# How long a broker may take to accept a connection, and to end one, in seconds.
PATIENCE_S = 5.0
KEEPALIVE_S = 60
# Bytes that may wait to be written before the sender is told to pause.
HIGH_WATER = 256 * 1024


class LinkListener(Protocol):
    """Who stands at the gateway's end of a link. Nothing here may block."""

    def broker_opened(self, connack: Connack) -> None: ...

    def broker_packets(self, packets: Sequence[Packet]) -> None: ...

    def broker_full(self, full: bool) -> None:
        """The link takes no more for now, or takes again."""

    def broker_lost(self, why: str, reason: Reason = Reason.SERVER_UNAVAILABLE) -> None:
        """The link ended, or was refused for this reason, though nobody here closed it."""

    def broker_gone(self) -> None:
        """The broker has closed its end too: it has done all that follows from the end."""


class BrokerLink(asyncio.Protocol):
    """A client's connection to the broker, kept alive until `close` or until the broker ends it.

    After `close` the gateway only waits for the broker to close its end as well. Brokers do so
    when they have read everything and ended the client's session, so the next connection of the
    same client id finds everything settled.
    """

    def __init__(self, endpoint: BrokerEndpoint, connect: Connect, listener: LinkListener) -> None:
        self._endpoint = endpoint
        password = endpoint.password
        self._connect = replace(
            connect,
            keepalive=KEEPALIVE_S,
            username=endpoint.username,
            password=None if password is None else password.encode("utf-8"),
        )
        self._listener = listener
        # The broker is trusted, so nothing but MQTT's own limit bounds its packets.
        self._level = connect.level
        self._decoder = Decoder(level=connect.level)
        self._keepalive = KEEPALIVE_S
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._accepted = False
        self._closing = False
        self._paused = False
        self._heard = False
        self._failure: str | None = None
        self._reason = Reason.SERVER_UNAVAILABLE
        self._timer: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Connect and send CONNECT; the answer comes to the listener. Raises `BenchError`."""
        endpoint = self._endpoint
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._loop.create_connection(lambda: self, endpoint.host, endpoint.port)
        except TimeoutError:
            raise BenchError(f"{self._unreachable}: no answer in {PATIENCE_S:g} s") from None
        except OSError as error:
            raise BenchError(f"{self._unreachable}: {_why(error)}") from None

    @property
    def _unreachable(self) -> str:
        return f"the broker at {self._endpoint} cannot be reached (is it running?)"

    def send(self, packets: Iterable[Packet]) -> None:
        """Write the packets in one go; none after `close`."""
        if self._transport is not None and not self._closing:
            self._transport.write(b"".join([encode(each, self._level) for each in packets]))

    def pause(self, paused: bool) -> None:
        """Stop reading from the broker, or go on."""
        transport = self._transport
        if paused is self._paused or transport is None or self._closing:
            return
        if transport.is_closing():
            return
        self._paused = paused
        if paused:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def close(self, farewell: Disconnect | None) -> None:
        """End the connection; without a farewell the broker publishes the will."""
        if self._closing:
            return
        if self._transport is None or self._transport.is_closing():
            self._closing = True
            return
        if farewell is not None:
            self.send([farewell])
        self.pause(False)
        self._closing = True
        self._transport.write_eof()
        self._set_timer(PATIENCE_S, self._transport.abort)

    # -- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        transport.write(encode(self._connect))
        self._set_timer(PATIENCE_S, self._not_accepted)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        try:
            packets = self._decoder.feed(data)
        except MalformedPacket as error:
            self._fail(f"the broker at {self._endpoint} sent malformed MQTT: {error}")
            return
        if packets and not self._accepted:
            self._on_first(packets.pop(0))
        if packets and self._accepted and not self._closing:
            self._listener.broker_packets(packets)

    def _on_first(self, packet: Packet) -> None:
        if isinstance(packet, Connack) and packet.rc == 0:
            self._accepted = True
            if self._closing:
                return
            self._keepalive = number_of(packet.properties, Property.SERVER_KEEP_ALIVE, KEEPALIVE_S)
            self._set_timer(self._keepalive / 2, self._ping)
            self._listener.broker_opened(packet)
        elif isinstance(packet, Connack):
            self._refused(packet.rc)
        else:
            self._fail(f"the broker at {self._endpoint} did not begin with CONNACK")

    def _refused(self, rc: int) -> None:
        refused = f"the broker at {self._endpoint} refused client {self._connect.client_id!r}"
        if rc in (Reason.UNSUPPORTED_PROTOCOL_VERSION, 1):
            self._reason = Reason.UNSUPPORTED_PROTOCOL_VERSION
            self._fail(f"{refused}: it does not speak MQTT level {self._level}")
        else:
            text = CONNECT_RETURN_CODES.get(rc, f"reason {rc:#04x}")
            self._fail(f"{refused}: {text}; does its URL need user:password@?")

    def pause_writing(self) -> None:
        self._listener.broker_full(True)

    def resume_writing(self) -> None:
        self._listener.broker_full(False)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._closing:
            self._closing = True
            why = self._failure or str(exc or "it closed the connection")
            self._listener.broker_lost(
                self._failure or f"the broker at {self._endpoint} is gone: {why}", self._reason
            )
        self._listener.broker_gone()

    # -- time ----------------------------------------------------------------------------------

    def _ping(self) -> None:
        if not self._heard:
            self._fail(f"the broker at {self._endpoint} has been silent for too long")
            return
        self._heard = False
        self.send([Pingreq()])
        self._set_timer(self._keepalive / 2, self._ping)

    def _not_accepted(self) -> None:
        self._fail(f"the broker at {self._endpoint} did not answer CONNECT")

    def _fail(self, why: str) -> None:
        assert self._transport is not None
        self._failure = why
        self._transport.abort()

    def _set_timer(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, callback)


def _why(error: OSError) -> str:
    # asyncio words its own text around the system's.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
