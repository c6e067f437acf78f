"""The two image slots of the device and the file being received into one of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path

from agent.platform.filesystem import Filesystem


class Slot(enum.StrEnum):
    """One half of the slot pair; the value is the letter printed on the console."""

    A = "A"
    B = "B"

    @property
    def other(self) -> Slot:
        """The slot a running image may write to."""
        return Slot.B if self is Slot.A else Slot.A

    def path(self, root: Path) -> Path:
        """The file that stands for this slot of flash."""
        return root / f"slot_{self.value.lower()}.bin"


def asset_path(root: Path, file_type: int) -> Path:
    """Where a file that is not firmware goes. Named by its type, never by the job document."""
    return root / f"asset_{file_type}.bin"


@dataclass
class ReceivedFile:
    """An erased target that takes blocks in any order, at most ``size`` bytes in all.

    Nothing is forced to the medium per block: only :meth:`finish` does that, once.
    """

    path: Path
    size: int
    fs: Filesystem
    _fd: int | None = field(default=None, init=False)

    def open(self) -> None:
        """Erase the target and make room. Raises ``OSError``."""
        fd = self.fs.create(self.path)
        self._fd = fd
        self.fs.resize(fd, self.size)

    @property
    def is_open(self) -> bool:
        """Whether blocks can be written."""
        return self._fd is not None

    def write(self, offset: int, data: bytes) -> int:
        """Write one block; returns the bytes written, 0 for anything outside the file."""
        if self._fd is None or offset < 0 or offset + len(data) > self.size:
            return 0
        return self.fs.write_at(self._fd, data, offset)

    def finish(self) -> None:
        """Force the whole file and its name to the medium and close it. Raises ``OSError``."""
        if self._fd is None:
            return
        try:
            self.fs.sync(self._fd)
            # A file that is new is only found again once its directory is there too.
            self.fs.sync_directory(self.path.parent)
        finally:
            self.drop()

    def drop(self) -> None:
        """Close without a promise about the content; harmless when already closed."""
        fd, self._fd = self._fd, None
        if fd is not None:
            self.fs.close(fd)
