"""`otarig update`: make an update for a thing of a running `serve`, and watch it to its end."""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.protocol.image import HEADER_SIZE, Behaviour
from agent.protocol.version import Version
from rig.cli.main import EXIT_INCOMPLETE, EXIT_NOT_CONFORMANT, EXIT_OK, parser
from rig.cli.terminal import TerminalConsole
from rig.cli.version_argument import version_of
from rig.device_directory import DeviceDirectory, next_build
from rig.errors import BenchError, UsageError
from rig.jobs.names import check_thing_name
from rig.jobs.ota_update import PROTOCOLS
from rig.jobs.settings import JobSettings
from rig.scenario.images import ImageMaker, ReferenceImages
from rig.serve_client import ExecutionShown, ServeClient
from rig.serve_state import DEFAULT_DATA, SIGNING_KEY_FILE
from rig.signing import SigningKey

PRODUCT = "reference"
DEFAULT_SIZE = 256 * 1024
WATCH_S = 0.2
"""Between two looks at the execution."""
PENDING = frozenset({"QUEUED", "IN_PROGRESS"})
BEHAVIOURS = {member.name.lower().replace("_", "-"): member for member in Behaviour}


@dataclass(frozen=True)
class Offer:
    """An image to offer and what to call it."""

    content: bytes
    name: str
    update_id: str
    version: Version | None
    """None for an image of whatever kind, which is not looked into."""


def run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    check_thing_name(options.thing)
    client = ServeClient(options.data, options.region)
    device = DeviceDirectory(options.data, options.thing, client.region)
    offer = _existing_image(options) if options.image else _new_image(options, device)
    key = SigningKey.load(options.key or options.data / SIGNING_KEY_FILE)
    target = client.thing_arn(options.thing)
    object_key = f"{offer.update_id}.bin"
    client.upload(object_key, offer.content)
    protocols = list(dict.fromkeys(options.protocol))
    job_id = client.create_update(
        offer.update_id, target, object_key, key.sign(offer.content), protocols
    )
    if offer.version is not None:
        device.note_version(offer.version)
    console = TerminalConsole(highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"{offer.name} ({len(offer.content)} bytes) by {' or '.join(protocols)} "
        f"for {options.thing}: job {job_id}"
    )
    if options.no_watch:
        return EXIT_OK
    return _watch(client, options.thing, job_id, console)


def _watch(client: ServeClient, thing: str, job_id: str, console: TerminalConsole) -> int:
    """Print each change of the execution once; the exit code tells how it ended.

    Raises `BenchError` when serve is there no more: the user's input was good by then.
    """
    started = time.monotonic()
    seen: ExecutionShown | None = None
    try:
        while True:
            now = client.execution(thing, job_id)
            if now != seen:
                details = ", ".join(f"{name}: {value}" for name, value in now.details.items())
                line = f"{time.monotonic() - started:.1f} s  {now.status} {details}"
                # A device may pad its texts; the terminal shows one line of them.
                console.print(" ".join(line.split()))
                seen = now
            if now.status not in PENDING:
                return EXIT_OK if now.status == "SUCCEEDED" else EXIT_NOT_CONFORMANT
            time.sleep(WATCH_S)
    except UsageError as error:
        raise BenchError(f"job {job_id} cannot be watched: {error}") from None
    except KeyboardInterrupt:
        console.print(f"no longer watched; job {job_id} goes on")
        return EXIT_INCOMPLETE


def _new_image(options: argparse.Namespace, device: DeviceDirectory) -> Offer:
    """An image of the reference kind, newer than all that this thing was given."""
    size = DEFAULT_SIZE if options.size is None else options.size
    _check_size(size, "the image")
    if size < HEADER_SIZE:
        raise UsageError(f"--size {size}: an image has at least {HEADER_SIZE} bytes")
    if options.version is None:
        version = next_build(device.newest_version())
    else:
        version = version_of(options.version)
    behaviour = BEHAVIOURS[options.behaviour or "pass"]
    maker = ImageMaker(ReferenceImages(PRODUCT), iter([secrets.randbits(64)]))
    image = maker.make(str(version), size=size, behaviour=behaviour)
    update_id = _update_id(str(version).replace(".", "-"))
    return Offer(image.content, f"version {version}", update_id, version)


def _existing_image(options: argparse.Namespace) -> Offer:
    for name in ("size", "behaviour"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} is for a new image, not for a given one: leave one out")
    path: Path = options.image
    limit = JobSettings().max_file
    try:
        # Past the limit nothing is read: it could be anything, also without an end.
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"cannot read the image {path}: {error.strerror}") from None
    _check_size(len(content), f"the image {path}")
    return Offer(content, f"image {path.name}", _update_id("image"), None)


def _check_size(size: int, what: str) -> None:
    limit = JobSettings().max_file
    if size <= 0:
        raise UsageError(f"{what} has 0 bytes: nothing to update to")
    if size > limit:
        raise UsageError(f"{what} has more than {limit} bytes, the most that is allowed")


def _update_id(stem: str) -> str:
    """One that no earlier update has; things may have names that no update may have."""
    return f"{stem}-{secrets.token_hex(4)}"


def _parser() -> argparse.ArgumentParser:
    words = parser("update", __doc__ or "")
    words.add_argument("--thing", required=True, metavar="T", help="the device to update")
    which = words.add_mutually_exclusive_group()
    which.add_argument(
        "--version",
        metavar="V",
        help="version of a new image; default: one above the newest that the thing was given, "
        "beginning with 1.0.1",
    )
    which.add_argument("--image", type=Path, metavar="FILE", help="an image that exists")
    words.add_argument(
        "--size", type=int, metavar="N", help=f"bytes of a new image; default {DEFAULT_SIZE}"
    )
    words.add_argument(
        "--behaviour", choices=sorted(BEHAVIOURS), help="what a new image does; default pass"
    )
    words.add_argument(
        "--key",
        type=Path,
        metavar="PEM",
        help=f"the key to sign with; default: DATA/{SIGNING_KEY_FILE}",
    )
    words.add_argument(
        "--protocol",
        nargs="+",
        type=str.upper,
        choices=PROTOCOLS,
        default=["MQTT"],
        metavar="MQTT|HTTP",
        help="how the image may be fetched, one or both; default MQTT",
    )
    words.add_argument(
        "--region", metavar="R", help="the region of the thing; default: the first one of serve"
    )
    words.add_argument("--no-watch", action="store_true", help="make the update and stop")
    words.add_argument(
        "--data",
        type=Path,
        default=DEFAULT_DATA,
        metavar="DIR",
        help=f"the data directory of serve; default: {DEFAULT_DATA}",
    )
    words.epilog = "Exit code: 0 if the device reports success, 1 if the update ends otherwise."
    return words
