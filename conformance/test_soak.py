"""Endurance: as many updates in a row as somebody asks for with `--soak`."""

from __future__ import annotations

import pytest

from rig.soak import Soak

pytestmark = pytest.mark.soak


def test_updates_in_a_row(soak: Soak) -> None:
    """Each update is newer than the one before it, goes into the other slot, and is accepted."""
    for number in soak.numbers:
        with soak.update(number) as scenario:
            cloud, device = scenario.cloud, scenario.device
            current = device.running_version()
            newer = f"{current.major}.{current.minor}.{current.build + 1}"
            update = cloud.offer(newer, protocols=device.board.declares.data_protocols)
            device.reports(update, "SUCCEEDED", "accepted")
            device.runs(update.image)
