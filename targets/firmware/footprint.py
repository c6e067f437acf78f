"""How much flash and RAM each source file of an ELF takes, from its symbols alone.

Works on any ELF with a symbol table: the linker keeps, before the local symbols of each object, a
FILE symbol with the name of its source. Global symbols are counted with the file that the debug
information names, or that has a local symbol at the same place, or under a name of their own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, Symbol, SymbolTableSection

PUBLISHED = (("-O1", 12.1), ("-Os", 11.0))
"""KiB that AWS publishes for its OTA library, built by GCC for a Cortex-M, at each optimisation."""
GLOBAL_SYMBOLS = "(global symbols of unknown source)"
UNNAMED = "(no symbol)"
SIZED = ("STT_FUNC", "STT_OBJECT")


class FootprintError(Exception):
    """The file cannot be measured; the message says what it is and what to do."""


class NoSymbolsError(FootprintError):
    """It is a firmware, but the build took its symbols away."""


@dataclass(frozen=True)
class SourceSize:
    """Bytes of one source file: `flash` is code and constants, `ram` is what it keeps there."""

    source: str
    flash: int
    ram: int


def footprint(elf: Path) -> tuple[SourceSize, ...]:
    """The sizes by source file, largest in flash first. Raises `FootprintError`."""
    try:
        with elf.open("rb") as file:
            return _measure(ELFFile(file), elf)
    except OSError as error:
        raise FootprintError(f"{elf}: cannot be read: {error.strerror}; name an ELF file") from None
    except (ELFError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise FootprintError(f"{elf}: is no sound ELF file: {error}") from None


def _measure(elf: ELFFile, path: Path) -> tuple[SourceSize, ...]:
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        raise NoSymbolsError(f"{path}: has no symbols; build it without stripping them")
    owners = _Owners(elf, table)
    flash: Counter[str] = Counter()
    ram: Counter[str] = Counter()
    seen: set[Place] = set()
    for position, symbol in enumerate(table.iter_symbols()):
        section, place = _section_of(elf, symbol), _place(symbol)
        kind, size = symbol["st_info"]["type"], symbol["st_size"]
        if kind not in SIZED or not size or section is None or place in seen:
            continue  # an alias takes no room of its own
        seen.add(place)
        owner, kinds = owners.of(position, symbol), _kinds(section)
        flash[owner] += size if "flash" in kinds else 0
        ram[owner] += size if "ram" in kinds else 0
    sizes = [SourceSize(name, flash[name], ram[name]) for name in {*flash, *ram}]
    return tuple(sorted(sizes, key=lambda size: (-size.flash, -size.ram, size.source)))


Place = tuple[int | str, int]
"""Section and address."""


def _place(symbol: Symbol) -> Place:
    return symbol["st_shndx"], symbol["st_value"] & ~1


class _Owners:
    """Which source file a symbol comes from."""

    def __init__(self, elf: ELFFile, table: SymbolTableSection) -> None:
        self._declared = _declared_in(elf)
        units = Counter(Path(name).name for name in set(self._declared.values()))
        self._paths = {
            Path(name).name: name for name in self._declared.values() if units[Path(name).name] == 1
        }
        self._file_of: list[str] = []
        self._file_at: dict[Place, str] = {}
        source = UNNAMED
        for symbol in table.iter_symbols():
            if symbol["st_info"]["type"] == "STT_FILE":
                source = self._paths.get(symbol.name, symbol.name)
            elif symbol["st_info"]["bind"] == "STB_LOCAL":
                # Also symbols without a size, like those that mark code and data of ARM.
                self._file_at.setdefault(_place(symbol), source)
            self._file_of.append(source)

    def of(self, position: int, symbol: Symbol) -> str:
        if symbol["st_info"]["bind"] == "STB_LOCAL":
            return _short(self._file_of[position])
        declared = self._declared.get(symbol.name)
        return _short(declared or self._file_at.get(_place(symbol), GLOBAL_SYMBOLS))


def _section_of(elf: ELFFile, symbol: Symbol) -> Section | None:
    index = symbol["st_shndx"]
    return elf.get_section(index) if isinstance(index, int) else None


def _kinds(section: Section) -> set[str]:
    """Initialised variables take both: their values are copied from flash."""
    flags = section["sh_flags"]
    if not flags & SH_FLAGS.SHF_ALLOC:
        return set()
    if section["sh_type"] == "SHT_NOBITS":
        return {"ram"}
    writable = flags & SH_FLAGS.SHF_WRITE and not flags & SH_FLAGS.SHF_EXECINSTR
    return {"flash", "ram"} if writable else {"flash"}


def _declared_in(elf: ELFFile) -> dict[str, str]:
    """The source file of each function and variable that the debug information defines."""
    found: dict[str, str] = {}
    if not elf.has_dwarf_info():
        return found
    for unit in elf.get_dwarf_info().iter_CUs():
        top = unit.get_top_DIE()
        source = _text(top.attributes.get("DW_AT_name"))
        for entry in top.iter_children():
            if entry.tag not in ("DW_TAG_subprogram", "DW_TAG_variable"):
                continue
            if "DW_AT_declaration" not in entry.attributes:
                name = _text(entry.attributes.get("DW_AT_name"))
                defined = {"DW_AT_low_pc", "DW_AT_location"} & entry.attributes.keys()
                if name and defined:
                    found[name] = source
    return found


def _text(attribute: object) -> str:
    value = getattr(attribute, "value", b"")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _short(source: str) -> str:
    """The last two parts of a path tell files apart well enough."""
    return "/".join(Path(source).parts[-2:]) if source else UNNAMED


def table(sizes: tuple[SourceSize, ...]) -> str:
    """The sizes as text, with a sum and the published sizes of the AWS library beside it."""
    width = max([len(size.source) for size in sizes] + [len("source")])
    lines = [f"{'source':<{width}}  {'flash':>8}  {'RAM':>8}"]
    lines += [f"{size.source:<{width}}  {size.flash:>8}  {size.ram:>8}" for size in sizes]
    flash, ram = sum(size.flash for size in sizes), sum(size.ram for size in sizes)
    lines.append(f"{'sum':<{width}}  {flash:>8}  {ram:>8}")
    published = ", ".join(f"{kib} KiB at {level}" for level, kib in PUBLISHED)
    lines.append(f"\nFor comparison, AWS publishes for its OTA library: {published}.")
    return "\n".join(lines)
