"""The gateway's own client of the broker: it publishes `notify` and `notify-next`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rig.errors import BenchError
from rig.gateway.broker_link import BrokerLink
from rig.gateway.codec import Connack, Connect, Disconnect, Packet, Puback, Publish
from rig.gateway.codec.reasons import Reason
from rig.gateway.endpoint import BrokerEndpoint
from rig.gateway.packet_ids import PacketIds

RECONNECT_DELAY_S = 1.0


@dataclass(frozen=True)
class _Unacknowledged:
    packet: Publish
    done: asyncio.Future[None]


class Publisher:
    """Publishes in order. When the broker goes away it comes back and repeats what was not
    acknowledged (QoS 1)."""

    def __init__(self, endpoint: BrokerEndpoint) -> None:
        self._endpoint = endpoint
        self._client_id = f"otarig-gateway-{secrets.token_hex(8)}"
        self._link: BrokerLink | None = None
        self._ids = PacketIds()
        self._waiting: dict[int, _Unacknowledged] = {}
        self._opened: asyncio.Future[None] | None = None
        self._reconnecting: asyncio.Task[None] | None = None
        self._stopping = False
        self._gone = asyncio.Event()

    async def start(self) -> None:
        """Connect. Raises `BenchError`."""
        self._gone.clear()
        self._opened = asyncio.get_running_loop().create_future()
        self._link = BrokerLink(self._endpoint, Connect(self._client_id), self)
        try:
            await self._link.open()
        except BenchError:
            self._gone.set()
            raise
        await self._opened

    async def stop(self) -> None:
        self._stopping = True
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.gather(self._reconnecting, return_exceptions=True)
        if self._link is not None:
            self._link.close(Disconnect())
            await self._gone.wait()
        for waiting in self._waiting.values():
            waiting.done.cancel()

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> asyncio.Future[None]:
        """Publish now, in the order of the calls; the future is done when the broker has it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if qos:
            pid = self._ids.for_reply()
            packet = Publish(topic, payload, 1, pid=pid)
            self._waiting[pid] = _Unacknowledged(packet, done)
        else:
            packet = Publish(topic, payload)
            done.set_result(None)
        if self._link is not None:
            self._link.send([packet])
        return done

    # -- LinkListener --------------------------------------------------------------------------

    def broker_opened(self, connack: Connack) -> None:
        if self._link is not None:
            again = [replace(each.packet, dup=True) for each in self._waiting.values()]
            self._link.send(again)
        if self._opened is not None and not self._opened.done():
            self._opened.set_result(None)

    def broker_packets(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            if isinstance(packet, Puback) and (waiting := self._waiting.pop(packet.pid, None)):
                self._ids.acknowledged(packet.pid)
                if not waiting.done.done():
                    waiting.done.set_result(None)

    def broker_full(self, full: bool) -> None:
        """Notifications are few and small; what waits for a slow broker stays in the buffer."""

    def broker_lost(self, why: str, reason: Reason = Reason.SERVER_UNAVAILABLE) -> None:
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(BenchError(why))
        elif self._reconnecting is None and not self._stopping:
            self._reconnecting = asyncio.get_running_loop().create_task(self._reconnect())

    def broker_gone(self) -> None:
        self._gone.set()

    async def _reconnect(self) -> None:
        while True:
            await asyncio.sleep(RECONNECT_DELAY_S)
            try:
                await self.start()
            except BenchError:
                continue
            self._reconnecting = None
            return
