"""The corpus that is kept: for each parser few short inputs, which reach all that many reached."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.fuzz.parsers import PARSERS

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "fixtures" / "fuzz"
MAX_KEPT = 40
"""Inputs kept for a parser."""
Step = tuple[str, int, int]
"""File, line before and line: one way to go."""


def kept(name: str) -> list[bytes]:
    """The inputs of a parser, in a fixed order."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


def minimise(name: str, found: Path) -> None:
    """Keep of what a run has found, and of what was kept before, what reaches something new.

    The shortest come first, so that a long input stays only for what no shorter one reaches.
    """
    check = PARSERS[name].check
    inputs = sorted({path.read_bytes() for path in found.iterdir()} | set(kept(name)), key=_order)
    reached: set[Step] = set()
    for seed in PARSERS[name].seeds():
        reached |= _steps(check, seed)
    gains: list[tuple[int, bytes]] = []
    for data in inputs:
        new = _steps(check, data) - reached
        if new:
            reached |= new
            gains.append((len(new), data))
    chosen = sorted(gains, key=lambda gain: -gain[0])[:MAX_KEPT]
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*"):
        path.unlink()
    for _, data in chosen:
        (folder / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)


def _order(data: bytes) -> tuple[int, bytes]:
    return len(data), data


def _steps(check: Callable[[bytes], None], data: bytes) -> set[Step]:
    """The steps from line to line that the project's code takes for an input."""
    steps: set[Step] = set()
    here = str(ROOT)

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(here) or "/.venv/" in file or "/benchmarks/" in file:
            return None if event == "call" else trace
        before = frame.f_lineno

        def lines(inner: FrameType, kind: str, _ignored: object) -> Any:
            nonlocal before
            if kind == "line":
                steps.add((file, before, inner.f_lineno))
                before = inner.f_lineno
            return lines

        return lines

    sys.settrace(trace)
    try:
        check(data)
    finally:
        sys.settrace(None)
    return steps
