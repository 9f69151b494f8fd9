"""What all actors of one class have in common, found out once, when the class is made."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from dagger_actors.core.wording import indefinite
from dagger_actors.errors import ActorClassError, ConfigRefused
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.calling import takes
from dagger_actors.supervised.config_check import Fault, check_config, converted, shape_of, unknown_keys
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.handlers import NO_HANDLERS, Handler, HandlerTable, table_of
from dagger_actors.supervised.state_codec import StateCodec

if TYPE_CHECKING:
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.lifecycle import Lifecycle

__all__ = ["DISPATCHERS", "HOOKS", "Traits", "codec_of", "traits_of"]

ROOT = "dagger_actors.supervised.actor"

DISPATCHERS = ("shared", "blocking", "io")

HOOKS = ("started", "stopping", "pre_restart", "unhandled")

SHOWN = 10
"""Faults of a config that are told at once."""


class Traits:
    """What all actors of one class have in common.

    Attributes:
        cls: The class.
        table: Its handlers.
        short: Of those that are called right away, decoder and method by message class.
        dispatcher: ``shared``, ``blocking`` or ``io``.
        runs_here: Whether an ask may run on the asking thread: its handlers are quick.
        mailbox: Its bound.
        config: The Struct its ``config`` is annotated with; None = it takes none.
        state: The Struct its ``state`` is annotated with; None = it has none.
        codec: How its state is stored; None = it is not durable.
        hooks: The hooks that it overrides; the others are not called.
        begins_at_once: Whether it comes up at once, not with its first message: it overrides ``started``, or is durable.
    """

    def __init__(self, cls: type[Actor], scope: Mapping[str, Any]) -> None:
        self.cls = cls
        self.table: HandlerTable = table_of(cls, ActorContext, scope) if cls.has_mailbox else NO_HANDLERS
        self.short: dict[type, tuple[Callable[[bytes], Any], Callable[..., Any]]] = {
            kind: (one.decode, one.call) for kind, one in self.table.by_class.items() if one.is_plain
        }
        if not isinstance(cls.mailbox, MailboxSpec):
            raise ActorClassError(cls.__name__, f"its mailbox is a MailboxSpec(capacity=...), not {cls.mailbox!r}")
        self.mailbox = cls.mailbox
        self.async_hooks = frozenset(name for name in HOOKS if inspect.iscoroutinefunction(getattr(cls, name)))
        root = _root_of(cls)
        self.hooks = frozenset(name for name in HOOKS if getattr(cls, name) is not getattr(root, name))
        for name in self.hooks:
            _check_hook(getattr(cls, name), getattr(root, name), cls)
        # Not told when the class is made: a base may have parameters that its subclasses give.
        self._can_be_made = takes(cls.__init__, 1)
        self.dispatcher = self._dispatcher(cls)
        self.config = _struct(cls, "config", _hint(cls, "config", scope))
        self.state = _struct(cls, "state", _hint(cls, "state", scope))
        self.codec = _codec(cls, self.state)
        self.begins_at_once = self.codec is not None or "started" in self.hooks
        self.runs_here = self.dispatcher == "shared" and self.codec is None
        if self.codec is not None or any(one.batch for one in self.table.by_class.values()):
            self.short = {}  # a turn ends with a commit; what comes behind a gathered batch must not overtake it

    def _dispatcher(self, cls: type[Actor]) -> str:
        name = cls.dispatcher
        is_async = self.table.is_async or bool(self.async_hooks)
        if name is None:
            return "io" if is_async else "shared"
        if name not in DISPATCHERS:
            raise ActorClassError(cls.__name__, f"its dispatcher is one of {', '.join(DISPATCHERS)}, not {name!r}")
        if is_async and name != "io":
            raise ActorClassError(cls.__name__, f"it has async methods, which run on the dispatcher io, not {name!r}")
        return name

    def check(self) -> None:
        """Check that there can be actors of the class itself.

        Raises:
            ActorClassError: Its ``__init__`` has parameters, or it is a class of another kind.
        """
        if self.cls.not_an_actor:
            raise ActorClassError(self.cls.__name__, self.cls.not_an_actor)
        if not self._can_be_made:
            what = (
                "it is called without parameters; annotate the class, `config: SomeStruct`, and read self.config there"
            )
            raise ActorClassError(f"{self.cls.__name__}.__init__", what)

    def make(self, cell: Lifecycle, state: object = None) -> Actor:
        """Make an incarnation.

        Args:
            cell: Its cell.
            state: Its state; None = a new one.
        """
        actor = self.cls.__new__(self.cls)
        actor.actor_inbox = cell
        actor.config = cell.config
        if self.state is not None:
            actor.state = self.state() if state is None else state
        actor.__init__()  # type: ignore[misc]  # with config and state at hand
        return actor

    def handler_for(self, kind: type) -> Handler | None:
        """The handler of a message class; None = there is none."""
        return self.table.by_class.get(kind) or self.table.find(kind)

    def make_config(self, given: object) -> Any:
        """Check what a spec or a caller gives as config.

        Args:
            given: An instance, a mapping, or None for the defaults.

        Raises:
            ConfigRefused: It does not fit; names the paths of the bad fields.
        """
        name = self.cls.__name__
        if self.config is None:
            if given is None or given == {}:
                return None
            raise ConfigRefused(name, "it takes none; annotate the class, `config: SomeStruct`")
        if isinstance(given, self.config):
            _check_instance(name, given)
            return given
        if given is not None and not isinstance(given, Mapping):
            raise ConfigRefused(
                name, f"{indefinite(self.config.__name__)} or a mapping is wanted, not {type(given).__name__}"
            )
        data: Mapping[str, Any] = given or {}
        made, fault = converted(data, self.config, (), self.config)
        if fault is not None or (data and not self._has_all(data)):
            faults = check_config(self.config, data)[1]  # all of them; a hundred times as long
            raise ConfigRefused(name, "; ".join(map(_fault_text, faults[:SHOWN])))
        return made

    def _has_all(self, config: Mapping[str, Any]) -> bool:
        """Tell whether there is a field for every key of a config that could be made."""
        return self._config_shape is None or not any(unknown_keys(self._config_shape, config, ()))

    @cached_property
    def _config_shape(self) -> msgspec.inspect.Type | None:
        return None if self.config is None else shape_of(self.config)


def traits_of(cls: type[Actor]) -> Traits:
    """The traits of a class; they are its own attribute.

    Raises:
        ActorClassError: It is no actor class.
    """
    traits = getattr(cls, "traits", None)
    if not isinstance(traits, Traits) or not isinstance(cls, type):
        raise ActorClassError(repr(cls)[:100], "an Actor class is wanted: the class, not an instance")
    return traits


def _check_instance(name: str, config: msgspec.Struct) -> None:
    """Refuse a Struct that was made with values of other types: it does not check them itself."""
    try:
        data = msgspec.msgpack.encode(config)
    except Exception:  # noqa: BLE001  a config may hold what is never sent, such as a function
        return
    try:
        msgspec.msgpack.decode(data, type=type(config))
    except msgspec.ValidationError as error:
        raise ConfigRefused(name, str(error)) from error
    except Exception:  # noqa: BLE001, S110  nor need its type be one that can be decoded
        pass


def _fault_text(fault: Fault) -> str:
    path = ".".join(map(str, fault.path))
    return f"{path}: {fault.message}" if path and not fault.known else f"{fault.message} ({fault.advice.rstrip('.')})"


def _check_hook(own: Any, root: Any, cls: type) -> None:
    expected = inspect.signature(root).parameters
    if not takes(own, len(expected)):
        raise ActorClassError(f"{cls.__name__}.{root.__name__}", f"write def {root.__name__}({', '.join(expected)})")


def _codec(cls: type[Actor], state: type[msgspec.Struct] | None) -> StateCodec | None:
    if not isinstance(cls.durable, bool):
        raise ActorClassError(cls.__name__, f"durable is True or False, not {cls.durable!r}")
    if not cls.durable:
        return None
    if state is None:
        raise ActorClassError(cls.__name__, "it is durable and has no state; annotate the class, `state: SomeStruct`")
    return codec_of(cls, state)


def codec_of(cls: type[Actor], state: type[msgspec.Struct]) -> StateCodec:
    """How the state of a class is stored.

    Raises:
        ActorClassError: It cannot be.
    """
    if state.__struct_config__.array_like:
        raise ActorClassError(f"{cls.__name__}.state", "a state that is stored is no array_like Struct")
    migrate = inspect.getattr_static(cls, "migrate")
    if migrate is inspect.getattr_static(_root_of(cls), "migrate"):
        return StateCodec(state, None)
    if not isinstance(migrate, classmethod):
        raise ActorClassError(f"{cls.__name__}.migrate", "it is a class method: there is no instance yet")
    return StateCodec(state, cls.migrate)


def _root_of(cls: type) -> Any:
    """``Actor`` itself."""
    return next(base for base in cls.__mro__ if base.__module__ == ROOT)


def _hint(cls: type, name: str, scope: Mapping[str, Any]) -> Any:
    """Read one annotation of a class or of a base; the base ``Actor`` itself says nothing about it."""
    for base in cls.__mro__[: cls.__mro__.index(_root_of(cls))]:
        if name in inspect.get_annotations(base):
            only = type(base.__name__, (), {"__annotations__": {name: base.__annotations__[name]}})
            only.__module__ = base.__module__
            try:
                return typing.get_type_hints(only, localns={**scope, **vars(base)})[name]
            except Exception as error:
                raise ActorClassError(f"{cls.__name__}.{name}", f"its annotation cannot be read: {error}") from error
    return None


def _struct(cls: type, name: str, hint: Any) -> type[msgspec.Struct] | None:
    if hint is None or hint is type(None):
        return None
    if not (isinstance(hint, type) and issubclass(hint, msgspec.Struct)):
        raise ActorClassError(f"{cls.__name__}.{name}", f"it is annotated with a msgspec Struct, not {hint}")
    if name == "state":
        try:
            hint()
        except TypeError as error:
            raise ActorClassError(
                f"{cls.__name__}.state", f"a new actor begins with the defaults, and not every field has one: {error}"
            ) from error
    return hint
