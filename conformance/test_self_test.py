"""New images that fail their self-test: the device ends on the old image and says why."""

from __future__ import annotations

import pytest

from agent.protocol.image import Behaviour
from rig.scenario import Job, Scenario, Update
from rig.scenario.documents import job_message

FAILING = [
    pytest.param(
        Behaviour.REJECT,
        "rejected: 0x00000000",
        marks=pytest.mark.requirement("OTA-TST-019"),
        id="application-rejects",
    ),
    pytest.param(
        Behaviour.CRASH,
        "rejected: 0x00000010",
        marks=pytest.mark.requirement("OTA-TST-020", "OTA-TST-022"),
        id="new-image-crashes",
    ),
    pytest.param(
        Behaviour.HANG,
        "rejected: 0x0000000f",
        marks=pytest.mark.requirement("OTA-TST-020", "OTA-RES-010"),
        id="new-image-hangs",
    ),
    pytest.param(
        Behaviour.NO_CONNECT,
        "rejected: 0x00000010",
        marks=pytest.mark.requirement("OTA-TST-012", "OTA-TST-013", "OTA-TST-020"),
        id="new-image-cannot-connect",
    ),
]


@pytest.mark.parametrize(("behaviour", "reason"), FAILING)
@pytest.mark.usefixtures("good_case")
def test_fails_self_test(scenario: Scenario, behaviour: Behaviour, reason: str) -> None:
    """A newer, rightly signed image that does not prove itself is rolled back.

    1. The device runs 1.0.0 and is offered 1.0.1, which rejects, crashes, hangs or stays off
       the network in its self-test.
    2. 1.0.1 is booted, once, and the job ends FAILED.
    3. The device is back on 1.0.0 for good, and alive.
    """
    cloud, device = scenario.cloud, scenario.device
    update = cloud.offer(cloud.images.make("1.0.1", behaviour=behaviour))
    device.reaches_self_test(update, "ready")
    device.boots(update.image)
    report = device.reports(update, "FAILED", reason)
    device.returns_to(device.factory, since=report.position)
    device.keeps(device.factory)
    device.booted_times(update.image, 1)
    scenario.proves_alive()


# -- on trial, and not as it should be -----------------------------------------------------------


def comes_on_trial(scenario: Scenario, behaviour: Behaviour = Behaviour.PASS) -> Update:
    """A new image runs on trial and has asked for its job; the answer is lost on the way."""
    cloud, device = scenario.cloud, scenario.device
    update = cloud.offer(cloud.images.make("1.0.1", behaviour=behaviour))
    device.reaches_self_test(update, "ready")
    device.asks_for_a_job_after_booting(update.image)
    device.misses_answer()
    return update


def gets_an_ordinary_job(scenario: Scenario, instead_of: Update) -> Update:
    """In the self-test its job is cancelled, and another one is offered."""
    cloud, device = scenario.cloud, scenario.device
    cloud.cancel(instead_of)
    mark = device.mark()
    following = cloud.offer("1.0.2")
    device.gets_news(since=mark)
    return following


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-014", "OTA-TST-015")
@pytest.mark.usefixtures("good_case")
def test_ordinary_job(scenario: Scenario) -> None:
    """A job cancelled in the self-test, and another offered: the old image performs that one.

    1. The device boots 1.0.1 on trial; its job is cancelled, 1.0.2 is offered as ordinary job.
    2. 1.0.1 neither begins it nor reports anything: the device resets into 1.0.0.
    3. 1.0.0 takes the job, and 1.0.2 is accepted.
    """
    cloud, device = scenario.cloud, scenario.device
    with cloud.losing_answers():
        update = comes_on_trial(scenario)
        on_trial = device.mark()
        following = gets_an_ordinary_job(scenario, update)
    device.boots(device.factory, since=on_trial)
    device.reports(following, "SUCCEEDED", "accepted")
    device.keeps(following.image)
    device.never_reported_terminal(update)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-024")
