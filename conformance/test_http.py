"""Downloads by HTTP that meet with a server that errs."""

from __future__ import annotations

import pytest

from rig.jobs.http_faults import (
    AnswerStatus,
    Close,
    HttpAction,
    NoAnswer,
    Slow,
    Truncate,
    WholeFile,
)
from rig.scenario import Scenario
from rig.scenario.cloud import Update
from rig.scenario.sizes import SIZES, takes_file_of_size

pytestmark = [
    pytest.mark.full_profile,
    pytest.mark.needs_protocol("HTTP"),
    pytest.mark.usefixtures("good_case"),
]

BLOCKS = 6
"""The fault strikes the third of so many requests: in the middle of the download."""
STRUCK = 3


def offer_by_http(scenario: Scenario, version: str = "1.0.1") -> Update:
    size = BLOCKS * scenario.device.board.declares.block_size
    return scenario.cloud.offer(version, protocols=["HTTP"], size=size)


@pytest.mark.requirement("OTA-HTP-005", "OTA-HTP-007")
def test_no_answer(scenario: Scenario) -> None:
    """A range that is not answered is asked for again after the request timer, and only then."""
    scenario.disturb.spoil_answers(STRUCK, NoAnswer())
    update = offer_by_http(scenario)
    scenario.device.reports(update, "SUCCEEDED", "accepted")
    scenario.device.runs(update.image)


@pytest.mark.requirement("OTA-HTP-006")
def test_body_too_short(scenario: Scenario) -> None:
    """A body that breaks off never becomes part of an image: it comes again, or the job fails."""
    scenario.device.runs(scenario.device.factory)
    scenario.disturb.spoil_answers(STRUCK, Truncate(100))
    ends_well_or_leaves_no_trace(scenario, offer_by_http(scenario))


@pytest.mark.requirement("OTA-HTP-010")
def test_whole_file(scenario: Scenario) -> None:
    """A server that sends the whole file instead of the range spoils no image."""
    scenario.device.runs(scenario.device.factory)
    scenario.disturb.spoil_answers(STRUCK, WholeFile())
    ends_well_or_leaves_no_trace(scenario, offer_by_http(scenario))


@pytest.mark.requirement("OTA-HTP-012")
def test_late_duplicate(scenario: Scenario) -> None:
    """An answer that comes when the range was already asked for again spoils no image.

    The head of the third answer comes in time, its body after the request timer.
    """
    timer = scenario.device.board.declares.request_timer_s
    scenario.device.runs(scenario.device.factory)
    scenario.disturb.spoil_answers(STRUCK, Slow(0.6 * timer))
    ends_well_or_leaves_no_trace(scenario, offer_by_http(scenario))


@pytest.mark.requirement("OTA-HTP-009")
def test_url_expired(scenario: Scenario) -> None:
    """When the URL expires in mid-download the device gets a fresh one and goes on from there.

    1. The third range of 1.0.1 is answered 403, as an expired URL is.
    2. The device asks for its job again and goes on, by the new URL, at the range it lacks.
    3. The image is complete, accepted and runs.
    """
    scenario.disturb.spoil_answers(STRUCK, AnswerStatus(403))
    update = offer_by_http(scenario)
    ends_well_or_leaves_no_trace(scenario, update)


@pytest.mark.requirement("OTA-HTP-008")
def test_fails_for_good(scenario: Scenario) -> None:
    """A server that fails for good ends the attempts; the old image runs, and takes the next.

    The device should report FAILED; where it does not, the cloud ends the job.
    """
    cloud, device = scenario.cloud, scenario.device
    device.runs(device.factory)
    scenario.disturb.spoil_answers(STRUCK, AnswerStatus(500), count=None)
    update = offer_by_http(scenario)
    if device.may_end(update) is None:
        cloud.cancel(update)
    device.runs(device.factory)
    scenario.disturb.end()
    device.power_cycle()
    scenario.proves_alive()


ANSWERS: dict[str, HttpAction] = {
    "not-found": AnswerStatus(404),
    "range-refused": AnswerStatus(416),
    "redirect": AnswerStatus(302),
    "connection-closed": Close(),
}


@pytest.mark.requirement("OTA-HTP-011")
@pytest.mark.parametrize("action", [pytest.param(ANSWERS[name], id=name) for name in ANSWERS])
def test_one_bad_answer(scenario: Scenario, action: HttpAction) -> None:
    """One answer that is none costs the device time, or the job at most, never its image."""
    scenario.device.runs(scenario.device.factory)
    scenario.disturb.spoil_answers(STRUCK, action)
    ends_well_or_leaves_no_trace(scenario, offer_by_http(scenario))


@pytest.mark.requirement("OTA-HTP-003", "OTA-HTP-004")
@pytest.mark.parametrize(
    ("blocks", "extra"),
    [pytest.param(*SIZES[name], id=name) for name in SIZES if name.startswith("one-")],
)
def test_sizes(scenario: Scenario, blocks: int, extra: int) -> None:
    """The last range ends with the file, whatever its last block holds."""
    takes_file_of_size(scenario, blocks, extra, "HTTP")


def ends_well_or_leaves_no_trace(scenario: Scenario, update: Update) -> None:
    """The update succeeds and its image runs, or it fails and the old one does."""
    device = scenario.device
    succeeded = device.ends(update).status == "SUCCEEDED"
    device.runs(update.image if succeeded else device.factory)
    scenario.proves_alive()
