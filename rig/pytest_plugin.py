"""The pytest plugin: `pytest conformance --board NAME` is the same run as `otarig certify`.

It does nothing unless `--board` is given. Each scenario's test is judged in its own call phase,
so that a broken rule fails the test, and the session ends with the report and its exit code.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from rig.bench import Bench, BenchOptions
from rig.case import CaseOutcome, CaseResult
from rig.closing import case_of_its_own, close_case, closed_on_failure, settle
from rig.errors import BenchError, UsageError
from rig.judge.catalogue import Profile
from rig.lanes import devices_of
from rig.powercut.power_cuts import PowerCuts
from rig.run import Run, RunOptions
from rig.scenario import Cloud, Device, Scenario
from rig.scenario.device import DeviceFailure
from rig.scenario.scenario import RuleBroken
from rig.side_by_side import CASE, SideBySide
from rig.soak import Soak
from targets.board import in_place_of, load_board
from targets.driver import Capability

RUN = pytest.StashKey[Run]()
NO_BOARD = "name the board to certify: --board reference, or a board file"
NOTHING_RAN = (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED)
CUT_SHORT = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
GOOD_CASE = "good-case"
NEEDS = {
    "needs_commands": (Capability.COMMANDS, "the board's application takes no commands"),
    "needs_platform_faults": (
        Capability.PLATFORM_FAULTS,
        "the board file says of no command `fail`, by which the application makes its platform "
        "layer fail (console.platform_faults)",
    ),
    "needs_power_cuts": (
        Capability.POWER_CUTS,
        "only a virtual board and the reference agent can have their power cut at single "
        "operations of their memory",
    ),
    "follows_states": (
        Capability.STATE_WITNESS,
        "the agent's state is followed on a probe of driver pyocd, in the variable that the board "
        "file names in witness.state",
    ),
}
"""Marks of scenarios: what the driver must be able to do for them, and what is said if not."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("otarig", "conformance of a device")
    group.addoption("--board", help="the board to certify: a name or a board file")
    group.addoption("--like", help="another board, whose place it takes: a name or a board file")
    group.addoption("--profile", default="core", choices=["core", "full"])
    group.addoption("--out", type=Path, default=None, help="directory for the report")
    group.addoption("--broker", default=None, help="a broker to use, mqtt://host:port")
    group.addoption("--transport", default=None, choices=["tls", "plain"])
    group.addoption("--devices", type=int, default=None, help="devices tested side by side")
    group.addoption("--repeat", type=int, default=1, help="run every scenario so many times")
    group.addoption("--soak", type=int, default=0, help="make so many updates in a row, too")
    group.addoption("--waivers", type=Path, default=None, help="a TOML file of waivers")
    group.addoption("--sign-key", type=Path, default=None, help="a PEM key to sign with")
    group.addoption("--follow-states", action="store_true", help="in every scenario")
    group.addoption("--strict-should", action="store_true", help="a SHOULD counts as a MUST")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "requirement(*ids): the requirements a scenario is for")
    config.addinivalue_line("markers", "thing(name): what the device is called in this scenario")
    config.addinivalue_line("markers", "needs_protocol(name): the device must declare it")
    config.addinivalue_line("markers", "needs_commands: the application must take commands")
    config.addinivalue_line("markers", "needs_platform_faults: its command `fail` must work")
    config.addinivalue_line("markers", "needs_power_cuts: cuts at operations of its memory")
    config.addinivalue_line("markers", "follows_states: in the memory of the running device")
    config.addinivalue_line("markers", "needs_custom_job: its application must claim a job")
    config.addinivalue_line("markers", "soak: many updates in a row, if they are asked for")
    config.addinivalue_line("markers", "full_profile: a scenario that the core profile leaves out")
    if not config.getoption("--board"):
        return
    try:
        board = load_board(config.getoption("--board"))
        if config.getoption("--like"):
            board = in_place_of(board, load_board(config.getoption("--like")))
        devices = devices_of(
            board, config.getoption("--devices"), own_broker=config.getoption("--broker") is None
        )
        run = config.stash[RUN] = Run(
            board=board,
            bench=BenchOptions(
                broker=config.getoption("--broker"),
                transport=config.getoption("--transport"),
                follow_states=config.getoption("--follow-states"),
            ),
            options=RunOptions(
                profile=config.getoption("--profile"),
                strict=config.getoption("--strict-should"),
                waivers=config.getoption("--waivers"),
                sign_key=config.getoption("--sign-key"),
            ),
            out=config.getoption("--out"),
        )
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    if devices > 1 and not config.getoption("usepdb"):
        config.pluginmanager.register(SideBySide(run, devices))


