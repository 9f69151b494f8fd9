"""What is known of one handler of a subscriber: its signature and its options, judged together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from dagger_actors.actors.runtime import THREADS
from dagger_actors.bodies.actions import place_of
from dagger_actors.bodies.option_values import Misfit, OptionProblem
from dagger_actors.pubsub.subscribers.field_paths import filter_names, key_function, key_names
from dagger_actors.pubsub.subscribers.filters import filter_function
from dagger_actors.pubsub.subscribers.message_types import hint_of
from dagger_actors.pubsub.subscribers.options import SubscribeOptions, make_options
from dagger_actors.pubsub.subscribers.signature import Signature

__all__ = ["HandlerKind", "judged"]


class HandlerKind(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One handler of a subscriber.

    Attributes:
        name: The method's.
        function: As the class has it: takes the subscriber, the message (or a list of some), and the context when
            ``has_context``.
        is_async: Whether calling it gives a coroutine or an async generator.
        is_generator: Whether it yields what it gives.
        takes: Types of messages by the names of their classes; ``{"": Any}`` = any message.
        is_batch: Whether it takes a list of them.
        has_context: Whether it takes a context, behind the messages.
        publishes: Channels that its turns may publish to, patterns too; what it gives goes to the first.
        gives: Types of what it gives by the names of their classes; empty = it gives nothing.
        is_certain: Whether each of its turns gives just one thing.
        options: Its options; of a handler of timers the defaults.
        signature: What it takes and gives as it is written, whatever its options are.
        given: The options that were given.
        place: File and line.
        key_of: Gives the key of a message's JSON text, or raises ``KeyRefused``; None = messages have no key.
        filter_of: Tells of a message's JSON text whether it is taken; None = all are.
    """

    name: str
    function: Callable[..., Any]
    is_async: bool
    is_generator: bool
    takes: dict[str, Any]
    is_batch: bool
    has_context: bool
    publishes: tuple[str, ...]
    gives: dict[str, Any]
    is_certain: bool
    options: SubscribeOptions
    signature: Signature
    given: dict[str, object] = {}
    place: str = ""
    key_of: Callable[[bytes | str], str] | None = None
    filter_of: Callable[[bytes | str], bool] | None = None

    def hint_of(self, type_name: str) -> Any | None:
        """The type by which a message of a class is read; None = it is passed over."""
        return hint_of(self.takes, type_name)

    def judge(self, given: Mapping[str, object]) -> tuple[HandlerKind, list[OptionProblem]]:
        """Judge options that are given besides its own, before which they go.

        Returns:
            The handler with all options, to be used only if there are no problems; and the problems.
        """
        return judged(self.name, self.function, self.signature, {**self.given, **given})


def judged(
    name: str, function: Callable[..., Any], signature: Signature, given: Mapping[str, object]
) -> tuple[HandlerKind, list[OptionProblem]]:
    """Make a handler of its signature and the options that were given; to be used only if there are no problems."""
    options, problems = make_options(given)
    names: dict[str, Any] = {}
    if not problems:
        problems = [*_misfits(options, signature)]
        for option, find in (
            ("key", lambda: key_names(options.key, signature.takes) if options.key else None),
            ("filter", lambda: filter_names(options.filter, signature.takes) if options.filter else None),
        ):
            try:
                names[option] = find()
            except Misfit as error:
                problems.append(OptionProblem(option, *error.args))
    is_right = not problems
    key, chosen = (names["key"], names["filter"]) if is_right else (None, None)
    made = HandlerKind(
        name=name,
        function=function,
        is_async=signature.is_async,
        is_generator=signature.is_generator,
        takes=signature.takes,
        is_batch=signature.is_list,
        has_context=signature.has_context,
        publishes=options.publishes,
        is_certain=signature.is_certain,
        gives=signature.gives if options.publishes or not _is_unknown(signature.gives) else {},
        options=options,
        signature=signature,
        given=dict(given),
        place="{}:{}".format(*place_of(function)),
        key_of=None if key is None else key_function(options.key, key),
        filter_of=None if chosen is None or options.filter is None else filter_function(options.filter, chosen),
    )
    return made, problems


def _misfits(options: SubscribeOptions, signature: Signature) -> Iterator[OptionProblem]:
    if signature.is_list and options.batch == 1:
        advice = "give batch=100, say, or let it take one message"
        yield OptionProblem("batch", "the handler takes a list, and no batch is given", advice)
    if options.batch > 1 and not signature.is_list:
        advice = "annotate it `messages: list[SomeStruct]`, or leave the batch out"
        yield OptionProblem("batch", "the handler takes one message", advice)
    if options.concurrency > THREADS and not signature.is_async:
        message = f"a system runs {THREADS} plain functions at once, and this is one; {options.concurrency:,} cannot be"
        yield OptionProblem("concurrency", message, f"write {THREADS} or less, or make it `async def`")
    if signature.gives and not _is_unknown(signature.gives) and not options.publishes:
        given = ", ".join(signature.gives)
        yield OptionProblem(
            "publishes", f"it gives {given}, and no channel is named for that", "name it: publishes=..."
        )
    if signature.gives and options.publishes and "*" in options.publishes[0]:
        message = f"what it gives goes to the first channel, and {options.publishes[0]} is a pattern"
        yield OptionProblem("publishes", message, "name the channel of its results first")


def _is_unknown(gives: Mapping[str, Any]) -> bool:
    return "" in gives
