"""A power cut at every flash operation of an update, on the host build of platform and boot loader.

Whatever was done in part, the next boot starts a whole image: the confirmed one, or the new one
that was verified; and the device can be updated from there.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from agent.protocol.image import HEADER_SIZE, Behaviour, build_image
from agent.protocol.version import Version
from targets.board import Declares
from targets.firmware.image import PRODUCT
from tests.targets.firmware.host_chip import NEVER, Chip, Plan
from tests.targets.firmware.host_library import Slice
from tests.targets.firmware.provisioning import device_page

SLOTS = (0x5000, 0x22800)
DEVICE_PAGE = 0x3C00
BLOCK = 256
SIZE = 1300
ACCEPTED, REJECTED = 2, 3
BOOT_IMAGE = 0
ENTRY = (0x20004000).to_bytes(4, "little") + bytes(12)
SIGNATURE = bytes.fromhex("3006020101020102")
TORN_PATTERNS = (0x00000000, 0x00FF5533)


@cache
def image(build: int) -> bytes:
    marker = hashlib.sha256(bytes([build])).digest()[:16]
    content = build_image(Version(1, 0, build), SIZE, Behaviour.PASS, PRODUCT, marker, build)
    return content[:HEADER_SIZE] + ENTRY + content[HEADER_SIZE + len(ENTRY) :]


class PowerCutError(Exception):
    """The power is gone; what the code would do next does not count."""


class Device:
    """The platform layer, called as the agent calls it; each call may be the last."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self._library = chip.library
        self._library.platform_write_block.restype = ctypes.c_bool
        self.plan = Plan()

    def boot(self) -> int:
        """Start the device; returns the slot that runs."""
        choice = self._library.boot_choose(0, ctypes.byref(self.plan))
        self._lives()
        assert choice == BOOT_IMAGE
        self._library.platform_begin(self.plan.slot, self.plan.trial)
        return int(self.plan.slot)

    def receive(self, content: bytes) -> None:
        library = self._library
        assert library.platform_create_file(len(content)) == 0 or self._chip.was_cut
        self._lives()
        for offset in range(0, len(content), BLOCK):
            piece = ctypes.create_string_buffer(content[offset : offset + BLOCK])
            size = min(BLOCK, len(content) - offset)
            library.platform_write_block(offset, Slice(ctypes.addressof(piece), size))
            self._lives()
        assert library.platform_close_file(len(content), True, SIGNATURE, len(SIGNATURE)) == 0
        library.platform_activate()
        self._lives()

    def decide(self, state: int) -> None:
        self._library.platform_set_image_state(state)
        self._lives()

    def _lives(self) -> None:
        if self._chip.was_cut:
            raise PowerCutError


@pytest.fixture
def chip(host: ctypes.CDLL) -> Iterator[Chip]:
    chip = Chip(host)
    yield chip
    chip.cut_after(NEVER)
    chip.erase()


def factory(chip: Chip) -> None:
    chip.cut_after(NEVER)
    chip.erase()
    chip.put(DEVICE_PAGE, device_page("thing", [bytes(64)], Declares()))
    chip.put(SLOTS[0], image(0))


def accepted(device: Device) -> None:
    device.boot()
    device.receive(image(1))
    device.boot()
    device.decide(ACCEPTED)
    device.boot()


def rejected(device: Device) -> None:
    device.boot()
    device.receive(image(1))
    device.boot()
    device.decide(REJECTED)
    device.boot()


def hung(device: Device) -> None:
    device.boot()
    device.receive(image(1))
    device.boot()
    device.boot()


def twice(device: Device) -> None:
    accepted(device)
    device.receive(image(2))
    device.boot()
    device.decide(ACCEPTED)


@pytest.mark.parametrize("torn", TORN_PATTERNS, ids=hex)
@pytest.mark.parametrize(("life", "wanted"), [(accepted, 1), (rejected, 0), (hung, 0), (twice, 2)])
def test_cut_at_every_operation(
    chip: Chip, life: Callable[[Device], None], wanted: int, torn: int
) -> None:
    operations = 0
    while True:
        operations += 1
        factory(chip)
        chip.cut_after(operations, torn)
        device = Device(chip)
        with contextlib.suppress(PowerCutError):
            life(device)
        finished = not chip.was_cut
        chip.cut_after(NEVER)
        first = running_image(chip, device)
        if device.plan.trial:
            # A trial that nobody commits is over with the next boot.
            assert running_image(chip, device) != first
            assert not device.plan.trial
        if finished:
            break
        device.receive(image(9))
        assert running_image(chip, device) == 9
        device.decide(ACCEPTED)
        assert running_image(chip, device) == 9
    assert first == wanted
    assert operations > SIZE // 4


def running_image(chip: Chip, device: Device) -> int:
    """Boot; the number of the image that runs, which must be whole."""
    content = chip.content(SLOTS[device.boot()], SIZE)
    for number in (0, 1, 2, 9):
        if content == image(number):
            return number
    raise AssertionError("an image that is not whole was started")
