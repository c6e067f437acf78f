"""The flash of a simulated device keeps the promises of a real one (OTA spec §9)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from agent.fleet.memory_flash import MemoryFlash, MemoryPlatform, Tally
from agent.protocol.codes import ImageState, PalImageState, PalMainStatus
from agent.protocol.image import build_image
from agent.protocol.job_document import JobDocument
from agent.protocol.version import Version

OLD, NEW = Version(1, 0, 0), Version(1, 0, 1)
IMAGE = build_image(NEW, 1000)


class Device:
    """A flash and how often it was reset."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.flash = MemoryFlash(OLD)
        self.resets = 0
        self.platform = self.boot()
        self.document = JobDocument(
            job_id="job",
            self_test=False,
            updated_by=None,
            stream_name="stream",
            protocols='["MQTT"]',
            file_path="firmware.bin",
            file_size=len(IMAGE),
            file_id=0,
            cert_file="signer.pem",
            update_data_url=None,
            auth_scheme=None,
            attributes=0,
            file_type=0,
            signature=self.key.sign(IMAGE, ec.ECDSA(SHA256())),
        )

    def boot(self) -> MemoryPlatform:
        self.flash.boot()
        self.platform = MemoryPlatform(self.flash, self.key.public_key(), self._reset)
        return self.platform

    def receive(self, image: bytes = IMAGE) -> PalMainStatus:
        self.platform.create_file(self.document)
        for start in range(0, len(image), 256):
            self.platform.write_block(start, image[start : start + 256])
        return self.platform.close_file(self.document).main

    def _reset(self) -> None:
        self.resets += 1


@pytest.fixture
def device() -> Device:
    return Device()


def test_an_image_is_received_tried_and_committed(device: Device) -> None:
    assert device.receive() is PalMainStatus.SUCCESS
    device.platform.activate()
    assert device.resets == 1
    platform = device.boot()
    assert device.flash.running.version == NEW
    assert platform.image_state() is PalImageState.PENDING_COMMIT
    platform.set_image_state(ImageState.ACCEPTED)
    assert platform.image_state() is PalImageState.VALID
    device.boot()
    assert device.flash.running.version == NEW
    assert device.flash.tally == Tally(files=1, blocks=4, verified=1, activated=1, committed=1)


@pytest.mark.parametrize("refused", [True, False])
def test_what_was_not_committed_is_gone_after_the_trial(device: Device, refused: bool) -> None:
    device.receive()
    device.platform.activate()
    platform = device.boot()
    if refused:
        platform.set_image_state(ImageState.REJECTED)
        assert platform.image_state() is PalImageState.INVALID
    platform = device.boot()
    assert device.flash.running.version == OLD
    assert platform.image_state() is PalImageState.VALID


def test_one_altered_byte_fails_the_signature(device: Device) -> None:
    altered = IMAGE[:500] + bytes([IMAGE[500] ^ 1]) + IMAGE[501:]
    assert device.receive(altered) is PalMainStatus.SIGNATURE_CHECK_FAILED
    assert device.platform.activate().main is PalMainStatus.ACTIVATE_FAILED
    assert device.resets == 0


def test_a_signed_file_that_is_no_image_is_refused(device: Device) -> None:
    text = b"no image" * 125
    signature = device.key.sign(text, ec.ECDSA(SHA256()))
    device.document = replace(device.document, file_size=len(text), signature=signature)
    assert device.receive(text) is PalMainStatus.FILE_CLOSE


def test_nothing_is_received_during_a_trial(device: Device) -> None:
    device.receive()
    device.platform.activate()
    platform = device.boot()
    status = platform.create_file(device.document).main
    assert status is PalMainStatus.BOOT_INFO_CREATE_FAILED
    assert platform.write_block(0, b"x") == 0


def test_nothing_is_written_past_the_end(device: Device) -> None:
    device.platform.create_file(device.document)
    assert device.platform.write_block(len(IMAGE) - 1, b"xy") == 0
