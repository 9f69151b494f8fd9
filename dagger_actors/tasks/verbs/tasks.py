"""``system.tasks``: submit tasks, wait for them, look at them, decide about them, group them in jobs, share values."""

from __future__ import annotations

from dagger_actors.bodies.shared import StoredShared
from dagger_actors.tasks.verbs.at_work import AtWork
from dagger_actors.tasks.verbs.decisions import Decisions
from dagger_actors.tasks.verbs.jobs import Jobs
from dagger_actors.tasks.verbs.sharing import Shared
from dagger_actors.tasks.working.hub import TaskHub

__all__ = ["Tasks"]


class Tasks(Jobs, Decisions, AtWork):
    """The task paradigm of one system.

    Its verbs are in ``submission``, ``jobs``, ``waiting``, ``decisions``, ``looking`` and ``at_work``. Those that change
    something are durable when they return, and have a twin for event loops, whose name begins with ``a``.

    Args:
        hub: Keeps it going.

    Attributes:
        shared: The shared state.
    """

    def __init__(self, hub: TaskHub) -> None:
        super().__init__(hub)
        reader = StoredShared(hub.store.readers.query, self._now_us)
        self.shared = Shared(reader, asker=self._asker, committing=self._committing, now_us=self._now_us)
