"""Limits of length and number: long documents and names, much news, many updates in a row."""

from __future__ import annotations

import pytest

from rig.scenario import Scenario
from rig.scenario.documents import job_message, padded

pytestmark = [pytest.mark.full_profile, pytest.mark.usefixtures("good_case")]
LONGEST_DOCUMENT, OVER_LONG = 1300, 1800  # bytes beyond the block size
LONGEST_THING, STREAM_LENGTH = 128, 44  # characters
MANY = 10
MANY_BLOCKS = 130_000


@pytest.mark.requirement("OTA-RES-001")
def test_long_document(scenario: Scenario) -> None:
    """A good job in a document of nearly a block and 1500 bytes is carried out."""
    cloud, device = scenario.cloud, scenario.device
    image = cloud.images.make("1.0.1")
    length = device.board.declares.block_size + LONGEST_DOCUMENT
    job = cloud.offer_document(padded(cloud.document_of(image), length), image)
    device.reports(job, "SUCCEEDED", "accepted")
    device.keeps(image)


@pytest.mark.requirement("OTA-RES-002")
def test_over_long_document(scenario: Scenario) -> None:
    """A document that no buffer need have room for does the device no harm.

    1. The idle device is sent a document of a job, longer than a block and 1530 bytes.
    2. It may pass it over, but it neither restarts nor falls silent.
    3. A good update is accepted.
    """
    cloud, device = scenario.cloud, scenario.device
    length = device.board.declares.block_size + OVER_LONG
    mark = device.mark()
    cloud.tell(job_message("over-long", padded({"custom": "job"}, length)))
    device.gets_news(since=mark)
    scenario.proves_alive()
    device.booted_times(device.factory, 1)


@pytest.mark.requirement("OTA-RES-009", "OTA-JOB-031")
def test_much_news(scenario: Scenario) -> None:
    """Eleven times another job takes the place of the one being downloaded; the last is done."""
    cloud, device = scenario.cloud, scenario.device
    cloud.hold_data_from(1)
    mark = device.mark()
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    for build in range(2, MANY + 3):
        device.asks_for_blocks(since=mark)
        following = cloud.offer(f"1.0.{build}", size=MANY_BLOCKS)
        mark = device.mark()
        cloud.cancel(update)
        device.asks_for_a_job(since=mark)
        update = following
    cloud.release_data()
    device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(update.image)


@pytest.mark.requirement("OTA-RES-004")
def test_ten_updates(scenario: Scenario) -> None:
    """Ten updates in a row: the device is reset to activate each of them, and never else."""
    cloud, device = scenario.cloud, scenario.device
    for build in range(1, MANY + 1):
        update = cloud.offer(f"1.0.{build}")
        device.reports(update, "SUCCEEDED", "accepted")
    device.runs(update.image)
    device.keeps(update.image)


@pytest.mark.requirement("OTA-RES-005")
@pytest.mark.needs_protocol("MQTT")
@pytest.mark.thing("longest-".ljust(LONGEST_THING, "0"))
def test_long_names(scenario: Scenario) -> None:
    """With the longest name that a thing can have, and a stream of 44 characters, all is well."""
    cloud, device = scenario.cloud, scenario.device
    update = cloud.offer("1.0.1")
    assert len(cloud.stream_of(update)) == STREAM_LENGTH
    device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(update.image)
