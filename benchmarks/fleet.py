"""A fleet's update beside bare clients: `python -m benchmarks.fleet [--transport plain]`.

Measured is the time from the call of CreateOTAUpdate to the moment when the last device has its
last report acknowledged: notification, download in windows of 8 blocks of 4 KiB, signature check,
restart, self-test, commit. Beside it, by turns, the same blocks, asked for and answered by bare
paho clients through mosquitto: the ceiling. The best time of each counts, as whatever else the
machine does can only slow them.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bare_fleet import Ceiling, ask_and_answer
from benchmarks.broker import broker
from benchmarks.fleet_update import Measured, update_fleet

AT_LEAST_RATIO, AT_MOST_KIB = 0.5, 100.0
MIB = 1 << 20
TRANSPORTS = ("plain", "tls")


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--devices", type=int, default=1000)
    words.add_argument("--size", type=int, default=256 * 1024)
    words.add_argument("--processes", type=int, default=1, help="that the clients are spread over")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--transport", nargs="+", choices=TRANSPORTS, default=TRANSPORTS)
    options = words.parse_args()
    count, size, processes = options.devices, options.size, options.processes
    # Each client has a descriptor in the process that holds it, and two in serve.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    things = [f"fleet-{number:05}" for number in range(count)]
    met = True
    for transport in options.transport:
        fleets, bares = [], []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as directory, broker(Path(directory)) as behind:
                where = Path(directory), behind, things, size, processes, transport == "tls"
                bares.append(ask_and_answer(*where))
                fleets.append(update_fleet(*where))
        title = f"{transport}: {count} devices, {size} bytes each, best of {options.rounds}"
        met = report(fleets, bares, title, count, size) and met
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}: beyond 1 the figures say little")
    print(
        f"targets (none lost, none twice, at least {AT_LEAST_RATIO:.0%} of the bare clients, "
        f"less than {AT_MOST_KIB:g} KiB): {'met' if met else 'missed'}"
    )
    return 0 if met else 1


def report(
    fleets: Sequence[Measured], bares: Sequence[Ceiling], title: str, count: int, size: int
) -> bool:
    """Print what was measured; whether the targets are met."""
    fleet = min(fleets, key=lambda each: each.seconds)
    bare = min(bares, key=lambda each: each.seconds)
    table = Table("", "seconds", "devices/s", "MiB/s", "processor time", title=title)
    for name, best in (("otarig serve", fleet), ("bare clients", bare)):
        seconds = best.seconds
        rates = f"{count / seconds:.0f}", f"{count * size / MIB / seconds:.0f}"
        used = ", ".join(f"{user} {spent:.1f} s" for user, spent in best.cpu.items())
        table.add_row(name, f"{seconds:.2f}", *rates, used)
    Console(width=110).print(table)
    ratio = bare.seconds / fleet.seconds
    by_work = sum(bare.cpu.values()) / sum(fleet.cpu.values())
    idle_kib = max(each.idle_kib for each in fleets)
    print(f"{ratio:.0%} of the bare clients, by processor time {by_work:.0%}")
    print(f"{idle_kib:.0f} KiB per idle connected device")
    lost = sum(len(each.lost) for each in fleets)
    twice = sum(len(each.twice) for each in fleets)
    updated = sum(each.succeeded for each in fleets)
    print(f"updated {updated} of {count * len(fleets)}, lost {lost}, twice {twice}")
    complete = (updated, lost, twice) == (count * len(fleets), 0, 0)
    return complete and ratio >= AT_LEAST_RATIO and idle_kib < AT_MOST_KIB


if __name__ == "__main__":
    raise SystemExit(main())
