"""The nodes of flow files, as Structs for the JSON Schema: one that runs an action or a flow, or waits for a message or a person.

``nodes`` reads the same, with ``arguments``, ``awaits``, ``approvals`` and ``keeping``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dagger_actors.core.task_options import MAX_PATH
from dagger_actors.flow.loading.approvals import MAX_MESSAGE
from dagger_actors.flow.loading.awaits import MAX_MATCH, MAX_WAIT_SECONDS
from dagger_actors.flow.loading.reference_form import Name, NamedReferenceForm, Reference, WhenForm
from dagger_actors.flow.loading.settings import MAX_PARALLEL
from dagger_actors.reading.form import Form
from dagger_actors.reading.reader import MAX_SECONDS
from dagger_actors.reading.retry_form import Strategy, Tries

__all__ = ["ApprovalForm", "AwaitForm", "CacheForm", "MapForm", "NodeForm", "OnFailure", "Seconds"]

Seconds = Annotated[float, Meta(gt=0, le=MAX_SECONDS)]
OnFailure = Literal["stop", "continue", "pause"]


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
