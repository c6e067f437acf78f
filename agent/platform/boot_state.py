"""What the boot loader knows across a power cut, and how it is stored.

The record is replaced in one step (new file, sync, rename, sync of the directory), so a cut at
any moment leaves either the old record or the new one, never half of one.
"""

from __future__ import annotations

import contextlib
import enum
import json
from dataclasses import dataclass
from pathlib import Path

from agent.platform.filesystem import Filesystem
from agent.platform.slots import Slot

STATE_FILE = "boot_state.json"
MAX_STATE_BYTES = 4096


class BootStateError(Exception):
    """The stored record cannot be read or makes no sense."""


class TrialPhase(enum.StrEnum):
    """How far the trial of a new image has come."""

    ARMED = "armed"
    """Activated, not yet started."""
    RUNNING = "running"
    """Started once; anything but a commit ends in a rollback."""
    REJECTED = "rejected"
    """Refused by the image itself; the next boot rolls back."""


@dataclass(frozen=True)
class Trial:
    """A new image that has not been committed.

    ``sha256`` is the hex digest of the whole image as it was verified: bytes changed after
    verification are found before they run.
    """

    slot: Slot
    phase: TrialPhase
    sha256: str


@dataclass(frozen=True)
class BootState:
    """The confirmed slot and at most one trial. The default is a device fresh from the factory."""

    active: Slot = Slot.A
    trial: Trial | None = None

    def to_bytes(self) -> bytes:
        """The stored form: one JSON object."""
        trial = self.trial
        record = {
            "active": self.active.value,
            "trial": None
            if trial is None
            else {"slot": trial.slot.value, "phase": trial.phase.value, "sha256": trial.sha256},
        }
        return json.dumps(record, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> BootState:
        """The record in ``data``; raises :class:`BootStateError`."""
        try:
            record = json.loads(data)
            trial = record["trial"]
            return cls(
                Slot(record["active"]),
                None
                if trial is None
                else Trial(Slot(trial["slot"]), TrialPhase(trial["phase"]), str(trial["sha256"])),
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BootStateError(f"not a boot record: {error}") from error


@dataclass(frozen=True)
class BootStateStore:
    """The record of one device, in its root directory."""

    root: Path
    fs: Filesystem

    @property
    def path(self) -> Path:
        """The file holding the record."""
        return self.root / STATE_FILE

    def load(self) -> BootState:
        """The stored record, the factory one if there is none. Raises :class:`BootStateError`."""
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_STATE_BYTES + 1)
        except FileNotFoundError:
            return BootState()
        except OSError as error:
            raise BootStateError(f"cannot read {self.path}: {error.strerror}") from error
        try:
            return BootState.from_bytes(data)
        except BootStateError as error:
            raise BootStateError(f"{self.path}: {error}; remove it to run slot A") from error

    def save(self, state: BootState) -> None:
        """Replace the record. Raises ``OSError``; the old record is then still in force."""
        temporary = self.path.with_suffix(".new")
        data = state.to_bytes()
        fd = self.fs.create(temporary)
        try:
            if self.fs.write_at(fd, data, 0) != len(data):
                raise OSError(f"short write to {temporary}")
            self.fs.sync(fd)
        finally:
            with contextlib.suppress(OSError):
                self.fs.close(fd)
        self.fs.replace(temporary, self.path)
        self.fs.sync_directory(self.root)
