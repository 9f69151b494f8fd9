"""The task agents that a system has, by name: what their tasks take, what runs, and under which options."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from dagger_actors.bodies.actions import Action, Actions
from dagger_actors.bodies.outputs import encode_hook
from dagger_actors.core.messages import Inline, Output, Value
from dagger_actors.core.wording import nearest
from dagger_actors.errors import ActorClassError, OutputError, UnknownAgent
from dagger_actors.tasks.agents.kind import CONFIG, Configured, TaskKind, configured, kind_of
from dagger_actors.tasks.agents.options import AgentOptions
from dagger_actors.tasks.agents.payloads import Payloads
from dagger_actors.tasks.agents.schemas import agent_schema

__all__ = ["AgentEntry", "TaskAgents"]

Row = tuple[str, str, str, str, int, int | None, float | None, int, int, str, str | None]
"""Of ``task_agents.put``, column by column."""


class AgentEntry:
    """One task agent.

    Attributes:
        name: Its name.
        kind: What is known of its class or function.
        config: Its config; None = it takes none.
        options: Its options.
        action: What an attempt runs, in this process or, found again by its import path, in a worker process.
        payload_type: What its payloads are annotated with.
        result_type: What its results are; ``Any`` without an annotation.
        schema: What it takes and gives, for people and other programs.
    """

    def __init__(self, made: Configured) -> None:
        kind, body = made.kind, made.kind.check(made.name, made.options)
        self.name = made.name
        self.kind = kind
        self.config = made.config
        self.options: AgentOptions = made.options
        self.action: Action = kind.bound(made.name, made.config)
        self.payload_type = body.payload
        self.result_type = body.result
        self.schema = agent_schema(kind, made.name)
        self._parameter = body.parameter
        per_key = made.options.per_key
        path = None if per_key is None else per_key.path
        self._payloads = Payloads(made.name, self.action.parameters[0], path)
        self._config = self._sent_config()

    @property
    def place(self) -> str:
        """File and line of its body."""
        return self.schema.place

    @property
    def takes_shifts(self) -> bool:
        """Whether one body may do several of its tasks, one after the other: nothing is written, or timed, before each."""
        options = self.options
        is_plain = options.timeout_us is None and options.isolation != "process" and not options.is_careful
        return is_plain and not self.action.is_async

    def __repr__(self) -> str:
        return f"<AgentEntry {self.name} {self.place}>"

    def encode(self, payload: object) -> tuple[bytes, str | None]:
        """Make a payload's JSON text, and the key under which its task is limited.

        Args:
            payload: An instance of the annotated type, or plain data that makes one.

        Returns:
            The text, at most 1 MiB; and the key, None = there is no limit for each key, or the payload names none.

        Raises:
            PayloadRefused: It does not fit, with the path to what does not; or is too large.
        """
        return self._payloads.encode(payload)

    def key_of(self, text: bytes) -> str | None:
        """Check a payload's JSON text, and give the key under which its task is limited; None = it is not.

        Raises:
            PayloadRefused: It does not fit, with the path to what does not.
        """
        return self._payloads.key_of(text)

    def inputs(self, payload: Output) -> tuple[tuple[str, Value], ...]:
        """What an attempt at a payload is given: the ``inputs`` of its ``StartAttempt``."""
        return ((self._parameter, payload), *self._config)

    def row(self, now_us: int) -> Row:
        """Its row, for the statement ``task_agents.put``."""
        options = self.options
        return (
            self.name,
            self.place,
            msgspec.json.encode(self.schema.payload).decode(),
            msgspec.json.encode(self.schema.result).decode(),
            options.capacity,
            None if options.per_key is None else options.per_key.limit,
            options.rate,
            options.burst,
            now_us,
            options.overflow,
            None if options.per_key is None else ".".join(options.per_key.path),
        )

    def is_same(self, other: AgentEntry) -> bool:
        """Whether another one of its name would do the same."""
        own, others = (self.kind, self.config, self.options), (other.kind, other.config, other.options)
        return own == others

    def _sent_config(self) -> tuple[tuple[str, Value], ...]:
        """What a worker process is given of the config, which it decodes again: checked when the agent is added.

        Raises:
            ActorClassError: It cannot cross to another process.
        """
        if self.options.isolation != "process" or self.config is None:
            return ()
        try:
            text = msgspec.json.encode(self.config, enc_hook=_as_text)
            self.kind.action(self.name).by_name[CONFIG].decode(text)
        except Exception as error:
            what = f"its config cannot be handed to a process, as isolation='process' needs: {error}"
            raise ActorClassError(self.name, what) from error
        return ((CONFIG, Inline(text)),)


class TaskAgents:
    """The task agents of a system, by name.

    Attributes:
        actions: Their actions by name, for those who run bodies.
    """

    def __init__(self) -> None:
        self._entries: dict[str, AgentEntry] = {}
        self._stand_in: Callable[[Action], Action] = lambda written: written
        self._used: dict[str, Action] = {}
        self._strangers: dict[TaskKind, AgentEntry] = {}
        self.actions: Actions = _TheirActions(self)

    def add(self, agent: object) -> AgentEntry:
        """Add an agent; the same one again is no mistake.

        Args:
            agent: A ``TaskAgent`` class, a function marked ``@task_agent``, or what ``configured`` gave.

        Raises:
            ActorClassError: It does no tasks, or not so; or another agent has its name.
            ConfigRefused: It needs a config.
        """
        entry = AgentEntry(_configured(agent))
        known = self._entries.get(entry.name)
        if known is None:
            self._entries[entry.name] = entry
            self._used[entry.name] = self._stand_in(entry.action)
            return entry
        if not known.is_same(entry):
            what = f"two task agents have this name, {known.place} and {entry.place}; give one another: name=..."
            raise ActorClassError(entry.name, what)
        return known

    def take(self, kinds: Iterable[TaskKind]) -> None:
        """Add what was found in modules, but what is here already, under whatever names and however it is configured.

        Raises:
            ActorClassError: It does no tasks, or another agent has its name.
            ConfigRefused: It needs a config.
        """
        known = {entry.kind for entry in self._entries.values()}
        for kind in kinds:
            if kind not in known:
                self.add(kind.source)

    def get(self, name: str) -> AgentEntry:
        """Give the agent of a name.

        Raises:
            UnknownAgent: There is none; names the nearest.
        """
        found = self._entries.get(name)
        if found is None:
            raise UnknownAgent(name, nearest(name, self._entries) or "")
        return found

    def find(self, agent: object) -> AgentEntry:
        """Give the agent that a caller means.

        Args:
            agent: A name; or a class, a function or what ``configured`` gave. One that was not added, as in a process that
                only submits, is read once and is none of ``names()``.

        Raises:
            UnknownAgent: There is none of that name, or the class has several and none of its own name.
            ActorClassError: It does no tasks.
        """
        if isinstance(agent, str):
            return self.get(agent)
        kind = kind_of(agent)
        if kind is None:
            made = _configured(agent)
            known = self._entries.get(made.name)
            return known if known is not None and known.kind is made.kind else AgentEntry(made)
        own = [entry for entry in self._entries.values() if entry.kind is kind]
        if len(own) == 1:
            return own[0]
        if own:
            named = next((entry for entry in own if entry.name == kind.name), None)
            if named is None:
                raise UnknownAgent(kind.name, own[0].name)
            return named
        stranger = self._strangers.get(kind)
        if stranger is None:
            stranger = self._strangers[kind] = AgentEntry(_configured(agent))
        return stranger

    def named(self, name: str, made_by: str) -> AgentEntry | None:
        """Give the agent that a body means, in whichever process it runs; None = none of these.

        Args:
            name: The agent's.
            made_by: The ``origin`` of its class or function; then the name matters only among several of that. Empty = by
                its name.
        """
        if not made_by:
            return self._entries.get(name)
        own = [entry for entry in self._entries.values() if entry.kind.origin == made_by]
        return own[0] if len(own) == 1 else next((entry for entry in own if entry.name == name), None)

    def result_type(self, name: str) -> Any:
        """The type of an agent's results; ``Any`` = there is none of that name."""
        entry = self._entries.get(name)
        return Any if entry is None else entry.result_type

    def names(self) -> tuple[str, ...]:
        """Their names, in the order they were added."""
        return tuple(self._entries)

    def entries(self) -> tuple[AgentEntry, ...]:
        """All of them, in the order they were added."""
        return tuple(self._entries.values())

    def rows(self, now_us: int) -> tuple[Row, ...]:
        """Their rows, for the statement ``task_agents.put``."""
        return tuple(entry.row(now_us) for entry in self._entries.values())

    def let_stand_in(self, stand_in: Callable[[Action], Action]) -> None:
        """Run, from now on, what this gives for each action; for the test kit.

        Args:
            stand_in: Given an action as it is written, gives it or another of the same name and parameters.
        """
        self._stand_in = stand_in
        self._used = {name: stand_in(entry.action) for name, entry in self._entries.items()}

    def used(self, name: str) -> Action | None:
        """The action that an agent runs; None = there is no such agent."""
        return self._used.get(name)


class _TheirActions:
    """Finds actions by the names of their agents."""

    def __init__(self, agents: TaskAgents) -> None:
        self._agents = agents

    def get(self, name: str, /) -> Action | None:
        """Give the action of that agent; None when there is none."""
        return self._agents.used(name)


def _configured(agent: object) -> Configured:
    if isinstance(agent, Configured):
        return agent
    kind = kind_of(agent)
    if not isinstance(kind, TaskKind):
        what = "it is no task agent: give a TaskAgent class, a function marked @task_agent, or Class.configured(...)"
        raise ActorClassError(repr(agent)[:100], what)
    return configured(kind, None, None, {})


def _as_text(value: Any) -> Any:
    """Paths as text; what else msgspec cannot encode as its fields."""
    try:
        return encode_hook(value)
    except OutputError:
        if hasattr(value, "__fspath__"):
            return str(value)
        raise
