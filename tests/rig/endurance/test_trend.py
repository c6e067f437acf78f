"""Growth is told from chance."""

from __future__ import annotations

import random

import pytest

from rig.endurance.trend import FEWEST, trend


def noise(seed: int, values: int = 50) -> list[float]:
    """Times of a machine that is busy now and then."""
    chance = random.Random(seed)
    return [1 + chance.random() * 0.2 + (chance.random() < 0.1) * 3 for _ in range(values)]


def test_noise_does_not_grow() -> None:
    assert not any(trend(noise(seed)).grows for seed in range(100))


@pytest.mark.parametrize("seed", range(10))
def test_growth_in_noise(seed: int) -> None:
    series = [value + 0.02 * number for number, value in enumerate(noise(seed))]
    found = trend(series)
    assert found.grows
    assert 0.3 < found.drift < 1.2


def test_shrinking_is_no_growth() -> None:
    found = trend([100.0 - number for number in range(50)])
    assert found.drift < -0.5
    assert not found.grows


def test_growth_too_small_for_a_word() -> None:
    assert not trend([1000.0 + number for number in range(50)]).grows


def test_what_stays_the_same() -> None:
    assert trend([5936.0] * 50) == trend([5936.0] * 9)
    assert trend([5936.0] * 50).drift == 0
    assert trend([0.0] * 50).drift == 0


def test_a_step_at_the_end_is_no_trend() -> None:
    assert not trend([1.0] * 49 + [2.0]).grows


def test_of_many_values_some_are_looked_at() -> None:
    found = trend([1.0 + number / 100_000 for number in range(100_000)])
    assert found.grows
    assert found.drift == pytest.approx(1 / 1.5, rel=0.01)


def test_too_few() -> None:
    with pytest.raises(ValueError, match="no trend"):
        trend([1.0] * (FEWEST - 1))
