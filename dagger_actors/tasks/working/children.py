"""Answers what contexts of tasks ask of their process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dagger_actors.bodies.publications import PUBLISH, Messages
from dagger_actors.bodies.shared import SHARED, StoredShared
from dagger_actors.bodies.turn_shared import MARK_STEP
from dagger_actors.core.protocols import Clock
from dagger_actors.errors import SpawnRefused, UnknownAgent
from dagger_actors.store.store import Store
from dagger_actors.tasks.agents.doors import Doors
from dagger_actors.tasks.agents.growth import NewChild, Sibling, Wanted, sibling
from dagger_actors.tasks.agents.questions import CHILDREN, JOB, MARK, NEEDS, NEW, OUTCOMES
from dagger_actors.tasks.agents.registry import TaskAgents
from dagger_actors.tasks.handles.given_values import one_try
from dagger_actors.tasks.working.keys import Keys

__all__ = ["Children"]

_encode = msgspec.msgpack.encode
_wanted = msgspec.msgpack.Decoder(Wanted)
_key = msgspec.msgpack.Decoder(int)
_keys = msgspec.msgpack.Decoder(list[int])


class Children:
    """Implements ``bodies.backends.OwnerSource``.

    Args:
        store: The open database.
        agents: This process's.
        keys: Gives ids of tasks.
        clock: The time.
        messages: Answers what bodies publish.
    """

    def __init__(self, store: Store, agents: TaskAgents, keys: Keys, *, clock: Clock, messages: Messages) -> None:
        self._messages = messages
        self._query = store.readers.query
        self._agents = agents
        self._keys = keys
        self._doors = Doors(agents, store.readers)
        self._shared = StoredShared(store.readers.query, lambda: clock.now().wall_us)
        self._answers: dict[str, Callable[[bytes], Any]] = {
            NEW: self._new,
            CHILDREN: self._children,
            OUTCOMES: self._outcomes,
            NEEDS: self._needs,
            JOB: self._job,
            MARK: self._mark,
        }

    def ask(self, question: str, arguments: bytes) -> bytes:
        """Answer; see ``questions``.

        Raises:
            PayloadRefused: The agent of a new child does not take its payload.
            SpawnRefused: The agent of a new child tries once, and it wants more.
            UnknownChannel, PublicationRefused, RequestError: A message cannot be published.
            LookupError: Contexts of tasks do not ask for that.
        """
        if question == PUBLISH:
            return self._messages.answer(arguments)
        if question == SHARED:
            return self._shared.answer(arguments)
        answer = self._answers.get(question)
        if answer is None:
            raise LookupError(f"contexts of tasks do not ask for {question!r} ({len(arguments)} bytes)")
        return _encode(answer(arguments))

    def _new(self, arguments: bytes) -> NewChild:
        wanted = _wanted.decode(arguments)
        entry = self._agents.named(wanted.agent, wanted.made_by)
        text = wanted.payload
        if entry is None:
            name, limit_key = wanted.agent, self._elsewhere(wanted.agent, text)
        else:
            name = entry.name
            if wanted.try_count is not None and wanted.try_count > 1 and entry.options.has_one_try:
                raise SpawnRefused(name, one_try(wanted.try_count, name))
            limit_key = entry.key_of(text) if wanted.is_record else entry.encode(msgspec.json.decode(text))[1]
        return NewChild(self._keys.take()[0] if wanted.is_new else 0, name, limit_key)

    def _elsewhere(self, agent: str, text: bytes) -> str | None:
        try:
            door = self._doors.stranger(agent)
        except UnknownAgent:
            return None  # the transaction refuses it, unless somebody has told of it by then
        return door.encode(msgspec.json.decode(text))[1]

    def _children(self, arguments: bytes) -> list[Sibling]:
        return [sibling(*row) for row in self._query("read.task_children", _key.decode(arguments))]

    def _outcomes(self, arguments: bytes) -> Any:
        keys = msgspec.json.encode(_keys.decode(arguments)).decode()
        return msgspec.json.decode(self._query("read.task_outcomes", keys)[0][0])

    def _needs(self, arguments: bytes) -> Any:
        return msgspec.json.decode(self._query("read.task_needs", _key.decode(arguments))[0][0])

    def _job(self, arguments: bytes) -> Any:
        return self._query("read.job_id", _key.decode(arguments))[0][0]

    def _mark(self, arguments: bytes) -> Any:
        rows = self._query("read.task_step", _key.decode(arguments), MARK_STEP)
        return rows[0][0] if rows else None
