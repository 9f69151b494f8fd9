"""Take the turns of messages of ephemeral channels: on the system's threads, or on its event loop.

A turn that raises is logged and counted, and that is all: the next one is taken. A taker whose turn has published more
than there is room for takes no other until there is some, and holds no thread meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from dagger_actors.actors.inside import inside
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.bodies.snooze import Snooze
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.protocols import Dispatcher
from dagger_actors.core.turns import Delivered, Handled, Misfit, Snoozed, StartTurn, TurnFailed, TurnOutcome
from dagger_actors.errors import EphemeralRefused, SystemClosed
from dagger_actors.pubsub.ephemeral.feed import Feed
from dagger_actors.pubsub.outgoing.onward import Onward, Sender
from dagger_actors.pubsub.reports.tally import TurnTally
from dagger_actors.pubsub.turns.body import uncancel
from dagger_actors.pubsub.turns.desk import Desk
from dagger_actors.pubsub.turns.traced import work_of
from dagger_actors.pubsub.turns.work import TurnWork

__all__ = ["LoopTaker", "QuickTaker", "ThreadTaker", "is_quick"]

logger = logging.getLogger("dagger_actors.pubsub")

SLICE = 64
"""Turns that are taken before others have theirs."""

QUICK_SLICE = 512


class AnyTaker:
    """Takes turns of one subscription, one after the other.

    Args:
        feed: What waits for the subscription.
        desk: What its turns share, of the member that this one is for.
        dispatcher: Gives it turns.
        onward: Sends on what they publish.
        tally: Counts.
    """

    def __init__(self, feed: Feed, desk: Desk, *, dispatcher: Dispatcher, onward: Onward, tally: TurnTally) -> None:
        self._feed = feed
        self._desk = desk
        self._dispatcher = dispatcher
        self._tally = tally
        self._sender = Sender(onward)
        self._work: TurnWork | None = None
        self._key: str | None = None

    def wake(self) -> None:
        """See ``Taker``."""
        with contextlib.suppress(SystemClosed):  # then nobody takes anything any more
            self._dispatcher.schedule(self)

    def run_turn(self) -> bool:
        """See ``Runnable``."""
        raise NotImplementedError

    def cancel(self) -> None:
        """See ``Taker``."""
        work = self._work
        if work is not None and work.context is not None:
            work.context.cancel()

    def _next(self) -> StartTurn | None:
        feed = self._feed
        done, self._key = self._key, None
        turn = feed.next(done)
        if turn is None:
            return None
        self._key = turn.key
        if feed.awaited:
            feed.moved()
        if feed.free and feed.queue:
            feed.wake()
        return turn

    def _begin(self, turn: StartTurn) -> TurnWork:
        work = self._work = work_of(self._desk, turn, self._desk.activations.shared, _progress, keeps_state=False)
        return work

    def _end(self, turn: StartTurn, outcome: TurnOutcome) -> None:
        self._work = None
        if isinstance(outcome, Handled):
            effects = outcome.effects
            for misfit in effects.misfits:
                self._complain(_found(turn, misfit), misfit.error)
            lost = len(effects.misfits)
            self._count(len(turn.deliveries) - lost, len(effects.published), lost)
            if effects.published:
                self._sender.add(effects.published)
            return
        if isinstance(outcome, Snoozed):
            error = detail_of(EphemeralRefused(self._feed.name, "a Snooze"))
        else:
            assert isinstance(outcome, TurnFailed)
            error = outcome.error
        self._complain(turn.deliveries[0], error)
        self._count(0, 0, len(turn.deliveries))

    def _count(self, handled: int, published: int, lost: int) -> None:
        self._tally.count_ephemeral(self._feed.name, handled=handled, published=published, lost=lost)

    def _complain(self, message: Delivered, error: ErrorDetail) -> None:
        name = self._feed.name
        fields = LogFields(
            subscription=name, channel=message.channel, offset=message.offset, reason=f"{error.type}: {error.message}"
        )
        logger.warning(
            "message %s/%d of %s is given up, for %s: %s%s",
            message.channel,
            message.offset,
            name,
            error.type,
            error.message,
            f"\n{error.traceback}" if error.traceback else "",
            extra=fields,
        )


class ThreadTaker(AnyTaker):
    """Takes turns of plain functions."""

    def run_turn(self) -> bool:
        """Take some turns."""
        before, inside.turn = inside.turn, self
        try:
            return self._is_sent() and self._take()
        finally:
            inside.turn = before

    def _take(self) -> bool:
        for _ in range(SLICE):
            turn = self._next()
            if turn is None:
                return self._feed.settle(self)
            self._end(turn, self._begin(turn).take())
            if not self._is_sent():
                return False
        return True

    def _is_sent(self) -> bool:
        """Send on what was published; False = there is no room, and it is woken when there may be some."""
        waited = self._sender.send()
        if waited is None:
            return True
        waited.add_done(lambda _: self.wake())
        return False


class QuickTaker(ThreadTaker):
    """Takes turns of plain functions that take a message and nothing else, and give nothing: these cost next to nothing."""

    def _take(self) -> bool:
        feed, desk = self._feed, self._desk
        instance = desk.activations.shared.instance
        if instance is None:
            return super()._take()
        popleft, decode, function = feed.queue.popleft, desk.plan.decode, desk.plan.function
        end_copy = desk.services.home.end_copy
        handled = lost = 0
        is_empty = False
        for _ in range(QUICK_SLICE):
            try:
                _, message = popleft()
            except IndexError:
                is_empty = True
                break
            if feed.awaited:
                feed.moved()
            try:
                given = function(instance, decode(message))
                if given is not None:
                    self._refuse(given)
                handled += 1
            except BaseException as error:
                if getattr(error, "is_death", False):
                    raise
                lost += 1
                self._complain(message, detail_of(error))
            end_copy()
        if handled or lost:
            self._count(handled, 0, lost)
        return feed.settle(self) if is_empty else True

    def _refuse(self, given: Any) -> None:
        if isinstance(given, list | tuple):
            for one in given:
                if one is not None:
                    self._refuse(one)
            return
        if isinstance(given, Snooze):
            raise EphemeralRefused(self._feed.name, "a Snooze")
        self._desk.plan.encode(given)  # which refuses it: the handler is annotated to give nothing


class LoopTaker(AnyTaker):
    """Takes turns of coroutine functions and async generators, on the event loop."""

    _task: asyncio.Task[None] | None = None

    def run_turn(self) -> bool:
        """Begin to take turns."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        return False

    def cancel(self) -> None:
        """Cancel the coroutine too."""
        super().cancel()
        task = self._task
        if task is not None:
            task.get_loop().call_soon_threadsafe(task.cancel)

    async def _run(self) -> None:
        taken = 0
        while True:
            turn = self._next()
            if turn is None:
                if self._feed.settle(self):
                    continue
                return
            self._end(turn, await self._begin(turn).atake())
            uncancel()
            while (waited := self._sender.send()) is not None:
                await _resolved(waited)
            taken += 1
            if not taken % SLICE:
                await asyncio.sleep(0)


async def _resolved(future: ReplyFuture[Any]) -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def wake(_: ReplyFuture[Any]) -> None:
        loop.call_soon_threadsafe(done.set)

    future.add_done(wake)
    await done.wait()


def is_quick(feed: Feed) -> bool:
    """Whether a ``QuickTaker`` can take its turns."""
    handler = feed.handler
    is_plain = not (handler.is_async or handler.is_generator or handler.is_batch or handler.has_context)
    return is_plain and not handler.gives and handler.key_of is None and feed.is_sole


def _found(turn: StartTurn, misfit: Misfit) -> Delivered:
    return next(one for one in turn.deliveries if one.offset == misfit.offset)


def _progress(message: bytes) -> None:
    logger.debug("%s", message)
