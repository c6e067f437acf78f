"""OTA updates: documents, validation, placeholders (job service §5)."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from rig.errors import UsageError
from rig.jobs import sigv4
from rig.jobs.engine import Target
from rig.jobs.ota_update import OtaFile, OtaUpdateSpec
from rig.jobs.placeholders import placeholder, resolve
from rig.jobs.settings import JobSettings
from tests.rig.jobs.world import THING, World, make_world

STREAM = "AFR_OTA-00000000-0000-4000-8000-000000000002"
SIGNATURE = b"\x30\x45\x02" + bytes(68)


def file(key: str = "fw.bin", **fields: Any) -> OtaFile:
    return replace(
        OtaFile("app.bin", "images", key, signature=SIGNATURE, cert_file="signer.pem"), **fields
    )


@pytest.fixture
def image(world: World) -> bytes:
    content = bytes(range(256)) * 100
    world.service.put_object("images", "fw.bin", content)
    return content


def offer(world: World, *protocols: str, **fields: Any) -> dict[str, Any]:
    spec = OtaUpdateSpec("u1", (Target.thing(THING),), (file(),), protocols or ("MQTT",))
    return dict(world.service.create_ota_update(replace(spec, **fields)).document)


def test_by_mqtt(world: World, image: bytes) -> None:
    assert offer(world, "MQTT") == {
        "afr_ota": {
            "protocols": ["MQTT"],
            "streamname": STREAM,
            "files": [
                {
                    "filepath": "app.bin",
                    "filesize": 25600,
                    "fileid": 0,
                    "certfile": "signer.pem",
                    "sig-sha256-ecdsa": base64.b64encode(SIGNATURE).decode(),
                }
            ],
        }
    }
    assert len(STREAM) == 44
    execution = world.accepted("$next/get")["execution"]
    assert execution["jobId"] == "AFR_OTA-u1"


def test_by_http_there_is_no_stream(world: World, image: bytes) -> None:
    document = offer(world, "HTTP")["afr_ota"]
    assert "streamname" not in document
    entry = document["files"][0]
    assert entry["auth_scheme"] == "aws.s3.presigned"
    assert entry["update_data_url"] == (
        "${aws:iot:s3-presigned-url:https://s3.us-east-1.amazonaws.com/images/fw.bin}"
    )


def test_by_both(world: World, image: bytes) -> None:
    document = offer(world, "MQTT", "HTTP")["afr_ota"]
    assert document["protocols"] == ["MQTT", "HTTP"]
    assert document["streamname"] == STREAM
    assert "update_data_url" in document["files"][0]


def test_what_the_device_gets_is_compact_and_its_url_short(world: World, image: bytes) -> None:
    offer(world, "MQTT", "HTTP")
    (reply,) = world.ask("jobs/$next/get").replies
    assert b'"protocols":["MQTT","HTTP"]' in reply.payload
    assert b": " not in reply.payload
    assert b", " not in reply.payload
    execution = json.loads(reply.payload)["execution"]
    url = execution["jobDocument"]["afr_ota"]["files"][0]["update_data_url"]
    assert url.startswith("http://127.0.0.1:8080/images/fw.bin?X-Amz-")
    assert len(url) < 400


def test_every_delivery_has_a_fresh_url(world: World, image: bytes) -> None:
    offer(world, "HTTP", presign_seconds=60)
    told = [payload for kind, payload in world.news() if kind == "notify-next"]
    seen = {url_of(told[0]["execution"])}
    for api in ("$next/get", "start-next", "AFR_OTA-u1/get"):
        world.clock.advance(1)
        seen.add(url_of(world.accepted(api)["execution"]))
    world.clock.advance(1)
    update = {"status": "IN_PROGRESS", "includeJobDocument": True}
    answer = world.accepted("AFR_OTA-u1/update", update)
    seen.add(url_of(answer))
    assert len(seen) == 5
    assert all(dict(sigv4.decode_query(urlsplit(u).query))["X-Amz-Expires"] == "60" for u in seen)
    job = world.service.describe_job("AFR_OTA-u1")
    assert job is not None
    assert "${aws:iot:s3-presigned-url:" in job.document


def url_of(holder: dict[str, Any]) -> str:
    url = holder["jobDocument"]["afr_ota"]["files"][0]["update_data_url"]
    assert isinstance(url, str)
    return url


def test_a_refreshed_url_is_not_a_new_start(world: World, image: bytes) -> None:
    offer(world, "HTTP")
    world.accepted("AFR_OTA-u1/update", {"status": "IN_PROGRESS"})
    first = world.accepted("$next/get")["execution"]
    world.clock.advance(2000)
    second = world.accepted("$next/get")["execution"]
    assert url_of(first) != url_of(second)
    for name in ("jobId", "versionNumber", "executionNumber", "startedAt"):
        assert first[name] == second[name]


def test_several_files_share_the_stream(world: World, image: bytes) -> None:
    world.service.put_object("images", "data.bin", b"data")
    files = (file(), file("data.bin", file_type=7, signature=None))
    document = offer(world, files=files)["afr_ota"]
    assert [entry["fileid"] for entry in document["files"]] == [0, 1]
    assert document["files"][1] == {
        "filepath": "app.bin",
        "filesize": 4,
        "fileid": 1,
        "certfile": "signer.pem",
        "fileType": 7,
    }
    (reply,) = world.ask(f"streams/{STREAM}/describe/json", {"c": "x"}).replies
    assert json.loads(reply.payload) == {
        "c": "x",
        "s": 1,
        "r": [{"f": 0, "z": 25600}, {"f": 1, "z": 4}],
    }


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "id long": ({"update_id": "u" * 57}, "is not 1 to 56"),
    "id empty": ({"update_id": ""}, "is not 1 to 56"),
    "id odd": ({"update_id": "a b"}, "is not 1 to 56"),
    "no thing": ({"targets": ()}, "is for no thing"),
    "unknown thing": ({"targets": (Target.thing("nobody"),)}, "there is no thing nobody"),
    "no file": ({"files": ()}, "has no file"),
    "no object": ({"files": (file("nope"),)}, "there is no object images/nope"),
    "bad bucket": ({"files": (file(bucket="A B"),)}, "is no bucket name"),
    "no protocol": ({"protocols": ()}, "are not one or both"),
    "odd protocol": ({"protocols": ("FTP",)}, "are not one or both"),
    "twice": ({"protocols": ("MQTT", "MQTT")}, "are not one or both"),
    "file type": ({"files": (file(file_type=256),)}, "is not 0 to 255"),
    "presign": ({"presign_seconds": 0}, "is not 1 to 604800 s"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_updates_are_one_clear_line_and_leave_nothing(
    world: World, image: bytes, name: str
) -> None:
    fields, message = REFUSED[name]
    with pytest.raises(UsageError, match=message) as caught:
        offer(world, **fields)
    assert "\n" not in str(caught.value)
    assert world.news() == []
    assert world.service.pending(THING) == ()
    assert offer(world)


def test_an_update_id_is_taken_once(world: World, image: bytes) -> None:
    offer(world)
    with pytest.raises(UsageError, match="the OTA update u1 exists already"):
        offer(world)
    assert len(world.service.pending(THING)) == 1


def test_an_empty_image_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match=r"images/u1\.bin is empty"):
        world.offer(content=b"")


def test_an_image_over_the_limit_is_refused(tmp_path: Path) -> None:
    world = make_world(tmp_path, JobSettings(max_file=100))
    with pytest.raises(UsageError, match="has 101 bytes, at most 100 are allowed"):
        world.offer(content=bytes(101))
    assert world.offer(content=bytes(100)).job_id == "AFR_OTA-u1"
    world.store.close()


def test_a_key_whose_url_is_too_long_is_refused(world: World) -> None:
    key = "k" * 200
    world.service.put_object("images", key, b"x")
    with pytest.raises(UsageError, match="take a shorter key"):
        offer(world, "HTTP", files=(file(key),))
    assert offer(world, "MQTT", files=(file(key),))


def test_jobs_of_any_document(world: World) -> None:
    for bad, message in (
        ("x" * 32_769, "has 32769 characters"),
        ("\ud800", "not proper Unicode"),
    ):
        with pytest.raises(UsageError, match=message):
            world.service.create_job("j", [THING], bad)
    for job_id in ("get", "start-next", "notify", "notify-next"):
        with pytest.raises(UsageError, match="is a word of the job topics"):
            world.service.create_job(job_id, [THING], {})
    with pytest.raises(UsageError, match="is not 1 to 64"):
        world.service.create_job("j" * 65, [THING], {})
    world.service.create_job("j", [THING, THING], {})
    with pytest.raises(UsageError, match="already exists"):
        world.service.create_job("j", [THING], {})
    assert len(world.service.pending(THING)) == 1


def test_a_document_can_be_made_without_a_job(world: World, image: bytes) -> None:
    document = world.service.make_document((file(),), ("MQTT",))
    assert world.service.pending(THING) == ()
    world.service.create_job("mine", [THING], document)
    stream = document["afr_ota"]["streamname"]
    (reply,) = world.ask(f"streams/{stream}/get/json", {"f": 0, "l": 65536}).replies
    assert json.loads(reply.payload)["l"] == len(image)


def url(bucket: str, key: str) -> str:
    return f"<{bucket}|{key}>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (placeholder("b", "a/b c}.bin", "eu-west-1"), "<b|a/b c}.bin>"),
        ("${aws:iot:s3-presigned-url:https://s3.amazonaws.com/b/k}", "<b|k>"),
        ("${aws:iot:s3-presigned-url:https://s3-eu-west-1.amazonaws.com/b/k}", "<b|k>"),
        ("${aws:iot:s3-presigned-url:https://b.s3.eu-west-1.amazonaws.com/k/l}", "<b|k/l>"),
        ("${aws:iot:s3-presigned-url:https://b.c.s3-eu-west-1.amazonaws.com/k}", "<b.c|k>"),
        ("${aws:iot:s3-presigned-url-v2:https://s3.amazonaws.com/b/k}", "<b|k>"),
        ("${aws:iot:s3-presigned-url:https://example.com/b/k}", None),
        ("${aws:iot:s3-presigned-url:https://s3.amazonaws.com/b}", None),
        ("${aws:iot:s3-presigned-url:http://s3.amazonaws.com/b/k}", None),
        ("${aws:iot:other:https://s3.amazonaws.com/b/k}", None),
    ],
)
def test_placeholders(text: str, expected: str | None) -> None:
    assert resolve(f'{{"a":"{text}"}}', url) == f'{{"a":"{expected or text}"}}'
