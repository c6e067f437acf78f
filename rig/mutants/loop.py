"""One pytest session for many broken agents: the server starts once, the board is exchanged."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, cast

import pytest

from rig.bench import Bench
from rig.case import CaseOutcome
from rig.judge import Outcome
from rig.mutants.mutant import Mutant
from rig.mutants.trial import MISSING, Trial
from rig.pytest_plugin import RUN
from rig.side_by_side import CASE

GOOD_CASE_FIXTURE = "good_case"


class MutantLoop:
    """A pytest plugin that runs, instead of all items once, those of each mutant it is given."""

    def __init__(self, mutants: Iterator[Mutant], tell: Callable[[Trial], object]) -> None:
        self._mutants = mutants
        self._tell = tell
        self._bench: Bench | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        made = yield
        if fixturedef.argname == "bench":
            self._bench = made
        return made

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.stash[CASE].name: item for item in session.items if CASE in item.stash}
        for item in items.values():
            # That a good update works is known of the agent that the mutants are made of.
            names = getattr(item, "fixturenames", [])
            if GOOD_CASE_FIXTURE in names:
                names.remove(GOOD_CASE_FIXTURE)
        like = session.config.stash[RUN].board
        for mutant in self._mutants:
            started = time.monotonic()
            board = mutant.board(like)
            session.config.stash[RUN].board = board
            if self._bench is not None:
                self._bench.exchange(board)
            trial = self._try(mutant, session, items)
            trial.seconds = round(time.monotonic() - started, 1)
            self._tell(trial)
        return True

    def _try(self, mutant: Mutant, session: pytest.Session, items: dict[str, pytest.Item]) -> Trial:
        trial = Trial(mutant.name)
        for scenario in mutant.scenarios:
            item = items.get(scenario)
            if item is None:
                trial.said[scenario] = MISSING
                continue
            violated = self._run(item, session, trial)
            trial.violated = sorted({*trial.violated, *violated})
            trial.killed_by = sorted(violated & set(mutant.breaks))
            if trial.killed_by:
                trial.scenario = scenario
                break
        return trial

    def _run(self, item: pytest.Item, session: pytest.Session, trial: Trial) -> set[str]:
        """Run one scenario; returns the requirements it saw violated."""
        case = item.stash[CASE]
        case.verdicts, case.outcome, case.message = {}, CaseOutcome.NOT_RUN, ""
        # With the session as what comes next, all is torn down but what belongs to the session.
        following = cast(pytest.Item, session)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        session.shouldstop = session.shouldfail = False
        trial.said[case.name] = f"{case.outcome.value} {case.message}".strip()
        return {
            verdict.requirement
            for verdict in case.verdicts.values()
            if verdict.outcome is Outcome.VIOLATED
        }

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """No certificate is made of broken agents."""
        session.config.stash[RUN].cases.clear()
