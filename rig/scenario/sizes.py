"""Files of awkward sizes: about one block, and about as many as fill a byte of the bitmap."""

from __future__ import annotations

from rig.scenario.images import Image, data_file
from rig.scenario.scenario import Scenario

ANOTHER_TYPE = 5
"""A file type that is not firmware: the file is verified and reported, nothing boots."""
BITMAP_BYTE = 8
SIZES: dict[str, tuple[int, int]] = {
    "one-byte": (0, 1),
    "one-byte-less": (1, -1),
    "one-block": (1, 0),
    "one-byte-more": (1, 1),
    "eight-blocks": (BITMAP_BYTE, 0),
    "eight-blocks-and-a-byte": (BITMAP_BYTE, 1),
}
"""Blocks and bytes more."""


def takes_file_of_size(scenario: Scenario, blocks: int, extra: int, protocol: str) -> None:
    """A file of so many blocks and bytes is taken whole.

    It is firmware, which a probe can see in flash, where the board's images can have this size, or
    for eight blocks a multiple of it; else it is a file of another type.
    """
    cloud, device = scenario.cloud, scenario.device
    image = _firmware(scenario, blocks, extra)
    if image is not None:
        update = cloud.offer(image, protocols=[protocol])
        device.reports(update, "SUCCEEDED", "accepted")
        device.runs(image)
        return
    file = data_file(blocks * device.board.declares.block_size + extra)
    data = cloud.offer(file, protocols=[protocol], file_type=ANOTHER_TYPE)
    device.reports(data, "SUCCEEDED", "accepted")
    device.runs(device.factory)


def _firmware(scenario: Scenario, blocks: int, extra: int) -> Image | None:
    """An image of just this size, or of a multiple that ends in the bitmap as this one does."""
    step = blocks * scenario.device.board.declares.block_size
    image = scenario.cloud.images.make("1.0.1", size=step + extra)
    if image.size > step + extra and blocks == BITMAP_BYTE:
        multiple = -(-image.size // step) * step
        image = scenario.cloud.images.make("1.0.1", size=multiple + extra)
        return image if image.size == multiple + extra else None
    return image if image.size == step + extra else None
