"""The control plane as boto3 sees it: an update from nothing, and every refusal."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from rig.clock import FakeClock
from rig.jobs.access_key import AccessKey
from rig.pki import certificate_id
from tests.rig.jobs.site import (
    IMAGE,
    KEY,
    SIGNATURE,
    THING_ARN,
    Site,
    custom,
    error_of,
    update_arguments,
)
from tests.rig.jobs.world import THING


def test_an_update_from_nothing(site: Site) -> None:
    iot = site.iot
    assert iot.create_thing(thingName="bench:2")["thingArn"].endswith(":thing/bench:2")
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_thing_principal(thingName="bench:2", principal=made["certificateArn"])
    assert site.world.service.things_of_certificate(made["certificateId"]) == {"bench:2"}
    assert certificate_id(made["certificatePem"].encode()) == made["certificateId"]
    assert "PRIVATE KEY" in made["keyPair"]["PrivateKey"]
    assert "PUBLIC KEY" in made["keyPair"]["PublicKey"]

    put = site.s3.put_object(Bucket="images", Key="fw.bin", Body=IMAGE)
    assert put["ETag"] == f'"{hashlib.md5(IMAGE).hexdigest()}"'
    arn = "arn:aws:iot:us-east-1:000000000000:thing/bench:2"
    answer = iot.create_ota_update(**update_arguments(targets=[arn]))
    assert answer["awsIotJobId"] == "AFR_OTA-u1"
    assert answer["otaUpdateStatus"] == "CREATE_PENDING"

    info = iot.get_ota_update(otaUpdateId="u1")["otaUpdateInfo"]
    assert info["otaUpdateStatus"] == "CREATE_COMPLETE"
    assert info["targets"] == [arn]
    assert info["protocols"] == ["MQTT", "HTTP"]
    stream = info["otaUpdateFiles"][0]["fileLocation"]["stream"]["streamId"]

    execution = site.world.accepted("$next/get", thing="bench:2")["execution"]
    entry = execution["jobDocument"]["afr_ota"]["files"][0]
    assert execution["jobDocument"]["afr_ota"]["streamname"] == stream
    assert entry["sig-sha256-ecdsa"] == base64.b64encode(SIGNATURE).decode()
    assert entry["certfile"] == "signer.pem"
    assert entry["filesize"] == len(IMAGE)
    assert entry["update_data_url"].startswith(site.url)
    assert site.recorder.events == ()


def test_watching_and_cancelling_a_job(site: Site) -> None:
    site.s3.put_object(Bucket="images", Key="fw.bin", Body=IMAGE)
    iot = site.iot
    iot.create_ota_update(**update_arguments(awsJobTimeoutConfig={"inProgressTimeoutInMinutes": 5}))
    shown = iot.describe_job_execution(jobId="AFR_OTA-u1", thingName=THING)["execution"]
    assert shown["status"] == "QUEUED"
    assert "startedAt" not in shown
    details = {"receive": "1/13"}
    update = {"status": "IN_PROGRESS", "statusDetails": details}
    site.world.accepted("AFR_OTA-u1/update", update)
    shown = iot.describe_job_execution(jobId="AFR_OTA-u1", thingName=THING, executionNumber=1)
    shown = shown["execution"]
    assert shown["status"] == "IN_PROGRESS"
    assert shown["statusDetails"] == {"detailsMap": details}
    assert shown["versionNumber"] == 2
    assert shown["approximateSecondsBeforeTimedOut"] == 300
    assert shown["thingArn"] == THING_ARN
    site.world.news()
    assert iot.cancel_job(jobId="AFR_OTA-u1", force=True, comment="no")["jobId"] == "AFR_OTA-u1"
    assert [kind for kind, _ in site.world.news()] == ["notify", "notify-next"]
    shown = iot.describe_job_execution(jobId="AFR_OTA-u1", thingName=THING)["execution"]
    assert (shown["status"], shown["forceCanceled"]) == ("CANCELED", True)


def test_things_and_endpoint(site: Site) -> None:
    iot = site.iot
    listed = iot.list_things()["things"]
    assert [thing["thingName"] for thing in listed] == [THING]
    assert iot.describe_thing(thingName=THING)["defaultClientId"] == THING
    endpoint = iot.describe_endpoint(endpointType="iot:Data-ATS")
    assert endpoint["endpointAddress"] == "localhost:8883"
    unknown = error_of(lambda: iot.describe_endpoint(endpointType="iot:Nothing"))
    assert unknown[:2] == ("InvalidRequestException", 400)


def test_what_is_not_there(site: Site) -> None:
    iot = site.iot
    for action in (
        lambda: iot.describe_thing(thingName="nobody"),
        lambda: iot.get_ota_update(otaUpdateId="nope"),
        lambda: iot.cancel_job(jobId="nope"),
        lambda: iot.describe_job_execution(jobId="nope", thingName=THING),
        lambda: iot.attach_thing_principal(
            thingName=THING, principal=f"arn:aws:iot:us-east-1:0:cert/{'0' * 64}"
        ),
    ):
        assert error_of(action)[:2] == ("ResourceNotFoundException", 404)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_thing(thingName="nobody")


def test_an_update_id_is_taken_once(site: Site) -> None:
    site.s3.put_object(Bucket="images", Key="fw.bin", Body=IMAGE)
    iot = site.iot
    iot.create_ota_update(**update_arguments())
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as caught:
        iot.create_ota_update(**update_arguments())
    assert caught.value.response["resourceId"] == "u1"
    assert caught.value.response["resourceArn"].endswith(":otaupdate/u1")


def file_entry(**changes: Any) -> list[dict[str, Any]]:
    return [{**update_arguments()["files"][0], **changes}]


BAD_UPDATES: dict[str, tuple[dict[str, Any], str]] = {
    "double base64": (
        {"files": file_entry(codeSigning=custom(base64.b64encode(SIGNATURE)))},
        "base64 within base64: give your client the raw DER bytes",
    ),
    "an arn of nothing": ({"targets": ["arn:aws:iot"]}, "ARN of a thing"),
    "no image": (
        {"files": file_entry(fileLocation={"s3Location": {"bucket": "images", "key": "no"}})},
        "there is no object images/no",
    ),
    "a stream": (
        {"files": file_entry(fileLocation={"stream": {"streamId": "s"}})},
        "fileLocation.stream needs streamId and fileId",
    ),
    "signing with nothing": (
        {"files": file_entry(codeSigning={"customCodeSigning": {}})},
        "customCodeSigning needs signature.inlineDocument",
    ),
    "signing by nobody": ({"files": file_entry(codeSigning={})}, "codeSigning is empty"),
    "signing nowhere": (
        {"files": file_entry(codeSigning={"startSigningJobParameter": {}})},
        "needs signingProfileName and destination",
    ),
    "id": ({"otaUpdateId": "u" * 57}, "is not 1 to 56"),
    "presign": (
        {"awsJobPresignedUrlConfig": {"expiresInSec": 30}},
        "expiresInSec, 30, is not 60 to 3600",
    ),
    "timeout": (
        {"awsJobTimeoutConfig": {"inProgressTimeoutInMinutes": 10_081}},
        "10081, is not 1 to 10080",
    ),
    "protocol": ({"protocols": ["FTP"]}, "protocols[0] is none of MQTT, HTTP"),
}


@pytest.mark.parametrize("name", BAD_UPDATES)
def test_bad_updates_are_invalid_requests(site: Site, name: str) -> None:
    changes, message = BAD_UPDATES[name]
    site.s3.put_object(Bucket="images", Key="fw.bin", Body=IMAGE)
    code, status, text = error_of(lambda: site.iot.create_ota_update(**update_arguments(**changes)))
    assert (code, status) == ("InvalidRequestException", 400)
    assert message in text
    assert site.world.service.pending(THING) == ()


@pytest.mark.parametrize("key", ["../up", "a b/ä+&=?.bin", "a//b", "~k", "things/x"])
def test_objects_of_odd_keys_arrive(site: Site, key: str) -> None:
    site.s3.put_object(Bucket="images", Key=key, Body=b"content")
    stored = site.world.service.objects.get("images", key)
    assert stored is not None
    assert stored.content == b"content"


def test_objects_arrive_over_tls_too(tls_site: Site) -> None:
    """Over TLS botocore sends the body in chunks with a trailing checksum."""
    tls_site.s3.put_object(Bucket="images", Key="fw.bin", Body=IMAGE * 30)
    stored = tls_site.world.service.objects.get("images", "fw.bin")
    assert stored is not None
    assert stored.content == IMAGE * 30
    assert [t["thingName"] for t in tls_site.iot.list_things()["things"]] == [THING]


def test_bad_objects(site: Site) -> None:
    code, status, _ = error_of(
        lambda: site.s3.put_object(Bucket="images", Key="k" * 1025, Body=b"x")
    )
    assert (code, status) == ("InvalidRequestException", 400)
    big = bytes(site.world.service.settings.max_file + 2 * 1024 * 1024)
    code, status, _ = error_of(lambda: site.s3.put_object(Bucket="images", Key="k", Body=big))
    assert (code, status) == ("EntityTooLarge", 400)
    assert site.world.service.objects.get("images", "k") is None


def test_other_keys_are_nobody(site: Site) -> None:
    stranger = AccessKey("AKIDOTHER", KEY.secret)
    guesser = AccessKey(KEY.key_id, "guess")
    for key, expected in ((stranger, "InvalidClientTokenId"), (guesser, "SignatureDoesNotMatch")):
        iot, s3 = site.client("iot", key), site.client("s3", key)
        assert error_of(iot.list_things)[:2] == (expected, 403)
        put = lambda s3=s3: s3.put_object(Bucket="images", Key="k", Body=b"x")  # noqa: E731
        assert error_of(put)[1] == 403
    assert site.world.service.objects.get("images", "k") is None


def send(site: Site, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Any:
    connection = http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return response.status, response.headers["x-amzn-ErrorType"], response.read()
    finally:
        connection.close()


def signed(
    site: Site, method: str, target: str, body: bytes = b"", service: str = "iot"
) -> dict[str, str]:
    request = AWSRequest(method, f"{site.url}{target}", data=body)
    SigV4Auth(Credentials(KEY.key_id, KEY.secret), service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


def test_a_signature_is_for_one_request_and_a_short_time(site: Site) -> None:
    body = b'{"x":1}'
    headers = signed(site, "POST", "/things/new", body)
    assert send(site, "POST", "/things/newer", headers, body)[1] == "SignatureDoesNotMatch"
    assert send(site, "POST", "/things/new", headers, b'{"x":2}')[1] == "SignatureDoesNotMatch"
    assert send(site, "POST", "/things/new?a=b", headers, body)[1] == "SignatureDoesNotMatch"
    assert send(site, "POST", "/things/new", headers, body)[0] == 200
    world_clock: FakeClock = site.world.clock
    world_clock.advance(16 * 60)
    assert send(site, "POST", "/things/new", headers, body)[:2] == (403, "RequestExpired")


def test_without_a_signature(site: Site) -> None:
    assert send(site, "GET", "/things", {})[:2] == (403, "MissingAuthenticationToken")
    for header in ("Basic x", "AWS4-HMAC-SHA256 rubbish", "AWS4-HMAC-SHA256 Credential=a/b"):
        answer = send(site, "GET", "/things", {"Authorization": header})
        assert answer[:2] == (403, "IncompleteSignature")
    headers = signed(site, "GET", "/things")
    without_date = {k: v for k, v in headers.items() if k != "X-Amz-Date"}
    assert send(site, "GET", "/things", without_date)[:2] == (403, "IncompleteSignature")


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"\xff", b'{"a":' * 5000, b'{"files":5}', b'{"roleArn":5}']
)
def test_bad_bodies_are_invalid_requests(site: Site, body: bytes) -> None:
    headers = signed(site, "POST", "/otaUpdates/u1", body)
    status, name, answer = send(site, "POST", "/otaUpdates/u1", headers, body)
    assert (status, name) == (400, "InvalidRequestException")
    assert json.loads(answer)["message"]


def test_operations_that_are_not_offered(site: Site) -> None:
    headers = signed(site, "GET", "/provisioning-templates")
    answer = send(site, "GET", "/provisioning-templates", headers)
    assert answer[:2] == (404, "UnknownOperationException")
    assert error_of(lambda: site.s3.list_buckets())[1] == 404


def test_a_fault_of_ours_is_an_internal_failure(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(site.world.service.registry, "things", fail)
    code, status, message = error_of(site.iot.list_things)
    assert (code, status) == ("InternalFailureException", 500)
    assert "boom" not in message
    assert "boom" in caplog.text
