"""Messages of the control plane that get lost on the way."""

from __future__ import annotations

import pytest

from rig.scenario import Scenario

pytestmark = [pytest.mark.full_profile, pytest.mark.usefixtures("good_case")]


@pytest.mark.requirement("OTA-CTL-012")
def test_job_request(scenario: Scenario) -> None:
    """A job request that gets lost should be repeated in time, and not too often.

    The device is not failed for waiting: news of a job reaches it all the same.
    """
    cloud, device = scenario.cloud, scenario.device
    device.driver.power_cut()
    with cloud.losing_job_requests():
        device.power_on()
        device.is_left_alone()
    scenario.proves_alive()


@pytest.mark.requirement("OTA-CTL-012")
def test_job_answer(scenario: Scenario) -> None:
    """When the answer to a job request gets lost, the device does not wait for ever.

    It may wait for news, though: the job is made known again by one that is offered behind it.
    """
    cloud, device = scenario.cloud, scenario.device
    device.driver.power_cut()
    update = cloud.offer("1.0.1")
    with cloud.losing_answers():
        device.power_on()
        device.is_left_alone()
    if device.may_end(update) is None:
        cloud.cancel(update)
    scenario.proves_alive()
