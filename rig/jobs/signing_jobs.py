"""Signing by the service: profiles, and jobs that sign an object (job service §5.1, §5.4, §7.4).

There is one key, that of the data directory: what a profile's `certificateArn` names is kept and
shown, and no more. The private half stays in here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rig.clock import Clock
from rig.errors import UsageError
from rig.jobs.engine import Code
from rig.jobs.objects import ObjectStore
from rig.jobs.refusal import RefusalError
from rig.jobs.store import Kind, Store
from rig.signing import SigningKey

CERT_NAME = "certname"
"""The signing parameter that says where a device keeps the certificate."""

HASH, ENCRYPTION = "SHA256", "ECDSA"
EMBEDDED, DETACHED = "JSONEmbedded", "JSONDetached"
_VERSION_LENGTH = 10


@dataclass(frozen=True)
class Platform:
    """What devices of a kind can verify; `formats` has the default first."""

    platform_id: str
    display_name: str
    formats: tuple[str, ...]
    max_mib: int


PLATFORMS = {
    platform.platform_id: platform
    for platform in (
        Platform("AmazonFreeRTOS-Default", "Amazon FreeRTOS", (EMBEDDED, DETACHED), 16),
        Platform(
            "AWSIoTDeviceManagement-SHA256-ECDSA",
            "AWS IoT Device Management - SHA256-ECDSA p256",
            (DETACHED,),
            2048,
        ),
    )
}
"""Of the platforms of §5.4 those that take ECDSA over SHA-256, the one kind that is made here."""


@dataclass(frozen=True)
class Profile:
    """How to sign. Members that are only shown stay as the client gave them."""

    name: str
    version: str
    platform_id: str
    image_format: str
    signing_material: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    canceled: bool = False


@dataclass(frozen=True)
class SigningJob:
    """An object that has been signed. `signed_key` is where the signature lies, in its bucket."""

    job_id: str
    profile: Profile
    bucket: str
    key: str
    object_version: str
    signed_bucket: str
    signed_key: str
    signature: bytes
    created_at: float


class Signer:
    """Signs objects of the object store. Raises `UsageError` for bad input."""

    def __init__(
        self,
        store: Store,
        objects: ObjectStore,
        clock: Clock,
        random_id: Callable[[], str],
        key: SigningKey,
    ) -> None:
        self._store = store
        self._objects = objects
        self._clock = clock
        self._random_id = random_id
        self._key = key

    # -- profiles -------------------------------------------------------------------------------

    def put_profile(
        self,
        name: str,
        platform_id: str,
        *,
        signing_material: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Profile:
        """Make the profile, or a new version of it."""
        platform = PLATFORMS.get(platform_id)
        if platform is None:
            raise UsageError(f"there is no platform {platform_id}: one of {', '.join(PLATFORMS)}")
        given = overrides or {}
        _check_configuration(given.get("signingConfiguration", {}))
        image_format = given.get("signingImageFormat", platform.formats[0])
        if image_format not in platform.formats:
            raise UsageError(f"the platform {platform_id} has no image format {image_format}")
        profile = Profile(
            name,
            self._random_id().replace("-", "")[-_VERSION_LENGTH:],
            platform_id,
            image_format,
            dict(signing_material or {}),
            dict(parameters or {}),
            dict(given),
        )
        self._keep_profile(profile)
        return profile

    def profile(self, name: str) -> Profile:
        """Raises `RefusalError` if there is none."""
        with self._store.transaction() as transaction:
            found = transaction.kept(Kind.SIGNING_PROFILE, name)
        if found is None:
            raise RefusalError(Code.RESOURCE_NOT_FOUND, f"there is no signing profile {name}")
        return Profile(**found.content)

    def profiles(self) -> tuple[Profile, ...]:
        """By name, the canceled ones too."""
        with self._store.transaction() as transaction:
            return tuple(
                Profile(**kept.content) for kept in transaction.all_kept(Kind.SIGNING_PROFILE)
            )

    def cancel_profile(self, name: str) -> None:
        """It signs no more."""
        content = vars(self.profile(name)) | {"canceled": True}
        self._keep_profile(Profile(**content))

    def _keep_profile(self, profile: Profile) -> None:
        with self._store.transaction() as transaction:
            now = self._clock.now()
            transaction.keep(Kind.SIGNING_PROFILE, profile.name, dict(vars(profile)), now)

    # -- jobs -----------------------------------------------------------------------------------

    def sign(
        self,
        profile_name: str,
        bucket: str,
        key: str,
        object_version: str,
        signed_bucket: str,
        prefix: str,
    ) -> SigningJob:
        """Sign the whole object, and put what came of it into a bucket (§5.4)."""
        profile = self.profile(profile_name)
        if profile.canceled:
            raise UsageError(f"the signing profile {profile_name} is canceled")
        source = self._objects.get(bucket, key)
        if source is None:
            raise UsageError(f"there is no object {bucket}/{key}: upload the image first")
        signature = self._key.sign(source.content)
        job_id = self._random_id()
        made = SigningJob(
            job_id,
            profile,
            bucket,
            key,
            object_version,
            signed_bucket,
            f"{prefix}{job_id}",
            signature,
            self._clock.now(),
        )
        self._objects.put(made.signed_bucket, made.signed_key, _signed_object(made, source.content))
        kept = {**vars(made), "profile": vars(profile), "signature": signature.hex()}
        with self._store.transaction() as transaction:
            transaction.keep(Kind.SIGNING_JOB, job_id, kept, made.created_at)
        return made

    def job(self, job_id: str) -> SigningJob:
        """Raises `RefusalError` if there is none."""
        with self._store.transaction() as transaction:
            found = transaction.kept(Kind.SIGNING_JOB, job_id)
        if found is None:
            raise RefusalError(Code.RESOURCE_NOT_FOUND, f"there is no signing job {job_id}")
        content = dict(found.content)
        content["profile"] = Profile(**content["profile"])
        content["signature"] = bytes.fromhex(content["signature"])
        return SigningJob(**content)


def _check_configuration(configuration: Mapping[str, str]) -> None:
    """Raises `UsageError` for algorithms that the service has no key for."""
    asked = (
        configuration.get("hashAlgorithm", HASH),
        configuration.get("encryptionAlgorithm", ENCRYPTION),
    )
    if asked != (HASH, ENCRYPTION):
        raise UsageError(f"this service signs with {ENCRYPTION} over {HASH} only")


def _signed_object(job: SigningJob, content: bytes) -> bytes:
    """The JSON of §5.4: the signature, with the payload or where it lies."""
    members: dict[str, object] = {
        "rawPayloadSize": len(content),
        "signature": base64.b64encode(job.signature).decode(),
        "signatureAlgorithm": f"{HASH}with{ENCRYPTION}",
    }
    if job.profile.image_format == EMBEDDED:
        members["payload"] = base64.b64encode(content).decode()
    else:
        where = {"bucketName": job.bucket, "key": job.key, "version": job.object_version}
        members["payloadLocation"] = {"s3": where}
    return json.dumps(members).encode()
