"""Blocks that do not come as they were asked for."""

from __future__ import annotations

import pytest

from rig.scenario import Scenario


@pytest.mark.requirement("OTA-DAT-015")
def test_out_of_order(scenario: Scenario) -> None:
    """Blocks may come in any order: each goes to its own place in the image.

    1. The device downloads 1.0.1; its third block comes only after the others of its window.
    2. The image is complete, verified, accepted and kept.
    """
    cloud, device = scenario.cloud, scenario.device
    window = device.board.declares.window
    cloud.hold_block(2)
    update = cloud.offer("1.0.1", size=2 * window * device.board.declares.block_size)
    device.gets_block(max(1, window - 1))
    cloud.release_data()
    device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(update.image)
