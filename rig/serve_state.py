"""The file by which a running `serve` tells the other verbs where it is and how to get in.

Several that share a store may share the data directory: each has a seat, and files with its number.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rig.errors import UsageError
from rig.jobs.access_key import AccessKey
from rig.private_files import make_private_directory, write_private_file

DEFAULT_DATA = Path(".otarig") / "serve"
STATE_FILE = "serve.json"
LOCK_FILE = "serve.lock"
SETUP_LOCK_FILE = "setup.lock"
SIGNING_KEY_FILE = "signing.key"
SIGNER_FILE = "signer.pub.pem"
PAGE_TOKEN_FILE = "page-token"  # noqa: S105 - a name, not a secret
MAX_SEATS = 32

_MAX_STATE_BYTES = 1 << 16


@dataclass(frozen=True)
class RegionAddress:
    """Where a region's devices connect."""

    mqtt_host: str
    mqtt_port: int
    plain_port: int | None


@dataclass(frozen=True)
class ServeState:
    """Where a `serve` listens; `ca` is a path. It holds secrets, so its file has mode 0600.

    `page` is the URL of the fleet's page with the token of the run. `region` is the first of the
    `regions`; the MQTT address beside it is that region's.
    """

    endpoint: str
    mqtt_host: str
    mqtt_port: int
    plain_port: int | None
    ca: str
    region: str
    access_key_id: str
    secret_access_key: str
    page: str
    regions: Mapping[str, RegionAddress]

    @property
    def access_key(self) -> AccessKey:
        return AccessKey(self.access_key_id, self.secret_access_key)

    def __repr__(self) -> str:
        return f"ServeState({self.endpoint})"

    def address(self, region: str) -> RegionAddress:
        """Where this region's devices connect; raises `UsageError` if it is not served."""
        found = self.regions.get(region)
        if found is None:
            there = ", ".join(self.regions)
            raise UsageError(f"serve at {self.endpoint} has no region {region}: it has {there}")
        return found

    def save(self, data: Path, seat: int = 1) -> None:
        """Write it for others to find; raises `UsageError`."""
        text = json.dumps(asdict(self), indent=1).encode() + b"\n"
        write_private_file(data / file_of_seat(STATE_FILE, seat), text)

    @staticmethod
    def forget(data: Path, seat: int = 1) -> None:
        """Remove the file; one that is left by a `serve` that was killed would mislead."""
        (data / file_of_seat(STATE_FILE, seat)).unlink(missing_ok=True)


def file_of_seat(name: str, seat: int) -> str:
    """`serve.json`, `serve-2.json`, …"""
    stem, _, suffix = name.rpartition(".")
    return name if seat == 1 else f"{stem}-{seat}.{suffix}"


def find_serve(data: Path) -> ServeState:
    """The `serve` that runs with this data directory; raises `UsageError` if none does."""
    path = _state_file(data)
    try:
        with path.open("rb") as file:
            table = json.loads(file.read(_MAX_STATE_BYTES))
        return _state(table)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"no serve runs with the data directory {data}; {start_it(data)}"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UsageError(
            f"{path} is not what serve writes; stop serve and {start_it(data)}"
        ) from None


def start_it(data: Path) -> str:
    """What to tell a user who has no `serve` for this data directory."""
    option = "" if data == DEFAULT_DATA else f" --data {data}"
    return f"start it: otarig serve{option}"


@contextmanager
def take_seat(data: Path, *, shared: bool) -> Iterator[int]:
    """Hold a seat in the data directory for one `serve`; there is one unless `shared`.

    Raises `UsageError` if there is none free. The kernel frees the seat however the process ends,
    so a kill leaves nothing to clean up.
    """
    make_private_directory(data)
    descriptor, seat = None, 0
    while descriptor is None:
        seat += 1
        if seat > (MAX_SEATS if shared else 1):
            if shared:
                raise UsageError(f"{MAX_SEATS} serves run with the data directory {data} already")
            raise UsageError(
                f"another serve runs with the data directory {data}: stop it or choose "
                "another --data"
            )
        descriptor = _try_lock(data / file_of_seat(LOCK_FILE, seat))
    try:
        ServeState.forget(data, seat)
        yield seat
    finally:
        os.close(descriptor)


@contextmanager
def setting_up(data: Path) -> Iterator[None]:
    """Alone with the data directory, so that what is missing in it is made by one process."""
    descriptor = _open_lock(data / SETUP_LOCK_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def page_token(data: Path) -> Iterator[str]:
    """The token of this run of `serve` for its page, made by the first of those that run at once.

    They may share a port, where any of them gets a browser's next request. Each holds the file by
    a lock, which the kernel ends with the process; who finds nobody else makes a new token. To be
    entered by one process at a time, as `setting_up` sees to. Raises `UsageError`.
    """
    descriptor = _open_lock(data / PAGE_TOKEN_FILE)
    try:
        if _lock_at_once(descriptor):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, secrets.token_urlsafe(32).encode(), 0)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield os.pread(descriptor, _MAX_STATE_BYTES, 0).decode("ascii")
    finally:
        os.close(descriptor)


def _state_file(data: Path) -> Path:
    """That of the first `serve` that runs; with one file there is nothing to choose."""
    files = [data / file_of_seat(STATE_FILE, seat) for seat in range(1, MAX_SEATS + 1)]
    there = [(seat, file) for seat, file in enumerate(files, 1) if file.exists()]
    if len(there) > 1:
        for seat, file in there:
            if _is_taken(data / file_of_seat(LOCK_FILE, seat)):
                return file
    return there[0][1] if there else files[0]


def _is_taken(path: Path) -> bool:
    descriptor = _try_lock(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _try_lock(path: Path) -> int | None:
    """The descriptor that holds the lock, None if another process has it."""
    descriptor = _open_lock(path)
    if _lock_at_once(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _lock_at_once(descriptor: int) -> bool:
    """Whether nobody else had the file, which is then locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"cannot open {path}: {error.strerror}; choose another --data") from None


def _state(table: object) -> ServeState:
    if not isinstance(table, dict):
        raise TypeError("not an object")
    values = {field.name: table[field.name] for field in fields(ServeState)}
    values["regions"] = {
        name: RegionAddress(**{field.name: each[field.name] for field in fields(RegionAddress)})
        for name, each in values["regions"].items()
    }
    state = ServeState(**values)
    texts = (state.endpoint, state.mqtt_host, state.ca, state.region)
    keys = (state.access_key_id, state.secret_access_key, state.page)
    if (
        not all(isinstance(text, str) for text in (*texts, *keys))
        or type(state.mqtt_port) is not int
        or any(type(address.mqtt_port) is not int for address in state.regions.values())
        or state.region not in state.regions
    ):
        raise TypeError("a field of another type")
    return state
