"""What the boot loader announces, and what it does with images that end or hang."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.platform.boot_loader import EXIT_RESET, Boot, BootError, BootLoader, choose_boot
from agent.platform.boot_state import STATE_FILE, BootState, Trial, TrialPhase
from agent.platform.filesystem import OsFilesystem
from agent.platform.slots import Slot
from tests.agent.platform.device import Device, image

NEW = image("1.0.1")
OLD_LINE = f"boot: version=1.0.0 slot=A marker={'00' * 16} state=valid"
NEW_LINE = f"boot: version=1.0.1 slot=B marker={'00' * 16} state=pending_commit"
ROLLBACK = "boot: rollback from=1.0.1 to=1.0.0"


def armed(root: Path, content: bytes = NEW) -> Device:
    """A device whose new image has just been activated."""
    device = Device(root)
    Slot.B.path(root).write_bytes(content)
    digest = hashlib.sha256(NEW).hexdigest()
    device.store.save(BootState(Slot.A, Trial(Slot.B, TrialPhase.ARMED, digest)))
    return device


def test_trial_is_announced_once_and_then_rolled_back(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    device = armed(tmp_path)
    boots = [choose_boot(device.store) for _ in range(3)]
    assert [boot.trial for boot in boots] == [True, False, False]
    assert capfd.readouterr().out.splitlines() == [NEW_LINE, ROLLBACK, OLD_LINE, OLD_LINE]


def test_image_changed_after_its_verification_never_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    choose_boot(armed(tmp_path, NEW[:-1] + b"!").store)
    assert capfd.readouterr().out.splitlines() == [ROLLBACK, OLD_LINE]


def test_no_image(tmp_path: Path) -> None:
    device = Device(tmp_path)
    Slot.A.path(tmp_path).unlink()
    with pytest.raises(BootError, match=r"no image in .*slot_a\.bin.*provision"):
        choose_boot(device.store)
    Slot.A.path(tmp_path).write_bytes(b"junk")
    with pytest.raises(BootError, match="holds no image"):
        choose_boot(device.store)


def test_unreadable_record(tmp_path: Path) -> None:
    device = Device(tmp_path)
    (tmp_path / STATE_FILE).write_bytes(b"{")
    with pytest.raises(BootError, match="not a boot record"):
        choose_boot(device.store)


def run_loader(root: Path, run_image: Callable[[Boot], int], trial_time_s: float = 5.0) -> int:
    """Run a boot loader in a process of its own until an image ends it with SIGTERM; returns its
    exit status. A process, because it waits with blocked signals."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            BootLoader(root, OsFilesystem(), trial_time_s, run_image).run()
            status = 0
        except BaseException as error:
            print(f"loader failed: {error!r}", file=sys.stderr)
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def stop_device() -> None:
    os.kill(os.getppid(), signal.SIGTERM)
    signal.pause()


def boots_of(capfd: pytest.CaptureFixture[str]) -> list[str]:
    out, _ = capfd.readouterr()
    return [line for line in out.splitlines() if line.startswith("boot: ")]


def test_reset_of_an_uncommitted_trial(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    armed(tmp_path)

    def run_image(boot: Boot) -> int:
        if not boot.trial:
            stop_device()
        return EXIT_RESET

    assert run_loader(tmp_path, run_image) == 0
    assert boots_of(capfd) == [NEW_LINE, ROLLBACK, OLD_LINE]


def test_hanging_trial_is_killed_by_the_watchdog(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    armed(tmp_path)

    def run_image(boot: Boot) -> int:
        if not boot.trial:
            stop_device()
        signal.pause()
        return 0

    assert run_loader(tmp_path, run_image, trial_time_s=0.1) == 0
    assert boots_of(capfd) == [NEW_LINE, ROLLBACK, OLD_LINE]


def test_committed_trial_is_left_alone_by_the_watchdog(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    device = armed(tmp_path)
    went_on = tmp_path / "went_on"

    def run_image(boot: Boot) -> int:
        device.store.save(BootState(boot.slot))
        signal.sigtimedwait([], 0.3)
        went_on.touch()
        stop_device()
        return 0

    assert run_loader(tmp_path, run_image, trial_time_s=0.1) == 0
    assert boots_of(capfd) == [NEW_LINE]
    assert went_on.exists()


def test_crashing_confirmed_image_is_started_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Device(tmp_path)
    count = tmp_path / "count"

    def run_image(_: Boot) -> int:
        with count.open("a") as file:
            file.write(".")
        if len(count.read_text()) == 3:
            stop_device()
        raise ValueError("bad image")

    assert run_loader(tmp_path, run_image) == 0
    out, _ = capfd.readouterr()
    assert out.count(OLD_LINE) == 3
    assert out.count("ota: image crashed: ValueError: bad image") == 2
    assert "again in 0.05 s" in out
    assert "again in 0.1 s" in out
