"""The events of a run: in commit order, with numbers that never change, from this or another process, now or later."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Context, EmitEvent, Event, HookEvent, RunNotFound
from dagger_actors.errors import RequestError
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

PATIENCE_S = 60


def number(n: int) -> int:
    return n


def shaky(n: int, ctx: Context) -> int:
    if ctx.attempt == 1:
        raise ValueError("on purpose")
    return n


def grow(ctx: Context) -> str:
    ctx.add_nodes([{"id": "added", "action": "number", "inputs": {"n": {"value": 3}}}])
    return "grown"


def tell(event: HookEvent) -> EmitEvent:
    return EmitEvent("told", {"of": event.node_id})


ACTIONS = [number, shaky, grow, tell]
FLOW: dict[str, Any] = {
    "name": "busy",
    "hooks": {"node_failure": "tell", "node_success": "tell"},
    "nodes": [
        {"id": "many", "action": "number", "map": {"over": "inputs.items", "item": "n"}},
        {
            "id": "shaky",
            "action": "shaky",
            "inputs": {"n": {"value": 1}},
            "try_count": 2,
            "retry_strategy": {"linear": {"delay_secs": 0.01}},
        },
        {"id": "grow", "action": "grow"},
        {
            "id": "never",
            "action": "number",
            "inputs": {"n": "shaky"},
            "when": {"reference": "shaky", "gt": 5},
        },
    ],
}
INPUTS = {"items": [1, 2, 3]}


def told(events: list[Event]) -> list[tuple[str, str, str, int, str]]:
    return [(one.kind, one.node_id, one.invocation_key, one.attempt, one.name) for one in events]


def check(events: list[Event], system: Any) -> None:
    """Each attempt of the report begins and ends once, in this order; the run's states and what hooks say are there."""
    seqs = [one.seq for one in events]
    assert seqs == sorted(set(seqs))
    assert {one.run_id for one in events} == {"r"}
    report = system.flows.report("r")
    happened = told(events)
    once = [one for one in happened if one[0] != "emitted"]
    assert len(set(once)) == len(once)
    for node in report.nodes:
        for attempt in node.attempts:
            who = (node.node_id, node.invocation_key, attempt.attempt)
            ended = happened.index(("ended", *who, attempt.state))
            if attempt.started_us is not None:
                begun = happened.index(("started", *who, "running"))
                assert (begun < ended, events[begun].at_us) == (True, attempt.started_us)
                (end,) = [one for one in events if one.seq == seqs[ended]]
                assert end.duration_us == attempt.finished_us - attempt.started_us
    (whole,) = [one for one in events if one.kind == "ended" and (one.node_id, one.invocation_key) == ("many", "")]
    assert whole.duration_us is not None
    assert happened[0] == ("run", "", "", 0, "running")
    assert happened[-1] == ("run", "", "", 0, "succeeded")
    assert ("ended", "never", "", 0, "skipped") in happened
    assert [one.data for one in events if one.kind == "added"] == [["added"]]
    said = {one.data["of"] for one in events if one.kind == "emitted"}
    assert {"many", "shaky", "grow", "added"} <= said


def test_the_events_of_a_run_are_told_in_order_and_again_from_any_number_on(tmp_path: Path) -> None:
    """Law: behind every number come exactly the events with higher ones, at any time, from any process."""
    path = tmp_path / "a.db"
    with ActorSystem(path, actions=ACTIONS) as system:
        run = system.flows.start(FLOW, INPUTS, run_id="r")
        live = list(system.events(run.id))
        check(live, system)
        assert ("waiting", "shaky", "", 2, "waiting") in told(live)
        assert list(system.events("r", after=live[-1].seq)) == []
    with ActorSystem.look(path) as here:
        again = here.flows.events("r")
        assert told(again) == told(live)
        assert [one.seq for one in again] == [one.seq for one in live]
        for at, event in enumerate(again):
            assert here.flows.events("r", event.seq) == again[at + 1 :]
        assert here.flows.events("r", limit=3) == again[:3]
    with ActorSystem(path, actions=ACTIONS) as system:
        assert list(system.events("r")) == again

        async def read() -> list[Event]:
            return [event async for event in system.aevents("r", after=again[4].seq)]

        assert asyncio.run(read()) == again[5:]


