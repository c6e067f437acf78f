"""The device as a process of its own, driven as a test driver would drive it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import agent
from agent.protocol.image import Behaviour, build_image
from agent.protocol.version import Version
from tests.agent.device.scripted_cloud import THING
from tests.agent.platform.device import KEY, sign
from tests.agent.platform.signer import public_pem

REPOSITORY = Path(agent.__file__).parents[1]
DECLARES = {
    "block_size": 1024,
    "window": 8,
    "request_timer_s": 1.0,
    "self_test_timer_s": 2.0,
    "momentum": 4,
    "trial_time_s": 3.0,
}


def image(
    version: str, size: int = 40_000, behaviour: Behaviour = Behaviour.PASS, **changes: Any
) -> bytes:
    """An image for the reference device."""
    marker = version.encode().ljust(16, b".")
    parts: dict[str, Any] = {"product": "reference", "marker": marker, "body_seed": 7} | changes
    return build_image(Version.parse(version), size, behaviour=behaviour, **parts)


def ota_document(data: bytes, *, signature: bytes | None = None, **file: Any) -> dict[str, Any]:
    """The job document of a firmware update over MQTT."""
    entry: dict[str, Any] = {
        "filepath": "image.bin",
        "filesize": len(data),
        "fileid": 0,
        "sig-sha256-ecdsa": base64.b64encode(
            sign(data) if signature is None else signature
        ).decode(),
    }
    return {"afr_ota": {"protocols": ["MQTT"], "streamname": "S1", "files": [entry | file]}}


class DeviceProcess:
    """``python -m agent`` with its console; power off is SIGKILL to the whole process group."""

    def __init__(self, root: Path, port: int, **changes: Any) -> None:
        self.root = root
        device = root / "device"
        device.mkdir(exist_ok=True)
        key = root / "signer.pem"
        key.write_bytes(public_pem(KEY))
        config: dict[str, Any] = {
            "thing": THING,
            "root": str(device),
            "mqtt": {"host": "127.0.0.1", "port": port},
            "signer_keys": [str(key)],
            "declares": DECLARES | changes.pop("declares", {}),
        }
        self.config = root / "config.json"
        self.config.write_text(json.dumps(config | changes))
        self.slot_a = device / "slot_a.bin"
        self.slot_b = device / "slot_b.bin"
        if not self.slot_a.exists():
            self.slot_a.write_bytes(image("1.0.0"))
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> DeviceProcess:
        self.power_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.power_off()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The boot loader's process."""
        assert self._process is not None, "the device is off"
        return self._process

    def power_on(self) -> None:
        """Start the boot loader."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent", "--config", str(self.config)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def power_off(self) -> None:
        """Cut the power."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            assert self._reader is not None
            self._reader.join(10)
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with contextlib.suppress(OSError):
                    pipe.close()

    def command(self, line: str) -> str:
        """Type a command; returns the device's answer."""
        stdin = self.process.stdin
        assert stdin is not None
        mark = len(self.lines)
        stdin.write(line.encode() + b"\n")
        stdin.flush()
        name = line.split()[0]
        answer = self.wait_line(lambda text: text.startswith(f"command: {name} "), mark)
        return answer.removeprefix(f"command: {name} ")

    def wait_line(self, met: Callable[[str], bool], since: int = 0, timeout_s: float = 20.0) -> str:
        """The first console line from ``since`` on that is ``met``."""
        found: list[str] = []

        def search() -> bool:
            found[:] = [line for line in self.lines[since:] if met(line)]
            return bool(found)

        with self._changed:
            self._changed.wait_for(lambda: search() or self._ended(), timeout_s)
        assert found, f"not on the console in {timeout_s} s: {self.lines[-20:]}"
        return found[0]

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def boots(self) -> list[str]:
        """What the boot loader said, without the markers."""
        return [
            " ".join(word for word in line.split() if not word.startswith("marker="))
            for line in self.lines
            if line.startswith("boot: ")
        ]

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for raw in process.stdout:
            with self._changed:
                self.lines.append(raw.decode().rstrip("\n"))
                self._changed.notify_all()
        process.wait()
        with self._changed:
            self._changed.notify_all()
