"""The supervision tree as it is at one moment, for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from pykka import ActorDeadError

from dagger_actors.supervised.durable import DurableCell
from dagger_actors.supervised.lifecycle import Lifecycle
from dagger_actors.supervised.mailbox import IDLE
from dagger_actors.supervised.supervisor import SupervisorActor

__all__ = ["Branch", "branch_of", "leaf_of"]


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """An actor or a supervisor, and what is beneath it.

    Attributes:
        name: Its name in the system; empty = the root.
        kind: Name of the actor's class; ``supervisor``.
        state: ``starting``, ``idle``, ``busy``, ``stuck`` (its handler has not come back for as long as the system's
            ``stuck_after_s`` says), ``held`` (a durable one, whose stored state cannot be had), ``stopping``,
            ``restarting``, ``absent``; a supervisor is ``running``.
        restarts: How often it was restarted.
        queued: Messages in its mailbox.
        handled: Messages taken so far.
        timers: Timers that are set.
        children: In the order they are started.
    """

    name: str
    kind: str
    state: str
    restarts: int = 0
    queued: int = 0
    handled: int = 0
    timers: int = 0
    children: tuple[Branch, ...] = ()


def branch_of(supervisor: SupervisorActor, wait: Callable[[Any, float | None], Any]) -> Branch:
    """Look at a supervisor and all that is beneath it; one that is given up meanwhile has nothing beneath it."""
    try:
        children = wait(supervisor.look(), 5.0)
    except ActorDeadError:
        children = ()
    branches = []
    for view, handle in children:
        path = f"{supervisor.path}/{view.id}" if supervisor.path else view.id
        restarts = max(0, view.incarnation - 1)
        if isinstance(handle, SupervisorActor):
            below = branch_of(handle, wait)
            branches.append(msgspec.structs.replace(below, state=view.status, restarts=restarts))
        elif isinstance(handle, Lifecycle):
            state = None if view.status == "running" else view.status
            branches.append(leaf_of(handle, state=state, restarts=restarts))
        else:
            branches.append(Branch(name=path, kind="", state=view.status, restarts=restarts))
    return Branch(name=supervisor.path, kind="supervisor", state="running", children=tuple(branches))


def leaf_of(cell: Lifecycle, *, state: str | None = None, restarts: int = 0) -> Branch:
    """Look at one actor.

    Args:
        cell: The actor's.
        state: What its supervisor says of it; None = it is up.
        restarts: How often it was restarted.
    """
    extra = cell.extra
    return Branch(
        name=cell.name,
        kind=cell.traits.cls.__name__,
        state=state or _state_of(cell),
        restarts=restarts,
        queued=len(cell.lane or ()),
        handled=cell.handled,
        timers=0 if extra is None else len(extra.timers),
    )


def _state_of(cell: Lifecycle) -> str:
    if cell.post.alarm.is_stuck(cell):
        return "stuck"
    if isinstance(cell, DurableCell) and cell.held is not None:
        return "held"
    return "idle" if cell.state is IDLE else "busy"
