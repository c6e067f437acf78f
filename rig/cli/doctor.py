"""`otarig doctor`: check each thing that a run on a board will need, and time it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rig.board_checks import Check, checks
from rig.cli.board_needs import ensure_board_needs
from rig.cli.hand_bench import DEFAULT_BOARD
from rig.cli.main import EXIT_BENCH, EXIT_OK, parser
from rig.cli.terminal import TerminalConsole
from rig.errors import OtarigError
from targets.board import load_board


@dataclass(frozen=True)
class Finding:
    """What came of one check."""

    check: str
    result: str
    """ok, failed, or not tried."""
    seconds: float
    detail: str


def run(arguments: Sequence[str]) -> int:
    words = parser("doctor", __doc__ or "")
    words.add_argument(
        "--board",
        default=DEFAULT_BOARD,
        metavar="NAME|FILE",
        help=f"a board of `otarig boards`, or a board file; default: {DEFAULT_BOARD}",
    )
    words.add_argument(
        "--dry-run", action="store_true", help="open no port, flash nothing, switch nothing"
    )
    words.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = words.parse_args(arguments)
    board = load_board(options.board)
    if not options.dry_run:
        ensure_board_needs(board)
    findings: list[Finding] = []
    for check in checks(board):
        findings.append(_tried(check, findings, dry_run=options.dry_run))
        if not options.json:
            _show(findings[-1])
    healthy = all(finding.result != "failed" for finding in findings)
    if options.json:
        report = {"board": board.name, "healthy": healthy, "checks": [*map(asdict, findings)]}
        json.dump(report, sys.stdout)
        print()
    return EXIT_OK if healthy else EXIT_BENCH


def _tried(check: Check, before: list[Finding], *, dry_run: bool) -> Finding:
    if dry_run and check.touches:
        return Finding(check.name, "not tried", 0.0, "dry run")
    if check.touches and any(finding.result == "failed" for finding in before):
        return Finding(check.name, "not tried", 0.0, "something before it failed")
    started = time.monotonic()
    try:
        result, detail = "ok", check.run()
    except OtarigError as error:
        result, detail = "failed", str(error)
    return Finding(check.name, result, round(time.monotonic() - started, 3), detail)


def _show(finding: Finding) -> None:
    console = TerminalConsole(highlight=False, markup=False, soft_wrap=True)
    mark = {"ok": "ok  ", "failed": "FAIL", "not tried": "-   "}[finding.result]
    console.print(f"{mark} {finding.check:<26} {finding.seconds:6.2f} s  {finding.detail}")
