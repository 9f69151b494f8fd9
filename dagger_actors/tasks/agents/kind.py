"""What is known of a ``TaskAgent`` class or a ``@task_agent`` function: found out once, when it is made.

It is an attribute of the class or function (``MARK``), by which everybody recognizes it, those too that know nothing of tasks.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.actors.runtime import THREADS
from dagger_actors.bodies.actions import Action, place_of
from dagger_actors.bodies.isolation import misfit
from dagger_actors.bodies.option_values import OptionProblem, complain
from dagger_actors.bodies.parameters import Parameter
from dagger_actors.core.retry import RetryPolicy
from dagger_actors.errors import ActorClassError, ConfigRefused
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.calling import INIT_ADVICE, takes
from dagger_actors.supervised.files.task_keys import MARK
from dagger_actors.tasks.agents.body import Body, wrong_path
from dagger_actors.tasks.agents.marked import marked
from dagger_actors.tasks.agents.options import AgentOptions, make_options
from dagger_actors.tasks.agents.payloads import Payloads
from dagger_actors.tasks.agents.results import settled

__all__ = ["CONFIG", "MARK", "Configured", "TaskKind", "check_name", "configured", "kind_of"]

CONFIG = "self.config"
"""The argument by which a worker process is given the config of an agent; no name that a parameter can have."""

LONGEST_NAME = 200


class TaskKind:
    """What is known of a class or function that does tasks.

    Attributes:
        source: The class or function.
        name: The name of its agent, unless it is configured with another.
        body: What it takes and gives; None = a class without ``execute``, for others to inherit from.
        given: The options that it was given, those inherited too.
        options: The same, judged and complete.
        config: The Struct that its ``config`` is annotated with; None = it takes none.
    """

    def __init__(
        self, source: type[Actor] | Callable[..., Any], name: str, body: Body | None, given: Mapping[str, object]
    ) -> None:
        self.source = source
        self._class = source if isinstance(source, type) and issubclass(source, Actor) else None
        self.name = check_name(name)
        self.body = body
        self.given = dict(given)
        self.config: type[msgspec.Struct] | None = None if self._class is None else self._class.traits.config
        self.options, problems = self.judge({})
        if problems:
            raise ActorClassError(self.label, complain(problems))

    @property
    def retry(self) -> RetryPolicy:
        """What it says of tries."""
        return self.options.retry

    @property
    def label(self) -> str:
        """The class or function, for errors."""
        return self.source.__name__

    @property
    def place(self) -> str:
        """File and line of its body."""
        return "{}:{}".format(*place_of(getattr(self._class, "execute", self.source)))

    @functools.cached_property
    def origin(self) -> str:
        """What tells the class or function from every other of the program, in all its processes."""
        file, _, line = self.place.rpartition(":")
        return f"{Path(file).resolve()}:{line}:{self.source.__qualname__}"

    @property
    def result(self) -> Any:
        """The type of its results; ``Any`` = it is not known."""
        return Any if self.body is None else self.body.result

    def encode(self, payload: object) -> bytes:
        """Make a payload's JSON text, whatever its agent is named and limited to.

        Raises:
            PayloadRefused: It does not fit, or is too large.
            ActorClassError: It cannot do tasks.
        """
        return self._payloads.encode(payload)[0]

    @functools.cached_property
    def _payloads(self) -> Payloads:
        self.check(self.name, self.options)
        return Payloads(self.name, self.action(self.name).parameters[0], None)

    def judge(self, given: Mapping[str, object]) -> tuple[AgentOptions, list[OptionProblem]]:
        """Judge options that are given besides its own, before which they go.

        Returns:
            All options, to be used only if there are no problems; and the problems.
        """
        options, problems = make_options({**self.given, **given})
        if self.body is not None and not problems:
            problems = [*self._misfits(options, self.body)]
        return options, problems

    def _misfits(self, options: AgentOptions, body: Body) -> list[OptionProblem]:
        found = []
        if options.per_key is not None and (wrong := wrong_path(body.payload, options.per_key.path)):
            found.append(OptionProblem("per_key", *wrong))
        if options.isolation in ("thread", "async") and (wrong := misfit(options.isolation, self.action(self.name))):
            found.append(OptionProblem("isolation", *(part.rstrip(".") for part in wrong)))
        if options.concurrency > THREADS and not body.is_async and options.isolation != "process":
            message = (
                f"a system runs {THREADS} plain functions at once, and this is one; {options.concurrency:,} cannot be"
            )
            found.append(OptionProblem("concurrency", message, f"write {THREADS} or less, or make it `async def`"))
        return found

    def check(self, name: str, options: AgentOptions) -> Body:
        """Check what can be told only when it is used: then a class is where others find it, and complete.

        Args:
            name: Of the agent.
            options: Of the agent.

        Returns:
            Its body.

        Raises:
            ActorClassError: It cannot do tasks; says what to write.
        """
        if self.body is None:
            what = "it has no `execute`; write def execute(self, task: SomeStruct, ctx: TaskContext) -> SomeResult"
            raise ActorClassError(self.label, what)
        if self._class is not None and not takes(inspect.getattr_static(self._class, "__init__"), 1):
            raise ActorClassError(f"{self.label}.__init__", INIT_ADVICE)
        if options.isolation == "process" and (wrong := misfit("process", self.action(name))):
            raise ActorClassError(self.label, " ".join(wrong))
        return self.body

    def make_config(self, given: object) -> Any:
        """Make the config of an agent.

        Args:
            given: An instance, a mapping, or None for the defaults.

        Raises:
            ConfigRefused: It does not fit; names the paths of the bad fields.
        """
        if self._class is not None:
            return self._class.traits.make_config(given)
        if given is not None and given != {}:
            raise ConfigRefused(
                self.label, "a function takes none; make it a TaskAgent class with `config: SomeStruct`"
            )
        return None

    def action(self, name: str) -> Action:
        """The action of an agent whose config comes with each attempt, by the name ``CONFIG``: for worker processes."""
        if self._class is None:
            return self._action(name, lambda _arguments: self.source)
        make = self._class.traits.make_config

        def made_of(arguments: dict[str, Any]) -> Callable[..., Any]:
            config = arguments.pop(CONFIG, None)
            return self._execute(make(None) if config is None else config)

        return self._action(name, made_of, takes_config=self.config is not None)

    def bound(self, name: str, config: Any) -> Action:
        """The action of an agent with this config."""
        if self._class is None:
            return self._action(name, lambda _arguments: self.source)
        return self._action(name, lambda _arguments: self._execute(config))

    def _execute(self, config: Any) -> Callable[..., Any]:
        """The method of a new one, as for each attempt: nothing is left from one task to the next."""
        assert self._class is not None
        agent: Any = self._class.__new__(self._class)
        agent.config = config
        agent.__init__()
        execute: Callable[..., Any] = agent.execute
        return execute

    def _action(
        self, name: str, made_of: Callable[[dict[str, Any]], Callable[..., Any]], *, takes_config: bool = False
    ) -> Action:
        """An action whose function is made for each attempt, of its arguments: it takes what is its own out of them."""
        body = self.body
        assert body is not None, "a class without `execute` does nothing"

        def run(**arguments: Any) -> Any:
            return settled(made_of(arguments)(**arguments))

        async def run_async(**arguments: Any) -> Any:
            return settled(await made_of(arguments)(**arguments))

        parameters = [Parameter(name, body.parameter, body.payload, required=True)]
        if takes_config:
            parameters.append(Parameter(name, CONFIG, self.config, required=False))
        return Action(
            name,
            run_async if body.is_async else run,
            tuple(parameters),
            context_parameter=body.context,
            returns=body.result,
            source=self.source,
        )


class Configured(msgspec.Struct, frozen=True):
    """A task agent as it is to be in one system; made by ``configured`` of its class.

    Attributes:
        kind: What is known of its class or function.
        name: Its name.
        config: Its config.
        options: Its options, judged and complete.
    """

    kind: TaskKind
    name: str
    config: Any
    options: AgentOptions


def kind_of(given: object) -> TaskKind | None:
    """What is known of a class or function that does tasks; None = it is none."""
    found = marked(given)
    return found if isinstance(found, TaskKind) else None


def configured(kind: TaskKind, name: str | None, config: object, given: Mapping[str, object]) -> Configured:
    """Put together what an agent is to be.

    Raises:
        ActorClassError: An option cannot be, or it is nothing that does tasks.
        ConfigRefused: The config does not fit.
    """
    options, problems = kind.judge(given)
    if problems:
        raise ActorClassError(kind.label, complain(problems))
    name = kind.name if name is None else check_name(name)
    kind.check(name, options)
    return Configured(kind, name, kind.make_config(config), options)


def check_name(name: object) -> str:
    """Check the name of an agent.

    Raises:
        ActorClassError: It is no name.
    """
    if not isinstance(name, str) or not name or "/" in name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise ActorClassError(
            repr(name)[:100], f"the name of a task agent is 1 to {LONGEST_NAME} printable characters without '/'"
        )
    return name
