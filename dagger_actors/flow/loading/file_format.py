"""The format of flow files as Structs, for the JSON Schema that editors read; the reader itself works on events.

Every key of the reader's is a field here, in ``node_form``, in ``reference_form`` or in ``reading.retry_form``, with its
description, and no other: a test holds the two together. What a schema cannot say (cycles, ancestors, actions, types) is the
reader's alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dagger_actors.flow.loading.node_form import (
    ApprovalForm,
    AwaitForm,
    CacheForm,
    MapForm,
    NodeForm,
    OnFailure,
    Seconds,
)
from dagger_actors.flow.loading.reference_form import Name, NamedReferenceForm, Reference, ReferenceForm, WhenForm
from dagger_actors.flow.loading.settings import MAX_ITERATIONS, MAX_PARALLEL, MAX_WAIT_MINUTES
from dagger_actors.reading.form import Form
from dagger_actors.reading.retry_form import ExponentialForm, ImmediateForm, LinearForm, Strategy, StrategyForm, Tries

__all__ = ["FORMS", "FlowFile"]


class InputForm(Form, frozen=True, kw_only=True):
    """One parameter of the flow; without `default` it is required."""

    type: (
        Annotated[
            Literal["int", "float", "str", "bool", "list", "dict", "any"],
            Meta(description="What its value must be; `float` takes a whole number too. Absent: anything."),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    default: Annotated[Any, Meta(description="Its value when none is given.")] = msgspec.UNSET
    description: (
        Annotated[str, Meta(description="For people: whoever does not give it is told.")] | msgspec.UnsetType
    ) = msgspec.UNSET
    secret: Annotated[bool, Meta(description="true: its value is stored and shown nowhere.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )


class ConfigForm(Form, frozen=True, kw_only=True):
    """Settings of the flow; a node's own beat those for nodes."""

    on_failure: Annotated[
        OnFailure,
        Meta(
            description="What a node's final failure does: stop the run, continue with what does not depend on it, or pause."
        ),
    ] = "stop"
    timeout_seconds: (
        Annotated[Seconds, Meta(description="The run's whole time in seconds, pauses apart.")] | msgspec.UnsetType
    ) = msgspec.UNSET
    enable_parallel_execution: Annotated[bool, Meta(description="false: one node at a time.")] = True
    max_parallel_nodes: Annotated[
        int, Meta(ge=1, le=MAX_PARALLEL, description="Live attempts at once; more than 64 need `async def` actions.")
    ] = 16
    max_attempts: (
        Annotated[Tries, Meta(description="Total tries of each node that has no `try_count`.")] | msgspec.UnsetType
    ) = msgspec.UNSET
    retry_strategy: Strategy | msgspec.UnsetType = msgspec.UNSET
    max_iterations: Annotated[
        int,
        Meta(
            ge=1,
            le=MAX_ITERATIONS,
            description="How many additions of nodes may lead on from one another; the file's own nodes do not count.",
        ),
    ] = 100
    human_wait_minutes: (
        Annotated[
            float,
            Meta(
                ge=0.001,
                le=MAX_WAIT_MINUTES,
                description="How long each person is waited for whose node has no `timeout_s`. Absent: for ever.",
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    human_timeout_action: Annotated[
        Literal["pause", "autopilot"],
        Meta(description="What then, where a node has no `on_timeout`; autopilot: the node's `default` is the answer."),
    ] = "pause"


Hooked = Name | list[Name]


class HooksForm(Form, frozen=True, kw_only=True):
    """Actions that are called when something happens, each with `event`; they may return commands."""

    run_start: Annotated[Hooked, Meta(description="Before the first node begins.")] | msgspec.UnsetType = msgspec.UNSET
    node_start: Annotated[Hooked, Meta(description="Before a node begins.")] | msgspec.UnsetType = msgspec.UNSET
    node_success: (
        Annotated[Hooked, Meta(description="When a node has succeeded; with `output`, if it has that parameter.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    node_failure: Annotated[Hooked, Meta(description="When a node has failed for good.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    node_retry: (
        Annotated[Hooked, Meta(description="When an attempt has failed and will be made again.")] | msgspec.UnsetType
    ) = msgspec.UNSET
    run_end: Annotated[Hooked, Meta(description="When all is done, before the run ends.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )


class FlowFile(Form, frozen=True, kw_only=True):
    """A flow of dagger-actors: a graph of functions that survives its process."""

    name: Annotated[Name, Meta(description="Its name; by it the flow is started and listed.", examples=["census"])]
    description: Annotated[str, Meta(description="What it is for; `dagger-actors list DIR` shows it.")] = ""
    author: Annotated[
        str, Meta(description="Who wrote it; `dagger-actors list DIR --json` gives this and what follows.")
    ] = ""
    version: Annotated[str, Meta(description='Its version, as text: "1.0".', examples=["1.0"])] = ""
    signature: Annotated[str, Meta(description="What it takes and gives, for people.")] = ""
    instructions: Annotated[str, Meta(description="For people and agents.")] = ""
    tags: Annotated[list[Name], Meta(description="Words to find it by: `dagger-actors list DIR --tag T`.")] = []  # noqa: RUF012 - a Struct copies it
    inputs: (
        Annotated[
            dict[Name, InputForm | int | float | str | bool | list[Any]],
            Meta(
                description="Its parameters, or just their defaults. Absent: each `inputs.KEY` that is referred to, required.",
                examples=[{"folder": {"type": "str", "default": "."}, "limit": 10}],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    outputs: (
        Annotated[
            dict[Name, Reference],
            Meta(
                description="The run's result. Absent: the outputs of the last nodes.", examples=[{"total": "add.sum"}]
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    actions: Annotated[
        list[str],
        Meta(
            description="Where its actions are: module, module:name, file.py or file.py:name, relative to this file.",
            examples=[["my_actions.py"]],
        ),
    ] = []  # noqa: RUF012 - a Struct copies it
    hooks: HooksForm | msgspec.UnsetType = msgspec.UNSET
    config: ConfigForm | msgspec.UnsetType = msgspec.UNSET
    nodes: Annotated[list[NodeForm], Meta(min_length=1, description="The graph.")]


FORMS: tuple[type[Form], ...] = (
    FlowFile,
    InputForm,
    ConfigForm,
    HooksForm,
    NodeForm,
    MapForm,
    AwaitForm,
    ApprovalForm,
    WhenForm,
    CacheForm,
    ReferenceForm,
    NamedReferenceForm,
    StrategyForm,
    ExponentialForm,
    LinearForm,
    ImmediateForm,
)
