"""Judging: a trace is held against every rule there is."""

from __future__ import annotations

from rig.judge.rules import RULES
from rig.judge.story import tell
from rig.judge.verdict import Verdict
from rig.trace import Trace


def judge(trace: Trace) -> dict[str, Verdict]:
    """The verdict on each requirement, from the trace and nothing else; never raises."""
    story = tell(trace)
    return {rule.requirement: rule.judge(story) for rule in RULES.values()}
