"""New images that fail their self-test: the device ends on the old image and says why."""

from __future__ import annotations

import pytest

from agent.protocol.image import Behaviour
from rig.scenario import Scenario

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
