"""The incarnations of an actor: how each begins and ends.

The cell stays while they come and go: a restart happens in place, with the same mailbox and under the same ref.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import MessageRefused, SystemClosed
from dagger_actors.supervised.awaiter import Awaiter, cancel_soon
from dagger_actors.supervised.bounds import Overflow
from dagger_actors.supervised.extra import Extra, Past
from dagger_actors.supervised.family import ExitKind, Parent
from dagger_actors.supervised.mailbox import CLOSED, IDLE, SCHEDULED, SUSPENDED
from dagger_actors.supervised.turn import Order, Turn
from dagger_actors.supervised.wire import Answer, fail, resolve, text_of

if TYPE_CHECKING:
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.context import ActorContext
    from dagger_actors.supervised.house import House
    from dagger_actors.supervised.traits import Traits

__all__ = ["BATCH", "Lifecycle"]

logger = logging.getLogger("dagger_actors.actors")

BATCH = object()
"""The key of the timer of a gathered batch."""

_numbers = itertools.count(1)


class Lifecycle(Awaiter):
    """One actor of a system.

    Attributes:
        actor: The incarnation; None before the first, between two, and after the last.
        incarnation: Counts them, from 1.
        handled: Messages taken so far, by all incarnations.
        owner: Whose incarnation it does not outlive; None = nobody's.
    """

    __slots__ = (
        "actor",
        "config",
        "extra",
        "given_name",
        "handled",
        "incarnation",
        "is_alive",
        "number",
        "owner",
        "parent",
        "traits",
    )

    post: House

    def __init__(
        self,
        traits: Traits,
        house: House,
        parent: Parent,
        *,
        config: object,
        name: str | None,
        capacity: int,
        overflow: Overflow,
    ) -> None:
        self.number = next(_numbers)
        super().__init__(
            house,
            house.dispatchers[traits.dispatcher],
            house.locks[self.number & 255],
            capacity=capacity,
            overflow=overflow,
        )
        self.traits = traits
        self.parent = parent
        self.owner: Lifecycle | None = None
        self.config = config
        self.given_name = name
        self.incarnation = 0
        self.is_alive = False  # an incarnation has begun, and its end has not been told
        self.handled = 0
        self.actor: Actor | None = None
        self.extra: Extra | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """Its name in the system."""
        return self.given_name or f"{self.traits.cls.__name__}-{self.number}"

    def more(self) -> Extra:
        """Its extra, made if there is none."""
        extra = self.extra
        if extra is None:
            with self.lock:  # who begins to watch it comes from another thread
                if self.extra is None:
                    self.extra = Extra()
                extra = self.extra
        return extra

    def is_on(self, incarnation: int) -> bool:
        """Tell whether that incarnation is not over; to be sure of it, ask with the lock in hand."""
        return self.is_alive and self.incarnation == incarnation

    def adopt(self, child: Lifecycle, incarnation: int) -> bool:
        """Note a child that an incarnation has spawned, unless that is over."""
        child.owner = self
        self.more()
        with self.lock:
            if self.extra is None or not self.is_on(incarnation):
                return False
            self.extra.children[child] = None
        return True

    def context(self) -> ActorContext:
        """What its methods are given; a turn that asks sees only afterwards whether it is its own incarnation's."""
        return self.post.context_of(self)

    # --- its supervisor's part; any thread

    def begin_idle(self) -> None:
        """Be up without a turn: the instance is made with the first message; for one that has no ``started``."""
        with self.lock:
            self.incarnation = 1
            self.is_alive = self.is_up = True
            if self.state is SUSPENDED:
                self.state = IDLE
        if self.lane:
            self.wake()  # who knows its name may have been quicker

    def begin(self, incarnation: int) -> None:
        """Begin an incarnation: the first one, or the next after one has exited."""
        with self.lock:
            if self.state is CLOSED:
                return
            self.incarnation = incarnation
            self.is_alive = True  # from now on it can be ended and killed
        self.order(partial(self._begin, incarnation))

    def end(self, incarnation: int, kind: ExitKind = "shutdown") -> None:
        """End an incarnation after the message in hand; it exits, and what is queued waits."""
        self.order(partial(self.stop_now, incarnation, kind))

    def leave(self, kind: ExitKind) -> bool:
        """End the incarnation in the calling thread, if it is idle and no code of its own has a say in that.

        Returns:
            False when it has to be ended in a turn of its own.
        """
        turn = None if "stopping" in self.traits.hooks else self.take_over()
        if turn is None:
            return False
        extra = self.extra
        has_batch = extra is not None and extra.batch is not None
        if not has_batch:
            self.stop_now(self.incarnation, kind, turn)
        if self.settle(turn) if has_batch else self.pause(turn):
            self.schedule()  # its supervisor has begun the next one already
        return not has_batch

    def kill(self, incarnation: int) -> None:
        """End an incarnation now: a coroutine is cancelled, a plain handler is abandoned in its thread."""
        with self.lock:
            state, turn, was_up = self.state, self.turn, self.is_up
            if state is CLOSED or self.incarnation != incarnation or not self.is_alive:
                return
            past = self._take_past()
            self.actor = self.turn = self.orders = None
            if turn is not None or state is not SCHEDULED:  # one that is queued for a turn stays so, and finds nothing
                self.state = SUSPENDED
        if turn is not None:
            turn.leave(self, outcome=None if was_up else True)  # one that is not up any more was asked to stop
            if turn.task is not None:
                cancel_soon(turn.task)
            elif state is SCHEDULED:
                self.post.abandoned(self)
        self._end(Turn(), past, "shutdown", None)

    def strand(self, error: Exception) -> None:
        """No turn is to be had: this incarnation has failed, and its supervisor decides."""
        with self.lock:
            if self.state is CLOSED:
                return
            was_up, past = self.is_up, self._take_past() if self.is_alive else None
            self.actor = self.turn = self.orders = None
            self.state = SUSPENDED
        logger.error("%s gets no turn: %s", self, error, extra=LogFields(actor=self.name))
        if past is not None:
            self._tidy_up(past)
            if was_up:
                self.parent.child_exited(self, past.incarnation, "error", error)
            else:
                self.parent.child_failed_to_start(self, past.incarnation, error)
        if isinstance(error, SystemClosed):
            self.close()  # whatever its supervisor wants: nobody will ever run it again

    def close(self) -> None:
        """Stop for good: what is queued and all that comes is undelivered, and who watches is told."""
        if self.shut():
            self.post.headcount.leave()
        self.actor = None
        self.post.has_closed(self)

    # --- what a turn does, which knows messages

    def run_here(self, kind: type, data: bytes) -> tuple[Any] | None:
        """Handle one message in the calling thread, if nothing is queued and it may."""
        raise NotImplementedError

    def go_on(
        self,
        incarnation: int,
        reply: Answer,
        error: BaseException | None,
        answered: Callable[[Any], object],
        failed: Callable[[BaseException], object] | None,
        turn: Turn,
    ) -> None:
        """Hand over the answer to a question of this incarnation."""
        raise NotImplementedError

    def flush(self, turn: Turn) -> bool:
        """Hand a gathered batch over, if there is one; True when messages may be taken at once."""
        raise NotImplementedError

    def answer(self, turn: Turn, result: object) -> None:
        """Answer the asks in hand."""
        hand, turn.hand = turn.hand, ()
        for reply in hand:
            if reply is None or reply.is_done():
                continue
            try:
                copy = self.post.copied(result)
            except MessageRefused as error:
                fail(reply, error)
            else:
                resolve(reply, copy)

    # --- incarnations

    def _begin(self, incarnation: int, turn: Turn) -> None:
        if self.incarnation != incarnation or not self.is_alive:
            return  # killed before it began
        old, extra = self.actor, self.extra
        error = None if extra is None else extra.error
        if old is not None and error is not None and "pre_restart" in self.traits.hooks:
            call = partial(old.pre_restart, error, self.context())
            if self.turn is turn:
                self._hook(turn, call, "pre_restart", partial(self._rise, incarnation))
        else:
            self._rise(incarnation, turn)

    def _rise(self, incarnation: int, turn: Turn) -> None:
        with self.lock:
            if self.turn is not turn:
                return
            self.actor = None
            if self.extra is not None:
                self.extra.error = None
        try:
            actor = self.make()
            context = self.context() if "started" in self.traits.hooks else None
            if self.turn is not turn:
                return
            result = None if context is None else actor.started(context)
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            self._has_risen(incarnation, turn, None, error)
            return
        with self.lock:
            if self.turn is turn:
                self.actor = actor
        if "started" in self.traits.async_hooks:
            self.wait_for(turn, result, partial(self._has_risen, incarnation))
        else:
            self._has_risen(incarnation, turn, None, None)

    def make(self) -> Actor:
        """Make the instance of an incarnation that begins at once."""
        return self.traits.make(self)

    def _has_risen(self, incarnation: int, turn: Turn, _result: object, error: BaseException | None) -> None:
        if error is not None:
            self._did_not_rise(incarnation, turn, error)
            return
        with self.lock:
            if self.turn is not turn:
                return
            self.is_up = True
        self.parent.child_started(self, incarnation)

    def _did_not_rise(self, incarnation: int, turn: Turn, error: BaseException) -> None:
        if getattr(error, "is_death", False):
            raise error
        past = self._claim_end(turn, None)
        if past is None:
            return
        logger.error("%s could not start", self, exc_info=error, extra=LogFields(actor=self.name))
        self._tidy_up(past)
        self.parent.child_failed_to_start(self, incarnation, error)

    def stop_now(self, incarnation: int, kind: ExitKind, turn: Turn, hand: tuple[Answer | None, ...] = ()) -> bool:
        """End an incarnation; in its turn, between two messages.

        Args:
            incarnation: Which one.
            kind: How it ends.
            turn: Its turn.
            hand: Who is told when it has ended.

        Returns:
            False when nobody will be told: its end has been told already, or comes only when a batch has been handled.
        """
        if self.incarnation != incarnation or not self.is_up:
            return False
        extra = self.extra
        if extra is not None and extra.batch is not None and not self.flush(turn):
            self.end(incarnation, kind)  # when the batch has been handled
            return False
        context = self.context() if self.actor is not None and "stopping" in self.traits.hooks else None
        with self.lock:
            if self.turn is not turn:
                return False
            actor, self.is_up = self.actor, False
            turn.hand = hand
        if actor is None or context is None:
            self._exit(kind, turn)
        else:
            self._hook(turn, partial(actor.stopping, context), "stopping", partial(self._exit, kind))
        return True

    def _exit(self, kind: ExitKind, turn: Turn) -> None:
        past = self._claim_end(turn, None)
        if past is not None:
            self._end(turn, past, kind, None)

    def _hook(self, turn: Turn, call: Callable[[], object], name: str, then: Order) -> None:
        """Call a hook whose failure is only logged, and go on when it has returned."""
        returned = partial(self._hook_returned, name, then)
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            returned(turn, None, error)
            return
        if name in self.traits.async_hooks:
            self.wait_for(turn, result, returned)
        else:
            returned(turn, None, None)

    def _hook_returned(self, name: str, then: Order, turn: Turn, result: object, error: BaseException | None) -> None:
        del result
        if error is not None:
            if getattr(error, "is_death", False):
                raise error
            logger.error("%s of %s failed", name, self, exc_info=error, extra=LogFields(actor=self.name))
        if self.turn is turn:
            then(turn)

    def failed(self, turn: Turn, error: BaseException) -> bool:
        """An incarnation's code raised: it is over, and its supervisor decides. Always False."""
        if getattr(error, "is_death", False):
            raise error  # a simulated death of the whole process: nothing of it is told
        self.more()
        past = self._claim_end(turn, error)
        if past is not None:
            turn.leave(self, outcome=error)
            logger.error(
                "%s failed",
                self,
                exc_info=error,
                extra=LogFields(actor=self.name, incarnation=self.incarnation, reason=text_of(error)),
            )
            self._end(turn, past, "error", error)
        return False

    def _claim_end(self, turn: Turn, error: BaseException | None) -> Past | None:
        """Take what the incarnation leaves, and the word of its end, which nobody else will tell.

        Args:
            turn: The one that wants to tell it.
            error: What it failed with; the instance is kept then, for ``pre_restart``.

        Returns:
            None when its end is told already, or not this turn's to tell.
        """
        with self.lock:
            if self.turn is not turn or not self.is_alive:
                return None
            if error is None:
                self.actor = None
            if self.extra is not None:
                self.extra.error = error
            return self._take_past()

    def _take_past(self) -> Past:
        """Take what is the incarnation's, which is over with that; the lock is held."""
        self.is_alive = self.is_up = False
        if self.extra is None:
            return Past(self.incarnation, {}, {}, {})
        past, letters = self.extra.take_past(self.incarnation)
        if letters:
            assert self.lane is not None
            self.lane.extendleft(reversed(letters))
        return past

    def _end(self, turn: Turn, past: Past, kind: ExitKind, error: BaseException | None) -> None:
        """Tell the end, which is claimed, and then whoever asked for it: the name is free when ``stop`` returns."""
        self._tidy_up(past)
        self.parent.child_exited(self, past.incarnation, kind, error)
        turn.leave(self, outcome=True)

    def _tidy_up(self, past: Past) -> None:
        if self.state is CLOSED:
            self.refuse_all()  # a batch has been put back behind the back of whoever closed it
        for number in past.timers.values():
            self.post.timing.forget((self.number, number))
        for watched, number in past.watching.items():
            self.post.watches.forget(self, watched, number)
        for child in reversed(past.children):
            child.end(child.incarnation)
