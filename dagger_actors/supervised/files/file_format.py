"""The format of system files as Structs, for the JSON Schema that editors read; the reader itself works on events.

Every key of the reader's is a field here, with its description, and no other: a test holds the two together. What a
schema cannot say (ids that differ, classes and their configs, keys that need one another) is the reader's alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dagger_actors.core.channel_options import MAX_CHANNELS, MAX_TRIGGERS
from dagger_actors.core.task_options import (
    MAX_BURST,
    MAX_CONCURRENCY,
    MAX_OPEN,
    MAX_PATH,
    MAX_PER_KEY,
    MAX_TASK_SECONDS,
    RATE,
    Durability,
    Isolation,
)
from dagger_actors.core.task_options import Overflow as TaskOverflow
from dagger_actors.reading.form import Form, schema_of
from dagger_actors.reading.reader import MAX_SECONDS
from dagger_actors.reading.retry_form import (
    ONE_OF_STRATEGY,
    ExponentialForm,
    ImmediateForm,
    LinearForm,
    StrategyForm,
    Tries,
)
from dagger_actors.reading.retry_form import (
    Strategy as RetryStrategy,
)
from dagger_actors.supervised.bounds import MAX_CAPACITY, Overflow
from dagger_actors.supervised.files.channel_forms import (
    ChannelForm,
    ChannelName,
    Name,
    Reference,
    RetainForm,
    SubscriptionForm,
)
from dagger_actors.supervised.files.definition import AutoShutdown, Restart, Route, Strategy
from dagger_actors.supervised.files.loading import MAX_AGENTS, MAX_INSTANCES
from dagger_actors.supervised.files.part_keys import MAX_FACTOR, MAX_INTENSITY
from dagger_actors.supervised.files.trigger_forms import ONE_OF_TRIGGER, TriggerForm

__all__ = ["FORMS", "SystemFile", "system_schema"]

Seconds = Annotated[float, Meta(gt=0, le=MAX_SECONDS)]
Delay = Annotated[float, Meta(ge=0, le=MAX_SECONDS)]


class SupervisionForm(Form, frozen=True, kw_only=True):
    """What a supervisor does when something below it ends."""

    strategy: Annotated[
        Strategy,
        Meta(description="Who is restarted with an agent that failed: it alone, all, or it and those after it."),
    ] = "one_for_one"
    intensity: Annotated[
        int,
        Meta(ge=0, le=MAX_INTENSITY, description="Restarts tolerated inside one period; more, and it fails itself."),
    ] = 3
    period_s: Annotated[Seconds, Meta(description="Length of that period in seconds.")] = 5.0
    auto_shutdown: Annotated[
        AutoShutdown, Meta(description="Whether the end of one significant agent, or of all of them, stops it.")
    ] = "never"


class BackoffForm(Form, frozen=True, kw_only=True):
    """How long to wait before a restart: min_s, then factor times as long after each further failure, at most max_s."""

    min_s: Annotated[Delay, Meta(description="Seconds before the first restart.")] = 0.1
    max_s: Annotated[Delay, Meta(description="The longest wait, in seconds.")] = 30.0
    factor: Annotated[float, Meta(ge=1, le=MAX_FACTOR, description="Factor from one wait to the next.")] = 2.0
    jitter: Annotated[float, Meta(ge=0, le=1, description="Up to this share of a wait is added at random.")] = 0.1
    reset_s: Annotated[Seconds, Meta(description="After so long without a failure the next wait is min_s again.")] = (
        60.0
    )


class MailboxForm(Form, frozen=True, kw_only=True):
    """How many messages may be queued, and what happens to more."""

    capacity: Annotated[int, Meta(ge=1, le=MAX_CAPACITY, description="Messages.")] = 1_000
    overflow: Annotated[
        Overflow,
        Meta(description="block: the sender waits; reject: it gets an error; drop_oldest: the oldest is undelivered."),
    ] = "block"


class ChildForm(Form, frozen=True, kw_only=True):
    """What agents and supervisors have in common."""

    id: Annotated[Name, Meta(description="Its name, unique in the system.", examples=["pricer"])]
    restart: Annotated[
        Restart,
        Meta(description="permanent: restarted whenever it ends; transient: after a failure; temporary: never."),
    ] = "permanent"
    significant: Annotated[
        bool, Meta(description="true: its end counts for its supervisor's `auto_shutdown`; not for what is permanent.")
    ] = False
    backoff: BackoffForm | UnsetType = UNSET


class PerKeyForm(Form, frozen=True, kw_only=True):
    """How many tasks whose payloads agree in a field may be done at once."""

    field: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_PATH,
            description="The path of a payload's field.",
            examples=["customer", "order.customer"],
        ),
    ]
    limit: Annotated[int, Meta(ge=1, le=MAX_PER_KEY, description="Tasks of one key at once, in all processes.")]


class TasksForm(Form, frozen=True, kw_only=True):
    """How the tasks of a task agent are done; what is absent is as its class or function says."""

    concurrency: (
        Annotated[int, Meta(ge=1, le=MAX_CONCURRENCY, description="Tasks that one process does at once.")] | UnsetType
    ) = UNSET
    try_count: Annotated[Tries, Meta(description="Total tries of a task.")] | UnsetType = UNSET
    retry: RetryStrategy | UnsetType = UNSET
    timeout: Annotated[float, Meta(gt=0, le=MAX_TASK_SECONDS, description="Seconds for one attempt.")] | UnsetType = (
        UNSET
    )
    rate: (
        Annotated[
            str,
            Meta(
                pattern=f"^{RATE}$",
                description="Tasks that are begun in a time, by all processes together.",
                examples=["10/s", "600/min", "5/h"],
            ),
        ]
        | UnsetType
    ) = UNSET
    burst: (
        Annotated[int, Meta(ge=1, le=MAX_BURST, description="How many of them may come at once; needs a rate.")]
        | UnsetType
    ) = UNSET
    per_key: PerKeyForm | UnsetType = UNSET
    capacity: Annotated[int, Meta(ge=1, le=MAX_OPEN, description="Tasks that may be open at once.")] | UnsetType = UNSET
    overflow: (
        Annotated[TaskOverflow, Meta(description="block: who submits one more waits; reject: gets an error.")]
        | UnsetType
    ) = UNSET
    isolation: (
        Annotated[
            Isolation, Meta(description="Where its code runs; absent: on the loop if it is async, else on a thread.")
        ]
        | UnsetType
    ) = UNSET
    durability: (
        Annotated[
            Durability,
            Meta(description="at_most_once: an attempt whose end is unknown is not repeated; its task is paused."),
        ]
        | UnsetType
    ) = UNSET


class AgentForm(ChildForm, frozen=True, kw_only=True):
    """An agent: one actor, or a pool of equal ones; or who does tasks; or who takes the messages of channels."""

    class_: Annotated[
        Reference,
        Meta(
            description="Its class, or the function that does its tasks: module:Class or file.py:Class, relative to this file.",
            examples=["shop.py:Pricer"],
        ),
    ] = msgspec.field(name="class")
    config: (
        Annotated[dict[str, Any], Meta(description="What its class's `config` is made of.", examples=[{"rate": 1.2}])]
        | UnsetType
    ) = UNSET
    instances: Annotated[int, Meta(ge=1, le=MAX_INSTANCES, description="Actors of the pool.")] = 1
    route: Annotated[
        Route, Meta(description="Which actor gets a message: each in turn, or always the same for the same key.")
    ] = "round_robin"
    key: (
        Annotated[
            Name,
            Meta(description="With `route: key`: the path of a message's field.", examples=["order_id", "order.id"]),
        ]
        | UnsetType
    ) = UNSET
    shutdown_s: Annotated[
        Delay | Literal["infinity"], Meta(description="Seconds that it has to stop; 0: it is cut off at once.")
    ] = 5.0
    mailbox: MailboxForm | UnsetType = UNSET
    tasks: TasksForm | UnsetType = UNSET
    group: Annotated[Name, Meta(description="The group of those of its subscriptions that name none.")] | UnsetType = (
        UNSET
    )
    subscriptions: (
        Annotated[
            dict[str, SubscriptionForm],
            Meta(description="How messages are taken, by the names of its class's handlers."),
        ]
        | UnsetType
    ) = UNSET


class SupervisorForm(ChildForm, frozen=True, kw_only=True):
    """A supervisor below another."""

    supervision: SupervisionForm | UnsetType = UNSET
    agents: Annotated[
        list[AgentForm],
        Meta(min_length=1, max_length=MAX_AGENTS, description="What is below it, in the order of the start."),
    ]
    shutdown_s: Annotated[Delay | Literal["infinity"], Meta(description="Seconds that all below it have to stop.")] = (
        "infinity"
    )


class SystemFile(Form, frozen=True, kw_only=True):
    """A system of dagger-actors: a tree of supervised actors."""

    system: Annotated[Name, Meta(description="Its name.", examples=["shop"])]
    description: Annotated[str, Meta(description="What it is for.")] = ""
    supervision: SupervisionForm | UnsetType = UNSET
    schema: (
        Annotated[
            Name,
            Meta(
                description="A script of CREATE TABLE IF NOT EXISTS for tables of the agents' own, relative to this file.",
                examples=["shop.sql"],
            ),
        ]
        | UnsetType
    ) = UNSET
    channels: (
        Annotated[
            dict[ChannelName, ChannelForm],
            Meta(max_length=MAX_CHANNELS, description="Channels by their names; `*` is any text without a dot."),
        ]
        | UnsetType
    ) = UNSET
    triggers: (
        Annotated[
            list[TriggerForm],
            Meta(max_length=MAX_TRIGGERS, description="Channels whose messages make tasks or start flows."),
        ]
        | UnsetType
    ) = UNSET
    loops: (
        Annotated[Literal["acknowledged"], Meta(description="acknowledged: messages that go round for ever are meant.")]
        | UnsetType
    ) = UNSET
    agents: Annotated[
        list[AgentForm],
        Meta(min_length=1, max_length=MAX_AGENTS, description="What is below the root, in the order of the start."),
    ]


FORMS: tuple[type[Form], ...] = (
    SystemFile,
    SupervisionForm,
    BackoffForm,
    MailboxForm,
    TasksForm,
    PerKeyForm,
    SubscriptionForm,
    ChannelForm,
    RetainForm,
    TriggerForm,
    StrategyForm,
    ExponentialForm,
    LinearForm,
    ImmediateForm,
    AgentForm,
    SupervisorForm,
)


class EveryForm(Form, frozen=True, kw_only=True):
    """A file and what its agents may be instead: msgspec has no union of two mappings without a tag."""

    file: SystemFile
    supervisor: SupervisorForm


def system_schema() -> dict[str, Any]:
    """Make the schema; a fresh one, which the caller may change."""
    schema, forms = schema_of(EveryForm, "dagger-actors system")
    schema["$ref"] = "#/$defs/SystemFile"
    del forms["EveryForm"]
    forms["StrategyForm"]["oneOf"] = ONE_OF_STRATEGY
    forms["TriggerForm"]["oneOf"] = ONE_OF_TRIGGER
    for name in ("SystemFile", "SupervisorForm"):
        # Told apart by what the reader goes by, so that an editor complains of the one that is meant.
        forms[name]["properties"]["agents"]["items"] = {
            "if": {"type": "object", "anyOf": [{"required": ["agents"]}, {"required": ["supervision"]}]},
            "then": {"$ref": "#/$defs/SupervisorForm"},
            "else": {"$ref": "#/$defs/AgentForm"},
        }
    return schema
