"""The power goes at any operation of the device's memory: it boots, and can still be updated."""

from __future__ import annotations

import pytest

from rig.powercut.power_cuts import PowerCuts


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-021", "OTA-TST-022")
@pytest.mark.needs_power_cuts
@pytest.mark.usefixtures("good_case")
def test_update(power_cuts: PowerCuts) -> None:
    """A power cut anywhere in an update leaves a device that boots the right image.

    1. A good update, watched: every operation on the memory that holds images and boot state.
    2. The power cut before, in and after each that matters: a whole image boots, the new one
       confirmed only if its commit was complete.
    3. After some of the cuts the update comes to an end, and the next one succeeds.
    """
    power_cuts.at_every_operation_of("update")


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-TST-022")
@pytest.mark.needs_power_cuts
@pytest.mark.usefixtures("good_case")
def test_rollback(power_cuts: PowerCuts) -> None:
    """A power cut anywhere in an update that is rolled back never makes its image permanent.

    1. An update that fails its self-test, watched to the boot of the image before.
    2. The power cut before, in and after each operation that matters: the image before boots, or
       the new one on its one trial.
    3. After some of the cuts the update comes to an end, and the next one succeeds.
    """
    power_cuts.at_every_operation_of("rollback")
