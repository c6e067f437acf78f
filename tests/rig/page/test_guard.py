"""Who may use the page: token, host and origin of a request."""

from __future__ import annotations

import pytest

from rig.page.guard import TOKEN_HEADER, Guard, Refused

TOKEN = "the-token"
GUARD = Guard.of(TOKEN, "http://127.0.0.1:8080")
GOOD = {"host": "127.0.0.1:8080", TOKEN_HEADER: TOKEN}
CHANGE = {**GOOD, "origin": "http://127.0.0.1:8080", "content-type": "application/json"}


def status(refused: Refused | None) -> int | None:
    return None if refused is None else refused.status


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "LOCALHOST:8080", "localhost"]
)
def test_the_server_by_any_of_its_names(host: str) -> None:
    assert GUARD.check("GET", {**GOOD, "host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example:8080",
        "localhost.evil.example",
        "127.0.0.2:8080",
        "0.0.0.0:8080",
        "user@127.0.0.1:8080",
        "127.0.0.1:8080/evil",
        "evil.example#127.0.0.1:8080",
        "[::1",
        "127.0.0.1:8080@evil.example",
    ],
)
def test_a_name_that_was_made_to_point_here(host: str) -> None:
    """DNS rebinding: the browser sends the name that its page was loaded from."""
    headers = {**CHANGE, "host": host, "origin": f"http://{host}"}
    assert status(GUARD.check("PUT", headers)) == 403
    assert status(GUARD.check_place(headers)) == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:8081",
        "https://127.0.0.1:8080",
        "http://localhost:8080",
        "null",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_page_of_another_origin(method: str, origin: str) -> None:
    headers = {**CHANGE, "origin": origin}
    assert status(GUARD.check(method, headers)) == 403
    assert status(GUARD.check_place(headers)) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_browser_that_says_the_page_is_of_another_site(site: str) -> None:
    headers = {**GOOD, "sec-fetch-site": site}
    assert status(GUARD.check("GET", headers)) == 403
    # A link to the page itself may stand anywhere: it shows nothing by itself.
    assert GUARD.check_place(headers) is None


def test_a_change_comes_as_what_no_form_can_send() -> None:
    assert GUARD.check("PUT", CHANGE) is None
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert status(GUARD.check("PUT", {**CHANGE, "content-type": kind})) == 415
    assert GUARD.check("PUT", {**CHANGE, "content-type": "Application/JSON; charset=utf-8"}) is None


@pytest.mark.parametrize("token", ["", "the-toke", "the-token ", "THE-TOKEN", "tökén"])
def test_without_the_token_nothing_is_shown(token: str) -> None:
    headers = {**GOOD, TOKEN_HEADER: token}
    assert status(GUARD.check("GET", headers)) == 401
    del headers[TOKEN_HEADER]
    assert status(GUARD.check("GET", headers)) == 401


def test_a_server_of_the_laboratory_has_one_name() -> None:
    guard = Guard.of(TOKEN, "https://bench.lab:8443")
    headers = {"host": "bench.lab:8443", TOKEN_HEADER: TOKEN}
    assert guard.check("GET", headers) is None
    assert guard.check("GET", {**headers, "origin": "https://bench.lab:8443"}) is None
    assert status(guard.check("GET", {**headers, "host": "localhost:8443"})) == 403
