"""A newer, rightly signed image: downloaded, tested, kept."""

from __future__ import annotations

import pytest

from rig.scenario import Cloud, Device


@pytest.mark.requirement("OTA-SIG-001", "OTA-SIG-010", "OTA-TST-001", "OTA-TST-003", "OTA-TST-006")
def test_newer_version_by_mqtt(cloud: Cloud, device: Device) -> None:
    """A newer version offered by MQTT is downloaded, self-tested, accepted and kept.

    1. The device runs 1.0.0 and is offered 1.0.1, over the stream.
    2. It reports self_test ready, boots 1.0.1, reports self_test active, then SUCCEEDED.
    3. 1.0.1 runs, is in the slot that runs, and is still there after a power cycle.
    """
    update = cloud.offer("1.0.1", protocols=["MQTT"], size=130_000)
    device.reaches_self_test(update, "ready")
    device.reaches_self_test(update, "active")
    device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(update.image)


@pytest.mark.requirement("OTA-HTP-001", "OTA-HTP-002", "OTA-HTP-003", "OTA-HTP-004", "OTA-HTP-011")
@pytest.mark.needs_protocol("HTTP")
def test_newer_version_by_http(cloud: Cloud, device: Device) -> None:
    """A newer version offered by HTTP only comes over the URL, in ranges, and is kept."""
    update = cloud.offer("1.0.1", protocols=["HTTP"], size=130_000)
    device.reaches_self_test(update, "ready")
    device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(update.image)


@pytest.mark.requirement("OTA-JOB-025", "OTA-JOB-026")
def test_both_protocols_offered(cloud: Cloud, device: Device) -> None:
    """With both protocols offered the device uses the one it declares as primary."""
    update = cloud.offer("1.0.1", protocols=["MQTT", "HTTP"])
    device.reports(update, "SUCCEEDED", "accepted")
    device.runs(update.image)
    device.used_only(device.board.declares.primary_data_protocol)
