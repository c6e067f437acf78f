"""The sweep over the reference agent's slots: a cut at every write, fsync and rename.

The platform layer and the boot loader run as in the device, over a directory; what runs the
machine above them (network, jobs) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from agent.platform.ab_platform import FIRMWARE_FILE_TYPE, AbPlatform, PlatformSettings
from agent.platform.boot_loader import Boot, BootError, choose_boot
from agent.platform.boot_state import BootStateStore
from agent.platform.filesystem import Filesystem, OsFilesystem
from agent.platform.slots import asset_path
from agent.protocol.codes import ImageState
from agent.protocol.image import build_image
from agent.protocol.job_document import JobDocument
from agent.protocol.version import Version
from rig.errors import BenchError
from rig.powercut.disk import FileOperation, RecordingFilesystem, Survival, after_cut
from rig.signing import SigningKey

PRODUCT = "reference"
SIZE, BLOCK = 16384, 1024
ASSET_TYPE = 202
KEY_FILE = "signer.pem"
OLDER, FACTORY, NEW, NEXT = (
    build_image(Version(1, 0, number), SIZE, product=PRODUCT, marker=bytes([number]) * 16)
    for number in range(4)
)


@dataclass
class Life:
    """One run of the device in the directory `root`; the boots it has had."""

    root: Path
    fs: Filesystem
    key: SigningKey
    boots: list[Boot] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def boot(self) -> AbPlatform:
        """Raises `BootError`."""
        store = BootStateStore(self.root, self.fs)
        boot = choose_boot(store, tell=self.said.append)
        self.boots.append(boot)
        keys = (self.root / KEY_FILE,)
        settings = PlatformSettings(self.root, boot.slot, PRODUCT, SIZE, keys)
        return AbPlatform(settings, store, self.fs, lambda: None)

    def runs(self) -> bytes:
        return self.boots[-1].slot.path(self.root).read_bytes()

    def receive(self, platform: AbPlatform, content: bytes, kind: int = FIRMWARE_FILE_TYPE) -> bool:
        job = _document(content, self.key.sign(content), kind)
        if platform.create_file(job).value:
            return False
        for offset in range(0, len(content), BLOCK):
            platform.write_block(offset, content[offset : offset + BLOCK])
        return platform.close_file(job).value == 0

    def update(self, platform: AbPlatform, content: bytes) -> AbPlatform | None:
        """The image on trial; None if it was refused."""
        if not self.receive(platform, content) or platform.activate().value:
            return None
        return self.boot()


@dataclass(frozen=True)
class DiskRecording:
    """The log of one run. `began` and `done` are the numbers of operations before what makes
    its result permanent, and after; None if the run ends as it began."""

    name: str
    before: dict[str, bytes]
    log: tuple[FileOperation, ...]
    began: int | None
    done: int | None


@dataclass(frozen=True)
class DiskOutcome:
    """What became of one cut; `flaw` is empty if all was well."""

    number: int
    operation: FileOperation
    survival: Survival
    flaw: str


def _accept(life: Life, log: list[FileOperation]) -> tuple[int, int] | None:
    trial = life.update(life.boot(), NEW)
    began = len(log)
    done = trial is not None and trial.set_image_state(ImageState.ACCEPTED).value == 0
    after = len(log)
    life.boot()
    return (began, after) if done and life.runs() == NEW else None


def _reject(life: Life, _log: list[FileOperation]) -> None:
    trial = life.update(life.boot(), NEW)
    if trial is not None:
        trial.set_image_state(ImageState.REJECTED)
    life.boot()


def _file(life: Life, log: list[FileOperation]) -> tuple[int, int] | None:
    received = life.receive(life.boot(), NEW, ASSET_TYPE)
    return (0, len(log)) if received else None


RUNS: dict[str, Callable[[Life, list[FileOperation]], tuple[int, int] | None]] = {
    "update": _accept,
    "rollback": _reject,
    "file": _file,
}
"""`file` receives one that is not firmware: reported, it must be there for good."""
ENDS = {"update": NEW, "rollback": FACTORY, "file": FACTORY}


def record(name: str, key: SigningKey, fs: RecordingFilesystem) -> DiskRecording:
    """Watch one run on `fs`, whose log is empty.

    Raises `BenchError` if it does not end well without a cut.
    """
    before = {"slot_a.bin": FACTORY, KEY_FILE: key.public_pem}
    if name == "rollback":
        before["slot_b.bin"] = OLDER
    with TemporaryDirectory(prefix="otarig-powercut-") as folder:
        life = _put(Path(folder), before, fs, key)
        permanent = RUNS[name](life, fs.log)
        if life.runs() != ENDS[name] or (permanent is None) != (name == "rollback"):
            raise BenchError(f"the {name} without any cut does not end well: {life.said}")
    began, done = permanent or (None, None)
    return DiskRecording(name, before, tuple(fs.log), began, done)


def sweep(recording: DiskRecording, key: SigningKey, random: Random) -> Iterator[DiskOutcome]:
    """Cut at each operation, with each fate of what was not synced; and after the last one."""
    for number in range(len(recording.log) + 1):
        operation = recording.log[min(number, len(recording.log) - 1)]
        for survival in Survival:
            files = after_cut(recording.before, recording.log, number, survival, random)
            with TemporaryDirectory(prefix="otarig-powercut-") as folder:
                life = _put(Path(folder), files, OsFilesystem(), key)
                flaw = _flaw(life, recording, number)
            yield DiskOutcome(number, operation, survival, flaw)


def _put(root: Path, files: dict[str, bytes], fs: Filesystem, key: SigningKey) -> Life:
    for name, content in files.items():
        (root / name).write_bytes(content)
    return Life(root, fs, key)


def _flaw(life: Life, recording: DiskRecording, number: int) -> str:
    """A right image boots, the update ends, and so does the next one."""
    try:
        platform = life.boot()
        if life.boots[-1].trial:
            if life.runs() != NEW:
                return f"an image that is not whole is tried: {life.said[-1]}"
            platform = life.boot()
        if life.boots[-1].trial:
            return f"the image on trial is tried once more: {life.said[-1]}"
        if life.runs() not in _confirmed(recording, number):
            return f"the wrong image runs, or not all of it: {life.said[-1]}"
        if recording.name == "file" and number >= (recording.done or 0):
            path = asset_path(life.root, ASSET_TYPE)
            if not path.is_file() or path.read_bytes() != NEW:
                return "the file that was reported as received is not there"
        for content in (NEW, NEXT):
            if life.runs() == content:
                continue
            trial = life.update(platform, content)
            if trial is None or trial.set_image_state(ImageState.ACCEPTED).value:
                return "the update thereafter fails"
            platform = life.boot()
            if life.runs() != content or life.boots[-1].trial:
                return f"the update thereafter does not last: {life.said[-1]}"
    except BootError as error:
        return f"nothing boots: {error}"
    return ""


def _confirmed(recording: DiskRecording, number: int) -> tuple[bytes, ...]:
    """The images that may run without a trial."""
    if recording.name != "update" or recording.began is None or recording.done is None:
        return (FACTORY,)
    if number < recording.began:
        return (FACTORY,)
    return (NEW,) if number >= recording.done else (FACTORY, NEW)


def _document(content: bytes, signature: bytes, kind: int) -> JobDocument:
    return JobDocument(
        job_id="powercut",
        self_test=False,
        updated_by=None,
        stream_name="powercut",
        protocols='["MQTT"]',
        file_path="image.bin",
        file_size=len(content),
        file_id=0,
        cert_file="signer",
        update_data_url=None,
        auth_scheme=None,
        signature=signature,
        attributes=0,
        file_type=kind,
    )
