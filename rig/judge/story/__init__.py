"""The reading pass: a trace becomes a story of typed observations, jobs and transfers."""

from rig.judge.story.report import Kind
from rig.judge.story.seen import Seen
from rig.judge.story.story import Execution, Story, packed, tell
from rig.judge.story.timeline import Run
from rig.judge.story.transfer import BAD, Delivery, End, Fate, RangeAsked, Situation, Transfer

__all__ = [
    "BAD",
    "Delivery",
    "End",
    "Execution",
    "Fate",
    "Kind",
    "RangeAsked",
    "Run",
    "Seen",
    "Situation",
    "Story",
    "Transfer",
    "packed",
    "tell",
]
