"""SigV4 of control requests: who does not have the key is nobody (job service §8.2 A10).

Who verifies signs again and compares: the signature comes from botocore's own signer, with which
clients sign.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from rig.clock import Clock
from rig.jobs import sigv4
from rig.jobs.access_key import AccessKey
from rig.jobs.control.errors import ControlError

SKEW_SECONDS = 15 * 60
STREAMED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<credential>[^,\s]+), *"
    r"SignedHeaders=(?P<headers>[^,\s]+), *Signature=(?P<signature>[0-9a-f]{64})"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_INCOMPLETE = "IncompleteSignature"


@dataclass(frozen=True)
class SignedRequest:
    """A request as it came in: path and query are not decoded, header names lower-case."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes


def authenticate(request: SignedRequest, key: AccessKey, clock: Clock) -> sigv4.Scope:
    """The credential's scope; raises `ControlError` unless the key signed it."""
    header = request.headers.get("authorization")
    if header is None:
        raise ControlError("MissingAuthenticationToken", "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(header)
    if match is None:
        raise ControlError(_INCOMPLETE, "the Authorization header is malformed")
    try:
        credential = sigv4.Credential.parse(match["credential"])
        time = request.headers["x-amz-date"]
        signed_at = sigv4.time_of(time)
    except (ValueError, KeyError) as error:
        raise ControlError(
            _INCOMPLETE, "the credential or X-Amz-Date is missing or malformed"
        ) from error
    if credential.access_key_id != key.key_id:
        raise ControlError(
            "InvalidClientTokenId", "The security token included in the request is invalid."
        )
    names = match["headers"].split(";")
    if "host" not in names or not all(name in request.headers for name in names):
        raise ControlError(_INCOMPLETE, "a signed header is missing")
    _check_digest(request, credential.scope.service)
    ours = _signature(request, key, credential.scope, names, time)
    if credential.scope.date != time[:8] or not sigv4.same(ours, match["signature"]):
        raise ControlError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )
    if abs(clock.now() - signed_at) > SKEW_SECONDS:
        raise ControlError(
            "RequestExpired", f"Signature expired: {time} is too far from the service's time"
        )
    return credential.scope


def _signature(
    request: SignedRequest, key: AccessKey, scope: sigv4.Scope, names: list[str], time: str
) -> str:
    """What the signature has to be, over just the headers that it says it covers."""
    # S3 encodes the path once, all others twice (§7.1).
    signer_of = S3SigV4Auth if scope.service == "s3" else SigV4Auth
    signer = signer_of(Credentials(key.key_id, key.secret), scope.service, scope.region)
    again = AWSRequest(
        method=request.method,
        # The scheme decides nothing here but that the body counts.
        url=f"http://{request.headers['host']}{request.raw_path}?{request.raw_query}",
        headers={name: request.headers[name] for name in names},
        data=request.body,
    )
    again.context["timestamp"] = time
    text = signer.string_to_sign(again, signer.canonical_request(again))
    return str(signer.signature(text, again))


def _check_digest(request: SignedRequest, service: str) -> None:
    """A hash of the body that is told has to be the body's."""
    told = request.headers.get("x-amz-content-sha256")
    if told is None or (service == "s3" and told in {sigv4.UNSIGNED_PAYLOAD, STREAMED}):
        return
    actual = hashlib.sha256(request.body).hexdigest()
    if not (_SHA256.fullmatch(told) and sigv4.same(told, actual)):
        raise ControlError(
            "XAmzContentSHA256Mismatch", "X-Amz-Content-SHA256 is not the hash of the body"
        )
