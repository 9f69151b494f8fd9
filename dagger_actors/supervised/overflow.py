"""What becomes of a message for which a mailbox has no room, as is declared.

``reject`` raises, ``drop_oldest`` tells the oldest as undelivered. ``block`` makes an outside caller wait; a handler is never made
to wait, it would hold a thread: what it sends is taken, and its own actor gets no further message until there is room (it is
*parked*), unless those two would wait for each other.
"""

from __future__ import annotations

import contextlib
from asyncio import _get_running_loop
from typing import TYPE_CHECKING

from dagger_actors.errors import MailboxFull
from dagger_actors.supervised.wire import StopLetter

if TYPE_CHECKING:
    from collections import deque

    from dagger_actors.supervised.mailbox import Mailbox
    from dagger_actors.supervised.wire import Letter

__all__ = ["BLOCK_S", "block", "drop_oldest", "refuse_too_many_stops"]

BLOCK_S = 5.0
"""How long an outside caller waits for room, at most."""

FAR_OVER = 16
"""A handler that sends over a full mailbox is parked behind it; beyond so many times the capacity even that is refused."""

STOPS = 1_000
"""Stops for which there is room beyond even that."""


def block(mailbox: Mailbox, sender: Mailbox | None) -> None:
    """Wait for room, or park the sender.

    Args:
        mailbox: The one that is full.
        sender: The actor whose handler sends; None = an outside caller.

    Raises:
        MailboxFull: No room came in time, or nobody may wait for it here.
    """
    if sender is not None:
        if mailbox.lane is not None and len(mailbox.lane) >= FAR_OVER * mailbox.capacity:
            raise MailboxFull(str(mailbox), mailbox.capacity)
        _park(sender, mailbox)
    elif _get_running_loop() is not None:
        raise MailboxFull(str(mailbox), mailbox.capacity, advice="`await ref.atell(...)` waits for room")
    else:
        _wait_for_room(mailbox)


def drop_oldest(mailbox: Mailbox, lane: deque[Letter]) -> None:
    """Drop the oldest messages; a stop is none and keeps its place, as far as others take nothing meanwhile."""
    kept: list[Letter] = []
    with contextlib.suppress(IndexError):  # its turn was quicker
        while len(lane) + len(kept) >= mailbox.capacity:
            letter = lane.popleft()
            if letter[0] is StopLetter:
                kept.append(letter)
            else:
                mailbox.refuse(letter, MailboxFull(str(mailbox), mailbox.capacity), "dropped")
    lane.extendleft(reversed(kept))


def refuse_too_many_stops(mailbox: Mailbox, lane: deque[Letter]) -> None:
    """A stop finds room where messages find none, up to a point.

    Raises:
        MailboxFull: So many stops are queued that it is none of them that is missing.
    """
    if len(lane) >= FAR_OVER * mailbox.capacity + STOPS:
        raise MailboxFull(
            str(mailbox), mailbox.capacity, advice="it has been told often enough to stop; wait until it has"
        )


def _wait_for_room(mailbox: Mailbox) -> None:
    deadline_us = mailbox.post.now_us() + round(BLOCK_S * 1e6)
    while mailbox.is_full():  # again: others that waited may have been quicker
        room = mailbox.room()
        try:
            mailbox.post.wait(room, max(0, deadline_us - mailbox.post.now_us()) / 1e6)
        except TimeoutError:
            raise MailboxFull(str(mailbox), mailbox.capacity, waited_s=BLOCK_S) from None
        finally:
            mailbox.leave_line(room)


def _park(sender: Mailbox, full: Mailbox) -> None:
    if sender.parked_on is full:
        return  # it stands in line already
    with full.post.parking:
        behind: Mailbox | None = full
        while behind is not None:
            if behind is sender:
                return  # they would wait for each other: the bound gives way
            behind = behind.parked_on
        sender.parked_on = full
    with sender.lock:
        sender.attention = True
    full.line_up(sender)
