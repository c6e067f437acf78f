"""`otarig agent`: the reference agent as a device of a running `serve`, in this terminal."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from agent.protocol.version import Version
from rig.cli.main import parser
from rig.cli.version_argument import version_of
from rig.device_directory import FIRST_VERSION, DeviceDirectory
from rig.errors import BenchError, UsageError
from rig.jobs.names import check_thing_name
from rig.jobs.settings import JobSettings
from rig.private_files import make_private_directory, write_private_file
from rig.scenario.images import ImageMaker, ReferenceImages
from rig.serve_client import ServeClient
from rig.serve_state import DEFAULT_DATA, SIGNER_FILE

PRODUCT = "reference"
FACTORY_SLOT = "slot_a.bin"
# Where `agent` is imported from; the user's own directory may hold another thing of that name.
IMPORT_ROOT = Path(__file__).resolve().parents[2]


def run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    check_thing_name(options.thing)
    factory = None if options.version is None else version_of(options.version)
    client = ServeClient(options.data, options.region)
    device = DeviceDirectory(options.data, options.thing, client.region)
    device.hold()
    slots = (options.root or device.slots).absolute()
    if not device.enrolled:
        identity = client.enrol(options.thing)
        device.save_identity(identity.certificate, identity.private_key)
        print(f"enrolled {options.thing}, its files are in {device.path}")
    else:
        client.thing_arn(options.thing)
    _flash(slots, device, factory)
    config = _config(options, client, device, slots)
    write_private_file(device.config, json.dumps(config, indent=1).encode())
    _become_agent(device.config)


def _flash(slots: Path, device: DeviceDirectory, wanted: Version | None) -> None:
    """Put the factory image into a new device; one that has an image keeps what it has."""
    make_private_directory(slots)
    if (slots / FACTORY_SLOT).exists():
        if wanted is not None:
            raise UsageError(
                f"the device in {slots} has its image already: leave --version out, or remove "
                "that directory to have a new device"
            )
        return
    version = wanted or FIRST_VERSION
    image = ImageMaker(ReferenceImages(PRODUCT), iter([secrets.randbits(64)])).make(str(version))
    write_private_file(slots / FACTORY_SLOT, image.content)
    device.note_version(version)


def _config(
    options: argparse.Namespace, client: ServeClient, device: DeviceDirectory, slots: Path
) -> dict[str, object]:
    state, address = client.state, client.address
    return {
        "thing": options.thing,
        "root": str(slots),
        "mqtt": {
            "host": address.mqtt_host,
            "port": address.mqtt_port,
            "ca": state.ca,
            "cert": str(device.certificate),
            "key": str(device.private_key),
        },
        "http_ca": state.ca,
        "signer_keys": [str(options.data.absolute() / SIGNER_FILE)],
        "product": PRODUCT,
        "slot_size": JobSettings().max_file,
        "faults": options.fault,
    }


def _become_agent(config: Path) -> NoReturn:
    """Replace this process, so that the terminal's keys and signals reach the device itself.

    The signals are held back over the change: the boot loader fetches them when it is ready,
    and none meets a Python that is just starting.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    sys.stdout.flush()
    paths = [str(IMPORT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-P", "-m", "agent", "--config", str(config)]
    try:
        os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise BenchError(f"cannot start {sys.executable}: {error.strerror}") from None


def _parser() -> argparse.ArgumentParser:
    words = parser("agent", __doc__ or "")
    words.add_argument("--thing", required=True, metavar="T", help="the device's name")
    words.add_argument(
        "--data",
        type=Path,
        default=DEFAULT_DATA,
        metavar="DIR",
        help=f"the data directory of serve; default: {DEFAULT_DATA}",
    )
    words.add_argument(
        "--region", metavar="R", help="the region it belongs to; default: the first one of serve"
    )
    words.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="where its slots are; default: DATA/devices/T/slots",
    )
    words.add_argument(
        "--version", metavar="V", help=f"factory version of a new device; default: {FIRST_VERSION}"
    )
    words.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help="a deliberate fault, may be repeated; docs/agent.md lists them",
    )
    words.epilog = (
        "Its console is the terminal; it takes the commands suspend, resume, abort, check, "
        "shutdown, start and reset. Ctrl-C ends it; its slots stay for the next time."
    )
    return words
