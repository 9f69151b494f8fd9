"""Random flows whose bodies follow a script, a record of all that ran, and a model of how each flow must end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import apsw
import msgspec

from dagger_actors import Context, action
from dagger_actors.testing.simulation import Simulation


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What the body of one node does: which of its tries fail, how long each lasts, whether it ignores cancels."""

    failures: int
    duration_s: float
    is_async: bool
    is_deaf: bool = False


class Node(msgspec.Struct, frozen=True, kw_only=True):
    dependencies: tuple[int, ...]
    script: Script
    tries: int
    on_failure: str
    items: int | None
    timeout_s: float | None
    trigger: str = "all_succeeded"
    when: bool | None = None
    source: int | None = None
    bad_item: int | None = None
    tolerate: int = 0
    width: int | None = None
    priority: int = 0
    is_careful: bool = False


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    nodes: tuple[Node, ...]
    limit: int
    is_sequential: bool


class Body(msgspec.Struct):
    """One execution of a body."""

    node: int
    key: str
    attempt: int
    started_us: int
    ended_us: int | None = None
    is_cut_off: bool = False


def random_flow(
    chance: random.Random, *, policies: tuple[str, ...] = ("continue",), with_timeouts: bool = False
) -> Flow:
    """Make a flow of 1 to 10 nodes."""
    nodes: list[Node] = []
    for position in range(chance.randint(1, 10)):
        wanted = chance.sample(range(position), min(position, chance.choice((0, 1, 1, 2, 3))))
        tries = chance.choice((1, 1, 2, 3))
        duration = chance.choice((0.0, 0.0, 0.1, 1.0, 2.5))
        timeout = chance.choice((None, 1.5)) if with_timeouts and duration else None
        nodes.append(
            Node(
                dependencies=tuple(sorted(wanted)),
                script=Script(
                    failures=chance.choice((0, 0, 0, 0, 1, 2, 9)),
                    duration_s=duration,
                    is_async=chance.random() < 0.6 or duration > 0,
                    is_deaf=chance.random() < 0.3,
                ),
                tries=tries,
                on_failure=chance.choice(policies),
                items=chance.choice((None, None, None, 0, 1, 3)),
                timeout_s=timeout,
            )
        )
    return Flow(nodes=tuple(nodes), limit=chance.randint(1, 4), is_sequential=chance.random() < 0.15)


def enriched(flow: Flow, chance: random.Random) -> Flow:
    """Give the nodes of a flow triggers, predicates, maps over maps, tolerated failures, widths, priorities, one try at most."""
    nodes: list[Node] = []
    for node in flow.nodes:
        mapped = [on for on in node.dependencies if nodes[on].items is not None]
        source = chance.choice(mapped) if mapped and chance.random() < 0.6 else None
        is_careful = chance.random() < 0.15
        trigger = "all_succeeded"
        if source is None and node.dependencies:
            trigger = chance.choice(
                ("all_succeeded", "all_succeeded", "all_done", "any_succeeded", "any_failed", "none_failed")
            )
        items = nodes[source].items if source is not None else node.items
        more = {
            "items": items,
            "source": source,
            "trigger": trigger,
            "when": chance.choice((None, None, None, True, False)),
            "bad_item": chance.choice((None, 0, 1)) if items is not None else None,
            "tolerate": chance.choice((0, 0, 1)) if items is not None else 0,
            "width": chance.choice((None, 1, 2)) if items is not None else None,
            "priority": chance.choice((0, 0, 5, -5)),
            "is_careful": is_careful,
            "tries": 1 if is_careful else node.tries,
        }
        nodes.append(msgspec.structs.replace(node, **more))
    return msgspec.structs.replace(flow, nodes=tuple(nodes))


def holds(trigger: str, ends: list[str]) -> bool:
    """The published table, written once more."""
    failed = [end for end in ends if end in ("failed", "timed_out")]
    return {
        "all_succeeded": all(end == "succeeded" for end in ends),
        "all_done": True,
        "any_succeeded": "succeeded" in ends,
        "any_failed": bool(failed),
        "none_failed": not failed,
    }[trigger]


