"""A node, as its flow file says it."""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.core.retry import RetryPolicy
from dagger_actors.core.trigger import Trigger
from dagger_actors.flow.definition.awaits import Approval, Awaited
from dagger_actors.flow.definition.calls import Call, FailureAction
from dagger_actors.flow.definition.references import Predicate, Reference
from dagger_actors.flow.definition.sub_flow import SubFlow

__all__ = ["NO_RETRY", "CacheSpec", "Durability", "Isolation", "MapSpec", "NodeDefinition", "OnFailure"]

OnFailure = Literal["stop", "continue", "pause"]

Durability = Literal["at_least_once", "at_most_once"]

Isolation = Literal["", "thread", "async", "process"]

NO_RETRY = RetryPolicy()


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


class NodeDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One vertex of the flow.

    Attributes:
        id: Its id, as written.
        action: The name of the action it runs; empty = none, for it awaits something or runs a flow.
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
        awaits: What it waits for instead of running an action; None = it runs one.
        flow: The flow it runs instead of an action; None = none.
        failure: The action that is called when it has failed for good; None = none.
        call: What it was called for, when it is a hook or a failure action of another node; None = it is the flow's own.
        added_by: Position of the node that added it while the run went on; None = it is the file's.
        iteration: How many additions led to it, one behind the other; 0 = it is the file's.
    """

    id: str
    action: str = ""
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
    awaits: Awaited | None = None
    flow: SubFlow | None = None
    failure: FailureAction | None = None
    call: Call | None = None
    added_by: int | None = None
    iteration: int = 0

    @property
    def awaits_people(self) -> bool:
        """Whether a person is asked."""
        return isinstance(self.awaits, Approval)

    @property
    def has_no_action(self) -> bool:
        """Whether it awaits something or runs a flow instead."""
        return self.awaits is not None or self.flow is not None

    @property
    def purpose(self) -> str:
        """What it does, in short: the name of its action, the flow it runs, or what it awaits."""
        if self.flow is not None:
            return self.flow.purpose
        return self.action if self.awaits is None else self.awaits.purpose
