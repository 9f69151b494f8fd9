"""What watchers of a run are told, after the commit that made it true."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from dagger_actors.core.messages import ErrorDetail

__all__ = ["HookEmitted", "NodeChanged", "NodeCount", "NodeProgress", "Observer", "RunChanged", "RunEvent"]


class RunChanged(msgspec.Struct, frozen=True, kw_only=True, tag="run"):
    """The run's state changed."""

    run_id: str
    state: str
    error: str | None = None


class NodeChanged(msgspec.Struct, frozen=True, kw_only=True, tag="node"):
    """An invocation's state changed.

    Attributes:
        due_us: Of a retry wait: when the next try is due, microseconds UTC.
    """

    run_id: str
    node_id: str
    invocation_key: str
    attempt: int
    state: str
    reason: str | None = None
    error: ErrorDetail | None = None
    due_us: int | None = None


class NodeProgress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """A body told how far it is."""

    run_id: str
    node_id: str
    invocation_key: str
    done: float
    total: float | None


class NodeCount(msgspec.Struct, frozen=True, kw_only=True, tag="count"):
    """How many invocations the run has, as known so far; grows as maps fan out."""

    run_id: str
    total: int


class HookEmitted(msgspec.Struct, frozen=True, kw_only=True, tag="emitted"):
    """A hook emitted an event of its own.

    Attributes:
        node_id: The hook's id in its run.
        name: What happened.
        data: More of it, as JSON text.
    """

    run_id: str
    node_id: str
    name: str
    data: str


RunEvent = RunChanged | NodeChanged | NodeProgress | NodeCount | HookEmitted
Observer = Callable[[Sequence[RunEvent]], None]
"""Called on an internal thread after the commit; must not block and must not raise."""
