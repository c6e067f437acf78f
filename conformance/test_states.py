"""The agent's own state, read from the memory of the running chip: just the path of the table."""

from __future__ import annotations

import pytest

from agent.protocol.image import Behaviour
from rig.scenario import Scenario, Signing

pytestmark = [
    pytest.mark.full_profile,
    pytest.mark.follows_states,
    pytest.mark.requirement("OTA-STA-001"),
    pytest.mark.usefixtures("good_case"),
]

MANY_BLOCKS = 130_000
START = "Init Ready RequestingJob WaitingForJob"
DOWNLOAD = "CreatingFile RequestingFileBlock WaitingForFileBlock"
# The agent closes the file before or after its application resets the device.
RESET = "(WaitingForJob)"
SELF_TEST = "CreatingFile"


def test_accept(scenario: Scenario) -> None:
    """Downloaded, restarted, tested, accepted: each state of the way, and no other.

    1. The device starts, and is offered 1.0.1.
    2. It downloads, restarts, and is given the same job once more for its self-test.
    3. 1.0.1 is accepted and waits for the next job.
    """
    device = scenario.device
    update = scenario.cloud.offer("1.0.1")
    device.reports(update, "SUCCEEDED", "accepted")
    device.took_states(START, DOWNLOAD, RESET, START, SELF_TEST, "WaitingForJob")
    device.runs(update.image)


def test_reject(scenario: Scenario) -> None:
    """A wrong signature leads from the download straight back to waiting.

    1. The device is offered an image with a signature that does not hold.
    2. It downloads it, reports FAILED, and waits for the next job.
    """
    device = scenario.device
    update = scenario.cloud.offer("1.0.1", signing=Signing.CORRUPTED_SIGNATURE)
    device.reports(update, "FAILED")
    device.took_states(START, DOWNLOAD, "WaitingForJob")
    device.runs(device.factory)


def test_rollback(scenario: Scenario) -> None:
    """An image that fails its self-test goes as far as the test; the one before starts anew.

    1. The device is offered an image whose application rejects it.
    2. It downloads it, restarts, tests it, and restarts into the image before.
    """
    cloud, device = scenario.cloud, scenario.device
    update = cloud.offer(cloud.images.make("1.0.1", behaviour=Behaviour.REJECT))
    report = device.reports(update, "FAILED")
    device.returns_to(device.factory, since=report.position)
    device.took_states(START, DOWNLOAD, RESET, START, SELF_TEST, RESET, START)


@pytest.mark.needs_commands
def test_abort(scenario: Scenario) -> None:
    """An abort in mid-download leads back to waiting.

    1. The device downloads 1.0.1; from the tenth block on the blocks are held back.
    2. The application aborts: FAILED, and the agent waits for the next job.
    """
    cloud, device = scenario.cloud, scenario.device
    cloud.hold_data_from(10)
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    device.gets_block(9)
    device.command("abort")
    device.reports(update, "FAILED", "aborted: 0x00000013")
    device.took_states(START, DOWNLOAD, "WaitingForJob")


@pytest.mark.needs_commands
def test_suspend_and_resume(scenario: Scenario) -> None:
    """A suspended agent stays so until it is resumed; it then asks for its job anew.

    1. The device downloads 1.0.1; the application suspends the agent in the middle.
    2. Blocks come meanwhile: it stays suspended.
    3. Resumed, it asks for its job, goes on, and 1.0.1 is accepted.
    """
    cloud, device = scenario.cloud, scenario.device
    cloud.hold_data_from(10)
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    device.gets_block(9)
    device.command("suspend")
    cloud.release_data()
    device.took_states(START, DOWNLOAD, "Suspended")
    device.command("resume")
    device.reports(update, "SUCCEEDED", "accepted")
    device.took_states(
        START, DOWNLOAD, "Suspended RequestingJob WaitingForJob", DOWNLOAD, RESET,
        START, SELF_TEST, "WaitingForJob",
    )  # fmt: skip
    device.runs(update.image)