def test_who_follows_is_told_while_the_run_goes_on(tmp_path: Path) -> None:
    """Law: what is committed is told before the run ends, here and by another system on the file."""
    begun, go_on = threading.Event(), threading.Event()

    def waits() -> int:
        begun.set()
        go_on.wait(PATIENCE_S)
        return 1

    flow = {"name": "f", "nodes": [{"id": "a", "action": "number", "inputs": {"n": {"value": 1}}}]}
    flow["nodes"].append({"id": "b", "action": "waits", "dependencies": ["a"]})
    path = tmp_path / "a.db"
    with ActorSystem(path, actions=[number, waits]) as system, ActorSystem(path, recover=False) as other:
        system.flows.start(flow, run_id="r")
        ours, theirs = system.events("r"), other.events("r")
        for events in (ours, theirs):
            assert [next(events).name for _ in range(3)] == ["running", "running", "succeeded"]
        assert begun.wait(PATIENCE_S)
        assert (next(ours).name, next(theirs).name) == ("running", "running")
        go_on.set()
        for events in (ours, theirs):
            assert [(one.kind, one.name) for one in events] == [("ended", "succeeded"), ("run", "succeeded")]


def test_a_run_that_is_tried_again_goes_on_with_higher_numbers(tmp_path: Path) -> None:
    """Law: a retry adds events; those before keep their numbers."""
    mended: list[int] = []

    def breaks() -> int:
        if not mended:
            raise ValueError("on purpose")
        return 1

    flow = {"name": "f", "nodes": [{"id": "a", "action": "breaks"}]}
    with ActorSystem(tmp_path / "a.db", actions=[breaks]) as system:
        system.flows.start(flow, run_id="r").wait(PATIENCE_S)
        before = list(system.events("r"))
        assert before[-1].data == "a: ValueError: on purpose"
        mended.append(1)
        system.flows.retry("r").wait(PATIENCE_S)
        after = list(system.events("r"))
        assert after[: len(before)] == before
        assert [one.name for one in after if one.kind == "run"] == ["running", "failed", "running", "succeeded"]


def test_who_follows_beyond_the_rest_of_a_run_hears_of_its_retry_and_of_the_end_of_the_system(tmp_path: Path) -> None:
    """Law: follow=True ends only when the system is left."""
    mended: list[int] = []

    def breaks() -> int:
        if not mended:
            raise ValueError("on purpose")
        return 1

    states: list[str] = []
    failed, succeeded = threading.Event(), threading.Event()

    def follow(system: ActorSystem) -> None:
        for event in system.events("r", follow=True):
            if event.kind == "run":
                states.append(event.name)
                (failed if event.name == "failed" else succeeded if event.name == "succeeded" else begun).set()

    begun = threading.Event()
    with ActorSystem(tmp_path / "a.db", actions=[breaks]) as system:
        system.flows.start({"name": "f", "nodes": [{"id": "a", "action": "breaks"}]}, run_id="r")
        follower = threading.Thread(target=follow, args=(system,))
        follower.start()
        assert failed.wait(PATIENCE_S)
        mended.append(1)
        system.flows.retry("r")
        assert succeeded.wait(PATIENCE_S)
        assert follower.is_alive()
    follower.join(PATIENCE_S)
    assert not follower.is_alive()
    assert states == ["running", "failed", "running", "succeeded"]


