"""Values of a service model's shapes: JSON to Python with every limit checked, and back."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from botocore.model import Shape

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_JAVA_CLASSES = {
    r"\p{C}": r"\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ud800-\uf8ff\ufeff",
    r"\p{Cntrl}": r"\x00-\x1f\x7f",
    r"\p{Graph}": r"!-~",
    r"\p{Upper}": "A-Z",
    r"\p{Digit}": "0-9",
    r"\p{L}": r"\w",
    r"\p{N}": "0-9",
    r"\p{Z}": r" \xa0\u2000-\u200a\u2028\u2029\u3000",
}
"""Java's character classes, which the models use and Python's patterns do not know."""


class Invalid(Exception):  # noqa: N818 - what the service calls it
    """A value is not of its shape; the message says which and why."""


def read_member(shape: Shape, value: Any, where: str) -> Any:
    """A value of a JSON body; raises `Invalid`. None stays None."""
    if value is None:
        return None
    reader = _READERS.get(shape.type_name)
    if reader is None:
        raise TypeError(f"no reader for shapes of type {shape.type_name}")
    return reader(shape, value, where)


def read_text(shape: Shape, text: str | None, where: str) -> Any:
    """A value of the path, the query string or a header; raises `Invalid`."""
    if text is None:
        return None
    value: Any = text
    if shape.type_name in {"integer", "long"}:
        if not _INTEGER.fullmatch(text):
            raise Invalid(f"{where} is not an integer")
        value = int(text)
    elif shape.type_name == "boolean":
        if text not in {"true", "false"}:
            raise Invalid(f"{where} is neither true nor false")
        value = text == "true"
    return read_member(shape, value, where)


def write_value(shape: Shape, value: Any, where: str) -> Any:
    """The JSON of a value; raises `TypeError` where it is not of its shape."""
    kind = shape.type_name
    if kind == "structure":
        return _write_structure(shape, value, where)
    if kind == "list":
        return [write_value(shape.member, entry, where) for entry in value]
    if kind == "map":
        return {str(k): write_value(shape.value, v, where) for k, v in value.items()}
    if kind == "timestamp":
        return value.timestamp() if isinstance(value, datetime) else value
    if kind == "blob":
        return base64.b64encode(value).decode()
    expected = _PLAIN[kind]
    if not isinstance(value, expected) or (isinstance(value, bool) != (kind == "boolean")):
        raise TypeError(f"{where} is a {kind} by the model, not {value!r}")
    names = shape.metadata.get("enum")
    if names and value not in names:
        raise TypeError(f"{where} is one of {names} by the model, not {value!r}")
    return value


def _write_structure(shape: Shape, value: Mapping[str, Any], where: str) -> dict[str, Any]:
    unknown = value.keys() - shape.members.keys()
    if unknown:
        raise TypeError(f"{where} has no {sorted(unknown)} by the model")
    return {
        member.serialization.get("name", name): write_value(member, value[name], f"{where}.{name}")
        for name, member in shape.members.items()
        if value.get(name) is not None
    }


_PLAIN: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "double": (int, float),
    "float": (int, float),
}


# -- one reader a kind -----------------------------------------------------------------------------


def _structure(shape: Shape, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"{where} is not an object")
    found = {}
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        read = read_member(member, value.get(wire_name), f"{where}.{name}")
        if read is not None:
            found[name] = read
    for name in shape.required_members:
        if name not in found:
            raise Invalid(f"{where}.{name} is missing")
    return found


def _list(shape: Shape, value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise Invalid(f"{where} is not a list")
    _check_range(shape, len(value), where, "entries")
    if None in value:
        raise Invalid(f"{where} has an entry that is null")
    return [read_member(shape.member, entry, f"{where}[{n}]") for n, entry in enumerate(value)]


def _map(shape: Shape, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"{where} is not an object")
    _check_range(shape, len(value), where, "entries")
    return {
        _string(shape.key, key, f"a key of {where}"): read_member(
            shape.value, entry, f"{where}.{key}"
        )
        for key, entry in value.items()
        if entry is not None
    }


def _string(shape: Shape, value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{where} is not a string")
    names = shape.metadata.get("enum")
    if names and value not in names:
        raise Invalid(f"{where} is none of {', '.join(names)}")
    _check_range(shape, len(value), where, "characters")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        raise Invalid(f"{where} does not match {pattern}")
    return value


def _integer(shape: Shape, value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Invalid(f"{where} is not an integer")
    if abs(value) >= 2**63:
        raise Invalid(f"{where} is out of range")
    _check_range(shape, value, where)
    return value


def _number(shape: Shape, value: Any, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise Invalid(f"{where} is not a number")
    _check_range(shape, value, where)
    return float(value)


def _boolean(shape: Shape, value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise Invalid(f"{where} is neither true nor false")
    return value


def _blob(shape: Shape, value: Any, where: str) -> bytes:
    try:
        content = base64.b64decode(_text(value, where), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{where} is not base64") from error
    _check_range(shape, len(content), where, "bytes")
    return content


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{where} is not a string")
    return value


def _check_range(shape: Shape, value: float, where: str, unit: str = "") -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and value < least) or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"at most {most}"
        if least is not None and most is not None:
            limits = f"{least} to {most}"
        has = f" has {value:g} {unit}," if unit else f", {value:g}, is"
        raise Invalid(f"{where}{has} not {limits}")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


_READERS: dict[str, Callable[[Shape, Any, str], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "double": _number,
    "float": _number,
    "boolean": _boolean,
    "blob": _blob,
}
