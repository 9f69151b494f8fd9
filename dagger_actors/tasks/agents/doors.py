"""Whom tasks are submitted to: agents of this process, agents that it only submits to, and those that others have told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from dagger_actors.bodies.parameters import Parameter
from dagger_actors.core.wording import nearest
from dagger_actors.errors import PayloadRefused, UnknownAgent
from dagger_actors.store.reader import Readers
from dagger_actors.tasks.agents.payloads import Payloads
from dagger_actors.tasks.agents.registry import AgentEntry, TaskAgents
from dagger_actors.tasks.agents.schema_fit import filled, misfit

__all__ = ["AgentName", "Door", "Doors"]

AgentName = str | type | Callable[..., Any]
"""How a caller means an agent: its class, its function, or its name."""


class Door(msgspec.Struct, frozen=True):
    """What whoever submits must know of an agent.

    Attributes:
        name: Its name.
        encode: Makes a payload's JSON text, and its limit's key.
        overflow: What is done when its queue is full.
        has_one_try: Whether its tasks are never tried again; False too where only another process can tell, which keeps to it.
        unknown: What the database is to be told of it before a task is, for it has never heard of it; None = it has.
    """

    name: str
    encode: Callable[[object], tuple[bytes, str | None]]
    overflow: Literal["block", "reject"]
    has_one_try: bool = False
    unknown: AgentEntry | None = None


class Doors:
    """Finds agents.

    Args:
        agents: Those of this process.
        readers: The database, which knows others.
    """

    def __init__(self, agents: TaskAgents, readers: Readers) -> None:
        self._agents = agents
        self._readers = readers

    def find(self, agent: AgentName) -> Door:
        """Find the agent that a caller means.

        Args:
            agent: One that only the database knows is meant by its name; its payloads are judged by the schema that a process
                that has it told last, and by the worker that does its tasks.

        Raises:
            UnknownAgent: There is none; names the nearest.
            ActorClassError: What was given does no tasks.
        """
        if not isinstance(agent, str) or agent in self._agents.names():
            entry = self._agents.find(agent)
            is_known = entry.name in self._agents.names() or bool(self._readers.query("read.task_door", entry.name))
            options = entry.options
            return Door(entry.name, entry.encode, options.overflow, options.has_one_try, None if is_known else entry)
        return self.stranger(agent)

    def stranger(self, agent: str) -> Door:
        """Find an agent that no one but the database need know.

        Raises:
            UnknownAgent: There is none; names the nearest.
        """
        rows = self._readers.query("read.task_door", agent) if agent.isprintable() else []
        if not rows:
            known = msgspec.json.decode(self._readers.query("read.task_agent_names")[0][0], type=list[str])
            raise UnknownAgent(agent, nearest(agent, [*self._agents.names(), *known]) or "")
        _capacity, _open, overflow, path, schema = rows[0]
        anything = Parameter(agent, "task", Any, required=True)
        names = () if path is None else tuple(path.split("."))
        plain, keyed = Payloads(agent, anything, None), Payloads(agent, anything, names or None)
        described = msgspec.json.decode(schema)

        def encode(payload: object) -> tuple[bytes, str | None]:
            text, _key = plain.encode(payload)
            value = msgspec.json.decode(text)
            fault = misfit(described, value)
            if fault is not None:
                raise PayloadRefused(agent, fault)
            return text, keyed.key_of(msgspec.json.encode(filled(described, value, names))) if names else None

        return Door(agent, encode, overflow)

    def room(self, agent: str) -> tuple[int, int]:
        """How many tasks an agent takes at the moment, and its capacity; the latter may have shrunk below what is open.

        Raises:
            UnknownAgent: It is not in the database.
        """
        rows = self._readers.query("read.task_door", agent)
        if not rows:
            raise UnknownAgent(agent)
        capacity, is_open = rows[0][:2]
        return max(0, capacity - is_open), capacity
