"""docs/service-suite.md: all twenty-two, and each test that it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    line.strip("|").split("|")
    for line in (ROOT / "docs" / "service-suite.md").read_text("utf-8").splitlines()
    if re.match(r"\| T\d+ ", line)
]


def named(cell: str) -> list[tuple[Path, str]]:
    return [(ROOT / path, test) for path, test in re.findall(r"`(\S+\.py)::(\w+)`", cell)]


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_all_are_listed_once_and_in_order() -> None:
    assert [row[0].strip() for row in ROWS] == [f"T{number}" for number in range(1, 23)]


def test_each_is_shown_by_tests_that_are_there() -> None:
    for number, _what, cell in ROWS:
        # T2 is shown by other recordings in the tests of T1.
        assert named(cell) or number.strip() == "T2", number
        assert [name for path, name in named(cell) if name not in functions_of(path)] == []
