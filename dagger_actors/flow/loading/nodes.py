"""Reads the nodes of a flow, first their ids, then everything they say; and makes their definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import NO_RETRY, FailureAction, FlowConfig, MapSpec, NodeDefinition
from dagger_actors.flow.loading.approvals import ALIAS, APPROVAL, approval_of, read_approval
from dagger_actors.flow.loading.arguments import MAP, read_inputs, read_map
from dagger_actors.flow.loading.awaits import AWAIT, awaits_of, read_await, refuse_action_keys
from dagger_actors.flow.loading.conditions import WHEN, check_trigger, predicate_of, read_trigger, read_when
from dagger_actors.flow.loading.dependencies import infer_dependencies, read_dependencies
from dagger_actors.flow.loading.isolation import read_isolation
from dagger_actors.flow.loading.keeping import CACHE, at_most_once, keeping_of
from dagger_actors.flow.loading.references import reference_of
from dagger_actors.flow.loading.settings import (
    ON_FAILURE,
    merged_retry,
    on_failure_of,
    read_tries,
)
from dagger_actors.flow.loading.sub_flows import SubFlows, refuse_keys_of_actions
from dagger_actors.flow.loading.written import WrittenMap, WrittenNode
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.retry_keys import NO_STRATEGY, STRATEGY, read_strategy
from dagger_actors.reading.tree import Listing, Scalar, Table, Tree

__all__ = ["defined", "read_nodes"]

NODE = Keys(
    known=(
        "id",
        "action",
        "dependencies",
        "description",
        "instructions",
        "inputs",
        "outputs",
        "timeout",
        "try_count",
        "onfailure",
        "retry_strategy",
        "on_failure",
        "map",
        "isolation",
        "trigger",
        "when",
        "priority",
        "durability",
        "cache",
        "failure",
        "await_message",
        "approval",
        "flow",
    ),
    required=("id", "action"),
    stand_ins={"await_message": "action", "approval": "action", "flow": "action"},
    inside={
        "retry_strategy": STRATEGY,
        "map": MAP,
        "when": WHEN,
        "cache": CACHE,
        "await_message": AWAIT,
        "approval": APPROVAL,
    },
)


def read_nodes(
    reader: Reader,
    tree: Tree,
    declared: Mapping[str, object] | None,
    before: Sequence[WrittenNode] = (),
    flows: SubFlows | None = None,
) -> tuple[list[WrittenNode], dict[str, int]]:
    """Read all nodes and their ids' positions; behind those that are there before, which have been read already.

    Without ``flows`` no node runs a flow.
    """
    trees = reader.items(tree, "nodes")
    if not trees and isinstance(tree, Listing):
        reader.complain(tree.at, "nodes is empty", "A flow needs at least one node: - {id: first, action: my_action}")
    nodes = list(before)
    index = {node.id: position for position, node in enumerate(before)}
    for item in trees:
        node = WrittenNode("", item.at, reader.fields(item, NodeName(item), NODE) or {})
        if "id" in node.fields:
            node.id = read_id(reader, node.fields["id"].value, nodes, index)
        nodes.append(node)
    for position, node in enumerate(nodes[len(before) :], len(before)):
        read_keys(reader, node, position, index, declared, flows)
    reader.subject = ""
    return nodes, index


def read_keys(
    reader: Reader,
    node: WrittenNode,
    position: int,
    index: Mapping[str, int],
    declared: Mapping[str, object] | None,
    flows: SubFlows | None,
) -> None:
    """Read all that a node says but its id."""
    reader.subject = node.id
    read_action(reader, node)
    if "flow" in node.fields:
        read_flow(reader, node, flows)
    if "dependencies" in node.fields:
        read_dependencies(reader, node, position, index)
    node.approval = read_approval(reader, node)
    if "approval" in node.fields or node.approval is not None:
        node.inputs = []
    elif "await_message" in node.fields:
        node.inputs = []
        node.awaits = read_await(reader, node.fields["await_message"].value, declared)
        refuse_action_keys(reader, node)
    elif "inputs" in node.fields:
        node.inputs = read_inputs(reader, node.fields["inputs"].value, declared, node.places)
    if "outputs" in node.fields:
        node.outputs = read_outputs(reader, node.fields["outputs"].value)
    if "map" in node.fields:
        node.map = read_map(reader, node.fields["map"].value, declared, node.places)
    if "trigger" in node.fields:
        trigger = read_trigger(reader, node.fields["trigger"].value)
        node.is_doubtful = trigger is None
        node.trigger = trigger or node.trigger
    if "when" in node.fields:
        node.when = read_when(reader, node.fields["when"].value, declared)
    if not node.is_complete:
        infer_dependencies(reader, node, position, index)
    if "trigger" in node.fields:
        at = node.fields["trigger"].value.at
        check_trigger(reader, at, node.trigger, has_dependencies=bool(node.dependencies))


def read_flow(reader: Reader, node: WrittenNode, flows: SubFlows | None) -> None:
    """Read the flow that a node runs."""
    tree = node.fields["flow"].value
    assert flows is not None, "who reads such nodes can find flows"
    node.flow = flows.read(reader, tree)
    refuse_keys_of_actions(reader, node)


class NodeName(msgspec.Struct, gc=False):
    """A node in messages before its id is known to be one; its text is made only when it is told."""

    tree: Tree

    def __str__(self) -> str:
        tree = self.tree
        if isinstance(tree, Table) and (field := tree.entries.get("id")) and isinstance(field.value, Scalar):
            return f"node {quoted(field.value.value)}"
        return "a node"


def read_id(reader: Reader, tree: Tree, nodes: Sequence[WrittenNode], index: dict[str, int]) -> str:
    """Read an id and give it the next position; empty when it cannot be used."""
    name = reader.name(tree, "id")
    if name is None:
        return ""
    if name == "inputs":
        reader.complain(tree.at, "the id 'inputs' is taken by the flow's inputs", "Choose another id.")
    elif name in index:
        first = nodes[index[name]].fields.get("id")
        there = "the run has it" if first is None else f"it stands at {reader.document.where(first.value.at)}"
        reader.complain(tree.at, f"the id {quoted(name)} is doubled; {there} already", "Choose another id.")
    else:
        index[name] = len(nodes)
    return name


def read_action(reader: Reader, node: WrittenNode) -> None:
    """Read the action's name."""
    if "action" not in node.fields:
        return
    tree = node.fields["action"].value
    name = reader.name(tree, "action")
    node.action = name if name is not None and name != ALIAS else ""


