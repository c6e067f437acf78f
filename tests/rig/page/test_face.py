"""The page's requests over HTTP: what each shows and changes, and what is refused."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

import pytest

from rig.errors import BenchError
from rig.page.face import PREFIX
from rig.page.guard import TOKEN_HEADER
from tests.rig.jobs.site import PAGE_TOKEN, THING_ARN, Site
from tests.rig.jobs.world import THING

CREATE = {"targets": [THING_ARN], "document": "{}"}


def send(
    site: Site,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] = {},
    *,
    token: str | None = PAGE_TOKEN,
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Status, headers and body of the answer to a request below the page's prefix."""
    host = site.url.partition("//")[2]
    connection = http.client.HTTPConnection(host, timeout=20)
    told = {"Content-Type": "application/json", **headers}
    if token is not None:
        told[TOKEN_HEADER] = token
    connection.request(method, PREFIX + path, body, told)
    response = connection.getresponse()
    answer = response.status, response.headers, response.read()
    connection.close()
    return answer


def ask(site: Site, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and JSON of the answer."""
    data = b"" if body is None else json.dumps(body).encode()
    status, _, answer = send(site, method, path, data)
    return status, json.loads(answer)


def test_the_files_need_no_token_and_bring_nothing_from_elsewhere(site: Site) -> None:
    for path, kind in (
        ("", "text/html"),
        ("fleet.js", "text/javascript"),
        ("fleet.css", "text/css"),
    ):
        status, headers, body = send(site, "GET", path, token=None)
        assert status == 200
        assert headers["Content-Type"].startswith(kind)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert b"//" not in body.replace(b"// ", b"").replace(b"http://www.w3.org", b""), path
    assert site.recorder.events == ()


def test_a_job_is_made_watched_and_canceled(site: Site) -> None:
    assert ask(site, "GET", "jobs")[1]["jobs"] == []
    status, answer = ask(site, "PUT", "jobs/job1", CREATE)
    assert (status, answer["jobId"]) == (200, "job1")
    fleet = ask(site, "GET", "jobs")[1]
    assert (fleet["job_count"], fleet["thing_count"]) == (1, 1)
    assert fleet["arn_prefix"] + f"thing/{THING}" == THING_ARN
    assert fleet["jobs"][0]["counts"]["QUEUED"] == 1
    report = {"status": "IN_PROGRESS", "statusDetails": {"receive": "1/32"}}
    site.world.accepted("job1/update", report)
    detail = ask(site, "GET", "jobs/job1")[1]
    assert detail["things"][0]["details"] == "receive: 1/32"
    assert ask(site, "GET", "jobs/job1?status=QUEUED")[1]["things"] == []
    assert ask(site, "PUT", "jobs/job1/cancel?force=true", {"comment": "stop"})[0] == 200
    job = ask(site, "GET", "jobs/job1")[1]["job"]
    assert (job["status"], job["comment"]) == ("CANCELED", "stop")
    assert job["counts"]["CANCELED"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("PUT", "jobs/job1", {**CREATE, "targets": []}, 400, "targets"),
        ("PUT", "jobs/job1", {**CREATE, "document": "{"}, 400, "not JSON"),
        ("PUT", "jobs/job 1", CREATE, 400, "jobId"),
        ("PUT", "jobs/%2e%2e", CREATE, 400, "jobId"),
        ("PUT", "jobs/taken", CREATE, 409, "exists"),
        ("PUT", "jobs/nothing/cancel", {}, 404, "nothing"),
        ("PUT", "jobs/taken/cancel?force=perhaps", {}, 400, "force"),
        ("GET", "jobs/nothing", None, 404, "no job nothing"),
        ("GET", "jobs/taken?status=ODD", None, 400, "no such status"),
        ("GET", "nothing", None, 404, "nothing here"),
        ("GET", "jobs/taken/cancel", None, 404, "nothing here"),
        ("DELETE", "jobs/taken", None, 404, "nothing here"),
        ("PUT", "", {}, 404, "nothing here"),
    ],
)
def test_refusals_are_one_clear_line(
    site: Site, method: str, path: str, body: object, status: int, words: str
) -> None:
    site.world.service.create_job("taken", [THING], {})
    found, answer = ask(site, method, path.replace(" ", "%20"), body)
    assert found == status, answer
    assert words in answer["error"]
    assert "\n" not in answer["error"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"a":' * 5000, b"x" * (1 << 18)])
def test_bad_bodies(site: Site, body: bytes) -> None:
    status, _, answer = send(site, "PUT", "jobs/job1", body)
    assert status == 400
    assert json.loads(answer)["error"]
    assert ask(site, "GET", "jobs")[1]["jobs"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "text/plain"},
        {TOKEN_HEADER: "guessed"},
    ],
)
def test_what_another_site_sends_changes_nothing(site: Site, headers: dict[str, str]) -> None:
    body = json.dumps(CREATE).encode()
    status, told, _ = send(
        site, "PUT", "jobs/job1", body, headers, token=headers.get(TOKEN_HEADER, PAGE_TOKEN)
    )
    assert status in {401, 403, 415}
    assert "Access-Control-Allow-Origin" not in told
    assert site.world.service.describe_job("job1") is None


def test_a_preflight_of_another_site_allows_nothing(site: Site) -> None:
    asked = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": TOKEN_HEADER,
    }
    status, told, _ = send(site, "OPTIONS", "jobs/job1", headers=asked, token=None)
    assert status == 403
    assert not [name for name in told if name.lower().startswith("access-control")]


def test_a_database_that_is_away_is_told_in_one_line(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(now: float) -> None:
        raise BenchError("the job database failed: it is away")

    monkeypatch.setattr(site.world.service.fleet, "fleet", fail)
    status, answer = ask(site, "GET", "jobs")
    assert (status, answer) == (503, {"error": "the job database failed: it is away"})
    # The page asks every second: its log would be full of it.
    assert caplog.text == ""


def test_a_fault_of_ours_tells_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(now: float) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(site.world.service.fleet, "fleet", fail)
    status, answer = ask(site, "GET", "jobs")
    assert status == 500
    assert "boom" not in answer["error"]
    assert "boom" in caplog.text
