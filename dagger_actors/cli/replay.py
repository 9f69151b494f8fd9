"""``replay``: an attempt again, in this process and on demand under the debugger, committing nothing."""

from __future__ import annotations

import asyncio
import pdb  # noqa: T100 - that is what is asked for
import sys
from bdb import BdbQuit
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.stored_error import describe
from dagger_actors.cli.exits import FAILED, INTERRUPTED, OK
from dagger_actors.cli.json_report import json_page
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, Database, Imports, Resources, RunId
from dagger_actors.cli.text import invocation, one_line, printable, shorten
from dagger_actors.core.messages import Inline, Turn
from dagger_actors.core.task_rows import SharedChange
from dagger_actors.errors import ReplayRefused
from dagger_actors.flow.actions.additions import decode_growth
from dagger_actors.flow.replaying.replay import Replayed
from dagger_actors.flow.replaying.replay_resources import ReplayResources
from dagger_actors.flow.replaying.replaying import replay_attempt

__all__ = ["replay"]

Runner = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs the coroutine of an action to its end, and gives its result."""

LONGEST = 200
NAMED = 20


def replay(
    run_id: RunId,
    node: Annotated[str, Parameter(name="NODE", help="The node's id; `dagger-actors show RUN` lists them.")],
    /,
    *,
    item: Annotated[str, Parameter(help="The key of one item of a map.")] = "",
    attempt: Annotated[int | None, Parameter(help="Which attempt; absent: the last.")] = None,
    use_debugger: Annotated[
        bool, Parameter(name="--pdb", help="Stop at the action's first line, and where it raises.", negative=())
    ] = False,
    resources: Resources = None,
    imports: Imports = (),
    db: Database = DEFAULT_DATABASE,
) -> int:
    """Make an attempt again from its stored inputs, in this process, and show what it would commit; nothing is.

    What it does outside the database it really does. Its result is printed as JSON. Exits with 0 when it succeeded, 1 when
    it failed, 2 when it cannot be made again, 130 when the debugger was left.
    """
    debugger = pdb.Pdb() if use_debugger else None
    with look(db) as here, _made(resources) as made:
        run: Runner = asyncio.run if made is None else made.run

        def call(action: Action, arguments: dict[str, Any]) -> Any:
            return _run(action, arguments, run) if debugger is None else _run_under(debugger, action, arguments, run)

        try:
            done = replay_attempt(
                here.flows,
                run_id,
                node,
                item,
                attempt,
                imports=imports,
                folder=Path.cwd(),
                resources=made,
                call=call,
                write=_log,
            )
        except DebuggerLeft:
            sys.stderr.write("the debugger was left; nothing was committed\n")
            return INTERRUPTED
    name = one_line(invocation(node, item))
    if done.error is not None:
        sys.stderr.write(printable(done.error.traceback))
        sys.stderr.write(f"{name} failed again: {one_line(describe(done.error))}\n")
    else:
        sys.stdout.write(f"{_result(done)}\n")
        sys.stderr.write(f"{name} succeeded\n")
    told = "what would have been" if done.error is None else "what it had written by then"
    written = list(_written(done.turn, done.steps))
    sys.stderr.write(f"nothing was committed; {told}:\n" if written else "nothing was committed\n")
    sys.stderr.write("".join(f"  {one_line(line)}\n" for line in written))
    return OK if done.error is None else FAILED


def _made(reference: str | None) -> AbstractContextManager[ReplayResources | None]:
    return nullcontext() if reference is None else ReplayResources(reference, Path.cwd())


def _run(action: Action, arguments: dict[str, Any], run: Runner) -> Any:
    result = action.function(**arguments)
    return run(result) if action.is_async else result


class DebuggerLeft(BaseException):
    """Whoever debugs has had enough; no failure of the action."""


def _run_under(debugger: pdb.Pdb, action: Action, arguments: dict[str, Any], run: Runner) -> Any:
    """Stop at the first line; where it raises, stop there."""

    async def entered() -> Any:
        with _traced(debugger):  # not before: what asyncio calls first is nobody's to debug
            return await action.function(**arguments)

    try:
        if action.is_async:
            return run(entered())
        with _traced(debugger):
            return action.function(**arguments)
    except BdbQuit:
        raise DebuggerLeft from None
    except ReplayRefused:  # nothing of the action's to look at
        raise
    except Exception as error:
        sys.stderr.write(printable(f"{type(error).__name__}: {error}\n"))
        pdb.post_mortem(error.__traceback__)
        raise


@contextmanager
def _traced(debugger: pdb.Pdb) -> Iterator[None]:
    """Stop in what is called next; as ``Pdb.runcall``, which hides that it was left."""
    debugger.reset()
    sys.settrace(debugger.trace_dispatch)
    try:
        yield
    finally:
        sys.settrace(None)


def _log(_level: int, text: str) -> None:
    sys.stderr.write(f"log: {printable(text)}\n")


def _result(done: Replayed) -> str:
    if done.content is None:
        assert done.output is not None
        assert not isinstance(done.output, Inline)
        return f'"{done.output.size_bytes:,} bytes"'
    return json_page(done.content)


def _written(turn: Turn, steps: tuple[str, ...]) -> Iterator[str]:
    lines = [
        *(f"step {name}" for name in steps),
        *(f"artifact {one.name or 'of the output'}: {one.size_bytes:,} bytes" for one in turn.artifacts),
        *(f"statement {one.sql} {_shown(one.args)}" for one in turn.statements),
        *(f"value {one.key} {'+=' if one.is_append else '='} {_text(one.json)}" for one in turn.values),
        *(f"shared {one.scope}/{one.key} {_changed(one)}" for one in turn.shared),
        *(f"message for {one.channel}: {shorten(one.payload, LONGEST)}" for one in turn.published),
        *(f"node {node.id}: {node.purpose}" for node in (decode_growth(turn.growth).nodes if turn.growth else ())),
    ]
    yield from lines[:NAMED]
    if len(lines) > NAMED:
        yield f"and {len(lines) - NAMED:,} more"


def _changed(change: SharedChange) -> str:
    if change.step is not None:
        return f"+= {change.step}"
    return "deleted" if change.json is None else f"= {shorten(change.json, LONGEST)}"


def _shown(args: tuple[Any, ...]) -> str:
    return shorten(repr(args), LONGEST) if args else ""


def _text(json: bytes) -> str:
    return shorten(json.decode(), LONGEST)
