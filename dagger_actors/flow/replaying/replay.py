"""An attempt again, in this process, from its stored inputs; whatever it writes is kept in memory, shown, and forgotten.

It reads what its first time read: artifacts, steps, the run's namespace, the shared state, users' tables, all as they are now.
"""

from __future__ import annotations

import inspect
from asyncio import CancelledError
from collections.abc import Callable
from types import TracebackType
from typing import Any

import msgspec

from dagger_actors.actors.timers import MonotonicClock
from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.arguments import arguments_of
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.context import Surroundings
from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.bodies.outputs import to_output
from dagger_actors.bodies.secret import NO_MASK, GuardedArtifacts, Mask, Secret
from dagger_actors.bodies.suspend import refuse_swallowed
from dagger_actors.core.messages import ErrorDetail, Inline, Output, SecretName, StartAttempt, Turn
from dagger_actors.errors import ReplayRefused
from dagger_actors.flow.actions.context import Context
from dagger_actors.flow.replaying.replay_backends import MemoryArtifacts, MemorySteps

__all__ = ["Call", "Replayed", "replay"]

Call = Callable[[Action, dict[str, Any]], Any]
"""Calls an action with its arguments, and gives its result; of a coroutine function what it comes to."""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How it went, and what would have been committed.

    Attributes:
        output: What it gave; None when it failed.
        content: The output as JSON text, wherever it would be stored; None for bytes, and when it failed.
        error: How it failed; None when it succeeded.
        turn: What else it would have written.
        steps: Names of the steps that it took anew.
    """

    output: Output | None
    content: bytes | None
    error: ErrorDetail | None
    turn: Turn
    steps: tuple[str, ...]


def replay(
    start: StartAttempt,
    action: Action,
    *,
    backends: Backends,
    steps: MemorySteps,
    artifacts: MemoryArtifacts,
    call: Call,
    write: Callable[[int, str], None],
) -> Replayed:
    """Make an attempt again.

    Args:
        start: Its start.
        action: What it runs.
        backends: What its context asks; none of it may write.
        steps: Those of the backends.
        artifacts: Where what it stores goes.
        call: Calls the action.
        write: Takes what it logs, behind its level.

    Raises:
        ReplayRefused: Its inputs are not there, its arguments cannot be made, or it asks for what is not here.
    """
    if start.problem:
        raise ReplayRefused(start.run_id, start.node_id, start.invocation_key, start.problem)
    names = [(name, value) for name, value in start.inputs if isinstance(value, SecretName)]
    secrets = {name: Secret.env(value.variable).resolved() for name, value in names}
    mask = Mask(tuple(secrets.values())) if secrets else NO_MASK
    guarded = GuardedArtifacts(artifacts, mask) if secrets else artifacts
    around = Surroundings(
        artifacts=guarded,
        mask=mask,
        clock=MonotonicClock(),
        report=lambda _message: None,
        backends=backends,
        write=write,
    )
    context = Context(start, around)
    output: Output | None = None
    error: ErrorDetail | None = None
    try:
        arguments = arguments_of(action, start.inputs, secrets, artifacts.load)
        if action.context_parameter is not None:
            arguments[action.context_parameter] = context
        result = call(action, arguments)
        output, stored = to_output(result, start.outputs, guarded)
        if action.check_result is not None:
            action.check_result(result, None)
        if isinstance(output, Inline):
            mask.refuse(output.json)
        turn = context.turn(stored)
        refuse_swallowed(turn)
    except ReplayRefused:
        raise
    except (Exception, SystemExit, CancelledError) as raised:  # noqa: BLE001 - user code may raise it; it is an outcome
        raised.__traceback__ = _from(action, raised.__traceback__)
        output, error, turn = None, detail_of(raised, mask), context.turn(())
    return Replayed(
        output=output, content=_content(output, artifacts), error=error, turn=turn, steps=tuple(steps.taken)
    )


def _from(action: Action, traceback: TracebackType | None) -> TracebackType | None:
    """The frames from the action on, without those of whoever called it."""
    code = getattr(inspect.unwrap(action.source), "__code__", None)
    at = traceback
    while at is not None and at.tb_frame.f_code is not code:
        at = at.tb_next
    return at or traceback


def _content(output: Output | None, artifacts: MemoryArtifacts) -> bytes | None:
    if output is None or isinstance(output, Inline):
        return None if output is None else output.json
    return artifacts.load(output.artifact_id) if output.kind == "json" else None
