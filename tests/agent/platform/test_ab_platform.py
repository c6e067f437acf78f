"""What the platform layer accepts, refuses, and leaves on the medium (OTA spec §9)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.platform.ab_platform import FailingCall
from agent.platform.boot_state import BootState, Trial, TrialPhase
from agent.platform.slots import Slot
from agent.protocol.codes import ImageState, PalImageState
from tests.agent.platform.device import OTHER_KEY, SLOT_SIZE, Device, document, image, receive, sign
from tests.agent.platform.power_cut import RefusingFilesystem

NEW = image("1.0.1")
SIGNATURE = sign(NEW)
TEXT = b"validly signed text, not an image" * 10
ELSE = image("1.0.1", product="toaster")
LONGER = NEW + b"x"

CLOSES: dict[str, tuple[bytes, bytes | None, int]] = {
    "good": (NEW, SIGNATURE, 0),
    "unsigned": (NEW, None, 0xE3000001),
    "empty signature": (NEW, b"", 0xE3000001),
    "other signer": (NEW, sign(NEW, OTHER_KEY), 0xE3000002),
    "not a signature": (NEW, b"\x30\x00junk", 0xE3000002),
    "signature of something else": (NEW, sign(TEXT), 0xE3000002),
    "signed text": (TEXT, sign(TEXT), 0xEE000001),
    "one byte": (b"x", sign(b"x"), 0xEE000001),
    "another product": (ELSE, sign(ELSE), 0xEE000002),
    "bytes after the end": (LONGER, sign(LONGER), 0xEE000003),
}


@pytest.mark.parametrize(("data", "signature", "status"), CLOSES.values(), ids=CLOSES.keys())
def test_close(tmp_path: Path, data: bytes, signature: bytes | None, status: int) -> None:
    device = Device(tmp_path)
    platform = device.run()
    assert receive(platform, data, signature) == status
    platform.abort()
    activated = platform.activate().value
    assert activated == (0 if status == 0 else 0xEC000000)
    assert device.resets == (1 if status == 0 else 0)
    trial = device.store.load().trial
    assert (trial is not None) == (status == 0)
    assert Slot.A.path(tmp_path).read_bytes() == image("1.0.0")


def unusable_keys(root: Path) -> dict[str, tuple[Path, ...]]:
    (root / "junk.pem").write_text("-----BEGIN CERTIFICATE-----\njunk\n")
    (root / "empty.pem").write_bytes(b"")
    return {
        "none": (),
        "missing": (root / "absent.pem",),
        "junk": (root / "junk.pem",),
        "empty": (root / "empty.pem",),
        "directory": (root,),
    }


@pytest.mark.parametrize("which", ["none", "missing", "junk", "empty", "directory"])
def test_unusable_signer_key(tmp_path: Path, which: str) -> None:
    platform = Device(tmp_path).run(keys=unusable_keys(tmp_path)[which])
    assert receive(platform, NEW, SIGNATURE) == 0xE7000000


def test_one_usable_key_among_unusable_ones_is_enough(tmp_path: Path) -> None:
    device = Device(tmp_path)
    platform = device.run(keys=(tmp_path / "absent.pem", device.key_file))
    assert receive(platform, NEW, SIGNATURE) == 0


@pytest.mark.parametrize(
    "path", ["../outside", "/tmp/outside", "slot_a.bin", "", "boot_state.json"]
)
@pytest.mark.parametrize("file_type", [0, 2])
def test_file_path_of_the_job_is_never_used(tmp_path: Path, path: str, file_type: int) -> None:
    root = tmp_path / "root"
    root.mkdir()
    device = Device(root)
    before = Slot.A.path(root).read_bytes()
    platform = device.run()
    assert receive(platform, NEW, SIGNATURE, path=path, file_type=file_type) == 0
    written = {p.name for p in root.iterdir()} - {"slot_a.bin", "signer.pem"}
    assert written == {"slot_b.bin" if file_type == 0 else "asset_2.bin"}
    assert [p.name for p in tmp_path.iterdir()] == ["root"]
    assert Slot.A.path(root).read_bytes() == before


def test_other_file_types_are_not_activated(tmp_path: Path) -> None:
    device = Device(tmp_path)
    platform = device.run()
    assert receive(platform, NEW, SIGNATURE, file_type=2) == 0
    assert platform.activate().value == 0xEC000000
    assert device.resets == 0


def test_file_larger_than_the_slot(tmp_path: Path) -> None:
    platform = Device(tmp_path).run()
    job = document(bytes(SLOT_SIZE + 1), SIGNATURE)
    assert platform.create_file(job).value == 0xE5000000
    assert not Slot.B.path(tmp_path).exists()


def test_target_is_erased_before_it_is_written(tmp_path: Path) -> None:
    Slot.B.path(tmp_path).write_bytes(b"old" * 5000)
    platform = Device(tmp_path).run()
    assert platform.create_file(document(NEW, SIGNATURE)).value == 0
    assert Slot.B.path(tmp_path).read_bytes() == bytes(len(NEW))


@pytest.mark.parametrize(("offset", "size"), [(-1, 1), (1000, 1), (999, 2), (1 << 40, 1)])
def test_nothing_is_written_outside_the_file(tmp_path: Path, offset: int, size: int) -> None:
    platform = Device(tmp_path).run()
    platform.create_file(document(NEW, SIGNATURE))
    assert platform.write_block(offset, bytes(size)) == 0
    assert Slot.B.path(tmp_path).stat().st_size == len(NEW)


def test_calls_without_a_file(tmp_path: Path) -> None:
    platform = Device(tmp_path).run()
    assert platform.abort().value == 0
    assert platform.write_block(0, b"x") == 0
    assert platform.close_file(document(NEW, SIGNATURE)).value == 0xE2000000
    assert platform.activate().value == 0xEC000000


def test_new_file_forgets_a_verified_one(tmp_path: Path) -> None:
    device = Device(tmp_path)
    platform = device.run()
    assert receive(platform, NEW, SIGNATURE) == 0
    platform.create_file(document(NEW, SIGNATURE))
    assert platform.activate().value == 0xEC000000
    assert device.store.load() == BootState()


# -- image states -------------------------------------------------------------------------------


def on_trial(device: Device) -> None:
    Slot.B.path(device.root).write_bytes(NEW)
    device.store.save(BootState(Slot.A, Trial(Slot.B, TrialPhase.RUNNING, "00" * 32)))


def test_accepting_commits_the_trial(tmp_path: Path) -> None:
    device = Device(tmp_path)
    on_trial(device)
    platform = device.run(Slot.B)
    assert platform.image_state() is PalImageState.PENDING_COMMIT
    assert platform.set_image_state(ImageState.TESTING).value == 0
    assert platform.image_state() is PalImageState.PENDING_COMMIT
    assert platform.set_image_state(ImageState.ACCEPTED).value == 0
    assert platform.image_state() is PalImageState.VALID
    assert device.store.load() == BootState(Slot.B)


@pytest.mark.parametrize("state", [ImageState.REJECTED, ImageState.ABORTED])
def test_refused_trial_cannot_be_committed_any_more(tmp_path: Path, state: ImageState) -> None:
    device = Device(tmp_path)
    on_trial(device)
    platform = device.run(Slot.B)
    assert platform.set_image_state(state).value == 0
    assert platform.image_state() is PalImageState.INVALID
    assert platform.set_image_state(ImageState.ACCEPTED).value == 0xEB000000
    trial = device.store.load().trial
    assert trial is not None
    assert trial.phase is TrialPhase.REJECTED


@pytest.mark.parametrize("state", [ImageState.REJECTED, ImageState.ABORTED, ImageState.ACCEPTED])
def test_confirmed_image_stays_confirmed(tmp_path: Path, state: ImageState) -> None:
    device = Device(tmp_path)
    platform = device.run()
    assert platform.set_image_state(state).value == 0
    assert platform.image_state() is PalImageState.VALID
    assert device.store.load() == BootState()


@pytest.mark.parametrize("state", [ImageState.REJECTED, ImageState.ABORTED])
def test_rejection_disarms_a_received_image(tmp_path: Path, state: ImageState) -> None:
    device = Device(tmp_path)
    platform = device.run()
    assert receive(platform, NEW, SIGNATURE) == 0
    platform.activate()
    assert device.store.load().trial is not None
    assert platform.set_image_state(state).value == 0
    assert device.store.load() == BootState()


def test_unknown_state_is_refused(tmp_path: Path) -> None:
    assert Device(tmp_path).run().set_image_state(ImageState.UNKNOWN).value == 0xE8000000


def test_image_on_trial_never_touches_the_good_slot(tmp_path: Path) -> None:
    device = Device(tmp_path)
    on_trial(device)
    platform = device.run(Slot.B)
    assert platform.create_file(document(NEW, SIGNATURE)).value == 0xE6000001
    platform.set_image_state(ImageState.REJECTED)
    assert platform.create_file(document(NEW, SIGNATURE)).value == 0xE6000001
    assert Slot.A.path(tmp_path).read_bytes() == image("1.0.0")


# -- a medium that fails ------------------------------------------------------------------------


def fails(device: Device, operation: str, act: Callable[[], int]) -> int:
    assert isinstance(device.fs, RefusingFilesystem)
    device.fs.refuse = operation
    return act()


@pytest.mark.parametrize(
    ("operation", "status"), [("create", 0xE4000005), ("nothing", 0)], ids=["create", "good"]
)
def test_medium_fails_at_creation(tmp_path: Path, operation: str, status: int) -> None:
    platform = Device(tmp_path, RefusingFilesystem(operation)).run()
    assert platform.create_file(document(NEW, SIGNATURE)).value == status


def test_medium_fails_at_a_block(tmp_path: Path) -> None:
    device = Device(tmp_path, RefusingFilesystem(""))
    platform = device.run()
    platform.create_file(document(NEW, SIGNATURE))
    assert fails(device, "write_at", lambda: platform.write_block(0, NEW[:256])) == -1


def test_medium_fails_at_close(tmp_path: Path) -> None:
    device = Device(tmp_path, RefusingFilesystem(""))
    platform = device.run()
    job = document(NEW, SIGNATURE)
    platform.create_file(job)
    assert fails(device, "sync", lambda: platform.close_file(job).value) == 0xEE000005


def test_medium_fails_at_the_boot_record(tmp_path: Path) -> None:
    device = Device(tmp_path, RefusingFilesystem(""))
    on_trial(device)
    platform = device.run(Slot.B)
    codes = [
        fails(device, "replace", lambda s=state: platform.set_image_state(s).value)  # type: ignore[misc]
        for state in (ImageState.ACCEPTED, ImageState.REJECTED, ImageState.ABORTED)
    ]
    assert codes == [0xEB000005, 0xEA000005, 0xE9000005]
    assert platform.image_state() is PalImageState.PENDING_COMMIT


def test_file_creation_made_to_fail_once(tmp_path: Path) -> None:
    platform = Device(tmp_path).run()
    platform.fail_next = FailingCall.CREATE_FILE
    assert platform.create_file(document(NEW, SIGNATURE)).value == 0xE4000002
    assert receive(platform, NEW, SIGNATURE) == 0


def test_reset_made_to_fail_once(tmp_path: Path) -> None:
    device = Device(tmp_path)
    platform = device.run()
    platform.fail_next = FailingCall.RESET
    platform.reset()
    assert device.resets == 0
    platform.reset()
    assert device.resets == 1
