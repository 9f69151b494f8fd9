"""``approve``, ``reject`` and ``signal``: answer what a run asks people, also while nobody runs it."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from cyclopts import Parameter

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK, UsageError
from dagger_actors.cli.inputs import parse_answer
from dagger_actors.cli.options import DEFAULT_DATABASE, Database, RunId, existing
from dagger_actors.cli.steps import YES_OR_NO
from dagger_actors.cli.text import one_line, printable
from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import Approval, InputType
from dagger_actors.system import ActorSystem

__all__ = ["approve", "reject", "signal"]

NodeId = Annotated[str, Parameter(name="NODE", help="Id of the node that asks.")]


def approve(run_id: RunId, node: NodeId, /, *, db: Database = DEFAULT_DATABASE) -> int:
    """Say yes to what a node asks; recorded when this returns."""
    with ActorSystem(existing(db), recover=False) as system:
        run_id, node = system.flows.locate(run_id, node)
        kind = _type_of(system, run_id, node)
        if kind is not None and kind not in YES_OR_NO:
            step = command("signal", run_id, node, "VALUE", db=db)
            raise UsageError(f"node {quoted(node)} asks for an answer of type {kind}", f"give it with: {step}")
        system.flows.signal(run_id, node, value=True)
        return _tell(system, run_id, f"approved {node}", db)


def reject(
    run_id: RunId,
    node: NodeId,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why; it is part of the node's error.")] = "",
    db: Database = DEFAULT_DATABASE,
) -> int:
    """Say no to what a node asks: it fails; recorded when this returns."""
    with ActorSystem(existing(db), recover=False) as system:
        run_id, node = system.flows.locate(run_id, node)
        system.flows.reject(run_id, node, reason)
        return _tell(system, run_id, f"rejected {node}", db)


def signal(
    run_id: RunId,
    node: NodeId,
    value: Annotated[str, Parameter(name="VALUE", help="The answer, of the type that the node asks for.")],
    /,
    *,
    db: Database = DEFAULT_DATABASE,
) -> int:
    """Answer what a node asks, with yes or no where that is asked; recorded when this returns."""
    with ActorSystem(existing(db), recover=False) as system:
        run_id, node = system.flows.locate(run_id, node)
        answer: Any = parse_answer(value, _type_of(system, run_id, node) or "any")
        system.flows.signal(run_id, node, answer)
        return _tell(system, run_id, f"answered {node}", db)


def _type_of(system: ActorSystem, run_id: str, node_id: str) -> InputType | None:
    """The type that a node asks for; None = it asks nothing, which whoever is told the answer says better."""
    asks = [node.awaits for node in system.flows.definition(run_id).nodes if node.id == node_id]
    return asks[0].type if asks and isinstance(asks[0], Approval) else None


def _tell(system: ActorSystem, run_id: str, done: str, db: str) -> int:
    """Say what has been done, and who goes on."""
    if run_id in system.flows.opened():
        system.flows.run(run_id).wait()  # what needs no code goes on right here
    root = system.flows.root(run_id)
    states = [_state(system, one) for one in (run_id, root)]
    sys.stderr.write(f"{one_line(done)} of run {one_line(run_id)}, which is {states[0].replace('_', ' ')}\n")
    if all(state in ("paused", "interrupted") for state in states):
        sys.stderr.write(
            printable(f"next: {command('resume', root, db=db)}, unless a worker that has its code is there\n")
        )
    return OK


def _state(system: ActorSystem, run_id: str) -> str:
    return "interrupted" if system.flows.is_interrupted(run_id) else system.flows.report(run_id, outputs=False).state
