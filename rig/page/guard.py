"""Who may use the page: whoever has the token of the run, from the page itself and nowhere else.

A browser carries requests of any site to any address, loopback too. So, beside the token, which no
other site can read, each request has to name this server as its host (a site whose name is made to
point here, DNS rebinding, names its own) and must not come from a page of another origin (CSRF).
Nothing is kept in cookies, so a browser adds nothing by itself that would let a request in.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from rig.pki import LOOPBACK_NAMES

TOKEN_HEADER = "x-otarig-token"  # noqa: S105 - a name, not a secret
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_JSON = "application/json"


@dataclass(frozen=True)
class Refused:
    """Why a request is not looked at any further."""

    status: int
    message: str


@dataclass(frozen=True)
class Guard:
    """The rules of one server. Header names come in lower-case."""

    token: str
    scheme: str
    hosts: frozenset[str]

    @classmethod
    def of(cls, token: str, base_url: str) -> Guard:
        """For a server that is reached at this URL; on loopback, by any of its names."""
        url = urlsplit(base_url)
        host = url.hostname or ""
        hosts = {host} | (set(LOOPBACK_NAMES) if host in LOOPBACK_NAMES else set())
        return cls(token, url.scheme, frozenset(hosts))

    def check_place(self, headers: Mapping[str, str]) -> Refused | None:
        """For everything, the files of the page too."""
        host = headers.get("host", "")
        if _host_name(host) not in self.hosts:
            return Refused(403, f"this server is not {host[:100]!r}: use the URL that serve shows")
        origin = headers.get("origin")
        if origin is not None and origin != f"{self.scheme}://{host}":
            return Refused(403, "a page of another site may ask nothing here")
        return None

    def check(self, method: str, headers: Mapping[str, str]) -> Refused | None:
        """For all that shows or changes the fleet."""
        refused = self.check_place(headers)
        if refused is not None:
            return refused
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return Refused(403, "a page of another site may ask nothing here")
        told = headers.get(TOKEN_HEADER, "").encode()
        if not hmac.compare_digest(told, self.token.encode()):
            return Refused(401, "the token is missing or of an earlier run: see the URL in serve")
        if method in _CHANGING:
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != _JSON:
                return Refused(415, f"the body has to be {_JSON}")
        return None


def _host_name(header: str) -> str | None:
    """The name or address in a Host header, without its port; None if it is none."""
    try:
        parts: SplitResult = urlsplit(f"//{header}")
        plain = parts.path == parts.query == parts.fragment == "" and parts.username is None
        return parts.hostname if plain else None
    except ValueError:
        return None
