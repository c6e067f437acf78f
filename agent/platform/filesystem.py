"""The few file operations the platform layer performs, as a seam for fault injection.

Everything the device keeps across a power cut goes through these calls and no others, so a test
can cut the power at (or in the middle of) each one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

FILE_MODE = 0o600


class Filesystem(Protocol):
    """File operations; each raises ``OSError`` as the operating system does."""

    def create(self, path: Path) -> int:
        """Open ``path`` empty for reading and writing; returns the descriptor."""

    def resize(self, fd: int, size: int) -> None:
        """Make the file ``size`` bytes long, new bytes being zero."""

    def write_at(self, fd: int, data: bytes, offset: int) -> int:
        """Write ``data`` at ``offset`` (bytes); returns the number of bytes written."""

    def sync(self, fd: int) -> None:
        """Force the file's bytes to the medium."""

    def close(self, fd: int) -> None:
        """Release the descriptor."""

    def replace(self, source: Path, target: Path) -> None:
        """Put ``source`` in the place of ``target`` in one step."""

    def sync_directory(self, path: Path) -> None:
        """Force the directory's entries to the medium."""


class OsFilesystem:
    """The real thing."""

    def create(self, path: Path) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, FILE_MODE)

    def resize(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def write_at(self, fd: int, data: bytes, offset: int) -> int:
        return os.pwrite(fd, data, offset)

    def sync(self, fd: int) -> None:
        os.fsync(fd)

    def close(self, fd: int) -> None:
        os.close(fd)

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    def sync_directory(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
