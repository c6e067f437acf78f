"""AWS's own service models, as botocore brings them: what operations there are and their shapes.

Nothing of an operation's form is written here by hand: method, path, members, limits, errors and
their statuses come from the model that clients are generated from (job service §7).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

import botocore.session
from botocore.model import OperationModel, ServiceModel

from rig.jobs.control.errors import INVALID_REQUEST, ControlError
from rig.jobs.control.shapes import Invalid, read_member, read_text, write_value

_PLACEHOLDER = re.compile(r"\{([A-Za-z]+)\}")


@dataclass(frozen=True)
class RawCall:
    """The parts of a request that carry members; header names are lower-case."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class Model:
    """One service's model, of which only some operations are offered."""

    def __init__(self, service: str, operations: frozenset[str], invalid: str = INVALID_REQUEST):
        """`invalid` is the error with which this service answers malformed input."""
        self.service = service
        self._model = service_model(service)
        self._invalid = invalid
        self._routes = sorted(
            (self._route(name) for name in operations), key=lambda route: route.parameters
        )

    def find(self, method: str, raw_path: str) -> tuple[str, dict[str, str]] | None:
        """The operation of a path that is not decoded yet, and its parameters, decoded (§7.1)."""
        # Decoded after splitting: a slash within a name is none between names.
        levels = tuple(unquote(level) for level in raw_path.split("/"))
        for route in self._routes:
            if route.method == method and (names := route.match(levels)) is not None:
                return route.operation, names
        return None

    def read(self, operation: str, call: RawCall) -> dict[str, Any]:
        """The members of a request, in Python's types and checked; raises `ControlError`.

        A member that is null counts as absent; one that the model does not know is ignored.
        """
        shape = self._operation(operation).input_shape
        if shape is None:
            return {}
        found: dict[str, Any] = {}
        try:
            for name, member in shape.members.items():
                location = member.serialization.get("location")
                wire_name = member.serialization.get("name", name)
                if location is None:
                    value = read_member(member, call.body.get(wire_name), name)
                else:
                    value = read_text(member, _sources(call)[location].get(wire_name), name)
                if value is not None:
                    found[name] = value
            missing = [name for name in shape.required_members if name not in found]
            if missing:
                raise Invalid(f"{missing[0]} is missing")
        except Invalid as error:
            raise ControlError(self._invalid, str(error)) from error
        return found

    def write(self, operation: str, answer: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """The JSON of an answer, None without one; `TypeError` for what the model does not have."""
        shape = self._operation(operation).output_shape
        if shape is None:
            if answer:
                raise TypeError(f"{operation} has no answer, not {answer}")
            return None
        written = write_value(shape, answer or {}, operation)
        assert isinstance(written, dict)
        return written

    def status_of(self, operation: str, error: str) -> int | None:
        """The HTTP status of an error, None if neither operation nor service knows it."""
        for shape in (*self._operation(operation).error_shapes, *self._model.error_shapes):
            if error == shape.name:
                return int(shape.metadata["error"]["httpStatusCode"])
        return None

    def _operation(self, name: str) -> OperationModel:
        return self._model.operation_model(name)

    def _route(self, name: str) -> _Route:
        http = self._operation(name).http
        return _Route(name, http["method"], tuple(http["requestUri"].split("/")))


@dataclass(frozen=True)
class _Route:
    operation: str
    method: str
    levels: tuple[str, ...]

    @property
    def parameters(self) -> int:
        return sum(_PLACEHOLDER.fullmatch(level) is not None for level in self.levels)

    def match(self, levels: tuple[str, ...]) -> dict[str, str] | None:
        """The path's parameters if it is this route's."""
        if len(levels) != len(self.levels):
            return None
        names = {}
        for wanted, level in zip(self.levels, levels, strict=True):
            placeholder = _PLACEHOLDER.fullmatch(wanted)
            if placeholder is not None and level:
                names[placeholder[1]] = level
            elif wanted != level:
                return None
        return names


@cache
def service_model(service: str) -> ServiceModel:
    """The model of a service, from the installed botocore."""
    return botocore.session.Session().get_service_model(service)


def _sources(call: RawCall) -> dict[str, Mapping[str, str]]:
    return {"uri": call.path, "querystring": call.query, "header": call.headers}
