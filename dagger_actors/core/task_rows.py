"""What an attempt may leave for others in its turn: new tasks, changes of the shared state, and whom it waits for."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Conflict", "DependencyKind", "NewTask", "SharedChange", "Wait"]

Conflict = Literal["existing", "reject", "replace"]
"""What is done about a second task of one ``key``: the first one's id, an error, the first one is cancelled."""

DependencyKind = Literal["success", "end"]


class NewTask(msgspec.Struct, frozen=True, gc=False):
    """A task to be written.

    Attributes:
        task_key: Its id; new.
        agent: The name of its agent.
        payload: JSON text; None when it is an artifact.
        payload_artifact_id: Else None.
        priority: Higher goes first.
        job_key: Its job; None = none.
        limit_key: Tasks of one of these share their agent's ``per_key``; None = no limit.
        due_at: Not before this, wall microseconds; None = at once.
        expires_at: Not begun by then, it is cancelled; None = never.
        try_count: Total tries; None = as its agent says.
        depends_on: Ids of tasks that must succeed before; those of the same operation too.
        key: Unique among the tasks of its agent; None = has none.
        on_conflict: What is done about a second one of that key.
        parent_key: The task that spawned it; None = nobody did.
        spawn_key: Its name, or ``#`` and its place, among the children of its parent.
        trace: The trace context of who submits it, as text of the telemetry; None = it is part of no trace.
    """

    task_key: int
    agent: str
    payload: str | None
    payload_artifact_id: str | None = None
    priority: int = 0
    job_key: int | None = None
    limit_key: str | None = None
    due_at: int | None = None
    expires_at: int | None = None
    try_count: int | None = None
    depends_on: tuple[int, ...] = ()
    key: str | None = None
    on_conflict: Conflict = "existing"
    parent_key: int | None = None
    spawn_key: str | None = None
    trace: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether its row can be written without reading anything before."""
        return self.key is None and not self.depends_on and self.parent_key is None


class SharedChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change of the shared state.

    Attributes:
        scope: The name space.
        key: Within it.
        json: The new value as JSON text; None = it is deleted, or changed by ``step``.
        step: What is added to the number that is there; None = it is put or deleted.
        ttl_us: How long it lives; None = for ever.
        version: What its version must be; 0 = it must not be there; None = any.
    """

    scope: str
    key: str
    json: str | None = None
    step: float | int | None = None
    ttl_us: int | None = None
    version: int | None = None


class Wait(msgspec.Struct, frozen=True, gc=False):
    """Whom a suspended attempt waits for.

    Attributes:
        on: Ids of tasks.
        kind: Whether only their success will do.
    """

    on: tuple[int, ...]
    kind: DependencyKind
