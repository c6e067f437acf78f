"""How long a long trace takes to be judged: `python -m benchmarks.judging [--events N]`.

The trace is one device's life with update after update: those of a recorded one, again and again,
with other names of jobs, connections and boots. Beside it, in the same run, stands the time that
Python's own JSON reader takes for the same lines.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rig.judge import judge
from rig.trace import read_trace

RECORDED = Path(__file__).parents[1] / "fixtures" / "traces" / "success.jsonl"
UPDATE_TOPIC = re.compile(r"/jobs/([^/$]+)/update")
AT_MOST_S = 3.0
ROUNDS = 5
PAUSE_S = 1.0


def repeated(lines: list[str], events: int) -> Iterator[str]:
    """The header, then the events of the trace as often as it takes, each round of another job."""
    header, *recorded = (json.loads(line) for line in lines)
    yield json.dumps(header)
    found = UPDATE_TOPIC.search("\n".join(lines))
    assert found is not None
    job = found[1]
    length = recorded[-1]["t"] + PAUSE_S
    connections = 1 + max(each.get("conn") or 0 for each in recorded)
    boots = 1 + max(each.get("boot") or 0 for each in recorded)
    for number in range(-(-events // len(recorded))):
        name = f"{number:0{len(job)}d}"
        for each in recorded:
            moved: dict[str, Any] = {**each, "t": each["t"] + number * length}
            if each.get("conn") is not None:
                moved["conn"] += number * connections
            if each.get("boot") is not None:
                moved["boot"] += number * boots
            text = json.dumps(moved).replace(job, name)
            yield text.replace(job.encode().hex(), name.encode().hex())


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--events", type=int, default=100_000)
    options = words.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "long.jsonl"
        path.write_text(
            "\n".join(repeated(RECORDED.read_text("utf-8").splitlines(), options.events))
        )
        trace = read_trace(path)
        lines = path.read_bytes().splitlines()
        times = [
            (
                seconds(lambda: [json.loads(line) for line in lines]),
                seconds(lambda: read_trace(path)),
                seconds(lambda: judge(trace)),
            )
            for _ in range(ROUNDS)
        ]
    plain, reading, judging = (statistics.median(column) for column in zip(*times, strict=True))
    satisfied = sum(1 for verdict in judge(trace).values() if verdict.outcome.value == "satisfied")
    print(f"{len(trace.events)} events, load {os.getloadavg()[0]:.1f}, medians of {ROUNDS}")
    print(f"judged in {judging:.2f} s ({satisfied} requirements satisfied), ", end="")
    print(f"read in {reading:.2f} s; JSON alone {plain:.2f} s, ratio {judging / plain:.1f}")
    met = judging <= AT_MOST_S
    print(f"target (≤ {AT_MOST_S:g} s): {'met' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
