"""`otarig footprint ELF`: flash and RAM of each source file of a firmware."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rig.cli.main import parser
from rig.errors import UsageError
from targets.firmware.footprint import FootprintError, footprint, table


def run(arguments: Sequence[str]) -> int:
    options = parser("footprint", __doc__ or "")
    options.add_argument("elf", type=Path, metavar="ELF", help="any ELF file with symbols")
    elf: Path = options.parse_args(arguments).elf
    try:
        print(table(footprint(elf)))
    except FootprintError as error:
        raise UsageError(str(error)) from None
    return 0
