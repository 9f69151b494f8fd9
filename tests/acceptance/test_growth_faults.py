"""FAULTS 20, 21 and 25 where a run grows: graphs of any shape and size, races of those that add, and code that changed since."""

from __future__ import annotations

import asyncio
import resource
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import ActorSystem, AddNodes, Context, DefinitionError, HookEvent, Report, action
from dagger_actors.cli.app import main
from dagger_actors.core.graph import Tally
from dagger_actors.core.trigger import TRIGGERS, holds
from dagger_actors.errors import GrowthRefused
from dagger_actors.flow.actions import additions
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.machine import growth
from dagger_actors.flow.running.draft import Draft
from dagger_actors.flow.running.emitter import Emitter
from dagger_actors.flow.stored.rows import RunRow
from dagger_actors.flow.stored.stored_runs import StoredRuns
from dagger_actors.testing.simulation import Simulation
from tests.busy import BUSY

Nodes = list[dict[str, Any]]
NOOP = {"action": "noop"}
FULL = pytest.mark.full


def noop() -> int:
    return 1


def grown(db: Path, add: Callable[[Context], Any], **config: Any) -> tuple[ActorSystem, dict[str, Any]]:
    """A system with an action ``grow`` that does that, and a flow that it is the first node of; people keep the run at rest."""

    @action(name="grow")
    def grow(ctx: Context) -> Any:
        return add(ctx)

    flow = {
        "name": "grows",
        "config": config,
        "nodes": [{"id": "grow", "action": "grow"}, {"id": "ok", "approval": {}}],
    }
    return ActorSystem(db, actions=[grow, noop]), flow


def states(report: Report) -> dict[str, str]:
    return {node.node_id: node.state for node in report.nodes}


def stored(db: Path) -> list[str]:
    with closing(apsw.Connection(str(db))) as connection:
        return [row[0] for row in connection.execute("SELECT body ->> 'id' FROM added_nodes ORDER BY node")]


# --- 20: graphs


def chain(count: int) -> Nodes:
    return [{"id": f"n{at}", "dependencies": [f"n{at - 1}" if at else "ok"], **NOOP} for at in range(count)]


def star(count: int) -> Nodes:
    return [{"id": f"n{at}", "dependencies": ["ok"], **NOOP} for at in range(count)]


def edges(count: int) -> Nodes:
    """Ten for each of ``count``: a tenth of its root in nodes, each waiting for ten times as many."""
    side = max(1, round((count / 10) ** 0.5))
    first = [{"id": f"a{at}", "dependencies": ["ok"], **NOOP} for at in range(side * 10)]
    return [
        *first,
        *({"id": f"b{at}", "dependencies": [one["id"] for one in first], **NOOP} for at in range(side * 10)),
    ]


