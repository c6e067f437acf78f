"""A newer, rightly signed image: downloaded, tested, kept."""

from __future__ import annotations

import pytest

from rig.scenario import Cloud, Device, Scenario


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


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-SIG-011", "OTA-SIG-012")
@pytest.mark.usefixtures("good_case")
def test_file_of_another_type(scenario: Scenario) -> None:
    """A file that is no firmware is done when it is verified: no self-test, no reset."""
    cloud, device = scenario.cloud, scenario.device
    update = cloud.offer("1.0.1", file_type=5)
    device.reports(update, "SUCCEEDED", "accepted")
    device.is_left_alone()
    device.booted_times(device.factory, 1)
    device.runs(device.factory)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-020")
@pytest.mark.usefixtures("good_case")
def test_longest_job_id(cloud: Cloud, device: Device) -> None:
    """A job id of 64 characters, the longest that AWS allows, works from start to end."""
    update = cloud.offer("1.0.1", update_id="longest".ljust(56, "-"))
    device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(update.image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-025", "OTA-JOB-026", "OTA-HTP-011")
@pytest.mark.needs_protocol("MQTT")
@pytest.mark.needs_protocol("HTTP")
def test_protocols_in_turn(scenario: Scenario) -> None:
    """One update by MQTT, one by HTTP, one by MQTT again, each by just the protocol it lists."""
    cloud, device = scenario.cloud, scenario.device
    for build, protocol in enumerate(("MQTT", "HTTP", "MQTT"), start=1):
        mark = device.mark()
        update = cloud.offer(f"1.0.{build}", protocols=[protocol])
        device.reports(update, "SUCCEEDED", "accepted")
        device.used_only(protocol, since=mark)
        device.runs(update.image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-JOB-026")
def test_both_protocols_in_the_other_order(cloud: Cloud, device: Device) -> None:
    """The order in which protocols are listed does not matter: the primary one is used."""
    update = cloud.offer("1.0.1", protocols=["HTTP", "MQTT"])
    device.reports(update, "SUCCEEDED", "accepted")
    device.runs(update.image)
    device.used_only(device.board.declares.primary_data_protocol)
