"""The page in a real browser: a job made, watched and canceled; hostile texts; other sites."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path

import pytest

from rig.jobs.engine import Policy, Target
from rig.jobs.engine.policy import AbortCriterion, FailureType, Rollout
from rig.jobs.job_spec import JobSpec
from rig.page.face import PREFIX
from tests.chromium import Page, chromium
from tests.rig.jobs.site import Site
from tests.rig.jobs.world import THING

WIDTHS = pytest.mark.parametrize("width", [1280, 400])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
ELSEWHERE = "evil.example"
HOSTILE = (
    "<img src=x onerror='window.pwned=1'>",
    "</td></table><script>window.pwned=1</script>",
    "javascript:window.pwned=1",
    "{{constructor.constructor('window.pwned=1')()}}",
    "\u202egnp.exe\u2066",
    "x" * 250,
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    rebound = f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"
    with chromium(tmp_path_factory.mktemp("browser") / "profile", rebound) as page:
        yield page


@pytest.fixture
def page(browser: Page, site: Site) -> Iterator[Page]:
    """The page as the URL that `serve` shows opens it."""
    browser.complaints.clear()
    browser.show(1280, 900)
    browser.visit(site.page_url)
    yield browser
    # Before its server is gone: it would go on asking, and complain into the next test.
    browser.visit("about:blank")


def text(name: str) -> str:
    return f"document.getElementById('{name}').textContent"


def value_of(page: Page, name: str) -> str:
    return str(page.run(text(name)))


def click(page: Page, selector: str) -> None:
    page.run(f"document.querySelector('{selector}').click()")


def fill(page: Page, form: str, **values: str) -> None:
    """Give fields a value, as a user would."""
    for name, value in values.items():
        element = f"document.getElementById('{form}').elements.{name}"
        page.run(f"{element}.value = {value!r}")


def choose(page: Page, job_id: str) -> None:
    page.wait(f"[...document.querySelectorAll('#jobs b')].some(b => b.textContent === '{job_id}')")
    click(page, f'a[href="#job={job_id}"]')
    page.wait(f"{text('job-title')} === '{job_id}' && !document.getElementById('detail').hidden")


def count(page: Page, state: str) -> str:
    return f"document.querySelector('[data-state={state}] b')?.textContent"


def roll_out(site: Site, things: int, policy: Policy, description: str = "") -> list[str]:
    """A job on new things; their names."""
    names = [f"t{number}" for number in range(things)]
    for name in names:
        site.world.service.registry.create_thing(name)
    targets = tuple(map(Target.thing, names))
    spec = JobSpec("job1", targets, "{}", policy, description=description)
    site.world.service.create_specified_job(spec)
    return names


def report(site: Site, thing: str, status: str, **details: str) -> None:
    site.world.accepted("job1/update", {"status": status, "statusDetails": details}, thing)


def fits(page: Page, width: int) -> bool:
    return bool(page.run("document.documentElement.scrollWidth") == width)


@WIDTHS
def test_a_job_is_made_watched_and_canceled(page: Page, site: Site, width: int) -> None:
    page.show(width, 900)
    for name in ("lamp", "door"):
        site.world.service.registry.create_thing(name)
    page.wait("!document.getElementById('no-jobs').hidden")
    click(page, "#new")
    assert fits(page, width)
    fill(page, "new-form", jobId="job1", things=f"{THING} lamp, door", description="all of them")
    fill(page, "new-form", perMinute="2", abortPercentage="90", abortType="FAILED")
    click(page, "#new-form [type=submit]")
    page.wait(f"{text('job-title')} === 'job1' && {count(page, 'QUEUED')} === '2'")
    assert page.run("document.getElementById('new-dialog').open") is False
    job = site.world.service.describe_job("job1")
    assert job is not None
    assert (job.description, job.document) == ("all of them", "{}")
    assert job.policy.abort == (AbortCriterion(FailureType.FAILED, 90, 1),)
    page.wait(f"{count(page, 'WAITING')} === '1'")
    assert value_of(page, "pace-rate") == "2"
    assert value_of(page, "pace-next") == "Next 2 in 60 s; at most 2 a minute."

    report(site, THING, "IN_PROGRESS", receive="7/32")
    page.wait(f"{count(page, 'IN_PROGRESS')} === '1' && {text('things')}.includes('receive: 7/32')")
    report(site, "lamp", "SUCCEEDED", reason="accepted v2")
    page.wait(f"{count(page, 'SUCCEEDED')} === '1'")
    site.world.clock.advance(60)
    site.world.service.tick()
    page.wait(f"{text('pace-next')} === 'The rollout is over.'")
    report(site, "door", "FAILED", reason="0x000000e3: 0x00000000")
    page.wait("!document.getElementById('failures-table').hidden")
    assert value_of(page, "failures") == "0x000000e3: 0x00000000failed1"
    assert "50 % of 2 ended failed; cancels at 90 %" in value_of(page, "abort")
    assert fits(page, width)

    click(page, "#cancel")
    assert value_of(page, "cancel-title") == "Cancel job1?"
    page.run("document.getElementById('cancel-form').elements.force.checked = true")
    fill(page, "cancel-form", comment="wrong image")
    assert fits(page, width)
    click(page, "#cancel-form [type=submit]")
    page.wait(f"{text('job-status')} === 'canceled' && {count(page, 'CANCELED')} === '1'")
    assert value_of(page, "job-comment") == "wrong image"
    assert page.run("document.getElementById('cancel').hidden") is True
    canceled = site.world.service.describe_job("job1")
    assert canceled is not None
    assert canceled.force_canceled
    assert page.complaints == []


@SCHEMES
@WIDTHS
def test_hostile_texts_are_shown_and_do_nothing(
    page: Page, site: Site, width: int, scheme: str
) -> None:
    page.show(width, 900, scheme)
    policy = Policy(abort=(AbortCriterion(FailureType.ALL, 99, 1000),))
    names = roll_out(site, len(HOSTILE) + 1, policy, "".join(HOSTILE))
    for thing, bad in zip(names[:-1], HOSTILE, strict=True):
        report(site, thing, "FAILED", reason=bad, receive=bad[::-1])
    site.world.service.cancel_job("job1", comment="<b id=pwned>" + HOSTILE[0])
    choose(page, "job1")
    page.wait(f"document.querySelectorAll('#failures tr').length === {len(HOSTILE)}")
    told = value_of(page, "failures")
    assert HOSTILE[0] in told
    assert HOSTILE[1] in told
    # The direction of writing is not turned: what would turn it is seen.
    assert "\\u{202e}gnp.exe\\u{2066}" in told
    assert "<b id=pwned>" in value_of(page, "job-comment")
    assert page.run("typeof window.pwned") == "undefined"
    made = "document.querySelectorAll('#detail img, #detail script, #pwned').length"
    assert page.run(made) == 0
    assert fits(page, width)
    assert page.complaints == []


def test_an_abort_is_told(page: Page, site: Site) -> None:
    policy = Policy(Rollout(10), abort=(AbortCriterion(FailureType.FAILED, 50, 1),))
    names = roll_out(site, 4, policy)
    choose(page, "job1")
    assert "0 % of 0 ended failed" in value_of(page, "abort")
    report(site, names[0], "FAILED", reason="broken")
    page.wait(f"{text('job-status')} === 'aborted'")
    assert value_of(page, "abort-state") == "The job has been aborted."
    assert "FAILED reached 50 %" in value_of(page, "job-comment")
    assert page.run(f"{count(page, 'CANCELED')}") == "3"


def test_things_are_filtered_by_their_state(page: Page, site: Site) -> None:
    names = roll_out(site, 3, Policy())
    report(site, names[1], "SUCCEEDED", reason="accepted")
    choose(page, "job1")
    page.wait("document.querySelectorAll('#things tr').length === 3")
    click(page, "[data-state=SUCCEEDED]")
    page.wait("document.querySelectorAll('#things tr').length === 1")
    assert "t1" in value_of(page, "things")
    assert page.run("document.querySelector('[data-state=SUCCEEDED]').ariaPressed") == "true"
    click(page, "[data-state=SUCCEEDED]")
    page.wait("document.querySelectorAll('#things tr').length === 3")


def test_what_is_refused_is_said_where_it_was_asked(page: Page, site: Site) -> None:
    page.wait("!document.getElementById('new').hidden")
    click(page, "#new")
    fill(page, "new-form", jobId="job1", things="nobody")
    click(page, "#new-form [type=submit]")
    page.wait("document.querySelector('#new-form .alert').textContent.includes('nobody')")
    assert page.run("document.getElementById('new-dialog').open") is True
    fill(page, "new-form", things=THING)
    click(page, "#new-form [type=submit]")
    page.wait(f"{text('job-title')} === 'job1'")


def test_the_token_leaves_the_address_and_outlives_a_reload(page: Page, site: Site) -> None:
    page.wait("!document.getElementById('no-jobs').hidden")
    assert page.run("location.href") == site.url + PREFIX
    page.visit(site.url + PREFIX)
    page.wait("!document.getElementById('no-jobs').hidden")
    assert page.complaints == []


@pytest.mark.parametrize("fragment", ["", "#token=guessed"])
def test_without_the_token_nothing_is_shown(page: Page, site: Site, fragment: str) -> None:
    page.run("sessionStorage.clear()")
    site.world.service.create_job("secret", [THING], {})
    page.visit(site.url + PREFIX + fragment)
    page.wait(f"{text('live')}.includes('not the address of this run')")
    assert "secret" not in page.run("document.body.innerText")
    assert page.run("document.getElementById('new').hidden") is True


def test_a_name_that_is_made_to_point_here_gets_nothing(page: Page, site: Site) -> None:
    rebound = site.page_url.replace("127.0.0.1", ELSEWHERE)
    page.visit(rebound)
    assert "this server is not" in page.run("document.body.innerText")
    assert page.run("typeof ask") == "undefined"


ATTACK = """<!doctype html><title>elsewhere</title><iframe src="URL"></iframe>
<output id=done></output><script>
const outcomes = [];
async function attempt(path, options) {
  try { outcomes.push((await fetch("BASE" + path, options)).type); }
  catch (error) { outcomes.push("blocked"); }
}
(async () => {
  const job = JSON.stringify({targets: ["ARN"], document: "{}"});
  const told = {"X-Otarig-Token": "TOKEN", "Content-Type": "application/json"};
  await attempt("jobs", {headers: {"X-Otarig-Token": "TOKEN"}});
  await attempt("jobs/csrf", {method: "PUT", headers: told, body: job});
  await attempt("jobs/csrf", {method: "POST", mode: "no-cors", body: job});
  await attempt("jobs", {mode: "no-cors"});
  document.getElementById("done").textContent = outcomes.join(" ");
})();
</script>"""


@contextmanager
def another_site(body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def test_a_page_of_another_site_can_do_nothing_even_with_the_token(page: Page, site: Site) -> None:
    attack = (
        ATTACK.replace("URL", site.page_url)
        .replace("BASE", site.url + PREFIX)
        .replace("ARN", f"arn:aws:iot:us-east-1:000000000000:thing/{THING}")
        .replace("TOKEN", "throw-away")
    )
    with another_site(attack.encode()) as url:
        page.visit(url)
        page.wait(f"{text('done')} !== ''")
        assert value_of(page, "done") in {
            "blocked blocked opaque opaque",
            # Browsers that keep pages of the network from asking the machine itself.
            "blocked blocked blocked blocked",
        }
        framed = (
            "(() => { try { return frames[0].document.body.innerText } catch { return '' } })()"
        )
        assert "Jobs" not in page.run(framed)
    assert site.world.service.describe_job("csrf") is None


def test_a_serve_that_goes_away_is_told(page: Page, site: Site) -> None:
    page.wait(f"{text('live')}.startsWith('Live')")
    page.run("window.fetch = () => Promise.reject(new TypeError('Failed to fetch'))")
    page.wait(f"{text('live')}.includes('serve does not answer')")
    assert page.run("document.getElementById('live').classList.contains('lost')") is True


def test_controls_and_headings_speak(page: Page, site: Site) -> None:
    """Every control has a name, headings go down by one, and ids are unique."""
    roll_out(site, 1, Policy())
    choose(page, "job1")
    names = (
        "[...document.querySelectorAll('input, select, textarea, button')]"
        ".filter(one => !(one.labels?.length || one.textContent.trim())).length"
    )
    assert page.run(names) == 0
    levels = page.run("[...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    ids = page.run("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert page.run("document.documentElement.lang") == "en"


def test_over_https(browser: Page, tls_site: Site, tmp_path: Path) -> None:
    """The CA is a throw-away one that the browser does not know."""
    browser.call("Security.setIgnoreCertificateErrors", ignore=True)
    browser.complaints.clear()
    browser.visit(tls_site.page_url)
    browser.wait("!document.getElementById('no-jobs').hidden")
    assert browser.complaints == []
    browser.visit("about:blank")
