"""Streams of one's own, as boto3 asks for them (job service §4.5, §7.2; T16)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.rig.jobs.site import IMAGE, Site, error_of, update_arguments
from tests.rig.jobs.test_control import file_entry

ROLE = "arn:aws:iam::000000000000:role/otarig-ota-role"


def file(file_id: int = 7, key: str = "fw.bin") -> dict[str, Any]:
    return {"fileId": file_id, "s3Location": {"bucket": "images", "key": key}}


@pytest.fixture
def iot(site: Site) -> Any:
    """A client; there is the stream `s` with the image as its file 7."""
    site.s3.put_object(Bucket="images", Key="fw.bin", Body=IMAGE)
    site.iot.create_stream(streamId="s", files=[file()], roleArn=ROLE, description="d")
    return site.iot


def offer(iot: Any, **changes: Any) -> None:
    """An update of the stream's file."""
    location = {"stream": {"streamId": "s", "fileId": 7}}
    files = file_entry(fileLocation=location)
    iot.create_ota_update(**update_arguments(files=files, protocols=["MQTT"], **changes))


def replies(site: Site, version: int) -> list[tuple[str, Any]]:
    """What a device gets for one block of this version: kind of answer and members."""
    asked = {"s": version, "f": 7, "l": 256, "o": 0, "n": 1}
    outcome = site.world.ask("streams/s/get/json", asked)
    return [(reply.topic.rsplit("/", 2)[1], json.loads(reply.payload)) for reply in outcome.replies]


def test_a_stream_from_begin_to_end(site: Site, iot: Any) -> None:
    info = iot.describe_stream(streamId="s")["streamInfo"]
    assert info["streamArn"] == "arn:aws:iot:us-east-1:000000000000:stream/s"
    assert (info["streamVersion"], info["description"], info["roleArn"]) == (1, "d", ROLE)
    assert info["files"] == [file()]
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException):
        iot.create_stream(streamId="s", files=[file()], roleArn=ROLE)
    site.s3.put_object(Bucket="images", Key="other", Body=b"x")
    changed = iot.update_stream(streamId="s", files=[file(1, "other")])
    assert changed["streamVersion"] == 2
    info = iot.describe_stream(streamId="s")["streamInfo"]
    assert (info["files"], info["description"]) == ([file(1, "other")], "d")
    iot.create_stream(streamId="a", files=[file()], roleArn=ROLE)
    pages = iot.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 1})
    assert [[s["streamId"] for s in page["streams"]] for page in pages] == [["a"], ["s"]]
    falling = iot.list_streams(ascendingOrder=False)["streams"]
    assert [stream["streamId"] for stream in falling] == ["s", "a"]
    iot.delete_stream(streamId="s")
    assert error_of(lambda: iot.describe_stream(streamId="s"))[:2] == (
        "ResourceNotFoundException",
        404,
    )


def test_an_update_of_a_file_in_a_stream(site: Site, iot: Any) -> None:
    offer(iot)
    document = site.world.accepted("$next/get")["execution"]["jobDocument"]["afr_ota"]
    assert document["streamname"] == "s"
    assert (document["files"][0]["fileid"], document["files"][0]["filesize"]) == (7, len(IMAGE))
    ((kind, block),) = replies(site, 1)
    assert (kind, block["f"], block["l"]) == ("data", 7, 256)
    shown = iot.get_ota_update(otaUpdateId="u1")["otaUpdateInfo"]["otaUpdateFiles"][0]
    assert shown["fileLocation"] == {"stream": {"streamId": "s", "fileId": 7}}
    with pytest.raises(iot.exceptions.DeleteConflictException):
        iot.delete_stream(streamId="s")
    # The stream is the user's: deleting the update leaves it.
    iot.delete_ota_update(otaUpdateId="u1", deleteStream=True, forceDeleteAWSJob=True)
    assert iot.describe_stream(streamId="s")["streamInfo"]["streamVersion"] == 1


def test_a_device_that_asks_for_the_old_version_is_told(site: Site, iot: Any) -> None:
    """The C library asks for version 1 for ever (§0, trap 10)."""
    offer(iot)
    assert replies(site, 1)[0][0] == "data"
    iot.update_stream(streamId="s", files=[file()])
    ((kind, refusal),) = replies(site, 1)
    assert (kind, refusal["code"]) == ("rejected", "VersionMismatch")
    assert replies(site, 2)[0][0] == "data"


def test_what_streams_cannot_be(site: Site, iot: Any) -> None:
    def create(*files: dict[str, Any]) -> Any:
        return iot.create_stream(streamId="x", files=list(files), roleArn=ROLE)

    for action, message in (
        (lambda: create(file(1), file(1)), "the same fileId"),
        (lambda: create(file(1, "no")), "there is no object images/no"),
        (lambda: create({"fileId": 1}), "a file needs fileId and s3Location"),
    ):
        code, status, text = error_of(action)
        assert (code, status) == ("InvalidRequestException", 400)
        assert message in text
    for action in (
        lambda: iot.update_stream(streamId="no", description="x"),
        lambda: iot.delete_stream(streamId="no"),
        lambda: iot.create_ota_update(
            **update_arguments(
                files=file_entry(fileLocation={"stream": {"streamId": "s", "fileId": 8}})
            )
        ),
    ):
        assert error_of(action)[:2] == ("ResourceNotFoundException", 404)
    both = [*file_entry(fileLocation={"stream": {"streamId": "s", "fileId": 7}}), *file_entry()]
    mixed = error_of(lambda: iot.create_ota_update(**update_arguments(files=both)))
    assert mixed[:2] == ("InvalidRequestException", 400)
