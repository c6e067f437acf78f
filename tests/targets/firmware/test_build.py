"""The firmware's build and its image variants."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from agent.protocol.image import Behaviour, read_header
from agent.protocol.version import Version
from targets.firmware import build as building
from targets.firmware.build import Firmware, FirmwareBuildError, build
from targets.firmware.image import (
    PRODUCT,
    SLOT_SIZE,
    FirmwareImageError,
    make_image,
    smallest_size,
)

VERSION = Version(1, 2, 3)
MARKER = bytes(range(16))
BOOT_SIZE = 0x3C00


def test_fits(firmware: Firmware) -> None:
    assert firmware.boot_bin.stat().st_size <= BOOT_SIZE
    assert firmware.image_bin.stat().st_size < SLOT_SIZE


def test_is_built_once(firmware: Firmware) -> None:
    before = firmware.image_bin.stat()
    again = build(firmware.image_bin.parents[1])
    assert again == firmware
    assert again.image_bin.stat().st_mtime_ns == before.st_mtime_ns


def test_variants(firmware: Firmware) -> None:
    """Nothing but the header and what is behind the code differs."""
    base = firmware.image_bin.read_bytes()
    for size in (None, smallest_size(base), SLOT_SIZE):
        image = make_image(base, VERSION.packed, size, Behaviour.HANG, MARKER)
        header = read_header(image)
        assert header.image_size == len(image) == (size or smallest_size(base))
        assert (header.version, header.behaviour) == (VERSION, Behaviour.HANG)
        assert (header.product, header.marker) == (PRODUCT, MARKER)
        assert image[64 : len(base)] == base[64:]
        assert image == make_image(base, VERSION.packed, size, Behaviour.HANG, MARKER)


def test_no_variant(firmware: Firmware) -> None:
    base = firmware.image_bin.read_bytes()
    for size in (len(base), SLOT_SIZE + 1):
        with pytest.raises(FirmwareImageError, match="an image of this firmware has"):
            make_image(base, VERSION.packed, size, Behaviour.PASS, MARKER)
    foreign = base[:20] + b"somebody else".ljust(16, b"\0") + base[36:]
    with pytest.raises(FirmwareImageError, match="somebody else"):
        make_image(foreign, VERSION.packed, None, Behaviour.PASS, MARKER)


def test_compiler_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(FirmwareBuildError, match="pip install ziglang"):
        build(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_error_in_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the compiler says is passed on, and nothing half-built is left."""
    broken = tmp_path / "broken.c"
    broken.write_text("int main(void) { return missing; }\n")
    monkeypatch.setattr(building, "sources_of", lambda _parts, suffix=".c": [broken])
    with pytest.raises(FirmwareBuildError, match="missing"):
        build(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
