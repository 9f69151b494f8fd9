"""What a handler of a subscriber takes and gives: read from its signature once, when its class is made."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import operator
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dagger_actors.bodies.actions import is_context
from dagger_actors.bodies.context import BodyContext
from dagger_actors.bodies.snooze import Snooze
from dagger_actors.errors import ActorClassError
from dagger_actors.pubsub.subscribers.message_types import bare, members, types_of

__all__ = ["Signature", "read_signature"]

MANY = (
    list,
    tuple,
    collections.abc.Sequence,
    collections.abc.Iterable,
    collections.abc.Iterator,
    collections.abc.Generator,
    collections.abc.AsyncIterable,
    collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator,
)
"""Whose items are published one by one."""


class Signature(NamedTuple):
    """What a handler takes and gives.

    Attributes:
        takes: Types of messages by the names of their classes; ``{"": Any}`` = any message.
        is_list: Whether it takes a list of them.
        has_context: Whether it takes a context, behind the messages.
        gives: Types of what it gives to be published, in the same way; empty = nothing.
        is_async: Whether calling it gives a coroutine or an async generator.
        is_generator: Whether it yields what it gives.
        is_certain: Whether each call gives just one thing to be published.
    """

    takes: dict[str, Any]
    is_list: bool
    has_context: bool
    gives: dict[str, Any]
    is_async: bool
    is_generator: bool
    is_certain: bool


def read_signature(
    where: str, function: Callable[..., Any], scope: Mapping[str, Any], context: type[BodyContext]
) -> Signature:
    """Read a handler's signature.

    Args:
        where: Its name, for errors.
        function: As it is written, with its ``self``.
        scope: Names besides the module's that annotations may use.
        context: The context that it is given.

    Raises:
        ActorClassError: It can be no handler; says what to write.
    """
    written = f"def {function.__name__}(self, message: SomeStruct, ctx: TurnContext) -> SomeResult"
    try:
        hints = typing.get_type_hints(function, localns=dict(scope), include_extras=True)
    except Exception as error:
        raise ActorClassError(
            where, f"its annotations cannot be read: {error}; import the types at run time, not under TYPE_CHECKING"
        ) from error
    parameters = list(inspect.signature(function).parameters.values())[1:]
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ActorClassError(where, f"its parameter {str(parameter)!r} cannot be given by place; write {written}")
        if parameter.name not in hints:
            raise ActorClassError(where, f"its parameter {parameter.name!r} has no annotation; write {written}")
    contexts = [is_context(hints[parameter.name]) for parameter in parameters]
    for parameter, is_one in zip(parameters, contexts, strict=True):
        if is_one and not is_context(hints[parameter.name], context):
            raise ActorClassError(where, f"{parameter.name} is a context of another kind; write ctx: TurnContext")
    if contexts not in ([False], [False, True]):
        raise ActorClassError(where, f"it takes one message, and a context behind it if it likes; write {written}")
    hint = hints[parameters[0].name]
    is_list = typing.get_origin(bare(hint)) is list
    if is_list:
        (hint,) = typing.get_args(bare(hint))
    is_generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    gives, is_certain = _gives(where, hints.get("return", Any), is_generator=is_generator)
    return Signature(
        takes=types_of(where, hint, "a message"),
        is_list=is_list,
        has_context=len(contexts) > 1,
        gives=gives,
        is_async=inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function),
        is_generator=is_generator,
        is_certain=is_certain,
    )


def _gives(where: str, hint: Any, *, is_generator: bool) -> tuple[dict[str, Any], bool]:
    """What of a return annotation is published: the items of what holds many, and nothing of None and ``Snooze``.

    Tells too whether each call gives just one thing.
    """
    found, is_certain = [], not is_generator and bare(hint) is not Any
    for member in members(hint):
        origin = typing.get_origin(bare(member)) or bare(member)
        if origin in MANY:
            is_certain = False
            arguments = typing.get_args(bare(member))
            found += [*members(arguments[0])] if arguments else [Any]
        elif is_generator and bare(member) is not Any:
            raise ActorClassError(
                where, "it yields, so it is annotated to: Iterator[SomeStruct], AsyncIterator[SomeStruct]"
            )
        else:
            found.append(member)
    results = [one for one in found if bare(one) not in (None, types.NoneType, Snooze)]
    if not results:
        return {}, False
    is_certain = is_certain and len(results) == len(found)
    return types_of(where, functools.reduce(operator.or_, results), "a result"), is_certain
