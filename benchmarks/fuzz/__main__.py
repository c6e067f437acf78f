"""`python -m benchmarks.fuzz`: the long run over every parser (`pip install -e .[fuzz]`).

Prints a line for each parser and ends with exit code 1 if one crashed, hung or took more memory
than allowed; the input that did it is kept and named.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fuzz.corpus import CORPUS, minimise
from benchmarks.fuzz.parsers import PARSERS

RUNS = 650_000
HANG_S = 10
MEMORY_MIB = 512
# Judging a trace takes a thousand times as long as reading a packet.
SLOW = {"judged-trace": 40}
_STATISTIC = re.compile(r"^stat::(\w+):\s+(\d+)", re.MULTILINE)
_EDGES = re.compile(r"\bcov: (\d+)")
_FINDING = re.compile(r"Test unit written to (\S*(crash|timeout|oom|leak)-\w+)")


@dataclass(frozen=True)
class Result:
    """What a run of one parser came to. `finding` is the input that broke it, and how."""

    name: str
    inputs: int
    seconds: float
    edges: int
    peak_mib: int
    finding: str
    log: str

    def line(self) -> str:
        rate = self.inputs / max(self.seconds, 0.001)
        return (
            f"{self.name:<16} {self.inputs:>10,} {rate:>9,.0f}/s {self.edges:>6} "
            f"{self.peak_mib:>5} MiB  {self.finding or '-'}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="PARSER", help=", ".join(PARSERS))
    parser.add_argument("--runs", type=int, default=RUNS, help="inputs for each parser")
    parser.add_argument("--processes", type=int, default=2, help="parsers at a time")
    parser.add_argument("--seed", type=int, default=1, help="libFuzzer's")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), metavar="FOLDER")
    parser.add_argument("--keep", action="store_true", help="minimise the corpus and keep it")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(PARSERS)
    if unknown:
        parser.error(f"no parser {', '.join(sorted(unknown))}; there are {', '.join(PARSERS)}")
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed: pip install -e .[fuzz]")
    names = options.names or list(PARSERS)
    options.findings.mkdir(exist_ok=True)
    print(f"{'parser':<16} {'inputs':>10} {'rate':>11} {'edges':>6} {'memory':>9}  finding")
    with tempfile.TemporaryDirectory() as room, ThreadPoolExecutor(options.processes) as pool:

        def fuzz(name: str) -> Result:
            runs = options.runs // SLOW.get(name, 1)
            result = run(name, runs, options.seed, Path(room) / name, options.findings)
            print(result.line(), flush=True)
            if options.keep and not result.finding:
                minimise(name, Path(room) / name)
            return result

        results = list(pool.map(fuzz, names))
    return report(results)


def run(name: str, runs: int, seed: int, corpus: Path, findings: Path) -> Result:
    """One parser for so many inputs, beginning with its seeds and the corpus that was kept."""
    corpus.mkdir()
    for number, content in enumerate(PARSERS[name].seeds()):
        (corpus / f"seed-{number}").write_bytes(content)
    command = [sys.executable, "-m", "benchmarks.fuzz.worker", name, f"-runs={runs}"]
    command += [f"-seed={seed}", f"-timeout={HANG_S}", f"-rss_limit_mb={MEMORY_MIB}"]
    command += [f"-max_len={PARSERS[name].max_length}", "-print_final_stats=1", "-reload=0"]
    command += [f"-artifact_prefix={findings}/{name}-", str(corpus)]
    kept = CORPUS / name
    if kept.is_dir():
        command.append(str(kept))
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    seconds = time.monotonic() - began
    log = done.stdout + done.stderr
    numbers = {key: int(value) for key, value in _STATISTIC.findall(log)}
    found = _FINDING.search(log)
    finding = f"{found[2]}: {found[1]}" if found else ""
    if done.returncode and not finding:
        finding = f"ended with {done.returncode}"
    return Result(
        name,
        numbers.get("number_of_executed_units", 0),
        seconds,
        max(map(int, _EDGES.findall(log)), default=0),
        numbers.get("peak_rss_mb", 0),
        finding,
        log,
    )


def report(results: Iterable[Result]) -> int:
    """The sum, and of each finding the end of its log. Returns the exit code."""
    results = list(results)
    broken = [result for result in results if result.finding]
    kinds = [result.finding.split(":")[0] for result in broken]
    total = sum(result.inputs for result in results)
    hangs, memory = kinds.count("timeout"), kinds.count("oom")
    print(
        f"{len(results)} parsers, {total:,} inputs, "
        f"peak memory {max(result.peak_mib for result in results)} MiB, "
        f"crashes {len(kinds) - hangs - memory}, hangs {hangs}, out of memory {memory}"
    )
    for result in broken:
        print(f"\n{result.name}: {result.finding}")
        lines = [line for line in result.log.splitlines() if not line.startswith(("#", "INFO"))]
        print("\n".join(line[:300] for line in lines[:40]))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
