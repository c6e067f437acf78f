"""`otarig diff A B`: what changed between two runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rig.cli.main import EXIT_NOT_CONFORMANT, EXIT_OK, parser
from rig.judge.command import printable
from rig.report.conformance_json import read_conformance
from rig.report.difference import Change, differences

HEADINGS = {
    "verdict": "Verdict",
    "requirement": "Requirements",
    "case": "Cases",
    "suite": "Suite",
    "device": "Device",
    "provenance": "Versions and provenance",
}
EXIT_SAME, EXIT_DIFFERENT = EXIT_OK, EXIT_NOT_CONFORMANT


def run(arguments: Sequence[str]) -> int:
    words = parser("diff", __doc__ or "")
    for name, which in (("before", "A"), ("after", "B")):
        words.add_argument(name, type=Path, metavar=which, help="a report's directory")
    words.add_argument("--json", action="store_true", help="one JSON object on standard output")
    words.epilog = "Exit codes: 0 the same, 1 different, 2 usage."
    options = words.parse_args(arguments)
    changes = differences(read_conformance(options.before), read_conformance(options.after))
    if options.json:
        print(json.dumps({"same": not changes, "changes": [c.as_json() for c in changes]}))
    elif changes:
        print("\n".join(_text(changes)))
    else:
        print(f"{options.before} and {options.after} are the same but for their time")
    return EXIT_DIFFERENT if changes else EXIT_SAME


def _text(changes: Sequence[Change]) -> list[str]:
    lines = []
    for part, group in groupby(changes, key=lambda change: change.part):
        lines.append(HEADINGS[part])
        for change in group:
            lines.append(
                f"  {printable(change.name)}: "
                f"{printable(change.before)} → {printable(change.after)}"
            )
            if change.why:
                lines.append(f"      {printable(change.why)}")
    return lines
