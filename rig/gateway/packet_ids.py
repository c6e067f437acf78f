"""Packet identifiers towards the device, where two senders meet on one connection."""

from __future__ import annotations

_HIGHEST = 0xFFFF


class NoFreePacketId(Exception):  # noqa: N818 - a condition the peer brings about
    """The device has acknowledged none of 65535 packets."""


class PacketIds:
    """Identifiers in flight to the device.

    The broker's deliveries keep their own identifier when it is free, so that a redelivery to a
    persistent session comes with its original one (MQTT 3.1.1 §4.4). The gateway's replies take
    theirs from the top, where brokers seldom come.
    """

    def __init__(self) -> None:
        # Identifier towards the device → the broker's; None for the gateway's own replies.
        self._in_flight: dict[int, int | None] = {}
        self._next = _HIGHEST

    @property
    def in_flight(self) -> int:
        """How many the device has not acknowledged."""
        return len(self._in_flight)

    def for_reply(self) -> int:
        """An identifier for a packet of the gateway. Raises `NoFreePacketId`."""
        pid = self._free()
        self._in_flight[pid] = None
        return pid

    def for_delivery(self, broker_pid: int) -> int:
        """An identifier for a packet of the broker. Raises `NoFreePacketId`."""
        pid = self._free() if broker_pid in self._in_flight else broker_pid
        self._in_flight[pid] = broker_pid
        return pid

    def acknowledged(self, pid: int) -> int | None:
        """Free an identifier; the broker's own, if the broker waits for the acknowledgement."""
        return self._in_flight.pop(pid, None)

    def _free(self) -> int:
        if len(self._in_flight) >= _HIGHEST:
            raise NoFreePacketId
        while True:
            pid = self._next
            self._next = pid - 1 or _HIGHEST
            if pid not in self._in_flight:
                return pid