class Watcher:
    """Looks at a run again and again, whoever works on it: what it has seen once it sees again, and nothing in between."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.seen: dict[int, tuple[str, str, str, int, str]] = {}

    def look(self, system: ActorSystem) -> list[Event]:
        try:
            events = system._hub.archive.events(self.run_id)
        except RunNotFound:
            return []
        known = {one.seq: happened for one, happened in zip(events, told(events), strict=True)}
        assert len(known) == len(events)
        assert self.seen.items() <= known.items()
        assert all(seq > max(self.seen, default=0) for seq in known.keys() - self.seen.keys())
        self.seen.update(known)
        return events


def play(sim: Simulation) -> None:
    watcher = Watcher("r")

    def go_on(system: ActorSystem) -> Any:
        watcher.look(system)
        report = system.flows.start(FLOW, INPUTS, run_id="r").wait()
        events = watcher.look(system)
        if report.state == "succeeded":
            check(events, system)
        return report

    assert sim.keep_going(go_on, actions=ACTIONS).state == "succeeded"


def play_with_others(sim: Simulation) -> None:
    """A run that has another inside, in which a person is asked."""
    folder = sim.path.parent
    (folder / "inner.yaml").write_text("name: inner\nnodes:\n  - {id: one, approval: {message: Well?, type: int}}\n")
    (folder / "outer.yaml").write_text("name: outer\nnodes:\n  - {id: sub, flow: inner.yaml}\n")
    above, inside = Watcher("r"), Watcher("r/sub")

    def go_on(system: ActorSystem) -> Any:
        run = system.flows.start(folder / "outer.yaml", run_id="r")
        run.wait()
        for watcher in (above, inside):
            watcher.look(system)
        if system.flows.report("r").state != "succeeded":
            system.flows.signal("r/sub", "one", 3)
        report = run.wait()
        for watcher in (above, inside):
            watcher.look(system)
        return report

    assert sim.keep_going(go_on).state == "succeeded"


def test_numbers_never_change_whichever_commit_a_worker_dies_at() -> None:
    """Law: what was told once is told again with its number, and what comes later has a higher one."""
    assert explore(play, seeds=2, crash="every_commit").commits >= 8
    assert explore(play_with_others, seeds=1, crash="every_commit").commits >= 4


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    """Law: an unknown run, and what is no number, are told at once."""
    with ActorSystem(tmp_path / "a.db") as system:
        with pytest.raises(RunNotFound):
            system.events("r")
        with pytest.raises(RunNotFound):
            system.aevents("r")
    with ActorSystem(tmp_path / "a.db", actions=ACTIONS) as system:
        system.flows.start(FLOW, INPUTS, run_id="r").wait(PATIENCE_S)
        for after in (-1, True, "3", 2**63):
            with pytest.raises(RequestError, match="after is the seq of an event"):
                system.events("r", after=after)
        for limit in (0, -1, True, "3"):
            with pytest.raises(RequestError, match="limit is how many events"):
                system._hub.archive.events("r", limit=limit)  # type: ignore[arg-type]


def test_what_awaits_somebody_has_one_number_for_its_beginning(tmp_path: Path) -> None:
    """Law: no two events have one number; what awaits a person or a run inside waits since then, and ends, but runs nothing."""
    (tmp_path / "inner.yaml").write_text("name: inner\nnodes:\n  - {id: one, approval: {message: Well?, type: int}}\n")
    (tmp_path / "outer.yaml").write_text("name: outer\nnodes:\n  - {id: sub, flow: inner.yaml}\n")
    with ActorSystem(tmp_path / "a.db") as system:
        run = system.flows.start(tmp_path / "outer.yaml", run_id="r")
        run.wait(PATIENCE_S)
        system.flows.signal("r/sub", "one", 3)
        assert run.wait(PATIENCE_S).state == "succeeded"
        for run_id, node_id in (("r", "sub"), ("r/sub", "one")):
            events = list(system.events(run_id))
            assert len({one.seq for one in events}) == len(events)
            of_node = [one for one in events if one.node_id == node_id]
            assert [(one.kind, one.name) for one in of_node] == [("waiting", "waiting"), ("ended", "succeeded")]
            assert of_node[0].at_us is not None
            assert of_node[1].duration_us == of_node[1].at_us - of_node[0].at_us
            for at, one in enumerate(events):
                assert list(system.events(run_id, after=one.seq)) == events[at + 1 :]
