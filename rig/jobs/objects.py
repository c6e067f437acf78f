"""The object store: bucket and key to bytes, in files under one directory.

The file's name is a hash of bucket and key, so no key, however odd, names a file elsewhere; what
bucket and key it was stands beside it in a small JSON file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rig.errors import BenchError, UsageError
from rig.private_files import make_private_directory

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_MAX_KEY_BYTES = 1024
_FILE_MODE = 0o600
_CACHED_OBJECTS = 16
_CACHED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class StoredObject:
    """An object and its content. `modified` is in epoch seconds."""

    bucket: str
    key: str
    content: bytes
    sha256: str
    etag: str
    """MD5 in hex as S3 gives it, without the quotes."""
    modified: float


_Fingerprint = tuple[int, int, int, int]


class ObjectStore:
    """Objects under `root`, which is made if missing. Threads may share it.

    Content is read and hashed once and then kept until its file changes.
    """

    def __init__(self, root: Path) -> None:
        self._root = make_private_directory(root)
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[_Fingerprint, StoredObject]] = {}

    def put(self, bucket: str, key: str, content: bytes) -> StoredObject:
        """Store the content, in place of what was there; raises `UsageError`, `BenchError`."""
        name = _file_name(bucket, key)
        try:
            self._write(f"{name}.json", json.dumps({"bucket": bucket, "key": key}).encode())
            self._write(name, content)
        except OSError as error:
            raise BenchError(f"cannot store {bucket}/{key}: {error.strerror}") from error
        stored = self.get(bucket, key)
        if stored is None:
            raise BenchError(f"{bucket}/{key} vanished from {self._root} right after it was stored")
        return stored

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """The object, None if there is none; raises `UsageError` for an impossible name."""
        name = _file_name(bucket, key)
        try:
            now = _fingerprint(os.lstat(f"{self._root}/{name}"))
        except FileNotFoundError:
            return None
        with self._lock:
            cached = self._cache.get(name)
        if cached is not None and cached[0] == now:
            return cached[1]
        return self._read(name, bucket, key)

    def _read(self, name: str, bucket: str, key: str) -> StoredObject | None:
        try:
            # A link in here is not ours: what it points to must not be served.
            descriptor = os.open(self._root / name, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read()
        stored = StoredObject(
            bucket,
            key,
            content,
            sha256=hashlib.sha256(content).hexdigest(),
            etag=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            modified=status.st_mtime,
        )
        with self._lock:
            self._cache[name] = (_fingerprint(status), stored)
            self._shrink()
        return stored

    def _shrink(self) -> None:
        """Forget the oldest content when there is too much of it, but never the newest."""
        total = sum(len(stored.content) for _, stored in self._cache.values())
        while len(self._cache) > 1 and (
            total > _CACHED_BYTES or len(self._cache) > _CACHED_OBJECTS
        ):
            oldest = next(iter(self._cache))
            total -= len(self._cache.pop(oldest)[1].content)

    def _write(self, name: str, content: bytes) -> None:
        half = self._root / f".{name}.{secrets.token_hex(4)}"
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            half.replace(self._root / name)
        except OSError:
            half.unlink(missing_ok=True)
            raise


def check_name(bucket: str, key: str) -> None:
    """Raises `UsageError` unless bucket and key can name an object."""
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(
            f"{bucket!r} is no bucket name: 1 to 63 of a-z, 0-9, dot and dash, "
            "the first a letter or digit"
        )
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise UsageError("the object key is not proper Unicode") from error
    if not 1 <= length <= _MAX_KEY_BYTES:
        raise UsageError(f"an object key has 1 to {_MAX_KEY_BYTES} bytes, this one {length}")
    if "\0" in key:
        raise UsageError("an object key has no NUL character")


@lru_cache(maxsize=1024)
def _file_name(bucket: str, key: str) -> str:
    check_name(bucket, key)
    # A bucket name has no slash, so bucket/key is one to one.
    return hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()


def _fingerprint(status: os.stat_result) -> _Fingerprint:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
