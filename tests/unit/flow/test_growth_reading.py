"""Nodes that are added are read as if they had stood in the file, at a cost that does not grow with the run."""

from __future__ import annotations

import time
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dagger_actors.bodies.actions import action
from dagger_actors.errors import DefinitionError, GrowthRefused
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import FlowConfig, NodeDefinition
from dagger_actors.flow.loading import grown
from dagger_actors.flow.loading.growth import Added, Grown, read_growth
from dagger_actors.flow.loading.loader import load_flow

REGISTRY = ActionRegistry()


@action
def noop(**anything: Any) -> dict[str, int]:
    return anything


@action
def takes(n1: Any) -> Any:
    return n1


REGISTRY.add(noop)
REGISTRY.add(takes)
NOOP = {"action": "noop"}


def run_of(nodes: tuple[NodeDefinition, ...]) -> Grown:
    return Grown(
        nodes=nodes,
        positions={node.id: at for at, node in enumerate(nodes)},
        count=len(nodes),
        inputs={},
        config=FlowConfig(),
        registry=REGISTRY,
    )


@st.composite
def written(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Nodes that wait for some before them and refer to ancestors, with a default where it is needed; seldom one is wrong."""
    nodes: list[dict[str, Any]] = []
    above: list[set[int]] = []
    sure: list[set[int]] = []
    wrong = draw(st.one_of(st.none(), st.integers(1, 9)))
    for at in range(draw(st.integers(3, 10))):
        name = draw(st.sampled_from(["noop", "noop", "noop", "takes"]))
        waits = draw(st.lists(st.integers(max(0, at - 3), at - 1), min_size=1, max_size=2, unique=True)) if at else []
        trigger = draw(st.sampled_from(["all_succeeded", "all_succeeded", "all_done"])) if at else "all_succeeded"
        above.append(set(waits).union(*(above[on] for on in waits)))
        sure.append(set(waits).union(*(sure[on] for on in waits)) if trigger == "all_succeeded" else set())
        node: dict[str, Any] = {"id": f"n{at}", "action": name, "dependencies": [f"n{on}" for on in waits]}
        if at:
            node["trigger"] = trigger
        among = sorted(above[at]) if at != wrong else list(range(at))
        if name == "noop" and among:
            referred = draw(st.lists(st.sampled_from(among), max_size=2, unique=True))
            needs = {on: (on not in sure[at]) != (at == wrong and draw(st.booleans())) for on in referred}
            node["inputs"] = {
                f"x{on}": {"reference": f"n{on}", **({"default": 1} if needs[on] else {})} for on in referred
            }
        elif 1 not in above[at]:
            node["action"] = "noop"
        nodes.append(node)
    return nodes


def read_at_once(nodes: list[dict[str, Any]]) -> tuple[NodeDefinition, ...] | None:
    try:
        return load_flow({"name": "f", "inputs": {}, "nodes": nodes}, registry=REGISTRY).nodes
    except DefinitionError:
        return None


UNSURE: list[dict[str, Any]] = [
    {"id": "n0", **NOOP},
    {"id": "n1", "dependencies": ["n0"], **NOOP},
    {"id": "n2", "dependencies": ["n1"], "trigger": "all_done", **NOOP},
    {"id": "n3", "dependencies": ["n2"], "action": "takes"},
    {"id": "n4", "dependencies": ["n3"], "inputs": {"x": {"reference": "n1", "default": 1}}, **NOOP},
]
"""What its parameter means was found for ``n3``, but not that ``n1`` must have succeeded."""


@settings(max_examples=300)
@example(UNSURE, 4, 1, 1000)
@given(written(), st.integers(2, 9), st.integers(1, 3), st.sampled_from([0, 3, 1000]))
def test_what_is_added_is_read_as_if_it_had_stood_in_the_file(
    nodes: list[dict[str, Any]], there: int, size: int, steps: int
) -> None:
    """Law: the same nodes, or a refusal in both cases; in one call or in many, searched for step by step or swept."""
    there = min(there, len(nodes) - 1)
    first = read_at_once(nodes[:there])
    if first is None:
        return
    run, added = run_of(first), Added(there)
    with mock.patch.object(grown, "MOST_STEPS", steps):
        try:
            for at in range(there, len(nodes), size):
                read_growth(run, nodes[at : at + size], added)
        except GrowthRefused:
            assert read_at_once(nodes) is None
        else:
            assert (*first, *added.nodes) == read_at_once(nodes)


def test_who_has_moved_meanwhile_is_found_where_it_is() -> None:
    """Law: nodes that others have added between two calls of one attempt change nothing of what it has added."""
    (start, other) = load_flow({"name": "f", "nodes": [{"id": "a", **NOOP}, {"id": "b", **NOOP}]}).nodes
    added = Added(1)
    read_growth(run_of((start,)), [{"id": "c", "dependencies": ["a"], **NOOP}], added)
    read_growth(run_of((start, other)), [{"id": "d", "dependencies": ["c", "b"], **NOOP}], added)
    assert [(node.id, node.dependencies) for node in added.nodes] == [("c", (0,)), ("d", (2, 1))]
    with pytest.raises(GrowthRefused, match="'c' is doubled"):
        read_growth(run_of((start, other)), [{"id": "c", **NOOP}], added)


def cost_s(count: int, *, size: int, refer_to: str) -> float:
    """Time to add a chain that goes on behind ``count`` others, in calls of so many nodes."""
    chain = [{"id": f"n{at}", "dependencies": [f"n{at - 1}"] if at else [], **NOOP} for at in range(count)]
    run, added = run_of(load_flow({"name": "f", "nodes": chain}, registry=REGISTRY).nodes), Added(count)
    inputs = {"x": {"reference": refer_to}} if refer_to else {}
    new = [
        {"id": f"n{at}", "dependencies": [f"n{at - 1}"], "inputs": inputs, **NOOP} for at in range(count, count + 400)
    ]
    best = 1e9
    for part in range(0, 400, 100):
        began = time.process_time()
        for at in range(part, part + 100, size):
            read_growth(run, new[at : at + size], added)
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize("refer_to", ["", "n0"], ids=["neighbour", "far"])
def test_what_is_added_costs_the_same_whatever_is_there(size: int, refer_to: str) -> None:
    """Law: behind 20,000 nodes an addition costs what it does behind 20, also where each refers to the very first."""
    little, much = cost_s(20, size=size, refer_to=refer_to), cost_s(20_000, size=size, refer_to=refer_to)
    bound = 3 if not refer_to else 6  # the first of those that refer far back finds the way for the others
    assert much < bound * little + 0.02, (little, much)