@pytest.mark.needs_platform_faults
@pytest.mark.usefixtures("good_case")
def test_reset_without_effect(scenario: Scenario) -> None:
    """When the reset of an image on trial has no effect, it begins no download all the same."""
    cloud, device = scenario.cloud, scenario.device
    with cloud.losing_answers():
        update = comes_on_trial(scenario)
        on_trial = device.mark()
        device.fails_next("reset")
        following = gets_an_ordinary_job(scenario, update)
    device.boots(device.factory, since=on_trial)
    device.reports(following, "SUCCEEDED", "accepted")
    device.keeps(following.image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-012", "OTA-TST-013")
@pytest.mark.usefixtures("good_case")
def test_job_deleted(scenario: Scenario) -> None:
    """An image on trial whose job is deleted is reset in time, and without a word."""
    cloud, device = scenario.cloud, scenario.device
    with cloud.losing_answers():
        update = comes_on_trial(scenario)
        on_trial = device.mark()
        cloud.delete(update)
    device.boots(device.factory, since=on_trial)
    device.keeps(device.factory)
    device.never_reported_terminal(update)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-SUS-007")
@pytest.mark.needs_commands
@pytest.mark.usefixtures("good_case")
def test_suspended_and_resumed(scenario: Scenario) -> None:
    """An image on trial is still guarded after it was suspended and resumed."""
    cloud, device = scenario.cloud, scenario.device
    with cloud.losing_answers():
        update = comes_on_trial(scenario)
        on_trial = device.mark()
        device.command("suspend")
        cloud.delete(update)
        device.command("resume")
    device.boots(device.factory, since=on_trial)
    device.keeps(device.factory)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-023")
@pytest.mark.usefixtures("good_case")
def test_by_presence(scenario: Scenario) -> None:
    """`self_test` in the job makes a self-test of it, whatever its value is."""
    cloud, device = scenario.cloud, scenario.device
    with cloud.losing_answers():
        update = comes_on_trial(scenario)
        cloud.tell_self_test(update, device.factory.version, self_test="by all means")
    if device.ends(update).status == "SUCCEEDED":
        device.keeps(update.image)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-018")
@pytest.mark.needs_platform_faults
@pytest.mark.usefixtures("good_case")
def test_commit_fails(scenario: Scenario) -> None:
    """An image that passed its self-test and cannot be made permanent is no success.

    1. 1.0.1 runs on trial; its platform will fail to commit it.
    2. It passes its self-test. The device reports FAILED.
    3. After a power cycle 1.0.0 runs, for good.
    """
    cloud, device = scenario.cloud, scenario.device
    with cloud.losing_answers():
        update = comes_on_trial(scenario)
        device.fails_next("commit")
        cloud.tell_self_test(update, device.factory.version)
        device.reports(update, "FAILED", "rejected")
    device.power_cycle()
    device.keeps(device.factory)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-016", "OTA-TST-017")
@pytest.mark.usefixtures("good_case")
def test_not_on_trial(scenario: Scenario) -> None:
    """A self-test job for an image that is not on trial is failed, and never a success."""
    cloud, device = scenario.cloud, scenario.device
    job, mark = Job("not-on-trial"), device.mark()
    details = {"self_test": "ready", "updatedBy": "0x00000001"}
    cloud.tell(job_message(job.job_id, cloud.afr_ota_document("1.0.1"), details))
    report = device.reports(job, "FAILED")
    device.returns_to(device.factory, since=mark)
    device.asked_for_no_blocks(since=report.position)
    device.keeps(device.factory)
    scenario.proves_alive()


# -- power cuts ----------------------------------------------------------------------------------


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-022")
@pytest.mark.usefixtures("good_case")
def test_power_cut(scenario: Scenario) -> None:
    """A power cut before the self-test ends in the old image or in another trial."""
    cloud, device = scenario.cloud, scenario.device
    with cloud.losing_answers():
        update = comes_on_trial(scenario)
        device.driver.power_cut()
    device.power_on()
    succeeded = device.ends(update).status == "SUCCEEDED"
    device.keeps(update.image if succeeded else device.factory)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-022", "OTA-RES-010")
@pytest.mark.usefixtures("good_case")
def test_power_cut_while_testing(scenario: Scenario) -> None:
    """A power cut in the self-test is the end of its one attempt: FAILED, and the old image."""
    cloud, device = scenario.cloud, scenario.device
    update = cloud.offer(cloud.images.make("1.0.1", behaviour=Behaviour.HANG))
    device.reaches_self_test(update, "active")
    device.power_cycle()
    device.reports(update, "FAILED")
    device.keeps(device.factory)
    scenario.proves_alive()
