"""Downloads that are interrupted: by the cloud, the network, the application."""

from __future__ import annotations

import pytest

from rig.scenario import Scenario
from rig.scenario.observing import is_block_request

MANY_BLOCKS = 130_000


@pytest.mark.requirement("OTA-JOB-031", "OTA-JOB-032", "OTA-JOB-033", "OTA-JOB-035", "OTA-JOB-036")
@pytest.mark.usefixtures("good_case")
def test_cancelled_in_mid_download(scenario: Scenario) -> None:
    """A job cancelled while its blocks come is dropped without a word; the next one runs.

    1. The device downloads 1.0.1; from the tenth block on the blocks are held back.
    2. The job is cancelled. The device asks for a job, gets none, and reports nothing.
    3. It still runs 1.0.0, and takes the next job from start to end.
    """
    cloud, device = scenario.cloud, scenario.device
    cloud.hold_data_from(10)
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    device.gets_block(9)
    mark = device.mark()
    cloud.cancel(update)
    device.asks_for_a_job(since=mark)
    device.is_told_of_no_job(since=mark)
    cloud.release_data()
    device.runs(device.factory)
    scenario.proves_alive()
    device.never_reported_terminal(update)


@pytest.mark.requirement("OTA-SUS-004", "OTA-SUS-005", "OTA-SUS-008")
@pytest.mark.usefixtures("good_case")
def test_connection_lost_in_mid_download(scenario: Scenario) -> None:
    """A connection that breaks in mid-download costs the device nothing but time.

    1. The device downloads 1.0.1; instead of the twelfth block its connection breaks.
    2. It reconnects, asks for its job and goes on with the blocks it lacks.
    3. 1.0.1 is accepted and kept.
    """
    cloud, device = scenario.cloud, scenario.device
    cloud.disconnect_at_block(12)
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    device.reports(update, "SUCCEEDED", "accepted")
    device.connected_times(at_least=3)  # the first, the one after the break, the new image's
    device.keeps(update.image)


@pytest.mark.requirement("OTA-SUS-001", "OTA-SUS-002", "OTA-SUS-003", "OTA-SUS-004", "OTA-SUS-005")
@pytest.mark.needs_commands
@pytest.mark.usefixtures("good_case")
def test_suspended_and_resumed(scenario: Scenario) -> None:
    """A suspended agent is silent and deaf; resumed, it goes on with the blocks it lacks.

    1. The device downloads 1.0.1; the application suspends the agent in the middle.
    2. Blocks that arrive meanwhile have no effect, and nothing is asked for.
    3. Resumed, the agent asks for its job, continues, and 1.0.1 is accepted.
    """
    cloud, device = scenario.cloud, scenario.device
    cloud.hold_data_from(10)
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    device.gets_block(9)
    device.command("suspend")
    suspended = device.mark()
    cloud.release_data()
    device.gets_block(16)
    device.is_left_alone()
    resumed = device.mark()
    device.command("resume")
    device.asks_for_a_job(since=resumed)
    device.is_silent_on(is_block_request, suspended, resumed)
    device.reports(update, "SUCCEEDED", "accepted")
    device.runs(update.image)


@pytest.mark.requirement("OTA-ABT-001", "OTA-ABT-002", "OTA-ABT-004", "OTA-ABT-005")
@pytest.mark.needs_commands
@pytest.mark.usefixtures("good_case")
def test_user_abort(scenario: Scenario) -> None:
    """The application aborts the update: reported, nothing more asked for, next job taken.

    The next job comes without a restart between, which would cure a device that is deaf.
    """
    cloud, device = scenario.cloud, scenario.device
    cloud.hold_data_from(10)
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    device.gets_block(9)
    device.command("abort")
    device.reports(update, "FAILED", "aborted: 0x00000013")
    cloud.release_data()
    device.runs(device.factory)
    device.keeps(scenario.proves_alive().image)
