"""Where one connection's packets pass the trace and the faults."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from rig.gateway import limits
from rig.gateway.codec import Connect, Packet, encode
from rig.gateway.faults import Direction, FaultPlan, Passage
from rig.gateway.recording import KIND_OF, packet_keys
from rig.trace import RecorderSwitch

STRANGERS = "strangers"


def _account_of(thing: str) -> str:
    return f"thing {thing}"


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
        # What is recorded once it shows that the connection is a thing's; None when all is.
        self._withheld: deque[Callable[[], object]] | None = None

    def opened(self, peer: str, tls: bool) -> None:
        """The device has connected."""
        # The end is paid for with the beginning.
        if not self._recorder.spend(STRANGERS, limits.traced_bytes(2, 0)):
            self._withhold()
        self._write("mqtt", "TCP_OPEN", direction="from_device", peer=peer, tls=tls)

    def spend(self, thing: str | None, packets: int, size: int) -> bool:
        """Put packets of this size on the thing's account in the trace; False if it is spent.

        A stranger's account is everybody's. When it is spent nothing more of the connection is
        recorded before it is known whose it is.
        """
        if thing is not None:
            return self._recorder.spend(_account_of(thing), limits.traced_bytes(packets, size))
        if self._recorder.spend(STRANGERS, limits.traced_bytes(packets, size)):
            return True
        self._withhold()
        return False

    def known(self, thing: str) -> None:
        """The connection is the thing's, and so is what of it was not recorded yet."""
        withheld = self._withheld
        if withheld is None:
            return
        if self._recorder.spend(_account_of(thing), limits.traced_bytes(1 + len(withheld), 0)):
            self._withheld = None
            for record in withheld:
                record()

    def record(self, direction: Direction, packet: Packet) -> None:
        """The packet was on the device's wire."""
        if not self._recorder.is_on:
            return
        if self._withheld is None:
            self._record(direction, packet)
        else:
            self._keep(partial(self._record, direction, packet))

    def _record(self, direction: Direction, packet: Packet) -> None:
        self._recorder.record(
            "mqtt", KIND_OF[type(packet)], dir=direction, conn=self._number, **packet_keys(packet)
        )

    def _withhold(self) -> None:
        if self._withheld is None:
            self._withheld = deque()

    def _keep(self, record: Callable[[], object]) -> None:
        if self._withheld is not None and len(self._withheld) < limits.MAX_WITHHELD:
            self._withheld.append(record)

    def _write(
        self, channel: str, kind: str, direction: Direction | None = None, **keys: Any
    ) -> None:
        record = partial(
            self._recorder.record, channel, kind, dir=direction, conn=self._number, **keys
        )
        if self._withheld is None:
            record()
        else:
            self._keep(record)

    def ended(self, direction: Direction, reason: str) -> None:
        """The connection was ended from this side."""
        self._write("mqtt", "TCP_CLOSE", direction=direction, reason=reason)

    def note(self, text: str) -> None:
        self._write("rig", "NOTE", text=text)

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
        if self._held_bytes <= limits.MAX_HELD_BYTES:
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
        self._write(
            "rig",
            "FAULT",
            direction=direction,
            action=type(passage.fault.action).__name__,
            packet=KIND_OF[type(packet)],
            nth=passage.nth,
            **{key: keys[key] for key in ("topic", "pid", "payload") if key in keys},
        )
