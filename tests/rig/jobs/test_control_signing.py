"""Signing by the service, and updates that use it (job service §5.1, §5.4, §7.4; T20)."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.rig.jobs.site import IMAGE, Site, error_of, update_arguments

PLATFORM = "AmazonFreeRTOS-Default"
DETACHED = "AWSIoTDeviceManagement-SHA256-ECDSA"
MATERIAL = {"certificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/x"}
DESTINATION = {"s3Destination": {"bucket": "signed", "prefix": "out/"}}


@pytest.fixture
def signer(site: Site) -> Any:
    site.s3.put_object(Bucket="images", Key="fw.bin", Body=IMAGE)
    client = site.client("signer")
    client.put_signing_profile(
        profileName="profile",
        platformId=PLATFORM,
        signingMaterial=MATERIAL,
        signingParameters={"certname": "certs/signer.pem"},
    )
    return client


def start(signer: Any, profile: str = "profile", **source: str) -> Any:
    where = {"bucketName": "images", "key": "fw.bin", "version": "null"} | source
    return signer.start_signing_job(
        source={"s3": where},
        destination={"s3": {"bucketName": "signed", "prefix": "out/"}},
        profileName=profile,
        clientRequestToken="t",
    )["jobId"]


def openssl_verifies(site: Site, signature: bytes, directory: Path) -> bool:
    """What OpenSSL says of the signature over the image."""
    for name, content in (
        ("key.pem", site.signing_key.public_pem),
        ("signature", signature),
        ("image", IMAGE),
    ):
        (directory / name).write_bytes(content)
    command = "openssl dgst -sha256 -verify key.pem -signature signature image"
    done = subprocess.run(command.split(), cwd=directory, capture_output=True, check=False)
    return done.stdout == b"Verified OK\n"


def signing(**members: Any) -> list[dict[str, Any]]:
    (file,) = update_arguments()["files"]
    return [{**file, "codeSigning": members}]


def delivered(site: Site) -> dict[str, Any]:
    """The file entry of the job document that the device gets."""
    document = site.world.accepted("$next/get")["execution"]["jobDocument"]
    entry: dict[str, Any] = document["afr_ota"]["files"][0]
    return entry


def test_a_signing_job_signs_the_object(site: Site, signer: Any, tmp_path: Path) -> None:
    job_id = start(signer)
    signer.get_waiter("successful_signing_job").wait(jobId=job_id)
    job = signer.describe_signing_job(jobId=job_id)
    assert (job["status"], job["profileName"], job["platformId"]) == (
        "Succeeded",
        "profile",
        PLATFORM,
    )
    assert job["signingMaterial"] == MATERIAL
    place = job["signedObject"]["s3"]
    assert place == {"bucketName": "signed", "key": f"out/{job_id}"}
    body = site.s3.get_object(Bucket=place["bucketName"], Key=place["key"])["Body"].read()
    signed = json.loads(body)
    assert signed["rawPayloadSize"] == len(IMAGE)
    assert base64.b64decode(signed["payload"]) == IMAGE
    assert openssl_verifies(site, base64.b64decode(signed["signature"]), tmp_path)


def test_a_detached_signature_names_its_payload(site: Site, signer: Any) -> None:
    signer.put_signing_profile(profileName="detached", platformId=DETACHED)
    place = signer.describe_signing_job(jobId=start(signer, "detached"))["signedObject"]["s3"]
    body = site.s3.get_object(Bucket=place["bucketName"], Key=place["key"])["Body"].read()
    where = {"bucketName": "images", "key": "fw.bin", "version": "null"}
    assert json.loads(body)["payloadLocation"] == {"s3": where}


def test_an_update_that_the_service_signs(site: Site, signer: Any, tmp_path: Path) -> None:
    start_signing = {"signingProfileName": "profile", "destination": DESTINATION}
    files = signing(startSigningJobParameter=start_signing)
    site.iot.create_ota_update(**update_arguments(files=files))
    entry = delivered(site)
    assert entry["certfile"] == "certs/signer.pem"
    signature = base64.b64decode(entry["sig-sha256-ecdsa"])
    assert openssl_verifies(site, signature, tmp_path)


def test_an_update_that_brings_its_profile(site: Site, signer: Any, tmp_path: Path) -> None:
    start_signing = {
        "signingProfileName": "new",
        "signingProfileParameter": {
            **MATERIAL,
            "platform": DETACHED,
            "certificatePathOnDevice": "signer.crt",
        },
        "destination": DESTINATION,
    }
    files = signing(startSigningJobParameter=start_signing)
    site.iot.create_ota_update(**update_arguments(files=files))
    entry = delivered(site)
    assert entry["certfile"] == "signer.crt"
    assert openssl_verifies(site, base64.b64decode(entry["sig-sha256-ecdsa"]), tmp_path)
    assert signer.get_signing_profile(profileName="new")["platformId"] == DETACHED


def test_an_update_of_what_was_signed_before(site: Site, signer: Any, tmp_path: Path) -> None:
    job_id = start(signer)
    files = signing(awsSignerJobId=job_id)
    del files[0]["fileLocation"]
    site.iot.create_ota_update(**update_arguments(files=files))
    entry = delivered(site)
    assert (entry["filesize"], entry["certfile"]) == (len(IMAGE), "certs/signer.pem")
    assert openssl_verifies(site, base64.b64decode(entry["sig-sha256-ecdsa"]), tmp_path)


def test_profiles(signer: Any) -> None:
    again = signer.put_signing_profile(profileName="profile", platformId=DETACHED)
    shown = signer.get_signing_profile(profileName="profile")
    assert shown["profileVersion"] == again["profileVersion"]
    assert shown["arn"].endswith(":/signing-profiles/profile")
    assert shown["status"] == "Active"
    signer.put_signing_profile(profileName="other", platformId=PLATFORM)
    listed = signer.list_signing_profiles(platformId=PLATFORM)["profiles"]
    assert [profile["profileName"] for profile in listed] == ["other"]
    signer.cancel_signing_profile(profileName="profile")
    assert signer.get_signing_profile(profileName="profile")["status"] == "Canceled"
    assert [p["profileName"] for p in signer.list_signing_profiles()["profiles"]] == ["other"]
    assert len(signer.list_signing_profiles(includeCanceled=True)["profiles"]) == 2
    canceled = error_of(lambda: start(signer))
    assert canceled[:2] == ("ValidationException", 400)


def test_platforms(signer: Any) -> None:
    listed = signer.list_signing_platforms()["platforms"]
    assert [platform["platformId"] for platform in listed] == [PLATFORM, DETACHED]
    shown = signer.get_signing_platform(platformId=PLATFORM)
    assert shown["signingImageFormat"]["defaultFormat"] == "JSONEmbedded"
    assert error_of(lambda: signer.get_signing_platform(platformId="x"))[1] == 404


def test_what_cannot_be_signed(site: Site, signer: Any) -> None:
    def profile(**members: Any) -> Any:
        return signer.put_signing_profile(profileName="bad", platformId=PLATFORM, **members)

    rsa = {"signingConfiguration": {"encryptionAlgorithm": "RSA"}}
    for action, message in (
        (lambda: profile(overrides=rsa), "signs with ECDSA over SHA256 only"),
        (lambda: profile(overrides={"signingImageFormat": "JSON"}), "has no image format JSON"),
        (
            lambda: signer.put_signing_profile(profileName="bad", platformId="AmazonFreeRTOS-TI"),
            "there is no platform",
        ),
        (lambda: start(signer, key="nothing"), "there is no object images/nothing"),
    ):
        code, status, text = error_of(action)
        assert (code, status) == ("ValidationException", 400)
        assert message in text
    for action in (
        lambda: start(signer, "nobody"),
        lambda: signer.describe_signing_job(jobId="no"),
        lambda: signer.get_signing_profile(profileName="bad"),
    ):
        assert error_of(action)[:2] == ("ResourceNotFoundException", 404)
    unknown = signing(
        startSigningJobParameter={"signingProfileName": "nobody", "destination": DESTINATION}
    )
    failed = error_of(lambda: site.iot.create_ota_update(**update_arguments(files=unknown)))
    assert failed[:2] == ("ResourceNotFoundException", 404)
    assert site.iot.list_jobs()["jobs"] == []