def defined(
    reader: Reader, node: WrittenNode, config: FlowConfig, failure: FailureAction | None = None
) -> NodeDefinition | None:
    """Make the definition of a node; None when something in it, or in the flow so far, is wrong."""
    reader.subject = node.id
    fields = node.fields
    description = reader.text(fields["description"].value, "description") if "description" in fields else ""
    instructions = reader.text(fields["instructions"].value, "instructions") if "instructions" in fields else ""
    strategy = read_strategy(reader, fields["retry_strategy"].value) if "retry_strategy" in fields else NO_STRATEGY
    policy = reader.choice(fields["on_failure"].value, "on_failure", ON_FAILURE) if "on_failure" in fields else None
    timeout = reader.seconds(fields["timeout"].value, "timeout") if "timeout" in fields else None
    isolation = read_isolation(reader, fields)
    keeping = keeping_of(reader, node)
    tries = read_tries(reader, fields)
    retry = merged_retry(config, tries, strategy) if "action" in fields and node.approval is None else NO_RETRY
    if keeping.durability == "at_most_once":
        retry = at_most_once(reader, node, retry, is_own=tries is not None or strategy.wait is not None)
    asks = approval_of(reader, node.approval, config) if node.approval is not None else None
    reader.subject = ""
    if reader.has_problems:
        return None
    return NodeDefinition(
        id=node.id,
        action=node.action,
        dependencies=tuple(node.dependencies),
        inputs=tuple(
            (name, found) for name, pointer in node.inputs or () if (found := reference_of(pointer)) is not None
        ),
        automatic=node.inputs is None,
        outputs=node.outputs,
        timeout_s=timeout,
        retry=retry,
        on_failure=on_failure_of(policy, config),
        map=map_of(node.map) if node.map is not None else None,
        isolation=isolation,
        description=description or "",
        instructions=instructions or "",
        trigger=node.trigger,
        when=predicate_of(node.when) if node.when is not None else None,
        priority=keeping.priority,
        durability=keeping.durability,
        cache=keeping.cache,
        failure=failure,
        flow=node.flow.spec if node.flow is not None else None,
        awaits=awaits_of(node.awaits) if node.awaits is not None else asks,
    )


def map_of(written: WrittenMap) -> MapSpec | None:
    """Make the definition of a fan-out."""
    over = reference_of(written.over)
    if over is None:
        return None
    return MapSpec(over=over, item=written.item, key=written.key, limit=written.limit, tolerate=written.tolerate)


def read_outputs(reader: Reader, tree: Tree) -> tuple[str, ...]:
    """Read the names that the action must produce."""
    outputs = reader.texts(tree, "outputs")
    if len(set(outputs)) < len(outputs):
        reader.complain(tree.at, "outputs names one output twice", "Remove one of the two.")
    return outputs
