"""Actions: the functions that nodes run, how they are marked, and what their parameters take.

``@action`` only marks; the function stays what it was. Parameters are filled by name and decoded from JSON by their
type hints, strictly, through one decoder each.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, overload, runtime_checkable

from msgspec.inspect import Type

from dagger_actors.bodies.context import BodyContext
from dagger_actors.bodies.made_functions import source_hash
from dagger_actors.bodies.parameters import Parameter, alternatives, decode_custom
from dagger_actors.bodies.result_check import result_check
from dagger_actors.bodies.type_shape import output_type
from dagger_actors.core.wording import BESIDE, indefinite
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.reading.importing import FILE_MODULE
from dagger_actors.reading.installed import is_installed

__all__ = [
    "Action",
    "Actions",
    "OffersAction",
    "Parameter",
    "action",
    "action_of",
    "marked_name",
    "place_of",
    "read_action",
]

MARK = "__dagger_action__"
VERSION = "__dagger_version__"
LONGEST_TEXT = 200
"""Characters of an action's name, or of its version."""

F = TypeVar("F", bound=Callable[..., Any])


@overload
def action(function: F, /) -> F: ...
@overload
def action(*, name: str | None = None, version: str | None = None) -> Callable[[F], F]: ...
def action(
    function: F | None = None, /, *, name: str | None = None, version: str | None = None
) -> F | Callable[[F], F]:
    """Mark a function as an action.

    Args:
        function: The function, plain or ``async``; given by ``@action`` without parentheses.
        name: The name that flow files use, 1 to 200 characters; the function's own by default.
        version: Stands for its code in the keys of the cache, 1 to 200 characters; by default its own source text does, so
            that any change of it computes anew, and none of what it calls does: give a new version then.

    Returns:
        The same function, still callable.

    Raises:
        TypeError: It marks something else than a function.
        ValueError: The name or the version is empty or too long.
    """
    for what, text in (("name", name), ("version", version)):
        if text is not None and not 1 <= len(text) <= LONGEST_TEXT:
            raise ValueError(f"the {what} of an action has 1 to {LONGEST_TEXT} characters, not {len(text):,}")
    if function is None:
        return lambda marked: mark(marked, name, version)
    return mark(function, name, version)


def mark(function: F, name: str | None, version: str | None) -> F:
    """Write the marks on a function."""
    if not inspect.isfunction(function):
        raise TypeError(f"@action marks functions, not {type(function).__name__}; wrap it in a function")
    setattr(function, MARK, name or function.__name__)
    if version is not None:
        setattr(function, VERSION, version)
    return function


def marked_name(candidate: object) -> str | None:
    """Give the action name of a marked function; None for anything else."""
    name = getattr(candidate, MARK, None) if inspect.isfunction(candidate) else None
    return name if isinstance(name, str) else None


class Action:
    """A function that nodes can run.

    Attributes:
        name: The name in flow files.
        function: What is called.
        source: The function as it is written; another than ``function`` where a stub stands in for it, or where it is the
            method of an object: then the object's class.
        qualified_name: ``module:qualname``.
        is_async: Whether calling it gives a coroutine.
        context_parameter: The parameter that takes the context, or None.
        parameters: The parameters that take inputs.
        accepts_any: Whether it has ``**kwargs``.
        required: Names of the parameters without a default.
        by_name: The parameters by name.
        returns: The return hint; ``Any`` without one.
        noun: What it is called in messages.
        check_result: Raises ResultError for a result that does not fit it; None when nothing can be checked.
    """

    noun: ClassVar[str] = "action"

    __slots__ = (
        "__weakref__",
        "_identity",
        "accepts_any",
        "by_name",
        "check_result",
        "context_parameter",
        "function",
        "is_async",
        "name",
        "parameters",
        "qualified_name",
        "required",
        "returns",
        "source",
    )

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        parameters: tuple[Parameter, ...],
        *,
        context_parameter: str | None = None,
        accepts_any: bool = False,
        returns: Any = Any,
        source: Callable[..., Any] | None = None,
    ) -> None:
        self.name = name
        self.function = function
        self.source = function if source is None else source
        self.qualified_name = f"{self.source.__module__}:{self.source.__qualname__}"
        self.is_async = inspect.iscoroutinefunction(function)
        self.context_parameter = context_parameter
        self.parameters = parameters
        self.accepts_any = accepts_any
        self.required = frozenset(parameter.name for parameter in parameters if parameter.required)
        self.by_name = {parameter.name: parameter for parameter in parameters}
        self._identity: str | None = None
        self.returns = returns
        self.check_result = result_check(name, returns, alternatives(returns), decode_custom)

    def __repr__(self) -> str:
        return f"<Action {self.name} {self.qualified_name}>"

    @property
    def gives(self) -> Type:
        """What is stored of its result."""
        return output_type(self.returns)

    @property
    def place_of_hint(self) -> str:
        """Where the type of that is said, in messages."""
        return "at {}:{}".format(*place_of(self.source))

    def identity(self) -> str | None:
        """What stands for it in the keys of the cache; None when nothing can.

        That is its name, and its version or the hash of its source; and its file, unless it is of an installed package:
        two files may have one module name, as the scripts of two folders do. A source says nothing of what its function took
        along from where it was made.
        """
        if self._identity is None:
            version = getattr(self.source, VERSION, None)
            code = f"version {version}" if version is not None else source_hash(self.source)
            if code is None:
                return None
            file = place_of(self.source)[0]
            is_told_apart = self.source.__module__.startswith((FILE_MODULE, BESIDE)) or is_installed(file)
            place = self.qualified_name if is_told_apart else f"{self.qualified_name}\0{Path(file).absolute()}"
            self._identity = f"{place}\0{code}"
        return self._identity


