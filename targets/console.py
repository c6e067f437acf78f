"""What the device says on its console: every line with the boot it belongs to."""

from __future__ import annotations

import contextlib
import queue
import re
import threading

from rig.errors import BenchError
from rig.trace import RecorderSwitch
from targets.driver import BootReport

BOOT_MARKER = re.compile(
    r"boot: version=(?P<version>\S+) slot=(?P<slot>\S+) marker=(?P<marker>\S+) state=(?P<state>\S+)"
)
COMMAND_ANSWER = re.compile(r"command: (?P<name>\S+) ?(?P<result>.*)")
COMMAND_TIME_S = 10.0
MAX_LINE = 4096
"""Bytes after which a line is taken as it is: a device may say rubbish without end."""
MAX_ANSWERS = 1000
"""Answers that are kept for somebody to ask for; a device may give some to no command."""
LINE_BYTES = 1000
"""What an event of the trace takes beside its text."""


class ConsoleLog:
    """Takes bytes or lines as they come and writes them into the trace. Any thread may feed it."""

    def __init__(self, device: str, recorder: RecorderSwitch) -> None:
        self.last_boot: BootReport | None = None
        self._device = device
        self._recorder = recorder
        self._lock = threading.Lock()
        self._answers: queue.Queue[tuple[str, str]] = queue.Queue(MAX_ANSWERS)
        self._boots = 0
        self._partial = b""

    def forget(self) -> None:
        """The device is another one from now on: boots are counted from the start."""
        with self._lock:
            self._boots, self.last_boot, self._partial = 0, None, b""

    def cut(self) -> None:
        """The device has lost its power: what it left unfinished is a line of its own."""
        with self._lock:
            rest, self._partial = self._partial, b""
            if rest:
                self._line(rest.decode("utf-8", "replace"))

    def feed(self, data: bytes) -> None:
        """Take bytes as they came; a line counts when its end has come."""
        with self._lock:
            *lines, self._partial = (self._partial + data).split(b"\n")
            if len(self._partial) > MAX_LINE:
                lines.append(self._partial)
                self._partial = b""
            for line in lines:
                self._line(line.decode("utf-8", "replace").rstrip("\r"))

    def line(self, text: str) -> None:
        """Take one whole line."""
        with self._lock:
            self._line(text)

    def await_no_answer(self) -> None:
        """Drop answers to commands that nobody waits for any more."""
        self._answers = queue.Queue(MAX_ANSWERS)

    def answer(self, name: str) -> str:
        """The device's answer to a command. Raises `BenchError` if none comes."""
        try:
            while True:
                answered, result = self._answers.get(timeout=COMMAND_TIME_S)
                if answered == name:
                    return result
        except queue.Empty:
            raise BenchError(
                f"device {self._device!r} did not answer the command {name!r} within "
                f"{COMMAND_TIME_S:g} s; look at its console"
            ) from None

    def _line(self, text: str) -> None:
        if marker := BOOT_MARKER.search(text):
            self._boots += 1
            self.last_boot = BootReport(self._boots, **marker.groupdict())
            # On an account of its own: what runs must be known of a device that babbles, too.
            if self._recorder.spend("what the console says of boots", LINE_BYTES + len(text)):
                self._recorder.record(
                    "rig",
                    "BOOT",
                    boot=self._boots,
                    evidence="boot marker",
                    version=marker["version"],
                    slot=marker["slot"],
                    marker=marker["marker"],
                    state=marker["state"],
                )
        answer = COMMAND_ANSWER.match(text)
        if self._recorder.spend("the console", LINE_BYTES + 4 * len(text)):
            self._recorder.record("console", "LINE", boot=self._boots, text=text)
            if answer:
                # Recorded here, not by who waits: nothing the device does next may come before it.
                self._recorder.record("rig", "ANSWER", name=answer["name"], result=answer["result"])
        if answer:
            with contextlib.suppress(queue.Full):
                self._answers.put_nowait((answer["name"], answer["result"]))
