"""``fork``: a new run shares what an old one has done; the old one is never changed."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import ActorSystem, AddNodes, Context, HookEvent, Report
from dagger_actors.errors import ForkRefused, InvalidInputs, NeverRan, RequestError, RunConflict, UnknownNode
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation


class Stage:
    """Actions that note what they do; what they add is the stage's to say."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.broken: set[str] = set()
        self.added: list[dict[str, Any]] = []

    @property
    def actions(self) -> list[Any]:
        def note(ctx: Context) -> None:
            self.ran.append(ctx.node_id + ctx.invocation_key)
            if ctx.node_id + ctx.invocation_key in self.broken:
                raise ValueError("broken")

        def give(value: Any, ctx: Context) -> Any:
            note(ctx)
            return value

        def add_up(values: Any, ctx: Context, extra: int = 0) -> int:
            note(ctx)
            return sum(one or 0 for one in values) + extra

        def large(ctx: Context) -> str:
            note(ctx)
            ctx.save("notes.txt", b"notes", media_type="text/plain")
            ctx.cache.put("who", ctx.node_id)
            return "x" * 100_000

        def recall(text: str, ctx: Context) -> Any:
            note(ctx)
            return [ctx.cache.get("who"), len(text)]

        def grow(ctx: Context) -> int:
            note(ctx)
            ctx.add_nodes(self.added)
            return 1

        return [give, add_up, large, recall, grow]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def give(name: str, value: Any, **keys: Any) -> dict[str, Any]:
    return {"id": name, "action": "give", "inputs": {"value": value}, **keys}


FAN: dict[str, Any] = {
    "name": "fan",
    "inputs": {"numbers": {"type": "list", "default": [1, 2, 3]}, "extra": {"type": "int", "default": 0}},
    "config": {"on_failure": "continue"},
    "nodes": [
        give("list", "inputs.numbers"),
        give("items", "list", map={"over": "list", "item": "value", "tolerate": 1}) | {"inputs": {}},
        {"id": "sum", "action": "add_up", "inputs": {"values": "items", "extra": "inputs.extra"}},
        give("never", {"value": 0}, when={"node": "list", "equals": [0]}),
        give("beside", {"value": "beside"}),
        give("last", "sum"),
    ],
}


def rows_of(path: Path, run_id: str) -> dict[str, list[Any]]:
    """Every row that belongs to a run, in any table."""
    with closing(apsw.Connection(str(path))) as connection:
        ((key,),) = connection.execute("SELECT run_key FROM flow_runs WHERE run_id = ?", (run_id,))
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found = {}
        for name in names:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            if "run_key" in columns:
                query = f"SELECT * FROM {name} WHERE run_key = ? ORDER BY 1, 2, 3"
                found[name] = list(connection.execute(query, (key,)))
    return found


def states(report: Report) -> dict[str, str]:
    return {one.node_id + one.invocation_key: one.state for one in report.nodes}


def test_what_is_upstream_and_beside_is_shared_and_the_old_run_stays_as_it_was(sim: Simulation, stage: Stage) -> None:
    """Law: only the named node and its descendants run; outputs, skips and holes of a map are those of the old run."""
    system = sim.system(actions=stage.actions)
    stage.broken = {"items1"}
    old = system.flows.start(FAN, run_id="old").wait()
    assert (old.state, old.outputs["last"]) == ("succeeded", 4)
    before = rows_of(sim.path, "old")
    stage.ran.clear()
    report = system.flows.fork("old", start_from=["sum"], inputs={"extra": 10}, run_id="new").wait()
    assert (report.state, report.outputs) == ("succeeded", {**old.outputs, "last": 14})
    assert stage.ran == ["sum", "last"]
    assert states(report) == states(old)
    shared = next(one for one in report.nodes if one.node_id == "list")
    assert (shared.reason, shared.output, shared.attempts[0].started_us) == ("forked from old", [1, 2, 3], None)
    assert report.forked_from is not None
    assert (report.forked_from.run_id, report.forked_from.nodes) == ("old", ("sum",))
    assert rows_of(sim.path, "old") == before
    assert system.flows.report("old") == old