class Stage:
    """Runs one flow in one simulation and remembers every body, across the deaths of workers."""

    def __init__(self, sim: Simulation, flow: Flow) -> None:
        self.sim = sim
        self.flow = flow
        self.bodies: list[Body] = []
        self.complaints: list[str] = []
        self.is_cancelled = False
        self.kept: set[tuple[int, int, int]] = set()
        self._connection: apsw.Connection | None = None

    # --- the flow as its author would write it

    def spec(self) -> dict[str, Any]:
        nodes: list[dict[str, Any]] = []
        for position, node in enumerate(self.flow.nodes):
            one: dict[str, Any] = {
                "id": f"n{position}",
                "action": f"body{position}",
                "dependencies": [f"n{on}" for on in node.dependencies],
                "inputs": {},
                "on_failure": node.on_failure,
                "try_count": node.tries,
                "retry_strategy": {"linear": {"delay_secs": 1.0}},
            }
            if node.items is not None:
                over = f"inputs.items{position}" if node.source is None else f"n{node.source}"
                one["map"] = {"over": over, "item": "item", "tolerate": node.tolerate}
                if node.width is not None:
                    one["map"]["limit"] = node.width
            one |= {"trigger": node.trigger, "priority": node.priority}
            if node.is_careful:
                del one["retry_strategy"]
                one["durability"] = "at_most_once"
            if node.when is not None:
                one["when"] = {"reference": f"inputs.flag{position}", "equals": True}
            if node.timeout_s is not None:
                one["timeout"] = node.timeout_s
            nodes.append(one)
        config = {"max_parallel_nodes": self.flow.limit, "enable_parallel_execution": not self.flow.is_sequential}
        inputs = {
            f"items{at}": list(range(node.items))
            for at, node in enumerate(self.flow.nodes)
            if node.items is not None and node.source is None
        }
        inputs |= {f"flag{at}": node.when for at, node in enumerate(self.flow.nodes) if node.when is not None}
        return {"name": "random", "config": config, "inputs": inputs, "nodes": nodes}

    def actions(self) -> list[Callable[..., Any]]:
        return [self._action(position) for position in range(len(self.flow.nodes))]

    def _action(self, position: int) -> Callable[..., Any]:
        script = self.flow.nodes[position].script
        name = f"body{position}"
        if script.is_async:

            @action(name=name)
            async def body(ctx: Context, item: Any = None) -> dict[str, Any]:
                record = self._begin(position, ctx)
                try:
                    await self._last(script)
                finally:
                    record.ended_us = self.sim.world.mono_us
                return self._end(position, ctx, item)

            return body

        @action(name=name)
        def plain(ctx: Context, item: Any = None) -> dict[str, Any]:
            record = self._begin(position, ctx)
            record.ended_us = self.sim.world.mono_us
            return self._end(position, ctx, item)

        return plain

    async def _last(self, script: Script) -> None:
        until = self.sim.world.mono_us + round(script.duration_s * 1e6)
        while (remaining := until - self.sim.world.mono_us) > 0:
            try:
                await asyncio.sleep(remaining / 1e6)
            except asyncio.CancelledError:
                if not script.is_deaf:
                    raise

    def _begin(self, position: int, ctx: Context) -> Body:
        self._check_start(position, ctx)
        body = Body(position, ctx.invocation_key, ctx.attempt, self.sim.world.mono_us)
        self.bodies.append(body)
        return body

    def _end(self, position: int, ctx: Context, item: Any) -> dict[str, Any]:
        # The user's tries, not the attempts: an attempt cut off by a death is made again and must behave the same.
        try_no = self._try_no(ctx, position)
        node = self.flow.nodes[position]
        if node.bad_item is not None and ctx.invocation_key == str(node.bad_item):
            raise ValueError("the bad item")
        if try_no <= node.script.failures:
            raise ValueError(f"try {try_no}")
        return {"node": position, "item": item, "try": try_no}

    def _try_no(self, ctx: Context, position: int) -> int:
        rows = self.query(
            "SELECT try_no FROM node_runs WHERE node=? AND invocation_key=? AND attempt=? AND item"
            + (">=0" if ctx.invocation_key else "<0"),
            position,
            ctx.invocation_key,
            ctx.attempt,
        )
        return int(rows[0][0])

    # --- looking at the file, as another process would

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = apsw.Connection(str(self.sim.path), flags=apsw.SQLITE_OPEN_READONLY)
        return list(self._connection.execute(sql, parameters))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _check_start(self, position: int, ctx: Context) -> None:
        """The laws of a start, checked against what is durable at that moment."""
        where = f"n{position}[{ctx.invocation_key}] attempt {ctx.attempt}"
        node = self.flow.nodes[position]
        for on in node.dependencies:
            if on == node.source:
                sql = "SELECT state FROM node_runs WHERE node=? AND item=? ORDER BY attempt DESC LIMIT 1"
                rows = self.query(sql, on, int(ctx.invocation_key))
                if rows != [("succeeded",)]:
                    self.complaints.append(f"{where} started while its item of n{on} was {rows}")
                continue
            if node.trigger != "all_succeeded":
                rows = self.query(
                    "SELECT state FROM node_runs WHERE node=? AND item<0 ORDER BY attempt DESC LIMIT 1", on
                )
                if not rows or rows[0][0] not in ("succeeded", "failed", "skipped", "timed_out"):
                    self.complaints.append(f"{where} started while n{on} was {rows}")
                continue
            rows = self.query("SELECT state FROM node_runs WHERE node=? AND item<0 ORDER BY attempt DESC LIMIT 1", on)
            if rows != [("succeeded",)]:
                self.complaints.append(f"{where} started while n{on} was {rows}")
        if self.is_cancelled:
            self.complaints.append(f"{where} started after the cancel was recorded")
        granted = self.query(
            "SELECT state FROM node_runs WHERE node=? AND invocation_key=? AND attempt=? AND attempt>0",
            position,
            ctx.invocation_key,
            ctx.attempt,
        )
        if not granted or granted[-1][0] not in ("ready", "running"):
            self.complaints.append(f"{where} started while its row was {granted}")
        status = self.query("SELECT status FROM flow_runs")[0][0]
        if status not in ("pending", "running"):
            self.complaints.append(f"{where} started while the run was {status}")
        if node.is_careful and any((other.node, other.key) == (position, ctx.invocation_key) for other in self.bodies):
            self.complaints.append(f"{where} began a second time, though at most once was asked")
        for other in self.bodies:
            if (other.node, other.key, other.attempt) == (position, ctx.invocation_key, ctx.attempt):
                self.complaints.append(f"{where} was executed twice")

    # --- what was true once must stay true

    def note_cancelled(self) -> None:
        """From here on nothing may start, until somebody tries the run again."""
        self.is_cancelled = True

    def note_run_again(self) -> None:
        """The run is about to be resumed or retried: what has succeeded by now must not be done again."""
        self.is_cancelled = False
        self.kept |= set(self.query("SELECT node, item, attempt FROM node_runs WHERE state='succeeded'"))

    def check_kept(self) -> None:
        rows = set(self.query("SELECT node, item, attempt FROM node_runs WHERE state='succeeded'"))
        assert self.kept <= rows, self.kept - rows
        for node, item, attempt in self.kept:
            later = self.query(
                "SELECT attempt FROM node_runs WHERE node=? AND item=? AND attempt>?", node, item, attempt
            )
            assert not later, (node, item, attempt, later)

    # --- what must be true at the end

    def check_rows(self) -> None:
        """Every attempt ended once; bodies and rows tell one story."""
        rows = self.query("SELECT node, item, attempt, state, started_at, finished_at FROM node_runs")
        status = self.query("SELECT status FROM flow_runs")[0][0]
        if status in ("succeeded", "failed", "cancelled", "timed_out"):
            assert all(row[3] not in ("ready", "running", "waiting") for row in rows), (status, rows)
        known = {(row[0], str(row[1]) if row[1] >= 0 else "", row[2]) for row in rows}
        assert all((body.node, body.key, body.attempt) in known for body in self.bodies)
        assert self.query("PRAGMA integrity_check") == [("ok",)]
        assert self.query("SELECT * FROM commands") == []

    def check_concurrency(self) -> None:
        """Live attempts never outnumber the limit; bodies whose attempt was ended for them stand apart."""
        limit = 1 if self.flow.is_sequential else self.flow.limit
        ends = {
            (node, str(item) if item >= 0 else "", attempt): finished
            for node, item, attempt, finished in self.query(
                "SELECT node, item, attempt, finished_at FROM node_runs WHERE state IN ('timed_out','cancelled','interrupted')"
            )
        }
        offset = self.sim.world.wall_offset_us
        moments: list[tuple[int, int]] = []
        for body in self.bodies:
            cut = ends.get((body.node, body.key, body.attempt))
            end = body.ended_us if body.ended_us is not None else (cut - offset if cut is not None else body.started_us)
            if cut is not None:
                end = min(end, cut - offset)
            if end > body.started_us:
                moments += [(body.started_us, 1), (end, -1)]
        live = 0
        for _, change in sorted(moments):
            live += change
            assert live <= limit, (limit, self.bodies)

    def expected(self) -> dict[tuple[int, int], str]:
        """How a flow of `continue` nodes must end, whatever the order and the crashes: by the flow alone."""
        states: dict[tuple[int, int], str] = {}
        for position, node in enumerate(self.flow.nodes):
            ends = [states[on, -1] for on in node.dependencies]
            if not holds(node.trigger, ends) or node.when is False:
                states[position, -1] = "skipped"
                continue
            fails = node.script.failures >= node.tries
            late = node.timeout_s is not None and node.script.duration_s > node.timeout_s
            end = "timed_out" if late else "failed" if fails else "succeeded"
            if node.items is not None:
                for item in range(node.items):
                    own = "failed" if item == node.bad_item and end == "succeeded" else end
                    is_hole = node.source is not None and states[node.source, item] != "succeeded"
                    states[position, item] = "skipped" if is_hole else own
                ended = [states[position, item] for item in range(node.items)]
                failures = sum(state in ("failed", "timed_out") for state in ended)
                end = "succeeded" if failures <= node.tolerate else "failed"
            states[position, -1] = end
        return states

    def actual(self) -> dict[tuple[int, int], str]:
        rows = self.query("SELECT node, item, attempt, state FROM node_runs ORDER BY node, item, attempt")
        states = {(node, item): state for node, item, _, state in rows}
        # A node that goes over another's items as they come may have begun with some when the other fails in the end.
        return {
            (node, item): state for (node, item), state in states.items() if item < 0 or states[node, -1] != "skipped"
        }
