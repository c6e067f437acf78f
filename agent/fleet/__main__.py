"""``python -m agent.fleet --config FILE``: power on a fleet; its words are lines of JSON.

First ``{"event": "idle"}`` when every device is connected and has nothing to do; then, once every
device has committed as many updates as the configuration says, ``{"event": "done", "devices":
[…]}``, and the fleet stays connected until its standard input ends. Exit status: 0, or 1 when the
time ran out, also with the devices as they then are.
"""

from __future__ import annotations

import argparse
import json
import select
import ssl
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.config import MqttEndpoint
from agent.fleet.device import DeviceKind, SimulatedDevice
from agent.fleet.fleet import Fleet
from agent.platform.signature import load_signer_key

EXIT_UNUSABLE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the fleet; returns the exit status."""
    words = argparse.ArgumentParser(prog="agent.fleet", description="Many simulated devices.")
    words.add_argument("--config", required=True, type=Path, metavar="FILE", help="JSON file")
    config = json.loads(words.parse_args(arguments).config.read_bytes())
    signer = load_signer_key(Path(config["signer"]))
    if signer is None:
        print(f"agent.fleet: {config['signer']} holds no P-256 public key", file=sys.stderr)
        return EXIT_UNUSABLE
    kind = DeviceKind(MqttEndpoint(config["host"], config["port"]), signer)
    tls = config.get("tls")
    devices = [SimulatedDevice(thing, kind, _tls(thing, tls)) for thing in config["things"]]
    fleet, patience_s = Fleet(devices), float(config["patience_s"])
    try:
        if not fleet.run(lambda: all(device.idle for device in devices), patience_s):
            _say("late", devices)
            return 1
        _say("idle")
        wanted = int(config["updates"])
        done = fleet.run(
            lambda: all(len(device.finished) >= wanted and device.idle for device in devices),
            patience_s,
        )
        _say("done" if done else "late", devices)
        fleet.run(_told_to_end, patience_s)
        return 0 if done else 1
    finally:
        fleet.close()


def _tls(thing: str, files: dict[str, str] | None) -> ssl.SSLContext | None:
    if files is None:
        return None
    context = ssl.create_default_context(cafile=files["ca"])
    # A PEM file for each thing, with its certificate and its key.
    context.load_cert_chain(Path(files["certs"]) / f"{thing}.pem")
    return context


def _told_to_end() -> bool:
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable)


def _say(event: str, devices: list[SimulatedDevice] | None = None) -> None:
    said: dict[str, Any] = {"event": event}
    if devices is not None:
        said["devices"] = [
            {
                "thing": device.thing,
                "finished": [
                    {
                        "job_id": each.job_id,
                        "version": str(each.image.version),
                        "sha256": each.image.sha256,
                        "at": each.at,
                    }
                    for each in device.finished
                ],
                "failed": device.failed,
                "tally": asdict(device.flash.tally),
            }
            for device in devices
        ]
    print(json.dumps(said, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    sys.exit(main())
