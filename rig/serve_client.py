"""The control plane of a running `serve` as its users reach it: with boto3, as they would AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from rig.errors import BenchError, UsageError
from rig.serve_state import ServeState, find_serve, start_it

BUCKET = "images"
CONNECT_TIME_S = 5
ANSWER_TIME_S = 30
ROLE = "arn:aws:iam::000000000000:role/otarig-ota-role"
"""CreateOTAUpdate demands one; this service has no roles."""

_NOT_FOUND = "ResourceNotFoundException"
_SERVER_FAILED = 500


@dataclass(frozen=True)
class DeviceIdentity:
    """What a new device is given, PEM."""

    certificate: str
    private_key: str


@dataclass(frozen=True)
class ExecutionShown:
    """A job execution as DescribeJobExecution shows it."""

    status: str
    details: Mapping[str, str]


class ServeClient:
    """Calls one `serve`. Every failure is a `UsageError` or a `BenchError` of one line."""

    def __init__(self, data: Path, region: str | None = None) -> None:
        """Raises `UsageError` if no `serve` runs with this data directory, or has the region.

        Without a region the first one is meant.
        """
        self.state = find_serve(data)
        self.region = self.state.region if region is None else region
        self.address = self.state.address(self.region)
        self._data = data
        session = _session()
        self._iot = _client(session, "iot", self.state, self.region)
        self._s3 = _client(session, "s3", self.state, self.region)

    def enrol(self, thing: str) -> DeviceIdentity:
        """Make the thing, if it is not there, and a certificate that stands for it."""
        with self._told_in_one_line():
            self._iot.create_thing(thingName=thing)
            made = self._iot.create_keys_and_certificate(setAsActive=True)
            self._iot.attach_thing_principal(thingName=thing, principal=made["certificateArn"])
        return DeviceIdentity(made["certificatePem"], made["keyPair"]["PrivateKey"])

    def thing_arn(self, thing: str) -> str:
        """The thing's name for an update; raises `UsageError` if there is no such thing."""
        with self._told_in_one_line():
            try:
                return str(self._iot.describe_thing(thingName=thing)["thingArn"])
            except ClientError as error:
                if error.response["Error"]["Code"] != _NOT_FOUND:
                    raise
                raise UsageError(
                    f"there is no thing {thing}; enrol a device: otarig agent --thing {thing}"
                ) from None

    def upload(self, key: str, content: bytes) -> None:
        """Store an image."""
        with self._told_in_one_line():
            self._s3.put_object(Bucket=BUCKET, Key=key, Body=content)

    def create_update(
        self, update_id: str, target: str, key: str, signature: bytes, protocols: Sequence[str]
    ) -> str:
        """Offer an uploaded image to a thing; returns the id of the job it became."""
        file = {
            "fileName": "firmware.bin",
            "fileLocation": {"s3Location": {"bucket": BUCKET, "key": key}},
            "codeSigning": {
                "customCodeSigning": {
                    "signature": {"inlineDocument": signature},
                    "certificateChain": {"certificateName": "signer.pem"},
                    "hashAlgorithm": "SHA256",
                    "signatureAlgorithm": "ECDSA",
                }
            },
        }
        with self._told_in_one_line():
            self._iot.create_ota_update(
                otaUpdateId=update_id,
                targets=[target],
                targetSelection="SNAPSHOT",
                protocols=list(protocols),
                files=[file],
                roleArn=ROLE,
            )
            made = self._iot.get_ota_update(otaUpdateId=update_id)["otaUpdateInfo"]
            return str(made["awsIotJobId"])

    def execution(self, thing: str, job_id: str) -> ExecutionShown:
        """How the job stands on the thing now."""
        with self._told_in_one_line():
            answer = self._iot.describe_job_execution(thingName=thing, jobId=job_id)
            shown: Mapping[str, Any] = answer["execution"]
            return ExecutionShown(shown["status"], shown["statusDetails"]["detailsMap"])

    @contextmanager
    def _told_in_one_line(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            told = error.response["Error"]
            line = f"serve refused {error.operation_name}: {told['Code']}: {told['Message']}"
            raise (BenchError if status >= _SERVER_FAILED else UsageError)(line) from None
        except (EndpointConnectionError, ConnectTimeoutError):
            raise UsageError(
                f"no serve answers at {self.state.endpoint}, which the data directory "
                f"{self._data} names; {start_it(self._data)}"
            ) from None
        except (ConnectionClosedError, ReadTimeoutError):
            raise BenchError(
                f"serve at {self.state.endpoint} went away; {start_it(self._data)}"
            ) from None
        except BotoCoreError as error:
            line = " ".join(str(error).split())
            raise BenchError(f"cannot talk to serve at {self.state.endpoint}: {line}") from None


def _session() -> boto3.session.Session:
    """A session that knows nothing of the user's own AWS settings, which are for another cloud."""
    nothing: dict[str, tuple[Any, ...]] = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
        "ca_bundle": (None, None, None, None),
    }
    return boto3.session.Session(botocore_session=botocore.session.Session(nothing))


def _client(session: boto3.session.Session, service: str, state: ServeState, region: str) -> Any:
    return session.client(
        service,
        endpoint_url=state.endpoint,
        region_name=region,
        aws_access_key_id=state.access_key_id,
        aws_secret_access_key=state.secret_access_key,
        verify=state.ca if state.endpoint.startswith("https:") else None,
        config=Config(
            s3={"addressing_style": "path"},
            # No proxy stands between this machine and itself.
            proxies={},
            retries={"total_max_attempts": 1},
            connect_timeout=CONNECT_TIME_S,
            read_timeout=ANSWER_TIME_S,
        ),
    )