def test_a_fork_is_a_run_like_any_other(sim: Simulation, stage: Stage) -> None:
    """Law: it is forked, retried and started twice; a fan-out in it may be over a new list."""
    system = sim.system(actions=stage.actions)
    system.flows.start(FAN, run_id="a").wait()
    stage.broken = {"last"}
    assert system.flows.fork("a", start_from=["sum"], inputs={"extra": 1}, run_id="b").wait().state == "failed"
    stage.broken.clear()
    stage.ran.clear()
    assert system.flows.retry("b").wait().outputs["last"] == 7
    assert stage.ran == ["last"]
    again = system.flows.fork("a", start_from=["sum"], inputs={"extra": 1}, run_id="b")
    assert (again.wait().outputs["last"], stage.ran) == (7, ["last"])
    inputs = {"numbers": [4, 5, 6, 7]}
    report = system.flows.fork("b", start_from=["list"], inputs=inputs, run_id="c").wait()
    assert report.outputs["last"] == 23
    assert report.forked_from is not None
    assert report.forked_from.run_id == "b"
    assert "beside" not in stage.ran
    stage.ran.clear()
    assert system.flows.retry("c", start_from=["beside"]).wait().state == "succeeded"
    assert stage.ran == ["beside"]


def test_a_run_that_failed_or_was_stopped_is_forked_too(sim: Simulation, stage: Stage) -> None:
    """Law: what failed, and what its end kept from beginning, runs in the fork, wherever that is forked from."""
    nodes = [give("a", {"value": 1}), give("bad", "a"), give("b", "a", dependencies=["a", "bad"]), give("c", "b")]
    spec = {
        "name": "f",
        "nodes": [*nodes, give("other", "a", priority=-1)],
        "config": {"enable_parallel_execution": False},
    }
    stage.broken = {"bad"}
    system = sim.system(actions=stage.actions)
    old = system.flows.start(spec, run_id="old").wait()
    assert states(old) == {"a": "succeeded", "bad": "failed", "b": "skipped", "c": "skipped", "other": "skipped"}
    stage.broken.clear()
    stage.ran.clear()
    assert system.flows.fork("old", start_from=["bad"]).wait().outputs == {"c": 1, "other": 1}
    assert sorted(stage.ran) == ["b", "bad", "c", "other"]


def test_artifacts_and_values_of_the_run_are_those_of_both(sim: Simulation, stage: Stage) -> None:
    """Law: they are used by both runs, are read in the fork, and are stored once."""
    nodes = [{"id": "big", "action": "large"}, {"id": "small", "action": "recall", "inputs": {"text": "big"}}]
    system = sim.system(actions=stage.actions)
    old = system.flows.start({"name": "f", "nodes": nodes}, run_id="old").wait()
    new = system.flows.fork("old", start_from=["small"], run_id="new").wait()
    assert new.outputs == old.outputs == {"small": ["big", 100_000]}
    assert new.nodes[0].output == old.nodes[0].output
    assert new.nodes[0].artifacts == old.nodes[0].artifacts != ()
    uses = [(one.run_id, one.role, one.artifact_id) for one in system.artifacts.list() if one.node_id == "big"]
    assert {use[1:] for use in uses if use[0] == "new"} == {use[1:] for use in uses if use[0] == "old"}
    assert len(uses) == 4


def test_a_run_is_forked_while_it_goes_on(sim: Simulation, stage: Stage) -> None:
    """Law: the fork shares what has succeeded by then, and both come to their end."""
    sim.stub("late", returns=5, takes_s=10)

    def late() -> int:
        return 0

    spec = {"name": "f", "nodes": [give("a", {"value": 1}), give("b", "a"), {"id": "late", "action": "late"}]}
    system = sim.system(actions=[*stage.actions, late])
    old = system.flows.start(spec)
    sim.advance(1)
    new = sim.system(actions=[*stage.actions, late]).flows.fork(old.id, start_from=["b"])
    assert old.report().state == "running"
    assert new.wait().outputs == old.wait().outputs == {"b": 1, "late": 5}
    assert sorted(stage.ran) == ["a", "b", "b"]


GROWN: dict[str, Any] = {
    "name": "g",
    "nodes": [give("a", {"value": 1}), {"id": "grow", "action": "grow"}, give("z", "a")],
}


