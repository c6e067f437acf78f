"""The boot loader: a small parent process that starts images and rolls back failed trials.

Each start of an image is a process of its own, made with ``fork`` from this single-threaded
parent after all modules are imported: a fresh process as far as state goes, without paying
for the interpreter and the imports again, so a restart takes milliseconds as on a microcontroller.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.console import say
from agent.platform.boot_plan import Planner, plan_boot
from agent.platform.boot_state import BootState, BootStateError, BootStateStore, TrialPhase
from agent.platform.filesystem import Filesystem
from agent.platform.image_check import header_of
from agent.platform.signature import digest_file
from agent.platform.slots import Slot
from agent.protocol.image import ImageError, ImageHeader

EXIT_RESET = 75
"""Exit status of an image that asked for a reset."""
BACKOFF_START_S = 0.05
BACKOFF_LIMIT_S = 2.0
STEADY_RUN_S = 5.0
"""An image that ran this long does not count as crashing at once."""

_PR_SET_PDEATHSIG = 1
_SIGNALS = frozenset({signal.SIGCHLD, signal.SIGTERM, signal.SIGINT})


class BootError(Exception):
    """The device cannot start any image; the message is one line for the user."""


@dataclass(frozen=True)
class Boot:
    """What an image is told about its own start."""

    slot: Slot
    header: ImageHeader
    trial: bool


@dataclass(frozen=True)
class Ended:
    """How the image's process ended: its exit status (negative: signal) and its run time (s)."""

    status: int
    run_s: float


class Stopped(Exception):  # noqa: N818 - a request, not an error
    """The boot loader was told to stop."""


def choose_boot(
    store: BootStateStore, plan: Planner = plan_boot, tell: Callable[[str], None] = say
) -> Boot:
    """Decide, store and announce the next boot to ``tell``. Raises :class:`BootError`."""
    root = store.root
    try:
        state = store.load()
        decided = plan(state, _armed_image_intact(state, root))
        if decided.store is not None:
            store.save(decided.store)
    except BootStateError as error:
        raise BootError(str(error)) from error
    except OSError as error:
        raise BootError(f"cannot store the boot record in {root}: {error.strerror}") from error
    path = decided.slot.path(root)
    try:
        header = header_of(path)
    except OSError as error:
        raise BootError(f"no image in {path}: {error.strerror}; provision the slot") from error
    except ImageError as error:
        raise BootError(f"{path} holds no image: {error}; provision the slot") from error
    if decided.rolled_back is not None:
        left = _version_text(decided.rolled_back, root)
        tell(f"boot: rollback from={left} to={header.version}")
    word = "pending_commit" if decided.trial else "valid"
    marker = header.marker.hex()
    tell(f"boot: version={header.version} slot={decided.slot} marker={marker} state={word}")
    return Boot(decided.slot, header, decided.trial)


def _armed_image_intact(state: BootState, root: Path) -> bool:
    trial = state.trial
    if trial is None or trial.phase is not TrialPhase.ARMED:
        return True
    try:
        return digest_file(trial.slot.path(root)).hex() == trial.sha256
    except OSError:
        return False


def _version_text(slot: Slot, root: Path) -> str:
    try:
        return str(header_of(slot.path(root)).version)
    except (OSError, ImageError):
        return "unknown"


class BootLoader:
    """Runs images until it is told to stop."""

    def __init__(
        self,
        root: Path,
        fs: Filesystem,
        trial_time_s: float,
        run_image: Callable[[Boot], int],
        plan: Planner = plan_boot,
    ) -> None:
        """``run_image`` runs in the child process and returns its exit status."""
        self._store = BootStateStore(root, fs)
        self._trial_time_s = trial_time_s
        self._run_image = run_image
        self._plan = plan

    def run(self) -> None:
        """Start images for ever; returns after SIGTERM or SIGINT. Raises :class:`BootError`.

        The signals stay blocked in this process and are fetched where it waits, so none can get
        lost between a check and a wait.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        backoff_s = BACKOFF_START_S
        try:
            while True:
                boot = choose_boot(self._store, self._plan)
                ended = self._run_child(boot)
                if ended.run_s >= STEADY_RUN_S or ended.status == EXIT_RESET or boot.trial:
                    backoff_s = BACKOFF_START_S
                    continue
                say(f"ota: image ended with status {ended.status}, again in {backoff_s:g} s")
                self._wait_signal(backoff_s)
                backoff_s = min(2 * backoff_s, BACKOFF_LIMIT_S)
        except Stopped:
            return

    def _run_child(self, boot: Boot) -> Ended:
        started = time.monotonic()
        deadline = started + self._trial_time_s if boot.trial else None
        child = self._fork(boot)
        try:
            while True:
                pid, status = os.waitpid(child, os.WNOHANG)
                if pid:
                    run_s = time.monotonic() - started
                    return Ended(os.waitstatus_to_exitcode(status), run_s)
                left_s = None if deadline is None else deadline - time.monotonic()
                if left_s is not None and left_s <= 0:
                    deadline = None
                    if self._on_trial():
                        say("ota: watchdog: the new image did not commit in time")
                        os.kill(child, signal.SIGKILL)
                    continue
                self._wait_signal(left_s)
        except Stopped:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise

    def _on_trial(self) -> bool:
        try:
            return self._store.load().trial is not None
        except BootStateError:
            return True

    @staticmethod
    def _wait_signal(timeout_s: float | None) -> None:
        """Wait for a child to end or the time to pass; raises :class:`Stopped` when told to."""
        if timeout_s is None:
            number: int | None = signal.sigwait(_SIGNALS)
        else:
            info = signal.sigtimedwait(_SIGNALS, timeout_s)
            number = None if info is None else info.si_signo
        if number in (signal.SIGTERM, signal.SIGINT):
            raise Stopped

    def _fork(self, boot: Boot) -> int:
        parent = os.getpid()
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            _die_with(parent)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = self._run_image(boot)
        except BaseException as error:
            say(f"ota: image crashed: {type(error).__name__}: {error}")
        finally:
            os._exit(status)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the boot loader goes, however it goes."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
