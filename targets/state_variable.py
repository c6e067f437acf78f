"""Where a firmware keeps the state of its OTA agent, and what its values mean: from DWARF.

The name in the board file is that of a variable or of a member within: `otaAgent.state` in the AWS
library, whose type is an enumeration. Nothing in the firmware has to be changed for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.dwarf.descriptions import describe_form_class
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarf_expr import DWARFExprParser
from elftools.elf.elffile import ELFFile

from agent.protocol.states import State
from rig.errors import BenchError, UsageError

THROUGH = frozenset(
    {"DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_atomic_type"}
)
AGGREGATES = frozenset({"DW_TAG_structure_type", "DW_TAG_union_type", "DW_TAG_class_type"})
SIZES = (1, 2, 4)
"""Bytes that one watchpoint can cover and one access can read."""


@dataclass(frozen=True)
class StateVariable:
    """`address` in the device's memory, `size` in bytes; `states` by the value that stands there.

    A value that no state of the OTA agent belongs to is missing in `states`.
    """

    name: str
    address: int
    size: int
    states: dict[int, State]


def find_state_variable(elf: Path, name: str) -> StateVariable:
    """Look it up in the debug information.

    Raises `BenchError` for a file that has none, `UsageError` if the name means nothing there.
    """
    try:
        with elf.open("rb") as file:
            opened = ELFFile(file)
            if not opened.has_dwarf_info():
                raise BenchError(
                    f"{elf}: has no debug information, so {name!r} cannot be found in it; build it "
                    "with -g and do not strip it (the file that is flashed may be)"
                )
            return _found(opened, name, elf)
    except OSError as error:
        raise BenchError(
            f"{elf}: cannot be read: {error.strerror}; is witness.elf right?"
        ) from None
    except (ELFError, DWARFError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise BenchError(f"{elf}: is no sound ELF file with debug information: {error}") from None


def _found(elf: ELFFile, name: str, path: Path) -> StateVariable:
    variable, *members = name.split(".")
    dwarf = elf.get_dwarf_info()
    for unit in dwarf.iter_CUs():
        for die in unit.iter_DIEs():
            if die.tag != "DW_TAG_variable" or _name(die) != variable:
                continue
            address = _address(die, unit.structs)
            if address is None:
                continue
            kind = _type(_declaration(die))
            for member in members:
                address, kind = _member(address, kind, member, name, path)
            return _state(name, address, kind, path)
    raise UsageError(
        f"{path}: there is no variable {variable!r} with a fixed address; write in witness.state "
        "where the agent's state is, for example otaAgent.state"
    )


def _state(name: str, address: int, kind: DIE | None, path: Path) -> StateVariable:
    if kind is None or kind.tag != "DW_TAG_enumeration_type":
        what = (
            "a structure: name its member" if kind and kind.tag in AGGREGATES else "no enumeration"
        )
        raise UsageError(f"{path}: {name!r} is {what}; witness.state names the agent's state")
    size = _number(kind, "DW_AT_byte_size")
    if size not in SIZES or address % size:
        raise UsageError(
            f"{path}: {name!r} has {size} bytes at {address:#010x}: more than one watchpoint covers"
        )
    values = {
        _number(value, "DW_AT_const_value"): _name(value)
        for value in kind.iter_children()
        if value.tag == "DW_TAG_enumerator"
    }
    states = {value: state for value, word in values.items() if (state := _meant(word)) is not None}
    if State.WAITING_FOR_JOB not in states.values():
        raise UsageError(
            f"{path}: {name!r} does not have the agent's states but {', '.join(values.values())}; "
            "witness.state names another variable"
        )
    return StateVariable(name, address, size, states)


def _meant(enumerator: str) -> State | None:
    """`OtaAgentStateWaitingForJob` and `STATE_WAITING_FOR_JOB` end in the state's name."""
    word = enumerator.replace("_", "").lower()
    found = [
        state for state in State if state is not State.ALL and word.endswith(state.text.lower())
    ]
    # "WaitingForFileBlock" is no "…FileBlock" of another state: the longest counts.
    return max(found, key=lambda state: len(state.text), default=None)


# -- reading entries -----------------------------------------------------------------------------


def _name(die: DIE) -> str:
    declared = _declaration(die)
    value = declared.attributes.get("DW_AT_name")
    return "" if value is None else str(value.value.decode("utf-8", "replace"))


def _declaration(die: DIE) -> DIE:
    """Where a variable's name and type are, if they are not where its address is."""
    if "DW_AT_specification" in die.attributes:
        return die.get_DIE_from_attribute("DW_AT_specification")
    return die


def _address(die: DIE, structs: Any) -> int | None:
    """None without a place of its own: a declaration, or one that is kept in registers."""
    location = die.attributes.get("DW_AT_location")
    if location is None or describe_form_class(location.form) not in ("exprloc", "block"):
        return None
    operations = DWARFExprParser(structs).parse_expr(location.value)
    if len(operations) == 1 and operations[0].op_name == "DW_OP_addr":
        return int(operations[0].args[0])
    if len(operations) == 1 and operations[0].op_name == "DW_OP_addrx":
        return int(die.dwarfinfo.get_addr(die.cu, operations[0].args[0]))
    return None


def _type(die: DIE) -> DIE | None:
    """What it is a value of, typedefs and qualifiers looked through."""
    while "DW_AT_type" in die.attributes:
        die = die.get_DIE_from_attribute("DW_AT_type")
        if die.tag not in THROUGH:
            return die
    return None


def _member(
    address: int, kind: DIE | None, member: str, name: str, path: Path
) -> tuple[int, DIE | None]:
    for child in _members(kind):
        if _name(child) == member:
            offset = child.attributes.get("DW_AT_data_member_location")
            return address + (0 if offset is None else int(offset.value)), _type(child)
    raise UsageError(f"{path}: {name!r}: there is no member {member!r}; mend witness.state")


def _members(kind: DIE | None) -> Iterator[DIE]:
    if kind is not None and kind.tag in AGGREGATES:
        yield from (child for child in kind.iter_children() if child.tag == "DW_TAG_member")


def _number(die: DIE, attribute: str) -> int:
    return int(die.attributes[attribute].value)
