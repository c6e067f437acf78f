"""What a disk can hold after a power cut, from the log of file operations. Pure but for the log.

A file's bytes are there for sure once the file was synced, a name or a rename once its directory
was. What was done since may be there, in part, or not at all (POSIX fsync, rationale).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random

from agent.platform.filesystem import OsFilesystem


class Survival(Enum):
    """What becomes of what was not synced."""

    LOST = "lost"
    TORN = "torn"
    KEPT = "kept"


class Call(Enum):
    """An operation that changes the disk or makes a change durable."""

    CREATE = "create"
    RESIZE = "resize"
    WRITE = "write"
    SYNC = "fsync"
    RENAME = "rename"
    SYNC_DIRECTORY = "fsync of the directory"


@dataclass(frozen=True)
class FileOperation:
    """One operation on the file `name`; `target` is the name after a rename."""

    call: Call
    name: str
    offset: int = 0
    """Of a write, bytes; of a resize the new size."""
    data: bytes = b""
    target: str = ""

    def __str__(self) -> str:
        at = f" at {self.offset:#x}" if self.call is Call.WRITE else ""
        return f"{self.call.value} {self.name}{at}{self.target and ' to ' + self.target}"


class RecordingFilesystem(OsFilesystem):
    """The real thing, in one directory; `log` holds what was asked of it, also what failed."""

    def __init__(self) -> None:
        self.log: list[FileOperation] = []
        self._names: dict[int, str] = {}

    def create(self, path: Path) -> int:
        self.log.append(FileOperation(Call.CREATE, path.name))
        fd = super().create(path)
        self._names[fd] = path.name
        return fd

    def resize(self, fd: int, size: int) -> None:
        self.log.append(FileOperation(Call.RESIZE, self._names[fd], size))
        super().resize(fd, size)

    def write_at(self, fd: int, data: bytes, offset: int) -> int:
        self.log.append(FileOperation(Call.WRITE, self._names[fd], offset, bytes(data)))
        return super().write_at(fd, data, offset)

    def sync(self, fd: int) -> None:
        self.log.append(FileOperation(Call.SYNC, self._names[fd]))
        super().sync(fd)

    def replace(self, source: Path, target: Path) -> None:
        self.log.append(FileOperation(Call.RENAME, source.name, target=target.name))
        super().replace(source, target)

    def sync_directory(self, path: Path) -> None:
        self.log.append(FileOperation(Call.SYNC_DIRECTORY, path.name))
        super().sync_directory(path)


@dataclass(eq=False)
class _File:
    durable: bytes = b""
    pending: list[FileOperation] = field(default_factory=list)


@dataclass(frozen=True)
class _Entry:
    """A change of the directory: `name` is `file`'s from now on, `gone` is no name any more."""

    name: str
    file: _File
    gone: str = ""


def after_cut(
    before: Mapping[str, bytes],
    log: Sequence[FileOperation],
    number: int,
    survival: Survival,
    random: Random,
) -> dict[str, bytes]:
    """The files there are when the power goes in operation `number` of the log, by name.

    `before` was there for sure. A torn operation is one of those that are there in part.
    """
    durable = {name: _File(content) for name, content in before.items()}
    seen, entries = dict(durable), list[_Entry]()
    done = log[: number + (survival is Survival.TORN)]
    for place, operation in enumerate(done):
        match operation.call:
            case Call.CREATE if operation.name not in seen:
                seen[operation.name] = _File()
                entries.append(_Entry(operation.name, seen[operation.name]))
            case Call.CREATE:
                seen[operation.name].pending.append(FileOperation(Call.RESIZE, operation.name))
            case Call.RESIZE | Call.WRITE:
                seen[operation.name].pending.append(operation)
            case Call.RENAME:
                seen[operation.target] = seen.pop(operation.name)
                entries.append(_Entry(operation.target, seen[operation.target], operation.name))
            case Call.SYNC if place < number:
                file = seen[operation.name]
                file.durable, file.pending = _done(file.durable, file.pending), []
            case Call.SYNC_DIRECTORY if place < number:
                _enter(durable, entries)
                entries = []
    if survival is Survival.TORN:
        # Names are kept in the order in which they came to be, contents in none.
        _enter(durable, entries[: random.randint(0, len(entries))])
        return {name: _torn(file, random) for name, file in durable.items()}
    if survival is Survival.KEPT:
        return {name: _done(file.durable, file.pending) for name, file in seen.items()}
    return {name: file.durable for name, file in durable.items()}


def _enter(names: dict[str, _File], entries: Sequence[_Entry]) -> None:
    for entry in entries:
        names.pop(entry.gone, None)
        names[entry.name] = entry.file


def _done(content: bytes, operations: Sequence[FileOperation]) -> bytes:
    held = bytearray(content)
    for operation in operations:
        size = operation.offset + len(operation.data)
        if operation.call is Call.RESIZE:
            del held[size:]
        held.extend(bytes(max(0, size - len(held))))
        held[operation.offset : size] = operation.data
    return bytes(held)


def _torn(file: _File, random: Random) -> bytes:
    """Each pending change is there, is not, or, of a write, is there up to some byte."""
    kept = []
    for operation in file.pending:
        share = random.choice((0.0, 1.0, random.random()))
        if operation.call is Call.WRITE:
            data = operation.data[: int(share * len(operation.data))]
            kept.append(FileOperation(Call.WRITE, operation.name, operation.offset, data))
        elif share == 1.0:
            kept.append(operation)
    return _done(file.durable, [one for one in kept if one.call is Call.RESIZE or one.data])
