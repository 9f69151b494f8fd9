"""``system.flows``: load flows, start runs, have them do something, wait for them, look at them."""

from __future__ import annotations

from dagger_actors.flow.verbs.at_work import AtWork
from dagger_actors.flow.verbs.starting import Starting
from dagger_actors.flow.verbs.steering import Steering
from dagger_actors.flow.verbs.waiting import Waiting

__all__ = ["Flows"]


class Flows(Starting, Steering, Waiting, AtWork):
    """The flow paradigm of one system.

    Its verbs are in ``starting``, ``steering``, ``waiting``, ``looking`` and ``at_work``. Those that change something are durable
    when they return, and have a twin for event loops, whose name begins with ``a``.

    Args:
        hub: Keeps the runs that are open here.
        catalog: Finds their definitions and actions.
    """
