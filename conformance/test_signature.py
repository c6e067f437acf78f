"""Images that must be refused for their signature: never activated, never bootable."""

from __future__ import annotations

import pytest

from rig.scenario import Scenario, Signing

REFUSED = [
    pytest.param(
        Signing.CORRUPTED_SIGNATURE,
        marks=pytest.mark.requirement("OTA-SIG-004", "OTA-SIG-005", "OTA-SIG-009"),
        id="bad-signature",
    ),
    pytest.param(
        Signing.WRONG_KEY,
        marks=pytest.mark.requirement("OTA-SIG-006", "OTA-SIG-009"),
        id="untrusted-signer",
    ),
    pytest.param(
        Signing.CORRUPTED_IMAGE,
        marks=pytest.mark.requirement("OTA-SIG-004", "OTA-SIG-009"),
        id="image-corrupted-after-signing",
    ),
    pytest.param(
        Signing.NONE,
        marks=pytest.mark.requirement("OTA-SIG-007", "OTA-SIG-009"),
        id="unsigned",
    ),
]


@pytest.mark.parametrize("signing", REFUSED)
@pytest.mark.usefixtures("good_case")
def test_refused(scenario: Scenario, signing: Signing) -> None:
    """An image whose signature does not hold is downloaded, refused and never run.

    1. The device runs 1.0.0 and is offered 1.0.1, complete but wrongly signed.
    2. It reports FAILED and goes on running 1.0.0, also after a power cycle.
    3. Alive: a good update offered next is accepted.
    """
    cloud, device = scenario.cloud, scenario.device
    update = cloud.offer("1.0.1", signing=signing)
    device.reports(update, "FAILED")
    device.keeps(device.factory)
    device.never_booted(update.image)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-SIG-007", "OTA-SIG-008")
@pytest.mark.usefixtures("good_case")
def test_no_usable_certificate(scenario: Scenario) -> None:
    """A device that has nothing to verify with refuses every image, and should say so.

    1. The device is provisioned without any signer to trust, and offered a good 1.0.1.
    2. It reports FAILED and goes on running 1.0.0.
    3. Provisioned as usual, it takes an update.
    """
    cloud, device = scenario.cloud, scenario.device
    device.start_anew(trusting=False)
    update = cloud.offer("1.0.1", signing=Signing.UNUSABLE_CERTIFICATE)
    device.reports(update, "FAILED")
    device.keeps(device.factory)
    device.never_booted(update.image)
    device.start_anew()
    scenario.proves_alive()
