"""A fleet's update beside bare clients: `python -m benchmarks.fleet [--devices N] [--size BYTES]`.

Measured is the time from the call of CreateOTAUpdate to the moment when the last device has its
last report acknowledged: notification, download in windows of 8 blocks of 4 KiB, signature check,
restart, self-test, commit. Beside it the same blocks, asked for and answered by bare paho clients
through mosquitto, before and after; the better time is the ceiling.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bare_fleet import Ceiling, ask_and_answer
from benchmarks.broker import broker
from benchmarks.fleet_update import Measured, update_fleet

AT_LEAST_RATIO, AT_MOST_KIB = 0.5, 100.0
MIB = 1 << 20
TRANSPORTS = ("plain", "tls")
WHEN = ("before", "after")


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--devices", type=int, default=1000)
    words.add_argument("--size", type=int, default=256 * 1024)
    words.add_argument("--processes", type=int, default=1, help="that the clients are spread over")
    words.add_argument("--transport", nargs="+", choices=TRANSPORTS, default=TRANSPORTS)
    options = words.parse_args()
    count, size, processes = options.devices, options.size, options.processes
    # Each client has a descriptor in the process that holds it, and two in serve.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    things = [f"fleet-{number:05}" for number in range(count)]
    met = True
    for transport in options.transport:
        tls = transport == "tls"
        with tempfile.TemporaryDirectory() as directory, broker(Path(directory)) as behind:
            where = Path(directory), behind, things, size, processes, tls
            before = ask_and_answer(*where)
            measured = update_fleet(*where)
            after = ask_and_answer(*where)
        title = f"{transport}: {count} devices, {size} bytes each"
        met = report(measured, (before, after), title, count, size) and met
    return 0 if met else 1


def report(measured: Measured, bare: Sequence[Ceiling], title: str, count: int, size: int) -> bool:
    """Print what was measured; whether the targets are met."""
    table = Table("", "seconds", "devices/s", "MiB/s", title=title)
    for name, seconds in (
        ("otarig serve", measured.seconds),
        *((f"bare clients, {when}", each.seconds) for when, each in zip(WHEN, bare, strict=True)),
    ):
        rates = f"{count / seconds:.1f}", f"{count * size / MIB / seconds:.1f}"
        table.add_row(name, f"{seconds:.2f}", *rates)
    Console().print(table)
    ceiling = min(bare, key=lambda each: each.seconds)
    ratio = ceiling.seconds / measured.seconds
    print(f"{ratio:.0%} of the ceiling; {measured.idle_kib:.0f} KiB per idle connected device")
    lost, twice = len(measured.lost), len(measured.twice)
    print(f"updated {measured.succeeded}, lost {lost}, twice {twice}")
    print(f"processor time: {_listed(measured.cpu)}; of the ceiling: {_listed(ceiling.cpu)}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    complete = (measured.succeeded, lost, twice) == (count, 0, 0)
    met = complete and ratio >= AT_LEAST_RATIO and measured.idle_kib < AT_MOST_KIB
    verdict = "met" if met else "missed"
    print(
        f"targets (none lost, none twice, at least {AT_LEAST_RATIO:.0%}, "
        f"less than {AT_MOST_KIB:g} KiB): {verdict}"
    )
    return met


def _listed(cpu: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in cpu.items())


if __name__ == "__main__":
    raise SystemExit(main())
