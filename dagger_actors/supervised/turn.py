"""One turn of an actor: what is in its hand, and the mark by which one that was killed knows that it was."""

from __future__ import annotations

from asyncio import Task
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dagger_actors.errors import ActorStopped
from dagger_actors.supervised.wire import fail, resolve

if TYPE_CHECKING:
    from dagger_actors.supervised.mailbox import Mailbox
    from dagger_actors.supervised.wire import Answer

__all__ = ["Order", "Turn"]


class Turn:
    """One turn, or the while in which a coroutine is awaited.

    The mailbox knows the turn that counts. Whoever kills an incarnation takes it away, in the same instant as the state:
    so a turn that has lost its place, in whatever thread it hangs, sees that and touches nothing any more.

    Attributes:
        hand: Who waits for the answer of the message in hand.
        task: What is awaited.
        waits_for: The actor whose answer it awaits.
    """

    __slots__ = ("hand", "task", "waits_for")

    def __init__(self, hand: tuple[Answer | None, ...] = ()) -> None:
        self.hand = hand
        self.task: Task[Any] | None = None
        self.waits_for: Mailbox | None = None

    def leave(self, actor: Mailbox, *, outcome: object) -> None:
        """Answer those who wait with an error or a result.

        Args:
            actor: Whose turn it is.
            outcome: It; None = the actor has stopped.
        """
        hand, self.hand = self.hand, ()
        for reply in hand:
            if reply is None:
                continue
            if outcome is None or isinstance(outcome, BaseException):
                fail(reply, ActorStopped(str(actor)) if outcome is None else outcome)
            else:
                resolve(reply, outcome)


Order = Callable[[Turn], object]
"""What a turn does before it takes a message; it must end when it has lost its place to a kill."""
