"""`otarig footprint` on the firmware's own ELF files and on what is none."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from rig.cli.footprint import run
from rig.errors import BenchError, UsageError
from targets.firmware.build import SOURCES, Firmware
from targets.firmware.elf_content import flash_content
from targets.firmware.footprint import GLOBAL_SYMBOLS, footprint


def test_image(firmware: Firmware) -> None:
    """Every source is found under its own name, and hardly a byte is without one."""
    sizes = {size.source: size for size in footprint(firmware.image_elf)}
    for path in SOURCES.glob("ota/*.c"):
        assert sizes[f"ota/{path.name}"].flash > 0
    assert sizes["signature"].flash > sum(
        size.flash for name, size in sizes.items() if name != "signature"
    )
    assert GLOBAL_SYMBOLS not in sizes
    total = sum(size.flash for size in sizes.values())
    content = len(flash_content(firmware.image_elf))
    assert 0.95 * content < total <= content
    assert sizes["net/mqtt.c"].ram > 2816


def test_command(firmware: Firmware, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([str(firmware.boot_elf)]) == 0
    shown = capsys.readouterr().out
    assert "boot/main.c" in shown
    assert "12.1 KiB at -O1, 11.0 KiB at -Os" in shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no sound ELF"),
        (b"\x7fELF" + bytes(60), "no sound ELF"),
        (b"OTIM" * 30, "no sound ELF"),
    ],
)
def test_what_cannot_be_measured(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "firmware.elf"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        run([str(path)])


def test_a_stripped_firmware(tmp_path: Path) -> None:
    """Not the user's mistake: the build must keep the symbols."""
    path = tmp_path / "firmware.elf"
    header = struct.pack(
        "<4sBBB9xHHIIIIIHHHHHH", b"\x7fELF", 1, 1, 1, 2, 40, 1, *[0] * 4, 52, *[0] * 5
    )
    path.write_bytes(header)
    with pytest.raises(BenchError, match="has no symbols"):
        run([str(path)])


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        run([str(tmp_path / "nothing.elf")])
