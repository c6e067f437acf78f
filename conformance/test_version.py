"""Versions that are not newer: found out in self-test, reported, rolled back."""

from __future__ import annotations

import pytest

from rig.scenario import Scenario

NOT_NEWER = [
    pytest.param(
        "1.0.0",
        "rejected: 0x00000010",
        marks=pytest.mark.requirement("OTA-TST-007", "OTA-TST-009", "OTA-TST-010", "OTA-TST-011"),
        id="same-version",
    ),
    pytest.param(
        "0.9.9",
        "rejected: 0x0000000f",
        marks=pytest.mark.requirement("OTA-TST-008", "OTA-TST-009", "OTA-TST-010", "OTA-TST-011"),
        id="older-version",
    ),
]


@pytest.mark.parametrize(("version", "reason"), NOT_NEWER)
@pytest.mark.usefixtures("good_case")
def test_not_newer(scenario: Scenario, version: str, reason: str) -> None:
    """A rightly signed image that is not newer boots once, reports so and is rolled back.

    1. The device runs 1.0.0 and is offered the same or an older version.
    2. The new image reports FAILED without ever reporting self_test active.
    3. The device is back on 1.0.0, and alive.
    """
    cloud, device = scenario.cloud, scenario.device
    update = cloud.offer(version)
    report = device.reports(update, "FAILED", reason)
    device.returns_to(device.factory, since=report.position)
    device.keeps(device.factory)
    scenario.proves_alive()
