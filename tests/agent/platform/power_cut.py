"""A filesystem that loses power at a chosen operation, and a device root to try it on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from agent.platform.filesystem import OsFilesystem


class PowerCut(BaseException):
    """The power is gone; nothing after this line of the device's code runs."""


def raise_power_cut() -> NoReturn:
    """Cut the power within this process."""
    raise PowerCut


def kill_this_process() -> NoReturn:
    """Cut the power for real: SIGKILL, as the driver of a device does it."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive after SIGKILL")


class CuttingFilesystem(OsFilesystem):
    """Counts the changing operations and cuts the power at one of them.

    ``torn`` lets half of a write reach the medium; otherwise the cut comes before the operation.
    """

    def __init__(
        self,
        cut_at: int | None = None,
        torn: bool = False,
        cut: Callable[[], NoReturn] = raise_power_cut,
    ) -> None:
        self.cut_at = cut_at
        self.cut = cut
        self.torn = torn
        self.operations: list[str] = []

    def _step(self, name: str) -> bool:
        self.operations.append(name)
        return len(self.operations) - 1 == self.cut_at

    def create(self, path: Path) -> int:
        if self._step("create"):
            if self.torn:
                os.close(super().create(path))
            self.cut()
        return super().create(path)

    def resize(self, fd: int, size: int) -> None:
        if self._step("resize"):
            self.cut()
        super().resize(fd, size)

    def write_at(self, fd: int, data: bytes, offset: int) -> int:
        if self._step("write_at"):
            if self.torn:
                super().write_at(fd, data[: len(data) // 2], offset)
            self.cut()
        return super().write_at(fd, data, offset)

    def sync(self, fd: int) -> None:
        if self._step("sync"):
            self.cut()
        super().sync(fd)

    def replace(self, source: Path, target: Path) -> None:
        if self._step("replace"):
            if self.torn:
                super().replace(source, target)
            self.cut()
        super().replace(source, target)

    def sync_directory(self, path: Path) -> None:
        if self._step("sync_directory"):
            self.cut()
        super().sync_directory(path)


class RefusingFilesystem(OsFilesystem):
    """Fails one kind of operation as a full or broken medium does."""

    def __init__(self, refuse: str) -> None:
        self.refuse = refuse

    def _check(self, name: str) -> None:
        if name == self.refuse:
            raise OSError(5, "Input/output error")

    def create(self, path: Path) -> int:
        self._check("create")
        return super().create(path)

    def write_at(self, fd: int, data: bytes, offset: int) -> int:
        self._check("write_at")
        return super().write_at(fd, data, offset)

    def sync(self, fd: int) -> None:
        self._check("sync")
        super().sync(fd)

    def replace(self, source: Path, target: Path) -> None:
        self._check("replace")
        super().replace(source, target)
