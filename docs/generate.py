"""Writes the generated parts of the documents: `python -m docs.generate`, `--check` to compare.

A part stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; it comes from the tables that
the code runs on, so that a document cannot tell another story.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.protocol.states import State
from agent.protocol.transitions import TRANSITIONS
from docs.state_event import held_states, state_event_cells, state_events
from rig.jobs.control.apis import APIS
from rig.jobs.engine.status import TRANSITIONS as EXECUTION_TRANSITIONS
from targets.board import Board

ROOT = Path(__file__).parents[1]
# Module prefix → room; the longest that fits counts.
ROOMS = {
    "agent": "agent",
    "agent.protocol": "agent.protocol",
    "rig": "rig",
    "rig.errors": "rig.trace",
    "rig.interruption": "rig.trace",
    "rig.trace": "rig.trace",
    "rig.bench": "rig: bench, run, scenario, cli",
    "rig.board_checks": "rig: bench, run, scenario, cli",
    "rig.by_hand": "rig: bench, run, scenario, cli",
    "rig.cli": "rig: bench, run, scenario, cli",
    "rig.closing": "rig: bench, run, scenario, cli",
    "rig.compare": "rig: bench, run, scenario, cli",
    "rig.lanes": "rig: bench, run, scenario, cli",
    "rig.mutants": "rig: bench, run, scenario, cli",
    "rig.powercut": "rig: bench, run, scenario, cli",
    "rig.pytest_plugin": "rig: bench, run, scenario, cli",
    "rig.run": "rig: bench, run, scenario, cli",
    "rig.scenario": "rig: bench, run, scenario, cli",
    "rig.side_by_side": "rig: bench, run, scenario, cli",
    "rig.soak": "rig: bench, run, scenario, cli",
    "targets": "targets",
    "conformance": "conformance",
}
Model = dict[str, Any]
PART = re.compile(r"(<!-- begin (?P<name>[a-z-]+) -->\n).*?(<!-- end (?P=name) -->)", re.DOTALL)


def agent_states() -> str:
    """The agent's state machine as a diagram; events that hold in every state stand beside."""
    rows = [row for row in TRANSITIONS if row.state is not State.ALL]
    everywhere = [row for row in TRANSITIONS if row.state is State.ALL]
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> Init"]
    for row in rows:
        target = row.state if row.next_state is State.ALL else row.next_state
        lines.append(f"    {row.state.text} --> {target.text}: {row.event.text}")
    lines += ["```", "", "In every state:", ""]
    for row in everywhere:
        target_text = "stays" if row.next_state is State.ALL else row.next_state.text
        lines.append(f"- {row.event.text}: `{row.handler.value}` → {target_text}")
    return "\n".join(lines)


def execution_states() -> str:
    """Job executions: who may bring about which change."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> QUEUED"]
    changes: dict[tuple[str, str], list[str]] = {}
    for (before, actor), afters in EXECUTION_TRANSITIONS.items():
        for after in afters:
            changes.setdefault((before.value, after.value), []).append(actor.value)
    for (before_text, after_text), actors in sorted(changes.items()):
        lines.append(f"    {before_text} --> {after_text}: {', '.join(sorted(actors))}")
    return "\n".join([*lines, "```"])


def operations() -> str:
    """The operations of the control plane, service by service."""
    lines = ["| service | operations |", "|---|---|"]
    for service, api in APIS.items():
        lines.append(f"| `{service}` | {', '.join(sorted(api.operations))} |")
    return "\n".join(lines)


def rooms() -> str:
    """Which room imports which."""
    names = sorted(set(ROOMS.values()))
    lines = ["```mermaid", "flowchart LR"]
    lines += [f'    room{number}["{name}"]' for number, name in enumerate(names)]
    lines += [
        f"    room{names.index(one)} --> room{names.index(other)}"
        for one, other in sorted(arrows())
    ]
    return "\n".join([*lines, "```"])


def arrows() -> set[tuple[str, str]]:
    """Pairs of a room and another that it imports."""
    found = set()
    for top in {prefix.partition(".")[0] for prefix in ROOMS}:
        for path in (ROOT / top).rglob("*.py"):
            mine = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
            others = {room_of(name) for name in _imports(path)} - {mine, None}
            found |= {(mine or top, other) for other in others if other}
    return found


def room_of(module: str) -> str | None:
    """The room a module is in, None for one from elsewhere."""
    words = module.split(".")
    prefixes = (".".join(words[:length]) for length in range(len(words), 0, -1))
    return next((ROOMS[prefix] for prefix in prefixes if prefix in ROOMS), None)


def _imports(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


def board_fields() -> str:
    """Every field of a board file, from the model that checks it."""
    lines = ["| field | type | default | what it is |", "|---|---|---|---|"]
    schema = Board.model_json_schema()
    _add_fields(lines, schema, schema.get("$defs", {}), "")
    return "\n".join(lines)


def _add_fields(lines: list[str], schema: Model, definitions: Model, prefix: str) -> None:
    for name, field in schema["properties"].items():
        reference = field.get("$ref") or next(
            (option["$ref"] for option in field.get("anyOf", []) if "$ref" in option), None
        )
        if reference:
            inner = definitions[reference.rpartition("/")[2]]
            if "properties" in inner:
                _add_fields(lines, inner, definitions, f"{prefix}{name}.")
                continue
        required = name in schema.get("required", ())
        default = "required" if required else f"`{field.get('default')}`"
        kind = " or ".join(f"`{choice}`" for choice in _choices(field)) or _kind(field)
        lines.append(f"| `{prefix}{name}` | {kind} | {default} | {field.get('description', '')} |")


def _choices(field: Model) -> list[Any]:
    return list(field.get("enum", ())) or ([field["const"]] if "const" in field else [])


def _kind(field: Model) -> str:
    if "anyOf" in field:
        return " or ".join(_kind(option) for option in field["anyOf"])
    kind = str(field.get("type", "value"))
    return {"array": "list", "object": "table", "null": "none"}.get(kind, kind)


PARTS: dict[str, Callable[[], str]] = {
    "agent-states": agent_states,
    "execution-states": execution_states,
    "rooms": rooms,
    "board-fields": board_fields,
    "operations": operations,
    "held-states": held_states,
    "state-events": state_events,
    "state-event-cells": state_event_cells,
}


def generated(text: str) -> str:
    """The text with every generated part made anew; raises `KeyError` for an unknown one."""
    return PART.sub(lambda m: f"{m[1]}{PARTS[m['name']]()}\n{m[3]}", text)


def stale() -> list[Path]:
    """The documents whose generated parts are not what the code says now."""
    documents = sorted((ROOT / "docs").glob("*.md"))
    return [
        path for path in documents if generated(path.read_text("utf-8")) != path.read_text("utf-8")
    ]


def main() -> int:
    paths = stale()
    if "--check" in sys.argv[1:]:
        for path in paths:
            print(f"{path.relative_to(ROOT)} is stale: run `python -m docs.generate`")
        return 1 if paths else 0
    for path in paths:
        path.write_text(generated(path.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
