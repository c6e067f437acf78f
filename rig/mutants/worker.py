"""`python -m rig.mutants.worker`: tries the mutants named on stdin, one line of JSON for each."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from rig.judge.catalogue import DEFAULT_FILE
from rig.mutants.loop import MutantLoop
from rig.mutants.mutant import Mutant, load_mutants
from rig.mutants.trial import Trial

SUITE = DEFAULT_FILE.parent


def main() -> int:
    """Serve until stdin ends; returns pytest's exit status."""
    mutants = load_mutants()
    answers = sys.stdout

    def named() -> Iterator[Mutant]:
        for line in sys.stdin:
            yield mutants[line.strip()]

    def tell(trial: Trial) -> None:
        print(json.dumps(trial.to_json()), file=answers, flush=True)

    keep = os.environ.get("OTARIG_KEEP_TRACES")
    with (
        tempfile.TemporaryDirectory(prefix="otarig-mutants-") as out,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
    ):
        return _pytest(Path(keep or out), MutantLoop(named(), tell))


def _pytest(out: Path, loop: MutantLoop) -> int:
    words = [str(SUITE), f"--rootdir={SUITE.parent}", "--import-mode=importlib", "-s", "-q"]
    words += ["-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:timeout", "-p", "no:xdist"]
    words += ["--board", "reference", "--profile", "full", "--out", str(out)]
    words += ["--devices", "1"]
    return int(pytest.main(words, plugins=[loop]))


if __name__ == "__main__":
    sys.exit(main())
