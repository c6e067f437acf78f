"""What the suite adds to a scenario: `python -m benchmarks.overhead [--board B] [PYTEST WORDS]`.

A scenario's wall time is the device's as long as the rig does nothing but wait for it: from an
act of the rig to the event in the trace that the scenario awaits, to the answer to a command, or
to the end of the device's process when it is switched off. All else is overhead: flashing,
signing, making jobs, reading slots, ending connections, writing, reading and judging the trace,
and pytest.

The suite runs as `otarig certify` runs it. The clock is put around functions from outside.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

import rig.scenario.scenario
from benchmarks.stopwatch import Account, Stopwatch
from rig.bench import Bench
from rig.cli.certify import PYTEST_WORDS
from rig.pytest_plugin import case_name
from rig.run import Run
from rig.scenario import Cloud
from rig.scenario.images import ImageMaker
from rig.trace import Recorder
from targets.board import load_board
from targets.chip_driver import ChipDriver
from targets.process import ProcessDriver

AT_MOST_MS = {"process": 100.0}
AT_MOST_ON_A_CHIP_MS = 300.0
DEVICE, REST = "device", "the rest"
ACTIVITIES: tuple[tuple[object, str, str], ...] = (
    (Recorder, "wait", DEVICE),
    (ProcessDriver, "command", DEVICE),
    (ProcessDriver, "power_off", DEVICE),
    (ProcessDriver, "power_cut", DEVICE),
    (ProcessDriver, "provision", "flash"),
    (ProcessDriver, "power_on", "start the process"),
    (ProcessDriver, "read_slots", "read slots"),
    (ChipDriver, "command", DEVICE),
    (ChipDriver, "power_off", "switch off"),
    (ChipDriver, "power_cut", "switch off"),
    (ChipDriver, "provision", "flash"),
    (ChipDriver, "power_on", "switch on"),
    (ChipDriver, "read_slots", "read slots"),
    (ImageMaker, "make", "make images"),
    (Cloud, "offer", "make jobs"),
    (Cloud, "offer_document", "make jobs"),
    (Cloud, "cancel", "make jobs"),
    (Cloud, "forget_jobs", "delete jobs"),
    (Bench, "open", "open the bench"),
    (Bench, "close", "close the bench"),
    (Bench, "_end_scenario", "end the scenario"),
    (Recorder, "save", "write the trace"),
    (rig.scenario.scenario, "read_trace", "read the trace"),
    (rig.scenario.scenario, "judge", "judge"),
    (Run, "finish", "write the report"),
)
"""Who does what, and which activity it is; an activity within another is only itself."""
ONCE = frozenset({"bench", "good_case"})
"""Fixtures that the first case which needs them sets up for all: no part of that case."""


class Meter:
    """A pytest plugin with one account for each case, and one for the run around them."""

    def __init__(self) -> None:
        self.cases: dict[str, Account] = {}
        self.once: dict[str, Account] = {}
        self.around = Account()
        self.watch = Stopwatch(REST)
        for owner, name, activity in ACTIVITIES:
            setattr(owner, name, self.watch.timed(activity, getattr(owner, name)))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        with self.watch.charging(self.cases.setdefault(case_name(item), Account())):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object]
    ) -> Generator[None, object, object]:
        name = fixturedef.argname
        if name not in ONCE:
            return (yield)
        with self.watch.charging(self.once.setdefault(name.replace("_", "-"), Account())):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """The last case also takes down what was set up once."""
        if nextitem is not None:
            return (yield)
        with self.watch.charging(self.once.setdefault("bench", Account())):
            return (yield)


def overhead_ms(account: Account) -> float:
    return 1000 * (account.total - account[DEVICE])


def largest(account: Account) -> str:
    """The three activities that the overhead is largest in."""
    parts = sorted((seconds, name) for name, seconds in account.items() if name != DEVICE)
    return ", ".join(f"{name} {1000 * seconds:.0f}" for seconds, name in parts[:-4:-1])


def table_of(accounts: dict[str, Account]) -> Table:
    table = Table("scenario", "wall, s", "device, s", "overhead, ms", "of it, ms")
    for name, account in accounts.items():
        table.add_row(
            name,
            f"{account.total:.2f}",
            f"{account[DEVICE]:.2f}",
            f"{overhead_ms(account):.0f}",
            largest(account),
        )
    return table


def certify_in_a_process(board: str, words: list[str]) -> float:
    """Wall seconds of the whole command, as a user starts it."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "rig.cli.main", "certify", "--board", board, *words]
        started = time.perf_counter()
        subprocess.run([*command, "--out", f"{directory}/report"], stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--board", default="reference")
    options, for_pytest = words.parse_known_args()
    meter = Meter()
    with (
        tempfile.TemporaryDirectory() as directory,
        Path(os.devnull).open("w") as nowhere,
        meter.watch.charging(meter.around),
        redirect_stdout(nowhere),
    ):
        code = pytest.main(
            [
                *(
                    *PYTEST_WORDS,
                    "--board",
                    options.board,
                    "--out",
                    f"{directory}/report",
                    "--devices",
                    "1",
                    *for_pytest,
                ),
            ],
            plugins=[meter],
        )
    if not meter.cases:
        print("no scenario was run", file=sys.stderr)
        return 2
    console = Console(width=140, markup=False, highlight=False)
    console.print(table_of(meter.cases))
    overheads = [overhead_ms(account) for account in meter.cases.values()]
    print(f"per scenario: median {statistics.median(overheads):.0f} ms, ", end="")
    print(f"most {max(overheads):.0f} ms; the suite ended with {int(code)}")
    for name, account in (*meter.once.items(), ("around the cases", meter.around)):
        print(f"once, {name}: {overhead_ms(account):.0f} ms ({largest(account)})")
    cases_s = sum(account.total for account in (*meter.cases.values(), *meter.once.values()))
    whole_s = certify_in_a_process(options.board, for_pytest)
    print(f"`otarig certify` {whole_s:.1f} s; the cases of the run above {cases_s:.1f} s")
    at_most = AT_MOST_MS.get(load_board(options.board).driver, AT_MOST_ON_A_CHIP_MS)
    met = max(overheads) <= at_most
    print(f"target (≤ {at_most:g} ms a scenario): {'met' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
