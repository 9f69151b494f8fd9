"""The flows of the crash tests, and what each must give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BODIES = Path(__file__).with_name("bodies.py")
CONSTANTS = {"plain": 1, "coroutine": 2, "slow": 3, "slow_coroutine": 4, "flaky": 5}


def mixed(*, limit: int = 16, scale: int = 1, tail: int = 0, gate: Path | None = None) -> dict[str, Any]:
    """A flow of 2,000 invocations: independent nodes, chains and a map, of every kind of body.

    Args:
        limit: Bodies at once.
        scale: Divides the number of nodes.
        tail: Links of 40 ms in one more chain, so that the run lasts at least that long.
        gate: One more node begins at once, and runs until this file is there; the tail is behind it.
    """
    nodes: list[dict[str, Any]] = []

    def add(kind: str, count: int) -> None:
        for _ in range(count // scale):
            n = len(nodes)
            nodes.append({"id": f"{kind}{n}", "action": kind, "inputs": {"n": {"value": n}}})
            if kind == "flaky":
                nodes[-1] |= {"try_count": 2, "retry_strategy": "immediate"}

    if gate is not None:
        nodes.append({"id": "gated", "action": "gated", "inputs": {"path": {"value": str(gate)}}})
    nodes.append({"id": "numbers", "action": "numbers", "inputs": {"count": {"value": 400 // scale}}})
    nodes.append({"id": "each", "action": "slow", "map": {"over": "numbers", "item": "n"}})
    nodes.append({"id": "total", "action": "total", "inputs": {"values": "each"}})
    add("plain", 600)
    add("coroutine", 400)
    for chain in range(10 // min(scale, 10)):
        for link in range(20):
            kind = "coroutine" if link % 2 else "plain"
            source = f"chain{chain}.{link - 1}" if link else {"value": chain}
            nodes.append({"id": f"chain{chain}.{link}", "action": kind, "inputs": {"n": source}})
    add("slow", 150)
    add("slow_coroutine", 150)
    add("flaky", 60)
    add("large", 37)
    nodes += [
        {"id": f"tail{link}", "action": "dozing", "inputs": {"n": f"tail{link - 1}" if link else {"value": 5}}}
        for link in range(tail)
    ]
    if tail and gate is not None:
        nodes[-tail]["dependencies"] = ["gated"]
    return {
        "name": "mixed",
        "actions": [str(BODIES)],
        "config": {"max_parallel_nodes": limit},
        "nodes": nodes,
    }


def expected(flow: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """What each invocation of a ``mixed`` flow must give, by (node, key)."""
    given: dict[tuple[str, str], Any] = {}
    for node in flow["nodes"]:
        name, kind = node["id"], node["action"]
        if name == "gated":
            given[name, ""] = "open"
        elif name == "numbers":
            given[name, ""] = list(range(node["inputs"]["count"]["value"]))
        elif name == "each":
            given |= {(name, str(n)): n * 7 + 3 for n in given["numbers", ""]}
            given[name, ""] = None
        elif name == "total":
            given[name, ""] = sum(n * 7 + 3 for n in given["numbers", ""])
        else:
            source = node["inputs"]["n"]
            n = source["value"] if isinstance(source, dict) else given[source, ""]
            if kind == "large":
                given[name, ""] = "x" * (2_000 if n % 2 else 40_000) + str(n)
            else:
                given[name, ""] = n if kind == "dozing" else n * 7 + CONSTANTS[kind]
    return given


def waiting(gate: Path, *, before: int = 30) -> dict[str, Any]:
    """Some quick nodes, and one that waits for a file: so the run lives as long as the test wants."""
    nodes: list[dict[str, Any]] = [{"id": "gated", "action": "gated", "inputs": {"path": {"value": str(gate)}}}]
    nodes += [{"id": f"plain{n}", "action": "plain", "inputs": {"n": {"value": n}}} for n in range(before)]
    return {"name": "waiting", "actions": [str(BODIES)], "nodes": nodes}


def endless(gate: Path, *, count: int = 2_000, with_burner: bool = False) -> dict[str, Any]:
    """Nodes of 40 ms each, more than will run before somebody cancels it; who comes late all the same finds some at the gate."""
    nodes: list[dict[str, Any]] = []
    if with_burner:
        nodes.append({"id": "burn", "action": "burn", "inputs": {"path": {"value": str(gate)}}})
    kinds = ("dozing", "ticking")
    nodes += [{"id": f"n{n}", "action": kinds[n % 2], "inputs": {"n": {"value": n}}} for n in range(count)]
    nodes += [{"id": f"g{n}", "action": "gated", "inputs": {"path": {"value": str(gate)}}} for n in range(100)]
    return {"name": "endless", "actions": [str(BODIES)], "nodes": nodes}


def chain(kind: str, *, length: int = 50) -> dict[str, Any]:
    """No-op nodes in a row."""
    kinds = {"plain": ("plain",), "coroutine": ("coroutine",), "both": ("plain", "coroutine")}[kind]
    nodes = [
        {
            "id": f"c{n}",
            "action": kinds[n % len(kinds)],
            "inputs": {"n": {"value": n}},
            "dependencies": [f"c{n - 1}"] if n else [],
        }
        for n in range(length)
    ]
    return {"name": "chain", "actions": [str(BODIES)], "nodes": nodes}
