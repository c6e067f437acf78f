"""A real mosquitto for the tests, from the system's package."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from rig.cli.system_package import find_command

START_ATTEMPTS = 5


def mosquitto_command() -> str:
    command = find_command("mosquitto")
    assert command is not None, "mosquitto is missing; `./otarig test` installs it"
    return command


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start_mosquitto(directory: Path, more: str = "") -> tuple[subprocess.Popen[str], int]:
    """A mosquitto that listens on loopback; another port if somebody took the first one.

    `more` are further lines of its configuration.
    """
    config = directory / "mosquitto.conf"
    for _ in range(START_ATTEMPTS):
        port = free_port()
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
            "connection_messages false\nlog_dest stderr\nlog_type information\nlog_type error\n"
            f"{more}"
        )
        process = subprocess.Popen(
            [mosquitto_command(), "-c", str(config)], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        if any("running" in line for line in process.stderr):
            return process, port
        process.wait()
    raise AssertionError(f"mosquitto does not start: run mosquitto -c {config}")
