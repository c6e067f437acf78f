"""Where wall time goes: each instant is charged to the innermost of the activities under way."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Account(defaultdict[str, float]):
    """Seconds by activity."""

    def __init__(self) -> None:
        super().__init__(float)

    @property
    def total(self) -> float:
        return sum(self.values())


class Stopwatch:
    """Charges time to one account at a time. Belongs to one thread.

    `rest` is the activity that is charged with what is in no other.
    """

    def __init__(self, rest: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._activities = [rest]
        self._account = Account()
        self._since = clock()

    @contextmanager
    def charging(self, account: Account) -> Iterator[None]:
        """Charge this account meanwhile, and the one before again thereafter."""
        self._charge()
        before, self._account = self._account, account
        try:
            yield
        finally:
            self._charge()
            self._account = before

    @contextmanager
    def activity(self, name: str) -> Iterator[None]:
        """What happens within is this activity's time, but for the activities within it."""
        self._charge()
        self._activities.append(name)
        try:
            yield
        finally:
            self._charge()
            self._activities.pop()

    def timed(self, name: str, function: Callable[P, R]) -> Callable[P, R]:
        """The function as an activity."""

        @wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.activity(name):
                return function(*args, **kwargs)

        return timed

    def _charge(self) -> None:
        now = self._clock()
        self._account[self._activities[-1]] += now - self._since
        self._since = now
