"""A08, hooks and growth: called once for each thing that happens, with the right facts; what they return is done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import (
    ActorSystem,
    AddNodes,
    CancelNode,
    CancelRun,
    Context,
    EmitEvent,
    HookEvent,
    PauseRun,
    Report,
    ResumeRun,
    RunFailed,
    SetInputs,
)
from dagger_actors.errors import DefinitionError, IllegalTransition, RunOwned
from dagger_actors.flow.running.run_events import HookEmitted, RunEvent
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation, simulate

Told = list[tuple[str, str, str, int]]


def add(left: int, right: int) -> int:
    return left + right


def multiply(value: int) -> int:
    return value * 2


def grow_large(event: HookEvent, output: int | None) -> AddNodes | None:
    """For a result over 10, a node that doubles it."""
    if not event.node_id.startswith("add_") or output is None or output <= 10:
        return None
    node = {"id": f"multiply_{event.node_id}", "action": "multiply", "inputs": {"value": event.node_id}}
    return AddNodes([node])


DYNAMIC: dict[str, Any] = {
    "name": "dynamic_nodes_demo",
    "hooks": {"node_success": "grow_large"},
    "nodes": [
        {"id": "add_1", "action": "add", "inputs": {"left": {"value": 5}, "right": {"value": 3}}},
        {"id": "add_2", "action": "add", "inputs": {"left": {"value": 10}, "right": {"value": 7}}},
    ],
}


def own(report: Report) -> dict[str, str]:
    """The states of the flow's nodes, without those of its hooks."""
    return {node.node_id: node.state for node in report.nodes if not node.called_for}


def grows(sim: Simulation) -> None:
    def play(system: ActorSystem) -> Report:
        return system.flows.start(DYNAMIC, run_id="r").wait()

    report = sim.keep_going(play, actions=[add, multiply, grow_large])
    assert report.outputs == {"add_1": 8, "multiply_add_2": 34}
    assert own(report) == dict.fromkeys(("add_1", "add_2", "multiply_add_2"), "succeeded")


def test_a_hook_adds_nodes_for_large_results_alone_whenever_its_process_dies() -> None:
    """Law: dynamic_nodes_demo of ACCEPTANCE: 8, 17, 34 and no multiply_add_1, with a death around each commit."""
    assert explore(grows, seeds=2, crash="every_commit").commits > 4


NODES: list[dict[str, Any]] = [
    {"id": "a", "action": "works"},
    {"id": "b", "action": "fails_once", "dependencies": ["a"], "try_count": 2},
    {"id": "c", "action": "breaks", "dependencies": ["b"], "on_failure": "continue"},
    {"id": "d", "action": "works", "dependencies": ["c"]},
    {"id": "e", "action": "works", "map": {"over": "b", "item": "item"}, "dependencies": ["b"]},
]
EVENTS = ("run_start", "node_start", "node_success", "node_failure", "node_retry", "run_end")


def hears(sim: Simulation) -> None:
    told: Told = []

    def works(item: int = 0) -> int:
        return item

    def breaks() -> None:
        raise RuntimeError("for good")

    def hear(event: HookEvent) -> None:
        told.append((event.event, event.node_id, event.state, event.attempt))

    spec = {"name": "f", "hooks": dict.fromkeys(EVENTS, "hear"), "nodes": NODES}

    def play(system: ActorSystem) -> Report:
        return system.flows.start(spec, run_id="r").wait()

    report = sim.keep_going(play, actions=[works, wait_for_retry(told), breaks, hear])
    assert report.state == "failed"
    calls = Counter((node.node_id, node.state) for node in report.nodes if node.called_for)
    assert set(calls) == {(name, "succeeded") for name in EXPECTED}
    assert set(calls.values()) == {1}
    facts = {(event, node_id): (state, attempt) for event, node_id, state, attempt in told}
    assert facts == FACTS


def told_of(told: Told, event: str, node_id: str) -> bool:
    return any(one[:2] == (event, node_id) for one in told)


def wait_for_retry(told: Told) -> Any:
    def fails_once() -> list[int]:
        if not told_of(told, "node_retry", "b"):
            raise ValueError("not yet")
        return [1, 2]

    return fails_once


FACTS = {
    ("run_start", ""): ("running", 0),
    ("node_start", "a"): ("ready", 1),
    ("node_success", "a"): ("succeeded", 1),
    ("node_start", "b"): ("ready", 1),
    ("node_retry", "b"): ("failed", 1),
    ("node_success", "b"): ("succeeded", 2),
    ("node_start", "c"): ("ready", 1),
    ("node_failure", "c"): ("failed", 1),
    ("node_start", "e"): ("ready", 1),
    ("node_success", "e"): ("succeeded", 1),
    ("run_end", ""): ("failed", 0),
}
EXPECTED = {f"{event}:{node_id}" if node_id else event for event, node_id in FACTS}


