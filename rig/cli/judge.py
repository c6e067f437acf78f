"""`otarig judge TRACE…`: verdicts from stored traces alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rig.cli.main import parser
from rig.judge.command import judge_files


def run(arguments: Sequence[str]) -> int:
    words = parser("judge", __doc__ or "")
    words.add_argument("traces", nargs="+", type=Path, metavar="TRACE")
    words.add_argument("--json", action="store_true", help="one JSON object on standard output")
    words.add_argument("--strict", action="store_true", help="a SHOULD counts as a MUST")
    options = words.parse_args(arguments)
    return judge_files(options.traces, json=options.json, strict=options.strict)
