"""A08 with a death around each commit: growth is whole or not there, an event is stored once, a hook's cancel holds."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import closing
from typing import Any

import apsw
import pytest

from dagger_actors import (
    ActorSystem,
    AddNodes,
    CancelNode,
    CancelRun,
    Context,
    EmitEvent,
    GrowthRefused,
    HookEvent,
    Report,
)
from dagger_actors.flow.running.run_events import HookEmitted, RunEvent
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation
from tests.acceptance.test_A08_hooks import own

GROWN: list[dict[str, Any]] = [
    {"id": "left", "action": "quiet"},
    {"id": "right", "action": "quiet"},
    {"id": "both", "action": "quiet", "dependencies": ["left", "right"]},
]
BAD: list[dict[str, Any]] = [
    {"id": "good", "action": "quiet"},
    {"id": "bad", "action": "quiet", "dependencies": ["zz"]},
]


def quiet() -> int:
    return 1


def grow(event: HookEvent) -> list[AddNodes]:
    """Good nodes for one, and for another both good ones and bad ones."""
    if event.node_id == "bare":
        return [AddNodes(BAD[:1]), AddNodes(BAD[1:])]
    return [AddNodes(GROWN[:2]), AddNodes(GROWN[2:])] if event.node_id == "a" else []


def grows(ctx: Context) -> None:
    ctx.add_nodes(GROWN[:2])
    ctx.add_nodes(GROWN[2:])


def grows_badly(ctx: Context) -> None:
    with pytest.raises(GrowthRefused, match="unknown dependency 'zz'"):
        ctx.add_nodes(BAD)


FLOWS: dict[str, dict[str, Any]] = {
    "a hook": {
        "name": "f",
        "hooks": {"node_success": "grow"},
        "nodes": [{"id": "a", "action": "quiet"}, {"id": "bare", "action": "quiet"}],
    },
    "an action": {
        "name": "f",
        "nodes": [{"id": "a", "action": "grows"}, {"id": "bare", "action": "grows_badly"}],
    },
}
ADDERS = {"a hook": "node_success:a", "an action": "a"}


def found(sim: Simulation, adder: str) -> tuple[set[str], bool]:
    """The nodes that the file says were added, and whether it says that who adds them has succeeded."""
    with closing(apsw.Connection(str(sim.path))) as file:
        done = file.execute("SELECT 1 FROM node_runs WHERE node_id = ? AND state = 'succeeded'", (adder,)).fetchall()
        added = file.execute("SELECT body ->> 'id' FROM added_nodes").fetchall()
        return {name for (name,) in added if ":" not in name}, bool(done)


@pytest.mark.parametrize("who", FLOWS)
def test_whichever_commit_a_process_dies_at_nodes_are_added_whole_or_not_at_all(who: str) -> None:
    """Law: what is added, in however many pieces, is in the file with the success of who adds it: all of it, or nothing."""
    looks: Counter[int] = Counter()

    def adds(sim: Simulation) -> None:
        def look() -> None:
            added, is_done = found(sim, ADDERS[who])
            assert added == ({node["id"] for node in GROWN} if is_done else set())
            looks[len(added)] += 1

        def play(system: ActorSystem) -> Report:
            look()
            report = system.flows.start(FLOWS[who], run_id="r").wait()
            look()
            return report

        report = sim.keep_going(play, actions=[quiet, grow, grows, grows_badly])
        assert own(report) == dict.fromkeys(("a", "bare", "left", "right", "both"), "succeeded")
        assert report.state == ("failed" if who == "a hook" else "succeeded")
        assert who == "an action" or "unknown dependency 'zz'" in (report.error or "")

    assert explore(adds, seeds=1, crash="every_commit").commits > 3
    assert min(looks[0], looks[len(GROWN)]) > 2


def told(system: ActorSystem) -> list[tuple[int, str, str, Any]]:
    """The events of hooks that the file has, by number."""
    events = system._hub.archive.events("r")
    return [(one.seq, one.node_id, one.name, one.data) for one in events if one.kind == "emitted"]


def test_whichever_commit_a_process_dies_at_an_event_is_emitted_and_stored_once() -> None:
    """Law: one for each that a hook has returned, with its number for good; who watches hears of no other, and of none twice."""

    def emits(sim: Simulation) -> None:
        heard: list[RunEvent] = []
        seen: list[tuple[int, str, str, Any]] = []

        def emit(event: HookEvent) -> list[EmitEvent]:
            return [EmitEvent("done", {"of": event.node_id}), EmitEvent("again", {"of": event.node_id})]

        def number(item: int = 0) -> int:
            return item

        nodes = [
            {"id": "a", "action": "number"},
            {"id": "each", "action": "number", "map": {"over": "inputs.items", "item": "item"}, "dependencies": ["a"]},
            {"id": "b", "action": "number", "dependencies": ["a"]},
        ]
        spec = {"name": "f", "inputs": {"items": [1, 2]}, "hooks": {"node_success": "emit"}, "nodes": nodes}

        def play(system: ActorSystem) -> list[tuple[int, str, str, Any]]:
            run = system.flows.start(spec, run_id="r")
            assert told(system)[: len(seen)] == seen
            run.wait()
            seen[:] = told(system)
            return seen

        stored = sim.keep_going(play, actions=[number, emit], observer=heard.extend)
        assert sim.keep_going(told) == stored
        expected = [(name, {"of": of}) for of in ("a", "b", "each") for name in ("again", "done")]
        ours = Counter((name, str(data)) for _, _, name, data in stored)
        assert ours == Counter((name, str(data)) for name, data in expected)
        live = Counter((one.name, one.data) for one in heard if isinstance(one, HookEmitted))
        assert set(live.values()) <= {1}
        assert len(live) <= len(ours)
        assert sim.deaths or len(live) == len(ours)

    assert explore(emits, seeds=2, crash="every_commit").commits > 4


def test_whichever_commit_a_process_dies_at_a_hook_cancels_the_run() -> None:
    """Law: nothing begins once the hook has been heard, whoever takes the run over; what it stops is stopped for good."""

    def ends(sim: Simulation) -> None:
        began: list[str] = []

        async def works(name: str) -> None:
            began.append(name)
            await asyncio.sleep(5 if name == "beside" else 1)

        def enough(event: HookEvent) -> CancelRun | None:
            return CancelRun() if event.node_id == "b" else None

        after = {"a": [], "b": ["a"], "c": ["b"], "beside": []}
        nodes = [
            {"id": name, "action": "works", "inputs": {"name": {"value": name}}, "dependencies": dependencies}
            for name, dependencies in after.items()
        ]
        spec = {"name": "f", "hooks": {"node_start": "enough"}, "nodes": nodes}

        def play(system: ActorSystem) -> Report:
            return system.flows.start(spec, run_id="r").wait()

        report = sim.keep_going(play, actions=[works, enough])
        assert report.state == "cancelled"
        states = own(report)
        assert states.pop("beside") in ("cancelled", "skipped")  # a death may have stopped it before
        assert states == {"a": "succeeded", "b": "skipped", "c": "skipped"}
        assert not {"b", "c"} & set(began)
        sim.keep_going(lambda _: sim.advance(6), actions=[works, enough], recover=True)
        assert not {"b", "c"} & set(began)

    assert explore(ends, seeds=1, crash="every_commit").commits > 4


def test_whichever_commit_a_process_dies_at_max_iterations_halts_a_hook() -> None:
    """Law: what was added before a death counts after it; the call that goes one too far fails, and nothing comes of it."""

    def grows_on(sim: Simulation) -> None:
        def more(event: HookEvent) -> AddNodes:
            return AddNodes([{"id": f"{event.node_id}n", "action": "quiet"}])

        nodes = [{"id": "a", "action": "quiet"}]
        spec = {"name": "f", "config": {"max_iterations": 3}, "hooks": {"node_success": "more"}, "nodes": nodes}

        def play(system: ActorSystem) -> Report:
            return system.flows.start(spec, run_id="r").wait()

        report = sim.keep_going(play, actions=[quiet, more])
        assert own(report) == dict.fromkeys(("a", "an", "ann", "annn"), "succeeded")
        assert report.error is not None
        assert report.error.startswith("node_success:annn: GrowthRefused: ")
        assert "would be iteration 4, and the flow's max_iterations is 3" in report.error

    assert explore(grows_on, seeds=2, crash="every_commit").commits > 6


def test_whichever_commit_a_process_dies_at_many_nodes_that_are_ready_at_once_are_all_heard() -> None:
    """Law: no deadlock between hooks and the nodes that wait for them, though there is room for few and somebody dies."""

    def hears(sim: Simulation) -> None:
        def hear(event: HookEvent) -> None:
            del event

        nodes = [{"id": f"n{at}", "action": "quiet"} for at in range(20)]
        hooks = {"node_start": "hear", "node_success": "hear"}
        spec = {"name": "f", "config": {"max_parallel_nodes": 2}, "hooks": hooks, "nodes": nodes}

        def play(system: ActorSystem) -> Report:
            return system.flows.start(spec, run_id="r").wait()

        report = sim.keep_going(play, actions=[quiet, hear])
        assert report.state == "succeeded"
        calls = Counter(node.node_id for node in report.nodes if node.called_for)
        assert calls == Counter(f"{event}:n{at}" for event in hooks for at in range(20))

    assert explore(hears, seeds=1, crash="every_commit").commits > 10


def test_a_failure_that_is_found_after_a_death_and_was_cancelled_by_a_hook_meanwhile_stops_nobody() -> None:
    """Law: what a dead process left says that both have ended; the hook comes first, and the run goes on to its end."""
    how: Counter[str] = Counter()

    def cancels(sim: Simulation) -> None:
        def fails() -> None:
            raise ValueError("no")

        def cancel(event: HookEvent) -> CancelNode | None:
            return CancelNode("fails") if event.node_id == "a" else None

        nodes = [
            {"id": "a", "action": "quiet"},
            {"id": "b", "action": "quiet"},
            {"id": "fails", "action": "fails", "dependencies": ["b"], "on_failure": "continue"},
            {"id": "last", "action": "quiet", "dependencies": ["fails"], "trigger": "all_done"},
        ]
        spec = {"name": "f", "hooks": {"node_success": "cancel"}, "nodes": nodes}
        report = sim.keep_going(
            lambda system: system.flows.start(spec, run_id="r").wait(), actions=[quiet, fails, cancel]
        )
        states = own(report)
        how[f"{states.pop('fails')} after {bool(sim.deaths)}"] += 1
        assert states == dict.fromkeys(("a", "b", "last"), "succeeded")

    explore(cancels, seeds=range(3, 7), crash="every_commit")
    assert min(how["cancelled after True"], how["failed after True"]) > 1


@pytest.mark.parametrize("limit", [1, 16])
def test_a_hook_that_a_death_has_cut_off_is_called_once_more_where_its_run_is_cancelled(
    sim: Simulation, limit: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: never two executions of one attempt, though whoever cancels the run opens it for that."""
    called: list[str] = []

    async def hear(event: HookEvent) -> None:
        called.append(event.event)
        await asyncio.sleep(5)

    spec = {
        "name": "f",
        "config": {"max_parallel_nodes": limit},
        "hooks": {"run_start": "hear"},
        "nodes": [{"id": "a", "action": "quiet"}],
    }
    first = sim.system(actions=[quiet, hear])
    first.flows.start(spec, run_id="r")
    sim.advance(1)
    sim.kill(first)
    second = sim.system(actions=[quiet, hear])
    assert second.flows.cancel("r").state == "cancelled"
    sim.advance(20)
    assert called == ["run_start", "run_start"]
    assert not caplog.records
