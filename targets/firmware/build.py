"""Builds boot loader and image with the C compiler that PyPI's ``ziglang`` brings.

Outputs are kept in a cache directory under a digest of all sources and the compiler's version, so
building again costs nothing.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from targets.firmware.elf_content import flash_content

SOURCES = Path(__file__).parent
OPTIMISATION = "-Os"
TARGET = ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m0")
C_FLAGS = (
    *TARGET,
    "-std=c11",
    OPTIMISATION,
    "-g",
    "-ffreestanding",
    # Code and constants are found relative to the program counter, so an image runs in both slots.
    "-fropi",
    "-fno-sanitize=all",
    "-fno-stack-protector",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-command-line-argument",
    # The same build whatever folder the sources lie in.
    f"-ffile-prefix-map={SOURCES}=firmware",
)
ZIG_FLAGS = (
    *TARGET,
    "-O",
    "ReleaseSmall",
    "-fPIC",
    "-fno-unwind-tables",
    "-fstrip",
    "-ffunction-sections",
)
BOOT_PARTS = ("boot", "shared", "chip/flash.c", "chip/clock.c")
IMAGE_PARTS = ("app", "ota", "net", "shared", "chip")
IMAGE_BASES = (0x5000, 0x22800)
"""Where the slots begin: an image is linked for each, and must come out the same."""


class FirmwareBuildError(Exception):
    """The firmware cannot be built; the message is one line and what the compiler said."""


@dataclass(frozen=True)
class Firmware:
    """What a build yields: for a probe the boot loader, for updates the base of all images."""

    boot_elf: Path
    boot_bin: Path
    image_elf: Path
    image_bin: Path


def build(cache: Path) -> Firmware:
    """Build into ``cache`` unless it is there already. Raises `FirmwareBuildError`."""
    place = cache / f"firmware-{source_digest()[:16]}"
    if not place.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="building-", dir=cache))
        try:
            _build_in(work)
            _move(work, place)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return Firmware(
        place / "boot.elf", place / "boot.bin", place / "image.elf", place / "image.bin"
    )


def source_digest() -> str:
    """Hex digest of every source, the linker scripts, this file and the compiler's version."""
    digest = hashlib.sha256(compiler_version().encode())
    for path in sorted(SOURCES.rglob("*")):
        if path.suffix in (".c", ".h", ".zig", ".ld") or path.name == Path(__file__).name:
            name = path.relative_to(SOURCES).as_posix().encode()
            digest.update(b"%d %s %d\n" % (len(name), name, path.stat().st_size))
            digest.update(path.read_bytes())
    return digest.hexdigest()


def compiler_version() -> str:
    try:
        return importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        raise FirmwareBuildError(
            "the package ziglang, which has the C compiler, is not installed: pip install ziglang"
        ) from None


def compiler_library() -> Path:
    """Where the compiler keeps the sources that belong to it."""
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise FirmwareBuildError("the package ziglang is not installed: pip install ziglang")
    return Path(spec.origin).parent / "lib"


def sources_of(parts: tuple[str, ...], suffix: str = ".c") -> list[Path]:
    """The source files of folders and single files, in a fixed order."""
    found: list[Path] = []
    for part in parts:
        path = SOURCES / part
        found += sorted(path.glob(f"*{suffix}")) if path.is_dir() else [path]
    return [path for path in found if path.suffix == suffix]


def zig(*arguments: str) -> None:
    """Run the compiler. Raises `FirmwareBuildError` with what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "ziglang", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise FirmwareBuildError(f"the firmware does not build: zig {arguments[0]}: {said}")


def _build_in(work: Path) -> None:
    objects = work / "objects"
    objects.mkdir()
    boot, image = sources_of(BOOT_PARTS), sources_of(IMAGE_PARTS)
    image += sources_of(IMAGE_PARTS, ".zig")
    # Division, copying and the like for a core that has no instructions for them.
    runtime = compiler_library() / "compiler_rt.zig"
    every = {*boot, *image, runtime}
    compiled = {path: objects / f"{_flat(path)}.o" for path in every}
    # Two at a time: the compiler runs are short, and the machine may have other work.
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(_compile, compiled, compiled.values()))
    _link(work / "boot.elf", SOURCES / "boot" / "boot.ld", [compiled[p] for p in (*boot, runtime)])
    (work / "boot.bin").write_bytes(flash_content(work / "boot.elf"))
    parts = [compiled[path] for path in (*image, runtime)]
    contents = []
    for base in IMAGE_BASES:
        elf = work / f"image-{base:x}.elf"
        _link(elf, SOURCES / "app" / "image.ld", parts, f"--defsym=IMAGE_BASE={base:#x}")
        contents.append(flash_content(elf))
    if contents[0] != contents[1]:
        at = next(i for i, (a, b) in enumerate(zip(*contents, strict=False)) if a != b)
        raise FirmwareBuildError(
            f"the image is not position-independent: it holds an absolute address at {at:#x}; "
            "look for a constant or initialised variable that points into flash"
        )
    (work / f"image-{IMAGE_BASES[0]:x}.elf").rename(work / "image.elf")
    (work / f"image-{IMAGE_BASES[1]:x}.elf").unlink()
    (work / "image.bin").write_bytes(contents[0])
    shutil.rmtree(objects)


def _flat(path: Path) -> str:
    inside = path.relative_to(SOURCES) if path.is_relative_to(SOURCES) else Path(path.name)
    return inside.as_posix().replace("/", "-")


def _compile(source: Path, output: Path) -> None:
    if source.suffix == ".zig":
        zig("build-obj", str(source), *ZIG_FLAGS, f"-femit-bin={output}")
    else:
        zig("cc", *C_FLAGS, "-I", str(SOURCES), "-c", str(source), "-o", str(output))


def _link(elf: Path, script: Path, objects: list[Path], *options: str) -> None:
    zig("ld.lld", "--gc-sections", *options, "-T", str(script), *map(str, objects), "-o", str(elf))


def _move(work: Path, place: Path) -> None:
    try:
        work.rename(place)
    except OSError:
        # Somebody else has just built the same.
        if not place.is_dir():
            raise
