"""The fleet as a running `serve` shows it: what its page is told, for programs."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

from pydantic import TypeAdapter, ValidationError

from rig.errors import BenchError, UsageError
from rig.jobs.fleet_view import FleetView, JobDetail
from rig.page.guard import TOKEN_HEADER
from rig.serve_state import find_serve, start_it

ANSWER_TIME_S = 10
_FLEET, _DETAIL = TypeAdapter(FleetView), TypeAdapter(JobDetail)
_OK, _SERVER_FAILED = 200, 500
_Shown = TypeVar("_Shown")


class FleetClient:
    """Asks the `serve` that has a data directory, whichever run of it is there.

    Without a region the first one is meant.

    Every failure is a `UsageError` or a `BenchError` of one line.
    """

    def __init__(self, data: Path, region: str | None = None) -> None:
        self._data = data
        self._query = "" if region is None else f"?region={quote(region, safe='')}"

    def fleet(self) -> FleetView:
        return self._ask("jobs", _FLEET)

    def job(self, job_id: str) -> JobDetail:
        """Raises `UsageError` if there is no such job."""
        return self._ask(f"jobs/{quote(job_id, safe='')}", _DETAIL)

    def _ask(self, path: str, shape: TypeAdapter[_Shown]) -> _Shown:
        # Read each time: another run has another port and token.
        state = find_serve(self._data)
        page, _, token = state.page.partition("#token=")
        url = urlsplit(page)
        try:
            if url.scheme == "https":
                context = ssl.create_default_context(cafile=state.ca)
                connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                    url.netloc, timeout=ANSWER_TIME_S, context=context
                )
            else:
                connection = http.client.HTTPConnection(url.netloc, timeout=ANSWER_TIME_S)
            try:
                asked = f"{url.path}{path}{self._query}"
                connection.request("GET", asked, headers={TOKEN_HEADER: token})
                response = connection.getresponse()
                body = response.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UsageError(
                f"no serve answers at {state.endpoint}, which the data directory {self._data} "
                f"names ({type(error).__name__}); {start_it(self._data)}"
            ) from None
        if response.status != _OK:
            self._refuse(response.status, body)
        try:
            return shape.validate_json(body)
        except ValidationError:
            raise BenchError(
                f"serve at {state.endpoint} answers what this otarig does not know: "
                "run both from one version"
            ) from None

    def _refuse(self, status: int, body: bytes) -> None:
        try:
            told = json.loads(body)["error"]
        except (ValueError, TypeError, KeyError):
            told = f"status {status}"
        line = f"serve refused: {told}"
        raise (BenchError if status >= _SERVER_FAILED else UsageError)(line)
