"""What differs between two runs: states, inputs and outputs, run by run and node by node. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from dagger_actors.flow.reports.report import NodeReport, Report
from dagger_actors.flow.reports.run_picture import problem_of

__all__ = ["Fingerprints", "NodeDiff", "RunDiff", "Sides", "diff_runs"]

Place = tuple[str, str]
"""Node id and invocation key."""
Fingerprints = Mapping[Place, Mapping[str, str]]


class Sides(msgspec.Struct, frozen=True):
    """A value in the one run and in the other; None where there is none."""

    one: Any
    other: Any


class NodeDiff(msgspec.Struct, frozen=True, kw_only=True):
    """One invocation that is not alike in both runs.

    Attributes:
        states: Its states; None where the run has no such invocation.
        inputs: Names of the inputs that it was given otherwise.
        output: Its outputs, when they differ; None when they do not.
        problem: Its errors or reasons, when they differ; None when they do not.
    """

    node_id: str
    invocation_key: str
    states: Sides
    inputs: tuple[str, ...]
    output: Sides | None
    problem: Sides | None


class RunDiff(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two runs.

    Attributes:
        runs: Their ids.
        flows: The names of their flows.
        states: Their states.
        inputs: Those of the runs' inputs that differ.
        outputs: Those of the runs' outputs that differ.
        nodes: The invocations that differ, in the order of the first run.
        alike: How many invocations do not.
    """

    runs: Sides
    flows: Sides
    states: Sides
    inputs: dict[str, Sides]
    outputs: dict[str, Sides]
    nodes: tuple[NodeDiff, ...]
    alike: int

    @property
    def is_empty(self) -> bool:
        """Whether the runs did the same."""
        return not (self.inputs or self.outputs or self.nodes) and self.states.one == self.states.other


def diff_runs(one: Report, other: Report, given: tuple[Fingerprints, Fingerprints], *, calls: bool = False) -> RunDiff:
    """Compare two runs, of one flow or of two.

    Args:
        one: What the one has done.
        other: What the other has done.
        given: Hashes of the inputs of their invocations.
        calls: Whether hooks and failure actions are compared too.
    """
    first, second = _by_place(one, calls=calls), _by_place(other, calls=calls)
    places = list(dict.fromkeys([*first, *second]))
    nodes = tuple(_compared(places, first, second, given))
    return RunDiff(
        runs=Sides(one.run_id, other.run_id),
        flows=Sides(one.flow_name, other.flow_name),
        states=Sides(one.state, other.state),
        inputs=_changed(one.inputs, other.inputs),
        outputs=_changed(one.outputs, other.outputs),
        nodes=nodes,
        alike=len(places) - len(nodes),
    )


def _by_place(report: Report, *, calls: bool) -> dict[Place, NodeReport]:
    return {(node.node_id, node.invocation_key): node for node in report.nodes if calls or not node.called_for}


def _compared(
    places: Iterable[Place],
    first: Mapping[Place, NodeReport],
    second: Mapping[Place, NodeReport],
    given: tuple[Fingerprints, Fingerprints],
) -> Iterator[NodeDiff]:
    for place in places:
        one, other = first.get(place), second.get(place)
        inputs = sorted(_changed(given[0].get(place, {}), given[1].get(place, {}))) if one and other else []
        states = Sides(one and one.state, other and other.state)
        output = _sides(one and one.output, other and other.output)
        problem = _sides(_problem(one), _problem(other))
        if states.one != states.other or inputs or output is not None or problem is not None:
            yield NodeDiff(
                node_id=place[0],
                invocation_key=place[1],
                states=states,
                inputs=tuple(inputs),
                output=output,
                problem=problem,
            )


def _changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Sides]:
    names = dict.fromkeys([*one, *other])
    pairs = ((name, _sides(one.get(name), other.get(name))) for name in names)
    return {name: sides for name, sides in pairs if sides is not None}


def _sides(one: Any, other: Any) -> Sides | None:
    # As JSON: 1, 1.0 and true are equal to Python.
    return None if msgspec.json.encode(one) == msgspec.json.encode(other) else Sides(one, other)


def _problem(node: NodeReport | None) -> str | None:
    return (problem_of(node) or None) if node is not None and node.state != "succeeded" else None
