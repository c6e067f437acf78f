"""Where one connection's packets pass the trace and the faults."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rig.gateway.codec import Connect, Packet, encode
from rig.gateway.faults import Direction, FaultPlan, Passage
from rig.gateway.recording import KIND_OF, packet_keys
from rig.trace import RecorderSwitch

# What holds may keep back on one connection; a device that asks again and again stops there.
MAX_HELD_BYTES = 16 * 1024 * 1024


class Tap:
    """Records the packets of one connection and lets the faults at them.

    `before_fault` is called before a fault is recorded, so that what came before it comes before
    it in the trace too.
    """

    def __init__(
        self,
        number: int,
        recorder: RecorderSwitch,
        faults: FaultPlan,
        before_fault: Callable[[], None],
    ) -> None:
        self._number = number
        self._recorder = recorder
        self._faults = faults
        self._before_fault = before_fault
        self._held: deque[tuple[str, Direction, Packet]] = deque()
        self._held_bytes = 0

    def record(self, direction: Direction, packet: Packet) -> None:
        """The packet was on the device's wire."""
        if not self._recorder.is_on:
            return
        self._recorder.record(
            "mqtt", KIND_OF[type(packet)], dir=direction, conn=self._number, **packet_keys(packet)
        )

    def ended(self, direction: Direction, reason: str) -> None:
        """The connection was ended from this side."""
        self._recorder.record("mqtt", "TCP_CLOSE", dir=direction, conn=self._number, reason=reason)

    def note(self, text: str) -> None:
        self._recorder.record("rig", "NOTE", conn=self._number, text=text)

    def judge(self, direction: Direction, packet: Packet, thing: str | None) -> Passage:
        """What goes on in the packet's place; what a fault holds is kept here."""
        if isinstance(packet, Connect):
            thing = packet.client_id
        passage = self._faults.judge(direction, packet, thing)
        if passage.fault is None:
            return passage
        self._before_fault()
        self._record_fault(direction, packet, passage)
        if passage.hold is None:
            return passage
        self._held_bytes += len(encode(packet))
        if self._held_bytes <= MAX_HELD_BYTES:
            self._held.append((passage.hold, direction, packet))
        return Passage((), passage.fault, passage.nth, passage.hold)

    def release(self, name: str) -> list[tuple[Direction, Packet]]:
        """What was held under this name, in its order."""
        released = [(direction, packet) for hold, direction, packet in self._held if hold == name]
        self._held = deque(held for held in self._held if held[0] != name)
        self._held_bytes = sum(len(encode(packet)) for _, _, packet in self._held)
        return released

    def forget(self) -> None:
        """Nobody is left to get what is held."""
        self._held.clear()
        self._held_bytes = 0

    def _record_fault(self, direction: Direction, packet: Packet, passage: Passage) -> None:
        assert passage.fault is not None
        keys = packet_keys(packet)
        self._recorder.record(
            "rig",
            "FAULT",
            dir=direction,
            conn=self._number,
            action=type(passage.fault.action).__name__,
            packet=KIND_OF[type(packet)],
            nth=passage.nth,
            **{key: keys[key] for key in ("topic", "pid", "payload") if key in keys},
        )
