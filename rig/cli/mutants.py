"""`otarig mutants`: the suite tried on broken agents; each must be caught."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rig.cli.main import EXIT_NOT_CONFORMANT, EXIT_OK, parser
from rig.cli.terminal import TerminalConsole
from rig.errors import UsageError
from rig.judge.catalogue import DEFAULT_FILE, default_catalogue
from rig.mutants.matrix import kill_matrix
from rig.mutants.mutant import Mutant, load_mutants
from rig.mutants.pool import try_all
from rig.mutants.trial import MISSING, Trial

MAX_JOBS = 2
KILL_MATRIX = DEFAULT_FILE.parents[1] / "docs" / "kill-matrix.md"


def run(arguments: Sequence[str]) -> int:
    words = parser("mutants", __doc__ or "")
    words.add_argument("names", nargs="*", metavar="NAME", help="broken agents; default: all")
    words.add_argument(
        "--jobs",
        type=int,
        default=min(MAX_JOBS, os.cpu_count() or 1),
        help="how many to try at a time; default: %(default)s",
    )
    words.add_argument("--list", action="store_true", help="list the broken agents and stop")
    words.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="where the kill matrix goes when all are tried; default: docs/kill-matrix.md",
    )
    options = words.parse_args(arguments)
    mutants = load_mutants()
    names = options.names or list(mutants)
    if unknown := sorted(set(names) - set(mutants)):
        raise UsageError(f"no mutant {unknown[0]!r}; `otarig mutants --list` shows them")
    if options.jobs < 1:
        raise UsageError("--jobs must be at least 1")
    if options.write and options.names:
        raise UsageError("--write needs all mutants: name none")
    console = TerminalConsole(highlight=False)
    if options.list:
        for name in names:
            console.print(_described(mutants[name]), markup=False, soft_wrap=True)
        return EXIT_OK
    write = None if options.names else options.write or KILL_MATRIX
    return _try(mutants, names, options.jobs, write, console)


def _described(mutant: Mutant) -> str:
    return f"{mutant.name:<28}  {mutant.description}  [{' '.join(mutant.breaks)}]"


def _try(
    mutants: dict[str, Mutant],
    names: Sequence[str],
    jobs: int,
    write: Path | None,
    console: TerminalConsole,
) -> int:
    started = time.monotonic()
    trials: dict[str, Trial] = {}
    for trial in try_all(names, jobs):
        trials[trial.name] = trial
        console.print(_line(trial), markup=False, soft_wrap=True)
    killed = sum(trial.is_killed for trial in trials.values())
    untried = sum(trial.lacks_scenario for trial in trials.values())
    seconds = time.monotonic() - started
    console.print(f"{killed} of {len(names)} mutants killed in {seconds:.0f} s")
    if untried:
        console.print(f"{untried} could not be tried: the scenario that they name is missing")
    if write:
        _write(write, kill_matrix(mutants, trials, default_catalogue()))
        console.print(f"kill matrix: {write}", markup=False)
    return EXIT_OK if killed == len(names) else EXIT_NOT_CONFORMANT


def _write(file: Path, matrix: str) -> None:
    try:
        file.write_text(matrix, "utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {file}: {error.strerror}; name another file with --write"
        ) from None


def _line(trial: Trial) -> str:
    if trial.is_killed:
        return f"✓ {trial.name:<28}  {' '.join(trial.killed_by)}  {trial.seconds} s"
    if trial.lacks_scenario:
        missing = " ".join(name for name, said in trial.said.items() if said == MISSING)
        return f"? {trial.name:<28}  no scenario {missing}  {trial.seconds} s"
    also = f"; violated {' '.join(trial.violated)}" if trial.violated else ""
    ends = "; ".join(f"{name}: {said.splitlines()[0]}" for name, said in trial.said.items())
    return f"✗ {trial.name:<28}  survived{also}  ({ends})  {trial.seconds} s"


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
