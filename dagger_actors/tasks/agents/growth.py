"""``ctx.spawn``: tasks that a task makes. They are written in the very transaction that ends the turn of its body.

A body that has waited runs again from its beginning. What it spawned before is there already: a child is known by its parent
and its name (``key``, or its place among those without one), so spawning it again gives the same child and writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from dagger_actors.bodies.artifact_source import ArtifactSource
from dagger_actors.bodies.attempt_end import AttemptEnd
from dagger_actors.bodies.outputs import INLINE_BYTES, to_json
from dagger_actors.bodies.records import is_record
from dagger_actors.bodies.secret import Mask
from dagger_actors.core.messages import ArtifactRecord, TaskFacts
from dagger_actors.core.task_rows import NewTask
from dagger_actors.errors import OutputError, PayloadRefused, SpawnMismatch, SpawnRefused
from dagger_actors.tasks.agents.marked import Marked, marked
from dagger_actors.tasks.agents.payloads import MAX_PAYLOAD_BYTES
from dagger_actors.tasks.handles.child import Child

__all__ = ["LARGEST_TURN", "MOST_CHILDREN", "Growth", "NewChild", "Options", "Sibling", "Wanted", "sibling"]

MOST_CHILDREN = 100_000
"""Children of one task."""

LARGEST_TURN = 16 * 1024 * 1024
"""Bytes of the payloads that one turn spawns."""

SPAWNED = "the task that ctx.spawn makes"

LONGEST_KEY = 200
SHOWN = 80


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is given with a child, judged; times are wall microseconds."""

    priority: int
    depends_on: tuple[int, ...]
    due_at: int | None
    expires_at: int | None
    try_count: int | None
    now_us: int

    @property
    def is_vain(self) -> bool:
        """Whether it expires before it may begin."""
        return self.expires_at is not None and self.expires_at <= max(self.now_us, self.due_at or 0)


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """A child, as it is asked of the process that has the agents.

    Attributes:
        agent: The name of its agent.
        made_by: The ``origin`` of its class or function, when it was given by that; else empty.
        payload: JSON text.
        is_record: Whether it was made of a Struct or the like, which has no keys too many.
        is_new: Whether it needs an id.
        try_count: Total tries; None = as its agent says.
    """

    agent: str
    made_by: str
    payload: bytes
    is_record: bool
    is_new: bool
    try_count: int | None = None


class NewChild(msgspec.Struct, frozen=True, array_like=True):
    """What is answered.

    Attributes:
        task_key: Its id; 0 when it needs none.
        agent: The name of its agent.
        limit_key: Under which it is limited.
    """

    task_key: int
    agent: str
    limit_key: str | None


class Sibling(msgspec.Struct, frozen=True, array_like=True):
    """A child that was spawned before.

    Attributes:
        spawn_key: Its name.
        task_key: Its id.
        agent: The name of its agent.
        digest: Of its payload.
        shown: The payload's beginning, for people.
    """

    spawn_key: str
    task_key: int
    agent: str
    digest: bytes
    shown: str


def sibling(spawn_key: str, task_key: int, agent: str, payload: str | None, artifact_id: str | None) -> Sibling:
    """Make it of a row of ``read.task_children``."""
    text = payload if payload is not None else f"artifact {artifact_id}"
    return Sibling(spawn_key, task_key, agent, _digest(text), _shown(text))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