@pytest.mark.parametrize("start_from", ["grow", "z", "x", "y"])
def test_nodes_that_were_added_come_along_where_who_added_them_is_shared(
    sim: Simulation, stage: Stage, start_from: str
) -> None:
    """Law: where that runs again it adds its own, and what it had added is left out."""
    stage.added = [give("x", {"value": 2}), give("y", "x")]
    system = sim.system(actions=stage.actions)
    assert system.flows.start(GROWN, run_id="old").wait().outputs == {"grow": 1, "z": 1, "y": 2}
    before = rows_of(sim.path, "old")
    stage.added = [give("w", {"value": 3})]
    stage.ran.clear()
    report = system.flows.fork("old", start_from=[start_from], run_id="new").wait()
    if start_from == "grow":
        assert (report.outputs, sorted(stage.ran)) == ({"grow": 1, "z": 1, "w": 3}, ["grow", "w"])
    else:
        assert report.outputs == {"grow": 1, "z": 1, "y": 2}
        assert stage.ran == {"z": ["z"], "x": ["x", "y"], "y": ["y"]}[start_from]
    assert rows_of(sim.path, "old") == before


def test_added_nodes_move_up_where_others_are_left_out(sim: Simulation, stage: Stage) -> None:
    """Law: their references are to the same nodes; what needs a node that is left out is an error that says what to do."""
    nodes = [{"id": name, "action": "grow"} for name in ("one", "two")]
    system = sim.system(actions=stage.actions)

    def grow(ctx: Context) -> int:
        stage.ran.append(ctx.node_id)
        ctx.add_nodes([give(f"x{ctx.node_id}", {"value": ctx.node_id}), give(f"y{ctx.node_id}", f"x{ctx.node_id}")])
        return 1

    system = sim.system(actions=[*stage.actions[:-1], grow])
    spec = {"name": "g", "nodes": nodes, "config": {"enable_parallel_execution": False}}
    old = system.flows.start(spec, run_id="old").wait()
    new = system.flows.fork("old", start_from=["one"], run_id="new").wait()
    assert new.outputs == old.outputs
    third = system.flows.fork("new", start_from=["ytwo"], run_id="third").wait()
    assert third.outputs == old.outputs
    with pytest.raises(RequestError, match="a fork leaves them out: dagger-actors fork old --from one"):
        system.flows.retry("old", start_from=["one"])


def test_an_added_node_that_needs_what_is_added_anew_is_refused(sim: Simulation, stage: Stage) -> None:
    """Law: the error names who is to run again too, and with that one there is a fork."""

    def grow(ctx: Context) -> int:
        dependencies = ["xone"] if ctx.node_id == "two" else []
        ctx.add_nodes([give(f"x{ctx.node_id}", {"value": ctx.node_id}, dependencies=dependencies)])
        return 1

    async def later() -> None:
        await asyncio.sleep(1)  # what one adds is in the file by then

    two = {"id": "two", "action": "grow", "dependencies": ["later"]}
    nodes = [{"id": "one", "action": "grow"}, {"id": "later", "action": "later"}, two, give("beside", {"value": 0})]
    system = sim.system(actions=[*stage.actions[:-1], grow, later])
    old = system.flows.start({"name": "g", "nodes": nodes}, run_id="old").wait()
    with pytest.raises(
        ForkRefused, match="'xtwo', added by 'two', needs 'xone', which 'one' adds anew; fork from 'two' too"
    ):
        system.flows.fork("old", start_from=["one"])
    assert system.flows.fork("old", start_from=["one", "later"]).wait().outputs == old.outputs
    assert system.flows.fork("old", start_from=["two"]).wait().outputs == old.outputs


