"""``Actor``: what users subclass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

import pykka

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.errors import ActorClassError
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.calling import scope_of
from dagger_actors.supervised.ref import Ref
from dagger_actors.supervised.traits import Traits

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from dagger_actors.supervised.context import ActorContext

__all__ = ["Actor"]


class Actor(pykka.Actor):
    """An actor: state of its own, changed only by the messages it takes, one at a time.

    ::

        class Order(msgspec.Struct, frozen=True):
            item: str
            count: int


        class Pricing(msgspec.Struct, frozen=True):
            rate: float = 1.0


        class Till(msgspec.Struct):
            total: float = 0.0


        class Pricer(Actor):
            config: Pricing
            state: Till

            @handler
            def price(self, order: Order) -> float:
                self.state.total += order.count * self.config.rate
                return self.state.total

    What a handler raises ends this incarnation, and its supervisor decides: as a rule a new one takes its place, with a
    new ``state``, under the same ref and with the same mailbox. Other attributes may be set in ``__init__`` or ``started``.

    With ``class Pricer(Actor, durable=True)`` the state is kept in the system's database under the actor's name. A handler's
    turn is then atomic: when it has returned, its state is committed, and only then do its answer, what it has sent and whom
    it has spawned leave; when it raises, none of it does, and the next incarnation has the state of the last commit, as the
    next process has. What an ``async`` handler awaits is outside of that: it may happen again. A state that is stored and
    does not fit the class any more is handed to ``migrate``.

    Attributes:
        config: How it was configured; the Struct of its annotation, ``None`` without one.
        state: What it knows; the Struct of its annotation, made anew for each incarnation.
        dispatcher: ``shared`` (a few threads, for handlers that are quick), ``blocking`` (many threads, for handlers that
            wait), ``io`` (the event loop, for ``async`` handlers); None = ``io`` if there is an ``async`` method, else
            ``shared``.
        mailbox: How many messages may be queued, and what happens to more.
        durable: Whether the state outlives restarts and processes; said with the class, ``class Till(Actor, durable=True)``.
        not_an_actor: Why there can be no actor of the class, and what to do with it instead; empty = there can.
        has_mailbox: Whether what ``@handler`` marks takes messages that others send.
        traits: What was found out about the class.
    """

    dispatcher: ClassVar[Literal["shared", "blocking", "io"] | None] = None
    mailbox: ClassVar[MailboxSpec] = MailboxSpec()
    durable: ClassVar[bool] = False
    not_an_actor: ClassVar[str] = ""
    has_mailbox: ClassVar[bool] = True
    traits: ClassVar[Traits]

    config: Any = None
    state: Any = None

    def __init_subclass__(cls, *, durable: bool | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if durable is not None:
            cls.durable = durable
        cls.traits = Traits(cls, scope_of(cls.__module__))

    actor_inbox: Any

    def __init__(self) -> None:
        """Begin an incarnation; ``config`` and ``state`` are there. May be overridden, without parameters."""

    @property
    def actor_ref(self) -> Ref:
        """The actor, for others; as ``ctx.ref``."""
        ref: Ref = self.actor_inbox.post.ref_of(self.actor_inbox)
        return ref

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # pykka's attribute
        """A URN that is unique in this process."""
        return self.actor_ref.actor_urn

    @staticmethod
    def _create_actor_inbox() -> NoReturn:
        raise NotImplementedError("its cell is its inbox, and is there first")

    @staticmethod
    def _create_future() -> ReplyFuture[Any]:
        return ReplyFuture()

    def _start_actor_loop(self) -> None:
        raise NotImplementedError("its cell takes the turns")

    @classmethod
    def start(cls, *_args: object, **_kwargs: object) -> NoReturn:
        """Not to be had: an actor lives in a system.

        Raises:
            ActorClassError: Always.
        """
        raise ActorClassError(f"{cls.__name__}.start()", f"use system.actors.spawn({cls.__name__}, config)")

    @classmethod
    def migrate(cls, old: dict[str, Any]) -> Any:
        """Make the state of a durable actor from a stored one that does not fit its Struct, or has fields that are gone.

        A field that is new and has a default needs no migration. Without this, or when it raises, the actor is held: it is
        up for its supervisor, and what it is sent is undelivered, until it is started with a class that fits.

        Args:
            old: The stored fields, as plain dicts, lists and values.

        Returns:
            The state, or a mapping of its fields; committed at once.
        """
        raise NotImplementedError

    def started(self, ctx: ActorContext) -> Awaitable[None] | None:
        """Be told that a new incarnation begins, before its first message; what it raises is a failed start."""

    def stopping(self, ctx: ActorContext) -> Awaitable[None] | None:
        """Be told that this incarnation is stopped in good order, after its last message."""

    def pre_restart(self, error: BaseException, ctx: ActorContext) -> Awaitable[None] | None:
        """Be told, on the incarnation that failed, that a new one takes its place.

        Args:
            error: What the handler raised.
            ctx: The context.
        """

    def unhandled(self, message: object, ctx: ActorContext) -> Awaitable[None] | None:
        """Be told of a message that no handler takes; it counts as undelivered whatever this does.

        Args:
            message: As plain dicts and lists.
            ctx: The context.
        """