def paths(_count: int) -> Nodes:
    """Twenty diamonds, one behind the other: 2 ** 20 paths."""
    nodes: Nodes = []
    for at in range(20):
        above = [f"c{at - 1}"] if at else ["ok"]
        nodes += [{"id": f"{side}{at}", "dependencies": above, **NOOP} for side in "ab"]
        nodes.append({"id": f"c{at}", "dependencies": [f"a{at}", f"b{at}"], **NOOP})
    return nodes


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=[FULL, pytest.mark.timeout(600)])])
@pytest.mark.parametrize(
    ("shape", "calls"),
    # (A million edges at once are refused, as more than a million values are in a file.)
    [(chain, 1), (chain, 100), (star, 1), (star, 100), (edges, 4), (edges, 100), (paths, 1), (paths, 20)],
)
def test_graphs_of_any_shape_are_added_in_linear_time(
    tmp_path: Path, shape: Callable[[int], Nodes], calls: int, count: int
) -> None:
    """Law: a chain, a star, ten times as many edges, 2 ** 20 paths: no recursion, 5 s for 100,000, memory by their number."""
    nodes = shape(count)
    size = max(1, len(nodes) // calls)
    began: list[float] = []

    def add(ctx: Context) -> int:
        began.append(time.process_time())
        for at in range(0, len(nodes), size):
            ctx.add_nodes(nodes[at : at + size])
        return len(nodes)

    system, flow = grown(tmp_path / "a.db", add)
    with system:
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert system.flows.start(flow, run_id="r").wait().state == "paused"
        taken_s = time.process_time() - began[0]
        used_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    print(
        f"{shape.__name__}: {len(nodes):,} nodes in {calls} calls: {taken_s:.2f} s, {used_kib >> 10} MiB more at most"
    )
    assert len(stored(tmp_path / "a.db")) == len(nodes)
    assert taken_s < 0.5 + 5 * (count / 100_000) * (BUSY if count < 100_000 else 1.5)
    assert used_kib < 50_000 + 10 * count


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=[FULL, pytest.mark.timeout(600)])])
def test_a_chain_that_its_own_nodes_add_one_by_one(tmp_path: Path, count: int) -> None:
    """Law: the last addition costs as much as the first; ``max_iterations`` bounds how far it goes, and says so."""
    spent: list[float] = []

    @action(name="more")
    def more(ctx: Context) -> int:
        number = int(ctx.node_id) + 1
        began = time.thread_time()
        ctx.add_nodes([{"id": str(number), "action": "more", "dependencies": [ctx.node_id]}])
        spent.append(time.thread_time() - began)
        return number

    config = {"max_iterations": count}
    with ActorSystem(tmp_path / "a.db", actions=[more]) as system:
        report = system.flows.start({"name": "f", "config": config, "nodes": [{"id": "0", "action": "more"}]}).wait()
    assert f"iteration {count + 1}, and the flow's max_iterations is {count}" in str(report.error)
    assert len(report.nodes) == count + 1
    tenth = count // 10
    assert sorted(spent[-tenth:])[tenth // 2] < 3 * sorted(spent[tenth : 2 * tenth])[tenth // 2] + 0.001


def test_limits_are_named_where_they_are_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: how many nodes and bytes one attempt may add, one call may hold, and one run may have; nothing of it is added."""
    told: list[str] = []

    def refused(ctx: Context, nodes: Nodes) -> None:
        with pytest.raises(GrowthRefused) as caught:
            ctx.add_nodes(nodes)
        told.append(str(caught.value))

    def add(ctx: Context) -> int:
        refused(ctx, [{"id": "large", "description": "x" * (17 << 20), **NOOP}])
        monkeypatch.setattr(additions, "MOST_ADDED", 3)
        refused(ctx, [{"id": f"n{at}", **NOOP} for at in range(4)])
        monkeypatch.setattr(additions, "LARGEST_SUM", 100)
        ctx.add_nodes([{"id": "a", "description": "x" * 40, **NOOP}])
        refused(ctx, [{"id": "b", "description": "x" * 40, **NOOP}])
        monkeypatch.setattr(growth, "MOST_NODES", 2)
        return 1

    system, flow = grown(tmp_path / "a.db", add)
    with system:
        report = system.flows.start(flow, run_id="r").wait()
    assert "a call adds at most 16 MiB of JSON: add the nodes in several calls" in told[0]
    assert "an attempt adds at most 3 nodes" in told[1]
    assert "an attempt adds at most 64 MiB of JSON" in told[2]
    assert "the run would have more than 2 nodes" in str(report.error)
    assert not stored(tmp_path / "a.db")


def test_what_was_added_is_told_again_where_it_is_forgotten(tmp_path: Path) -> None:
    """Law: that the owner keeps what an attempt adds only saves work; without it the attempt says it all once more."""
    kept: list[Any] = []

    def add(ctx: Context) -> int:
        ctx.add_nodes([{"id": "a", **NOOP}])
        kept[0].clear()
        return len(ctx.add_nodes([{"id": "b", "dependencies": ["a"], **NOOP}, {"id": "c", **NOOP}]))

    system, flow = grown(tmp_path / "a.db", add)
    with system:
        kept.append(system._hub._body_services.backends.owner._growth._added)
        found = states(system.flows.start(flow, run_id="r").wait())
    assert stored(tmp_path / "a.db") == ["a", "b", "c"]
    assert {found[one] for one in "abc"} == {"succeeded"}


# --- 21: races


def test_nodes_that_are_not_in_the_file_yet_are_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: what is decided and not committed may come to nothing; who adds nodes refers to none of those."""
    decided, go_on, is_out = threading.Event(), threading.Event(), threading.Event()
    let_out = Emitter.let_out

    def held(self: Emitter, draft: Draft) -> None:
        if draft.reach:
            decided.set()
            assert go_on.wait(30)
        let_out(self, draft)
        if draft.reach:
            is_out.set()

    monkeypatch.setattr(Emitter, "let_out", held)

    def early(ctx: Context) -> None:
        ctx.add_nodes([{"id": "early", **NOOP}])

    def late(ctx: Context) -> None:
        wanted = [{"id": "late", "dependencies": ["early"], **NOOP}]
        assert decided.wait(30)
        with pytest.raises(GrowthRefused, match="unknown dependency 'early'"):
            ctx.add_nodes(wanted)
        go_on.set()
        assert is_out.wait(30)
        ctx.add_nodes(wanted)

    nodes = [{"id": "a", "action": "early"}, {"id": "b", "action": "late"}]
    with ActorSystem(tmp_path / "a.db", actions=[early, late, noop]) as system:
        report = system.flows.start({"name": "f", "nodes": nodes}).wait(60)
    assert states(report) == dict.fromkeys(("a", "b", "early", "late"), "succeeded"), report.error


def test_of_two_who_add_the_same_id_at_once_one_is_refused(tmp_path: Path) -> None:
    """Law: both were right when they asked; the transaction takes the first, and of the other nothing, and says why."""
    both = threading.Barrier(2)

    @action(name="adds")
    def adds(ctx: Context) -> str:
        ctx.add_nodes([{"id": "same", **NOOP}, {"id": f"own_{ctx.node_id}", "dependencies": ["same"], **NOOP}])
        both.wait(60)
        return ctx.node_id

    nodes = [{"id": one, "action": "adds"} for one in "ab"]
    flow = {"name": "f", "config": {"on_failure": "continue"}, "nodes": nodes}
    with ActorSystem(tmp_path / "a.db", actions=[adds, noop]) as system:
        found = states(system.flows.start(flow).wait())
    (winner,) = (one for one in "ab" if found[one] == "succeeded")
    (loser,) = (one for one in "ab" if found[one] == "failed")
    assert stored(tmp_path / "a.db") == ["same", f"own_{winner}"]
    assert found == {winner: "succeeded", loser: "failed", "same": "succeeded", f"own_{winner}": "succeeded"}


def test_two_who_would_close_a_cycle_together_cannot(tmp_path: Path) -> None:
    """Law: nobody depends on what another has only asked for; what both would call the same is taken from one of them."""
    both = threading.Barrier(2)

    @action(name="adds")
    def adds(ctx: Context) -> str:
        own, other = ("x", "y") if ctx.node_id == "a" else ("y", "x")
        ctx.add_nodes([{"id": other, **NOOP}, {"id": own, "dependencies": [other], **NOOP}])
        both.wait(60)
        return ctx.node_id

    @action(name="asks")
    def asks(ctx: Context) -> str:
        own, other = ("x", "y") if ctx.node_id == "a" else ("y", "x")
        both.wait(60)
        with pytest.raises(GrowthRefused, match=f"unknown dependency '{other}'"):
            ctx.add_nodes([{"id": own, "dependencies": [other], **NOOP}])
        both.wait(60)
        return ctx.node_id

    for name in ("adds", "asks"):
        nodes = [{"id": one, "action": name} for one in "ab"]
        flow = {"name": "f", "config": {"on_failure": "continue"}, "nodes": nodes}
        with ActorSystem(tmp_path / f"{name}.db", actions=[adds, asks, noop]) as system:
            report = system.flows.start(flow).wait()
        assert {node.state for node in report.nodes if node.node_id in "xy"} == (
            {"succeeded"} if name == "adds" else set()
        )
    assert sorted(stored(tmp_path / "adds.db")) == ["x", "y"]
    assert not stored(tmp_path / "asks.db")


def test_what_depends_on_nodes_that_have_ended_follows_the_trigger_table(sim: Simulation) -> None:
    """Law: an end that was there before counts as one that comes; what fails the rule is skipped and says so."""
    ends = ["succeeded", "failed", "timed_out", "skipped", "cancelled"]

    @action(name="ends")
    async def ends_so(how: str) -> None:
        if how == "failed":
            raise PermissionError
        if how != "succeeded":
            await asyncio.sleep(3600)

    @action(name="grow")
    def grow(ctx: Context) -> None:
        ctx.add_nodes(
            [
                {"id": f"{rule}_{end}", "dependencies": [end], "trigger": rule, **NOOP}
                for rule in TRIGGERS
                for end in ends
            ]
        )

    nodes: Nodes = [
        {"id": end, "action": "ends", "inputs": {"how": {"value": end}}} for end in ends if end != "skipped"
    ]
    nodes[2]["timeout"] = 1
    nodes.append({"id": "skipped", "dependencies": ["failed"], **NOOP})
    nodes.append({"id": "grow", "action": "grow", "dependencies": ends, "trigger": "all_done"})
    system = sim.system(actions=[ends_so, grow, noop])
    run = system.flows.start({"name": "f", "config": {"on_failure": "continue"}, "nodes": nodes})
    sim.advance(2)
    run.cancel(node="cancelled")
    found = states(run.wait())
    for rule in TRIGGERS:
        for end in ends:
            expected = "succeeded" if holds(rule, Tally(**{end: 1})) else "skipped"
            assert found[f"{rule}_{end}"] == expected, (rule, end)


def test_an_owner_that_lost_its_lease_adds_nothing(sim: Simulation) -> None:
    """Law: who stood still and goes on is refused by the fence; what its successor has added is there once."""
    began: list[int] = []

    @action(name="grow")
    async def grow(ctx: Context) -> int:
        began.append(ctx.attempt)
        ctx.add_nodes([{"id": "added", **NOOP}])
        await asyncio.sleep(5)
        return ctx.attempt

    flow = {"name": "f", "nodes": [{"id": "grow", "action": "grow"}]}
    first = sim.system(actions=[grow, noop])
    first.flows.start(flow, run_id="r")
    sim.advance(1)
    sim.freeze(first)
    second = sim.system(actions=[grow, noop], recover=True)
    sim.advance(100)
    assert states(second.flows.report("r")) == {"grow": "succeeded", "added": "succeeded"}
    sim.thaw(first)
    sim.advance(10)
    report = second.flows.report("r")
    assert states(report) == {"grow": "succeeded", "added": "succeeded"}
    assert len(began) == 2
    assert stored(sim.path) == ["added"]


@pytest.mark.parametrize("how", ["cancel", "fail"])
def test_to_a_run_that_has_ended_nothing_is_added(tmp_path: Path, how: str) -> None:
    """Law: a body that goes on after its run was cancelled, or stopped by another's failure, adds nothing to it."""
    begun, go = threading.Event(), threading.Event()
    told: list[str] = []

    @action(name="grow")
    def grow(ctx: Context) -> None:
        begun.set()
        go.wait(60)
        try:
            told.extend(ctx.add_nodes([{"id": "late", **NOOP}]))
        except Exception as error:
            told.append(type(error).__name__)
            raise

    @action(name="fails")
    def fails() -> None:
        begun.wait(60)
        raise PermissionError("no")

    nodes = [{"id": "grow", "action": "grow"}, *([{"id": "fails", "action": "fails"}] if how == "fail" else [])]
    with ActorSystem(tmp_path / "a.db", actions=[grow, fails, noop]) as system:
        run = system.flows.start({"name": "f", "nodes": nodes})
        begun.wait(60)
        if how == "cancel":
            run.cancel()
        report = run.wait()
        go.set()
    assert report.state == ("cancelled" if how == "cancel" else "failed")
    assert not stored(tmp_path / "a.db")
    assert "late" not in states(report)


# --- 25: code


def work(version: str) -> Callable[..., Any]:
    """Versions of the action of an added node."""

    @action(name="work")
    def as_it_was(n: int) -> int:
        return n * 10

    @action(name="works")
    def renamed(n: int) -> int:
        return n

    @action(name="work")
    def one_parameter_more(n: int, scale: int) -> int:
        return n * scale

    return {"as_it_was": as_it_was, "renamed": renamed, "one_parameter_more": one_parameter_more}[version]


@action(name="grow")
def grows(ctx: Context) -> int:
    ctx.add_nodes([{"id": "asked", "approval": {}}])
    ctx.add_nodes([{"id": "added", "action": "work", "inputs": {"n": {"value": 2}}, "dependencies": ["asked"]}])
    return 1


@pytest.mark.parametrize(
    ("version", "message"),
    [("renamed", "'work'"), ("one_parameter_more", "scale")],
)
def test_added_nodes_are_pinned_and_code_that_no_longer_fits_them_is_refused_by_name(
    tmp_path: Path, version: str, message: str
) -> None:
    """Law: the run waits as it is for code that fits the nodes it was given, whatever its file says by then."""
    file = tmp_path / "flow.yaml"
    file.write_text("name: f\nnodes: [{id: first, action: grow}]\noutputs: {first: first}\n")
    db = tmp_path / "a.db"
    with ActorSystem(db, actions=[grows, work("as_it_was")]) as system:
        assert system.flows.start(file, run_id="r").wait().state == "paused"
    file.write_text("name: f\nnodes: [{id: other, action: grow}]\n")
    with ActorSystem(db, actions=[grows, work(version)]) as system:
        with pytest.raises(DefinitionError, match=message):
            system.flows.resume("r")
        assert system.flows.report("r").state == "paused"
        assert system.flows.signal("r", "asked", value=True).report().state == "paused"
        assert stored(db) == ["asked", "added"]
    with ActorSystem(db, actions=[grows, work("as_it_was")], recover=False) as system:
        report = system.flows.resume("r").wait(60)
        assert states(report) == {"first": "succeeded", "asked": "succeeded", "added": "succeeded"}
        assert report.nodes[2].output == 20
        assert report.outputs == {"first": 1}


def test_a_new_version_of_a_hook_that_commands_what_cannot_be_is_refused_and_retried_when_mended(
    tmp_path: Path,
) -> None:
    """Law: what a hook returns is judged when it is returned, whichever version does; a retry asks the next version."""

    def hook(nodes: Nodes, *, fails: bool = False) -> Callable[..., Any]:
        @action(name="hears")
        def hears(event: HookEvent) -> AddNodes | None:
            if fails:
                raise PermissionError("not yet")
            return AddNodes(nodes) if event.node_id == "n" else None

        return hears

    db = tmp_path / "a.db"
    flow = {"name": "f", "hooks": {"node_success": "hears"}, "nodes": [{"id": "n", **NOOP}]}
    with ActorSystem(db, actions=[noop, hook([], fails=True)]) as system:
        assert system.flows.start(flow, run_id="r").wait().state == "failed"
    with ActorSystem(db, actions=[noop, hook([{"id": "m", "action": "noop", "dependencies": ["gone"]}])]) as system:
        report = system.flows.retry("r").wait()
        assert report.state == "failed"
        assert "unknown dependency 'gone'" in str(report.error)
        assert not [one for one in stored(db) if one == "m"]
    with ActorSystem(db, actions=[noop, hook([{"id": "m", "action": "noop", "dependencies": ["n"]}])]) as system:
        report = system.flows.retry("r").wait()
        assert report.state == "succeeded", report.error
        assert states(report)["m"] == "succeeded"


def shown(*words: str) -> Callable[[ActorSystem, Path], object]:
    """A command that shows a run, as somebody would type it."""

    def show(_system: ActorSystem, path: Path) -> None:
        assert main([*words, "--db", str(path)]) == 0

    return show


LOOKS: dict[str, Callable[[ActorSystem, Path], object]] = {
    "a report": lambda system, _: system.flows.report("r"),
    "an explanation": lambda system, _: system.flows.explain("r", "first"),
    "questions": lambda system, _: system.flows.questions("r"),
    "a notebook": lambda system, _: system.flows.run("r")._repr_html_(),
    "a fork": lambda system, _: system.flows.fork("r", start_from=["first"]),
    "show": shown("show", "r"),
    "tree": shown("tree", "r"),
    "a picture": shown("graph", "--run", "r"),
    "a chart": shown("graph", "--run", "r", "--gantt"),
}


@pytest.mark.parametrize("what", LOOKS)
@pytest.mark.parametrize("at", [1, 2])
def test_a_run_that_grows_while_it_is_looked_at_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, at: int
) -> None:
    """Law: what is added, and runs, behind the reading of the nodes that there are is left out, or is pending."""
    may_grow, looks = threading.Event(), []
    definition_of = StoredRuns.definition_of

    def one() -> int:
        return 1

    def grows(ctx: Context) -> None:
        assert may_grow.wait(60)
        ctx.add_nodes([{"id": f"added{number}", "action": "one"} for number in range(3)])

    def behind_which_it_grows(stored: StoredRuns, row: RunRow) -> FlowDefinition:
        found = definition_of(stored, row)
        looks.append(found)
        if len(looks) == at:
            may_grow.set()
            assert run.wait(60).state == "succeeded"
        return found

    grow = {"id": "grow", "action": "grows", "dependencies": ["first"]}
    with ActorSystem(tmp_path / "a.db", actions=[one, grows]) as system:
        run = system.flows.start({"name": "f", "nodes": [{"id": "first", "action": "one"}, grow]}, run_id="r")
        next(event for event in system.flows.events("r") if event.node_id == "grow")
        monkeypatch.setattr(StoredRuns, "definition_of", behind_which_it_grows)
        LOOKS[what](system, tmp_path / "a.db")
        may_grow.set()
