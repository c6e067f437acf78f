"""`otarig certify`: the suite on one board, progress on the terminal, the report in a directory."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from rig.cli.board_needs import ensure_board_needs
from rig.cli.main import EXIT_BENCH, EXIT_OK, parser
from rig.cli.progress import Progress
from rig.cli.terminal import TerminalConsole
from rig.endurance.trend import FEWEST
from rig.errors import UsageError
from rig.interruption import interruption
from rig.judge.catalogue import DEFAULT_FILE
from targets.board import in_place_of, load_board

SUITE = DEFAULT_FILE.parent
DEFAULT_BOARD = "microbit-v1-virtual"
PYTEST_WORDS = (
    *(str(SUITE), f"--rootdir={SUITE.parent}", "--import-mode=importlib"),
    # In order and without pytest's own capture, cache and time limit: a board takes its time.
    *("-s", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:timeout"),
    # Nothing here uses it, and it alone takes as long to import as all the rest.
    *("-p", "no:hypothesispytest"),
)


def run(arguments: Sequence[str]) -> int:
    options, for_pytest = _parser().parse_known_args(arguments)
    board = load_board(options.board)  # A mistake in it is told at once, in one line.
    if options.like:
        board = in_place_of(board, load_board(options.like))
    if not options.list:
        ensure_board_needs(board)
    console = TerminalConsole(file=sys.stderr if options.json else sys.stdout, highlight=False)
    progress = Progress(console, listing=options.list)
    # The progress shows all there is; pytest's own words would only be between its lines.
    complaints = io.StringIO()
    # Told to end, it ends with a report, and with the device switched off.
    interruption.take_signals()
    with (
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(complaints),
    ):
        code = pytest.main([*_pytest_words(options), *for_pytest], plugins=[progress])
    current = progress.run
    if current is not None and current.refusal:
        raise UsageError(current.refusal)
    # The run's verdicts have exit codes of their own, among them that of pytest's usage errors.
    if code == pytest.ExitCode.USAGE_ERROR and (current is None or current.result is None):
        raise UsageError(_one_line(complaints.getvalue()))
    sys.stderr.write(complaints.getvalue())
    if current is None:
        raise UsageError("pytest ended before the suite began; try without its own options")
    if not current.cases:
        raise UsageError("no scenario is selected; `--list` shows their names")
    if options.list:
        return EXIT_OK
    if current.result is None:
        console.print(progress.internal_error or "the run ended without a verdict", markup=False)
        return EXIT_BENCH
    progress.show_verdict()
    if options.json:
        print(json.dumps(current.document, indent=1))
    return current.result.verdict.exit_code


def _one_line(complaints: str) -> str:
    """What pytest says is wrong with its options, without its usage and its directories."""
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    for line in lines:
        _, found, reason = line.partition(" error: ")
        if found:
            return reason
    return lines[0].removeprefix("ERROR: ") if lines else "pytest does not take these options"


def _parser() -> argparse.ArgumentParser:
    words = parser("certify", __doc__ or "")
    words.add_argument(
        "--board",
        default=DEFAULT_BOARD,
        help=f"a board's name or a board file; default: {DEFAULT_BOARD}",
    )
    words.add_argument(
        "--like",
        metavar="BOARD",
        help="take another board's place: its declaration and its images; for the reference agent",
    )
    words.add_argument("--profile", default="core", choices=["core", "full"])
    words.add_argument("--out", type=Path, metavar="DIR", help="directory for the report")
    words.add_argument("--list", action="store_true", help="list the scenarios and stop")
    words.add_argument("--strict", action="store_true", help="a SHOULD counts as a MUST")
    words.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="run every scenario N times"
    )
    words.add_argument(
        "--soak",
        type=int,
        metavar="N",
        help="make N updates in a row, too, and plot how long each took and what memory it needed",
    )
    words.add_argument(
        "--waivers", type=Path, metavar="FILE", help="known violations somebody answers for (TOML)"
    )
    words.add_argument(
        "--sign-key",
        type=Path,
        metavar="PEM",
        help="key to sign the report with; default: a new one",
    )
    words.add_argument(
        "--broker", metavar="URL", help="a broker to use, mqtt://host:port; default: one of its own"
    )
    words.add_argument("--transport", choices=["tls", "plain"], help="default: the board's")
    words.add_argument(
        "--devices",
        type=int,
        metavar="N",
        help="devices tested side by side; default: two a core for programs, one a core for "
        "emulated chips, one for a real device",
    )
    words.add_argument(
        "--follow-states",
        action="store_true",
        help="read the agent's state from the running chip in every scenario; it is slowed down",
    )
    words.add_argument("--json", action="store_true", help="one JSON object on standard output")
    words.epilog = "What else is given goes to pytest, for example `-k signature`."
    return words


def _pytest_words(options: argparse.Namespace) -> list[str]:
    words = [*PYTEST_WORDS, "--board", options.board, "--profile", options.profile]
    if options.out:
        words += ["--out", str(options.out)]
    if options.repeat < 1:
        raise UsageError(f"--repeat {options.repeat}: a scenario is run once at least")
    words += ["--repeat", str(options.repeat)]
    if options.soak is not None:
        if options.soak < FEWEST:
            raise UsageError(f"--soak {options.soak}: a trend takes {FEWEST} updates at least")
        words += ["--soak", str(options.soak)]
    if options.waivers:
        words += ["--waivers", str(options.waivers)]
    if options.sign_key:
        words += ["--sign-key", str(options.sign_key)]
    if options.broker:
        words += ["--broker", options.broker]
    if options.like:
        words += ["--like", options.like]
    if options.devices is not None:
        words += ["--devices", str(options.devices)]
    if options.transport:
        words += ["--transport", options.transport]
    if options.strict:
        words.append("--strict-should")
    if options.follow_states:
        words.append("--follow-states")
    if options.list:
        words.append("--collect-only")
    return words
