"""What an ELF file puts into flash, in the order of addresses."""

from __future__ import annotations

from pathlib import Path

from elftools.elf.elffile import ELFFile


def flash_content(elf: Path) -> bytes:
    """The loaded segments by physical address, gaps filled with 0xFF, padded to whole words."""
    with elf.open("rb") as file:
        segments = [
            (segment["p_paddr"], segment.data())
            for segment in ELFFile(file).iter_segments("PT_LOAD")
            if segment["p_filesz"]
        ]
    segments.sort()
    start = segments[0][0]
    content = bytearray()
    for address, data in segments:
        content += b"\xff" * (address - start - len(content)) + data
    return bytes(content) + b"\xff" * (-len(content) % 4)
