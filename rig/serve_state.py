"""The file by which a running `serve` tells the other verbs where it is and how to get in."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rig.errors import UsageError
from rig.jobs.access_key import AccessKey
from rig.private_files import make_private_directory, write_private_file

DEFAULT_DATA = Path(".otarig") / "serve"
STATE_FILE = "serve.json"
LOCK_FILE = "serve.lock"
SIGNING_KEY_FILE = "signing.key"
SIGNER_FILE = "signer.pub.pem"

_MAX_STATE_BYTES = 1 << 16


@dataclass(frozen=True)
class ServeState:
    """Where a `serve` listens; `ca` is a path. It holds a secret, so its file has mode 0600."""

    endpoint: str
    mqtt_host: str
    mqtt_port: int
    plain_port: int | None
    ca: str
    region: str
    access_key_id: str
    secret_access_key: str

    @property
    def access_key(self) -> AccessKey:
        return AccessKey(self.access_key_id, self.secret_access_key)

    def __repr__(self) -> str:
        return f"ServeState({self.endpoint})"

    def save(self, data: Path) -> None:
        """Write it for others to find; raises `UsageError`."""
        write_private_file(data / STATE_FILE, json.dumps(asdict(self), indent=1).encode() + b"\n")

    @staticmethod
    def forget(data: Path) -> None:
        """Remove the file; one that is left by a `serve` that was killed would mislead."""
        (data / STATE_FILE).unlink(missing_ok=True)


def find_serve(data: Path) -> ServeState:
    """The `serve` that runs with this data directory; raises `UsageError` if none does."""
    path = data / STATE_FILE
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
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UsageError(
            f"{path} is not what serve writes; stop serve and {start_it(data)}"
        ) from None


def start_it(data: Path) -> str:
    """What to tell a user who has no `serve` for this data directory."""
    option = "" if data == DEFAULT_DATA else f" --data {data}"
    return f"start it: otarig serve{option}"


@contextmanager
def only_serve(data: Path) -> Iterator[None]:
    """Hold the data directory for one `serve`; raises `UsageError` if another has it.

    The kernel frees the lock however the process ends, so a kill leaves nothing to clean up.
    """
    make_private_directory(data)
    path = data / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"cannot open {path}: {error.strerror}; choose another --data") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another serve runs with the data directory {data}: stop it or choose "
                "another --data"
            ) from None
        ServeState.forget(data)
        yield
    finally:
        os.close(descriptor)


def _state(table: object) -> ServeState:
    if not isinstance(table, dict):
        raise TypeError("not an object")
    state = ServeState(**{field.name: table[field.name] for field in fields(ServeState)})
    texts = (state.endpoint, state.mqtt_host, state.ca, state.region)
    keys = (state.access_key_id, state.secret_access_key)
    if (
        not all(isinstance(text, str) for text in (*texts, *keys))
        or type(state.mqtt_port) is not int
    ):
        raise TypeError("a field of another type")
    return state
