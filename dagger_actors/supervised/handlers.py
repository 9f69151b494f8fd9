"""``@handler``: which method takes which message; found out once for each class, wrong ones told when it is made."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

import msgspec

from dagger_actors.errors import ActorClassError

if TYPE_CHECKING:
    from dagger_actors.supervised.context import ActorContext

__all__ = ["NO_HANDLERS", "Handler", "HandlerTable", "handler", "table_of"]

F = TypeVar("F", bound=Callable[..., Any])

BATCH_MOST = 10_000
"""Messages in one batch, at most."""


class _Mark(NamedTuple):
    """What ``@handler`` leaves on a method."""

    batch: int
    within_us: int


class Handler(NamedTuple):
    """One message type of one actor class.

    Attributes:
        decode: From bytes to the message.
        call: The method; takes the actor and the message, and the context when ``wants_context``.
        is_plain: Not ``async``, no batch: may be called right away.
        wants_context: Whether the method has a parameter for the context.
        is_async: Whether it gives a coroutine.
        batch: Messages for one call; 0 = each by itself.
        within_us: How long a batch may wait to fill, in microseconds.
        name: The method's.
    """

    decode: Callable[[bytes], Any]
    call: Callable[..., Any]
    is_plain: bool
    wants_context: bool
    is_async: bool
    batch: int
    within_us: int
    name: str


class HandlerTable(NamedTuple):
    """The handlers of a class.

    Attributes:
        by_class: By the message's class: how letters from this process are looked up.
        by_name: By the class's name: how those from elsewhere are.
        is_async: Whether any of them is ``async``.
    """

    by_class: dict[type, Handler]
    by_name: dict[str, Handler]
    is_async: bool

    def find(self, kind: type) -> Handler | None:
        """The handler for messages of a class that is not in the table itself, by its name; None = there is none."""
        return self.by_name.get(kind.__name__)


NO_HANDLERS = HandlerTable({}, {}, is_async=False)
"""Of a class that nobody sends messages."""


@overload
def handler(function: F, /) -> F: ...
@overload
def handler(*, batch: int = ..., within_s: float = ...) -> Callable[[F], F]: ...
def handler(function: F | None = None, /, *, batch: int = 0, within_s: float = 0.0) -> F | Callable[[F], F]:
    """Mark a method as the handler of the message type that its first parameter is annotated with.

    ``def price(self, order: Order, ctx: ActorContext) -> Price``: the context is optional, the result answers an ask. A
    union takes each of its members. Several messages at once, in the order they came, for what is cheaper together:
    ``@handler(batch=100, within_s=0.5)`` on ``def store(self, rows: list[Row]) -> None``; it answers every ask of the
    batch with its one result.

    Args:
        function: The method, when used without parentheses.
        batch: Messages for one call at most, 2 to 10,000; 0 = one by one.
        within_s: Seconds that the first of a batch waits at most for it to fill; 0 = takes what is there.

    Raises:
        ActorClassError: The numbers are out of range. What is wrong with the method is told when its class is made.
    """
    if batch and not 2 <= batch <= BATCH_MOST:
        raise ActorClassError(f"@handler(batch={batch!r})", f"a batch holds 2 to {BATCH_MOST:,} messages")
    if within_s < 0 or (within_s and not batch):
        raise ActorClassError(f"@handler(within_s={within_s!r})", "it is 0 or more, and only together with batch=")

    def mark(marked: F) -> F:
        marked.__dagger_handler__ = _Mark(batch, round(within_s * 1e6))  # type: ignore[attr-defined]
        return marked

    return mark if function is None else mark(function)


def table_of(cls: type, context: type[ActorContext], scope: Mapping[str, Any]) -> HandlerTable:
    """Read the handlers of a class and of its bases.

    Args:
        cls: The actor class.
        context: The annotation that asks for the context.
        scope: Names besides the module's that annotations may use: those around the class.

    Raises:
        ActorClassError: Two handlers for one type, or one that cannot be: names the method and what to write.
    """
    by_class: dict[type, Handler] = {}
    by_name: dict[str, Handler] = {}
    for name, method, mark in _marked(cls):
        for kind, found in _read(cls, name, method, mark, context, scope):
            other = by_class.get(kind) or by_name.get(kind.__name__)
            if other is not None:
                raise ActorClassError(
                    f"{cls.__name__}.{name}",
                    f"{other.name} handles {kind.__name__} already; a message has one handler",
                )
            by_class[kind] = by_name[kind.__name__] = found
    return HandlerTable(by_class, by_name, any(one.is_async for one in by_class.values()))


def _marked(cls: type) -> Iterator[tuple[str, Callable[..., Any], _Mark]]:
    """Each handler once, by its name, an override in the place of what it overrides."""
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        names |= {name: None for name, value in vars(base).items() if hasattr(value, "__dagger_handler__")}
    for name in names:
        method = getattr(cls, name)
        mark = getattr(method, "__dagger_handler__", None)
        if mark is None:
            raise ActorClassError(
                f"{cls.__name__}.{name}", "it overrides a handler, so it needs @handler too, or another name"
            )
        yield name, method, mark


def _read(
    cls: type, name: str, method: Callable[..., Any], mark: _Mark, context: type, scope: Mapping[str, Any]
) -> Iterator[tuple[type, Handler]]:
    where = f"{cls.__name__}.{name}"
    try:
        hints = typing.get_type_hints(method, localns=dict(scope))
    except Exception as error:
        raise ActorClassError(where, f"its annotations cannot be read: {error}") from error
    parameters = list(inspect.signature(method).parameters.values())[1:]
    contexts = [one for one in parameters if hints.get(one.name) is context]
    messages = [one for one in parameters if one not in contexts]
    if len(messages) != 1 or messages[0].name not in hints or len(contexts) > 1 or parameters[0] is not messages[0]:
        raise ActorClassError(
            where,
            f"a handler takes one annotated message, and a `ctx: {context.__name__}` if it likes: "
            f"def {name}(self, message: SomeStruct, ctx: {context.__name__})",
        )
    is_async = inspect.iscoroutinefunction(method)
    if inspect.isasyncgenfunction(method) or inspect.isgeneratorfunction(method):
        raise ActorClassError(where, "a handler returns its answer; it cannot yield")
    for kind in _kinds(where, hints[messages[0].name], mark):
        yield (
            kind,
            Handler(
                decode=_decoder(where, kind),
                call=method,
                is_plain=not is_async and not mark.batch and not contexts,
                wants_context=bool(contexts),
                is_async=is_async,
                batch=mark.batch,
                within_us=mark.within_us,
                name=name,
            ),
        )


def _kinds(where: str, hint: Any, mark: _Mark) -> Iterator[type]:
    if mark.batch:
        if typing.get_origin(hint) is not list:
            raise ActorClassError(where, "a batch is a list: annotate it `messages: list[SomeStruct]`")
        (hint,) = typing.get_args(hint)
    members = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    for member in members:
        if not isinstance(member, type) or member in (object, type(None)):
            raise ActorClassError(
                where, f"a message has a class of its own, such as a msgspec Struct; {_name(member)} is none"
            )
        yield member


def _decoder(where: str, kind: type) -> Callable[[bytes], Any]:
    try:
        if isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.CustomType):
            raise ActorClassError(
                where,
                f"no message of class {kind.__name__} can be sent: make it a msgspec Struct, "
                f"`class {kind.__name__}(msgspec.Struct, frozen=True)`",
            )
        return msgspec.msgpack.Decoder(kind).decode
    except (TypeError, NameError) as error:
        raise ActorClassError(where, f"messages of class {kind.__name__} cannot be decoded: {error}") from error


def _name(hint: object) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)
