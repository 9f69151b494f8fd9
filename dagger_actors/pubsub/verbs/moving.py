"""What people do to subscriptions: paused, resumed, moved to another place; dead letters published again; logs pruned."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from dagger_actors.bodies.asking import Asking
from dagger_actors.core.channels import (
    ForgetSubscription,
    Forgotten,
    PauseSubscription,
    PruneMessages,
    Redrive,
    ResumeSubscription,
    Seek,
)
from dagger_actors.core.wording import quoted
from dagger_actors.errors import OffsetRefused, RequestError
from dagger_actors.pubsub.reports.asked_names import refuse_no_name
from dagger_actors.pubsub.reports.looking import checked_id, moment_us
from dagger_actors.pubsub.verbs.base import ChannelsBase

__all__ = ["Moving"]

AT_ONCE = 1_000
"""Dead letters, and messages, of one commit."""

LONGEST_REASON = 1_000


class Moving(ChannelsBase):
    """The verbs that change subscriptions; each has a twin for event loops, whose name begins with ``a``."""

    def pause(self, subscription: str, *, reason: str = "") -> bool:
        """Stop the turns of a subscription, in all processes, until it is resumed; what is in hand ends.

        Args:
            subscription: Its name, ``GROUP.HANDLER``.
            reason: For people, at most 1,000 characters.

        Returns:
            Whether it went on until now.

        Raises:
            UnknownSubscription: There is none of that name; names the nearest.
            BlockingCall: On a running event loop; use ``await channels.apause(...)``.
        """
        return self._asker.run(self._pausing(subscription, reason), "channels.pause()", "await channels.apause(...)")

    async def apause(self, subscription: str, *, reason: str = "") -> bool:
        """``pause``, without blocking the loop."""
        return await self._asker.arun(self._pausing(subscription, reason))

    def _pausing(self, subscription: str, reason: str) -> Asking[bool]:
        if not isinstance(reason, str) or len(reason) > LONGEST_REASON:
            raise RequestError(f"reason is text of at most {LONGEST_REASON:,} characters, not {quoted(reason)}")
        self._check_subscription(subscription)
        changed: bool = yield from self._committing(
            PauseSubscription(subscription, reason, self._now_us()), is_heard=True
        )
        return changed

    def resume(self, subscription: str) -> bool:
        """Have a paused subscription go on; tells whether it was paused.

        Raises:
            UnknownSubscription: There is none of that name; names the nearest.
            BlockingCall: On a running event loop; use ``await channels.aresume(...)``.
        """
        return self._asker.run(self._resuming(subscription), "channels.resume()", "await channels.aresume(...)")

    async def aresume(self, subscription: str) -> bool:
        """``resume``, without blocking the loop."""
        return await self._asker.arun(self._resuming(subscription))

    def _resuming(self, subscription: str) -> Asking[bool]:
        self._check_subscription(subscription)
        changed: bool = yield from self._committing(ResumeSubscription(subscription, self._now_us()))
        return changed

    def seek(
        self,
        subscription: str,
        *,
        to: str | None = None,
        offset: int | None = None,
        since: str | datetime | timedelta | None = None,
        channel: str | None = None,
    ) -> int:
        """Have a subscription go on from another place, whatever it has done; no other one is disturbed.

        What it is doing at this moment is done again, or for nothing. One of ``to``, ``offset`` and ``since`` is given.

        Args:
            subscription: Its name, ``GROUP.HANDLER``.
            to: ``earliest``: all that is kept comes again; ``latest``: all that is there is passed over.
            offset: From this one on; what is kept no longer is passed over.
            since: From the first message of then or later: an age such as ``2h``, a date, a time, or the object of either.
            channel: Only on this one; None = on all that it reads.

        Returns:
            On how many channels it was moved.

        Raises:
            UnknownSubscription, UnknownChannel: There is none of that name, or it does not read that one.
            OffsetRefused: A channel has not come so far.
            RequestError: Something cannot be; says what to write.
            BlockingCall: On a running event loop; use ``await channels.aseek(...)``.
        """
        operation = self._seek(subscription, to, offset, since, channel)
        return self._asker.run(self._seeking(operation), "channels.seek()", "await channels.aseek(...)")

    async def aseek(
        self,
        subscription: str,
        *,
        to: str | None = None,
        offset: int | None = None,
        since: str | datetime | timedelta | None = None,
        channel: str | None = None,
    ) -> int:
        """``seek``, without blocking the loop."""
        return await self._asker.arun(self._seeking(self._seek(subscription, to, offset, since, channel)))

    def _seek(self, subscription: str, to: Any, offset: Any, since: Any, channel: str | None) -> Seek:
        if sum(one is not None for one in (to, offset, since)) != 1:
            raise RequestError(
                "seek goes to one place: give to='earliest', to='latest', offset= or since=, and one of them"
            )
        if to is not None and to not in ("earliest", "latest"):
            raise RequestError(
                f"to is 'earliest' or 'latest', not {quoted(to)}; a time is since=, an offset is offset="
            )
        if offset is not None and (type(offset) is not int or offset < 0):
            raise RequestError(f"an offset is a whole number, 0 or more, not {quoted(offset)}")
        if channel is not None:
            refuse_no_name(channel)
        if offset is not None and offset >= 2**63:
            raise OffsetRefused(channel or subscription, offset, 0)
        now_us = self._now_us()
        since_us = None if since is None else moment_us(since, now_us)
        return Seek(subscription, channel, offset, to, since_us, now_us)

    def _seeking(self, operation: Seek) -> Asking[int]:
        self._check_subscription(operation.subscription)
        moved: int = yield from self._committing(operation)
        return moved

    def forget(self, subscription: str, *, discard: bool = False) -> Forgotten:
        """Delete a subscription whose code is gone, which else would fill its channels for ever.

        With it go how far it was, its dead letters and timers; with the last one of a group its states and its own channel.
        The channels that it reads, and their messages, stay.

        Args:
            subscription: Its name, ``GROUP.HANDLER``.
            discard: Whether it goes though it has unread messages or dead letters.

        Returns:
            What went with it.

        Raises:
            UnknownSubscription: There is none of that name; names the nearest.
            SubscriptionInUse: A living process has its code, this one among them.
            SubscriptionUnread: It has unread messages or dead letters; says how many.
            BlockingCall: On a running event loop; use ``await channels.aforget(...)``.
        """
        asking = self._forgetting(subscription, discard=discard)
        return self._asker.run(asking, "channels.forget()", "await channels.aforget(...)")

    async def aforget(self, subscription: str, *, discard: bool = False) -> Forgotten:
        """``forget``, without blocking the loop."""
        return await self._asker.arun(self._forgetting(subscription, discard=discard))

    def _forgetting(self, subscription: str, *, discard: bool) -> Asking[Forgotten]:
        self._check_subscription(subscription)
        store = self._services.store
        gone = tuple(one.worker_id for one in store.workers().values() if store.is_gone(one))
        forgotten: Forgotten = yield from self._committing(ForgetSubscription(subscription, gone, discard))
        return forgotten

    # --- dead letters

    def redrive(self, dead_letters: int | Iterable[int] | None = None, *, subscription: str | None = None) -> int:
        """Publish dead letters again, each for the subscription alone that had given it up, with fresh tries.

        Args:
            dead_letters: An id, or ids; None = all of ``subscription``.
            subscription: Only those of this one.

        Returns:
            How many; those that were redriven already are passed over.

        Raises:
            DeadLetterNotFound: One is not there; the ones before it may be redriven, by the thousand.
            UnknownSubscription: There is none of that name; names the nearest.
            RequestError: Neither was given.
            BlockingCall: On a running event loop; use ``await channels.aredrive(...)``.
        """
        asking = self._redriving(dead_letters, subscription)
        return self._asker.run(asking, "channels.redrive()", "await channels.aredrive(...)")

    async def aredrive(
        self, dead_letters: int | Iterable[int] | None = None, *, subscription: str | None = None
    ) -> int:
        """``redrive``, without blocking the loop."""
        return await self._asker.arun(self._redriving(dead_letters, subscription))

    def _redriving(self, dead_letters: int | Iterable[int] | None, subscription: str | None) -> Asking[int]:
        if subscription is not None:
            self._check_subscription(subscription)
        if dead_letters is None:
            if subscription is None:
                raise RequestError("name the dead letters by their ids, or give subscription= for all of one")
            return (yield from self._redriving_all(subscription))
        ids = [dead_letters] if isinstance(dead_letters, int) else list(dead_letters)
        wanted = [checked_id(one) for one in dict.fromkeys(ids)]
        count = 0
        for first in range(0, len(wanted), AT_ONCE):
            part = tuple(wanted[first : first + AT_ONCE])
            count += yield from self._committing(Redrive(part, subscription, self._now_us()))
        return count

    def _redriving_all(self, subscription: str) -> Asking[int]:
        """As many as are dead now, the oldest first: what dies again meanwhile waits for the next time."""
        wanted, count, now = self.subscriptions(subscription)[0].dead_letters, 0, 1
        while count < wanted and now:
            now = yield from self._committing(Redrive(None, subscription, self._now_us()))
            count += now
        return count

    # --- keeping

    def prune(self) -> int:
        """Delete messages that all subscriptions have done and whose channels keep them no longer; tells how many.

        The system does so by itself, in the background.

        Raises:
            BlockingCall: On a running event loop; use ``await channels.aprune()``.
        """
        return self._asker.run(self._pruning(), "channels.prune()", "await channels.aprune()")

    async def aprune(self) -> int:
        """``prune``, without blocking the loop."""
        return await self._asker.arun(self._pruning())

    def _pruning(self) -> Asking[int]:
        count, has_more = 0, True
        while has_more:
            deleted, has_more = yield from self._committing(PruneMessages(AT_ONCE, self._now_us()))
            count += deleted
        return count