class Growth:
    """The children of one task.

    Args:
        task_key: The task's id.
        facts: What else is known of it.
        ask: Asks the process that has the agents for a new child.
        ask_children: Asks it for those there are.
        artifacts: Where large payloads go.
        mask: What no payload may hold.
        end: Whether its attempt is over.

    Attributes:
        spawned: Those that are to be written.
        records: Artifacts of their payloads.
    """

    def __init__(
        self,
        task_key: int,
        facts: TaskFacts,
        *,
        ask: Callable[[Wanted], NewChild],
        ask_children: Callable[[int], Sequence[Sibling]],
        artifacts: ArtifactSource,
        mask: Mask,
        end: AttemptEnd,
    ) -> None:
        self._end = end
        self._task_key = task_key
        self._facts = facts
        self._ask = ask
        self._ask_children = ask_children
        self._artifacts = artifacts
        self._mask = mask
        self._size = 0
        self._unnamed = 0
        self._known: dict[str, Sibling] | None = None
        self.spawned: list[NewTask] = []
        self.records: list[ArtifactRecord] = []

    def spawn(self, agent: str | type | Callable[..., Any], payload: Any, key: str | None, options: Options) -> Child:
        """See ``TaskContext.spawn``."""
        self._end.refuse(SPAWNED)
        kind = None if isinstance(agent, str) else marked(agent)
        if kind is None and not isinstance(agent, str):
            what = "it is no task agent: give a TaskAgent class, a function marked @task_agent, or a name"
            raise SpawnRefused(repr(agent)[:100], what)
        name = kind.name if kind is not None else str(agent)
        _check_key(name, key)
        text = self._encode(name, kind, payload)
        spawn_key = self._name(key)
        before = self._siblings().get(spawn_key)
        if before is None:
            self._check_room(name, len(text))
            if options.is_vain:  # one that is there already may well have expired since
                raise SpawnRefused(name, "expires is before it may begin, so it would never run; give a later time")
        made_by = "" if kind is None else kind.origin
        new = self._ask(Wanted(name, made_by, text, is_record(type(payload)), before is None, options.try_count))
        inline, artifact_id, record = self._stored(text)
        now = sibling(spawn_key, new.task_key, new.agent, inline, artifact_id)
        if before is not None:
            _refuse_other(before, now)
            return Child(before.task_key, before.agent)
        self._end.keep(SPAWNED, self._add, self._task(new, spawn_key, inline, artifact_id, options), record)
        self._siblings()[spawn_key] = now
        self._size += len(text)
        return Child(new.task_key, new.agent)

    def _add(self, task: NewTask, record: ArtifactRecord | None) -> None:
        if record is not None:
            self.records.append(record)
        self.spawned.append(task)

    def _task(
        self, new: NewChild, spawn_key: str, payload: str | None, artifact_id: str | None, options: Options
    ) -> NewTask:
        return NewTask(
            new.task_key,
            new.agent,
            payload,
            artifact_id,
            priority=options.priority,
            job_key=self._facts.job_key,
            limit_key=new.limit_key,
            due_at=options.due_at,
            expires_at=options.expires_at,
            try_count=options.try_count,
            depends_on=options.depends_on,
            parent_key=self._task_key,
            spawn_key=spawn_key,
        )

    def has_new(self, ids: Sequence[int]) -> bool:
        """Whether one of these is of this turn, so that it cannot have ended."""
        new = {one.task_key for one in self.spawned}
        return not new.isdisjoint(ids)

    def _encode(self, name: str, kind: Marked | None, payload: Any) -> bytes:
        if kind is not None:
            text = kind.encode(payload)
        else:
            try:
                text = to_json(payload)
            except OutputError as error:
                raise PayloadRefused(name, error.reason, error.advice) from None
            if len(text) > MAX_PAYLOAD_BYTES:
                reason = f"it has {len(text):,} bytes of JSON, and {MAX_PAYLOAD_BYTES:,} are allowed"
                raise PayloadRefused(name, reason, "keep the content with ctx.save(...), and let it hold the reference")
        self._mask.refuse(text)
        return text

    def _check_room(self, agent: str, size: int) -> None:
        if len(self._siblings()) >= MOST_CHILDREN:
            raise SpawnRefused(agent, f"a task has at most {MOST_CHILDREN:,} children; let children spawn some of them")
        if self._size + size > LARGEST_TURN:
            reason = f"the payloads of one turn have at most {LARGEST_TURN:,} bytes"
            raise SpawnRefused(agent, f"{reason}; keep the content with ctx.save(...), and spawn with the reference")

    def _stored(self, text: bytes) -> tuple[str | None, str | None, ArtifactRecord | None]:
        if len(text) <= INLINE_BYTES:
            return text.decode(), None, None
        record = self._artifacts.prepare(text, kind="json", media_type="application/json")
        return None, record.artifact_id, record

    def _name(self, key: str | None) -> str:
        if key is not None:
            return key
        self._unnamed += 1
        return f"#{self._unnamed - 1}"

    def _siblings(self) -> dict[str, Sibling]:
        if self._known is None:
            found = self._ask_children(self._task_key) if self._facts.has_children else ()
            self._known = {one.spawn_key: one for one in found}
        return self._known


def _check_key(agent: str, key: object) -> None:
    if key is None:
        return
    if not isinstance(key, str) or not key.isprintable() or not 1 <= len(key) <= LONGEST_KEY or key.startswith("#"):
        what = f"a key is text of 1 to {LONGEST_KEY} printable characters that does not begin with '#'"
        raise SpawnRefused(agent, f"{what}, not {key!r:.100}")


def _refuse_other(before: Sibling, now: Sibling) -> None:
    if before.agent != now.agent:
        raise SpawnMismatch(now.spawn_key, "agent", repr(before.agent), repr(now.agent))
    if before.digest != now.digest:
        raise SpawnMismatch(now.spawn_key, "payload", before.shown, now.shown)
