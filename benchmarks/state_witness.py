"""What following the agent's state costs the device: `python -m benchmarks.state_witness`.

Updates of one image size, by turns with the state followed over the debug wire and without, in one
run. Of each the time from the offer of the job to the accepted update is taken.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time

from rich.console import Console
from rich.table import Table

from rig.bench import Bench, BenchOptions
from rig.cli.certify import DEFAULT_BOARD
from targets.board import load_board

ROUNDS = 10
SIZE = 60_000


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--board", default=DEFAULT_BOARD)
    words.add_argument("--rounds", type=int, default=ROUNDS)
    options = words.parse_args()
    console = Console()
    seconds: dict[bool, list[float]] = {False: [], True: []}
    halts: list[int] = []
    stood: list[float] = []
    with contextlib.closing(Bench(load_board(options.board), BenchOptions()).open()) as bench:
        for number in range(2 * options.rounds):
            follow = number % 2 == 1
            with contextlib.ExitStack() as stack:
                if follow:
                    stack.enter_context(bench.following_states())
                scenario = stack.enter_context(bench.scenario("update"))
                scenario.device.start()
                started = time.perf_counter()
                update = scenario.cloud.offer("1.0.1", size=SIZE)
                scenario.device.reports(update, "SUCCEEDED", "accepted")
                seconds[follow].append(time.perf_counter() - started)
            for event in scenario.recorder.events:
                if event.kind == "FOLLOWED":
                    halts.append(event.data["halts"])
                    stood.append(event.data["stood_s"])
    table = Table("update", "median", "least", "most", title=f"{options.board}, load "
                  f"{os.getloadavg()[0]:.1f}")  # fmt: skip
    for follow, name in ((False, "alone"), (True, "followed")):
        taken = seconds[follow]
        figures = (statistics.median(taken), min(taken), max(taken))
        table.add_row(name, *(f"{figure:.3f} s" for figure in figures))
    console.print(table)
    ratio = statistics.median(seconds[True]) / statistics.median(seconds[False])
    console.print(
        f"ratio {ratio:.2f}; {statistics.median(halts):.0f} halts in a scenario, the core stood "
        f"still for {statistics.median(stood):.3f} s of it at most, "
        f"{1000 * sum(stood) / sum(halts):.1f} ms each"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
