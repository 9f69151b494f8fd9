"""Circles of awaited asks: an actor that awaits the answer of one that awaits its own would wait for ever.

While the coroutine of a handler awaits the answer to an ask, its turn says whose. So there is at most one way on from each
actor, and the step that would close a circle finds it by walking. All such coroutines take their steps on one event loop,
one at a time, so no two of them close a circle at the same moment.

Seen is what a handler awaits itself. What it awaits in tasks of its own (``asyncio.gather``, a task group) may never be
waited for, so it closes no circle; there the ask's time-out ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.errors import AskCircle
from dagger_actors.supervised.mailbox import handling

if TYPE_CHECKING:
    from dagger_actors.supervised.mailbox import Mailbox
    from dagger_actors.supervised.turn import Turn

__all__ = ["AwaitedReply", "refuse_circle"]


class AwaitedReply(ReplyFuture[Any]):
    """The reply to an ask, for whoever may await it.

    Args:
        whom: The actor that is asked.
    """

    def __init__(self, whom: Mailbox) -> None:
        super().__init__()
        self._whom = whom

    def _wait_on(self, loop: asyncio.AbstractEventLoop) -> Generator[Any, None, None]:
        turn = refuse_circle(self._whom)
        if turn is None:
            yield from super()._wait_on(loop)
            return
        turn.waits_for = self._whom
        try:
            yield from super()._wait_on(loop)
        finally:
            turn.waits_for = None


def refuse_circle(whom: Mailbox) -> Turn | None:
    """Refuse to await an actor that awaits, or that awaits one that awaits, the actor whose handler this is.

    Returns:
        The turn that would wait; None = what is awaited here holds up no actor.

    Raises:
        AskCircle: It would wait for ever.
    """
    asker = handling.get()
    turn = None if asker is None else asker.turn
    if asker is None or turn is None or turn.task is not asyncio.current_task():
        return None
    way = [asker]
    one: Mailbox | None = whom
    while one is not None:
        way.append(one)
        if one is asker:
            raise AskCircle(tuple(map(str, way)))
        its_turn = one.turn
        one = None if its_turn is None else its_turn.waits_for
    return turn
