"""Runs that turns start: written without an owner, so that whoever is first takes them; an id that is there starts nothing."""

from __future__ import annotations

import apsw
import msgspec

from dagger_actors.core.run_rows import NewRun, StartRuns
from dagger_actors.store.ownership import reserve
from dagger_actors.store.stepping import ask, do, text

__all__ = ["start_runs"]

_named = msgspec.json.Decoder(list[tuple[str, str, str, int]])


def start_runs(connection: apsw.Connection, operation: StartRuns) -> tuple[bool, ...]:
    """Write runs; answers for each whether it is new.

    Raises:
        RunConflict: Its id is that of a run inside another, or of another definition or other inputs.
    """
    rows = _named.decode(ask(connection, "read.runs_named", text([run.run_id for run in operation.runs])))
    known = {run_id: (definition_id, inputs, bool(is_inside)) for run_id, definition_id, inputs, is_inside in rows}
    fresh: list[NewRun] = []
    answers: list[bool] = []
    for run in operation.runs:
        earlier = known.get(run.run_id)
        if earlier is None:
            known[run.run_id] = (run.definition_id, run.inputs, False)
            fresh.append(run)
        else:
            definition_id, inputs, is_inside = earlier
            run.refuse_other(definition_id, inputs, is_inside=is_inside)
        answers.append(earlier is None)
    for run in operation.runs:
        if run.definition is not None:
            do(connection, "definitions.put", run.definition_id, run.flow_name, *run.definition, operation.now_us)
    if fresh:
        first = reserve(connection, "run", len(fresh))
        made = [
            (key, one.run_id, one.flow_name, one.definition_id, one.config, one.inputs, one.imports, operation.now_us)
            for key, one in enumerate(fresh, first)
        ]
        do(connection, "flow_runs.start", text(made))
    return tuple(answers)
