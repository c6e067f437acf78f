"""Blocks that do not come as they were asked for."""

from __future__ import annotations

import pytest

from rig.scenario import Scenario
from rig.scenario.disturbance import (
    Edit,
    cut_off,
    indefinite,
    lengthened_payload,
    reordered,
    resized,
    set_to,
    shortened_payload,
    with_more_keys,
    without,
)
from rig.scenario.observing import is_unsubscribed_stream
from rig.scenario.sizes import ANOTHER_TYPE, SIZES, takes_file_of_size

NOWHERE = 5000
LAST = -1


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


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-DAT-036")
@pytest.mark.usefixtures("good_case")
def test_many(scenario: Scenario) -> None:
    """A download of many blocks is reported as often as the device declares.

    1. The device downloads 1.0.1, a window longer than the number of blocks from report to report.
    2. The image is complete, accepted and kept.
    """
    cloud, device = scenario.cloud, scenario.device
    declares = device.board.declares
    size = (declares.status_frequency + declares.window) * declares.block_size
    update = cloud.offer("1.0.1", size=size)
    device.reports(update, "SUCCEEDED", "accepted")
    device.keeps(update.image)


# -- blocks that come twice, late, or not at all -------------------------------------------------


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-DAT-016", "OTA-DAT-017")
@pytest.mark.usefixtures("good_case")
def test_duplicate(scenario: Scenario) -> None:
    """A block that comes twice changes nothing, and stands for no other block.

    1. The first block of 1.0.1 comes twice, the last one of its window not at all.
    2. The device waits for the request timer and asks for what is missing.
    3. The image is complete, accepted and runs.
    """
    cloud, device = scenario.cloud, scenario.device
    window = device.board.declares.window
    scenario.disturb.repeat_block(1)
    scenario.disturb.lose_blocks(max(2, window))
    update = cloud.offer("1.0.1", size=two_windows(scenario))
    device.reports(update, "SUCCEEDED", "accepted")
    device.runs(update.image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-RES-003")
@pytest.mark.usefixtures("good_case")
def test_flood(scenario: Scenario) -> None:
    """More messages than anybody asked for may be dropped; the transfer still completes."""
    cloud, device = scenario.cloud, scenario.device
    window = device.board.declares.window
    scenario.disturb.repeat_block(1, copies=3 * window + 1)
    update = cloud.offer("1.0.1", size=two_windows(scenario))
    device.reports(update, "SUCCEEDED", "accepted")
    device.runs(update.image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-DAT-014", "OTA-DAT-032")
@pytest.mark.usefixtures("good_case")
def test_lost(scenario: Scenario) -> None:
    """A block that is lost on the way is asked for again after the request timer.

    1. One block of the first window of 1.0.1 never comes.
    2. The device repeats its request after the time that it declares.
    3. The image is complete, accepted and runs.
    """
    cloud, device = scenario.cloud, scenario.device
    scenario.disturb.lose_blocks(min(3, device.board.declares.window))
    update = cloud.offer("1.0.1", size=two_windows(scenario))
    device.reports(update, "SUCCEEDED", "accepted")
    device.runs(update.image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-DAT-037")
@pytest.mark.usefixtures("good_case")
def test_lost_progress_report(scenario: Scenario) -> None:
    """A progress report that is lost, and so never answered, holds nothing up."""
    cloud, device = scenario.cloud, scenario.device
    scenario.disturb.lose_report()
    update = cloud.offer("1.0.1", size=two_windows(scenario))
    device.reports(update, "SUCCEEDED", "accepted")
    device.runs(update.image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-DAT-029", "OTA-DAT-030")
@pytest.mark.usefixtures("good_case")
def test_none_at_all(scenario: Scenario) -> None:
    """A device that gets no data gives up in the end, says so, and keeps its image.

    1. No block of 1.0.1 ever comes. The device repeats its request as often as it declares.
    2. It reports FAILED and still runs 1.0.0.
    3. Restarted, it takes the next update.
    """
    cloud, device = scenario.cloud, scenario.device
    scenario.disturb.lose_blocks(1, count=None)
    update = cloud.offer("1.0.1")
    device.reports(update, "FAILED")
    device.runs(device.factory)
    scenario.disturb.end()
    device.power_cycle()
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-DAT-031")
@pytest.mark.usefixtures("good_case")
def test_slow(scenario: Scenario) -> None:
    """A block that does come gives a device back all its attempts.

    1. Of 1.0.1 nothing comes for half of the attempts; then one block; then nothing again.
    2. All in all the device asked in vain as often as would end the job. It goes on.
    3. The image is complete, accepted and runs.
    """
    cloud, device = scenario.cloud, scenario.device
    declares = device.board.declares
    in_vain = -(-declares.momentum // 2) * declares.window
    scenario.disturb.lose_blocks(1, count=in_vain)
    scenario.disturb.lose_blocks(in_vain + 2, count=in_vain + declares.window - 1)
    update = cloud.offer("1.0.1", size=two_windows(scenario))
    device.reports(update, "SUCCEEDED", "accepted")
    device.runs(update.image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-DAT-033")
@pytest.mark.usefixtures("good_case")
def test_unsubscribed(scenario: Scenario) -> None:
    """After a download that ends without a restart the stream's data topic is unsubscribed."""
    cloud, device = scenario.cloud, scenario.device
    data = cloud.offer("1.0.1", file_type=ANOTHER_TYPE)
    device.reports(data, "SUCCEEDED", "accepted")
    device.may(is_unsubscribed_stream)
    scenario.proves_alive()


# -- messages that are wrong ---------------------------------------------------------------------

SPOILT: list[tuple[str, int, Edit, str]] = [
    ("wrong-size", 3, resized(-1), "OTA-DAT-019"),
    ("size-zero", 3, set_to("l", 0), "OTA-DAT-019"),
    ("size-negative", 3, set_to("l", -1), "OTA-DAT-019"),
    ("size-huge", 3, set_to("l", 0xFFFFFFFF), "OTA-DAT-019"),
    ("wrong-last-size", LAST, resized(-1), "OTA-DAT-020"),
    ("index-too-high", 3, set_to("i", NOWHERE), "OTA-DAT-021"),
    ("index-negative", 3, set_to("i", -1), "OTA-DAT-021"),
    ("index-huge", 3, set_to("i", 0xFFFFFFFF), "OTA-DAT-021"),
    ("not-cbor", 3, lambda _: b"this is no CBOR at all", "OTA-DAT-022"),
    ("json", 3, lambda _: b'{"f":0,"i":2,"l":4,"p":"AAAAAA=="}', "OTA-DAT-022"),
    ("no-map", 3, lambda _: b"\x84\x00\x02\x04\x40", "OTA-DAT-022"),
    ("no-bytes", 3, lambda _: b"", "OTA-DAT-022"),
    ("cut-off", 3, cut_off, "OTA-DAT-022"),
    ("no-index", 3, without("i"), "OTA-DAT-022"),
    ("no-payload", 3, without("p"), "OTA-DAT-022"),
    ("index-as-text", 3, set_to("i", "2"), "OTA-DAT-022"),
    ("payload-as-text", 3, set_to("p", "text"), "OTA-DAT-022"),
    ("payload-too-long", 3, lengthened_payload, "OTA-DAT-022"),
]


@pytest.mark.full_profile
@pytest.mark.parametrize(
    ("nth", "edit"),
    [
        pytest.param(
            nth,
            edit,
            id=name,
            marks=pytest.mark.requirement(requirement, "OTA-DAT-023", "OTA-DAT-024", "OTA-DAT-025"),
        )
        for name, nth, edit, requirement in SPOILT
    ],
)
@pytest.mark.usefixtures("good_case")
def test_spoilt(scenario: Scenario, nth: int, edit: Edit) -> None:
    """A data message that is wrong fails the job, and nothing of its image ever runs.

    1. The third message, or the last, of 1.0.1 is spoilt on its way.
    2. The device reports FAILED, asks for no more blocks, and still runs 1.0.0.
    3. A good update is accepted, without a restart between.
    """
    cloud, device = scenario.cloud, scenario.device
    device.runs(device.factory)
    image = cloud.images.make("1.0.1")
    blocks = -(-image.size // device.board.declares.block_size)
    scenario.disturb.spoil_block(blocks if nth == LAST else nth, edit)
    update = cloud.offer(image)
    device.reports(update, "FAILED")
    device.runs(device.factory)
    scenario.disturb.end()
    scenario.proves_alive()
    device.booted_times(device.factory, 1)
    device.never_booted(image)


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-DAT-027")
@pytest.mark.usefixtures("good_case")
def test_short_payload(scenario: Scenario) -> None:
    """A block with fewer bytes than it says never becomes part of an image that is accepted."""
    cloud, device = scenario.cloud, scenario.device
    device.runs(device.factory)
    scenario.disturb.spoil_block(3, shortened_payload)
    update = cloud.offer("1.0.1")
    device.reports(update, "FAILED")
    device.keeps(device.factory)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-DAT-028")
@pytest.mark.usefixtures("good_case")
def test_foreign_file(scenario: Scenario) -> None:
    """A block with the id of another file may be taken or not; the device is none the worse."""
    cloud, device = scenario.cloud, scenario.device
    scenario.disturb.spoil_block(3, set_to("f", 77))
    update = cloud.offer("1.0.1")
    succeeded = device.ends(update).status == "SUCCEEDED"
    device.runs(update.image if succeeded else device.factory)
    scenario.proves_alive()


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-DAT-026")
@pytest.mark.usefixtures("good_case")
def test_unusual_encoding(scenario: Scenario) -> None:
    """Messages that say the same in other words are understood.

    Of 1.0.1 one block comes with its keys in another order, one with more keys, one as a map of
    indefinite length.
    """
    cloud, device = scenario.cloud, scenario.device
    for nth, edit in enumerate((reordered, with_more_keys, indefinite), start=1):
        scenario.disturb.spoil_block(nth, edit)
    update = cloud.offer("1.0.1")
    device.reports(update, "SUCCEEDED", "accepted")
    device.runs(update.image)


# -- sizes ---------------------------------------------------------------------------------------


@pytest.mark.full_profile
@pytest.mark.requirement("OTA-DAT-018", "OTA-DAT-038")
@pytest.mark.parametrize(
    ("blocks", "extra"), [pytest.param(*size, id=name) for name, size in SIZES.items()]
)
@pytest.mark.usefixtures("good_case")
def test_sizes(scenario: Scenario, blocks: int, extra: int) -> None:
    """A file of any size is taken whole, whatever its last block holds."""
    takes_file_of_size(scenario, blocks, extra, "MQTT")


def two_windows(scenario: Scenario) -> int:
    """The size of an image that takes two full windows, in bytes."""
    declares = scenario.device.board.declares
    return 2 * declares.window * declares.block_size
