"""How a body ends for now: what it waits for is told by its turn, and it will be run again from its beginning."""

from __future__ import annotations

from dagger_actors.core.messages import Turn
from dagger_actors.errors import RequestError

__all__ = ["Suspend", "is_suspension", "refuse_swallowed"]


class Suspend(BaseException):
    """Raised by a context whose owner may suspend bodies; user code lets it pass, as it lets a cancellation pass.

    The attempt ends as ``Suspended``, and what its turn has gathered is committed with that.
    """


def is_suspension(error: BaseException) -> bool:
    """Tell whether a body has ended for now; in a task group several parts of it may have at once."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(Suspend)[1] is None
    return isinstance(error, Suspend)


def refuse_swallowed(turn: Turn) -> None:
    """Refuse a result of a body that has gone on though it was suspended.

    Raises:
        RequestError: It has caught what was to end it.
    """
    if turn.waits:
        raise RequestError(
            "the body has caught what ctx.gather or ctx.depend_on raised to suspend it; let it pass: `except Exception` "
            "does, `except BaseException` and a bare `except` do not"
        )
