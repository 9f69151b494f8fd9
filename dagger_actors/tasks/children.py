"""Answers what contexts of tasks ask of their process."""

from __future__ import annotations

from dagger_actors.core.protocols import Clock
from dagger_actors.store.store import Store
from dagger_actors.tasks.keys import Keys
from dagger_actors.tasks.registry import TaskAgents

__all__ = ["Children"]


class Children:
    """Implements ``bodies.backends.OwnerSource``."""

    def __init__(self, store: Store, agents: TaskAgents, keys: Keys, *, clock: Clock) -> None:
        self._store = store
        self._agents = agents
        self._keys = keys
        self._clock = clock

    def ask(self, question: str, arguments: bytes) -> bytes:
        """Answer."""
        raise LookupError(f"contexts of tasks do not ask for {question!r} ({len(arguments)} bytes)")
