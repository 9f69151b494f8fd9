"""The actions and flows that are measured: no-op work, distinct typed inputs and outputs for every node."""

from __future__ import annotations

from typing import Any

import msgspec

from dagger_actors import Context, action

__all__ = ["ACTIONS", "chain", "fan", "fan_of_map", "independent", "independent_yaml", "waiting"]

Definition = dict[str, Any]


class Reading(msgspec.Struct):
    """What a node hands on; no two nodes of a flow give the same."""

    number: int
    label: str


@action
def read(number: int) -> Reading:
    """Make a reading."""
    return Reading(number, f"reading {number}")


@action
def follow(before: Reading) -> Reading:
    """Make the next reading."""
    return Reading(before.number + 1, f"after {before.label}"[:40])


@action
def numbers(count: int) -> dict[str, list[int]]:
    """Give the numbers to fan out over."""
    return {"numbers": list(range(count))}


@action
def pair(base: int, number: int) -> Reading:
    """Make a reading of two values."""
    return Reading(base + number, f"reading {number} of {base}")


@action
def gather(**readings: Any) -> Reading:
    """Sum the readings of many nodes."""
    return Reading(sum(reading["number"] for reading in readings.values()), f"sum of {len(readings)}")


@action
def gather_list(readings: list[Reading]) -> Reading:
    """Sum the readings of one mapped node."""
    return Reading(sum(reading.number for reading in readings), f"sum of {len(readings)}")


@action
def spin(ctx: Context) -> int:
    """Hold the interpreter as hard as Python code can, until the run is cancelled."""
    turns = 0
    while not ctx.cancelled:
        turns += 1
    return turns


ACTIONS = (read, follow, numbers, pair, gather, gather_list, spin)


def chain(size: int) -> Definition:
    """One node behind the other."""
    first = {"id": "n0", "action": "read", "inputs": {"number": {"value": 0}}}
    rest = [{"id": f"n{at}", "action": "follow", "inputs": {"before": f"n{at - 1}"}} for at in range(1, size)]
    return {"name": "chain", "nodes": [first, *rest]}


def fan(size: int) -> Definition:
    """One node, ``size`` that depend on it, one that depends on all of them."""
    source = {"id": "source", "action": "read", "inputs": {"number": {"value": size}}}
    middle = [
        {"id": f"n{at}", "action": "pair", "inputs": {"base": "source.number", "number": {"value": at}}}
        for at in range(size)
    ]
    sink = {"id": "sink", "action": "gather", "inputs": {f"n{at}": f"n{at}" for at in range(size)}}
    return {"name": "fan", "nodes": [source, *middle, sink]}


def fan_of_map(size: int) -> Definition:
    """The same shape as a ``map`` over a list."""
    source = {"id": "source", "action": "numbers", "inputs": {"count": {"value": size}}}
    middle = {"id": "each", "action": "read", "map": {"over": "source.numbers", "item": "number"}}
    sink = {"id": "sink", "action": "gather_list", "inputs": {"readings": "each"}}
    return {"name": "fan_of_map", "nodes": [source, middle, sink]}


def independent(size: int, limit: int | None = None) -> Definition:
    """Nodes that wait for nothing.

    Args:
        size: How many.
        limit: ``max_parallel_nodes``; None = the default.
    """
    nodes = [{"id": f"n{at}", "action": "read", "inputs": {"number": {"value": at}}} for at in range(size)]
    config = {} if limit is None else {"config": {"max_parallel_nodes": limit}}
    return {"name": "independent", **config, "nodes": nodes}


def independent_yaml(size: int) -> str:
    """The same as the text of a flow file."""
    nodes = [f"- id: n{at}\n  action: read\n  inputs:\n    number: {{value: {at}}}\n" for at in range(size)]
    return "name: independent\nnodes:\n" + "".join(nodes)


def waiting() -> Definition:
    """One node that computes until it is cancelled."""
    return {"name": "waiting", "nodes": [{"id": "spin", "action": "spin"}]}
