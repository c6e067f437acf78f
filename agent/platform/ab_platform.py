"""The platform layer the OTA agent calls, over two slot files (OTA spec §9).

The running slot is never written. The file path of a job document is never used: firmware goes to
the other slot, any other file type to a file named by its type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.platform.boot_state import BootState, BootStateError, BootStateStore, Trial, TrialPhase
from agent.platform.filesystem import Filesystem
from agent.platform.image_check import flaw_of
from agent.platform.signature import SignatureVerdict, check_signature, digest_file
from agent.platform.slots import ReceivedFile, Slot, asset_path
from agent.protocol.codes import ImageState, PalImageState, PalMainStatus
from agent.protocol.job_document import JobDocument
from agent.protocol.pal_status import PalStatus

FIRMWARE_FILE_TYPE = 0
ON_TRIAL = 1
"""Sub code: nothing may be written while the running image is not committed."""

SignatureCheck = Callable[[bytes, bytes | None, Sequence[Path]], SignatureVerdict]

VERDICT_STATUS = {
    SignatureVerdict.VALID: PalStatus(PalMainStatus.SUCCESS, 0),
    SignatureVerdict.MISSING: PalStatus(PalMainStatus.SIGNATURE_CHECK_FAILED, 1),
    SignatureVerdict.MISMATCH: PalStatus(PalMainStatus.SIGNATURE_CHECK_FAILED, 2),
    SignatureVerdict.NO_USABLE_KEY: PalStatus(PalMainStatus.BAD_SIGNER_CERT, 0),
}
SUCCESS = PalStatus(PalMainStatus.SUCCESS, 0)
MADE_TO_FAIL = 2
"""Sub code: the call failed because it was told to."""


class FailingCall(StrEnum):
    """A call that can be made to fail, so that what the agent does about it can be seen."""

    CREATE_FILE = "create_file"
    COMMIT = "commit"
    RESET = "reset"
    """It has no effect; a reset tells no status."""


def _failed(main: PalMainStatus, error: OSError | BootStateError) -> PalStatus:
    return PalStatus(main, (getattr(error, "errno", None) or 0) & 0xFFFFFF)


@dataclass(frozen=True)
class PlatformSettings:
    """What is fixed for the life of one image: its slot and the rules for the next image."""

    root: Path
    running: Slot
    product: str
    slot_size: int
    signer_keys: tuple[Path, ...]


class AbPlatform:
    """One running image's view of the slot pair."""

    def __init__(
        self,
        settings: PlatformSettings,
        store: BootStateStore,
        fs: Filesystem,
        restart: Callable[[], None],
    ) -> None:
        """``restart`` ends the process that runs the image; in a device it does not return."""
        self.settings = settings
        self.check_signature: SignatureCheck = check_signature
        self._store = store
        self._fs = fs
        self._restart = restart
        self.fail_next: FailingCall | None = None
        """The call that fails the next time, once."""
        self._file: ReceivedFile | None = None
        self._verified: Trial | None = None
        self._state = store.load()

    # -- receiving ------------------------------------------------------------------------------

    def create_file(self, document: JobDocument) -> PalStatus:
        """Erase the target. Refused while the running image is on trial: the other slot then
        holds the only image known to be good."""
        if self._on_trial is not None:
            return PalStatus(PalMainStatus.BOOT_INFO_CREATE_FAILED, ON_TRIAL)
        if self._is_to_fail(FailingCall.CREATE_FILE):
            return PalStatus(PalMainStatus.RX_FILE_CREATE_FAILED, MADE_TO_FAIL)
        if document.file_size > self.settings.slot_size:
            return PalStatus(PalMainStatus.RX_FILE_TOO_LARGE, 0)
        self._drop_file()
        try:
            self._forget_received_image()
        except OSError as error:
            return _failed(PalMainStatus.BOOT_INFO_CREATE_FAILED, error)
        file = ReceivedFile(self._target(document), document.file_size, self._fs)
        try:
            file.open()
        except OSError as error:
            file.drop()
            return _failed(PalMainStatus.RX_FILE_CREATE_FAILED, error)
        self._file = file
        return SUCCESS

    def write_block(self, offset: int, data: bytes) -> int:
        """Bytes written; anything but ``len(data)`` fails the job."""
        if self._file is None:
            return 0
        try:
            return self._file.write(offset, data)
        except OSError:
            return -1

    def close_file(self, document: JobDocument) -> PalStatus:
        """Put the file on the medium, then check its signature and, for firmware, that it is an
        image for this product. Nothing is activated here."""
        file, self._file = self._file, None
        if file is None or not file.is_open:
            return PalStatus(PalMainStatus.NULL_FILE_CONTEXT, 0)
        try:
            file.finish()
            digest = digest_file(file.path)
            verdict = self.check_signature(digest, document.signature, self.settings.signer_keys)
            if verdict is not SignatureVerdict.VALID:
                return VERDICT_STATUS[verdict]
            if document.file_type != FIRMWARE_FILE_TYPE:
                return SUCCESS
            flaw = flaw_of(file.path, self.settings.product)
        except OSError as error:
            return _failed(PalMainStatus.FILE_CLOSE, error)
        if flaw is not None:
            return PalStatus(PalMainStatus.FILE_CLOSE, flaw.value)
        self._verified = Trial(self.settings.running.other, TrialPhase.ARMED, digest.hex())
        return SUCCESS

    def abort(self) -> PalStatus:
        """Drop an open file; an image already verified stays (the agent also calls this after
        success)."""
        self._drop_file()
        return SUCCESS

    # -- images ---------------------------------------------------------------------------------

    def activate(self) -> PalStatus:
        """Arm the trial of the verified image and restart into it."""
        if self._verified is None:
            return PalStatus(PalMainStatus.ACTIVATE_FAILED, 0)
        try:
            self.save_record(BootState(self._state.active, self._verified))
        except OSError as error:
            return _failed(PalMainStatus.ACTIVATE_FAILED, error)
        return self.reset()

    def reset(self) -> PalStatus:
        """Restart; the boot loader decides what runs next. May be called from any thread."""
        if not self._is_to_fail(FailingCall.RESET):
            self._restart()
        return SUCCESS

    def image_state(self) -> PalImageState:
        """Whether the running image is on trial, committed or refused. No side effects."""
        trial = self._on_trial
        if trial is None:
            return PalImageState.VALID
        if trial.phase is TrialPhase.REJECTED:
            return PalImageState.INVALID
        return PalImageState.PENDING_COMMIT

    def set_image_state(self, state: ImageState) -> PalStatus:
        """Commit, refuse or discard; see OTA spec §9. Never destroys the running image."""
        match state:
            case ImageState.TESTING:
                return SUCCESS
            case ImageState.ACCEPTED:
                return self._commit()
            case ImageState.REJECTED:
                return self._give_up(PalMainStatus.REJECT_FAILED)
            case ImageState.ABORTED:
                return self._give_up(PalMainStatus.ABORT_FAILED)
            case _:
                return PalStatus(PalMainStatus.BAD_IMAGE_STATE, 0)

    def _commit(self) -> PalStatus:
        trial = self._on_trial
        if trial is None:
            return SUCCESS
        if trial.phase is TrialPhase.REJECTED:
            return PalStatus(PalMainStatus.COMMIT_FAILED, 0)
        if self._is_to_fail(FailingCall.COMMIT):
            return PalStatus(PalMainStatus.COMMIT_FAILED, MADE_TO_FAIL)
        try:
            self.save_record(BootState(self.settings.running))
        except OSError as error:
            return _failed(PalMainStatus.COMMIT_FAILED, error)
        return SUCCESS

    def _give_up(self, failure: PalMainStatus) -> PalStatus:
        self._drop_file()
        trial = self._on_trial
        try:
            if trial is None:
                self._forget_received_image()
            else:
                refused = Trial(trial.slot, TrialPhase.REJECTED, trial.sha256)
                self.save_record(BootState(self._state.active, refused))
        except OSError as error:
            return _failed(failure, error)
        return SUCCESS

    def _is_to_fail(self, call: FailingCall) -> bool:
        fails = self.fail_next is call
        if fails:
            self.fail_next = None
        return fails

    # -- parts ----------------------------------------------------------------------------------

    @property
    def _on_trial(self) -> Trial | None:
        trial = self._state.trial
        return trial if trial is not None and trial.slot is self.settings.running else None

    def _target(self, document: JobDocument) -> Path:
        if document.file_type == FIRMWARE_FILE_TYPE:
            return self.settings.running.other.path(self.settings.root)
        return asset_path(self.settings.root, document.file_type)

    def _drop_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.drop()

    def _forget_received_image(self) -> None:
        self._verified = None
        if self._state.trial is not None:
            self.save_record(BootState(self._state.active))

    def save_record(self, state: BootState) -> None:
        """Store what the boot loader goes by. Raises ``OSError``."""
        self._store.save(state)
        self._state = state
