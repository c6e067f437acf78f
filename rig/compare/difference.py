"""The first act in which two devices differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rig.compare.acts import Act

BEFORE = 3
"""Common acts that are shown before the first difference."""


@dataclass(frozen=True)
class Difference:
    """Where two devices part: acts in common before (the last few), then one of each.

    `number` counts acts from 1; an act is None for the device that did nothing more.
    """

    number: int
    common: tuple[Act, ...]
    ours: Act | None
    theirs: Act | None


def first_difference(ours: Sequence[Act], theirs: Sequence[Act]) -> Difference | None:
    """The first difference in what was done; times do not count. None if there is none."""
    for index in range(max(len(ours), len(theirs))):
        mine = ours[index] if index < len(ours) else None
        other = theirs[index] if index < len(theirs) else None
        if mine is None or other is None or mine.text != other.text:
            common = tuple(ours[max(0, index - BEFORE) : index])
            return Difference(index + 1, common, mine, other)
    return None
