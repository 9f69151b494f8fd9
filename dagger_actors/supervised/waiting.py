"""How code waits, or is called back, when something is asked or sent: with a limit on the time, and holding no thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.errors import MailboxFull
from dagger_actors.supervised.traced import Traced

if TYPE_CHECKING:
    from dagger_actors.supervised.lifecycle import Lifecycle
    from dagger_actors.supervised.mailbox import Mailbox

__all__ = ["call_back", "limited", "room"]


async def room(mailbox: Mailbox, limit_s: float) -> None:
    """Await room in a full mailbox.

    Raises:
        MailboxFull: None came in time.
    """
    place: ReplyFuture[None] | None = None
    try:
        async with asyncio.timeout(limit_s):
            while mailbox.is_full():  # again: others that waited may have been quicker
                place = mailbox.room()
                await place
    except TimeoutError:
        raise MailboxFull(str(mailbox), mailbox.capacity, limit_s) from None
    finally:
        if place is not None:
            mailbox.leave_line(place)


async def limited(reply: ReplyFuture[Any], timeout_s: float | None, what: str) -> Any:
    """Await a reply.

    Raises:
        TimeoutError: It did not come in time.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await reply
    except TimeoutError:
        if reply.is_done():
            raise  # the answer itself
        raise TimeoutError(f"no answer from {what} within {timeout_s:g} s") from None


def call_back(
    cell: Lifecycle,
    incarnation: int,
    reply: ReplyFuture[Any],
    timeout_s: float | None,
    answered: Callable[[Any], object],
    failed: Callable[[BaseException], object] | None,
) -> None:
    """Call back in the actor's turn when the reply is there, or its time is over; once."""
    key = None if timeout_s is None else (cell.number, "ask", id(reply))
    if isinstance(cell, Traced):
        answered = cell.telemetry.continued(cell.receiver, answered)
        failed = None if failed is None else cell.telemetry.continued(cell.receiver, failed)
    is_over = threading.Lock()

    def over(error: BaseException | None) -> None:
        if not is_over.acquire(blocking=False):
            return
        if key is not None:
            cell.post.timing.timers.cancel(key)
        cell.order(partial(cell.go_on, incarnation, reply, error, answered, failed))

    if key is not None and timeout_s is not None:
        late = TimeoutError(f"no answer from {reply.asked} within {timeout_s:g} s")
        cell.post.timing.timers.set(key, cell.post.timing.due(timeout_s), lambda: over(late))
    reply.add_done(lambda _reply: over(None))
