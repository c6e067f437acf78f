"""A microcontroller in QEMU for tests of the firmware: flash, power, RTT console, UART."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

FLASH_SIZE = 256 * 1024
RTT_BLOCK = 0x20000000
RTT_UP = (0x20000080, 1024)
RTT_DOWN = (0x20000480, 128)
UP_WRITE, UP_READ = RTT_BLOCK + 24 + 12, RTT_BLOCK + 24 + 16
DOWN_WRITE, DOWN_READ = RTT_BLOCK + 48 + 12, RTT_BLOCK + 48 + 16
POLL_S = 0.01
CHUNK = 1024
START_TIME_S = 20.0


class GdbStub:
    """QEMU's GDB stub over a socket; the core must be stopped for all but `go`."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = b""

    def ask(self, packet: str) -> str:
        """Send one packet and return the answer's text."""
        self._send(packet)
        return self.answer()

    def answer(self) -> str:
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start)
            if start >= 0 and 0 <= end <= len(self._buffer) - 3:
                body = self._buffer[start + 1 : end]
                self._buffer = self._buffer[end + 3 :]
                self._socket.sendall(b"+")
                return body.decode("latin-1")
            received = self._socket.recv(65536)
            if not received:
                raise ConnectionError("QEMU has gone")
            self._buffer += received

    def go(self) -> None:
        self._send("c")

    def stop(self) -> None:
        self._socket.sendall(b"\x03")
        self.answer()

    def reset(self) -> None:
        """System reset; the core stays stopped."""
        answer = self.ask("qRcmd," + b"system_reset".hex())
        while answer != "OK":
            answer = self.answer()

    def read(self, address: int, count: int) -> bytes:
        parts = []
        for at in range(address, address + count, CHUNK):
            size = min(CHUNK, address + count - at)
            parts.append(bytes.fromhex(self.ask(f"m{at:x},{size:x}")))
        return b"".join(parts)

    def write(self, address: int, content: bytes) -> None:
        for at in range(0, len(content), CHUNK):
            piece = content[at : at + CHUNK]
            assert self.ask(f"M{address + at:x},{len(piece):x}:{piece.hex()}") == "OK"

    def word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def write_word(self, address: int, value: int) -> None:
        self.write(address, value.to_bytes(4, "little"))

    def _send(self, packet: str) -> None:
        body = packet.encode()
        self._socket.sendall(b"$%s#%02x" % (body, sum(body) & 0xFF))


class Emulator:
    """One chip. `flash` is what it holds while it is off; `lines` is its console so far."""

    def __init__(self, folder: Path, uart: socket.socket | None = None) -> None:
        """`uart` is a listening Unix socket to which the chip's wire goes; None: nowhere."""
        self.flash = b"\xff" * FLASH_SIZE
        self.lines: list[str] = []
        self._folder = folder
        self._uart = uart
        self._news = threading.Condition()
        self._chip = threading.RLock()
        self._partial = b""
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._stub: GdbStub

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.power_off()

    def program(self, address: int, content: bytes) -> None:
        """Put bytes into the flash of a chip that is off."""
        assert self._process is None
        self.flash = self.flash[:address] + content + self.flash[address + len(content) :]

    def power_on(self) -> None:
        program = shutil.which("qemu-system-arm")
        assert program, "qemu-system-arm is not installed: apt-get install qemu-system-arm"
        gdb = self._folder / "gdb"
        gdb.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(gdb))
            listening.listen(1)
            listening.settimeout(START_TIME_S)
            command = [program, "-M", "microbit", "-S", "-display", "none", "-monitor", "none"]
            command += ["-chardev", f"socket,id=gdb,path={gdb}", "-gdb", "chardev:gdb"]
            if self._uart is None:
                command += ["-serial", "null"]
            else:
                path = self._uart.getsockname()
                command += ["-chardev", f"socket,id=uart,path={path}", "-serial", "chardev:uart"]
            self._process = subprocess.Popen(command)
            connection, _ = listening.accept()
        self._stub = GdbStub(connection)
        self._stub.ask("?")
        self._stub.write(0, self.flash)
        self._stub.reset()
        self._stub.go()
        self._reader = threading.Thread(target=self._watch, name="rtt")
        self._reader.start()

    def power_off(self) -> None:
        """Stop the core, keep its flash, end QEMU."""
        if self._process is None:
            return
        assert self._reader is not None
        with self._chip:
            process, self._process = self._process, None
        self._reader.join()
        try:
            self._stub.stop()
            self._take_console()
            self.flash = self._stub.read(0, FLASH_SIZE)
        finally:
            process.kill()
            process.wait()
            self._stub._socket.close()

    def command(self, text: str) -> None:
        """Write a line to the RTT down channel."""
        with self._chip:
            self._stub.stop()
            at = self._stub.word(DOWN_WRITE)
            for byte in text.encode() + b"\n":
                self._stub.write(RTT_DOWN[0] + at, bytes([byte]))
                at = (at + 1) % RTT_DOWN[1]
            self._stub.write_word(DOWN_WRITE, at)
            self._stub.go()

    def read_console(self) -> None:
        """Take what the console holds now, without waiting for the next look at it."""
        with self._chip:
            if self._process is not None:
                self._stub.stop()
                self._take_console()
                self._stub.go()

    def wait_for(self, wanted: Callable[[str], bool], limit_s: float, since: int = 0) -> int:
        """The position of the first console line since `since` that satisfies."""
        deadline = time.monotonic() + limit_s
        with self._news:
            at = since
            while True:
                while at < len(self.lines):
                    if wanted(self.lines[at]):
                        return at
                    at += 1
                left = deadline - time.monotonic()
                came = left > 0 and self._news.wait(left)
                assert came, "\n".join(self.lines)

    def _watch(self) -> None:
        while self._process is not None:
            self.read_console()
            time.sleep(POLL_S)

    def _take_console(self) -> None:
        stub = self._stub
        block = stub.read(RTT_BLOCK, 48)
        if block[:10] != b"SEGGER RTT":
            return
        write = int.from_bytes(block[36:40], "little")
        read = int.from_bytes(block[40:44], "little")
        address, size = RTT_UP
        content = b""
        if write < read:
            content = stub.read(address + read, size - read)
            read = 0
        if read < write:
            content += stub.read(address + read, write - read)
        if content:
            stub.write_word(UP_READ, write)
            self._partial += content
            *whole, self._partial = self._partial.split(b"\n")
            with self._news:
                self.lines += [line.decode("ascii", "replace") for line in whole]
                self._news.notify_all()
