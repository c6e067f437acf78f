"""`otarig footprint ELF`: flash and RAM of each source file of a firmware."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rig.cli.main import parser
from rig.errors import BenchError, UsageError
from targets.firmware.footprint import FootprintError, NoSymbolsError, footprint, table


def run(arguments: Sequence[str]) -> int:
    options = parser("footprint", __doc__ or "")
    options.add_argument("elf", type=Path, metavar="ELF", help="any ELF file with symbols")
    elf: Path = options.parse_args(arguments).elf
    try:
        print(table(footprint(elf)))
    except NoSymbolsError as error:
        # The right file was named: it is the build that has to change.
        raise BenchError(str(error)) from None
    except FootprintError as error:
        raise UsageError(str(error)) from None
    return 0
