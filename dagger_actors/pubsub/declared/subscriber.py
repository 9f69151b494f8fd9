"""``Subscriber``: what users subclass to take the messages of channels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NoReturn

from dagger_actors.bodies.option_values import OptionProblem
from dagger_actors.errors import ActorClassError
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind, judged
from dagger_actors.pubsub.subscribers.kind import MARK, Configured, SubscriberKind, configured, kind_of, told
from dagger_actors.pubsub.subscribers.options import GivenOptions
from dagger_actors.pubsub.subscribers.signature import read_signature
from dagger_actors.pubsub.subscribers.subscribe import SUBSCRIBED
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.calling import scope_of
from dagger_actors.supervised.state_codec import StateCodec
from dagger_actors.supervised.traits import HOOKS, codec_of

__all__ = ["Subscriber"]

HANDLED = "__dagger_handler__"
UNHEARD = ("on_start", "on_stop", "on_failure", "on_receive")
"""Hooks of actors besides those that ``HOOKS`` lists."""


class Subscriber(Actor):
    """Takes the messages of channels, and publishes to others; nobody calls it.

    ::

        class Note(msgspec.Struct, frozen=True):
            question: str
            text: str


        class Draft(msgspec.Struct):
            notes: list[str] = []


        class Writer(Subscriber):
            state: Draft

            @subscribe("notes", key="question", publishes="answers")
            def add(self, note: Note, ctx: TurnContext) -> Answer | None: ...

    Each call is a turn: the acknowledgement of its message, the new ``state``, what it publishes and executes are one
    commit. When it raises, nothing of it stays, and the message is tried again as ``retry`` says, a ``Fatal`` never is; after
    the last try it goes to the dead letters. ``state`` is durable and of one key; each key of a group has one turn at a time.
    ``@handler`` marks what takes the messages of timers.

    Keywords of the class: ``name``, its agent's, the class's in lower case by default; ``group``, the group of its
    subscriptions, by default its agent's name. Neither is inherited.

    Attributes:
        config: How it was configured; the Struct of its annotation, ``None`` without one.
        state: What it knows of the key of the turn, as of the last commit; the Struct of its annotation, every field with a
            default, not frozen.

    Raises:
        ActorClassError: When the class is made: an option cannot be, a handler takes no annotated message, or the class has
            what no subscriber uses.
    """

    has_mailbox: ClassVar[bool] = False
    not_an_actor: ClassVar[str] = (
        "it takes the messages of channels, so it is no actor of its own and nobody's child; give the class to "
        "ActorSystem(agents=[...]) and publish: system.channels.publish(...), ctx.publish(...)"
    )

    def __init_subclass__(cls, *, name: str | None = None, group: str | None = None, **options: Any) -> None:
        if options:
            raise ActorClassError(cls.__name__, _unknown_keyword(next(iter(options))))
        _refuse_settings(cls)
        super().__init_subclass__()
        _refuse_hooks(cls)
        codec = _codec(cls)
        scope = scope_of(cls.__module__)
        handlers, problems = _handlers(cls, scope)
        timers = _timers(cls, scope)
        own = cls.__name__.lower() if name is None else name
        kind = SubscriberKind(cls, own, group, handlers, timers, codec)
        problems = problems or kind.judge({}, kind.group or kind.name)[1]
        if problems:
            raise ActorClassError(cls.__name__, told(problems))
        setattr(cls, MARK, kind)

    actor_ref: ClassVar[Any] = property(  # what actors have, and no subscriber
        lambda self: _refuse_ref(type(self).__name__)
    )

    @classmethod
    def configured(
        cls,
        config: object = None,
        *,
        name: str | None = None,
        group: str | None = None,
        subscriptions: Mapping[str, GivenOptions] | None = None,
    ) -> Configured:
        """Say how it is to be in one system, for ``ActorSystem(agents=[...])``; several of one group share its messages.

        Args:
            config: For its ``config``: the Struct or a mapping.
            name: Its name in the system; the class's own by default.
            group: The group of those handlers that name none.
            subscriptions: Options instead of those of ``@subscribe``, by the names of handlers.

        Raises:
            ActorClassError: An option cannot be, or there is no such handler.
            ConfigRefused: The config does not fit; names the paths of the bad fields.
        """
        kind = kind_of(cls)
        if kind is None:
            raise ActorClassError(cls.__name__, "write a class of your own: class Reader(Subscriber)")
        return configured(kind, name, group, config, {**(subscriptions or {})})


def _unknown_keyword(name: str) -> str:
    if name == "durable":
        return "its state is durable anyway; leave out `durable`"
    return f"there is no class keyword {name!r}; there are name and group, and the options of @subscribe"


def _marked(cls: type, attribute: str, decorator: str) -> Iterator[tuple[str, Callable[..., Any], Any]]:
    """The methods that a decorator marks, of the class and of its bases."""
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        names |= {name: None for name, value in vars(base).items() if hasattr(value, attribute)}
    for name in names:
        method = inspect.getattr_static(cls, name)
        mark = getattr(method, attribute, None)
        where = f"{cls.__name__}.{name}"
        if mark is None:
            raise ActorClassError(where, f"it overrides a handler, so it needs {decorator} too, or another name")
        if not inspect.isfunction(method):
            raise ActorClassError(where, "a handler is a plain or `async` method, which gets self and the message")
        yield name, method, mark


def _handlers(
    cls: type[Actor], scope: Mapping[str, Any]
) -> tuple[dict[str, HandlerKind], list[tuple[str, OptionProblem]]]:
    made, problems = {}, []
    for name, method, mark in _marked(cls, SUBSCRIBED, "@subscribe"):
        signature = read_signature(f"{cls.__name__}.{name}", method, scope, TurnContext)
        made[name], wrong = judged(name, method, signature, mark.given)
        problems += [(name, one) for one in wrong]
    return made, problems


def _timers(cls: type[Actor], scope: Mapping[str, Any]) -> dict[str, HandlerKind]:
    """What takes timers, by the names of the messages' classes."""
    found: dict[str, HandlerKind] = {}
    for name, method, mark in _marked(cls, HANDLED, "@handler"):
        where = f"{cls.__name__}.{name}"
        if hasattr(method, SUBSCRIBED):
            raise ActorClassError(where, "it has @subscribe and @handler; the one takes messages, the other timers")
        signature = read_signature(where, method, scope, TurnContext)
        if mark.batch or signature.is_list:
            raise ActorClassError(where, "timers come one by one: write @handler, and let it take one message")
        made, _ = judged(name, method, signature, {"channels": ("timers",), "publishes": ()})
        for kind in signature.takes:
            if kind in found:
                what = f"{found[kind].name} handles {kind} already; a message has one handler"
                raise ActorClassError(where, what)
            found[kind] = made
    return found


