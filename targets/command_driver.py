"""Microcontrollers by their vendor's tools: J-Link, STM32CubeProgrammer, OpenOCD, west, esptool.

The board file has a template for each thing to be done (docs/board-file.md); what stands in braces
is filled in. A tool that cannot read back must check what it writes by itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rig.errors import BenchError
from targets.chip_driver import ChipDriver, ChipSession
from targets.console_source import ConsoleSource
from targets.flash_plan import Piece
from targets.sections import CommandSettings, ConsoleSettings
from targets.state_witness import Write
from targets.tool import run_tool


class CommandDriver(ChipDriver):
    """One device, each action a command."""

    def _open_session(self) -> ChipSession:
        return CommandSession(self.name, self._board.command)


class CommandSession:
    """Holds nothing: each command takes the probe for itself."""

    def __init__(self, device: str, settings: CommandSettings) -> None:
        self.can_read = bool(settings.read)
        self._device = device
        self._settings = settings

    def read(self, address: int, length: int) -> bytes:
        if length == 0:
            return b""
        with tempfile.TemporaryDirectory(prefix="otarig-read-") as folder:
            output = Path(folder) / "flash.bin"
            self._run("read", address=f"{address:#x}", size=str(length), output=str(output))
            content = output.read_bytes() if output.is_file() else b""
        if len(content) != length:
            raise BenchError(
                f"device {self._device!r}: command.read gave {len(content)} bytes of {length} at "
                f"{address:#x}; does it write to {{output}}?"
            )
        return content

    def program(self, changes: Sequence[Piece]) -> None:
        for piece in _joined(changes):
            address, size = f"{piece.address:#x}", str(len(piece.content))
            if piece.is_erased and self._settings.erase:
                self._run("erase", address=address, size=size)
                continue
            with tempfile.TemporaryDirectory(prefix="otarig-flash-") as folder:
                image = Path(folder) / "image.bin"
                image.write_bytes(piece.content)
                self._run("flash", address=address, size=size, image=str(image))

    def hold(self) -> None:
        # Without a command for it the device simply runs on; it has no network while it is "off".
        if self._settings.hold:
            self._run("hold")

    def halt(self) -> None:
        self.hold()

    def reset(self) -> None:
        self._run("reset")

    def refuse_lock_up(self) -> None:
        """No tool is asked again and again; a device that hangs shows by its silence."""

    def rtt_source(self, settings: ConsoleSettings) -> ConsoleSource:
        raise BenchError(
            f"device {self._device!r}: console.kind rtt needs the driver pyocd; "
            "give console.kind serial and console.url"
        )

    def watch(self, address: int, size: int) -> None:
        raise self._no_probe("following its state")

    def take_write(self, address: int, size: int, note: Callable[[Write], None]) -> bool:
        raise self._no_probe("following its state")

    def write_memory(self, address: int, words: Sequence[int]) -> None:
        raise self._no_probe("metering its stack")

    def _no_probe(self, what: str) -> BenchError:
        return BenchError(f"device {self._device!r}: {what} needs the driver pyocd")

    def close(self) -> None:
        """Nothing to let go."""

    def _run(self, field: str, **places: str) -> None:
        places["serial"] = self._settings.serial
        run_tool(
            self._device,
            f"command.{field}",
            getattr(self._settings, field),
            places,
            self._settings.time_s,
        )


def _joined(changes: Sequence[Piece]) -> list[Piece]:
    """Neighbours in one piece: starting a tool takes longer than what it does."""
    joined: list[Piece] = []
    for piece in changes:
        last = joined[-1] if joined else None
        if (
            last
            and last.address + len(last.content) == piece.address
            and last.is_erased == piece.is_erased
        ):
            joined[-1] = Piece(last.what, last.address, last.content + piece.content)
        else:
            joined.append(piece)
    return joined
