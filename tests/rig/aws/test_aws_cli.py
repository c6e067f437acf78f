"""T7, T8, T20 with the AWS CLI as users run it: the endpoint and the keys by environment alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from rig.serve_state import DEFAULT_DATA, SIGNER_FILE
from tests.rig.aws.conftest import THING, Service

PATIENCE_S = 110.0
ROLE = "arn:aws:iam::000000000000:role/otarig-ota-role"
IMAGE = bytes(range(256)) * 40


class Cli:
    """`aws`, with nothing of the user's own configuration."""

    def __init__(self, service: Service) -> None:
        state = service.state
        self.directory = service.desk.directory
        self._command = str(Path(sys.executable).with_name("aws"))
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        self._environment = {
            **kept,
            "HOME": str(self.directory),
            "AWS_ENDPOINT_URL": state.endpoint,
            "AWS_ACCESS_KEY_ID": state.access_key_id,
            "AWS_SECRET_ACCESS_KEY": state.secret_access_key,
            "AWS_DEFAULT_REGION": state.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def __call__(self, *words: str) -> Any:
        """What it prints, as JSON; None where it prints nothing."""
        done = self._run(words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *words: str) -> str:
        """The one line of complaint of a call that the service refuses."""
        done = self._run(words)
        assert done.returncode == 255, done
        return done.stderr.strip()

    def _run(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._command, *words],
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def aws(service: Service) -> Cli:
    return Cli(service)


def test_the_two_services_that_share_a_path_are_told_apart(service: Service, aws: Cli) -> None:
    """T7: `GET /things/T/jobs` and `GET /things/T/jobs/J`, each service with its own answer."""
    service.enrol()
    service.offer("job1")
    listed = aws("iot", "list-job-executions-for-thing", "--thing-name", THING)
    (summary,) = listed["executionSummaries"]
    assert summary["jobId"] == "job1"
    assert summary["jobExecutionSummary"]["status"] == "QUEUED"
    pending = aws("iot-jobs-data", "get-pending-job-executions", "--thing-name", THING)
    assert pending["inProgressJobs"] == []
    assert pending["queuedJobs"][0]["versionNumber"] == 1

    which = ("describe-job-execution", "--thing-name", THING, "--job-id", "job1")
    told = aws("iot", *which)["execution"]
    assert told["statusDetails"] == {"detailsMap": {}}
    assert "jobDocument" not in told
    told = aws("iot-jobs-data", *which)["execution"]
    assert json.loads(told["jobDocument"]) == {"operation": "x"}
    update = ("update-job-execution", "--thing-name", THING, "--job-id", "job1")
    aws("iot-jobs-data", *update, "--status", "SUCCEEDED")
    assert aws("iot", "describe-job", "--job-id", "job1")["job"]["status"] == "COMPLETED"


def test_refusals_are_told_as_the_model_names_them(service: Service, aws: Cli) -> None:
    """T8, as a user reads them: the exception's name, the operation, the reason."""
    service.enrol()
    service.offer("job1")
    arn = service.client("iot").describe_thing(thingName=THING)["thingArn"]
    document = ("--targets", arn, "--document", "{}")
    data = ("iot-jobs-data", "describe-job-execution", "--thing-name", THING)
    told = {
        ("iot", "describe-job", "--job-id", "no"): "ResourceNotFoundException",
        ("iot", "create-job", "--job-id", "job1", *document): "ResourceAlreadyExistsException",
        ("iot", "create-job", "--job-id", "job2", "--targets", arn): "InvalidRequestException",
        ("iot", "delete-job", "--job-id", "job1"): "InvalidStateTransitionException",
        (*data, "--job-id", "no"): "ResourceNotFoundException",
    }
    for words, code in told.items():
        complaint = aws.refused(*words)
        operation = "".join(part.capitalize() for part in words[1].split("-"))
        assert f"An error occurred ({code}) when calling the {operation} operation: " in complaint
    service.client("iot-jobs-data").update_job_execution(
        jobId="job1", thingName=THING, status="FAILED"
    )
    assert "(TerminalStateException)" in aws.refused(*data, "--job-id", "job1")


def test_an_image_is_uploaded_signed_and_offered(service: Service, aws: Cli) -> None:
    """T20: a signing job, and an OTA update that starts one; OpenSSL finds both good."""
    identity = service.enrol()
    arn = service.client("iot").describe_thing(thingName=identity.thing)["thingArn"]
    image = aws.directory / "fw.bin"
    image.write_bytes(IMAGE)
    aws("s3api", "put-object", "--bucket", "images", "--key", "fw.bin", "--body", str(image))
    version = aws("s3api", "head-object", "--bucket", "images", "--key", "fw.bin")
    assert version["ContentLength"] == len(IMAGE)
    aws(
        "signer", "put-signing-profile", "--profile-name", "profile1",
        "--platform-id", "AWSIoTDeviceManagement-SHA256-ECDSA",
        "--signing-material", "certificateArn=arn:aws:acm:us-east-1:000000000000:certificate/c",
        "--signing-parameters", "certname=signer.pem",
    )  # fmt: skip
    source = {"s3": {"bucketName": "images", "key": "fw.bin", "version": "1"}}
    started = aws(
        "signer", "start-signing-job", "--profile-name", "profile1",
        "--source", json.dumps(source),
        "--destination", json.dumps({"s3": {"bucketName": "images", "prefix": "signed/"}}),
    )  # fmt: skip
    aws("signer", "wait", "successful-signing-job", "--job-id", started["jobId"])
    signed = aws("signer", "describe-signing-job", "--job-id", started["jobId"])
    where = signed["signedObject"]["s3"]
    detached = aws.directory / "signed.json"
    aws("s3api", "get-object", "--bucket", where["bucketName"], "--key", where["key"],
        str(detached))  # fmt: skip
    verify(service, image, json.loads(detached.read_text())["signature"])

    file = {
        "fileName": "fw.bin",
        "fileLocation": {"s3Location": {"bucket": "images", "key": "fw.bin"}},
        "codeSigning": {
            "startSigningJobParameter": {
                "signingProfileName": "profile1",
                "destination": {"s3Destination": {"bucket": "images", "prefix": "ota/"}},
            }
        },
    }
    made = aws(
        "iot", "create-ota-update", "--ota-update-id", "u1", "--targets", arn,
        "--protocols", "MQTT", "--role-arn", ROLE, "--files", json.dumps([file]),
    )  # fmt: skip
    info = aws("iot", "get-ota-update", "--ota-update-id", "u1")["otaUpdateInfo"]
    assert info["otaUpdateStatus"] == "CREATE_COMPLETE"
    stored = aws("iot", "get-job-document", "--job-id", made["awsIotJobId"])["document"]
    (described,) = json.loads(stored)["afr_ota"]["files"]
    assert described["certfile"] == "signer.pem"
    verify(service, image, described["sig-sha256-ecdsa"])


def verify(service: Service, image: Path, signature: str) -> None:
    """By the `openssl` command and the key that devices are given; and not of an altered image."""
    public = service.desk.directory / DEFAULT_DATA / SIGNER_FILE
    detached = image.with_suffix(".sig")
    detached.write_bytes(b64decode(signature))
    altered = image.with_suffix(".altered")
    altered.write_bytes(b"\xff" + image.read_bytes()[1:])
    for content, said in ((image, "Verified OK"), (altered, "Verification failure")):
        done = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", public, "-signature", detached, content],
            capture_output=True,
            text=True,
            check=False,
        )
        assert said in done.stdout + done.stderr, done
