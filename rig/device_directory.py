"""What `agent` and `update` keep of one thing, below the data directory of `serve`."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from agent.protocol.version import Version
from rig.errors import UsageError
from rig.jobs.names import check_thing_name
from rig.jobs.settings import DEFAULT_REGION
from rig.private_files import make_private_directory, read_file, write_private_file

FIRST_VERSION = Version(1, 0, 0)


class DeviceDirectory:
    """`DATA/devices/THING`: identity, configuration, slots, and the newest version it was given.

    The things of other regions than the default one are below `DATA/devices-REGION`. The thing's
    name is checked before it becomes part of a path; raises `UsageError`.
    """

    def __init__(self, data: Path, thing: str, region: str = DEFAULT_REGION) -> None:
        check_thing_name(thing)
        devices = "devices" if region == DEFAULT_REGION else f"devices-{region}"
        self.path = data.absolute() / devices / thing
        self.certificate = self.path / "certificate.pem"
        self.private_key = self.path / "private.key"
        self.config = self.path / "device.json"
        self.slots = self.path / "slots"
        self._newest = self.path / "newest-version.json"

    @property
    def enrolled(self) -> bool:
        return self.certificate.exists() and self.private_key.exists()

    def save_identity(self, certificate: str, private_key: str) -> None:
        """The key first: with a certificate alone the device is not enrolled, and is again."""
        write_private_file(self.private_key, private_key.encode())
        write_private_file(self.certificate, certificate.encode())

    def hold(self) -> None:
        """Keep the device for this process and what it becomes by exec; raises `UsageError`.

        Two agents on the same slots would write over each other. The kernel frees the lock
        however the process ends.
        """
        path = make_private_directory(self.path) / "agent.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UsageError(f"cannot open {path}: {error.strerror}") from None
        os.set_inheritable(descriptor, True)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise UsageError(
                f"the device {self.path.name} runs already: end its agent, or name another --thing"
            ) from None

    def newest_version(self) -> Version:
        """The newest version that was flashed or offered; 1.0.0 if none was."""
        if not self._newest.exists():
            return FIRST_VERSION
        try:
            return Version.parse(json.loads(read_file(self._newest, "record of versions")))
        except (ValueError, TypeError):
            raise UsageError(
                f"{self._newest} is not a version: remove it, or give --version"
            ) from None

    def note_version(self, version: Version) -> None:
        """Remember a version, if it is the newest so far."""
        if not self._newest.exists() or version > self.newest_version():
            write_private_file(self._newest, json.dumps(str(version)).encode())


def next_build(version: Version) -> Version:
    """The least version above this one; raises `UsageError` at the end of all versions."""
    try:
        return Version.unpack(version.packed + 1)
    except ValueError:
        raise UsageError(f"there is no version above {version}: give one with --version") from None
