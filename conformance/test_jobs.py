"""Jobs in a queue: made while the device is off, made in a row, cancelled before their turn."""

from __future__ import annotations

import pytest

from rig.scenario import Scenario

pytestmark = [pytest.mark.full_profile, pytest.mark.usefixtures("good_case")]


@pytest.mark.requirement("OTA-CTL-010")
def test_waiting_at_start(scenario: Scenario) -> None:
    """A job made while the device is off is in the answer to its first request.

    The device has subscribed to no answer: the service sends it all the same.
    """
    cloud, device = scenario.cloud, scenario.device
    device.driver.power_cut()
    update = cloud.offer("1.0.1")
    device.power_on()
    device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(update.image)


@pytest.mark.requirement("OTA-CTL-009", "OTA-CTL-019")
def test_three_in_a_row(scenario: Scenario) -> None:
    """Three updates wait at once: each is done in its turn."""
    cloud, device = scenario.cloud, scenario.device
    updates = [cloud.offer(version) for version in ("1.0.1", "1.0.2", "1.0.3")]
    for update in updates:
        device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(updates[-1].image)


@pytest.mark.requirement("OTA-CTL-010")
def test_first_of_two_cancelled(scenario: Scenario) -> None:
    """Of two waiting jobs the first is cancelled before the device hears of it."""
    cloud, device = scenario.cloud, scenario.device
    device.driver.power_cut()
    first, second = cloud.offer("1.0.1"), cloud.offer("1.0.2")
    cloud.cancel(first)
    device.power_on()
    device.reports(second, "SUCCEEDED", "accepted")
    device.keeps(second.image)
    device.never_reported_terminal(first)
    device.never_booted(first.image)