@pytest.hookimpl(trylast=True)  # After the scenario's own parameters, so that its attempts follow.
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make as many attempts at every scenario as `--repeat` says, each a case of its own."""
    times = metafunc.config.getoption("--repeat")
    if times > 1 and "scenario" in metafunc.fixturenames:
        metafunc.fixturenames.append("attempt")
        names = [f"attempt-{number}" for number in range(1, times + 1)]
        metafunc.parametrize("attempt", names, ids=names, indirect=True)


@pytest.hookimpl(tryfirst=True)  # Before pytest leaves out what was not selected.
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    run = config.stash.get(RUN, None)
    if run is not None and run.profile is not Profile.FULL:
        # Not left out by the user: the profile is without them.
        items[:] = [item for item in items if item.get_closest_marker("full_profile") is None]
    if not config.getoption("--soak"):
        items[:] = [item for item in items if item.get_closest_marker("soak") is None]
    for item in items:
        if "scenario" not in getattr(item, "fixturenames", ()):
            continue
        if run is None:
            raise pytest.UsageError(NO_BOARD)
        case = CaseResult(
            name=case_name(item),
            story=inspect.getdoc(getattr(item, "function", None)) or "",
            requirements=tuple(
                identifier for mark in item.iter_markers("requirement") for identifier in mark.args
            ),
        )
        first, found, attempt = case.name.rpartition("-attempt-")
        if found and attempt != "1":
            case.repeats = f"{first}-attempt-1"
        item.stash[CASE] = case
        run.cases[case.name] = case


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Remember what the user left out: a part of the suite certifies nothing."""
    for item in items:
        run = item.config.stash.get(RUN, None)
        if run is not None and CASE in item.stash:
            case = item.stash[CASE]
            run.cases.pop(case.name, None)
            run.left_out.append(case)


def pytest_itemcollected(item: pytest.Item) -> None:
    """`-k` takes a scenario's name as it is listed, too."""
    item.extra_keyword_matches.add(case_name(item))


def case_name(item: pytest.Item) -> str:
    """`test_refused[unsigned]` of test_signature.py is the case `signature-refused-unsigned`."""
    module = item.path.stem.removeprefix("test_")
    name = item.name.removeprefix("test_").replace("[", "-").rstrip("]")
    return f"{module}-{name}".replace("_", "-")


# -- fixtures ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The bench with the board on it, up for the whole run."""
    run = request.config.stash.get(RUN, None)
    if run is None:
        raise pytest.UsageError(NO_BOARD)
    opening = run.open_bench()
    try:
        opened = opening.__enter__()
    except UsageError as error:
        pytest.exit(str(error), pytest.ExitCode.USAGE_ERROR)
    except BenchError as error:
        # No scenario can be run: one line says so, not one for each of them.
        pytest.exit(str(error), pytest.ExitCode.INTERNAL_ERROR)
    # What is loaded by now stays: to look through it for garbage takes a tenth of a second, now
    # and then, from whatever scenario happens to run.
    gc.freeze()
    yield opened
    opening.__exit__(None, None, None)


