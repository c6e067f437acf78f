"""Presigned download URLs: who has one may GET one object until it expires.

Job service §6 and §8.2 A11: SigV4 in the query string, as any S3 client makes and checks it;
method, path and expiry are under the signature, the `Range` header is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from urllib.parse import urlsplit

from rig.clock import Clock
from rig.jobs import sigv4
from rig.jobs.access_key import AccessKey

MAX_SECONDS = 7 * 24 * 3600
_SERVICE = "s3"
_SIGNATURE = "X-Amz-Signature"
_NEEDED = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    _SIGNATURE,
)
# A clock ahead of ours signs in the future; as much as S3 allows.
_SKEW_SECONDS = 900


class Access(Enum):
    """What a URL's signature is worth, with the S3 error code and message for it."""

    GRANTED = ("", "")
    NO_SIGNATURE = ("AccessDenied", "Access Denied")
    MALFORMED = (
        "AuthorizationQueryParametersError",
        "The query parameters of the signature are malformed",
    )
    EXPIRED = ("AccessDenied", "Request has expired")
    WRONG = (
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided",
    )

    @property
    def code(self) -> str:
        return self.value[0]

    @property
    def message(self) -> str:
        return self.value[1]


@dataclass
class Presigner:
    """Makes and checks URLs below `base_url`, for example `http://127.0.0.1:8080`.

    The download server sets `base_url` when it knows its port.
    """

    key: AccessKey
    clock: Clock
    base_url: str
    region: str = "us-east-1"

    def url(self, bucket: str, key: str, seconds: int, method: str = "GET") -> str:
        """A URL that holds for `seconds` from now."""
        time = sigv4.time_text(self.clock.now())
        scope = sigv4.Scope(time[:8], self.region, _SERVICE)
        path = f"/{bucket}/{key}"
        query = [
            ("X-Amz-Algorithm", sigv4.ALGORITHM),
            ("X-Amz-Credential", str(sigv4.Credential(self.key.key_id, scope))),
            ("X-Amz-Date", time),
            ("X-Amz-Expires", str(seconds)),
            ("X-Amz-SignedHeaders", "host"),
        ]
        host = urlsplit(self.base_url).netloc
        parts = sigv4.SignedParts(method, path, query, {"host": host}, sigv4.UNSIGNED_PAYLOAD)
        query.append((_SIGNATURE, sigv4.signature(self.key.secret, scope, time, parts)))
        text = "&".join(sigv4.encode_query([pair]) for pair in query)
        return f"{self.base_url}{sigv4.encode_path(path)}?{text}"

    def check(self, method: str, path: str, query: Iterable[tuple[str, str]], host: str) -> Access:
        """Whether the signature in `query` grants this; `path` and `query` are decoded."""
        pairs = list(query)
        fields = dict(pairs)
        if _SIGNATURE not in fields:
            return Access.NO_SIGNATURE
        if len(fields) != len(pairs) or not all(name in fields for name in _NEEDED):
            return Access.MALFORMED
        try:
            credential = sigv4.Credential.parse(fields["X-Amz-Credential"])
            signed_at = sigv4.time_of(fields["X-Amz-Date"])
            seconds = int(fields["X-Amz-Expires"])
        except ValueError:
            return Access.MALFORMED
        if not _is_text(path, host, *chain.from_iterable(pairs)):
            return Access.MALFORMED
        proper = (
            fields["X-Amz-Algorithm"] == sigv4.ALGORITHM
            and fields["X-Amz-SignedHeaders"] == "host"
            and 1 <= seconds <= MAX_SECONDS
            and credential.scope.service == _SERVICE
            and credential.scope.date == fields["X-Amz-Date"][:8]
        )
        if not proper:
            return Access.MALFORMED
        unsigned = [pair for pair in pairs if pair[0] != _SIGNATURE]
        parts = sigv4.SignedParts(method, path, unsigned, {"host": host}, sigv4.UNSIGNED_PAYLOAD)
        ours = sigv4.signature(self.key.secret, credential.scope, fields["X-Amz-Date"], parts)
        if credential.access_key_id != self.key.key_id or not sigv4.same(ours, fields[_SIGNATURE]):
            return Access.WRONG
        now = self.clock.now()
        # Only now: the time of a URL that we have not signed says nothing.
        if now > signed_at + seconds or now < signed_at - _SKEW_SECONDS:
            return Access.EXPIRED
        return Access.GRANTED


def _is_text(*texts: str) -> bool:
    """Whether it can be encoded: bytes on the wire that are no UTF-8 come as lone surrogates."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True