def test_each_event_is_heard_once_with_its_facts_whenever_a_process_dies() -> None:
    """Law: one call for each event, though its body may run again when its process dies; dead ends are no event."""
    assert explore(hears, seeds=1, crash="every_commit").commits > 10


@pytest.mark.parametrize("end", ["cancelled", "timed_out", "failed"])
def test_the_end_of_a_run_is_heard_however_it_ends(end: str) -> None:
    """Law: the hook is told the state that the run then has; nothing else begins meanwhile, whoever dies."""

    def ends(sim: Simulation) -> None:
        told: list[str] = []

        async def waits() -> None:
            if end == "failed":
                raise ValueError("no")
            await asyncio.sleep(100)

        def hear(event: HookEvent) -> None:
            told.append(event.state)

        nodes = [{"id": "a", "action": "waits"}, {"id": "b", "action": "quiet", "dependencies": ["a"]}]
        config = {"timeout_seconds": 5} if end == "timed_out" else {}
        spec = {"name": "f", "config": config, "hooks": {"run_end": "hear"}, "nodes": nodes}

        def play(system: ActorSystem) -> Report:
            started = system.flows.start(spec, run_id="r")
            if end == "cancelled":
                with contextlib.suppress(IllegalTransition):
                    started.cancel()
            return started.wait()

        report = sim.keep_going(play, actions=[waits, quiet, hear])
        assert report.state == end
        assert set(told) <= {end}
        calls = {node.node_id: node.state for node in report.nodes if node.called_for}
        if end == "cancelled":  # whoever begins again cancels again, which stops the hook too
            assert calls.get("run_end") in ("succeeded", "cancelled", "skipped", None)
        else:
            assert calls == {"run_end": "succeeded"}
        assert own(report)["b"] == "skipped"

    assert explore(ends, seeds=2, crash="every_commit").commits > 2


RESTING = {
    "name": "resting",
    "hooks": {"run_end": "hear"},
    "nodes": [{"id": "ok", "approval": {}}, {"id": "a", "action": "quiet", "dependencies": ["ok"]}],
}


