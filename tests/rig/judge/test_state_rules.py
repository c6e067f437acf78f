"""The agent's states as a probe reads them, held against the transition table."""

from __future__ import annotations

import pytest

from agent.protocol.states import State, state_of
from rig.judge.verdict import Outcome, Verdict
from tests.rig.judge.tape import Tape

RULE = "OTA-STA-001"
START = "Init Ready RequestingJob WaitingForJob"
DOWNLOAD = f"{START} CreatingFile RequestingFileBlock WaitingForFileBlock"


def judged(path: str, *, abort_before: int | None = None) -> Verdict:
    tape = Tape()
    tape.flash()
    tape.start()
    for number, name in enumerate(path.split()):
        if number == abort_before:
            tape.command("abort")
        state = state_of(name)
        value = int(name) if state is None else state.value
        tape.add("probe", "STATE", value=value, state="" if state is None else name)
    return tape.verdicts()[RULE]


@pytest.mark.parametrize(
    "path",
    [
        START,
        f"{DOWNLOAD} WaitingForJob",
        f"{DOWNLOAD} {START} CreatingFile WaitingForJob",  # a reset, then a self-test
        f"{DOWNLOAD} RequestingJob WaitingForJob",  # news in mid-download
        f"{DOWNLOAD} Suspended RequestingJob WaitingForJob",
        f"{START} Suspended Suspended RequestingJob",
        f"{DOWNLOAD} Stopped Init Ready",
        f"{DOWNLOAD} ShuttingDown Stopped Init Ready",
        f"Stopped {START}",
    ],
)
def test_paths_of_the_table(path: str) -> None:
    assert judged(path).outcome is Outcome.SATISFIED


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (f"{START} CreatingFile WaitingForFileBlock", "CreatingFile -> WaitingForFileBlock"),
        (f"{START} WaitingForFileBlock", "WaitingForJob -> WaitingForFileBlock"),
        (f"{DOWNLOAD} ClosingFile", "WaitingForFileBlock -> ClosingFile"),
        (f"{START} Suspended WaitingForJob", "Suspended -> WaitingForJob"),
        ("Init RequestingJob", "Init -> RequestingJob"),
        ("Stopped Ready", "Stopped -> Ready"),
        (f"{START} Ready", "WaitingForJob -> Ready"),
    ],
)
def test_other_paths(path: str, what: str) -> None:
    verdict = judged(path)
    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.why == f"{what} is no row of the table"
    assert len(verdict.events) == 2


def test_a_value_that_is_no_state() -> None:
    verdict = judged(f"{START} 77")
    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.why == "the agent's state became 77, which is none"


def test_an_abort_leads_back_from_anywhere_once_it_was_asked_for() -> None:
    path = f"{START} Suspended WaitingForJob"
    assert judged(path, abort_before=5).outcome is Outcome.SATISFIED
    assert judged(path, abort_before=3).outcome is Outcome.SATISFIED
    assert judged(path).outcome is Outcome.VIOLATED


def test_an_abort_of_an_earlier_run_explains_nothing() -> None:
    tape = Tape()
    tape.flash()
    for _ in range(2):
        tape.start()
        for state in (State.INIT, State.READY, State.WAITING_FOR_JOB):
            tape.add("probe", "STATE", value=state.value, state=state.text)
            if state is State.INIT and tape.boots == 1:
                tape.command("abort")
        tape.close()
    verdict = tape.verdicts()[RULE]
    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.why == "Ready -> WaitingForJob is no row of the table"


def test_without_a_probe_nothing_is_said() -> None:
    tape = Tape()
    tape.start()
    verdict = tape.verdicts()[RULE]
    assert verdict.outcome is Outcome.NOT_OBSERVED
    assert "no probe followed it" in verdict.why
