"""The format of flow files as Structs, for the JSON Schema that editors read; the reader itself works on events.

Every key of the reader's is a field here, with its description, and no other: a test holds the two together. What a
schema cannot say (cycles, ancestors, actions, types) is the reader's alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dagger_actors.core.task_options import MAX_PATH
from dagger_actors.flow.loading.approvals import MAX_MESSAGE
from dagger_actors.flow.loading.awaits import MAX_MATCH, MAX_WAIT_SECONDS
from dagger_actors.flow.loading.references import MAX_REFERENCE
from dagger_actors.flow.loading.settings import MAX_ITERATIONS, MAX_PARALLEL, MAX_WAIT_MINUTES
from dagger_actors.reading.form import Form
from dagger_actors.reading.reader import MAX_NAME, MAX_SECONDS
from dagger_actors.reading.retry_form import ExponentialForm, ImmediateForm, LinearForm, Strategy, StrategyForm, Tries

__all__ = ["FORMS", "FlowFile"]

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Seconds = Annotated[float, Meta(gt=0, le=MAX_SECONDS)]
OnFailure = Literal["stop", "continue", "pause"]
ReferenceText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_REFERENCE,
        description="inputs.KEY, NODE (its whole output) or NODE.KEY.",
        examples=["inputs.folder", "fetch", "fetch.rows"],
    ),
]


class ReferenceForm(Form, frozen=True, kw_only=True):
    """Where a value comes from: one of `reference`, `value`, or `node` with an optional `key`."""

    reference: ReferenceText | msgspec.UnsetType = msgspec.UNSET
    value: Annotated[Any, Meta(description="A literal, instead of a reference.")] = msgspec.UNSET
    node: Annotated[str, Meta(description="The node's id, exactly; for ids that hold dots.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    key: Annotated[Name, Meta(description="Name of the node's output; needs `node`.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    description: (
        Annotated[
            str,
            Meta(
                description="For people: in the tooltips of `dagger-actors graph`; of an output of the flow, in "
                "`dagger-actors list DIR --json`."
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    default: Annotated[Any, Meta(description="The value when the node was skipped or has failed.")] = msgspec.UNSET


class NamedReferenceForm(ReferenceForm, frozen=True, kw_only=True):
    """One input of a node, in the list form: `name`, and where its value comes from."""

    name: Annotated[Name, Meta(description="The action's parameter.")]


Reference = ReferenceText | ReferenceForm


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


class MapForm(Form, frozen=True, kw_only=True):
    """Fan-out: one invocation of the action for each item of a list; dependents get the list of outputs, in order."""

    over: Annotated[Reference, Meta(description="Where the list comes from; not a literal.", examples=["fetch.rows"])]
    item: Annotated[Name, Meta(description="The action's parameter that takes an item.")]
    key: (
        Annotated[
            Name,
            Meta(
                description="What names an item's invocation: the item itself, or the path of a field within it, each "
                "beginning with the name of `item`. Absent: its position.",
                examples=["page.url"],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    limit: (
        Annotated[int, Meta(ge=1, le=MAX_PARALLEL, description="Invocations of this node at once.")] | msgspec.UnsetType
    ) = msgspec.UNSET
    tolerate: Annotated[int, Meta(ge=0, description="Items that may fail; their outputs are null.")] = 0


Operand = Annotated[float | str, Meta(description="A number or a text; the value must be of the same kind.")]


class WhenForm(Form, frozen=True, kw_only=True):
    """A predicate on data: one of `all`, `any`, `not`; or a reference with one or more comparisons, which must all hold."""

    all: Annotated[list[WhenForm], Meta(min_length=1, description="Each must hold.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    any: Annotated[list[WhenForm], Meta(min_length=1, description="One must hold.")] | msgspec.UnsetType = msgspec.UNSET
    not_: WhenForm | msgspec.UnsetType = msgspec.field(name="not", default=msgspec.UNSET)
    reference: ReferenceText | msgspec.UnsetType = msgspec.UNSET
    node: Annotated[str, Meta(description="The node's id, exactly.")] | msgspec.UnsetType = msgspec.UNSET
    key: Annotated[Name, Meta(description="Name of the node's output; needs `node`.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    default: Annotated[Any, Meta(description="The value when the node was skipped or has failed.")] = msgspec.UNSET
    equals: Annotated[Any, Meta(description="It is this value.")] = msgspec.UNSET
    not_equals: Annotated[Any, Meta(description="It is another value.")] = msgspec.UNSET
    gt: Annotated[Operand, Meta(description="It is greater.")] | msgspec.UnsetType = msgspec.UNSET
    ge: Annotated[Operand, Meta(description="It is greater or equal.")] | msgspec.UnsetType = msgspec.UNSET
    lt: Annotated[Operand, Meta(description="It is less.")] | msgspec.UnsetType = msgspec.UNSET
    le: Annotated[Operand, Meta(description="It is less or equal.")] | msgspec.UnsetType = msgspec.UNSET
    in_: Annotated[list[Any], Meta(description="It is one of these.")] | msgspec.UnsetType = msgspec.field(
        name="in", default=msgspec.UNSET
    )
    exists: Annotated[bool, Meta(description="Whether there is a value at all.")] | msgspec.UnsetType = msgspec.UNSET


class CacheForm(Form, frozen=True, kw_only=True):
    """Reuse an output by the hash of action and inputs, for some time."""

    ttl_s: Annotated[float, Meta(gt=0, description="Seconds for which an output is reused.")]


class AwaitForm(Form, frozen=True, kw_only=True):
    """Instead of an action: the node waits for one message of a durable channel, and that is its output."""

    channel: Annotated[Name, Meta(description="The channel's name.", examples=["payments"])]
    match: (
        Annotated[
            dict[Annotated[str, Meta(min_length=1, max_length=MAX_PATH)], Reference],
            Meta(
                min_length=1,
                max_length=MAX_MATCH,
                description="Paths of the message's fields, and what each must equal. Absent: any message.",
                examples=[{"order.id": "inputs.order", "state": {"value": "paid"}}],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    timeout_s: (
        Annotated[
            float,
            Meta(gt=0, le=MAX_WAIT_SECONDS, description="Seconds until the node times out. Absent: it waits on."),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    from_: Annotated[
        Literal["latest", "earliest"],
        Meta(
            description="latest: what was published after the node began to wait; earliest: what was there before too."
        ),
    ] = msgspec.field(name="from", default="latest")


class ApprovalForm(Form, frozen=True, kw_only=True):
    """Instead of an action: the node asks a person, and the answer is its output; a rejection is its failure."""

    message: Annotated[str, Meta(max_length=MAX_MESSAGE, description="What the person is asked.")] = ""
    type: Annotated[
        Literal["int", "float", "str", "bool", "list", "dict", "any"],
        Meta(description="What the answer must be; bool: yes or no, and no is a rejection."),
    ] = "bool"
    timeout_s: (
        Annotated[
            float,
            Meta(
                gt=0,
                le=MAX_WAIT_SECONDS,
                description="Seconds until `on_timeout`. Absent: `human_wait_minutes` of the flow's config, else for ever.",
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    on_timeout: (
        Annotated[
            Literal["pause", "autopilot"],
            Meta(
                description="pause: it waits on, without a limit; autopilot: `default` is the answer. Absent: "
                "`human_timeout_action` of the flow's config."
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    default: Annotated[Any, Meta(description="The answer of the autopilot, which needs one.")] = msgspec.UNSET


class NodeForm(Form, frozen=True, kw_only=True):
    """One node: when those it depends on have ended, an action or a flow runs, or a message or a person is waited for."""

    id: Annotated[Name, Meta(description="Its name, unique in the flow; not `inputs`.", examples=["fetch"])]
    action: (
        Annotated[
            Name,
            Meta(
                description="The function it runs, marked with @action; human_interrupt: as `approval`.",
                examples=["fetch_rows"],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    await_message: AwaitForm | msgspec.UnsetType = msgspec.UNSET
    approval: ApprovalForm | msgspec.UnsetType = msgspec.UNSET
    flow: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Instead of an action: the flow it runs, a path relative to this file or the name of one that "
                "is loaded. `inputs` are those of the flow, and its outputs are the node's output.",
                examples=["prices.yaml"],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    dependencies: (
        Annotated[
            list[str],
            Meta(description="Nodes it waits for, all of them. Absent: the nodes that `inputs` and `map` refer to."),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    description: Annotated[str, Meta(description="For people: in the tooltips of `dagger-actors graph`.")] = ""
    instructions: Annotated[str, Meta(description="For people and agents, where `description` is shown.")] = ""
    inputs: (
        Annotated[
            dict[Name, Reference] | list[NamedReferenceForm],
            Meta(
                description="The action's arguments: parameter and where its value comes from. Absent: parameters named "
                "as an ancestor or as an input of the flow get its value.",
                examples=[{"rows": "fetch.rows", "limit": {"value": 10}}],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    outputs: (
        Annotated[
            list[Name],
            Meta(description="Names that the action must produce; an only one takes a value that is no mapping."),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    timeout: Annotated[Seconds, Meta(description="Seconds for one attempt.")] | msgspec.UnsetType = msgspec.UNSET
    try_count: (
        Annotated[Tries, Meta(description="Total tries: 3 means two retries. 1 unless there is a strategy, then 3.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    onfailure: Annotated[bool, Meta(description="false: one try, as `try_count: 1`.")] = True
    retry_strategy: Strategy | msgspec.UnsetType = msgspec.UNSET
    on_failure: (
        Annotated[OnFailure, Meta(description="What its final failure does to the run; absent: as `config` says.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    failure: (
        Annotated[
            Name,
            Meta(
                description="An action that is called once when this node has failed for good: with `error`, and those of "
                "the node's inputs that it has parameters for. The node stays failed."
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    map: MapForm | msgspec.UnsetType = msgspec.UNSET
    trigger: Annotated[
        Literal["all_succeeded", "all_done", "any_succeeded", "any_failed", "none_failed"],
        Meta(description="How its dependencies must have ended for it to run; otherwise it is skipped."),
    ] = "all_succeeded"
    when: (
        Annotated[
            WhenForm,
            Meta(
                description="A condition on data; when it is false the node is skipped.",
                examples=[{"reference": "count.total", "gt": 10}],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    cache: (
        Annotated[
            bool | CacheForm,
            Meta(
                description="true: reuse the output of the same action with the same inputs. The same action is one of "
                "the same source text, that of the function alone and not of what it calls, or of the same "
                "@action(version=): raise that when something it calls or reads changes."
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    durability: Annotated[
        Literal["at_least_once", "best_effort", "at_most_once"],
        Meta(description="at_most_once: an attempt whose outcome is unknown is parked, never repeated by itself."),
    ] = "at_least_once"
    isolation: (
        Annotated[
            Literal["thread", "async", "process"],
            Meta(
                description="Where it runs; process: in a worker process that can be killed. Absent: as it is defined."
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    priority: Annotated[int, Meta(description="Of nodes that are ready, those with a higher one start first.")] = 0


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
