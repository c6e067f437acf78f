"""The way of AWS's OTA guide with boto3 alone, from nothing to a device that runs the new image."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from rig.device_directory import DeviceDirectory
from rig.scenario.images import ImageMaker, ReferenceImages
from rig.serve_state import find_serve
from tests.rig.cli.command import Desk, serving, terminal

DATA = Path(".otarig") / "serve"
THING = "guide-thing"
ROLE = "arn:aws:iam::000000000000:role/otarig-ota-role"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
    }
)
PATIENCE_S = 60.0
PENDING = {"QUEUED", "IN_PROGRESS"}


class Cloud:
    """Clients as a user makes them from what `serve` tells."""

    def __init__(self, data: Path) -> None:
        self._state = find_serve(data)
        self.iot = self._client("iot")
        self.signer = self._client("signer")
        self.s3 = self._client("s3")

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._state.endpoint,
            region_name=self._state.region,
            aws_access_key_id=self._state.access_key_id,
            aws_secret_access_key=self._state.secret_access_key,
            config=Config(s3={"addressing_style": "path"}),
        )

    def provision(self, device: DeviceDirectory) -> str:
        """A thing with a certificate, handed to the device; the thing's ARN."""
        arn = self.iot.create_thing(thingName=THING)["thingArn"]
        made = self.iot.create_keys_and_certificate(setAsActive=True)
        self.iot.create_policy(policyName="guide", policyDocument=POLICY)
        self.iot.attach_policy(policyName="guide", target=made["certificateArn"])
        self.iot.attach_thing_principal(thingName=THING, principal=made["certificateArn"])
        device.save_identity(made["certificatePem"], made["keyPair"]["PrivateKey"])
        return str(arn)

    def update(self, update_id: str, target: str, protocols: list[str], content: bytes) -> str:
        """Upload an image and offer it, signed by the service; the id of the job."""
        key = f"{update_id}.bin"
        self.s3.create_bucket(Bucket="guide-images")
        self.s3.put_object(Bucket="guide-images", Key=key, Body=content)
        self.signer.put_signing_profile(
            profileName="guide_profile",
            platformId="AmazonFreeRTOS-Default",
            signingMaterial={"certificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/c"},
            signingParameters={"certname": "signer.pem"},
        )
        self.iot.create_ota_update(
            otaUpdateId=update_id,
            targets=[target],
            protocols=protocols,
            targetSelection="SNAPSHOT",
            roleArn=ROLE,
            files=[
                {
                    "fileName": "firmware.bin",
                    "fileType": 0,
                    "fileLocation": {"s3Location": {"bucket": "guide-images", "key": key}},
                    "codeSigning": {
                        "startSigningJobParameter": {
                            "signingProfileName": "guide_profile",
                            "destination": {
                                "s3Destination": {"bucket": "guide-images", "prefix": "signed/"}
                            },
                        }
                    },
                }
            ],
        )
        info = self.iot.get_ota_update(otaUpdateId=update_id)["otaUpdateInfo"]
        assert info["otaUpdateStatus"] == "CREATE_COMPLETE"
        return str(info["awsIotJobId"])

    def end_of(self, job_id: str) -> dict[str, Any]:
        """The execution when it has come to its end."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = self.iot.describe_job_execution(jobId=job_id, thingName=THING)
            execution: dict[str, Any] = answer["execution"]
            if execution["status"] not in PENDING:
                return execution
            assert time.monotonic() < deadline, execution
            time.sleep(0.2)


def test_the_way_of_the_guide(desk: Desk) -> None:
    data = desk.directory / DATA
    images = ImageMaker(ReferenceImages("reference"), iter(range(9)))
    with serving(desk) as serve:
        cloud = Cloud(data)
        target = cloud.provision(DeviceDirectory(data, THING))
        with terminal(desk, "agent", "--thing", THING) as agent:
            agent.wait_for("boot: version=1.0.0 slot=A")
            for update_id, protocols, version in (
                ("by-mqtt", ["MQTT"], "1.0.1"),
                ("by-http", ["HTTP"], "1.0.2"),
            ):
                content = images.make(version, size=20_000).content
                job_id = cloud.update(update_id, target, protocols, content)
                agent.wait_for(f"boot: version={version}")
                execution = cloud.end_of(job_id)
                assert execution["status"] == "SUCCEEDED", execution
                assert version in execution["statusDetails"]["detailsMap"]["reason"]
                assert cloud.iot.describe_job(jobId=job_id)["job"]["status"] == "COMPLETED"
            listed = cloud.iot.list_job_executions_for_thing(thingName=THING)
            summaries = listed["executionSummaries"]
            assert [entry["jobId"] for entry in summaries] == ["AFR_OTA-by-http", "AFR_OTA-by-mqtt"]
            # A certificate that is revoked ends the session of who has it (§8.2 A2).
            (principal,) = cloud.iot.list_thing_principals(thingName=THING)["principals"]
            certificate = principal.rpartition("/")[2]
            cloud.iot.update_certificate(certificateId=certificate, newStatus="REVOKED")
            agent.wait_for("connection lost")
            assert agent.end() == 0
        assert serve.end() == 0
    assert "Traceback" not in agent.text + serve.text
    assert desk.is_clean()