def resting(tmp_path: Path, depth: int) -> str:
    """A flow that rests because people are asked, in a flow so deep."""
    (tmp_path / "f0.yaml").write_text(msgspec.json.encode(RESTING).decode())
    for at in range(1, depth + 1):
        nodes = [{"id": "sub", "flow": f"f{at - 1}.yaml"}]
        (tmp_path / f"f{at}.yaml").write_text(msgspec.json.encode({"name": f"f{at}", "nodes": nodes}).decode())
    return str(tmp_path / f"f{depth}.yaml")


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("has_code", [True, False])
def test_the_end_of_a_run_that_is_cancelled_at_rest_is_heard_once(
    sim: Simulation, tmp_path: Path, caplog: pytest.LogCaptureFixture, depth: int, has_code: bool
) -> None:
    """Law: who cancels it calls its hook if he has its code, else whoever has it does, in a run inside too; all goes well."""
    told: list[str] = []

    def hear(event: HookEvent) -> None:
        told.append(event.state)

    system = sim.system(actions=[quiet, hear])
    assert system.flows.start(resting(tmp_path, depth), run_id="r").wait().state == "paused"
    if not has_code:
        sim.kill(system)
        system = sim.system()
    report = system.flows.cancel("r")
    assert report.state == ("cancelled" if has_code or depth else "running")
    sim.advance(5)
    assert told == (["cancelled"] if has_code else [])
    later = sim.system(actions=[quiet, hear], recover=True)
    sim.advance(5)
    assert told == ["cancelled"]
    states = {one.state for one in later.flows.runs(inside=True)}
    assert states == {"cancelled"}
    inside = later.flows.report("r" + "/sub" * depth)
    assert {node.node_id: node.state for node in inside.nodes} == {
        "ok": "cancelled",
        "a": "skipped",
        "run_end": "succeeded",
    }
    assert not [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


def test_a_second_cancel_leaves_out_what_the_end_would_call(sim: Simulation) -> None:
    """Law: a run whose code nobody has any more can be ended for good."""
    system = sim.system(actions=[quiet, never])
    system.flows.start({**RESTING, "hooks": {"run_end": "never"}}, run_id="r").wait()
    sim.kill(system)
    stranger = sim.system()
    assert stranger.flows.cancel("r").state == "running"
    assert stranger.flows.resumable() == ["r"]
    assert stranger.flows.cancel("r").state == "cancelled"
    sim.system(actions=[quiet, never], recover=True)
    sim.advance(5)
    assert stranger.flows.report("r").state == "cancelled"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_cancel_stops_what_the_end_of_a_run_has_called_and_leaves_that_end(sim: Simulation, elsewhere: bool) -> None:
    """Law: a hook that hangs at the end is stopped, which is no refusal; only behind the end a cancel is refused."""

    async def hang(event: HookEvent) -> None:
        await asyncio.sleep(3600)

    system = sim.system(actions=[add, hang])
    run = system.flows.start({**DYNAMIC, "hooks": {"run_end": "hang"}})
    sim.advance(1)
    canceller = sim.system() if elsewhere else system
    report = canceller.flows.cancel(run.id)
    assert report.state == "succeeded"
    assert [node.state for node in report.nodes if node.called_for] == ["cancelled"]
    with pytest.raises(IllegalTransition, match="is succeeded, it cannot become cancelled"):
        canceller.flows.cancel(run.id)


def never(event: HookEvent) -> None:
    raise AssertionError(event)


@pytest.mark.parametrize("depth", [0, 1])
def test_whenever_a_process_dies_the_end_of_a_run_cancelled_at_rest_is_heard(tmp_path: Path, depth: int) -> None:
    """Law: one call that succeeds, whoever dies when; its body may run again only with its process dead."""
    path = resting(tmp_path, depth)

    def ends(sim: Simulation) -> None:
        told: list[str] = []

        def hear(event: HookEvent) -> None:
            told.append(event.state)

        def play(system: ActorSystem) -> None:
            run = system.flows.start(path, run_id="r")
            if run.report().state in ("pending", "running"):
                sim.advance(1)
            stranger = sim.system()
            row = stranger.flows._caller.row("r")
            if row.status != "cancelled" and row.ending is None:
                sim.kill(system)
                stranger.flows.cancel("r")

        sim.keep_going(play, actions=[quiet, hear])

        def look(system: ActorSystem) -> list[Report]:
            sim.advance(10)
            return [system.flows.report("r" + "/sub" * at) for at in range(depth + 1)]

        reports = sim.keep_going(look, actions=[quiet, hear], recover=True)
        assert {report.state for report in reports} == {"cancelled"}
        calls = [node.state for node in reports[-1].nodes if node.called_for]
        assert calls == ["succeeded"]
        assert set(told) == {"cancelled"}
        assert len(told) <= 2

    assert explore(ends, seeds=1, crash="every_commit").commits > 2


@pytest.mark.parametrize("seed", range(10))
def test_of_nodes_that_fail_at_once_the_first_stops_the_run_and_its_end_is_heard(seed: int) -> None:
    """Law: what a body did that had failed before it was stopped, and was heard of only then, holds up nothing."""

    def breaks() -> None:
        raise ValueError("at once")

    def hear(event: HookEvent) -> None:
        assert event.state == "failed"

    nodes = [{"id": f"n{at}", "action": "breaks"} for at in range(6)]
    with simulate(seed) as sim:
        system = sim.system(actions=[breaks, hear])
        report = system.flows.start({"name": "f", "hooks": {"run_end": "hear"}, "nodes": nodes}).wait()
    assert report.state == "failed"
    assert Counter(own(report).values())["failed"] == 1
    assert [node.state for node in report.nodes if node.called_for] == ["succeeded"]


def test_a_hook_that_never_ends_is_stopped_when_the_run_has_used_its_time_twice(sim: Simulation) -> None:
    """Law: the time of the run is up though a hook is stuck; what its end calls has the same time once more."""

    async def hangs(event: HookEvent) -> None:
        await asyncio.sleep(10_000 if event.event == "node_start" else 0)

    hooks = {"node_start": "hangs", "run_end": "hangs"}
    spec = {"name": "f", "config": {"timeout_seconds": 5}, "hooks": hooks, "nodes": [{"id": "a", "action": "quiet"}]}
    started = sim.system(actions=[quiet, hangs]).flows.start(spec)
    sim.advance(11)
    assert started.report().state == "timed_out"


def run(tmp_path: Path, spec: dict[str, Any], *actions: Any) -> Report:
    with ActorSystem(tmp_path / "a.db", actions=list(actions)) as system:
        return system.flows.start(spec).wait(30)


def quiet() -> int:
    return 1


def takes(value: int) -> int:
    return value


@pytest.mark.parametrize("of_items", [{}, {"map": {"over": "given", "item": "item"}}], ids=["a node", "a map"])
@pytest.mark.parametrize("trigger", ["all_done", "any_failed"])
def test_of_what_is_skipped_because_a_failure_stops_the_run_no_start_is_told(
    tmp_path: Path, of_items: dict[str, Any], trigger: str
) -> None:
    """Law: a start is told of what starts, whatever the failure would have let begin."""
    told: list[tuple[str, str]] = []

    def gives() -> list[int]:
        return [1, 2]

    def breaks(item: int = 0) -> None:
        raise ValueError(item)

    def works() -> None: ...

    def hear(event: HookEvent) -> None:
        told.append((event.event, event.node_id))

    nodes = [
        {"id": "given", "action": "gives"},
        {"id": "a", "action": "breaks", "dependencies": ["given"], "on_failure": "stop", **of_items},
        {"id": "b", "action": "works", "dependencies": ["a"], "trigger": trigger},
        {"id": "c", "action": "works", "dependencies": ["b"]},
    ]
    report = run(tmp_path, {"name": "f", "hooks": {"node_start": "hear"}, "nodes": nodes}, gives, breaks, works, hear)
    assert own(report) == {"given": "succeeded", "a": "failed", "b": "skipped", "c": "skipped"}
    assert told == [("node_start", "given"), ("node_start", "a")]


def test_a_start_hook_sets_the_inputs_of_the_node_that_starts(tmp_path: Path) -> None:
    """Law: the node begins when its start has been heard, with what the hook gave it; the change is the run's to keep."""

    def prepare(event: HookEvent) -> SetInputs | None:
        return SetInputs("b", {"value": 42}) if event.node_id == "b" else None

    nodes = [{"id": "b", "action": "takes", "inputs": {"value": {"value": 1}}}]
    report = run(tmp_path, {"name": "f", "hooks": {"node_start": "prepare"}, "nodes": nodes}, takes, prepare)
    assert report.outputs == {"b": 42}


def test_what_a_hook_sets_and_cancels_is_kept_whoever_dies() -> None:
    """Law: with a death around each commit the node has the inputs that it was given, and the branch stays cancelled."""

    def decides(sim: Simulation) -> None:
        def decide(event: HookEvent) -> list[Any]:
            return [SetInputs("b", {"value": 42}), CancelNode("cut")] if event.node_id == "a" else []

        nodes = [
            {"id": "a", "action": "quiet"},
            {"id": "gate", "action": "naps", "dependencies": ["a"]},
            {"id": "b", "action": "takes", "inputs": {"value": {"value": 1}}, "dependencies": ["gate"]},
            {"id": "cut", "action": "quiet", "dependencies": ["gate"]},
            {"id": "after", "action": "quiet", "dependencies": ["cut"]},
        ]

        async def naps() -> None:
            await asyncio.sleep(5)

        def play(system: ActorSystem) -> Report:
            return system.flows.start(
                {"name": "f", "hooks": {"node_success": "decide"}, "nodes": nodes}, run_id="r"
            ).wait()

        report = sim.keep_going(play, actions=[quiet, naps, takes, decide])
        assert report.outputs == {"b": 42}
        assert {name: state for name, state in own(report).items() if state != "succeeded"} == {
            "cut": "cancelled",
            "after": "skipped",
        }

    assert explore(decides, seeds=1, crash="every_commit").commits > 6


@pytest.mark.parametrize("seed", range(10))
def test_nothing_begins_while_the_end_of_a_run_is_heard(sim: Simulation) -> None:
    """Law: what waited for a place when the run was cancelled never has one, though the run is not over for its hook."""
    began: list[int] = []

    def notes(at: int) -> None:
        began.append(at)

    async def hear(event: HookEvent) -> None:
        await asyncio.sleep(10)
        assert event.state == "cancelled"

    nodes = [{"id": f"n{at}", "action": "notes", "inputs": {"at": {"value": at}}} for at in range(40)]
    spec = {"name": "f", "config": {"max_parallel_nodes": 2}, "hooks": {"run_end": "hear"}, "nodes": nodes}
    run = sim.system(actions=[notes, hear]).flows.start(spec)
    for _ in range(sim.world.chance.randrange(10, 60)):
        sim.world.step()
    assert run.report().state == "running"
    report = run.cancel()
    assert report.state == "cancelled"
    assert len(began) < 40
    states = [node.state for node in report.nodes if not node.called_for]
    assert states.count("succeeded") + states.count("cancelled") >= len(began)


def test_a_hook_cancels_a_branch_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Law: the node is cancelled before it begins, what depends on it is skipped, nothing else is touched."""

    def cut(event: HookEvent) -> CancelNode | None:
        return CancelNode("b") if event.node_id == "a" else None

    nodes = [
        {"id": "a", "action": "quiet"},
        {"id": "gate", "action": "quiet", "dependencies": ["a"]},
        {"id": "b", "action": "quiet", "dependencies": ["gate"]},
        {"id": "c", "action": "quiet", "dependencies": ["b"]},
        {"id": "d", "action": "quiet", "dependencies": ["gate"]},
    ]
    report = run(tmp_path, {"name": "f", "hooks": {"node_start": "cut"}, "nodes": nodes}, quiet, cut)
    expected = {"a": "succeeded", "gate": "succeeded", "b": "cancelled", "c": "skipped", "d": "succeeded"}
    assert own(report) == expected


def test_a_hook_pauses_a_run_and_resume_goes_on(tmp_path: Path) -> None:
    """Law: nothing begins after it; a resume goes on with what has not begun."""

    def halt(event: HookEvent) -> PauseRun | None:
        return PauseRun() if event.node_id == "b" else None

    nodes = [{"id": "a", "action": "quiet"}, {"id": "b", "action": "quiet", "dependencies": ["a"]}]
    spec = {"name": "f", "hooks": {"node_start": "halt"}, "nodes": nodes}
    with ActorSystem(tmp_path / "a.db", actions=[quiet, halt]) as system:
        started = system.flows.start(spec)
        report = started.wait(30)
        assert report.state == "paused"
        assert own(report) == {"a": "succeeded", "b": "pending"}
        assert system.flows.resume(started.id).wait(30).state == "succeeded"


@pytest.mark.parametrize("who", ["a hook", "a hook, which resumes", "a person", "a person, who resumes"])
def test_a_pause_ends_what_is_called_though_it_has_not_begun(who: str) -> None:
    """Law: hooks that wait for a place when a run is paused are called before it rests, once each, whoever dies when."""

    def pauses(sim: Simulation) -> None:
        asked: list[bool] = []

        async def hear(event: HookEvent) -> list[Any]:
            await asyncio.sleep(1)
            commands = [PauseRun(), ResumeRun()] if "resumes" in who else [PauseRun()]
            return commands if "hook" in who and event.node_id == "n1" else []

        nodes = [{"id": f"n{at}", "action": "quiet"} for at in range(4)]
        config = {"max_parallel_nodes": 1}
        spec = {"name": "f", "config": config, "hooks": {"node_success": "hear"}, "nodes": nodes}

        def play(system: ActorSystem) -> Report:
            run = system.flows.start(spec, run_id="r")
            if "person" in who and not asked:
                sim.advance(1.5)
                run.pause()
                if "resumes" in who:
                    run.resume()
                asked.append(True)
            report = run.wait()
            return run.resume().wait() if report.state == "paused" else report

        report = sim.keep_going(play, actions=[quiet, hear])
        assert report.state == "succeeded"
        assert sorted(node.node_id for node in report.nodes if node.called_for) == [
            f"node_success:n{at}" for at in range(4)
        ]
        assert {node.state for node in report.nodes} == {"succeeded"}

    assert explore(pauses, seeds=1, crash="every_commit").commits > 8


def test_a_pause_that_comes_to_the_end_of_a_run_is_over(sim: Simulation) -> None:
    """Law: the end is decided while it is heard: there is no pause to call off, and whoever asks is told so at once."""

    async def hear(event: HookEvent) -> None:
        del event
        await asyncio.sleep(10)

    spec = {"name": "f", "hooks": {"run_start": "hear", "run_end": "hear"}, "nodes": [{"id": "a", "action": "quiet"}]}
    run = sim.system(actions=[quiet, hear]).flows.start(spec)
    sim.advance(1)
    run.cancel(node="a")
    run.pause()
    sim.advance(14)
    for ask, told in ((run.resume, RunOwned), (run.pause, IllegalTransition)):
        with pytest.raises(told):
            ask()
        assert sim.now_s < 16
    assert run.wait().state == "succeeded"


def test_what_a_hook_returns_may_be_long(tmp_path: Path) -> None:
    """Law: what is too long for its row, or for the database, is read all the same."""

    def grow(event: HookEvent) -> AddNodes:
        del event
        return AddNodes([{"id": f"n{at}", "action": "quiet"} for at in range(2_000)])

    spec = {"name": "f", "hooks": {"run_start": "grow"}, "nodes": [{"id": "a", "action": "quiet"}]}
    report = run(tmp_path, spec, quiet, grow)
    assert report.state == "succeeded"
    assert len(own(report)) == 2_001


def test_a_hook_that_resumes_takes_a_pause_back(tmp_path: Path) -> None:
    """Law: a failure that pauses the run, and a hook that knows better: the rest goes on."""

    def mend(event: HookEvent) -> ResumeRun:
        del event
        return ResumeRun()

    tries: list[int] = []

    def breaks() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("no")

    nodes = [
        {"id": "a", "action": "breaks", "on_failure": "pause"},
        *({"id": f"n{at}", "action": "quiet"} for at in range(50)),
    ]
    spec = {"name": "f", "config": {"max_parallel_nodes": 1}, "hooks": {"node_failure": "mend"}, "nodes": nodes}
    report = run(tmp_path, spec, quiet, breaks, mend)
    assert [node.state for node in report.nodes if node.node_id.startswith("n") and not node.called_for] == [
        "succeeded"
    ] * 50


def test_a_hook_cancels_the_run(tmp_path: Path) -> None:
    """Law: as `cancel` does."""

    def enough(event: HookEvent) -> CancelRun:
        del event
        return CancelRun()

    nodes = [{"id": "a", "action": "quiet"}, {"id": "b", "action": "quiet", "dependencies": ["a"]}]
    report = run(tmp_path, {"name": "f", "hooks": {"node_success": "enough"}, "nodes": nodes}, quiet, enough)
    assert report.state == "cancelled"


@pytest.mark.parametrize("when", ["its end is heard", "it was cancelled meanwhile"])
def test_nothing_is_added_to_a_run_whose_end_is_decided(sim: Simulation, when: str) -> None:
    """Law: nothing new starts then, whoever adds it: the hook has failed, and says so."""
    began: list[str] = []

    def work(ctx: Context) -> None:
        began.append(ctx.node_id)

    async def late(event: HookEvent) -> AddNodes:
        await asyncio.sleep(5)
        return AddNodes([{"id": f"late_{event.event}", "action": "work"}])

    is_cancelled = when == "it was cancelled meanwhile"
    hooks = {"node_success" if is_cancelled else "run_end": "late"}
    run = sim.system(actions=[work, late]).flows.start(
        {"name": "f", "hooks": hooks, "nodes": [{"id": "a", "action": "work"}]}
    )
    sim.advance(1)
    if is_cancelled:
        run.cancel()
    report = run.wait()
    assert report.state == ("cancelled" if is_cancelled else "failed")
    assert "the end of the run is decided, so nothing more begins: add nodes before" in str(report.error)
    assert (own(report), began) == ({"a": "succeeded"}, ["a"])


def test_a_hook_emits_an_event_of_its_own(tmp_path: Path) -> None:
    """Law: whoever watches the run is told, after the commit."""
    heard: list[RunEvent] = []

    def emit(event: HookEvent) -> list[EmitEvent]:
        return [EmitEvent("done", {"node": event.node_id})]

    spec = {"name": "f", "hooks": {"node_success": "emit"}, "nodes": [{"id": "a", "action": "quiet"}]}
    with ActorSystem(tmp_path / "a.db", actions=[quiet, emit], observer=heard.extend) as system:
        system.flows.start(spec).wait(30)
    assert [(one.name, one.data) for one in heard if isinstance(one, HookEmitted)] == [("done", '{"node":"a"}')]


CYCLE: list[dict[str, Any]] = [
    {"id": "n", "action": "quiet", "dependencies": ["m"]},
    {"id": "m", "action": "quiet", "dependencies": ["n"]},
]
LONG: list[Any] = [EmitEvent("x")] * 10_001
BAD: dict[str, tuple[Any, str]] = {
    "an error": (ZeroDivisionError("its own"), "node_success:a: ZeroDivisionError: its own"),
    "a number in a list": ([PauseRun(), 7], r"a list of commands: Expected `object`, got `int` - at `\$\[1\]`"),
    "a cycle": (AddNodes(CYCLE), "the dependencies form a cycle: n -> m -> n"),
    "an id of the run": (AddNodes([{"id": "b", "action": "quiet"}]), "the id 'b' is doubled; the run has it already"),
    "an id twice": ([AddNodes([{"id": "n", "action": "quiet"}])] * 2, "the id 'n' is doubled"),
    "a flow that is not there": (AddNodes([{"id": "n", "flow": "f.yaml"}]), "there is no flow 'f.yaml'"),
    "a hook": (CancelNode("node_success:a"), "is a hook, which is not to be cancelled"),
    "an event without a name": (EmitEvent(""), "an event has a name of 1 to 200 printable characters"),
    "an event that is too long": (EmitEvent("x", "y" * 70_000), "at most 64 KiB of data"),
    "too many commands": (LONG, "at most 10,000 commands, not 10,001"),
    "no command": ({"x": 1}, "a hook returns None, a command, or a list of commands"),
    "a missing node": (CancelNode("bb"), "the run has no node 'bb'"),
    "a node that has begun": (SetInputs("a", {"value": 1}), "has begun already"),
    "an unknown input": (SetInputs("b", {"valeu": 1}), "takes no input 'valeu'"),
    "an ill-typed input": (SetInputs("b", {"value": "x"}), "cannot take its input 'value'"),
    "nodes behind a cancel": (
        [CancelRun(), AddNodes([{"id": "n", "action": "quiet"}])],
        "nothing is added to a run behind",
    ),
    "one bad of two": ([AddNodes([{"id": "n", "action": "quiet"}]), CancelNode("bb")], "the run has no node 'bb'"),
    "a bad dependency": (
        AddNodes([{"id": "n", "action": "quiet"}, {"id": "m", "action": "quiet", "dependencies": ["zz"]}]),
        "unknown dependency 'zz'",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_a_hook_cannot_have_is_told_and_nothing_of_it_is_done(tmp_path: Path, what: str) -> None:
    """Law: the hook has failed and so does the run, at its end; the flow's own nodes go on as if it had said nothing."""
    returned, message = BAD[what]

    def bad(event: HookEvent) -> Any:
        if event.node_id == "a" and isinstance(returned, Exception):
            raise returned
        return returned if event.node_id == "a" else None

    nodes = [
        {"id": "a", "action": "takes", "inputs": {"value": {"value": 0}}},
        {"id": "b", "action": "takes", "dependencies": ["a"], "inputs": {"value": "a"}},
    ]
    spec = {"name": "f", "hooks": {"node_success": "bad"}, "nodes": nodes}
    with ActorSystem(tmp_path / "a.db", actions=[takes, quiet, bad]) as system:
        started = system.flows.start(spec)
        with pytest.raises(RunFailed, match=message):
            started.result(30)
        assert own(started.wait(30)) == {"a": "succeeded", "b": "succeeded"}


TOO_LATE: dict[str, tuple[Any, str]] = {
    "a pause": (PauseRun(), "it cannot be paused any more; `on_failure: pause` of a node pauses it where that fails"),
    "a resume": (ResumeRun(), "there is no pause to take back"),
    "a cancel": (CancelRun(), "it cannot be cancelled any more"),
    "a cancel of a node": (CancelNode("a"), "the node 'a' is over too, and not to be cancelled"),
}


@pytest.mark.parametrize("what", TOO_LATE)
def test_what_comes_too_late_at_the_end_of_a_run_is_refused(tmp_path: Path, what: str) -> None:
    """Law: at the end of a run there is nothing to pause, resume or cancel: a hook that wants to is told, and fails."""
    command, message = TOO_LATE[what]

    def late(event: HookEvent) -> Any:
        del event
        return command

    report = run(
        tmp_path, {"name": "f", "hooks": {"run_end": "late"}, "nodes": [{"id": "a", "action": "quiet"}]}, quiet, late
    )
    assert report.state == "failed"
    assert report.error == (
        f"run_end: HookRefused: what the hook returned cannot be done: the run has come to its end, succeeded: {message}"
    )
    assert own(report) == {"a": "succeeded"}


def test_a_hook_cannot_pause_what_a_failure_has_stopped(tmp_path: Path) -> None:
    """Law: `on_failure: stop` has decided the end when the hook of the failure is called; it is told what pauses instead."""

    def breaks() -> None:
        raise ValueError("no")

    def halt(event: HookEvent) -> PauseRun:
        del event
        return PauseRun()

    spec: dict[str, Any] = {"name": "f", "hooks": {"node_failure": "halt"}, "nodes": [{"id": "a", "action": "breaks"}]}
    report = run(tmp_path, spec, breaks, halt)
    (hook,) = [node for node in report.nodes if node.called_for]
    assert report.state == hook.state == "failed"
    assert "it cannot be paused any more; `on_failure: pause`" in str(hook.attempts[-1].error)


def test_hooks_that_both_cancel_a_run_leave_its_end_to_be_heard() -> None:
    """Law: the second finds done what it asks for: the run is cancelled once, and its end heard once, whoever dies when."""

    def decides(sim: Simulation) -> None:
        async def enough(event: HookEvent) -> CancelRun:
            await asyncio.sleep(1 if event.node_id == "a" else 2)
            return CancelRun()

        async def hear(event: HookEvent) -> None:
            await asyncio.sleep(5)
            assert event.state == "cancelled"

        nodes = [{"id": "a", "action": "quiet"}, {"id": "b", "action": "quiet"}]
        spec = {"name": "f", "hooks": {"node_success": "enough", "run_end": "hear"}, "nodes": nodes}

        def play(system: ActorSystem) -> Report:
            return system.flows.start(spec, run_id="r").wait()

        report = sim.keep_going(play, actions=[quiet, enough, hear])
        assert report.state == "cancelled"
        assert report.error is None, report.error
        assert {node.node_id: node.state for node in report.nodes if node.called_for} == {
            "node_success:a": "succeeded",
            "node_success:b": "succeeded",
            "run_end": "succeeded",
        }

    assert explore(decides, seeds=1, crash="every_commit").commits > 4


def deaf() -> None: ...


def wants(event: HookEvent, more: int) -> None:
    del event, more


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ({"run_start": "hera"}, "hooks.run_start: unknown action 'hera'\n.*Did you mean 'hear'"),
        ({"run_start": "deaf"}, "the hook 'deaf' takes no `event`\n.*Give it a parameter `event`: HookEvent"),
        ({"run_end": ["hear", "wants"]}, r"hooks.run_end\[1\]: nothing gives the parameter 'more' of the hook 'wants'"),
        ({"node_sucess": "hear"}, "unknown key 'node_sucess'\n.*Did you mean 'node_success'"),
        ({"node_retry": {"action": "hear"}}, "the hook node_retry must be text, not a mapping"),
        (["hear"], "hooks must be a mapping, not a list\n.*Known keys: run_start, node_start"),
    ],
)
def test_a_hook_that_cannot_be_called_is_refused_at_load(tmp_path: Path, hooks: Any, message: str) -> None:
    """Law: at its place in the file, with what to do; nothing has begun."""

    def hear(event: HookEvent) -> None:
        del event

    spec = {"name": "f", "hooks": hooks, "nodes": [{"id": "a", "action": "quiet"}]}
    with ActorSystem(tmp_path / "a.db", actions=[quiet, hear, deaf, wants]) as system:
        with pytest.raises(DefinitionError, match=message):
            system.flows.start(spec)
        assert system.flows.runs() == []


