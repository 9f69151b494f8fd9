"""``validate`` and ``list``: read flow files and system files without running them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from dagger_actors.actors.runtime import THREADS
from dagger_actors.actors.settings import collector_paused
from dagger_actors.bridges.awaitable_channels import KnownChannels
from dagger_actors.bridges.from_file import wired_with_triggers
from dagger_actors.cli.command_line import advising, command
from dagger_actors.cli.exits import OK, REFUSED, UsageError, complain
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.options import AnySpec, AsJson, Imports
from dagger_actors.cli.render import plain, stdout
from dagger_actors.cli.spec_files import kind_of, list_specs, read_spec
from dagger_actors.cli.text import one_line, printable, shorten
from dagger_actors.core.wording import counted
from dagger_actors.errors import DefinitionError
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import FlowDefinition, InputSpec
from dagger_actors.flow.definition.inputs import declared_inputs
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.flow.verbs.catalog import check_width
from dagger_actors.pubsub.declared.from_file import Wired
from dagger_actors.pubsub.declared.wired import Wiring
from dagger_actors.reading.source import Source
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.files.definition import SystemDefinition
from dagger_actors.supervised.files.resolving import load_and_resolve

__all__ = ["list_folder", "validate"]


def validate(
    spec: AnySpec,
    /,
    *,
    imports: Imports = (),
    system: Annotated[
        str | None, Parameter(help="For a flow: the system file with the channels that its nodes await messages of.")
    ] = None,
) -> int:
    """Check a flow or system file, and the code that it names, without running it.

    Every mistake is told at once, with its line and what to do. Exits with 2 when there is one.
    """
    with advising(spec, imports), collector_paused():
        source = read_spec(spec)
        if kind_of(source) == "flow":
            found = _flow(source, imports, None if system is None else _channels(system))
        elif system is None:
            found = _system(source, imports)
        else:
            raise UsageError("--system is for flows, and this is a system", "leave it out")
    sys.stdout.write(printable(f"{spec}: {found}\n"))
    return OK


def _channels(system: str) -> KnownChannels:
    source = read_spec(system)
    if kind_of(source) != "system":
        raise UsageError(f"--system names a system file, and {system} is a flow", "name the one that has the channels")
    wired: list[Wired | None] = []
    load_and_resolve(source, Actor, lambda *found: wired.append(wired_with_triggers(*found)))
    return KnownChannels(wired[0].wiring if wired[0] is not None else Wiring({}, (), {}), None)


def _flow(source: Source, imports: tuple[str, ...], channels: KnownChannels | None) -> str:
    registry = ActionRegistry()
    definition = load_flow(source, registry=registry, imports=imports, channels=channels)
    check_width(definition, definition.config, registry, THREADS)
    inputs = ", ".join(declared_inputs(definition)) or "none"
    return f"flow {definition.name!r} is valid: {counted(len(definition.nodes), 'node')}, inputs: {inputs}"


def _system(source: Source, imports: tuple[str, ...]) -> str:
    if imports:
        raise UsageError("--import names actions, and a system has none", "name its classes in the file, leave it out")
    wired: list[Wired | None] = []
    definition, _ = load_and_resolve(source, Actor, lambda *found: wired.append(wired_with_triggers(*found)))
    for warning in wired[0].wiring.warnings if wired[0] is not None else ():
        complain(f"warning: {warning}")
    agents, supervisors = definition.count()
    nested = f", {counted(supervisors, 'nested supervisor')}" if supervisors else ""
    return f"system {definition.name!r} is valid: {counted(agents, 'agent')}{nested}"


def list_folder(
    folder: Annotated[str, Parameter(name="DIR", help="Where to look; subfolders are not.")],
    /,
    *,
    tag: Annotated[tuple[str, ...], Parameter(help="Only flows with this tag; repeatable: all of them.")] = (),
    any_tag: Annotated[bool, Parameter(name="--any", help="One of the tags is enough.")] = False,
    as_json: AsJson = False,
) -> int:
    """List the flow and system files of a folder, sorted by name.

    Files that are neither are named on stderr, and the exit status is then 2.
    """
    if any_tag and not tag:
        raise UsageError("--any chooses among tags, and there is none", "name them: --any --tag A --tag B")
    found: list[tuple[Path, FlowDefinition | SystemDefinition]] = []
    refused = 0
    for path, spec in list_specs(folder):
        if isinstance(spec, DefinitionError):
            refused += 1
            complain(f"{path} is left out: {spec.problems[0].message}\n  see: {command('validate', str(path))}")
        else:
            found.append((path, spec))
    shown = [(path, spec) for path, spec in found if _is_wanted(spec, set(tag), any_tag=any_tag)]
    if as_json:
        write_json([metadata(path, spec) for path, spec in shown])
    else:
        _print(shown)
    return REFUSED if refused else OK


def _is_wanted(spec: FlowDefinition | SystemDefinition, wanted: set[str], *, any_tag: bool) -> bool:
    """Tell whether a file has the tags that were asked for; a system has none."""
    tags = set(spec.tags) if isinstance(spec, FlowDefinition) else set()
    return not wanted or (bool(wanted & tags) if any_tag else wanted <= tags)


def metadata(path: Path, spec: FlowDefinition | SystemDefinition) -> dict[str, object]:
    """Gather what a flow or a system says of itself; a flow has `nodes`, a system `agents`."""
    return metadata_of_system(path, spec) if isinstance(spec, SystemDefinition) else metadata_of_flow(path, spec)


def metadata_of_system(path: Path, system: SystemDefinition) -> dict[str, object]:
    """Gather what a system says of itself."""
    agents, supervisors = system.count()
    return {
        "file": str(path),
        "name": system.name,
        "description": system.description,
        "agents": agents,
        "supervisors": supervisors,
    }


def metadata_of_flow(path: Path, flow: FlowDefinition) -> dict[str, object]:
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


def _print(shown: list[tuple[Path, FlowDefinition | SystemDefinition]]) -> None:
    flows = plain("flow", "version", "nodes", "tags", "file", "description", right=("nodes",))
    systems = plain("system", "agents", "file", "description", right=("agents",))
    for path, spec in shown:
        description = shorten(spec.description, 120)
        if isinstance(spec, FlowDefinition):
            tags = ", ".join(spec.tags)
            _add(flows, spec.name, spec.version, str(len(spec.nodes)), tags, str(path), description)
        else:
            _add(systems, spec.name, str(spec.count()[0]), str(path), description)
    if flows.row_count or not systems.row_count:
        stdout().print(flows)
    if flows.row_count and systems.row_count:
        stdout().print()
    if systems.row_count:
        stdout().print(systems)


def _add(table: Table, *texts: str) -> None:
    table.add_row(*(Text(one_line(text)) for text in texts))
