"""The process driver: a device that is a process of this machine, slots and all in files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from rig.errors import BenchError
from rig.trace import RecorderSwitch
from targets.board import Board
from targets.console import ConsoleLog
from targets.driver import BootReport, Capability, Connection, SlotReading
from targets.owned_process import start_owned
from targets.pipe_lines import PipeLines

SLOT_FILES = {"A": "slot_a.bin", "B": "slot_b.bin"}
STOP_TIME_S = 5.0


def _peak_resident(pid: int) -> int:
    """In bytes; 0 for a process that has ended meanwhile."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    peaks = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(line.split()[1]) * 1024 for line in peaks), 0)


def agent_config(board: Board, root: Path, connection: Connection) -> dict[str, object]:
    """What the reference agent is told of itself (docs/agent.md), its slots being in `root`."""
    mqtt: dict[str, object] = {"host": connection.host, "port": connection.port}
    for key in ("ca", "cert", "key"):
        if path := getattr(connection, key):
            mqtt[key] = str(path)
    config: dict[str, object] = {
        "thing": connection.thing,
        "root": str(root),
        "mqtt": mqtt,
        "signer_keys": [str(path) for path in connection.signer_keys],
        "declares": board.declares.model_dump(mode="json"),
        "product": board.product,
        "slot_size": board.image.max_size,
        "faults": list(board.process.faults),
    }
    if connection.http_ca:
        config["http_ca"] = str(connection.http_ca)
    return config


class ProcessDriver:
    """Runs the board's command in a process group of its own below `root`."""

    capabilities = frozenset(Capability) - {Capability.STATE_WITNESS}

    def __init__(self, board: Board, root: Path, recorder: RecorderSwitch) -> None:
        self.name = board.name
        self._board = board
        self._root = root / "device"
        self._config = root / "device.json"
        self._recorder = recorder
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._lines: PipeLines | None = None
        self._console = ConsoleLog(board.name, recorder)

    @property
    def last_boot(self) -> BootReport | None:
        """What the last boot marker said."""
        return self._console.last_boot

    # -- flash ---------------------------------------------------------------------------------

    def provision(self, factory_image: bytes, connection: Connection) -> None:
        self._refuse_while_running("provision")
        shutil.rmtree(self._root, ignore_errors=True)
        self._root.mkdir(parents=True, mode=0o700)
        (self._root / SLOT_FILES["A"]).write_bytes(factory_image)
        self._console.forget()
        config = agent_config(self._board, self._root, connection)
        self._config.write_text(json.dumps(config, indent=1))
        self._recorder.record(
            "probe", "FLASH", slot="A", length=len(factory_image), sha256=_sha256(factory_image)
        )

    def attach(self, connection: Connection) -> None:
        self._refuse_while_running("attach")
        if not self._config.exists():
            raise BenchError(
                f"device {self.name!r} keeps nothing from one run to the next: flash it first"
            )

    def read_slots(self) -> tuple[SlotReading, ...]:
        readings = []
        for slot, file_name in SLOT_FILES.items():
            path = self._root / file_name
            content = path.read_bytes() if path.exists() else b""
            readings.append(SlotReading(slot, len(content), _sha256(content)))
            self._recorder.record(
                "probe",
                "READ",
                slot=slot,
                active=bool(self.last_boot and self.last_boot.slot == slot),
                length=len(content),
                sha256=_sha256(content),
            )
        return tuple(readings)

    # -- power ---------------------------------------------------------------------------------

    def power_on(self) -> None:
        self._refuse_while_running("power_on")
        if not self._config.exists():
            raise BenchError(f"device {self.name!r} is not provisioned: flash it before power_on")
        places = {"{python}": sys.executable, "{config}": str(self._config)}
        command = [places.get(word, word) for word in self._board.process.command]
        self._recorder.record("power", "ON")
        try:
            self._process = start_owned(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise BenchError(
                f"device {self.name!r} cannot be started: {command[0]}: {error.strerror}; "
                "mend process.command in its board file"
            ) from None
        assert self._process.stdout is not None
        lines = self._lines = PipeLines(self._process.stdout.fileno(), self._console.line)
        self._reader = threading.Thread(target=lines.read_to_end, name="console", daemon=True)
        self._reader.start()

    def power_off(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIME_S)
        except subprocess.TimeoutExpired:
            self._kill_group(self._process)
        self._reap()
        self._recorder.record("power", "OFF")

    def power_cut(self) -> None:
        process = self._running("power_cut")
        self._kill_group(process)
        self._reap()
        self._recorder.record("power", "CUT")

    def reset(self) -> None:
        self.power_cut()
        self.power_on()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        self.power_off()
        shutil.rmtree(self._root, ignore_errors=True)
        self._config.unlink(missing_ok=True)

    def meter_memory(self, wanted: bool) -> None:
        """The operating system keeps count in any case."""

    def memory_needed(self) -> Mapping[str, int]:
        """The resident memory at its most, of its boot loader or of what that has started."""
        loader = self._running("memory_needed").pid
        children = Path(f"/proc/{loader}/task/{loader}/children").read_text("ascii")
        return {
            "resident": max(_peak_resident(pid) for pid in (loader, *map(int, children.split())))
        }

    # -- console -------------------------------------------------------------------------------

    def command(self, name: str, *arguments: str) -> str:
        process = self._running(f"command {name!r}")
        assert process.stdin is not None
        self._console.await_no_answer()
        self._recorder.record("rig", "COMMAND", name=name, arguments=list(arguments))
        try:
            process.stdin.write((" ".join((name, *arguments)) + "\n").encode())
            process.stdin.flush()
        except OSError:
            raise BenchError(
                f"device {self.name!r} takes no commands: it has just ended; look at its console"
            ) from None
        return self._console.answer(name)

    def catch_up_console(self) -> None:
        """Record what the device has written by now; any thread may call."""
        lines = self._lines
        if lines is not None:
            lines.read()

    # -- states --------------------------------------------------------------------------------

    def _running(self, call: str) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise BenchError(f"device {self.name!r} is off: {call} needs it running")
        return self._process

    def _refuse_while_running(self, call: str) -> None:
        if self.is_running():
            raise BenchError(f"device {self.name!r} is running: {call} needs it off")
        if self._process is not None:
            self._reap()

    @staticmethod
    def _kill_group(process: subprocess.Popen[bytes]) -> None:
        # The group, so that a child of the boot loader dies in the same instant.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _reap(self) -> None:
        assert self._process is not None
        self._kill_group(self._process)
        self._process.wait()
        if self._reader is not None:
            self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process, self._reader, self._lines = None, None, None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
