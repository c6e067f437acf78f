"""What the flash of a virtual board holds while it is off: a file, and one user at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from rig.errors import BenchError
from targets.virtual.memory_map import ERASED, FLASH_SIZE

FLASH_FILE = "flash.bin"
LOCK_FILE = "in-use"


class FlashStore:
    """One folder for one board. Opening it raises `BenchError` while another process has it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / FLASH_FILE
        self._lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(self._lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._lock)
            raise BenchError(
                f"the virtual board in {folder} is in use by process {owner}; "
                "end that process or give this run another folder"
            ) from None
        os.truncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def load(self) -> bytes:
        """The contents, erased where nothing was ever stored. Raises `BenchError` if damaged."""
        if not self._path.exists():
            return bytes([ERASED]) * FLASH_SIZE
        content = self._path.read_bytes()
        if len(content) != FLASH_SIZE:
            raise BenchError(
                f"{self._path}: has {len(content)} bytes, the flash has {FLASH_SIZE}; "
                "remove the file to begin with an erased board"
            )
        return content

    def save(self, content: bytes) -> None:
        """All or nothing, so that whoever ends this process leaves the old or the new flash."""
        staged = self._path.with_suffix(".new")
        staged.write_bytes(content)
        staged.replace(self._path)

    def close(self) -> None:
        """Let others have the folder; closing twice is closing once."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
