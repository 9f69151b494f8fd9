"""What is known of a ``Subscriber`` class: found out once, when it is made.

It is an attribute of the class (``MARK``), by which everybody recognizes it, those too that know nothing of channels.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from dagger_actors.bodies.option_values import OptionProblem, complain
from dagger_actors.core.retry import RetryPolicy
from dagger_actors.errors import ActorClassError
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind
from dagger_actors.pubsub.subscribers.option_values import check_name
from dagger_actors.pubsub.subscribers.places import Placed
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.calling import INIT_ADVICE, takes
from dagger_actors.supervised.files.channel_keys import SUBSCRIBER
from dagger_actors.supervised.state_codec import StateCodec

__all__ = ["MARK", "Configured", "SubscriberKind", "check_agent_name", "configured", "kind_of"]

MARK = SUBSCRIBER


class SubscriberKind:
    """What is known of a subscriber class.

    Attributes:
        source: The class.
        name: The name of its agent, unless it is configured with another.
        group: Its group; None = its agent's name.
        handlers: Its subscriptions, by the names of the methods.
        timers: The handlers of its timers, by the names of the messages' classes.
        config: The Struct that its ``config`` is annotated with; None = it takes none.
        state: The Struct that its ``state`` is annotated with; None = it has none.
        codec: How its state is stored; None = it has none.
    """

    def __init__(
        self,
        source: type[Actor],
        name: str,
        group: str | None,
        handlers: Mapping[str, HandlerKind],
        timers: Mapping[str, HandlerKind],
        codec: StateCodec | None,
    ) -> None:
        self.source = source
        self.name = check_agent_name(name)
        self.group = None if group is None else check_agent_name(group)
        self.handlers = dict(handlers)
        self.timers = dict(timers)
        self.config: type[msgspec.Struct] | None = source.traits.config
        self.state: type[msgspec.Struct] | None = source.traits.state
        self.codec = codec

    @property
    def label(self) -> str:
        """The class, for errors."""
        return self.source.__name__

    @property
    def subscribed(self) -> tuple[str, ...]:
        """The names of its handlers."""
        return tuple(self.handlers)

    def retry_of(self, handler: str) -> RetryPolicy:
        """What a handler says of tries itself."""
        return self.handlers[handler].options.retry

    @property
    def place(self) -> str:
        """File and line of its first handler."""
        return next(iter(self.handlers.values())).place if self.handlers else self.label

    def make_config(self, given: object) -> Any:
        """Make the config of an agent.

        Args:
            given: An instance, a mapping, or None for the defaults.

        Raises:
            ConfigRefused: It does not fit; names the paths of the bad fields.
        """
        return self.source.traits.make_config(given)

    def check(self) -> None:
        """Check what can be told only when it is used: then a class is complete.

        Raises:
            ActorClassError: It can take no messages; says what to write.
        """
        if not self.handlers:
            what = 'it has no subscription; write one: @subscribe("orders") above def take(self, order: Order) -> None'
            raise ActorClassError(self.label, what)
        if not takes(inspect.getattr_static(self.source, "__init__"), 1):
            raise ActorClassError(f"{self.label}.__init__", INIT_ADVICE)

    def judge(
        self, subscriptions: Mapping[str, Mapping[str, object]], group: str
    ) -> tuple[dict[str, HandlerKind], list[tuple[str, OptionProblem]]]:
        """Judge options that are given besides its own, before which they go.

        Args:
            subscriptions: Options by the names of handlers.
            group: The group of those handlers that name none.

        Returns:
            Its handlers with all options, to be used only if there are no problems; and the problems, each with the name of
            its handler.
        """
        made, problems = {}, []
        for name, own in self.handlers.items():
            made[name], wrong = own.judge(subscriptions.get(name, {}))
            problems += [(name, one) for one in wrong]
        if not problems and self.state is not None:
            problems = [*_state_problems(made, group)]
        return made, problems


def _state_problems(handlers: Mapping[str, HandlerKind], group: str) -> Iterator[tuple[str, OptionProblem]]:
    """State is of a key of one group, and one turn at a time has it."""
    first = ""
    for name, one in handlers.items():
        if one.options.order == "none":
            advice = "give a key, or leave out order='none'; or write it without `state`"
            yield name, OptionProblem("order", "turns in any order cannot share the state", advice)
        own = one.options.group or group
        if first and own != first:
            message = f"state belongs to one group, and its handlers are in {first} and {own}"
            yield name, OptionProblem("group", message, "write the same for all, or leave it out")
        first = first or own


class Configured(msgspec.Struct, frozen=True):
    """A subscriber as it is to be in one system; made by ``configured`` of its class.

    Attributes:
        kind: What is known of its class.
        name: Its name.
        group: The group of those handlers that name none.
        config: Its config.
        handlers: Its handlers with all options.
        where: Words what is wrong with a handler, by its name; without one that is said with the place of its code.
    """

    kind: SubscriberKind
    name: str
    group: str
    config: Any
    handlers: dict[str, HandlerKind]
    where: Mapping[str, Placed] = {}


def kind_of(given: object) -> SubscriberKind | None:
    """What is known of a subscriber class; None = it is none. What a class inherits is another's."""
    found = vars(given).get(MARK) if isinstance(given, type) else None
    return found if isinstance(found, SubscriberKind) else None


def configured(
    kind: SubscriberKind,
    name: str | None,
    group: str | None,
    config: object,
    subscriptions: Mapping[str, Mapping[str, object]],
) -> Configured:
    """Put together what an agent is to be.

    Raises:
        ActorClassError: An option cannot be, there is no such handler, or the class has none.
        ConfigRefused: The config does not fit.
    """
    kind.check()
    made = kind.name if name is None else check_agent_name(name)
    own = check_agent_name(group) if group is not None else kind.group or made
    unknown = [one for one in subscriptions if one not in kind.handlers]
    if unknown:
        raise ActorClassError(kind.label, f"it has no subscription {unknown[0]!r}; it has {', '.join(kind.handlers)}")
    handlers, problems = kind.judge(subscriptions, own)
    if problems:
        raise ActorClassError(kind.label, told(problems))
    return Configured(kind, made, own, kind.make_config(config), handlers)


def told(problems: list[tuple[str, OptionProblem]]) -> str:
    """Word problems of handlers as one text."""
    names = dict.fromkeys(name for name, _ in problems)
    return "; ".join(f"{name}: {complain(one for other, one in problems if other == name)}" for name in names)


def check_agent_name(name: object) -> str:
    """Check the name of an agent or a group.

    Raises:
        ActorClassError: It is no name.
    """
    wrong = check_name(name)
    if wrong:
        raise ActorClassError(repr(name)[:100], "; ".join(wrong))
    return str(name)
