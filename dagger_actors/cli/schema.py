"""``schema``: the JSON Schema of flow files or of system files, for editors; and those of actions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from dagger_actors.bodies.action_schemas import ActionSchema, action_schema
from dagger_actors.cli.exits import OK, UsageError
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.options import AsJson, Imports
from dagger_actors.cli.text import printable
from dagger_actors.flow.loading.json_schema import flow_schema
from dagger_actors.flow.registry import ActionRegistry
from dagger_actors.supervised.file_format import system_schema

__all__ = ["schema"]


def schema(
    *,
    kind: Annotated[
        Literal["flow", "system"] | None, Parameter(help="Of which files: flow or system; flow when absent.")
    ] = None,
    imports: Imports = (),
    as_json: AsJson = False,
) -> int:
    """Print the JSON Schema of flow or system files, or with --import those of actions."""
    if kind is not None and imports:
        raise UsageError("--kind is for the schema of files, --import for those of actions", "give one of the two")
    if not imports:
        write_json(system_schema() if kind == "system" else flow_schema())
        return OK
    registry = ActionRegistry()
    for reference in imports:
        registry.load(reference, Path.cwd())
    found = [action for name in registry.names() if (action := registry.get(name)) is not None]
    schemas = [action_schema(action) for action in found]
    if as_json:
        write_json(schemas)
    else:
        for one in schemas:
            sys.stdout.write(printable(described(one)))
        if not schemas:
            sys.stdout.write("no actions there: mark functions with @action\n")
    return OK


def described(one: ActionSchema) -> str:
    """Describe an action for people: a line for each input, and one for the output."""
    lines = [f"{one.name}  ({one.place})"]
    lines += [f"    {line}".rstrip() for line in one.description.splitlines()]
    required = set(one.inputs["required"])
    for name, made in one.inputs["properties"].items():
        lines.append(f"  {name}{'' if name in required else '?'}: {compact(made)}")
    if one.inputs["additionalProperties"]:
        lines.append("  ...: anything")
    lines.append(f"  -> {compact(one.output)}")
    for name, made in {**one.inputs.get("$defs", {}), **one.output.get("$defs", {})}.items():
        lines.append(f"  {name} = {compact(made)}")
    return "\n".join(lines) + "\n"


def compact(made: dict[str, object]) -> str:
    """Write a schema in one line; nothing is said of a value that may be anything."""
    shown = {key: value for key, value in made.items() if key not in ("$defs", "title", "description")}
    return msgspec.json.encode(shown).decode() if shown else "anything"
