"""The root above what one paradigm runs: does errands one at a time, so that rebuilding and taking over never overlap."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dagger_actors.actors.actor import Actor

__all__ = ["Root"]

logger = logging.getLogger("dagger_actors.actors")


class Root(Actor):
    """Does errands on the control dispatcher."""

    def on_receive(self, message: Callable[[], None]) -> None:
        """Do one errand; its failure is logged, the next one is done all the same."""
        try:
            message()
        except Exception:  # an errand that fails must not take the root down with it
            logger.exception("an errand failed")
