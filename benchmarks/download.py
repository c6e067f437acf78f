"""1 MiB by MQTT beside two bare clients: `python -m benchmarks.download [--rounds N]`.

Measured is the time from the creation of the job to `self_test: ready`, as the gateway's trace
has it: notification, request, 256 blocks of 4 KiB in windows of 8, signature check, report.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bare_pair import bare_pair
from rig.bench import Bench, BenchOptions
from rig.scenario import Scenario
from rig.scenario.observing import reported_status
from targets.board import load_board
from tests.mosquitto import start_mosquitto

SIZE = 1 << 20
AT_MOST_RATIO, AT_MOST_S = 3.0, 0.3


def download(scenario: Scenario, version: str) -> float:
    """Seconds from the job's creation to `self_test: ready`."""
    image = scenario.cloud.images.make(version, size=SIZE)
    update = scenario.cloud.offer(image)
    scenario.device.reaches_self_test(update, "ready")
    events = scenario.recorder.events
    created = next(event for event in events if event.kind == "JOB_CREATED")
    ready = next(
        event
        for event in events
        if (report := reported_status(event)) and report.details.get("self_test") == "ready"
    )
    return ready.t - created.t


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=7)
    rounds: int = words.parse_args().rounds
    table = Table("broker", "transport", "device, s", "bare pair, s", "ratio (median of rounds)")
    met = True
    with tempfile.TemporaryDirectory() as directory:
        process, port = start_mosquitto(Path(directory))
        try:
            for broker in (None, f"mqtt://127.0.0.1:{port}"):
                for transport in ("tls", "plain"):
                    device, bare = measure(broker, transport, port, rounds)
                    ratio = statistics.median(d / b for d, b in zip(device, bare, strict=True))
                    seconds = statistics.median(device)
                    met = met and ratio <= AT_MOST_RATIO and seconds <= AT_MOST_S
                    table.add_row(
                        "mosquitto" if broker else "amqtt",
                        transport,
                        f"{seconds:.3f}",
                        f"{statistics.median(bare):.3f}",
                        f"{ratio:.2f}",
                    )
        finally:
            process.terminate()
            process.communicate()
    Console().print(table)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}: beyond 1 the ratio says little")
    verdict = "met" if met else "missed"
    print(f"targets (ratio ≤ {AT_MOST_RATIO:g}, device ≤ {AT_MOST_S:g} s): {verdict}")
    return 0 if met else 1


def measure(
    broker: str | None, transport: str, port: int, rounds: int
) -> tuple[list[float], list[float]]:
    """One after the other, round by round, so that both see the same machine."""
    device, bare = [], []
    bench = Bench(load_board("reference"), BenchOptions(broker, transport))
    with closing(bench.open()), bare_pair(port, bytes(SIZE)) as pair:
        pair.run()
        for number in range(rounds):
            with bench.scenario(f"download-{number}") as scenario:
                scenario.device.start()
                device.append(download(scenario, f"1.0.{number + 1}"))
            bare.append(pair.run())
    return device, bare


if __name__ == "__main__":
    raise SystemExit(main())
