"""Presigned placeholders in job documents (job service §3.5).

They are stored as they are and replaced by a fresh URL in every delivery.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

MakeUrl = Callable[[str, str], str]
"""Bucket and key to a URL."""

_PLACEHOLDER = re.compile(r"\$\{aws:iot:s3-presigned-url(?:-v2)?:(https://[^}\"\s]+)\}")
_S3_HOST = re.compile(r"(?:(?P<bucket>[a-z0-9.-]+)\.)?s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com")


def placeholder(bucket: str, key: str, region: str) -> str:
    """The text that stands for a presigned URL of this object."""
    path = quote(f"{bucket}/{key}", safe="/-_.~")
    return f"${{aws:iot:s3-presigned-url:https://s3.{region}.amazonaws.com/{path}}}"


def resolve(document: str, make_url: MakeUrl) -> str:
    """The document with every placeholder replaced; one that names no object stays as it is."""

    def replacement(match: re.Match[str]) -> str:
        found = object_of(match[1])
        return match[0] if found is None else make_url(*found)

    return _PLACEHOLDER.sub(replacement, document)


def objects_named(document: str) -> list[tuple[str, str]]:
    """Bucket and key of every placeholder."""
    found = (object_of(match[1]) for match in _PLACEHOLDER.finditer(document))
    return [named for named in found if named is not None]


def object_of(url: str) -> tuple[str, str] | None:
    """Bucket and key of an S3 URL: path style, virtual-host style, with a dot or a dash."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    match = _S3_HOST.fullmatch(parts.netloc)
    if match is None:
        return None
    path = unquote(parts.path.removeprefix("/"))
    bucket, key = (match["bucket"], path) if match["bucket"] else path.partition("/")[::2]
    return (bucket, key) if bucket and key else None
