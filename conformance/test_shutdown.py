"""The agent shut down and started again by its application."""

from __future__ import annotations

import pytest

from rig.scenario import Scenario

pytestmark = [
    pytest.mark.full_profile,
    pytest.mark.needs_commands,
    pytest.mark.usefixtures("good_case"),
]
MANY_BLOCKS = 130_000


@pytest.mark.requirement("OTA-SHT-001", "OTA-SHT-002", "OTA-SHT-003")
def test_unsubscribes(scenario: Scenario) -> None:
    """Shut down in mid-download and told so, the agent unsubscribes, and reports nothing.

    1. The device downloads 1.0.1; the agent is shut down in the middle, told to unsubscribe.
    2. It unsubscribes notify-next and the stream, and publishes no status.
    3. Started again, it subscribes, asks for its job, and downloads all of it.
    """
    cloud, device = scenario.cloud, scenario.device
    cloud.hold_data_from(10)
    update = cloud.offer("1.0.1", size=MANY_BLOCKS)
    device.gets_block(9)
    device.command("shutdown", "1")
    cloud.release_data()
    device.is_left_alone()
    started = device.mark()
    device.command("start")
    device.asks_for_a_job(since=started)
    device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(update.image)


@pytest.mark.requirement("OTA-SHT-001", "OTA-SHT-002", "OTA-SHT-003")
def test_leaves_subscribed(scenario: Scenario) -> None:
    """Shut down while idle and told so, the agent leaves its subscriptions as they are."""
    device = scenario.device
    device.command("shutdown", "0")
    device.is_left_alone()
    started = device.mark()
    device.command("start")
    device.is_told_of_no_job(since=started)
    scenario.proves_alive()
