"""Judging: a trace is held against every rule there is."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from rig.judge.rules import RULES
from rig.judge.story import tell
from rig.judge.verdict import Verdict
from rig.trace import Trace


def judge(trace: Trace) -> dict[str, Verdict]:
    """The verdict on each requirement, from the trace and nothing else; never raises."""
    with _without_garbage_collection():
        story = tell(trace)
        return {rule.requirement: rule.judge(story) for rule in RULES.values()}


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """A long trace becomes millions of objects that all stay until the verdicts are there.

    Searching them for garbage again and again takes a third of the time and finds none.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
