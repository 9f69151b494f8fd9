"""What an actor's methods are given: who it is, and what it can do besides returning."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import ActorLimit, RequestError
from dagger_actors.supervised.effects import send
from dagger_actors.supervised.pool import Pool
from dagger_actors.supervised.ref import ASK_S, Ref
from dagger_actors.supervised.waiting import call_back

if TYPE_CHECKING:
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.bounds import MailboxSpec
    from dagger_actors.supervised.lifecycle import Lifecycle

__all__ = ["MAX_ANSWERS", "ActorContext", "Asked", "Terminated", "Timers"]

MAX_ANSWERS: Final = 1_000_000
"""Answers that one actor has not looked at; those to come are bounded by the mailboxes in which the questions lie."""

logger = logging.getLogger("dagger_actors.actors")


class Terminated(msgspec.Struct, frozen=True):
    """A watched actor has stopped for good; a handler of this type is told.

    Attributes:
        name: Its name.
        error: What its last incarnation failed with; empty when it ended well.
    """

    name: str
    error: str = ""


class Timers:
    """An actor's timers, by key; setting a key again replaces its timer. They are gone when the incarnation is.

    A message of a timer is queued like any other. When the mailbox has no room for it, it is undelivered.
    """

    __slots__ = ("_cell", "_incarnation")

    def __init__(self, cell: Lifecycle, incarnation: int) -> None:
        self._cell = cell
        self._incarnation = incarnation

    def once(self, key: str, delay_s: float, message: object) -> None:
        """Send the actor a message, once.

        Args:
            key: The timer's name, within this actor.
            delay_s: Seconds from now, 0 or more.
            message: What its handler gets.

        Raises:
            RequestError: The delay is none.
            MessageRefused: The message cannot be encoded.
            ActorStopped: This incarnation is over.
            ActorLimit: The actor has 100,000 timers.
        """
        self._cell.post.timing.set(self._cell, self._incarnation, key, delay_s, None, message)

    def every(self, key: str, interval_s: float, message: object) -> None:
        """Send the actor a message again and again, first after one interval.

        The next one is not sent before the last one is handled: a slow actor gets fewer, never a pile of them.

        Args:
            key: The timer's name, within this actor.
            interval_s: Seconds between two, 0.001 or more.
            message: What its handler gets.

        Raises:
            RequestError: The interval is none.
            MessageRefused: The message cannot be encoded.
            ActorStopped: This incarnation is over.
        """
        if not isinstance(interval_s, int | float) or interval_s < 0.001:
            raise RequestError(f"a timer's interval is a number of seconds, 0.001 or more, not {interval_s!r}")
        self._cell.post.timing.set(self._cell, self._incarnation, key, interval_s, interval_s, message)

    def cancel(self, key: str) -> bool:
        """Forget a timer; its message is not handled any more, even when it is queued already.

        What a batch handler has gathered counts as taken: it is handled with its batch, as when the timer is set anew.

        Returns:
            Whether there was one.
        """
        return self._cell.post.timing.cancel(self._cell, self._incarnation, key)

    def keys(self) -> tuple[str, ...]:
        """Its timers that are set."""
        extra = self._cell.extra
        if extra is None or not self._cell.is_on(self._incarnation):
            return ()
        return tuple(key for key in tuple(extra.timers) if isinstance(key, str))


class Asked:
    """A question that a handler has asked; the answer comes between two messages, to the same incarnation."""

    __slots__ = ("_cell", "_incarnation", "_reply", "_timeout_s")

    def __init__(self, cell: Lifecycle, incarnation: int, reply: ReplyFuture[Any], timeout_s: float | None) -> None:
        self._cell = cell
        self._incarnation = incarnation
        self._reply = reply
        self._timeout_s = timeout_s

    def then(self, answered: Callable[[Any], None], failed: Callable[[BaseException], None] | None = None) -> None:
        """Go on with the answer.

        Args:
            answered: Called with it in this actor's turn, as a handler is; what it raises is the actor's failure.
            failed: Called with the error when there is none: ``TimeoutError`` after the ask's time-out; None = the
                error is this actor's failure.
        """
        call_back(self._cell, self._incarnation, self._reply, self._timeout_s, answered, failed)


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Adds its fields to the caller's; the adapter of the standard library would drop those."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **(self.extra or {})}
        return msg, kwargs


class ActorContext:
    """What an actor's methods are given; it is good for one incarnation.

    Attributes:
        incarnation: Which one, from 1.
    """

    __slots__ = ("_cell", "incarnation")

    def __init__(self, cell: Lifecycle) -> None:
        # Made for each call that wants it, not kept by the actor: so cheap, and nothing is made before it is asked for.
        self._cell = cell
        self.incarnation = cell.incarnation

    @property
    def name(self) -> str:
        """The actor's name in its system."""
        return self._cell.name

    @property
    def ref(self) -> Ref:
        """The actor itself, for others."""
        return self._cell.post.ref_of(self._cell)

    @property
    def timers(self) -> Timers:
        """Its timers."""
        return Timers(self._cell, self.incarnation)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """The logger ``dagger_actors.actors``, which adds ``actor`` and ``incarnation`` to what ``extra`` holds."""
        return _Log(logger, LogFields(actor=self._cell.name, incarnation=self.incarnation))

    def find(self, name: str) -> Ref | Pool:
        """Look an actor or a pool up by its name.

        Raises:
            UnknownActor: There is none; suggests the nearest name.
        """
        return self._cell.post.find(name)

    def spawn(
        self,
        cls: type[Actor],
        config: object = None,
        *,
        name: str | None = None,
        mailbox: MailboxSpec | None = None,
    ) -> Ref:
        """Start a temporary actor that lives at most as long as this incarnation.

        Args:
            cls: Its class.
            config: For its ``config``: the Struct or a mapping.
            name: Its name in the system; None = made from its class.
            mailbox: Its bound, instead of the class's.

        Raises:
            ConfigRefused: The config does not fit.
            NameTaken: There is an actor of that name.
            TooManyActors: The system has as many as it may have.
            ActorStopped: This incarnation is over.
            SystemClosed: The system is being left.
        """
        return self._cell.post.spawning.spawn(
            cls, config, name=name, mailbox=mailbox, owner=(self._cell, self.incarnation)
        )

    def ask(self, ref: Ref | Pool, message: object, *, timeout: float | None = ASK_S) -> Asked:
        """Ask another actor without waiting: ``ctx.ask(ref, message).then(self.go_on)``.

        Args:
            ref: Whom; of a pool, the one that gets this message.
            message: What.
            timeout: Seconds to wait for the answer at most; None waits for ever.

        Raises:
            RequestError: ``ref`` is no reference.
            ActorLimit: A million answers have come that wait for this turn to end.
        """
        if self._cell.orders is not None and len(self._cell.orders) >= MAX_ANSWERS:
            raise ActorLimit(
                self.name, "answers that wait for its turn to end", MAX_ANSWERS, "ask for less in one turn"
            )
        asked = ref.ref_for(message) if isinstance(ref, Pool) else ref
        cell = _cell_of(asked)
        reply: ReplyFuture[Any] = ReplyFuture()
        reply.asked = asked
        send(cell, (message.__class__, self._cell.post.encode(message), reply, None))
        return Asked(self._cell, self.incarnation, reply, timeout)

    def watch(self, ref: Ref) -> None:
        """Be told when that actor has stopped for good: a ``Terminated`` comes, at once if it has already.

        Watching lasts as long as this incarnation.

        Raises:
            ActorStopped: This incarnation is over.
        """
        self._cell.post.watches.watch(self._cell, self.incarnation, _cell_of(ref))

    def unwatch(self, ref: Ref) -> None:
        """Be told no more, not even of an end that is queued already."""
        self._cell.post.watches.unwatch(self._cell, self.incarnation, _cell_of(ref))

    def stop(self) -> None:
        """End this incarnation after the handler returns, as a normal end."""
        self._cell.order(partial(self._cell.stop_now, self.incarnation, "normal"))


def _cell_of(ref: object) -> Lifecycle:
    cell: Lifecycle | None = getattr(ref, "cell", None)
    if cell is None:
        advice = (
            "a pool's actors are watched one by one: pool.refs()"
            if isinstance(ref, Pool)
            else "ctx.find(name) gives it"
        )
        raise RequestError(f"the reference of an actor is wanted, not {repr(ref)[:100]}; {advice}")
    return cell