def test_hooks_of_one_event_are_each_called(tmp_path: Path) -> None:
    """Law: several of them, also one that is named twice, each once for each time it is named."""
    heard: list[str] = []

    def first(event: HookEvent) -> None:
        heard.append(f"first {event.node_id}")

    def second(event: HookEvent) -> None:
        heard.append(f"second {event.node_id}")

    spec = {
        "name": "f",
        "hooks": {"node_success": ["first", "second", "first"]},
        "nodes": [{"id": "a", "action": "quiet"}],
    }
    assert run(tmp_path, spec, quiet, first, second).state == "succeeded"
    assert sorted(heard) == ["first a", "first a", "second a"]


def test_max_iterations_halts_a_hook_that_never_has_enough(tmp_path: Path) -> None:
    """Law: what hooks of added nodes add counts as what their actions add; the call that goes one too far fails."""

    def more(event: HookEvent) -> AddNodes:
        return AddNodes([{"id": f"{event.node_id}n", "action": "quiet"}])

    nodes = [{"id": "a", "action": "quiet"}]
    spec = {"name": "f", "config": {"max_iterations": 3}, "hooks": {"node_success": "more"}, "nodes": nodes}
    report = run(tmp_path, spec, quiet, more)
    assert own(report) == dict.fromkeys(("a", "an", "ann", "annn"), "succeeded")
    assert report.error is not None
    assert report.error.startswith("node_success:annn: GrowthRefused: ")
    assert "would be iteration 4, and the flow's max_iterations is 3" in report.error


def test_ten_thousand_nodes_that_are_ready_at_once_are_all_heard(tmp_path: Path) -> None:
    """Law: no deadlock between hooks and the nodes that wait for them."""
    spec = {
        "name": "f",
        "hooks": {"node_start": "hear"},
        "nodes": [{"id": str(at), "action": "quiet"} for at in range(10_000)],
    }

    def hear(event: HookEvent) -> None:
        del event

    report = run(tmp_path, spec, quiet, hear)
    assert report.state == "succeeded"
    assert len(report.nodes) == 20_000
