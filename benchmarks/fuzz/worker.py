"""One parser under atheris: `python -m benchmarks.fuzz.worker NAME LIBFUZZER-ARGUMENT…`.

It runs in a process of its own, which libFuzzer ends by itself.
"""

from __future__ import annotations

import importlib
import sys

INSTRUMENTED = [
    "agent.fleet.packets",
    "agent.http",
    "agent.protocol",
    "rig.gateway",
    "rig.jobs",
    "rig.judge",
    "rig.trace",
    "targets.board",
    "targets.modem",
    "targets.virtual.gdb_packets",
    "tomllib",
]
"""Modules whose branches guide the search; what a parser does not run costs it nothing."""


def main() -> None:
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        from benchmarks.fuzz.parsers import PARSERS
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, PARSERS[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
