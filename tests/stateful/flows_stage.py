"""Real runs for the model of flows: files as an author writes them, bodies that end when they are told to, and what is in the database."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apsw
import msgspec

from dagger_actors import ActorSystem, Context, EmitEvent, Event, HookEvent, NodeError, action
from dagger_actors.inspection import Inspection
from dagger_actors.testing.simulation import Simulation
from tests.stateful.flows_parts import CALLED, OVER, RETRY_US, FlowSpec, Spec, Told, told

Place = tuple[str, str, int]
"""A run, a node and an item, as everywhere here."""

JUDGED = "its `when` does not hold"


@dataclasses.dataclass(frozen=True)
class Fate:
    """How a body is to end; what it adds where it succeeds."""

    number: int
    is_good: bool
    added: tuple[Spec, ...] = ()

    @property
    def said(self) -> str:
        """What the body says where it fails."""
        return f"told {self.number}"


@dataclasses.dataclass(eq=False)
class Body:
    """One execution of a body.

    Attributes:
        stood: How its attempt stood in the file when it began.
        seen: How what its node depends on did.
        beside: Which others were at work.
    """

    place: Place
    attempt: int
    began_us: int
    future: asyncio.Future[Fate]
    stood: str
    seen: dict[str, str]
    generation: int
    beside: list[Place]
    fate: Fate | None = None
    given: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What it was given, as the model says."""
    is_known: bool = False
    """Whether the model knows that it began."""
    is_learnt: bool = False
    """Whether the model knows that it ended."""
    is_over: bool = False

    def tell(self, fate: Fate) -> None:
        self.fate = fate
        if not self.future.done():
            self.future.set_result(fate)


@dataclasses.dataclass(frozen=True)
class Row:
    """The last row of an invocation."""

    attempt: int
    state: str
    tries: int
    crashes: int
    reason: str
    output: Any
    due: int | None
    ended: int | None
    size: int | None
    started: int | None

    @property
    def is_unknown(self) -> bool:
        """Whether it is parked because nobody knows what its attempt has done."""
        return (self.state, self.reason) == ("waiting", "interrupted")

    @property
    def has_begun(self) -> bool:
        """Whether its node has fanned out, was judged, or has asked: not where a stop, a cancel, a failure or a retry came first."""
        is_cut = self.state == "cancelled" or (self.state == "skipped" and self.reason != JUDGED)
        return self.state != "interrupted" and not (is_cut and self.size is None)


