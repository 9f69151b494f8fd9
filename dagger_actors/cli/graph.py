"""``graph``: draw a flow or system file, or a run with its states."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dagger_actors.actors.settings import collector_paused
from dagger_actors.bridges.from_file import wired_with_triggers
from dagger_actors.bridges.picture import with_triggers
from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import UsageError
from dagger_actors.cli.looking import as_it_stands
from dagger_actors.cli.options import DEFAULT_DATABASE, Imports, existing
from dagger_actors.cli.pictures import Format, Output, write_picture, write_text
from dagger_actors.cli.spec_files import kind_of, read_spec
from dagger_actors.core.wording import quoted
from dagger_actors.drawing.gantt import write_gantt
from dagger_actors.drawing.picture import Picture
from dagger_actors.errors import DefinitionError
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.flow.reports.run_gantt import chart_of_run
from dagger_actors.flow.reports.run_picture import picture_of_run
from dagger_actors.pubsub.declared.from_file import Wired
from dagger_actors.pubsub.declared.picture import with_messages
from dagger_actors.reading.source import Source
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.files.loading import load_system
from dagger_actors.supervised.files.picture import picture_of_system
from dagger_actors.supervised.files.resolving import load_and_resolve
from dagger_actors.system import ActorSystem

__all__ = ["graph"]


def graph(
    spec: Annotated[str | None, Parameter(name="SPEC", help="The flow or system file; or give --run.")] = None,
    /,
    *,
    run: Annotated[str | None, Parameter(help="Draw this run of the database instead, with its states.")] = None,
    calls: Annotated[bool, Parameter(help="Draw the hooks and failure actions too that the run has called.")] = False,
    gantt: Annotated[
        bool, Parameter(help="Draw when the nodes of the run waited, ran, and were tried again, as svg.")
    ] = False,
    db: Annotated[str | None, Parameter(help=f"Database file of the run; {DEFAULT_DATABASE} when absent.")] = None,
    format_: Format = None,
    output: Output = None,
    imports: Imports = (),
) -> int:
    """Draw a flow or system file, or a run with its states: mermaid, dot or svg.

    svg needs the extra: pip install 'dagger-actors[graph]'.
    """
    if (spec is None) == (run is None):
        raise UsageError("graph draws one thing", "give either a flow or system file, or --run RUN")
    if run is not None:
        if imports:
            raise UsageError("--import is for a flow file; a run is drawn as it was stored", "leave it out")
        if gantt:
            return _gantt(run, db or DEFAULT_DATABASE, format_, output, calls=calls)
        return write_picture(lambda: _run(run, db or DEFAULT_DATABASE, calls=calls), format_, output)
    if calls or gantt:
        option = "--gantt" if gantt else "--calls"
        raise UsageError(f"{option} is for a run: a file has done nothing", "leave it out, or give --run RUN")
    assert spec is not None
    return write_picture(lambda: _picture(spec, db, imports), format_, output)


def _run(run: str, db: str, *, calls: bool) -> Picture:
    with ActorSystem.look(existing(db)) as here:
        return picture_of_run(here.flows.definition(run), as_it_stands(here.flows, run), calls=calls)


def _gantt(run: str, db: str, format_: str | None, output: str | None, *, calls: bool) -> int:
    suffix = Path(output).suffix.lower() if output is not None else ".svg"
    if format_ not in (None, "svg") or (format_ is None and suffix != ".svg"):
        raise UsageError("--gantt draws svg", "leave --format out, and let the name of --output end in .svg")
    with ActorSystem.look(existing(db)) as here:
        report, now_us = as_it_stands(here.flows, run), time.time_ns() // 1000
        chart = chart_of_run(here.flows.definition(run), report, now_us=now_us, calls=calls)
    return write_text(write_gantt(chart), output)


def _picture(spec: str, db: str | None, imports: tuple[str, ...]) -> Picture:
    if db is not None:
        raise UsageError("--db is for a run; a file needs no database", "leave it out, or give --run RUN")
    if not Path(spec).suffix and not Path(spec).exists():
        advice = f"a run is drawn with: {command('graph', options=[('--run', spec)])}"
        raise UsageError(f"there is no file {quoted(spec)}", advice)
    with collector_paused():
        source = read_spec(spec)
        if kind_of(source) == "flow":
            return load_flow(source, registry=ActionRegistry(), imports=imports).picture()
        if imports:
            raise UsageError("--import is for a flow file; a system file names its classes", "leave it out")
        return _system(source)


def _system(source: Source) -> Picture:
    """A system with its messages; what its classes say of these is known by importing them.

    A file that says nothing of channels itself is drawn without them where that does not succeed.
    """
    definition = load_system(source)
    wired: list[Wired | None] = []
    try:
        load_and_resolve(source, Actor, lambda *found: wired.append(wired_with_triggers(*found)))
    except DefinitionError:
        if (
            definition.channels
            or definition.triggers
            or any(one.subscriptions is not None or one.group for one in definition.all_agents())
        ):
            raise
    found = wired[0] if wired else None
    if found is None or not len(found.members):
        return picture_of_system(definition)
    picture = with_triggers(picture_of_system(definition, found.members.names()), found.members)
    return with_messages(picture, found.wiring, found.members)