def test_each_fork_that_cannot_be_is_an_error_of_its_own(sim: Simulation, stage: Stage) -> None:
    """Law: it says what to do instead; there is no new run, and the old one is as it was."""
    system = sim.system(actions=stage.actions)
    stage.broken = {"sum"}
    old = system.flows.start(FAN, run_id="old").wait()
    before = rows_of(sim.path, "old")

    def fork(*nodes: str, **keys: Any) -> None:
        system.flows.fork("old", start_from=nodes, **keys)

    with pytest.raises(NeverRan, match="'last' of run 'old' never ran; fork from one that has, such as 'sum'"):
        fork("last")
    with pytest.raises(NeverRan, match="'never' of run 'old' never ran"):
        fork("never")
    with pytest.raises(UnknownNode, match="no node 'lists'; did you mean 'list'"):
        fork("lists")
    with pytest.raises(RequestError, match="one or more"):
        fork()
    with pytest.raises(ForkRefused, match=r"'numbers' was used by 'list'.* fork old --from sum --from list"):
        fork("sum", inputs={"numbers": [9]})
    with pytest.raises(InvalidInputs, match="no input 'numbrs'"):
        fork("sum", inputs={"numbrs": [9]})
    with pytest.raises(RunConflict, match="exists already with another origin"):
        fork("sum", run_id="old")
    with pytest.raises(RequestError, match="no run 'q'"):
        system.flows.fork("q", start_from=["list"])
    assert [one.run_id for one in system.flows.runs()] == ["old"]
    assert rows_of(sim.path, "old") == before
    assert system.flows.report("old") == old
    fork("sum", inputs={"numbers": [1, 2, 3]}, run_id="same")  # the value it had
    with pytest.raises(RunConflict, match="another origin"):
        system.flows.start(FAN, run_id="same")


HOOKED: dict[str, Any] = {
    "name": "h",
    "hooks": {"run_start": "begins", "node_success": "doubles"},
    "nodes": [give("a", {"value": 1}), give("b", "a")],
}


def test_hooks_hear_of_what_runs_in_the_fork_alone(sim: Simulation, stage: Stage) -> None:
    """Law: what the hook of a shared node has added is shared; the start of the run is announced, and adds its own."""
    told: list[str] = []

    def begins(event: HookEvent) -> AddNodes:
        told.append(event.run_id)
        return AddNodes([give(f"first {event.run_id}", {"value": 7})])

    def doubles(event: HookEvent, output: int) -> AddNodes | None:
        told.append(event.node_id)
        node_id = event.node_id
        return AddNodes([give(f"{node_id}2", {"value": output * 2})]) if node_id in ("a", "b") else None

    system = sim.system(actions=[*stage.actions, begins, doubles])
    old = system.flows.start(HOOKED, run_id="old").wait()
    assert old.outputs == {"b": 1, "a2": 2, "b2": 2, "first old": 7}
    before = rows_of(sim.path, "old")
    told.clear()
    stage.ran.clear()
    new = system.flows.fork("old", start_from=["b"], run_id="new").wait()
    assert new.outputs == {"b": 1, "a2": 2, "b2": 2, "first new": 7}
    assert sorted(told) == sorted(["new", "b", "b2", "first new"])
    assert sorted(stage.ran) == sorted(["b", "b2", "first new"])
    for node_id, why in (
        ("first old", "a hook that is called anew"),
        ("node_success:a", "which runs when it is called"),
    ):
        with pytest.raises(ForkRefused, match=why):
            system.flows.fork("old", start_from=[node_id])
    assert system.flows.fork("new", start_from=["a2"], run_id="third").wait().outputs == {
        "b": 1, "a2": 2, "b2": 2, "first third": 7,
    }  # fmt: skip
    assert rows_of(sim.path, "old") == before


def forks(sim: Simulation) -> None:
    stage = Stage()
    stage.added = [give("x", {"value": 2})]

    def play(system: ActorSystem) -> tuple[Report, Report]:
        old = system.flows.start(GROWN, run_id="old").wait()
        new = system.flows.fork("old", start_from=["z"], run_id="new").wait()
        return old, new

    old, new = sim.keep_going(play, actions=stage.actions)
    assert new.outputs == old.outputs == {"grow": 1, "z": 1, "x": 2}
    assert [one.reason for one in new.nodes if one.node_id == "x"] == ["forked from old"]
    assert stage.ran.count("z") >= 2


def test_a_fork_is_there_whole_or_not_at_all_whichever_commit_a_process_dies_at() -> None:
    """Law: with a death around each commit the fork has what it shares, and its result is the same."""
    assert explore(forks, seeds=2, crash="every_commit").commits > 5
