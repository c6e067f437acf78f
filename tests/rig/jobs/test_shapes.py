"""Values held against the service models: what comes in, and what goes out (job service §7.1)."""

from __future__ import annotations

from typing import Any

import pytest

from rig.jobs.control.apis import APIS
from rig.jobs.control.errors import ControlError
from rig.jobs.control.model import Model, RawCall, service_model

IOT = APIS["iot"].model


def read(operation: str, body: dict[str, Any] | None = None, **parts: dict[str, str]) -> Any:
    path = parts.get("path", {})
    return IOT.read(operation, RawCall(path, parts.get("query", {}), {}, body or {}))


JOB = {"targets": ["arn"], "document": "{}"}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"document": "{}"}, "targets is missing"),
    "no entry": ({**JOB, "targets": []}, "targets has 0 entries, not at least 1"),
    "null entry": ({**JOB, "targets": [None]}, "targets has an entry that is null"),
    "no list": ({**JOB, "targets": "arn"}, "targets is not a list"),
    "no string": ({**JOB, "document": 5}, "document is not a string"),
    "pattern": ({**JOB, "description": "a\nb"}, "description does not match"),
    "no object": ({**JOB, "timeoutConfig": []}, "timeoutConfig is not an object"),
    "no integer": (
        {**JOB, "timeoutConfig": {"inProgressTimeoutInMinutes": True}},
        "timeoutConfig.inProgressTimeoutInMinutes is not an integer",
    ),
    "a huge integer": (
        {**JOB, "timeoutConfig": {"inProgressTimeoutInMinutes": 2**63}},
        "is out of range",
    ),
    "enum": ({**JOB, "targetSelection": "ALL"}, "is none of CONTINUOUS, SNAPSHOT"),
    "deep": (
        {**JOB, "abortConfig": {"criteriaList": [{"failureType": "FAILED"}]}},
        "abortConfig.criteriaList[0].action is missing",
    ),
    "a map's value": ({**JOB, "documentParameters": {"a": 5}}, "documentParameters.a"),
    "no map": ({**JOB, "documentParameters": []}, "documentParameters is not an object"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_the_model_is_an_invalid_request(name: str) -> None:
    body, message = BAD[name]
    with pytest.raises(ControlError) as caught:
        read("CreateJob", body, path={"jobId": "j"})
    assert caught.value.name == "InvalidRequestException"
    assert message in caught.value.message


def test_members_come_in_pythons_types() -> None:
    query = {"maxResults": "25", "status": "CANCELED", "other": "ignored"}
    assert read("ListJobs", query=query) == {"maxResults": 25, "status": "CANCELED"}
    assert read("CancelJob", {"comment": None}, path={"jobId": "j"}, query={"force": "true"}) == {
        "jobId": "j",
        "force": True,
    }
    inline = {"customCodeSigning": {"signature": {"inlineDocument": "AAEC"}}}
    file = {"codeSigning": inline}
    members = read(
        "CreateOTAUpdate",
        {"files": [file], "targets": ["t"], "roleArn": "r" * 20},
        path={"otaUpdateId": "u"},
    )
    signing = members["files"][0]["codeSigning"]["customCodeSigning"]
    assert signing["signature"]["inlineDocument"] == b"\0\1\2"


@pytest.mark.parametrize("text", ["0", "251", "x", "1.5", ""])
def test_numbers_in_the_query_are_checked(text: str) -> None:
    with pytest.raises(ControlError):
        read("ListJobs", query={"maxResults": text})


def test_an_answer_that_is_not_the_models_is_our_mistake() -> None:
    for answer in ({"jobIdentity": "j"}, {"jobId": 5}, {"description": b"x"}):
        with pytest.raises(TypeError, match="by the model"):
            IOT.write("CreateJob", answer)
    with pytest.raises(TypeError, match="by the model"):
        IOT.write("DescribeJob", {"job": {"status": "QUEUED"}})
    with pytest.raises(TypeError, match="has no answer"):
        IOT.write("DeleteJob", {"jobId": "j"})
    assert IOT.write("DeleteJob", None) is None
    assert IOT.write("CreateJob", {"jobId": "j", "description": None}) == {"jobId": "j"}


def test_an_error_has_the_status_of_the_model() -> None:
    """The oddities of job service §0, trap 18."""
    assert IOT.status_of("CreateJob", "LimitExceededException") == 410
    assert IOT.status_of("CreateJob", "ThrottlingException") == 400
    assert (
        Model("iot-jobs-data", frozenset()).status_of(
            "DescribeJobExecution", "TerminalStateException"
        )
        == 410
    )
    assert IOT.status_of("CreateJob", "NoSuchError") is None


@pytest.mark.parametrize("service", APIS)
def test_every_refusal_is_an_error_of_the_service(service: str) -> None:
    names = {shape.name for shape in service_model(service).error_shapes}
    assert set(APIS[service].refusals.values()) <= names


@pytest.mark.parametrize("service", APIS)
def test_every_operation_is_found_by_the_models_own_path(service: str) -> None:
    api = APIS[service]
    for operation in api.operations:
        http = service_model(service).operation_model(operation).http
        path = http["requestUri"].replace("{", "a").replace("}", "%3Az")
        found = api.model.find(http["method"], path)
        assert found is not None
        assert found[0] == operation
        assert all(value.endswith(":z") for value in found[1].values())