@pytest.fixture
def attempt(request: pytest.FixtureRequest) -> str:
    """Which of the attempts at its scenario a test is."""
    return str(request.param)


@pytest.fixture
def scenario(bench: Bench, request: pytest.FixtureRequest) -> Iterator[Scenario]:
    """A fresh scenario: the factory image runs, the device has asked for a job and got none."""
    case: CaseResult = request.node.stash[CASE]
    missing = missing_need(request.node, bench)
    if missing:
        case.outcome, case.message = CaseOutcome.NOT_RUN, missing
        pytest.skip(missing)
    run: Run = request.config.stash[RUN]
    mark = request.node.get_closest_marker("thing")
    with ExitStack() as stack:
        if request.node.get_closest_marker("follows_states"):
            stack.enter_context(bench.following_states())
        opened = stack.enter_context(bench.scenario(case.name, *(mark.args if mark else ())))
        with closed_on_failure(run, case, opened):
            opened.device.start()
        yield opened


@pytest.fixture
def cloud(scenario: Scenario) -> Cloud:
    return scenario.cloud


@pytest.fixture
def device(scenario: Scenario) -> Device:
    return scenario.device


@pytest.fixture
def power_cuts(bench: Bench, scenario: Scenario) -> PowerCuts:
    return PowerCuts(bench, scenario)


@pytest.fixture(scope="session")
def good_case(bench: Bench, request: pytest.FixtureRequest) -> None:
    """Shows, once for a device, that a good update works on it at all.

    A refusal says nothing of a device that refuses everything.
    """
    run: Run = request.config.stash[RUN]
    story = inspect.getdoc(good_case.__wrapped__) or ""  # type: ignore[attr-defined]
    name = f"{GOOD_CASE}-{run.lane + 1}" if run.lane else GOOD_CASE
    with case_of_its_own(run, bench, name, story) as opened:
        opened.device.start()
        opened.proves_alive()


@pytest.fixture
def soak(bench: Bench, request: pytest.FixtureRequest) -> Soak:
    return Soak(bench, request.config.stash[RUN], request.config.getoption("--soak"))


def missing_need(node: pytest.Item, bench: Bench) -> str | None:
    """Why the device cannot run this scenario, or None."""
    for mark in node.iter_markers("needs_protocol"):
        if mark.args[0] not in bench.board.declares.data_protocols:
            return f"the board does not declare the data protocol {mark.args[0]}"
    if node.get_closest_marker("needs_custom_job") and not bench.board.custom_job.document:
        return "the board file names no job of its own that the application claims"
    for name, (capability, reason) in NEEDS.items():
        if node.get_closest_marker(name) and capability not in bench.driver.capabilities:
            return reason
    return None


# -- one case ------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Judge the scenario's whole trace at the end of its test."""
    opened = pyfuncitem.funcargs.get("scenario")
    run = pyfuncitem.config.stash.get(RUN, None)
    if run is None or not isinstance(opened, Scenario):
        return (yield)
    with closed_on_failure(run, pyfuncitem.stash[CASE], opened):
        result = yield
    close_case(run, pyfuncitem.stash[CASE], opened)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    case = item.stash.get(CASE, None)
    if case is None:
        return report
    case.seconds += call.duration
    error = call.excinfo.value if call.excinfo else None
    if call.when == "call" or (error and not isinstance(error, pytest.skip.Exception)):
        settle(case, error)
    if isinstance(error, DeviceFailure | RuleBroken | BenchError):
        report.longrepr = str(error)
    if isinstance(error, BenchError):
        # With a broken bench every further scenario would only take its time to fail.
        item.session.shouldstop = str(error)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    run = session.config.stash.get(RUN, None)
    if run is None or session.config.getoption("collectonly") or not run.cases or run.refusal:
        return
    if exitstatus in NOTHING_RAN:
        return
    session.exitstatus = run.finish(interrupted=exitstatus in CUT_SHORT)
