"""The supervision tree as it is at one moment, for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dagger_actors.supervised.lifecycle import Lifecycle
from dagger_actors.supervised.mailbox import IDLE
from dagger_actors.supervised.supervisor import SupervisorActor

__all__ = ["Branch", "branch_of"]


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """An actor or a supervisor, and what is beneath it.

    Attributes:
        name: Its name in the system; empty = the root.
        kind: Name of the actor's class; ``supervisor``.
        state: ``starting``, ``idle``, ``busy``, ``stopping``, ``restarting``, ``absent``; a supervisor is ``running``.
        restarts: How often it was restarted.
        queued: Messages in its mailbox.
        handled: Messages taken so far.
        children: In the order they are started.
    """

    name: str
    kind: str
    state: str
    restarts: int = 0
    queued: int = 0
    handled: int = 0
    children: tuple[Branch, ...] = ()


def branch_of(supervisor: SupervisorActor, wait: Callable[[Any, float | None], Any]) -> Branch:
    """Look at a supervisor and all that is beneath it."""
    branches = []
    for view, handle in wait(supervisor.look(), 5.0):
        path = f"{supervisor.path}/{view.id}" if supervisor.path else view.id
        restarts = max(0, view.incarnation - 1)
        if isinstance(handle, SupervisorActor):
            below = branch_of(handle, wait)
            branches.append(msgspec.structs.replace(below, state=view.status, restarts=restarts))
        elif isinstance(handle, Lifecycle):
            status = ("idle" if handle.state is IDLE else "busy") if view.status == "running" else view.status
            branches.append(
                Branch(
                    name=path,
                    kind=handle.traits.cls.__name__,
                    state=status,
                    restarts=restarts,
                    queued=len(handle.lane or ()),
                    handled=handle.handled,
                )
            )
        else:
            branches.append(Branch(name=path, kind="", state=view.status, restarts=restarts))
    return Branch(name=supervisor.path, kind="supervisor", state="running", children=tuple(branches))
