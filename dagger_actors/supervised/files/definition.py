"""The definition of a supervised actor system: a tree of agents, with every default filled in.

A supervisor has agents and, nested, other supervisors; all ids of a system differ, for they are the names by which its
actors are found. The words and the rules are those of OTP's ``supervisor``; where a default differs, it says why.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from dagger_actors.core.channel_options import RETAIN_AGE_S, ChannelOverflow, Order
from dagger_actors.core.task_options import Durability, Isolation, Overflow
from dagger_actors.reading.retry_keys import RetryStrategy
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.files.places import Places

__all__ = [
    "AgentSpec",
    "AutoShutdown",
    "BackoffSpec",
    "ChannelSpec",
    "PerKeySpec",
    "Restart",
    "Route",
    "Strategy",
    "SubscriptionSpec",
    "Supervision",
    "SupervisorSpec",
    "SystemDefinition",
    "TaskOptionsSpec",
    "TriggerSpec",
]

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
Restart = Literal["permanent", "transient", "temporary"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]
Route = Literal["round_robin", "key"]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One part of a definition."""


class Supervision(Part, frozen=True, kw_only=True):
    """What a supervisor does when something below it ends.

    Attributes:
        strategy: Who is restarted with an agent that failed: it alone, all, or it and those started after it.
        intensity: Restarts tolerated inside one period; 0 or more. (3, as OTP's 1 stops on the second mishap.)
        period_s: Length of that period in seconds; more than 0.
        auto_shutdown: Whether the end of one significant agent, or of all of them, stops the supervisor.
    """

    strategy: Strategy = "one_for_one"
    intensity: int = 3
    period_s: float = 5.0
    auto_shutdown: AutoShutdown = "never"


class BackoffSpec(Part, frozen=True, kw_only=True):
    """How long to wait before a restart: ``min_s * factor ** n`` after ``n`` earlier ones, at most ``max_s``.

    Attributes:
        min_s: Seconds before the first restart; 0 or more.
        max_s: The longest wait in seconds; ``min_s`` or more.
        factor: From one wait to the next; 1 or more.
        jitter: Up to this share of a wait is added at random; 0 to 1.
        reset_s: After so many seconds without a failure the next wait is ``min_s`` again; more than 0.
    """

    min_s: float = 0.1
    max_s: float = 30.0
    factor: float = 2.0
    jitter: float = 0.1
    reset_s: float = 60.0


class EntrySpec(Part, frozen=True, kw_only=True):
    """What a supervisor knows of whatever is below it.

    Attributes:
        id: Its name, unique in the system.
        restart: Whether it is restarted: always, after a failure, never.
        significant: Whether its end counts for its supervisor's ``auto_shutdown``.
        backoff: How long to wait before a restart; None = not at all.
    """

    id: str
    restart: Restart = "permanent"
    significant: bool = False
    backoff: BackoffSpec | None = None


class PerKeySpec(Part, frozen=True, kw_only=True):
    """How many tasks of one key may be leased at once.

    Attributes:
        field: Where the key is in a payload: a path of fields.
        limit: Tasks of one key at once; 1 or more.
    """

    field: str
    limit: int


class TaskOptionsSpec(Part, frozen=True, kw_only=True):
    """How the tasks of a task agent are done; None everywhere = as its class or function says.

    Attributes:
        concurrency: Tasks that one process does at once.
        try_count: Total tries of a task.
        retry: How long to wait between them, and what is tried again.
        timeout_s: Seconds for one attempt.
        rate: Tasks that are begun in a time, as text: ``10/s``.
        burst: How many of them may come at once.
        per_key: How many whose payloads agree in a field may be leased at once.
        capacity: Tasks that may be open at once.
        overflow: What becomes of more: whoever submits waits, or gets an error.
        isolation: Where its code runs.
        durability: Whether an attempt whose end is unknown is repeated.
    """

    concurrency: int | None = None
    try_count: int | None = None
    retry: RetryStrategy | None = None
    timeout_s: float | None = None
    rate: str | None = None
    burst: int | None = None
    per_key: PerKeySpec | None = None
    capacity: int | None = None
    overflow: Overflow | None = None
    isolation: Isolation | None = None
    durability: Durability | None = None


class SubscriptionSpec(Part, frozen=True, kw_only=True):
    """How the messages of one subscription are taken; None everywhere = as its decorator says.

    Attributes:
        channels: The channels that it reads, patterns among them.
        publishes: The channels that its turns may publish to; results go to the first.
        key: The path of the field by which messages are told apart.
        group: Its group.
        start: Where it begins on a channel that is new to it: a word, an offset, or a time in ISO 8601.
        order: Which messages are handled in their order.
        concurrency: Turns that one process takes at once.
        batch: Messages in one turn at most.
        filter: Which messages it takes.
        try_count: Total tries of a message.
        retry: How long to wait between them, and what is tried again.
        timeout_s: Seconds for one turn.
        max_in_flight: Messages that one process has read and not done; of large ones fewer, of 64 MiB at most.
        echo: Whether it takes what it has published itself.
    """

    channels: tuple[str, ...] | None = None
    publishes: tuple[str, ...] | None = None
    key: str | None = None
    group: str | None = None
    start: str | int | None = None
    order: Order | None = None
    concurrency: int | None = None
    batch: int | None = None
    filter: dict[str, Any] | None = None
    try_count: int | None = None
    retry: RetryStrategy | None = None
    timeout_s: float | None = None
    max_in_flight: int | None = None
    echo: bool | None = None


