"""What a flow file says, resolved: ids became positions, aliases their meaning, references their source.

A definition is frozen, encodes to JSON and is pinned to its run by its hash; nothing here reads a file. Nodes leave out
what is the default, which makes a large flow a third as long; so those defaults are part of the format, and a test pins
them. One meaning has one encoding: whoever makes a node uses the default objects themselves (msgspec compares identity).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.core.retry import RetryPolicy, RetryWait
from dagger_actors.core.trigger import Trigger
from dagger_actors.flow.html import ROWS, table_html

__all__ = [
    "FORMAT",
    "NO_RETRY",
    "AllOf",
    "AnyOf",
    "CacheSpec",
    "Comparison",
    "Constant",
    "Durability",
    "FlowConfig",
    "FlowDefinition",
    "FromInput",
    "FromNode",
    "InputSpec",
    "InputType",
    "Isolation",
    "MapSpec",
    "NodeDefinition",
    "Not",
    "OnFailure",
    "Operator",
    "Predicate",
    "Reference",
]

FORMAT = 2
"""Version of this encoding, its defaults included; a stored definition of a newer one is refused."""

OnFailure = Literal["stop", "continue", "pause"]
Durability = Literal["at_least_once", "at_most_once"]
Operator = Literal["equals", "not_equals", "gt", "ge", "lt", "le", "in", "exists"]
Isolation = Literal["", "thread", "async", "process"]
InputType = Literal["int", "float", "str", "bool", "list", "dict", "any"]


class FromInput(msgspec.Struct, frozen=True, tag="input", omit_defaults=True):
    """A value given to the run: ``inputs.KEY``.

    Attributes:
        key: The input's name.
        description: For people, as in the other references.
    """

    key: str
    description: str = ""


class FromNode(msgspec.Struct, frozen=True, tag="node", omit_defaults=True):
    """An ancestor's output: ``NODE`` (whole) or ``NODE.KEY``.

    Attributes:
        node: The ancestor's position in ``FlowDefinition.nodes``.
        key: Name within its output; None for the whole.
        default: JSON text of what is taken instead when the ancestor gave no output; None = it must have given one.
        description: For people.
    """

    node: int
    key: str | None = None
    default: str | None = None
    description: str = ""


class Constant(msgspec.Struct, frozen=True, tag="value", omit_defaults=True):
    """A literal of the file, as JSON.

    Attributes:
        json: Its text.
        description: For people.
    """

    json: str
    description: str = ""


Reference = FromInput | FromNode | Constant


class InputSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One parameter of the flow.

    Attributes:
        type: What it must be; ``float`` takes an int too.
        default: JSON text of its default; None = required.
        description: For people.
        secret: Its value is the name of an environment variable, as ``env:NAME``; the text itself is stored nowhere.
    """

    type: InputType = "any"
    default: str | None = None
    description: str = ""
    secret: bool = False


class Comparison(msgspec.Struct, frozen=True, tag="compare"):
    """One comparison of a value with a literal.

    Attributes:
        reference: The value.
        operator: What must hold; ``exists`` asks whether there is a value at all.
        json: The literal, as JSON.
    """

    reference: Reference
    operator: Operator
    json: str


