"""Whether a series grows: Mann and Kendall's test, and the slope of Theil and Sen.

Both look at pairs alone, so that a few updates that took long on a busy machine decide nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

FEWEST = 8
"""Values from which the test's normal approximation can be used."""
MOST = 1000
"""Values looked at: of more than that every second, third … one."""
CHANCE = 0.001
"""How probable such an order may be in a series that does not grow, to be called growth."""
RELEVANT = 0.05
"""Growth from the first to the last value, as a share of the median, that is worth a word."""


@dataclass(frozen=True)
class Trend:
    """`drift`: growth over the whole series as a share of its median; `chance`: the p-value."""

    median: float
    drift: float
    chance: float

    @property
    def grows(self) -> bool:
        return self.chance < CHANCE and self.drift > RELEVANT


def trend(values: Sequence[float]) -> Trend:
    """Raises `ValueError` for fewer than `FEWEST` values."""
    if len(values) < FEWEST:
        raise ValueError(f"{len(values)} values make no trend")
    picked = values[:: math.ceil(len(values) / MOST)]
    middle = median(picked)
    pairs = list(combinations(range(len(picked)), 2))
    slope = median((picked[j] - picked[i]) / (j - i) for i, j in pairs)
    score = sum((picked[j] > picked[i]) - (picked[j] < picked[i]) for i, j in pairs)
    growth = slope * (len(picked) - 1)
    return Trend(middle, growth / middle if middle else 0.0, _chance(score, picked))


def _chance(score: int, values: Sequence[float]) -> float:
    """How probable a score as high as that is without a trend; values may be equal."""
    n = len(values)
    ties = sum(t * (t - 1) * (2 * t + 5) for t in Counter(values).values())
    variance = (n * (n - 1) * (2 * n + 5) - ties) / 18
    if variance <= 0 or score <= 0:
        return 1.0
    return 0.5 * math.erfc((score - 1) / math.sqrt(2 * variance))
