"""What mailboxes need from the system they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading

    from dagger_actors.actors.reply import ReplyFuture
    from dagger_actors.supervised.mailbox import Mailbox
    from dagger_actors.supervised.undelivered import Reason
    from dagger_actors.supervised.wire import Letter

__all__ = ["Post"]


class Post:
    """It, for mailboxes; ``house.House`` is the real one."""

    parking: threading.Lock
    """Held while an actor is parked, so that no two are parked behind each other."""

    def wait(self, future: ReplyFuture[Any], timeout_s: float | None) -> Any:
        """Block an outside caller until the future is resolved; ``TimeoutError`` when it was not in time."""
        raise NotImplementedError

    def now_us(self) -> int:
        """The time on the monotonic clock, in microseconds."""
        raise NotImplementedError

    def undelivered(self, letter: Letter, mailbox: Mailbox, reason: Reason) -> None:
        """Be told of a letter that will never be handled; its ask, if it is one, has been answered."""
        raise NotImplementedError
