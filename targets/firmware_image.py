"""Images for boards that are not the reference agent: patched from a built one, or built anew."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from rig.errors import BenchError, UsageError
from targets.board import Board
from targets.firmware.build import Firmware, FirmwareBuildError, build
from targets.firmware.image import FirmwareImageError, smallest_size
from targets.firmware.image import make_image as patch
from targets.tool import run_tool

FIRMWARE = "firmware"
BOOT_LOADER = "firmware:boot"
BEHAVIOURS = ("pass", "reject", "hang", "crash", "no-connect")


def makes_images(board: Board) -> bool:
    """Whether the board file tells where images come from; if not, any bytes will do."""
    return bool(board.image.base or board.image.build)


def make_image(
    board: Board, version: str, size: int | None, behaviour: int, marker: bytes
) -> bytes:
    """An image of the board's kind, to be signed as it is.

    `version` is "major.minor.build"; `size` in bytes, None or too little for the code: the least
    there is; `behaviour` 0 to 4 as in the image header; `marker` has 16 bytes. Raises `BenchError`
    when it cannot be made, `UsageError` when the board file says nothing of images.
    """
    if board.image.build:
        return _built(board, version, size, behaviour, marker)
    if not board.image.base:
        raise UsageError(
            f"board {board.name!r} names no image to make variants of: write image.base "
            "(a built image) or image.build (a command) in its board file"
        )
    base = base_image(board)
    try:
        least = smallest_size(base)
        return patch(base, packed(version), max(size or 0, least), behaviour, marker)
    except FirmwareImageError as error:
        raise BenchError(f"board {board.name!r}: image {board.image.base}: {error}") from None


def base_image(board: Board) -> bytes:
    """The built image that variants are patched from. Raises `BenchError`."""
    return part_file(board.image.base).read_bytes()


def part_file(name: str) -> Path:
    """The file that a board file names: a path, or a part of the reference firmware.

    Builds the firmware if that was not done yet. Raises `BenchError`.
    """
    if name == FIRMWARE:
        return firmware().image_bin
    if name == BOOT_LOADER:
        return firmware().boot_bin
    path = Path(name).expanduser()
    if not path.is_file():
        raise BenchError(f"{path}: the board file names this file, but there is none; build it")
    return path


def elf_file(name: str) -> Path:
    """The linked image that a board file names in `witness.elf`. Raises `BenchError`."""
    return firmware().image_elf if name == FIRMWARE else part_file(name)


def firmware() -> Firmware:
    """The reference firmware, built at most once for its sources. Raises `BenchError`."""
    try:
        return build(cache_folder())
    except FirmwareBuildError as error:
        raise BenchError(str(error)) from None


def cache_folder() -> Path:
    """Where what was built is kept for the next run."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "otarig"


def packed(version: str) -> int:
    """The version as the 32-bit number of image headers."""
    major, minor, build_number = (int(part) for part in version.split("."))
    return major << 24 | minor << 16 | build_number


def _built(board: Board, version: str, size: int | None, behaviour: int, marker: bytes) -> bytes:
    """By the board's own command, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="otarig-build-") as folder:
        output = Path(folder) / "image.bin"
        places = {
            "version": version,
            "behaviour": BEHAVIOURS[behaviour],
            "marker": marker.hex(),
            "size": str(size or 0),
            "output": str(output),
        }
        run_tool(board.name, "image.build", board.image.build, places, board.image.build_time_s)
        if not output.is_file():
            raise BenchError(
                f"board {board.name!r}: image.build left no image; does it write to {{output}}?"
            )
        return output.read_bytes()