class Actions(Protocol):
    """The actions that somebody's attempts may name."""

    def get(self, name: str, /) -> Action | None:
        """Give the action of that name; None when there is none."""
        ...


@runtime_checkable
class OffersAction(Protocol):
    """What is no function and makes an action of itself, such as a class that names its method."""

    def __as_action__(self, name: str, /) -> Action:
        """Make the action; of a class a class method, and ``source`` of the action is what another process imports."""
        ...


def action_of(found: Callable[..., Any] | OffersAction, name: str) -> Action:
    """Make the action of what stands where an action is to be found.

    Raises:
        DefinitionError: It cannot be one.
    """
    return found.__as_action__(name) if isinstance(found, OffersAction) else read_action(found, name)


def read_action(
    function: Callable[..., Any],
    name: str | None = None,
    *,
    source: Callable[..., Any] | None = None,
    context_type: type[BodyContext] = BodyContext,
) -> Action:
    """Read a function's signature.

    Args:
        function: A function, marked or not, or a method of an object.
        name: The action's name; the marked one or the function's own by default.
        source: What another process imports in its place, such as the class of its object; the function itself by default.
        context_type: What its owner gives to a parameter that takes a context; by default it is not asked.

    Raises:
        DefinitionError: It cannot be an action; says what and where.
    """
    name = name or marked_name(function) or function.__name__
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise refusal(function, f"action {name!r} is a generator", "Return a list instead of yielding.")
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # noqa: BLE001 - a type hint is an expression of the user's and may raise anything
        message = f"the type hints of action {name!r} cannot be resolved: {type(error).__name__}: {error}"
        raise refusal(function, message, "Import the types at run time, not under TYPE_CHECKING.") from None
    parameters: list[Parameter] = []
    context, accepts_any = None, False
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name, Any)
        if parameter.kind is parameter.VAR_KEYWORD:
            accepts_any = True
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            message = f"parameter {parameter.name!r} of action {name!r} is positional-only"
            raise refusal(function, message, "Inputs are given by name; remove the `/`.")
        elif is_context(hint):
            if not is_context(hint, context_type):
                message = f"parameter {parameter.name!r} of action {name!r} takes a context of another kind"
                raise refusal(function, message, f"It is given {indefinite(context_type.__name__)} here.")
            context = parameter.name
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            parameters.append(read_parameter(function, name, parameter, hint))
    returns = hints.get("return", Any)
    return Action(
        name,
        function,
        tuple(parameters),
        context_parameter=context,
        accepts_any=accepts_any,
        returns=returns,
        source=source,
    )


def read_parameter(function: Callable[..., Any], name: str, parameter: inspect.Parameter, hint: Any) -> Parameter:
    """Build one parameter and its decoder."""
    try:
        return Parameter(name, parameter.name, hint, required=parameter.default is parameter.empty)
    except (TypeError, ValueError, NameError, RecursionError) as error:
        message = f"the type hint of parameter {parameter.name!r} of action {name!r} cannot be decoded: {error}"
        raise refusal(function, message, "Use types that msgspec or pydantic decodes from JSON.") from None


def is_context(hint: Any, given: type[BodyContext] = BodyContext) -> bool:
    """Tell whether a type hint asks for a context, and is served by one of that type."""
    kinds = [kind for kind in alternatives(hint) if isinstance(kind, type) and issubclass(kind, BodyContext)]
    return any(issubclass(kind, given) or issubclass(given, kind) for kind in kinds)


def place_of(function: Callable[..., Any]) -> tuple[str, int]:
    """Tell file and line of a function; the decorators' first."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else (repr(function), 0)


def refusal(function: Callable[..., Any], message: str, advice: str) -> DefinitionError:
    """Make the error for a function that cannot be an action."""
    file, line = place_of(function)
    return DefinitionError([Problem(f"{message} ({file}:{line})", advice)])
