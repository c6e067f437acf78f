"""The device's MQTT API of jobs as bytes (job service §1.2 to §1.7)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.jobs.outcome import Notification
from rig.jobs.requests import json_depth
from rig.jobs.settings import JobSettings
from tests.rig.jobs.world import World, make_world

NOW = 1_700_000_000
IN_PROGRESS = {"status": "IN_PROGRESS"}


@pytest.fixture
def job(world: World) -> str:
    world.service.create_job("job1", ["thing1"], {"do": "it"})
    world.news()
    return "job1"


def test_nothing_pending_is_accepted_without_an_execution(world: World) -> None:
    assert world.accepted("$next/get", {"clientToken": ":thing1"}) == {
        "timestamp": NOW,
        "clientToken": ":thing1",
    }
    assert world.accepted("start-next") == {"timestamp": NOW}
    assert world.accepted("get") == {
        "timestamp": NOW,
        "inProgressJobs": [],
        "queuedJobs": [],
    }


def test_a_queued_execution_is_described_as_captured(world: World, job: str) -> None:
    assert world.accepted("$next/get") == {
        "timestamp": NOW,
        "execution": {
            "jobId": "job1",
            "status": "QUEUED",
            "queuedAt": NOW,
            "lastUpdatedAt": NOW,
            "versionNumber": 1,
            "executionNumber": 1,
            "jobDocument": {"do": "it"},
        },
    }
    assert (
        "jobDocument" not in world.accepted("job1/get", {"includeJobDocument": False})["execution"]
    )


def test_start_next_names_the_thing_and_get_lists_it(world: World, job: str) -> None:
    world.clock.advance(5.9)
    started = world.accepted("start-next", {"statusDetails": {"a": "b"}, "clientToken": "x"})
    assert started["clientToken"] == "x"
    assert started["execution"] == {
        "jobId": "job1",
        "thingName": "thing1",
        "status": "IN_PROGRESS",
        "statusDetails": {"a": "b"},
        "queuedAt": NOW,
        "startedAt": NOW + 5,
        "lastUpdatedAt": NOW + 5,
        "versionNumber": 2,
        "executionNumber": 1,
        "jobDocument": {"do": "it"},
    }
    listed = world.accepted("get", b"{}")
    assert listed["queuedJobs"] == []
    assert listed["inProgressJobs"] == [
        {
            "jobId": "job1",
            "queuedAt": NOW,
            "startedAt": NOW + 5,
            "lastUpdatedAt": NOW + 5,
            "versionNumber": 2,
            "executionNumber": 1,
        }
    ]


def test_an_update_answers_in_the_captured_form(world: World, job: str) -> None:
    assert world.accepted("job1/update", IN_PROGRESS) == {"timestamp": NOW}
    full = {**IN_PROGRESS, "includeJobExecutionState": True, "includeJobDocument": True}
    assert world.accepted("job1/update", full) == {
        "timestamp": NOW,
        "executionState": {"status": "IN_PROGRESS", "versionNumber": 3},
        "jobDocument": {"do": "it"},
    }


@pytest.mark.parametrize("expected", [1, "1"])
def test_the_expected_version_may_be_a_number_or_its_text(
    world: World, job: str, expected: object
) -> None:
    assert world.accepted("job1/update", {**IN_PROGRESS, "expectedVersion": expected})


def test_a_stale_version_is_refused_as_captured(world: World, job: str) -> None:
    update = {**IN_PROGRESS, "expectedVersion": "99", "clientToken": "t"}
    assert world.rejected("job1/update", update) == {
        "code": "VersionMismatch",
        "message": "Expected version 99 but found version 1",
        "timestamp": NOW,
        "clientToken": "t",
        "executionState": {"status": "QUEUED", "versionNumber": 1},
    }


def test_an_update_of_what_is_over(world: World, job: str) -> None:
    world.accepted("job1/update", {"status": "FAILED", "statusDetails": {"reason": "x"}})
    answer = world.rejected("job1/update", IN_PROGRESS)
    assert answer["code"] == "InvalidStateTransition"
    assert answer["executionState"] == {
        "status": "FAILED",
        "statusDetails": {"reason": "x"},
        "versionNumber": 2,
    }
    assert world.rejected("job1/get")["code"] == "TerminalStateReached"


SUCCEEDED = {"status": "SUCCEEDED"}
INVALID_UPDATES: dict[str, dict[str, Any]] = {
    "no status": {},
    "status of the service": {"status": "CANCELED"},
    "status unknown": {"status": "DONE"},
    "status no text": {"status": 1},
    "status a list": {"status": ["IN_PROGRESS"]},
    "details no map": {**SUCCEEDED, "statusDetails": "x"},
    "details too many": {**SUCCEEDED, "statusDetails": {f"k{n}": "v" for n in range(11)}},
    "detail key empty": {**SUCCEEDED, "statusDetails": {"": "v"}},
    "detail key long": {**SUCCEEDED, "statusDetails": {"k" * 129: "v"}},
    "detail key odd": {**SUCCEEDED, "statusDetails": {"a b": "v"}},
    "detail value a number": {**SUCCEEDED, "statusDetails": {"k": 1}},
    "detail value empty": {**SUCCEEDED, "statusDetails": {"k": ""}},
    "detail value long": {**SUCCEEDED, "statusDetails": {"k": "v" * 1025}},
    "detail value control": {**SUCCEEDED, "statusDetails": {"k": "a\nb"}},
    "version odd": {**SUCCEEDED, "expectedVersion": "1x"},
    "version a float": {**SUCCEEDED, "expectedVersion": 1.0},
    "version a bool": {**SUCCEEDED, "expectedVersion": True},
    "version negative": {**SUCCEEDED, "expectedVersion": -1},
    "version huge": {**SUCCEEDED, "expectedVersion": 2**63},
    "number a text": {**SUCCEEDED, "executionNumber": "1"},
    "flag a text": {**SUCCEEDED, "includeJobDocument": "true"},
    "flag a number": {**SUCCEEDED, "includeJobExecutionState": 1},
    "step zero": {**SUCCEEDED, "stepTimeoutInMinutes": 0},
    "step long": {**SUCCEEDED, "stepTimeoutInMinutes": 10081},
    "step a text": {**SUCCEEDED, "stepTimeoutInMinutes": "5"},
    "token a number": {**SUCCEEDED, "clientToken": 5},
    "token long": {**SUCCEEDED, "clientToken": "é" * 33},
}


@pytest.mark.parametrize("name", INVALID_UPDATES)
def test_invalid_updates_change_nothing(world: World, job: str, name: str) -> None:
    answer = world.rejected("job1/update", INVALID_UPDATES[name])
    assert answer["code"] == "InvalidRequest"
    assert "executionState" not in answer
    execution = world.service.describe_execution("thing1", "job1")
    assert execution is not None
    assert execution.version == 1


def test_the_field_comes_before_the_lookup(world: World) -> None:
    assert world.rejected("nojob/update", {"status": "?"})["code"] == "InvalidRequest"
    assert world.rejected("nojob/update", SUCCEEDED)["code"] == "ResourceNotFound"
    assert world.rejected("no job/get")["code"] == "InvalidRequest"


def test_dropping_the_step_timer_is_for_updates_only(world: World, job: str) -> None:
    assert world.rejected("start-next", {"stepTimeoutInMinutes": -1})["code"] == "InvalidRequest"
    assert world.accepted("job1/update", {**IN_PROGRESS, "stepTimeoutInMinutes": -1})


def test_only_a_running_timer_is_told(world: World, job: str) -> None:
    world.accepted("job1/update", {**IN_PROGRESS, "stepTimeoutInMinutes": 2})
    world.clock.advance(30.5)
    told = world.accepted("job1/get")["execution"]
    assert told["approximateSecondsBeforeTimedOut"] == 89
    world.accepted("job1/update", {**IN_PROGRESS, "stepTimeoutInMinutes": -1})
    assert "approximateSecondsBeforeTimedOut" not in world.accepted("job1/get")["execution"]


def test_a_tick_ends_what_is_late(world: World, job: str) -> None:
    world.accepted("job1/update", {**IN_PROGRESS, "stepTimeoutInMinutes": 1})
    world.service.tick()
    assert world.news() == []
    world.clock.advance(61)
    world.service.tick()
    assert world.news() == [
        ("notify", {"timestamp": NOW + 61, "jobs": {}}),
        ("notify-next", {"timestamp": NOW + 61}),
    ]
    assert world.rejected("job1/update", SUCCEEDED)["executionState"]["status"] == "TIMED_OUT"


NOT_JSON = {
    "text": b"hello",
    "half": b'{"status":',
    "not utf-8": b'{"a":"\xff"}',
    "utf-16": '{"a":1}'.encode("utf-16"),
    "not a number": b'{"a":NaN}',
    "huge number": b'{"a":' + b"9" * 5000 + b"}",
    "trailing": b"{} {}",
    "nul": b"\0",
}


@pytest.mark.parametrize("name", NOT_JSON)
@pytest.mark.parametrize("api", ["get", "start-next", "$next/get", "job1/get", "job1/update"])
def test_what_is_not_json(world: World, job: str, api: str, name: str) -> None:
    answer = world.rejected(api, NOT_JSON[name])
    assert answer["code"] == "InvalidJson"
    assert "clientToken" not in answer


@pytest.mark.parametrize("payload", [b"[]", b"1", b'"x"', b"null"])
def test_json_that_is_no_object(world: World, payload: bytes) -> None:
    assert world.rejected("get", payload)["code"] == "InvalidRequest"


def test_deep_json_is_refused_before_it_is_parsed(world: World) -> None:
    for deep in (b'{"a":' * 100_000, b"[" * 131_072, b'{"a":' * 33 + b"1" + b"}" * 33):
        assert world.rejected("get", deep[:131_072])["code"] == "InvalidRequest"
    assert world.accepted("get", b'{"a":' * 32 + b"1" + b"}" * 32)


def test_brackets_in_strings_are_not_depth() -> None:
    assert json_depth(json.dumps({"a": "[{" * 100, 'b"': ['\\"[']}).encode()) == 2
    assert json_depth(b'"' + b'\\"' * 65_000) == 0
    assert json_depth(b'{"a\\') == 1


def test_a_payload_over_the_limit_is_not_read(tmp_path: Path) -> None:
    world = make_world(tmp_path, replace(JobSettings(), max_payload=100))
    assert world.rejected("get", b" " * 101)["code"] == "InvalidRequest"
    assert world.accepted("get", b"{}" + b" " * 98)
    world.store.close()


def test_next_cannot_be_updated(world: World, job: str) -> None:
    assert world.rejected("$next/update", SUCCEEDED)["code"] == "InvalidTopic"


def test_somebody_elses_topic_is_not_answered(world: World, job: str) -> None:
    outcome = world.service.handle("thing2", "$aws/things/thing1/jobs/$next/get", b"{}")
    assert outcome.replies == ()
    assert outcome.notifications == ()


def test_tokens_repeat_and_are_opaque(world: World) -> None:
    for token in (":thing1", ":thing1", "", 'q"\\\n', "é" * 32, "\ud800"):
        payload = json.dumps({"clientToken": token}).encode()
        assert world.accepted("get", payload)["clientToken"] == token


def test_an_update_answers_before_it_notifies(world: World, job: str) -> None:
    world.service.create_job("job2", ["thing1"], {"second": True})
    outcome = world.ask("jobs/job1/update", SUCCEEDED)
    kinds = [Notification] * 2
    assert [type(n) for n in outcome.notifications] == kinds
    notify, notify_next = outcome.notifications
    assert notify.topic == "$aws/things/thing1/jobs/notify"
    assert notify_next.topic == "$aws/things/thing1/jobs/notify-next"
    listed = json.loads(notify.payload)["jobs"]
    assert list(listed) == ["QUEUED"]
    assert [summary["jobId"] for summary in listed["QUEUED"]] == ["job2"]
    assert json.loads(notify_next.payload)["execution"]["jobDocument"] == {"second": True}


def test_notify_lists_ten_at_most(world: World) -> None:
    for number in range(12):
        world.service.create_job(f"job{number}", ["thing1"], {})
    (last,) = [payload for kind, payload in world.news() if kind == "notify"][-1:]
    assert [s["jobId"] for s in last["jobs"]["QUEUED"]] == [f"job{n}" for n in range(10)]


def test_a_document_given_as_text_arrives_as_that_text(world: World) -> None:
    world.service.create_job("broken", ["thing1"], '{"afr_ota":{"protocols":["MQTT"')
    (reply,) = world.ask("jobs/$next/get").replies
    assert reply.topic.endswith("/accepted")
    assert b'"jobDocument":{"afr_ota":{"protocols":["MQTT"}}' in reply.payload
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.payload)


def test_a_fault_of_ours_is_an_internal_error(
    world: World, job: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.store.close()
    world.service._store = None  # type: ignore[assignment]
    world.service._requests._store = None  # type: ignore[assignment]
    assert world.rejected("job1/update", IN_PROGRESS)["code"] == "InternalError"
    assert "failed" in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "clientToken",
        "status",
        "statusDetails",
        "expectedVersion",
        "executionNumber",
        "includeJobDocument",
        "includeJobExecutionState",
        "stepTimeoutInMinutes",
    ]
)


@settings(max_examples=100, deadline=None)
@given(
    api=st.sampled_from(["get", "start-next", "$next/get", "job1/get", "job1/update"]),
    payload=st.binary(max_size=60)
    | st.dictionaries(NAMES, JSON).map(lambda fields: json.dumps(fields).encode()),
)
def test_whatever_comes_there_is_one_answer(
    tmp_path_factory: pytest.TempPathFactory, api: str, payload: bytes
) -> None:
    world = make_world(tmp_path_factory.mktemp("w"))
    world.service.create_job("job1", ["thing1"], {})
    (reply,) = world.ask(f"jobs/{api}", payload).replies
    assert reply.topic.rsplit("/", 1)[1] in {"accepted", "rejected"}
    assert json.loads(reply.payload).get("code") != "InternalError"
    world.store.close()
