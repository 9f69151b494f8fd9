"""``TaskAgent`` and ``@task_agent``: what users write to do tasks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, TypeVar, Unpack, overload

from dagger_actors.bodies.actions import Action
from dagger_actors.errors import ActorClassError
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.calling import scope_of
from dagger_actors.supervised.traits import HOOKS
from dagger_actors.tasks.agents.body import read_body
from dagger_actors.tasks.agents.kind import MARK, Configured, TaskKind, check_name, configured, kind_of
from dagger_actors.tasks.agents.options import GivenOptions

__all__ = ["TaskAgent", "task_agent"]

F = TypeVar("F", bound=Callable[..., Any])

UNHEARD = ("on_start", "on_stop", "on_failure", "on_receive", "migrate")
"""Hooks of actors besides those that ``HOOKS`` lists."""


class TaskAgent(Actor):
    """Does tasks of one kind: each is an attempt at ``execute``, in whichever process has leased it.

    ::

        class Topic(msgspec.Struct, frozen=True):
            text: str


        class Findings(msgspec.Struct, frozen=True):
            lines: list[str]


        class Research(TaskAgent, concurrency=4, timeout_s=30, rate="10/s"):
            config: Sources

            def execute(self, task: Topic, ctx: TaskContext) -> Findings: ...

    ``execute`` is plain or ``async``; the context is optional. What its payload is annotated with is what ``submit`` takes;
    what it returns is the task's result, unless it is a ``Snooze`` or a ``Cancel``. What it raises is tried again as
    ``retry`` says, a ``Fatal`` never is. Each attempt has an instance of its own, made without parameters: nothing but
    ``config`` is shared between tasks, and resources, which ``ctx.resource`` gives.

    The options of ``AgentOptions`` are class keywords; subclasses inherit them, and may give others. ``name`` is the
    agent's name, the class's in lower case by default, and is not inherited.

    Attributes:
        config: How it was configured; the Struct of its annotation, ``None`` without one.

    Raises:
        ActorClassError: When the class is made: an option cannot be, ``execute`` takes no annotated payload, or the class
            has what no task agent uses, such as handlers or state.
    """

    not_an_actor: ClassVar[str] = (
        "it does tasks, so it is no actor of its own and nobody's child; give the class to ActorSystem(agents=[...]) and "
        "tasks to it: system.tasks.submit(...), ctx.spawn(...)"
    )

    def __init_subclass__(cls, *, name: str | None = None, **options: Unpack[GivenOptions]) -> None:
        if "durable" in options:
            raise ActorClassError(cls.__name__, "every task is durable; leave out `durable`, or write durability=...")
        _refuse_settings(cls)
        super().__init_subclass__()
        _refuse_unused(cls)
        given: dict[str, object] = {}
        for base in reversed(cls.__mro__[1:]):
            if (kind := kind_of(base)) is not None:
                given |= kind.given
        written = inspect.getattr_static(cls, "execute", None)
        body = None
        if written is not None:
            where = f"{cls.__name__}.execute"
            if not inspect.isfunction(written):
                raise ActorClassError(where, "it is a plain or `async` method, which gets self and the task")
            body = read_body(where, written, scope_of(cls.__module__), is_method=True)
        kind = TaskKind(cls, cls.__name__.lower() if name is None else name, body, {**given, **options})
        setattr(cls, MARK, kind)

    actor_ref: ClassVar[Any] = property(  # what actors have, and no task agent
        lambda self: _refuse_ref(type(self).__name__)
    )

    @classmethod
    def configured(
        cls, config: object = None, *, name: str | None = None, **options: Unpack[GivenOptions]
    ) -> Configured:
        """Say how it is to be in one system, for ``ActorSystem(agents=[...])``; one class may do the tasks of several names.

        Args:
            config: For its ``config``: the Struct or a mapping.
            name: Its name in the system; the class's own by default.
            **options: Instead of the class's.

        Raises:
            ActorClassError: An option cannot be, or the class has no ``execute``.
            ConfigRefused: The config does not fit; names the paths of the bad fields.
        """
        return configured(_kind(cls), name, config, options)

    @classmethod
    def __as_action__(cls, name: str) -> Action:
        """Make the action of an agent whose config comes with each attempt; worker processes ask for it."""
        return _kind(cls).action(name)


@overload
def task_agent(function: F, /) -> F: ...
@overload
def task_agent(*, name: str | None = None, **options: Unpack[GivenOptions]) -> Callable[[F], F]: ...
def task_agent(
    function: F | None = None, /, *, name: str | None = None, **options: Unpack[GivenOptions]
) -> F | Callable[[F], F]:
    """Make a function a task agent; it stays callable.

    ``@task_agent`` on ``def shout(task: Topic) -> Findings``, or with options, ``@task_agent(concurrency=4)``; the rules are
    those of ``TaskAgent.execute``.

    Args:
        function: The function, when used without parentheses.
        name: The agent's name; the function's own by default.
        **options: Of ``AgentOptions``.

    Raises:
        ActorClassError: An option cannot be, or the function takes no annotated payload.
    """
    if name is not None:
        check_name(name)

    def mark(marked: F) -> F:
        if not inspect.isfunction(marked):
            raise ActorClassError(repr(marked)[:100], "@task_agent marks functions; of a class, make a TaskAgent")
        body = read_body(marked.__name__, marked, scope_of(marked.__module__), is_method=False)
        kind = TaskKind(marked, marked.__name__ if name is None else name, body, options)
        setattr(marked, MARK, kind)
        marked.__as_action__ = kind.action  # type: ignore[attr-defined]  # for worker processes, as the class's own
        return marked

    return mark if function is None else mark(function)


def _kind(cls: type[TaskAgent]) -> TaskKind:
    kind = kind_of(cls)
    if kind is None:
        raise ActorClassError(cls.__name__, "write a class of your own: class Research(TaskAgent)")
    return kind


def _refuse_ref(name: str) -> NoReturn:
    raise ActorClassError(f"{name}.actor_ref", "a task agent gets no messages; give others tasks: ctx.spawn(...)")


def _refuse_unused(cls: type[TaskAgent]) -> None:
    """Refuse what actors have and no task agent uses."""
    traits = cls.traits
    for one in traits.table.by_class.values():
        what = "a task agent gets tasks, no messages; do it in `execute`, or make the class an Actor"
        raise ActorClassError(f"{cls.__name__}.{one.name}", what)
    if traits.state is not None:
        what = "nothing is kept from one task to the next; use ctx.shared, a resource, or an Actor with state"
        raise ActorClassError(f"{cls.__name__}.state", what)
    for hook in (*HOOKS, *UNHEARD):
        if inspect.getattr_static(cls, hook) is not inspect.getattr_static(Actor, hook):
            what = "it is never called, each attempt has an instance of its own; do it in `execute`, or in a resource"
            raise ActorClassError(f"{cls.__name__}.{hook}", what)


def _refuse_settings(cls: type[TaskAgent]) -> None:
    """Refuse what is said of actors by attributes, and of task agents by class keywords."""
    for name, instead in (
        ("dispatcher", "isolation=, or make `execute` async"),
        ("mailbox", "capacity= and overflow="),
        ("durable", "durability="),
    ):
        if getattr(cls, name) != getattr(Actor, name):
            raise ActorClassError(
                f"{cls.__name__}.{name}", f"it does nothing for a task agent; use the class keyword {instead}"
            )
