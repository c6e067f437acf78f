"""The page's requests: its files for anybody, the fleet for who has the token.

It shares the port of the downloads; no bucket can have the name that its paths begin with. What
it changes goes through the operations of the control plane, so that rules and limits are AWS's.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from aiohttp import web
from pydantic import TypeAdapter

from rig.clock import Clock
from rig.errors import BenchError
from rig.jobs.control.apis import APIS
from rig.jobs.control.context import Context
from rig.jobs.control.errors import INTERNAL_FAILURE, INVALID_REQUEST, ControlError, of_refusal
from rig.jobs.control.model import RawCall
from rig.jobs.control.regions import Regions
from rig.jobs.engine import ExecutionStatus
from rig.jobs.fleet_view import FleetView, JobDetail
from rig.jobs.refusal import RefusalError
from rig.jobs.requests import BadRequest, read_object
from rig.page.guard import Guard, Refused

_log = logging.getLogger(__name__)

PREFIX = "/-/fleet/"
"""What all paths of the page begin with; the names of buckets have three characters or more."""
JOBS = "jobs"
TOKEN_KEY = "token"  # noqa: S105 - a name, not a secret

_ASSETS = Path(__file__).parent / "assets"
_FILES = {
    "": ("fleet.html", "text/html; charset=utf-8"),
    "fleet.css": ("fleet.css", "text/css; charset=utf-8"),
    "fleet.js": ("fleet.js", "text/javascript; charset=utf-8"),
    "fleet.svg": ("fleet.svg", "image/svg+xml"),
}
_JSON = "application/json"
_HEADERS = {
    # Nothing from elsewhere, nothing inline, and no page around this one.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_IOT = APIS["iot"]
_FLEET, _DETAIL = TypeAdapter(FleetView), TypeAdapter(JobDetail)


def page_url(base_url: str, token: str) -> str:
    """Where to look; what follows the # never leaves the browser."""
    return f"{base_url}{PREFIX}#{TOKEN_KEY}={token}"


@dataclass(frozen=True)
class _Ask:
    """A request that was let in, and the region it is for. Names of the path are decoded."""

    context: Context
    levels: tuple[str, ...]
    query: Mapping[str, str]
    body: bytes


class FleetPage:
    """Answers the page of one server. `base_url` tells where that listens, when it does."""

    def __init__(
        self, regions: Regions, clock: Clock, token: str, base_url: Callable[[], str]
    ) -> None:
        self._regions = regions
        self._clock = clock
        self._token = token
        self._base_url = base_url
        self._numbers = itertools.count(1)

    def wants(self, request: web.BaseRequest) -> bool:
        """True if the request is for the page."""
        return request.raw_path.partition("?")[0].startswith(PREFIX)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer; a refusal is JSON with `error`."""
        path, _, raw_query = request.raw_path.partition("?")
        levels = tuple(unquote(level) for level in path.removeprefix(PREFIX).split("/"))
        headers = {name.lower(): value for name, value in request.headers.items()}
        guard = Guard.of(self._token, self._base_url())
        method = "GET" if request.method == "HEAD" else request.method
        if method == "GET" and len(levels) == 1 and levels[0] in _FILES:
            refused = guard.check_place(headers)
            return _refusal(refused) if refused else _file(*_FILES[levels[0]])
        refused = guard.check(method, headers)
        if refused is not None:
            return _refusal(refused)
        action = _action_of(method, levels)
        if action is None:
            return _refusal(Refused(404, "there is nothing here"))
        try:
            query = dict(parse_qsl(raw_query))
            context = self._context_of(query.get("region"))
            ask = _Ask(context, levels, query, await _body_of(request, context))
            # In a thread: a transaction must not hold up the devices.
            return _answer(await asyncio.to_thread(action, self, ask))
        except ControlError as error:
            status = _IOT.model.status_of("CreateJob", error.name) or 400
            return _refusal(Refused(status, error.message))
        except BenchError as error:
            # The console of serve has told it already, and it may pass.
            return _refusal(Refused(503, str(error)))
        except Exception:
            _log.exception("%s %s failed", request.method, request.raw_path)
            return _refusal(Refused(500, f"{INTERNAL_FAILURE}: the log of serve says how"))

    # -- what can be asked ---------------------------------------------------------------------

    def fleet(self, ask: _Ask) -> bytes:
        view = ask.context.service.fleet.fleet(self._clock.now())
        return _FLEET.dump_json(replace(view, regions=self._regions.names))

    def job(self, ask: _Ask) -> bytes:
        status = ask.query.get("status")
        try:
            wanted = None if status is None else ExecutionStatus(status)
            detail = ask.context.service.fleet.job(ask.levels[1], self._clock.now(), wanted)
        except ValueError:
            raise ControlError(INVALID_REQUEST, "there is no such status") from None
        except RefusalError as error:
            raise of_refusal(error, _IOT.refusals, _IOT.invalid) from None
        return _DETAIL.dump_json(detail)

    def create(self, ask: _Ask) -> bytes:
        return self._carry_out("CreateJob", ask)

    def cancel(self, ask: _Ask) -> bytes:
        return self._carry_out("CancelJob", ask)

    def _carry_out(self, operation: str, ask: _Ask) -> bytes:
        """The body is the operation's own; so is the query."""
        try:
            body: dict[str, Any] = read_object(ask.body, ask.context.service.settings)
        except BadRequest as bad:
            raise ControlError(INVALID_REQUEST, bad.message) from bad
        call = RawCall({"jobId": ask.levels[1]}, ask.query, {}, body)
        return json.dumps(_IOT.carry_out(ask.context, operation, call)).encode()

    def _context_of(self, region: str | None) -> Context:
        """The first region without a choice; raises `ControlError` for one that is not served."""
        found = self._regions.contexts[0] if region is None else self._regions.find(region)
        if found is None:
            raise ControlError(INVALID_REQUEST, f"there is no region {region}")
        return found


_Action = Callable[[FleetPage, _Ask], bytes]


def _action_of(method: str, levels: tuple[str, ...]) -> _Action | None:
    match method, levels:
        case "GET", ("jobs",):
            return FleetPage.fleet
        case "GET", ("jobs", _):
            return FleetPage.job
        case "PUT", ("jobs", _):
            return FleetPage.create
        case "PUT", ("jobs", _, "cancel"):
            return FleetPage.cancel
    return None


async def _body_of(request: web.BaseRequest, context: Context) -> bytes:
    limit = context.service.settings.max_payload
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > limit:
            raise ControlError(INVALID_REQUEST, f"the body is larger than {limit} bytes")
    return bytes(body)


def _file(name: str, kind: str) -> web.Response:
    return web.Response(
        body=(_ASSETS / name).read_bytes(), headers={**_HEADERS, "Content-Type": kind}
    )


def _answer(body: bytes) -> web.Response:
    return web.Response(body=body, headers={**_HEADERS, "Content-Type": _JSON})


def _refusal(refused: Refused) -> web.Response:
    body = json.dumps({"error": refused.message}).encode()
    headers = {**_HEADERS, "Content-Type": _JSON}
    return web.Response(status=refused.status, body=body, headers=headers)
