"""SigV4 of control requests: who does not have the key is nobody (job service §8.2 A10)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rig.clock import Clock
from rig.jobs import sigv4
from rig.jobs.access_key import AccessKey
from rig.jobs.control.errors import (
    EXPIRED,
    INCOMPLETE_SIGNATURE,
    MISSING_TOKEN,
    UNKNOWN_KEY,
    WRONG_DIGEST,
    WRONG_SIGNATURE,
    ControlError,
)

SKEW_SECONDS = 15 * 60
STREAMED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<credential>[^,\s]+), *"
    r"SignedHeaders=(?P<headers>[^,\s]+), *Signature=(?P<signature>[0-9a-f]{64})"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class SignedRequest:
    """A request as it came in: `path` is decoded, `raw_query` is not, header names lower-case."""

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes


def authenticate(request: SignedRequest, key: AccessKey, clock: Clock) -> str:
    """The service of the credential's scope; raises `ControlError` unless the key signed it."""
    header = request.headers.get("authorization")
    if header is None:
        raise ControlError(MISSING_TOKEN, "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(header)
    if match is None:
        raise ControlError(INCOMPLETE_SIGNATURE, "the Authorization header is malformed")
    try:
        credential = sigv4.Credential.parse(match["credential"])
        time = request.headers["x-amz-date"]
        signed_at = sigv4.time_of(time)
    except (ValueError, KeyError) as error:
        raise ControlError(
            INCOMPLETE_SIGNATURE, "the credential or X-Amz-Date is missing or malformed"
        ) from error
    if credential.access_key_id != key.key_id:
        raise ControlError(UNKNOWN_KEY, "The security token included in the request is invalid.")
    names = match["headers"].split(";")
    if "host" not in names or not all(name in request.headers for name in names):
        raise ControlError(INCOMPLETE_SIGNATURE, "a signed header is missing")
    parts = sigv4.SignedParts(
        request.method,
        request.path,
        sigv4.decode_query(request.raw_query),
        {name: request.headers[name] for name in names},
        _payload_hash(request, credential.scope.service),
    )
    ours = sigv4.signature(key.secret, credential.scope, time, parts)
    if credential.scope.date != time[:8] or not sigv4.same(ours, match["signature"]):
        raise ControlError(
            WRONG_SIGNATURE,
            "The request signature we calculated does not match the signature you provided.",
        )
    if abs(clock.now() - signed_at) > SKEW_SECONDS:
        raise ControlError(EXPIRED, f"Signature expired: {time} is too far from the service's time")
    return credential.scope.service


def _payload_hash(request: SignedRequest, service: str) -> str:
    """What stands for the body in the signature; a hash that is told has to be the body's."""
    actual = hashlib.sha256(request.body).hexdigest()
    told = request.headers.get("x-amz-content-sha256")
    if told is None:
        return actual
    if service == "s3" and told in {sigv4.UNSIGNED_PAYLOAD, STREAMED}:
        return told
    if not (_SHA256.fullmatch(told) and sigv4.same(told, actual)):
        raise ControlError(WRONG_DIGEST, "X-Amz-Content-SHA256 is not the hash of the body")
    return actual
