"""The control plane as boto3 sees it: an update from nothing, and every refusal."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from rig.clock import FakeClock, SystemClock
from rig.jobs.access_key import AccessKey
from rig.jobs.control import ControlPlane
from rig.jobs.control.arns import Arns
from rig.jobs.control.operations import OPERATIONS, Context
from rig.jobs.download import DownloadServer
from rig.pki import CertificateAuthority, certificate_id
from rig.trace import Header, Recorder, RecorderSwitch
from tests.rig.jobs.test_download import event_loop
from tests.rig.jobs.world import THING, World, make_world

KEY = AccessKey("AKIDEXAMPLE", "secret/with+odd=characters")
ROLE = "arn:aws:iam::000000000000:role/otarig-ota-role"
IMAGE = bytes(range(256)) * 200
SIGNATURE = b"\x30\x45\x02" + bytes(68)
THING_ARN = f"arn:aws:iot:us-east-1:000000000000:thing/{THING}"


@dataclass
class Site:
    """A service that is served, and clients of it."""

    world: World
    url: str
    recorder: Recorder
    ca: Path | None = None

    def client(self, service: str, key: AccessKey = KEY) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key.key_id,
            aws_secret_access_key=key.secret,
            verify=str(self.ca) if self.ca else None,
            config=Config(
                s3={"addressing_style": "path"}, retries={"max_attempts": 0}, read_timeout=20
            ),
        )

    @property
    def iot(self) -> Any:
        return self.client("iot")

    @property
    def s3(self) -> Any:
        return self.client("s3")


def serve(tmp_path: Path, *, tls: bool = False) -> Iterator[Site]:
    # boto3 signs with the machine's time.
    clock = SystemClock()
    world = make_world(tmp_path)
    world.clock.advance(clock.now() - world.clock.now())
    authority = CertificateAuthority.generate(clock)
    settings = world.service.settings
    context = Context(world.service, authority, {"iot:Data-ATS": "localhost:8883"}, Arns(settings))
    server_tls, ca = None, None
    if tls:
        authority.save(tmp_path / "pki")
        ca = tmp_path / "pki" / "ca.pem"
        authority.issue_server().save(tmp_path / "s.pem", tmp_path / "s.key")
        server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_tls.load_cert_chain(tmp_path / "s.pem", tmp_path / "s.key")
    presigner = world.service._presigner
    assert presigner is not None
    recorder = Recorder(Header("s", "k", THING))
    with event_loop() as loop:

        def run(action: Callable[[], Any]) -> None:
            asyncio.run_coroutine_threadsafe(action(), loop).result(20)

        server = DownloadServer(
            world.service.objects,
            world.clock,
            RecorderSwitch(recorder),
            presigner,
            tls=server_tls,
            control=ControlPlane(context, KEY, world.clock),
        )
        run(server.start)
        try:
            yield Site(world, server.base_url, recorder, ca)
        finally:
            run(server.stop)
            world.store.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield from serve(tmp_path)


@pytest.fixture
def tls_site(tmp_path: Path) -> Iterator[Site]:
    yield from serve(tmp_path, tls=True)


def update_arguments(**changes: Any) -> dict[str, Any]:
    arguments = {
        "otaUpdateId": "u1",
        "targets": [THING_ARN],
        "roleArn": ROLE,
        "protocols": ["MQTT", "HTTP"],
        "files": [
            {
                "fileName": "app.bin",
                "fileType": 0,
                "fileLocation": {"s3Location": {"bucket": "images", "key": "fw.bin"}},
                "codeSigning": custom(SIGNATURE),
            }
        ],
    }
    return {**arguments, **changes}


def custom(signature: bytes) -> dict[str, Any]:
    return {
        "customCodeSigning": {
            "signature": {"inlineDocument": signature},
            "certificateChain": {"certificateName": "signer.pem"},
            "hashAlgorithm": "SHA256",
            "signatureAlgorithm": "ECDSA",
        }
    }


def error_of(action: Callable[[], Any]) -> tuple[str, int, str]:
    """Code, HTTP status and message of the `ClientError` that this raises."""
    with pytest.raises(ClientError) as caught:
        action()
    response = caught.value.response
    error = response["Error"]
    return error["Code"], response["ResponseMetadata"]["HTTPStatusCode"], error["Message"]


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
    "a group": ({"targets": [THING_ARN.replace(":thing/", ":thinggroup/")]}, "ARN of a thing"),
    "an arn of nothing": ({"targets": ["arn:aws:iot"]}, "ARN of a thing"),
    "no image": (
        {"files": file_entry(fileLocation={"s3Location": {"bucket": "images", "key": "no"}})},
        "there is no object images/no",
    ),
    "a stream": (
        {"files": file_entry(fileLocation={"stream": {"streamId": "s", "fileId": 0}})},
        "other locations are not offered",
    ),
    "signer": (
        {"files": file_entry(codeSigning={"awsSignerJobId": "x"})},
        "customCodeSigning is missing",
    ),
    "id": ({"otaUpdateId": "u" * 57}, "is not 1 to 56"),
    "presign": ({"awsJobPresignedUrlConfig": {"expiresInSec": 30}}, "is not 60 to 3600"),
    "timeout": (
        {"awsJobTimeoutConfig": {"inProgressTimeoutInMinutes": 10_081}},
        "is not 1 to 10080",
    ),
    "protocol": ({"protocols": ["FTP"]}, "are not one or both"),
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


def signed(site: Site, method: str, target: str, body: bytes = b"") -> dict[str, str]:
    request = AWSRequest(method, f"{site.url}{target}", data=body)
    SigV4Auth(Credentials(KEY.key_id, KEY.secret), "iot", "us-east-1").add_auth(request)
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
    headers = signed(site, "GET", "/job-templates")
    answer = send(site, "GET", "/job-templates", headers)
    assert answer[:2] == (404, "UnknownOperationException")
    assert error_of(lambda: site.s3.list_buckets())[1] == 404


def test_a_fault_of_ours_is_an_internal_failure(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(site.world.service, "list_things", fail)
    code, status, message = error_of(site.iot.list_things)
    assert (code, status) == ("InternalFailureException", 500)
    assert "boom" not in message
    assert "boom" in caplog.text


def test_every_operation_is_the_models(site: Site) -> None:
    """Method and path of each one are those of botocore's service model."""
    model = site.iot.meta.service_model
    for name, method, pattern, _ in OPERATIONS:
        http_of = model.operation_model(name).http
        path = http_of["requestUri"]
        for member in ("thingName", "otaUpdateId", "jobId"):
            path = path.replace(f"{{{member}}}", "{}")
        assert (http_of["method"], path) == (method, pattern)
