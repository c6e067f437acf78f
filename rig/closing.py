"""How a case ends: its trace is kept and judged, and its outcome written down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rig.bench import Bench
from rig.case import CaseOutcome, CaseResult
from rig.errors import OtarigError
from rig.run import Run
from rig.scenario import Scenario
from rig.scenario.device import DeviceFailure
from rig.scenario.scenario import RuleBroken


@contextmanager
def case_of_its_own(run: Run, bench: Bench, name: str, story: str) -> Iterator[Scenario]:
    """A scenario that no test stands for; raises what it fails with when it is written down."""
    case = run.cases[name] = CaseResult(name, story, ())
    started = time.monotonic()
    try:
        with bench.scenario(name) as opened:
            with closed_on_failure(run, case, opened):
                yield opened
            close_case(run, case, opened)
    except BaseException as error:
        settle(case, error)
        raise
    else:
        settle(case, None)
    finally:
        case.seconds = time.monotonic() - started


@contextmanager
def closed_on_failure(run: Run, case: CaseResult, opened: Scenario) -> Iterator[None]:
    """Close the case when what is within fails, in whichever way, and let the failure go on."""
    try:
        yield
    except DeviceFailure as failure:
        try:
            close_case(run, case, opened)
        except RuleBroken as broken:
            # The rule that was broken says more than what did not happen thereafter.
            raise RuleBroken(f"{failure}\n{broken}") from None
        raise
    except KeyboardInterrupt as interrupt:
        abandon_case(run, case, opened)
        settle(case, interrupt)
        raise
    except BaseException:
        close_case(run, case, opened)
        raise


def close_case(run: Run, case: CaseResult, opened: Scenario) -> None:
    """End the scenario, keep its trace, judge it. Raises `RuleBroken`."""
    case.trace = run.trace_file(case.name)
    case.verdicts = opened.close(case.trace)
    broken = run.broken_rules(case.verdicts)
    if broken:
        raise RuleBroken("\n".join(broken))


def abandon_case(run: Run, case: CaseResult, opened: Scenario) -> None:
    """Switch the device off and keep the trace. Half a story is not judged."""
    case.trace = run.trace_file(case.name)
    opened.end()
    opened.recorder.save(case.trace)


def settle(case: CaseResult, error: BaseException | None) -> None:
    """Write down how a case ended."""
    while isinstance(error, BaseExceptionGroup):
        # Of several things that failed in a teardown the first is the cause.
        error = error.exceptions[0]
    if error is None:
        case.outcome, case.message = CaseOutcome.PASSED, ""
    elif isinstance(error, DeviceFailure | RuleBroken):
        case.outcome, case.message = CaseOutcome.FAILED, str(error)
    elif isinstance(error, KeyboardInterrupt):
        case.outcome, case.message = CaseOutcome.NOT_RUN, "was interrupted"
    else:
        # A scenario speaks of the device by these two alone; all else is the bench's fault.
        case.outcome = CaseOutcome.ERROR
        case.message = (
            str(error) if isinstance(error, OtarigError) else f"{type(error).__name__}: {error}"
        )
