"""How a device is switched on and off."""

from __future__ import annotations

from typing import Protocol

from targets.sections import PowerSettings
from targets.tool import run_tool
from targets.virtual.board import VirtualBoard


class Power(Protocol):
    """A switch. Without one (`switches` false) a device is held halted instead."""

    switches: bool

    def on(self) -> None: ...

    def off(self) -> None: ...


class NoPower:
    """The device has power always."""

    switches = False

    def on(self) -> None: ...

    def off(self) -> None: ...


class VirtualPower:
    """The power of the virtual board. It comes up halted: nothing is lost before one looks."""

    switches = True

    def __init__(self, board: VirtualBoard) -> None:
        self._board = board

    def on(self) -> None:
        self._board.power_on(halt=True)

    def off(self) -> None:
        self._board.power_off()


class CommandPower:
    """A command for each direction: a USB hub's, a relay's, a power supply's."""

    switches = True

    def __init__(self, device: str, settings: PowerSettings) -> None:
        self._device = device
        self._settings = settings

    def on(self) -> None:
        self._run("on", self._settings.on)

    def off(self) -> None:
        self._run("off", self._settings.off)

    def _run(self, direction: str, command: tuple[str, ...]) -> None:
        run_tool(self._device, f"power.{direction}", command, {}, self._settings.time_s)
