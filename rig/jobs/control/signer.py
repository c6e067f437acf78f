"""`signer`: profiles, signing jobs and platforms (job service §5.4, §7.4)."""

from __future__ import annotations

from typing import Any

from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import ControlError
from rig.jobs.control.paging import page
from rig.jobs.signing_jobs import ENCRYPTION, HASH, PLATFORMS, Platform, Profile

INVALID = "ValidationException"
_PAGE = 25


def _put_signing_profile(context: Context, members: Members) -> Members:
    profile = context.signer.put_profile(
        members["profileName"],
        members["platformId"],
        signing_material=members.get("signingMaterial"),
        parameters=members.get("signingParameters"),
        overrides=members.get("overrides"),
    )
    return _names(context, profile)


def _get_signing_profile(context: Context, members: Members) -> Members:
    profile = context.signer.profile(members["profileName"])
    return {**_shown(context, profile), "overrides": profile.overrides or None}


def _cancel_signing_profile(context: Context, members: Members) -> None:
    context.signer.cancel_profile(members["profileName"])


def _list_signing_profiles(context: Context, members: Members) -> Members:
    canceled = members.get("includeCanceled", False)
    wanted = [
        profile
        for profile in context.signer.profiles()
        if (canceled or not profile.canceled)
        and members.get("platformId", profile.platform_id) == profile.platform_id
    ]
    profiles, token = page(wanted, members, _PAGE)
    return {"profiles": [_shown(context, profile) for profile in profiles], "nextToken": token}


def _start_signing_job(context: Context, members: Members) -> Members:
    source = members["source"].get("s3")
    destination = members["destination"].get("s3", {})
    if source is None or "bucketName" not in destination:
        raise ControlError(INVALID, "give source.s3 and destination.s3.bucketName")
    job = context.signer.sign(
        members["profileName"],
        source["bucketName"],
        source["key"],
        source["version"],
        destination["bucketName"],
        destination.get("prefix", ""),
    )
    return {"jobId": job.job_id, "jobOwner": context.arns.settings.account}


def _describe_signing_job(context: Context, members: Members) -> Members:
    job = context.signer.job(members["jobId"])
    profile = job.profile
    source = {"bucketName": job.bucket, "key": job.key, "version": job.object_version}
    return {
        "jobId": job.job_id,
        "source": {"s3": source},
        "signingMaterial": profile.signing_material or None,
        "platformId": profile.platform_id,
        "platformDisplayName": PLATFORMS[profile.platform_id].display_name,
        "profileName": profile.name,
        "profileVersion": profile.version,
        "overrides": profile.overrides or None,
        "signingParameters": profile.parameters,
        "createdAt": job.created_at,
        "completedAt": job.created_at,
        "status": "Succeeded",
        "signedObject": {"s3": {"bucketName": job.signed_bucket, "key": job.signed_key}},
        "jobOwner": context.arns.settings.account,
    }


def _list_signing_platforms(context: Context, members: Members) -> Members:
    platforms, token = page(list(PLATFORMS.values()), members, _PAGE)
    return {"platforms": [_platform(platform) for platform in platforms], "nextToken": token}


def _get_signing_platform(context: Context, members: Members) -> Members:
    platform = PLATFORMS.get(members["platformId"])
    if platform is None:
        raise ControlError(
            "ResourceNotFoundException", f"there is no platform {members['platformId']}"
        )
    return _platform(platform)


def _names(context: Context, profile: Profile) -> dict[str, Any]:
    settings = context.arns.settings
    place = f"arn:aws:signer:{settings.region}:{settings.account}:/signing-profiles/{profile.name}"
    return {
        "arn": place,
        "profileVersion": profile.version,
        "profileVersionArn": f"{place}/{profile.version}",
    }


def _shown(context: Context, profile: Profile) -> dict[str, Any]:
    return {
        **_names(context, profile),
        "profileName": profile.name,
        "signingMaterial": profile.signing_material or None,
        "platformId": profile.platform_id,
        "platformDisplayName": PLATFORMS[profile.platform_id].display_name,
        "signingParameters": profile.parameters,
        "status": "Canceled" if profile.canceled else "Active",
    }


def _platform(platform: Platform) -> dict[str, Any]:
    return {
        "platformId": platform.platform_id,
        "displayName": platform.display_name,
        "category": "AWSIoT",
        "signingConfiguration": {
            "encryptionAlgorithmOptions": {
                "allowedValues": [ENCRYPTION],
                "defaultValue": ENCRYPTION,
            },
            "hashAlgorithmOptions": {"allowedValues": [HASH], "defaultValue": HASH},
        },
        "signingImageFormat": {
            "supportedFormats": list(platform.formats),
            "defaultFormat": platform.formats[0],
        },
        "maxSizeInMB": platform.max_mib,
        "revocationSupported": False,
    }


OPERATIONS: dict[str, Operation] = {
    "PutSigningProfile": _put_signing_profile,
    "GetSigningProfile": _get_signing_profile,
    "CancelSigningProfile": _cancel_signing_profile,
    "ListSigningProfiles": _list_signing_profiles,
    "StartSigningJob": _start_signing_job,
    "DescribeSigningJob": _describe_signing_job,
    "ListSigningPlatforms": _list_signing_platforms,
    "GetSigningPlatform": _get_signing_platform,
}