class ChannelSpec(Part, frozen=True, kw_only=True):
    """A channel, or all that a pattern stands for.

    Attributes:
        types: Its types: ``module:Class`` or ``file.py:Class``, relative to the system's file; empty = what those that name
            it give and take.
        ephemeral: Whether nothing of it is stored.
        capacity: Messages that its slowest subscription may not have done.
        overflow: What becomes of one more.
        retain_age_s: Seconds that done messages are kept; None = as long as the others allow.
        retain_count: How many of them; None = any number.
        retain_bytes: How much of them; None = any amount.
    """

    types: tuple[str, ...] = ()
    ephemeral: bool = False
    capacity: int = 100_000
    overflow: ChannelOverflow = "block"
    retain_age_s: float | None = RETAIN_AGE_S
    retain_count: int | None = None
    retain_bytes: int | None = None


class TriggerSpec(Part, frozen=True, kw_only=True):
    """A channel whose messages make tasks or start flows; what is None has its default.

    Attributes:
        channel: The channel, or a pattern of several.
        task: The id of the task agent; empty = it starts a flow.
        flow: The path of the flow's file, relative to the system's; empty = it makes tasks.
        group: Its group; empty = named after the agent or flow.
        payload: The path of what of a message the task is given, or paths by the names of the payload's fields.
        inputs: Where in a message the flow's inputs are: paths by their names.
        filter: Which messages it takes.
        key: The path of the field by which messages are told apart.
        start: Where it begins: a word, an offset, or a time in ISO 8601.
        try_count: Total tries of a message.
    """

    channel: str
    task: str = ""
    flow: str = ""
    group: str = ""
    payload: str | dict[str, str] | None = None
    inputs: dict[str, str] | None = None
    filter: dict[str, Any] | None = None
    key: str | None = None
    start: str | int | None = None
    try_count: int | None = None


class AgentSpec(EntrySpec, frozen=True, kw_only=True, tag_field="kind", tag="agent"):
    """An agent: one actor, or a pool of equal ones; or who does tasks, of which most of this says nothing.

    Attributes:
        class_reference: ``module:Class`` or ``file.py:Class``, relative to the system's file, then to the current folder.
        config: What its class's ``config`` is made of; plain data that JSON can carry.
        instances: Actors of the pool; 1 or more.
        route: Which of them gets a message: each in turn, or always the same one for the same key.
        key: With ``route: key``: where the key is in a message, as a path of fields; else empty.
        shutdown_s: Seconds that it has to stop; 0 = it is cut off at once, None = as long as it takes.
        mailbox: Its mailbox; None = as its class says.
        tasks: How its tasks are done; None = as its class says, or it does none.
        group: The group of those of its subscriptions that name none; empty = as its class says, or it has none.
        subscriptions: How messages are taken, by the names of its class's handlers; None = as these say, or it has none.
    """

    class_reference: str
    config: dict[str, Any] = {}
    instances: int = 1
    route: Route = "round_robin"
    key: tuple[str, ...] = ()
    shutdown_s: float | None = 5.0
    mailbox: MailboxSpec | None = None
    tasks: TaskOptionsSpec | None = None
    group: str = ""
    subscriptions: dict[str, SubscriptionSpec] | None = None


class SupervisorSpec(EntrySpec, frozen=True, kw_only=True, tag_field="kind", tag="supervisor"):
    """A supervisor below another.

    Attributes:
        supervision: What it does when something below it ends.
        agents: What is below it, in the order of the start.
        shutdown_s: Seconds that all below it have to stop; None (OTP: ``infinity``, for a supervisor's children have
            deadlines of their own) = as long as they take.
    """

    supervision: Supervision = Supervision()
    agents: tuple[AgentSpec | SupervisorSpec, ...]
    shutdown_s: float | None = None


class SystemDefinition(Part, frozen=True, kw_only=True, dict=True):
    """A system.

    Attributes:
        name: Its name.
        agents: What is below the root, in the order of the start.
        description: For people.
        supervision: What the root does when something below it ends.
        schema: The script of the tables that its agents have for their own, relative to the file; empty = none.
        channels: What is said of channels, by their names and patterns.
        triggers: Channels whose messages make tasks or start flows.
        loops: ``acknowledged`` = loops of messages without an exit are meant; empty = they are warned of.
        file: The file it was read from, as the caller named it; empty for data and text.
    """

    name: str
    agents: tuple[AgentSpec | SupervisorSpec, ...]
    description: str = ""
    supervision: Supervision = Supervision()
    schema: str = ""
    channels: dict[str, ChannelSpec] = {}
    triggers: tuple[TriggerSpec, ...] = ()
    loops: Literal["", "acknowledged"] = ""
    file: str = ""

    @functools.cached_property
    def places(self) -> Places:
        """Where everything stands in the file; no part of the definition: equality and copies know nothing of it."""
        return Places()

    @property
    def schema_path(self) -> Path | None:
        """Where that script is; None = there is none."""
        return Path(self.file).parent / self.schema if self.schema else None

    @property
    def folder(self) -> Path:
        """What the paths in the file are relative to."""
        return Path(self.file).parent if self.file else Path()

    def all_agents(self) -> Iterator[AgentSpec]:
        """Every agent of the tree, in the order of the start."""
        yield from _agents(self.agents)

    def count(self) -> tuple[int, int]:
        """Agents and nested supervisors of the tree."""
        agents = sum(1 for _ in self.all_agents())
        return agents, _entries(self.agents) - agents


def _agents(children: Sequence[AgentSpec | SupervisorSpec]) -> Iterator[AgentSpec]:
    for child in children:
        if isinstance(child, SupervisorSpec):
            yield from _agents(child.agents)
        else:
            yield child


def _entries(children: Sequence[AgentSpec | SupervisorSpec]) -> int:
    return sum(1 + (_entries(child.agents) if isinstance(child, SupervisorSpec) else 0) for child in children)