class Stage:
    """One database, and the systems on it."""

    def __init__(self, sim: Simulation, folder: Path) -> None:
        self.sim = sim
        self.folder = folder
        self.bodies: list[Body] = []
        self.generation = 0
        """How many workers there have been."""

        self._looking = contextlib.ExitStack()
        self._look: Inspection | None = None
        self._connection: apsw.Connection | None = None

    def close(self) -> None:
        self._looking.close()

    @property
    def looking(self) -> Inspection:
        """Who reads the file as another process would."""
        if self._look is None:
            self._look = self._looking.enter_context(ActorSystem.look(self.sim.path))
        return self._look

    def open(self) -> ActorSystem:
        """A worker that takes over what others have left."""
        self.generation += 1
        return self.sim.system(actions=[self.work, hear, amend], recover=True)

    @property
    def work(self) -> Any:
        @action(name="work")
        async def work(ctx: Context, item: Any = None, **got: Any) -> dict[str, Any]:
            node = ctx.node_id
            place = (ctx.run_id, node, int(ctx.invocation_key) if ctx.invocation_key else -1)
            future: asyncio.Future[Fate] = asyncio.get_running_loop().create_future()
            body = Body(
                place,
                ctx.attempt,
                self.sim.world.mono_us,
                future,
                self.states()[*place, ctx.attempt],
                self._seen(ctx.run_id, got),
                self.generation,
                self._beside(),
            )
            self.bodies.append(body)
            try:
                fate = await future
            finally:
                body.is_over = True
            if not fate.is_good:
                raise ValueError(fate.said)
            if fate.added:
                ctx.add_nodes(self.written("added", fate.added))
            return {"told": fate.number, "item": told(item), "got": {name[4:]: told(got[name]) for name in sorted(got)}}

        return work

    def _beside(self) -> list[Place]:
        """Bodies that are at work, but for those whose attempts are over, which are about to hear of it."""
        states = self.states()
        return [
            body.place
            for body in self.bodies
            if body.generation == self.generation
            and not body.is_over
            and states[*body.place, body.attempt] in {"ready", "running"}
        ]

    def _seen(self, run_id: str, got: dict[str, Any]) -> dict[str, str]:
        rows = self.rows().get(run_id, {})
        return {name[4:]: rows[name[4:], -1].state for name in got if (name[4:], -1) in rows}

    # --- flows as their authors write them

    def write(self, name: str, flow: FlowSpec) -> Path:
        """Write the file of a flow, and those of the flows inside it."""
        nodes = self.written(name, flow.nodes)
        config: dict[str, Any] = {"max_parallel_nodes": flow.limit}
        if flow.timeout_us is not None:
            config["timeout_seconds"] = flow.timeout_us / 1e6
        hooks = dict.fromkeys(flow.hooks, "hear")
        text = {"name": name, "config": config, "inputs": INPUTS, "nodes": nodes, "hooks": hooks}
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(text))
        return path

    def written(self, name: str, specs: tuple[Spec, ...]) -> list[dict[str, Any]]:
        """Nodes as in the flow file of that name."""
        for spec in specs:
            if spec.flow is not None:
                self.write(f"{name}_{spec.id}", spec.flow)
        return [written(spec, f"{name}_{spec.id}.yaml") for spec in specs]

    # --- what is in the database

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = apsw.Connection(str(self.sim.path), flags=apsw.SQLITE_OPEN_READONLY)
            self._looking.callback(self._connection.close)
        return list(self._connection.execute(sql, parameters))

    def rows(self) -> dict[str, dict[tuple[str, int], Row]]:
        """The last row of every invocation, by run."""
        found: dict[str, dict[tuple[str, int], Row]] = {}
        columns = "attempt, state, try_no, crash_no, reason, output, due_at, ended_seq, size, started_at"
        for run_id, node, item, *rest in self.query(
            f"SELECT run_id, node_id, item, {columns} FROM node_runs ORDER BY attempt"
        ):
            if node.partition(":")[0] in CALLED:
                continue  # it is no node of the flow, but a call
            attempt, state, tries, crashes, reason, output, *more = rest
            value = None if output is None else json.loads(output)
            found.setdefault(run_id, {})[node, item] = Row(attempt, state, tries, crashes, reason or "", value, *more)
        return found

    def states(self) -> dict[tuple[Any, ...], str]:
        """The state of every attempt."""
        columns = "run_id, node_id, item, attempt, state"
        return {tuple(key): state for *key, state in self.query(f"SELECT {columns} FROM node_runs")}

    def final_rows(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Every attempt that is over, with all that was written of it."""
        states = "('succeeded', 'failed', 'timed_out', 'cancelled', 'interrupted', 'skipped')"
        rows = self.query(
            "SELECT run_id, node_id, item, attempt, state, output, error, started_at, finished_at, ended_seq FROM node_runs"
            f" WHERE state IN {states}"
        )
        return {row[:4]: row[4:] for row in rows}

    def statuses(self) -> dict[str, tuple[str, bool, bool]]:
        """The state of each run, or the one that it ends in once its hooks have heard, whether it pauses, and rests because people are asked."""
        sql = "SELECT run_id, coalesce(ending, status), pausing, asks_until >= 0 FROM flow_runs"  # below that it is marked to go on
        return {
            run_id: (status, bool(pausing) and status == "running", bool(asks))
            for run_id, status, pausing, asks in self.query(sql)
        }

    def timed_out(self) -> dict[str, int]:
        """When the time of runs was up; None = their ends are decided, and their hooks are still to hear of them."""
        return dict(self.query("SELECT run_id, finished_at FROM flow_runs WHERE 'timed_out' IN (status, ending)"))

    def ending(self) -> set[str]:
        """Runs of whose end hooks are still to hear."""
        return {run_id for (run_id,) in self.query("SELECT run_id FROM flow_runs WHERE ending IS NOT NULL")}

    def elapsed(self) -> dict[str, int]:
        """How long runs have run, by their last commits."""
        return dict(self.query("SELECT run_id, elapsed_us FROM flow_runs"))

    def amended(self, run_id: str) -> list[Told]:
        """What failure actions have heard, as they say."""
        sql = "SELECT output FROM node_runs WHERE run_id = ? AND node_id GLOB 'failure:*' AND state = 'succeeded'"
        found = [json.loads(output) for (output,) in self.query(sql, run_id)]
        return [("failure", how, node, -1) for node, how in found]

    def starts(self, run_id: str) -> dict[str, bool]:
        """Nodes whose start hooks were called for, and whether these have heard of it."""
        sql = "SELECT node_id, state, max(attempt) FROM node_runs WHERE run_id = ? AND node_id GLOB 'node_start:*' GROUP BY node_id"
        return {name.partition(":")[2]: state in OVER for name, state, _ in self.query(sql, run_id)}

    def marked(self) -> set[str]:
        """Runs of flows inside others that rest, and are to be resumed or tried again when it is their turn."""
        return {run_id for (run_id,) in self.query("SELECT run_id FROM flow_runs WHERE asks_until < 0")}

    def state_of(self, run_id: str, node: str) -> str | None:
        """How a node stands."""
        row = self.rows().get(run_id, {}).get((node, -1))
        return None if row is None else row.state

    def has_run(self, run_id: str, node: str) -> bool:
        """Whether something of a node has ever begun."""
        sql = "SELECT 1 FROM node_runs WHERE run_id = ? AND node_id = ? AND attempt > 0 AND state NOT IN ('ready', 'skipped')"
        return bool(self.query(sql, run_id, node))

    def has_answer(self, run_id: str, node: str) -> bool:
        """Whether somebody has answered the last question of a node."""
        sql = """SELECT max(attempt), attempt = (SELECT max(attempt) FROM node_runs AS n WHERE n.run_id = a.run_id AND n.node = a.node)
            FROM answers JOIN node_runs AS a USING (run_key, node, item, attempt) WHERE run_id = ? AND node_id = ?"""
        return any(is_last for _, is_last in self.query(sql, run_id, node))


@action(name="hear")
async def hear(event: HookEvent) -> EmitEvent:
    return EmitEvent("heard", msgspec.to_builtins(event))


@action(name="amend")
async def amend(error: NodeError) -> list[str]:
    how = {"builtins.ValueError": error.message, "builtins.TimeoutError": "timed_out"}
    return [error.node_id, how.get(error.type, "failed")]


def heard(events: Iterable[Event]) -> list[Told]:
    """What hooks have heard, as they say."""
    found = [event.data for event in events if event.kind == "emitted"]
    items = [int(one["invocation_key"] or -1) for one in found]
    return [(one["event"], one["state"], one["node_id"], item) for one, item in zip(found, items, strict=True)]


INPUTS: dict[str, Any] = {"yes": True} | {
    f"list{size}": {"type": "list", "default": list(range(size))} for size in range(4)
}
INPUTS["item"] = {"type": "any", "default": None}


def written(spec: Spec, file: str = "") -> dict[str, Any]:
    """A node as in a flow file."""
    node: dict[str, Any] = {"id": spec.id, "dependencies": list(spec.on), "on_failure": spec.on_failure}
    node["trigger"] = spec.trigger
    if spec.has_failure:
        node["failure"] = "amend"
    if spec.when is not None:
        node["when"] = {"reference": "inputs.yes", "equals": spec.when}
    if spec.is_map:
        over = f"inputs.list{spec.items}" if spec.over is None else spec.over
        node["map"] = {"over": over, "item": "item", "tolerate": spec.tolerate}
        if spec.width is not None:
            node["map"]["limit"] = spec.width
    if spec.kind == "ask":
        node["approval"] = {"message": "so?", "type": "bool"}
        if spec.timeout_us is not None:
            node["approval"]["timeout_s"] = spec.timeout_us / 1e6
        if spec.autopilot is not None:
            node["approval"] |= {"on_timeout": "autopilot", "default": spec.autopilot}
        return node
    if spec.timeout_us is not None:
        node["timeout"] = spec.timeout_us / 1e6
    if spec.kind == "flow":
        return node | {"flow": file}
    node |= {"action": "work", "try_count": spec.tries, "inputs": dict(_inputs(spec))}
    if spec.tries > 1:
        node["retry_strategy"] = {"linear": {"delay_secs": RETRY_US / 1e6}}
    if spec.is_careful:
        node["durability"] = "at_most_once"
        if spec.tries > 1:
            node["retry_strategy"]["retry_on"] = ["ValueError"]
    return node


def _inputs(spec: Spec) -> Iterable[tuple[str, Any]]:
    for on in spec.on:
        if on != spec.over:
            default = {} if spec.trigger == "all_succeeded" else {"default": "nothing"}
            yield f"got_{on}", {"node": on} | default
