"""The GDB remote protocol, as far as QEMU's stub has it for one Cortex-M core.

A stub answers only while its core is stopped; `go` starts it and gets no answer until it stops.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator, Sequence

from targets.virtual.gdb_packets import (
    AnswerReader,
    Stop,
    StubGone,
    StubRefused,
    Watch,
    framed,
    memory_of,
    stop_of,
    word_of,
)

ANSWER_TIME_S = 10.0
CHUNK = 2000
"""Bytes of memory in one packet; QEMU takes packets of 4096 characters."""
WINDOW = 8
"""Packets that are under way at once: more than one, since each way costs more than the work."""
INTERRUPT = b"\x03"


class GdbStub:
    """One connection to a stub. Every call raises `StubGone` when the emulator is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.settimeout(ANSWER_TIME_S)
        self._answers = AnswerReader()
        # Acknowledgements go along with the next packet: alone, each wakes the emulator once more.
        self._owed = b""
        self._registers: dict[int, int] = {}
        """What is known of the stopped core's registers."""
        self._unsent: dict[int, int] = {}
        """Registers that were written and go to the stub when the core runs."""
        # Without its description of the registers having been read, the stub has no p and P.
        self.ask("qSupported:xmlRegisters=arm")
        self.ask("qXfer:features:read:target.xml:0,ffb")
        self.ask("?")

    def close(self) -> None:
        self._socket.close()

    # -- memory and registers ----------------------------------------------------------------

    def read(self, address: int, length: int) -> bytes:
        """Raises `StubRefused` where there is no memory."""
        packets = [f"m{at:x},{size:x}" for at, size in _pieces(address, length)]
        return b"".join(map(memory_of, self._all_checked(packets)))

    def write(self, address: int, content: bytes) -> None:
        """Into RAM, or straight into flash storage; never into a peripheral."""
        pieces = _pieces(address, len(content))
        packets = [
            f"M{at:x},{size:x}:{content[at - address : at - address + size].hex()}"
            for at, size in pieces
        ]
        self._all_checked(packets)

    def read_words(self, addresses: Sequence[int]) -> list[int]:
        """Single words in one exchange. Raises `StubRefused` where there is no memory."""
        answers = self._all_checked([f"m{address:x},4" for address in addresses])
        return [word_of(answer) for answer in answers]

    def read_register(self, number: int) -> int:
        """A register of the stopped core; each is asked for once a stop."""
        if number not in self._registers:
            self._registers[number] = word_of(self._checked(f"p{number:x}"))
        return self._registers[number]

    def write_register(self, number: int, value: int) -> None:
        """Done when the core next runs: nobody else could see it before."""
        self._registers[number] = self._unsent[number] = value

    # -- what stops the core -----------------------------------------------------------------

    def set_breakpoint(self, address: int) -> None:
        self._checked(f"Z1,{address:x},2")

    def clear_breakpoint(self, address: int) -> None:
        self._checked(f"z1,{address:x},2")

    def set_watchpoint(self, watch: Watch, address: int, length: int) -> None:
        self._checked(f"Z{watch.value},{address:x},{length:x}")

    def clear_watchpoint(self, watch: Watch, address: int, length: int) -> None:
        self._checked(f"z{watch.value},{address:x},{length:x}")

    # -- running -----------------------------------------------------------------------------

    def go(self) -> None:
        self._hand_over_registers()
        self._send("c")

    def interrupt(self) -> Stop:
        """Stop the core that runs. Its stop may have had another cause at the same moment."""
        self._transmit(INTERRUPT)
        return self._wait_stop()

    def step(self) -> Stop:
        """Execute one instruction, interrupts held off. A core that sleeps is stopped again."""
        self._hand_over_registers()
        self._send("s")
        if self.has_stopped(within_s=1.0):
            return self._wait_stop()
        return self.interrupt()

    def has_stopped(self, within_s: float = 0.0) -> bool:
        """Whether the core that was started has stopped by itself, or the emulator has gone."""
        deadline = time.monotonic() + within_s
        while not self._answers.anything:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._socket], [], [], left)[0]:
                return False
            # The acknowledgement of the packet that started it is not a stop.
            self._receive()
        return True

    def take_stop(self) -> Stop:
        """The stop that `has_stopped` saw."""
        return self._wait_stop()

    def reset(self) -> None:
        """Reset the whole chip; the core stays stopped before its first instruction."""
        self._registers.clear()
        self._unsent.clear()
        answer = self.ask("qRcmd," + b"system_reset".hex())
        while answer != "OK":
            answer = self._answer()

    def _hand_over_registers(self) -> None:
        packets = [
            f"P{number:x}={value.to_bytes(4, 'little').hex()}"
            for number, value in self._unsent.items()
        ]
        self._registers.clear()
        self._unsent.clear()
        self._all_checked(packets)

    # -- packets -----------------------------------------------------------------------------

    def ask(self, packet: str) -> str:
        self._send(packet)
        return self._answer()

    def _all_checked(self, packets: list[str]) -> list[str]:
        """The answers to several packets, of which WINDOW are under way at a time."""
        answers: list[str] = []
        self._send(*packets[:WINDOW])
        for number in range(len(packets)):
            answers.append(self._answer())
            if number + WINDOW < len(packets):
                self._send(packets[number + WINDOW])
        for packet, answer in zip(packets, answers, strict=True):
            self._check(packet, answer)
        return answers

    def _checked(self, packet: str) -> str:
        answer = self.ask(packet)
        self._check(packet, answer)
        return answer

    @staticmethod
    def _check(packet: str, answer: str) -> None:
        if answer == "" or (answer.startswith("E") and len(answer) == 3):
            raise StubRefused(f"the emulator refuses {packet.split(':')[0]!r}: {answer or 'empty'}")

    def _wait_stop(self) -> Stop:
        while True:
            answer = self._answer()
            if answer[:1] in ("T", "S"):
                return stop_of(answer)
            if answer[:1] in ("W", "X"):
                raise StubGone("the emulator says that it ends")

    def _send(self, *packets: str) -> None:
        self._transmit(b"".join(map(framed, packets)))

    def _transmit(self, data: bytes) -> None:
        owed, self._owed = self._owed, b""
        try:
            self._socket.sendall(owed + data)
        except OSError as error:
            raise StubGone(f"the emulator takes no more packets: {error}") from None

    def _answer(self) -> str:
        while (answer := self._answers.take()) is None:
            self._receive()
        self._owed += b"+"
        return answer

    def _receive(self) -> None:
        try:
            received = self._socket.recv(65536)
        except OSError as error:
            raise StubGone(f"the emulator answers no more: {error}") from None
        if not received:
            raise StubGone("the emulator closed its connection")
        self._answers.feed(received)


def _pieces(address: int, length: int) -> Iterator[tuple[int, int]]:
    for at in range(address, address + length, CHUNK):
        yield at, min(CHUNK, address + length - at)