def _codec(cls: type[Actor]) -> StateCodec | None:
    state = cls.traits.state
    if state is None:
        return None
    if state.__struct_config__.frozen:
        what = f"its handlers change it, and {state.__name__} is frozen; leave out frozen=True"
        raise ActorClassError(f"{cls.__name__}.state", what)
    return codec_of(cls, state)


def _refuse_ref(name: str) -> NoReturn:
    raise ActorClassError(f"{name}.actor_ref", "nobody sends a subscriber messages; publish them: ctx.publish(...)")


def _refuse_hooks(cls: type[Actor]) -> None:
    for hook in (*HOOKS, *UNHEARD):
        if inspect.getattr_static(cls, hook) is not inspect.getattr_static(Actor, hook):
            what = (
                "it is never called, a subscriber comes and goes as its keys do; do it in a handler, or in a resource"
            )
            raise ActorClassError(f"{cls.__name__}.{hook}", what)


def _refuse_settings(cls: type[Actor]) -> None:
    """Refuse what is said of actors, and means nothing here."""
    for name, instead in (
        ("dispatcher", "make its handlers async, or not"),
        ("mailbox", "bound the channel: Channel(..., capacity=...)"),
        ("durable", "leave it out, its state is durable anyway"),
    ):
        if getattr(cls, name) != getattr(Actor, name):
            raise ActorClassError(f"{cls.__name__}.{name}", f"it does nothing for a subscriber; {instead}")
