"""``run``, ``resume``, ``retry`` and ``fork``: start or continue runs and stay with them until they end."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from dagger_actors.actors.runtime import THREADS
from dagger_actors.actors.settings import collector_paused
from dagger_actors.cli.command_line import advising, command
from dagger_actors.cli.exits import REFUSED, UsageError, complain
from dagger_actors.cli.inputs import advising_inputs, parse_inputs
from dagger_actors.cli.options import AsJson, Inputs, Quiet, RunId, Spec, existing
from dagger_actors.cli.place import Here, Place
from dagger_actors.cli.progress import Display, Voice
from dagger_actors.cli.staying import stay
from dagger_actors.cli.text import one_line, printable
from dagger_actors.errors import DaggerError
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition.inputs import check_inputs, declared_inputs
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.flow.loading.settings import MAX_PARALLEL
from dagger_actors.flow.verbs.catalog import check_width, settings_of
from dagger_actors.flow.verbs.preparing import check_run_id
from dagger_actors.flow.verbs.run import Run
from dagger_actors.system import ActorSystem

__all__ = ["fork", "resume", "retry", "run"]

ANYWHERE = Place()
PINNED = ", with the flow as it began; an edited flow file needs a new run"


def run(
    spec: Spec,
    /,
    *,
    inputs: Inputs = (),
    place: Here = ANYWHERE,
    run_id: Annotated[
        str | None,
        Parameter(help="Id of the run, without '/'; the same id with the same flow and inputs is the same run."),
    ] = None,
    parallel: Annotated[int | None, Parameter(help="Nodes running at once; overrides the file.")] = None,
    sequential: Annotated[bool, Parameter(help="One node at a time.")] = False,
    no_cache: Annotated[bool, Parameter(help="Compute every node anew, also those with a cached output.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Run a flow file to its end.

    At an approval a terminal asks. Exits with 0 when it succeeded, 1 when it failed, was cancelled or timed out, 2 when it
    cannot start, 3 when it is paused, or nothing but people are awaited, 130 when it was interrupted. The first Ctrl-C
    leaves it resumable after up to 10 s, the second at once.
    """
    if parallel is not None and sequential:
        raise UsageError("--parallel and --sequential exclude one another", "give one of them")
    if parallel is not None and not 1 <= parallel <= MAX_PARALLEL:
        raise UsageError(f"--parallel {parallel} is out of range", f"give 1 to {MAX_PARALLEL:,}")
    # Before the database is opened: a mistake in the options, the file or the inputs leaves nothing behind.
    if run_id is not None:
        check_run_id(run_id)
    registry = ActionRegistry()
    with advising(spec, place.imports), collector_paused():
        definition = load_flow(spec, registry=registry, imports=place.imports)
        check_width(definition, settings_of(definition, parallel, sequential=sequential), registry, THREADS)
    values = parse_inputs(inputs, definition.inputs)
    with advising_inputs(definition.inputs or {}, values):
        check_inputs(definition, values)

    def start(system: ActorSystem, display: Display) -> list[Run]:
        del display
        waiting = len([one for one in system.flows.resumable() if one != run_id])
        if waiting and not (as_json or quiet):
            step = command("resume", options=[("--all", "")], db=place.db)
            sys.stderr.write(
                printable(f"{waiting} {'run waits' if waiting == 1 else 'runs wait'} here; go on with: {step}\n")
            )
        handle = system.flows.start(
            spec, inputs=values, run_id=run_id, parallel=parallel, sequential=sequential, use_cache=not no_cache
        )
        return [handle]

    voice = Voice(title=definition.name, as_json=as_json, quiet=quiet)
    return stay(start, place, voice)


def resume(
    run_id: Annotated[str | None, Parameter(name="RUN", help="The run's id.")] = None,
    /,
    *,
    every: Annotated[bool, Parameter(name="--all", help="Every run of the database that can go on.")] = False,
    place: Here = ANYWHERE,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Go on with a paused run, or with one whose process is gone.

    What was done is not done again. A succeeded run prints its outputs.
    """
    if (run_id is None) != every:
        raise UsageError("resume takes a run id or --all", "list the runs with: dagger-actors runs")

    refused: list[str] = []

    def go_on(system: ActorSystem, display: Display) -> list[Run]:
        if run_id is not None:
            display.begin(system.flows.report(run_id, outputs=False))
            return [system.flows.resume(run_id)]
        runs: list[Run] = []
        for one in system.flows.resumable():
            # One that cannot go on must not keep the others from it.
            try:
                display.begin(system.flows.report(one, outputs=False))
                runs.append(system.flows.resume(one))
            except DaggerError as error:
                refused.append(one)
                complain(f"run {one} cannot go on: {error}")
        return runs

    existing(place.db)
    voice = Voice(title=run_id or "all runs", as_json=as_json, quiet=quiet, pinned=PINNED)
    status = stay(go_on, place, voice, is_list=every)
    return REFUSED if refused else status


def retry(
    run_id: RunId,
    /,
    *,
    start_from: Annotated[
        tuple[str, ...],
        Parameter(name="--from", help="Id of a node to run again too, with everything downstream of it; repeatable."),
    ] = (),
    place: Here = ANYWHERE,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Run the failed, cancelled and never started nodes of an ended run again, and release parked ones.

    What succeeded is not done again, but for what ``--from`` names.
    The flow is the one that the run began with; the actions are those of today.
    """

    def again(system: ActorSystem, display: Display) -> list[Run]:
        display.begin(system.flows.report(run_id, outputs=False))
        return [system.flows.retry(run_id, start_from=start_from)]

    existing(place.db)
    return stay(again, place, Voice(title=run_id, as_json=as_json, quiet=quiet, pinned=PINNED))


def fork(
    run_id: RunId,
    /,
    *,
    start_from: Annotated[
        tuple[str, ...],
        Parameter(name="--from", help="Id of a node to run again, with everything downstream of it; repeatable."),
    ],
    inputs: Inputs = (),
    new_id: Annotated[str | None, Parameter(name="--run-id", help="Id of the new run, without '/'.")] = None,
    place: Here = ANYWHERE,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Start a new run that shares what another has done, but for some nodes and everything downstream of them.

    The other run is only read, and stays as it is. With -i an input has another value, where no shared node has used it.
    The flow is the one that the other run began with; the actions are those of today.
    """

    def again(system: ActorSystem, display: Display) -> list[Run]:
        del display
        values = parse_inputs(inputs, declared_inputs(system.flows.definition(run_id)))
        return [system.flows.fork(run_id, start_from=start_from, inputs=values, run_id=new_id)]

    existing(place.db)
    voice = Voice(title=f"fork of {run_id}", as_json=as_json, quiet=quiet, pinned=f", forked from {one_line(run_id)}")
    return stay(again, place, voice)
