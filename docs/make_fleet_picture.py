"""Take the picture of the fleet's page that the documentation shows.

    python -m docs.make_fleet_picture

It needs Chromium, which is installed from the system's package manager if it is missing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from rig.jobs.engine import Policy, Target
from rig.jobs.engine.policy import AbortCriterion, ExponentialRate, FailureType, Rollout
from rig.jobs.job_spec import JobSpec
from tests.chromium import chromium
from tests.rig.jobs.site import Site, serve

PICTURE = Path(__file__).parent / "images" / "fleet.png"
WIDTH, HEIGHT = 1280, 860
JOB = "lamp-2-0-1"
SIGNATURE = "0x000000e3: 0x00000000"


def fill(site: Site) -> None:
    """A fleet of lamps in the middle of a rollout, and a job on doors that was aborted."""
    rules = (AbortCriterion(FailureType.FAILED, 20, 30), AbortCriterion(FailureType.ALL, 50, 10))
    _job(site, "door-1-4-0", 12, Policy(abort=(AbortCriterion(FailureType.FAILED, 20, 5),)))
    for number in range(5):
        _report(site, "door-1-4-0", number, "FAILED" if number else "SUCCEEDED", "no image")
    site.world.clock.advance(60)
    growth = ExponentialRate(40, 2.0, notified=100)
    _job(site, JOB, 90, Policy(Rollout(1000, growth), abort=rules))
    site.world.clock.advance(15)
    for number in range(40):
        if number < 17:
            _report(site, JOB, number, "SUCCEEDED", "accepted v2.0.1")
        elif number < 20:
            _report(site, JOB, number, "FAILED", SIGNATURE)
        elif number == 20:
            _report(site, JOB, number, "REJECTED", "battery too low")
        elif number < 29:
            _report(site, JOB, number, "IN_PROGRESS", "", receive=f"{number}/32")


def _job(site: Site, job_id: str, count: int, policy: Policy) -> None:
    names = [f"{job_id.partition('-')[0]}-{number:02}" for number in range(count)]
    for name in names:
        site.world.service.registry.create_thing(name)
    targets = tuple(map(Target.thing, names))
    spec = JobSpec(job_id, targets, "{}", policy, description="Second try, after the door sensors")
    site.world.service.create_specified_job(spec)


def _report(site: Site, job_id: str, number: int, status: str, reason: str, **details: str) -> None:
    told = details if not reason else {"reason": reason}
    thing = f"{job_id.partition('-')[0]}-{number:02}"
    site.world.accepted(f"{job_id}/update", {"status": status, "statusDetails": told}, thing)


def take(picture: Path) -> None:
    """Write the top of the page as PNG."""
    with tempfile.TemporaryDirectory() as directory:
        served = serve(Path(directory))
        site = next(served)
        fill(site)
        with chromium(Path(directory) / "profile") as page:
            page.show(WIDTH, HEIGHT)
            page.visit(site.page_url)
            page.run(f"location.hash = 'job={JOB}'")
            page.wait("document.querySelectorAll('#things tr').length === 40")
            page.picture(picture)
        for _ in served:
            pass


if __name__ == "__main__":
    take(PICTURE)
