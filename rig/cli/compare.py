"""`otarig compare`: a board and the reference agent in the same scenarios, act by act.

The reference agent takes the board's place: its declaration and its images. Then both are run,
and of each scenario the first act is shown in which the board differs. Not every difference is a
fault; whether a rule was broken `certify` tells.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rig.cli.certify import DEFAULT_BOARD
from rig.cli.main import (
    EXIT_INCOMPLETE,
    EXIT_NOT_CONFORMANT,
    EXIT_OK,
    EXIT_USAGE,
    parser,
)
from rig.compare.acts import Act
from rig.compare.difference import Difference
from rig.compare.reports import Compared, boards_of, compare_reports
from rig.errors import BenchError, UsageError
from rig.judge.command import printable
from targets.board import in_place_of, load_board

REFERENCE = "reference"
EXIT_SAME, EXIT_DIFFERENT = EXIT_OK, EXIT_NOT_CONFORMANT


def run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    with ExitStack() as stack:
        if options.reports:
            if len(options.reports) != 2:
                raise UsageError("give the directories of two reports, or none to have both run")
            reference, board = options.reports
        else:
            out = options.out
            if out is None:
                out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="otarig-")))
            reference, board = _run_both(options, out)
        names = boards_of(reference, board)
        compared = list(compare_reports(reference, board))
    if options.json:
        print(json.dumps({"boards": names, "scenarios": [_as_json(each) for each in compared]}))
    else:
        print("\n".join(_text(names, compared)))
    return EXIT_DIFFERENT if any(each.difference for each in compared) else EXIT_SAME


def _run_both(options: argparse.Namespace, out: Path) -> tuple[Path, Path]:
    """The suite on both; raises `UsageError` or `BenchError` if one of the runs tells nothing."""
    # A mistake in a board file is told before anything is run.
    in_place_of(load_board(REFERENCE), load_board(options.board))
    runs = (
        (out / "reference", ["--board", REFERENCE, "--like", options.board]),
        (out / "board", ["--board", options.board]),
    )
    selection = ["--profile", options.profile]
    if options.select is not None:
        selection += ["-k", options.select]
    for directory, words in runs:
        command = [sys.executable, "-m", "rig.cli.main", "certify", "--out", str(directory)]
        # The result alone belongs on standard output; the progress of the runs does not.
        done = subprocess.run([*command, *words, *selection], stdout=sys.stderr, check=False)
        if done.returncode == EXIT_USAGE:
            raise UsageError("no run was made, see above")
        if done.returncode not in (EXIT_OK, EXIT_NOT_CONFORMANT, EXIT_INCOMPLETE):
            raise BenchError(f"the run of {directory.name} ended with {done.returncode}, see above")
    return runs[0][0], runs[1][0]


def _text(names: tuple[str, str], compared: Sequence[Compared]) -> list[str]:
    lines = []
    for each in compared:
        if each.difference is None:
            lines.append(f"= {each.name}: the same {each.acts} acts")
        else:
            lines.append(f"≠ {each.name}: differs in act {each.difference.number}")
            lines += _shown(names, each.difference)
    same = sum(1 for each in compared if each.difference is None)
    return [*lines, "", f"{same} of {len(compared)} scenarios: the same acts"]


def _shown(names: tuple[str, str], difference: Difference) -> list[str]:
    width = max(len(name) for name in (*names, "both"))
    rows: list[tuple[str, Act | None]] = [("both", act) for act in difference.common]
    rows += [(names[0], difference.ours), (names[1], difference.theirs)]
    return [f"    {who:<{width}}  {_act(act)}" for who, act in rows]


def _act(act: Act | None) -> str:
    return "does nothing more" if act is None else f"{printable(act.text)}  [line {act.line}]"


def _as_json(each: Compared) -> dict[str, Any]:
    shown = None if each.difference is None else asdict(each.difference)
    return {"name": each.name, "acts": each.acts, "difference": shown}


def _parser() -> argparse.ArgumentParser:
    words = parser("compare", __doc__ or "")
    words.formatter_class = argparse.RawDescriptionHelpFormatter
    words.add_argument(
        "reports",
        nargs="*",
        type=Path,
        metavar="DIR",
        help="two reports to compare instead, the reference's first; nothing is run then",
    )
    words.add_argument(
        "--board", default=DEFAULT_BOARD, help=f"a name or a file; default: {DEFAULT_BOARD}"
    )
    words.add_argument("--profile", default="core", choices=["core", "full"])
    words.add_argument("-k", dest="select", metavar="WORDS", help="some scenarios, as in certify")
    words.add_argument("--out", type=Path, metavar="DIR", help="keep both reports here")
    words.add_argument("--json", action="store_true", help="one JSON object on standard output")
    words.epilog = "Exit codes: 0 the same, 1 different, 2 usage, 3 the bench failed."
    return words
