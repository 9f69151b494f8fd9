"""``validate`` and ``list``: read flow files without running them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.text import Text

from dagger_actors.actors.runtime import THREADS
from dagger_actors.actors.settings import collector_paused
from dagger_actors.cli.command_line import advising, command
from dagger_actors.cli.exits import OK, REFUSED, UsageError, complain
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.options import AsJson, Imports, Spec
from dagger_actors.cli.render import plain, stdout
from dagger_actors.cli.text import one_line, printable, shorten
from dagger_actors.errors import DefinitionError
from dagger_actors.flow.catalog import check_width
from dagger_actors.flow.definition import FlowDefinition, InputSpec
from dagger_actors.flow.inputs import declared_inputs
from dagger_actors.flow.loading.loader import list_flows, load_flow
from dagger_actors.flow.registry import ActionRegistry

__all__ = ["list_folder", "validate"]


def validate(spec: Spec, /, *, imports: Imports = ()) -> int:
    """Check a flow file and its actions without running it.

    Every mistake is told at once, with its line and what to do. Exits with 2 when there is one.
    """
    registry = ActionRegistry()
    with advising(spec, imports), collector_paused():
        definition = load_flow(spec, registry=registry, imports=imports)
        check_width(definition, definition.config, registry, THREADS)
    inputs = ", ".join(declared_inputs(definition)) or "none"
    sys.stdout.write(
        printable(f"{spec}: flow {definition.name!r} is valid: {len(definition.nodes)} nodes, inputs: {inputs}\n")
    )
    return OK


def list_folder(
    folder: Annotated[str, Parameter(name="DIR", help="Where to look; subfolders are not.")],
    /,
    *,
    tag: Annotated[tuple[str, ...], Parameter(help="Only flows with this tag; repeatable: all of them.")] = (),
    any_tag: Annotated[bool, Parameter(name="--any", help="One of the tags is enough.")] = False,
    as_json: AsJson = False,
) -> int:
    """List the flow files of a folder, sorted by name.

    Files that are no valid flow are named on stderr, and the exit status is then 2.
    """
    if any_tag and not tag:
        raise UsageError("--any chooses among tags, and there is none", "name them: --any --tag A --tag B")
    found: list[tuple[Path, FlowDefinition]] = []
    refused = 0
    for path, flow in list_flows(folder):
        if isinstance(flow, DefinitionError):
            refused += 1
            complain(f"{path} is left out: {flow.problems[0].message}\n  see: {command('validate', str(path))}")
        else:
            found.append((path, flow))
    wanted = set(tag)
    shown = [
        (path, flow)
        for path, flow in found
        if not wanted or (wanted & set(flow.tags) if any_tag else wanted <= set(flow.tags))
    ]
    if as_json:
        write_json([metadata(path, flow) for path, flow in shown])
    else:
        _print(shown)
    return REFUSED if refused else OK


def metadata(path: Path, flow: FlowDefinition) -> dict[str, object]:
    """Gather what a flow says of itself: all that whoever wants to start it must know."""
    return {
        "file": str(path),
        "name": flow.name,
        "description": flow.description,
        "author": flow.author,
        "version": flow.version,
        "signature": flow.signature,
        "instructions": flow.instructions,
        "tags": list(flow.tags),
        "nodes": len(flow.nodes),
        "inputs": {name: _input(spec) for name, spec in declared_inputs(flow).items()},
        "outputs": {name: reference.description for name, reference in (flow.outputs or {}).items()},
    }


def _input(spec: InputSpec) -> dict[str, object]:
    told: dict[str, object] = {"type": spec.type, "required": spec.default is None, "description": spec.description}
    if spec.default is not None:
        told["default"] = msgspec.Raw(spec.default.encode())
    return told | ({"secret": True} if spec.secret else {})


def _print(shown: list[tuple[Path, FlowDefinition]]) -> None:
    table = plain("flow", "version", "nodes", "tags", "file", "description", right=("nodes",))
    for path, flow in shown:
        tags = ", ".join(flow.tags)
        texts = (flow.name, flow.version, str(len(flow.nodes)), tags, str(path), shorten(flow.description, 120))
        table.add_row(*(Text(one_line(text)) for text in texts))
    stdout().print(table)