class AllOf(msgspec.Struct, frozen=True, tag="all"):
    """Every part holds."""

    of: tuple[Predicate, ...]


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    """Some part holds."""

    of: tuple[Predicate, ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The part does not hold."""

    of: Predicate


Predicate = Comparison | AllOf | AnyOf | Not


class MapSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fan-out: one invocation for each item of a list.

    Attributes:
        over: Where the list comes from; a mapped node here makes the fan-out element by element, without a barrier.
        item: Name of the action's parameter that takes the item.
        key: Path of fields within the item whose value is the invocation's key; empty = the item itself; None = its
            position is.
        limit: Items of this node at once; None = as many as the run allows.
        tolerate: Items that may fail without failing the node; their places in the list are then null.
    """

    over: Reference
    item: str
    key: tuple[str, ...] | None = None
    limit: int | None = None
    tolerate: int = 0


class CacheSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Reuse of an output that the same action gave for the same inputs.

    Attributes:
        ttl_s: How long an output may be reused; None = as long as it is stored.
    """

    ttl_s: float | None = None


class FlowConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Per-flow settings; a node's own beat those for nodes.

    Attributes:
        on_failure: What a node's final failure does to the run.
        timeout_seconds: The run's whole time, pauses apart; None = none.
        enable_parallel_execution: False = one node at a time.
        max_parallel_nodes: Live attempts at once; 1 or more.
        max_attempts: Total tries of each node that has no ``try_count``; None = 1, or 3 with a strategy.
        retry_strategy: The wait of each node that has no strategy.
        retry_on: Exception names for it.
        give_up_on: Exception names for it.
        reuses_cache: False = nodes with ``cache`` compute anew, and store what they computed.
    """

    on_failure: OnFailure = "stop"
    timeout_seconds: float | None = None
    enable_parallel_execution: bool = True
    max_parallel_nodes: int = 16
    max_attempts: int | None = None
    retry_strategy: RetryWait | None = None
    retry_on: tuple[str, ...] = ()
    give_up_on: tuple[str, ...] = ()
    reuses_cache: bool = True

    @property
    def limit(self) -> int:
        """Live attempts of a run at once."""
        return self.max_parallel_nodes if self.enable_parallel_execution else 1


NO_RETRY = RetryPolicy()


class NodeDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One vertex of the flow.

    Attributes:
        id: Its id, as written.
        action: The name of the action it runs.
        dependencies: Positions of the nodes it waits for, in the order written, no doubles.
        inputs: The action's arguments: parameter name and where its value comes from.
        automatic: True when the file gives no ``inputs``: parameters named as an ancestor id or a flow input get its value.
        outputs: Names the action must produce; empty = anything.
        timeout_s: Time for one attempt; None = none.
        retry: Its policy, the flow's defaults merged in.
        on_failure: Its policy, the flow's default merged in.
        map: Fan-out, or None.
        trigger: The rule over the ends of its dependencies that lets it run.
        when: What must hold over data besides; None = nothing.
        priority: Among nodes that could start, the higher goes first.
        durability: ``at_most_once``: an attempt whose outcome is unknown is parked, not repeated.
        cache: Whether its output may be reused, and how long; None = never.
        isolation: Where its code runs; empty = by the kind of function.
    """

    id: str
    action: str
    dependencies: tuple[int, ...] = ()
    inputs: tuple[tuple[str, Reference], ...] = ()
    automatic: bool = False
    outputs: tuple[str, ...] = ()
    timeout_s: float | None = None
    retry: RetryPolicy = NO_RETRY
    on_failure: OnFailure = "stop"
    map: MapSpec | None = None
    isolation: Isolation = ""
    description: str = ""
    instructions: str = ""
    trigger: Trigger = "all_succeeded"
    when: Predicate | None = None
    priority: int = 0
    durability: Durability = "at_least_once"
    cache: CacheSpec | None = None


class FlowDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One whole flow.

    Attributes:
        name: Its name, case kept.
        inputs: Its parameters by name; None when the file declares none (each reference then declares one, required).
        nodes: In file order.
        outputs: The run's result by name; None = the outputs of the sinks by id.
        actions: Modules and files that hold its actions, as written: ``module``, ``module:name``, ``file.py``, ``file.py:name``.
        file: The path it was loaded from, as given; empty for a dict.
    """

    name: str
    nodes: tuple[NodeDefinition, ...]
    inputs: dict[str, InputSpec] | None = None
    outputs: dict[str, Reference] | None = None
    actions: tuple[str, ...] = ()
    config: FlowConfig = FlowConfig()
    description: str = ""
    author: str = ""
    version: str = ""
    signature: str = ""
    instructions: str = ""
    tags: tuple[str, ...] = ()
    file: str = ""
    format: int = FORMAT

    def _repr_html_(self) -> str:
        """A table of its nodes, for notebooks; ``dagger-actors graph`` draws the file."""
        ids = [node.id for node in self.nodes]
        rows = [
            (
                node.id,
                f"{node.action} (each item)" if node.map is not None else node.action,
                ", ".join(ids[on] for on in node.dependencies),
                "" if node.trigger == "all_succeeded" else node.trigger,
            )
            for node in self.nodes[: ROWS + 1]
        ]
        rows += [("", "", "", "")] * (len(self.nodes) - len(rows))
        title = f"flow {self.name}" + (f": {self.description}" if self.description else "")
        return table_html(title, ("node", "action", "depends on", "trigger"), rows)
