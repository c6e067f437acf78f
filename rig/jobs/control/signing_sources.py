"""The three ways in which a file of an update comes by its signature (job service §5.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rig.jobs.control.errors import INVALID_REQUEST, ControlError
from rig.jobs.ota_update import SIGNATURE_KEY, OtaFile
from rig.jobs.signing_jobs import CERT_NAME, Signer, SigningJob

_BASE64_TEXT = re.compile(rb"[A-Za-z0-9+/\r\n]{32,}={0,2}\s*")


def custom(file: OtaFile, signing: Mapping[str, Any]) -> OtaFile:
    """`customCodeSigning`: signed by the user, with a key that the service never sees."""
    signature = signing.get("signature", {}).get("inlineDocument")
    if signature is None or not {"hashAlgorithm", "signatureAlgorithm"} <= signing.keys():
        raise ControlError(
            INVALID_REQUEST,
            "customCodeSigning needs signature.inlineDocument, hashAlgorithm and "
            "signatureAlgorithm",
        )
    if _BASE64_TEXT.fullmatch(signature):
        # boto3 encodes the bytes that it is given; who gives base64 encodes twice (trap 17).
        raise ControlError(
            INVALID_REQUEST,
            "signature.inlineDocument is base64 within base64: give your client the raw DER bytes",
        )
    hash_name = signing["hashAlgorithm"].lower()
    algorithm = signing["signatureAlgorithm"].lower()
    return replace(
        file,
        signature=signature,
        signature_key=f"sig-{hash_name}-{algorithm}",
        cert_file=signing.get("certificateChain", {}).get("certificateName", ""),
    )


def signed_now(signer: Signer, file: OtaFile, version: str, asked: Mapping[str, Any]) -> OtaFile:
    """`startSigningJobParameter`: the service signs, with a profile that may be new."""
    name, new = asked.get("signingProfileName"), asked.get("signingProfileParameter")
    destination = asked.get("destination", {}).get("s3Destination", {})
    if name is None or "bucket" not in destination:
        raise ControlError(
            INVALID_REQUEST,
            "startSigningJobParameter needs signingProfileName and destination.s3Destination",
        )
    if new is not None:
        if not {"platform", "certificatePathOnDevice"} <= new.keys():
            raise ControlError(
                INVALID_REQUEST,
                "signingProfileParameter needs platform and certificatePathOnDevice",
            )
        arn = new.get("certificateArn")
        signer.put_profile(
            name,
            new["platform"],
            signing_material=None if arn is None else {"certificateArn": arn},
            parameters={CERT_NAME: new["certificatePathOnDevice"]},
        )
    job = signer.sign(
        name,
        file.bucket,
        file.key,
        version,
        destination["bucket"],
        destination.get("prefix", ""),
    )
    return _with_signature(file, job)


def of_job(signer: Signer, entry: Mapping[str, Any], job_id: str) -> OtaFile:
    """`awsSignerJobId`: signed before; the file is the one that was signed then."""
    job = signer.job(job_id)
    file = OtaFile(
        entry.get("fileName", job.key),
        job.bucket,
        job.key,
        entry.get("fileType"),
        attributes=entry.get("attributes", {}),
    )
    return _with_signature(file, job)


def _with_signature(file: OtaFile, job: SigningJob) -> OtaFile:
    return replace(
        file,
        signature=job.signature,
        signature_key=SIGNATURE_KEY,
        cert_file=job.profile.parameters.get(CERT_NAME, ""),
    )
