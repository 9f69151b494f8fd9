"""What a handler may ask of a turn of which nothing is kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from dagger_actors.errors import EphemeralRefused
from dagger_actors.pubsub.turns.context import TurnContext

__all__ = ["EphemeralContext"]

P = ParamSpec("P")
R = TypeVar("R")


def _refused(verb: Callable[P, R]) -> Callable[P, R]:
    """A verb that takes the same and refuses."""

    @functools.wraps(verb)
    def refuse(context: TurnContext, *_args: Any, **_options: Any) -> R:
        raise EphemeralRefused(context.subscription, f"ctx.{verb.__name__}")

    refuse.__doc__ = "Refuse: it would have to be stored."
    return cast("Callable[P, R]", refuse)


class EphemeralContext(TurnContext):
    """The same context, without what would have to be stored: it publishes, reads and logs, and refuses all else."""

    execute = _refused(TurnContext.execute)
    step = _refused(TurnContext.step)
    astep = _refused(TurnContext.astep)
    save = _refused(TurnContext.save)
    set_timer = _refused(TurnContext.set_timer)
    cancel_timer = _refused(TurnContext.cancel_timer)
    spawn = _refused(TurnContext.spawn)
    start_flow = _refused(TurnContext.start_flow)

    def cancel(self) -> None:
        """Tell the handler to return; what it publishes goes out all the same."""
        self._is_cancelled = True
