"""AWS Signature Version 4: the signature over a request, and nothing else.

Both uses are symmetric: who verifies signs again and compares (job service §6, §7.1, §8.2).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_TERMINATOR = "aws4_request"


@dataclass(frozen=True)
class Scope:
    """What a signature is good for: one day, region and service."""

    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{_TERMINATOR}"


@dataclass(frozen=True)
class Credential:
    """The `Credential` of a signed request."""

    access_key_id: str
    scope: Scope

    def __str__(self) -> str:
        return f"{self.access_key_id}/{self.scope}"

    @classmethod
    def parse(cls, text: str) -> Credential:
        """Raises `ValueError`."""
        key_id, date, region, service, terminator = text.rsplit("/", 4)
        if terminator != _TERMINATOR:
            raise ValueError(f"the credential scope does not end in {_TERMINATOR}")
        return cls(key_id, Scope(date, region, service))


@dataclass(frozen=True)
class SignedParts:
    """The parts of a request that a signature covers.

    `path` and `query` are percent-decoded; `headers` have lower-case names and are those that are
    signed. `payload_hash` is hex or `UNSIGNED-PAYLOAD`. S3 encodes the path once, others twice.
    """

    method: str
    path: str
    query: Iterable[tuple[str, str]]
    headers: Mapping[str, str]
    payload_hash: str


def signature(secret: str, scope: Scope, time: str, parts: SignedParts) -> str:
    """The signature in hex; `time` is in the form of `time_text`."""
    request_hash = hashlib.sha256(_canonical_request(scope, parts).encode()).hexdigest()
    text = "\n".join((ALGORITHM, time, str(scope), request_hash))
    key = f"AWS4{secret}".encode()
    for part in (scope.date, scope.region, scope.service, _TERMINATOR):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two signatures are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


def time_text(now: float) -> str:
    """Epoch seconds as in `X-Amz-Date`."""
    return datetime.fromtimestamp(now, UTC).strftime(TIME_FORMAT)


def time_of(text: str) -> float:
    """Epoch seconds of an `X-Amz-Date`; raises `ValueError`."""
    return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC).timestamp()


def encode_path(path: str) -> str:
    """A decoded path percent-encoded once; the slashes stay."""
    return quote(path, safe="/-_.~")


def encode_query(query: Iterable[tuple[str, str]]) -> str:
    """The canonical query string: encoded, then sorted."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query)
    return "&".join(f"{name}={value}" for name, value in pairs)


def decode_query(text: str) -> list[tuple[str, str]]:
    """The pairs of a raw query string; `+` is a plus here, as signers mean it."""
    pairs = (part.partition("=") for part in text.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in pairs]


def _canonical_request(scope: Scope, parts: SignedParts) -> str:
    path = encode_path(parts.path)
    if scope.service != "s3":
        path = encode_path(path)
    headers = {name: " ".join(value.split()) for name, value in sorted(parts.headers.items())}
    return "\n".join(
        (
            parts.method,
            path,
            encode_query(parts.query),
            *(f"{name}:{value}" for name, value in headers.items()),
            "",
            ";".join(headers),
            parts.payload_hash,
        )
    )
