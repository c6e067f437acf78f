"""pytest's loop over the tests, on several devices at once (rig.lanes)."""

from __future__ import annotations

from typing import Any

import pytest

from rig.case import CaseResult
from rig.interruption import interruption
from rig.lanes import Began, Done, Ended, Lane, Lost, Reported, Told, listen, open_lanes
from rig.run import Run

CASE = pytest.StashKey[CaseResult]()
"""What becomes of the scenario that a test is."""
INTERRUPTED = "interrupted"


class SideBySide:
    """A pytest plugin: the tests of a run, each on one of several devices."""

    def __init__(self, run: Run, devices: int) -> None:
        self._run = run
        self._devices = devices

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """All tests; None leaves them to pytest: too few of them for several devices."""
        devices = min(self._devices, len(session.items))
        if session.config.getoption("collectonly") or session.testsfailed or devices < 2:
            return None
        self._run.make_directory()
        lanes = open_lanes(
            len(session.items), devices, lambda lane: _LaneRun(session, lane, self._run).run()
        )
        ear = _Ear(session, lanes, self._run)
        listen(lanes, ear.hear)
        self._run.cases.update((case.name, case) for case in ear.more)
        if ear.exit_code is not None:
            pytest.exit(str(session.shouldstop), ear.exit_code)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return True


def _leave_the_terminal(manager: pytest.PytestPluginManager) -> None:
    """What is seen and what is captured is the first process's; a lane has it told there."""
    manager.unregister(name="terminalreporter")
    capture = manager.get_plugin("capturemanager")
    if capture is not None:
        capture.stop_global_capturing()
        capture.start_global_capturing()


class _Ear:
    """Makes of what the lanes tell what pytest and the run would have got without them."""

    def __init__(self, session: pytest.Session, lanes: list[Lane], run: Run) -> None:
        self.exit_code: int | None = None
        self._more: dict[int, tuple[CaseResult, ...]] = {}
        self._session = session
        self._lanes = lanes
        self._run = run

    @property
    def more(self) -> list[CaseResult]:
        """Cases without a test of their own, lane by lane."""
        return [case for _, cases in sorted(self._more.items()) for case in cases]

    def hear(self, lane: Lane, told: Told) -> None:
        session, hook = self._session, self._session.config.hook
        match told:
            case Began(number):
                item = session.items[number]
                hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            case Reported(data):
                report = hook.pytest_report_from_serializable(config=session.config, data=data)
                hook.pytest_runtest_logreport(report=report)
            case Done(number, case):
                item = session.items[number]
                if case is not None:
                    vars(item.stash[CASE]).update(vars(case))
                hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            case Ended():
                self._more[lane.number] = told.more
                self._run.refusal = told.refusal or self._run.refusal
                for why in told.bench_errors:
                    self._run.bench_failed(why)
                if told.exit_code is not None:
                    self.exit_code = told.exit_code
                if told.stop:
                    session.shouldstop = told.stop
            case Lost():
                number, devices = lane.number + 1, len(self._lanes)
                session.shouldstop = self._run.bench_failed(
                    f"device {number} of {devices}: the process of its bench has died"
                )
        if session.shouldfail or session.shouldstop:
            for each in self._lanes:
                each.end()


class _LaneRun:
    """The tests of one lane, in its own process."""

    def __init__(self, session: pytest.Session, lane: Lane, run: Run) -> None:
        self._session = session
        self._lane = lane
        self._run = run

    def run(self) -> Ended:
        """Run them all, close the bench, and say how it went."""
        session, run = self._session, self._run
        run.lane = self._lane.number
        before = set(run.cases)
        manager = session.config.pluginmanager
        manager.register(self)
        _leave_the_terminal(manager)
        stop, exit_code = "", None
        try:
            try:
                self._run_tests()
            finally:
                # As pytest does at the end of a session that stopped early.
                runner = manager.get_plugin("runner")
                assert runner is not None
                runner.pytest_sessionfinish(session)
            stop = str(session.shouldstop or "")
        except pytest.exit.Exception as exit:
            stop, exit_code = exit.msg, exit.returncode
        except KeyboardInterrupt:
            stop = INTERRUPTED
        except Exception as error:
            stop = run.bench_failed(f"the bench failed: {type(error).__name__}: {error}")
        more = tuple(case for name, case in run.cases.items() if name not in before)
        return Ended(more, tuple(run.bench_errors), run.refusal, stop, exit_code)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        config = self._session.config
        data: dict[str, Any] | None = config.hook.pytest_report_to_serializable(
            config=config, report=report
        )
        assert data is not None
        self._lane.told.send(Reported(data))

    def _run_tests(self) -> None:
        session, lane = self._session, self._lane
        items = [session.items[number] for number in lane.tests]
        for number, item, nextitem in zip(lane.tests, items, [*items[1:], None], strict=True):
            interruption.check()
            lane.told.send(Began(number))
            try:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
            finally:
                lane.told.send(Done(number, item.stash.get(CASE, None)))
            if session.shouldfail or session.shouldstop:
                return
