"""What a task's body takes and gives: read from its signature once, when the class or function is made."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect as shapes

from dagger_actors.bodies.actions import is_context
from dagger_actors.bodies.parameters import alternatives
from dagger_actors.bodies.secret import Secret
from dagger_actors.bodies.snooze import Snooze
from dagger_actors.core.wording import listed, nearest, quoted
from dagger_actors.errors import ActorClassError
from dagger_actors.reading.custom_types import make_custom
from dagger_actors.tasks.agents.context import TaskContext
from dagger_actors.tasks.agents.results import Cancel

__all__ = ["Body", "read_body", "wrong_path"]


class Body(NamedTuple):
    """What a body takes and gives.

    Attributes:
        parameter: The name of the parameter that takes the payload.
        payload: Its annotation.
        context: The name of the parameter that takes the context; None = it wants none.
        result: What it is annotated to return, ``Snooze`` and ``Cancel`` apart; ``Any`` without an annotation.
        is_async: Whether calling it gives a coroutine.
    """

    parameter: str
    payload: Any
    context: str | None
    result: Any
    is_async: bool


def read_body(where: str, function: Callable[..., Any], scope: Mapping[str, Any], *, is_method: bool) -> Body:
    """Read a body's signature.

    Args:
        where: Its name, for errors.
        function: As it is written; a method with its ``self``.
        scope: Names besides the module's that annotations may use.
        is_method: Whether its first parameter is ``self``.

    Raises:
        ActorClassError: It cannot do tasks; says what to write.
    """
    written = (
        f"def {function.__name__}({'self, ' if is_method else ''}task: SomeStruct, ctx: TaskContext) -> SomeResult"
    )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ActorClassError(where, "it yields; a task has one result, so return a list, or spawn a task for each")
    try:
        hints = typing.get_type_hints(function, localns=dict(scope), include_extras=True)
    except Exception as error:
        raise ActorClassError(
            where, f"its annotations cannot be read: {error}; import the types at run time, not under TYPE_CHECKING"
        ) from error
    context, payloads = None, []
    for parameter in list(inspect.signature(function).parameters.values())[is_method:]:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ActorClassError(where, f"its parameter {str(parameter)!r} cannot be given by name; write {written}")
        if parameter.name not in hints:
            raise ActorClassError(where, f"its parameter {parameter.name!r} has no annotation; write {written}")
        hint = hints[parameter.name]
        if is_context(hint):
            if not is_context(hint, TaskContext):
                raise ActorClassError(where, f"{parameter.name} is a context of another kind; write ctx: TaskContext")
            if context is not None:
                raise ActorClassError(where, f"it takes two contexts, {context} and {parameter.name}; write {written}")
            context = parameter.name
        else:
            payloads.append(parameter.name)
    if len(payloads) != 1:
        found = f"more than one payload ({', '.join(payloads)})" if payloads else "no payload"
        raise ActorClassError(where, f"it takes {found}; put all of a task's data into one Struct: {written}")
    payload = hints[payloads[0]]
    _check_payload(where, payloads[0], payload)
    return Body(payloads[0], payload, context, _result(hints.get("return", Any)), inspect.iscoroutinefunction(function))


def wrong_path(hint: Any, path: tuple[str, ...]) -> tuple[str, str] | None:
    """Tell why a path of fields leads nowhere in values of a type, and what to do; None when it may lead to a key."""
    try:
        shape = shapes.type_info(hint)
    except Exception:  # noqa: BLE001 - what msgspec cannot describe may hold anything
        return None
    taken: list[str] = []
    for name in path:
        fields = dict(_fields(shape))
        if not fields:
            break
        if name not in fields:
            inside = f"{'.'.join(taken)} of the payload" if taken else "the payload"
            near = nearest(name, fields)
            advice = f"did you mean {near}?" if near else f"it has {listed(sorted(fields))}"
            return f"{inside} has no field {quoted(name)}", advice
        taken.append(name)
        shape = fields[name]
    return _wrong_end(shape, taken, path)


def _wrong_end(shape: shapes.Type, taken: list[str], path: tuple[str, ...]) -> tuple[str, str] | None:
    is_whole = len(taken) == len(path)
    told = ".".join(taken) or "the payload"
    advice = "name a field that holds text or a number"
    members = shape.types if isinstance(shape, shapes.UnionType) else (shape,)
    if any(isinstance(one, shapes.AnyType | shapes.CustomType | shapes.DictType | shapes.RawType) for one in members):
        return None
    many = shapes.ListType | shapes.SetType | shapes.FrozenSetType | shapes.VarTupleType | shapes.TupleType
    if any(isinstance(one, many) for one in members) or (is_whole and dict(_fields(shape))):
        return f"{told} is no text and no number", advice
    return None if is_whole else (f"{told} has no fields", advice)


def _fields(shape: shapes.Type) -> Iterator[tuple[str, shapes.Type]]:
    match shape:
        case shapes.Metadata(type=inner):
            yield from _fields(inner)
        case shapes.UnionType(types=members):
            for member in members:
                yield from _fields(member)
        case (
            shapes.StructType(fields=fields) | shapes.DataclassType(fields=fields) | shapes.TypedDictType(fields=fields)
        ):
            for field in fields:
                yield field.name, field.type


def _check_payload(where: str, name: str, hint: Any) -> None:
    if Secret in alternatives(hint):
        raise ActorClassError(
            where,
            f"{name} is a Secret, which no payload may be; let the body take it from a resource: ctx.resource(...)",
        )
    try:
        msgspec.json.Decoder(hint, dec_hook=make_custom)
    except Exception as error:
        raise ActorClassError(
            where, f"a payload of type {hint} cannot be decoded: {error}; use a msgspec Struct, a dataclass or a model"
        ) from error


def _result(hint: Any) -> Any:
    """The return annotation without what is no result."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return Any if hint in (Snooze, Cancel) else hint
    members = [member for member in typing.get_args(hint) if member not in (Snooze, Cancel)]
    return reduce(or_, members) if members else Any
