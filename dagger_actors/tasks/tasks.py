"""``system.tasks``: submit tasks, wait for them, look at them, decide about them, group them in jobs."""

from __future__ import annotations

from dagger_actors.tasks.decisions import Decisions
from dagger_actors.tasks.jobs import Jobs

__all__ = ["Tasks"]


class Tasks(Jobs, Decisions):
    """The task paradigm of one system.

    Its verbs are in ``submission``, ``jobs``, ``waiting``, ``decisions`` and ``looking``. Those that change something are
    durable when they return, and have a twin for event loops, whose name begins with ``a``.

    Args:
        hub: Keeps it going.
    """
