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


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-ABT-003")
@pytest.mark.needs_commands
@pytest.mark.usefixtures("good_case")
def test_abort_without_a_job(scenario: Scenario) -> None:
    """An abort when there is nothing to abort is reported to nobody; the next job runs."""
    device = scenario.device
    device.command("abort")
    device.is_left_alone()
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-SUS-003", "OTA-SUS-007")
@pytest.mark.needs_commands
@pytest.mark.usefixtures("good_case")
def test_suspended_while_idle(scenario: Scenario) -> None:
    """An idle agent that was suspended and resumed is not in a self-test: it is not reset."""
    device = scenario.device
    device.command("suspend")
    resumed = device.mark()
    device.command("resume")
    device.is_told_of_no_job(since=resumed)
    device.outlasts_self_test_timer()
    device.booted_times(device.factory, 1)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-031", "OTA-JOB-032", "OTA-JOB-033", "OTA-JOB-034", "OTA-JOB-036")
@pytest.mark.usefixtures("good_case")
def test_another_job_in_mid_download(scenario: Scenario) -> None:
    """Another job in the place of the one being downloaded begins from its first block.

    1. The device downloads 1.0.1; from the tenth block on the blocks are held back.
    2. 1.0.2 is offered and the job of 1.0.1 cancelled: the device hears of 1.0.2.
    3. It asks for its job, downloads 1.0.2 from the first block on, and keeps it.
    """
    cloud, device = scenario.cloud, scenario.device
    cloud.hold_data_from(10)
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    device.gets_block(9)
    mark = device.mark()
    following = cloud.offer("1.0.2", size=MANY_BLOCKS)
    cloud.cancel(update)
    device.asks_for_a_job(since=mark)
    cloud.release_data()
    device.reports(following, "SUCCEEDED", "accepted")
    device.keeps(following.image)
    device.never_reported_terminal(update)
    device.never_booted(update.image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-SUS-002", "OTA-SUS-003", "OTA-SUS-006", "OTA-JOB-036")
@pytest.mark.needs_commands
@pytest.mark.usefixtures("good_case")
def test_another_job_while_suspended(scenario: Scenario) -> None:
    """A device that finds another job when it is resumed drops the old download for it.

    1. The device downloads 1.0.1; the application suspends the agent in the middle.
    2. Meanwhile 1.0.2 takes the place of 1.0.1: the suspended agent is deaf to that.
    3. Resumed, it asks for its job, downloads 1.0.2 from the first block on, and keeps it.
    """
    cloud, device = scenario.cloud, scenario.device
    cloud.hold_data_from(10)
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    device.gets_block(9)
    device.command("suspend")
    suspended = device.mark()
    following = cloud.offer("1.0.2", size=MANY_BLOCKS)
    cloud.cancel(update)
    device.gets_news(since=suspended)
    cloud.release_data()
    device.is_left_alone()
    resumed = device.mark()
    device.command("resume")
    device.asks_for_a_job(since=resumed)
    device.is_silent_on(is_block_request, suspended, resumed)
    device.reports(following, "SUCCEEDED", "accepted")
    device.keeps(following.image)
    device.never_booted(update.image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-021")
@pytest.mark.usefixtures("good_case")
def test_power_cut_in_mid_download(scenario: Scenario) -> None:
    """A power cut in mid-download boots the old image, which then downloads all of the new one."""
    cloud, device = scenario.cloud, scenario.device
    cloud.hold_data_from(10)
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    device.gets_block(9)
    cut = device.mark()
    device.driver.power_cut()
    cloud.release_data()
    device.power_on()
    device.boots(device.factory, since=cut)
    device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(update.image)
    device.booted_times(update.image, 2)  # on trial, and after the last power cycle


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-021")
@pytest.mark.usefixtures("good_case")
def test_reset_in_mid_download(scenario: Scenario) -> None:
    """The same when it is not the power that goes, but the reset line that is pulled."""
    cloud, device = scenario.cloud, scenario.device
    cloud.hold_data_from(10)
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    device.gets_block(9)
    mark = device.mark()
    cloud.release_data()
    device.driver.reset()
    device.boots(device.factory, since=mark)
    device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(update.image)
