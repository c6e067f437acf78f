"""Secrets on disk: files that only their owner can read, from the moment they exist."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from rig.errors import UsageError

_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700


def make_private_directory(path: Path) -> Path:
    """Make the directory (and missing parents) with mode 0700; raises `UsageError`."""
    try:
        path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the directory {path}: {error.strerror}") from error
    return path


def write_private_file(path: Path, data: bytes) -> None:
    """Write the file with mode 0600, whole or not at all; raises `UsageError`.

    The mode is given to `open`, so there is no moment at which others can read it.
    """
    make_private_directory(path.parent)
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def read_file(path: Path, what: str) -> bytes:
    """The bytes of a file that the user named; `what` names it in the `UsageError`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the {what} {path}: {error.strerror}") from error
