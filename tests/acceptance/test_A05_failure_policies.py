"""A05, failure policies: continue, stop and pause, per flow and per node. All on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dagger_actors import ActorSystem, Report, RunFailed, RunPaused
from dagger_actors.errors import IllegalTransition
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation


class Stage:
    """Two branches, a1 -> a2 -> a3 and b1 -> b2 -> b3; a1 fails at 1 s, each node of B takes 2 s.

    Attributes:
        began: The bodies that began, and when.
        cancelled: Those that saw a CancelledError.
        broken: While true, a1 fails.
    """

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.began: list[tuple[str, float]] = []
        self.ended: list[str] = []
        self.cancelled: list[str] = []
        self.broken = True

    def actions(self) -> list[Callable[..., Any]]:
        async def fails(name: str) -> str:
            self.began.append((name, self.sim.now_s))
            await asyncio.sleep(1)
            if self.broken:
                raise ValueError("A is broken")
            return name

        async def works(name: str) -> str:
            self.began.append((name, self.sim.now_s))
            try:
                await asyncio.sleep(2)
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise
            self.ended.append(name)
            return name

        return [fails, works]

    def spec(self, on_failure: str, **config: Any) -> dict[str, Any]:
        nodes = [self.node("a1", "fails"), self.node("a2", "works", "a1"), self.node("a3", "works", "a2")]
        nodes += [self.node("b1", "works"), self.node("b2", "works", "b1"), self.node("b3", "works", "b2")]
        return {"name": "branches", "config": {"on_failure": on_failure, **config}, "nodes": nodes}

    @staticmethod
    def node(name: str, action: str, *after: str, **keys: Any) -> dict[str, Any]:
        return {"id": name, "action": action, "dependencies": list(after), "inputs": {"name": {"value": name}}, **keys}

    def names(self) -> list[str]:
        return [name for name, _ in self.began]


@pytest.fixture
def stage(sim: Simulation) -> Stage:
    return Stage(sim)


def states(report: Report) -> dict[str, str]:
    return {node.node_id + node.invocation_key: node.state for node in report.nodes}


def reasons(report: Report) -> dict[str, str | None]:
    return {node.node_id: node.reason for node in report.nodes if node.reason}


@pytest.mark.parametrize("seed", range(5))
class TestContinue:
    def test_b_completes_and_a_s_dependents_are_skipped(self, stage: Stage) -> None:
        """Law: what does not depend on the failure goes on; what does never runs and says why; the run fails as A did."""
        run = stage.sim.system(actions=stage.actions()).flows.start(stage.spec("continue"))
        report = run.wait()
        assert report.state == "failed"
        assert states(report) == {
            "a1": "failed",
            "a2": "skipped",
            "a3": "skipped",
            "b1": "succeeded",
            "b2": "succeeded",
            "b3": "succeeded",
        }
        assert reasons(report) == {"a2": "dependency 'a1' failed", "a3": "dependency 'a2' was skipped"}
        assert sorted(stage.names()) == ["a1", "b1", "b2", "b3"]
        assert stage.cancelled == []
        assert report.elapsed_us == 6_000_000
        with pytest.raises(RunFailed, match=r"a1: .*A is broken") as caught:
            run.result()
        assert caught.value.report == report
        assert caught.value.reason == report.error
        assert report.outputs == {}

    def test_a_node_that_joins_both_branches_is_skipped(self, stage: Stage) -> None:
        """Law: a node starts only when everything it depends on has succeeded; it never runs with nulls."""
        spec = stage.spec("continue")
        spec["nodes"].append(stage.node("join", "works", "a3", "b3"))
        report = stage.sim.system(actions=stage.actions()).flows.start(spec).wait()
        assert states(report)["join"] == "skipped"
        assert "join" not in stage.names()


@pytest.mark.parametrize("seed", range(5))
class TestStop:
    def test_nothing_new_starts_and_running_code_is_cancelled(self, stage: Stage) -> None:
        """Law: at the failure's moment B's body gets a CancelledError; nothing begins after it; the rest is skipped."""
        report = stage.sim.system(actions=stage.actions()).flows.start(stage.spec("stop")).wait()
        assert (report.state, report.elapsed_us) == ("failed", 1_000_000)
        assert states(report) == {
            "a1": "failed",
            "b1": "cancelled",
            "a2": "skipped",
            "a3": "skipped",
            "b2": "skipped",
            "b3": "skipped",
        }
        assert reasons(report) == {
            **dict.fromkeys(["b1", "b2", "b3"], "run stopped"),
            "a2": "dependency 'a1' failed",
            "a3": "dependency 'a2' was skipped",
        }
        stage.sim.advance(60)
        assert sorted(stage.began) == [("a1", 0.0), ("b1", 0.0)]
        assert (stage.cancelled, stage.ended) == (["b1"], [])
        assert "A is broken" in (report.error or "")

    def test_it_is_the_default(self, stage: Stage) -> None:
        """Law: a flow that says nothing stops."""
        spec = stage.spec("stop")
        del spec["config"]
        report = stage.sim.system(actions=stage.actions()).flows.start(spec).wait()
        assert states(report)["b1"] == "cancelled"

    def test_a_retry_that_waits_is_skipped(self, stage: Stage) -> None:
        """Law: a node between two tries has not begun the next one, and never will."""
        spec = stage.spec("stop")
        spec["nodes"] = [
            {**spec["nodes"][0], "retry_strategy": {"linear": {"delay_secs": 50}}},
            {**spec["nodes"][0], "id": "other", "retry_strategy": {"linear": {"delay_secs": 1}}, "try_count": 2},
        ]
        report = stage.sim.system(actions=stage.actions()).flows.start(spec).wait()
        first, other = report.nodes
        assert (first.state, [attempt.state for attempt in first.attempts]) == ("skipped", ["failed"])
        assert [attempt.state for attempt in other.attempts] == ["failed", "failed"]
        stage.sim.advance(100)
        assert len(stage.began) == 3

    def test_retry_opens_the_run_again_without_what_succeeded(self, stage: Stage) -> None:
        """Law: failed, cancelled and skipped nodes run; fresh tries; the history stays."""
        flows = stage.sim.system(actions=stage.actions()).flows
        spec = stage.spec("stop")
        spec["nodes"].append({**stage.node("early", "fails")})
        stage.broken = False
        spec["nodes"][0] = stage.node("a1", "works")
        spec["nodes"].append(stage.node("late", "fails", "early"))
        run = flows.start(spec)
        stage.sim.advance(1.5)
        stage.broken = True
        assert states(run.wait())["late"] == "failed"
        assert states(run.report())["early"] == "succeeded"
        stage.broken = False
        report = flows.retry(run.id).wait()
        assert report.state == "succeeded"
        assert report.error is None
        assert set(states(report).values()) == {"succeeded"}
        assert stage.names().count("early") == 1
        late = next(node for node in report.nodes if node.node_id == "late")
        assert [attempt.state for attempt in late.attempts] == ["failed", "succeeded"]


class TestSequentialStop:
    @pytest.mark.parametrize("seed", range(60))
    def test_not_one_node_starts_after_the_failing_one(self, sim: Simulation) -> None:
        """Law: grants run ahead of the limit, starts do not: whatever the order of turns, a failure is the last body."""
        began: list[int] = []
        failing = sim.world.chance.randrange(40)

        async def on_the_loop(at: int) -> None:
            began.append(at)
            await asyncio.sleep(sim.world.chance.choice((0, 0.001)))
            if at == failing:
                raise ValueError(at)

        def on_a_thread(at: int) -> None:
            began.append(at)
            if at == failing:
                raise ValueError(at)

        nodes = [
            {
                "id": f"n{at}",
                "action": sim.world.chance.choice(("on_the_loop", "on_a_thread")),
                "inputs": {"at": {"value": at}},
            }
            for at in range(40)
        ]
        system = sim.system(actions=[on_the_loop, on_a_thread])
        report = system.flows.start({"name": "line", "nodes": nodes}, sequential=True).wait()
        sim.advance(10)
        assert report.state == "failed"
        assert began[-1] == failing
        assert len(began) == len(set(began))
        ran = sorted(int(node.node_id[1:]) for node in report.nodes if node.attempts)
        assert ran == sorted(began)
        skipped = [node for node in report.nodes if node.state == "skipped"]
        assert len(skipped) == 40 - len(began)

    def test_on_real_threads(self, open_system, diary) -> None:
        """Law: the same under preemption, many times over."""

        def work(at: int) -> None:
            diary.note(at)
            if at == 7:
                raise ValueError(at)

        nodes = [{"id": f"n{at}", "action": "work", "inputs": {"at": {"value": at}}} for at in range(60)]
        system = open_system(work, synchronous="normal")
        for _ in range(20):
            diary.notes.clear()
            report = system.flows.start({"name": "line", "nodes": nodes}, sequential=True).wait(30)
            assert (report.state, diary.notes) == ("failed", list(range(8)))


@pytest.mark.parametrize("seed", range(5))
class TestPause:
    def test_siblings_drain_and_the_run_is_paused_under_its_id(self, stage: Stage) -> None:
        """Law: what runs is not cancelled, nothing new starts, the run is nobody's and can be resumed."""
        system = stage.sim.system(actions=stage.actions())
        run = system.flows.start(stage.spec("pause"), run_id="mine")
        report = run.wait()
        assert (report.run_id, report.state, report.finished_us) == ("mine", "paused", None)
        assert states(report) == {
            "a1": "failed",
            "b1": "succeeded",
            "a2": "pending",
            "a3": "pending",
            "b2": "pending",
            "b3": "pending",
        }
        assert report.elapsed_us == 2_000_000
        assert (stage.cancelled, sorted(stage.names())) == ([], ["a1", "b1"])
        assert system.flows.resumable() == ["mine"]
        with pytest.raises(RunPaused, match="A is broken"):
            run.result()

    def test_resume_finishes_it_without_redoing_anything(self, stage: Stage) -> None:
        """Law: only what failed and what never ran runs; the clock stood still meanwhile."""
        system = stage.sim.system(actions=stage.actions())
        run = system.flows.start(stage.spec("pause"))
        run.wait()
        stage.sim.advance(100)
        stage.broken = False
        report = system.flows.resume(run.id).wait()
        assert (report.state, report.error) == ("succeeded", None)
        assert set(states(report).values()) == {"succeeded"}
        assert {name: stage.names().count(name) for name in stage.names()} == {
            "a1": 2,
            "a2": 1,
            "a3": 1,
            "b1": 1,
            "b2": 1,
            "b3": 1,
        }
        # 2 s before the pause; then a1 takes 1 s, a2 and a3 2 s each.
        assert report.elapsed_us == 7_000_000
        assert report.finished_us - report.started_us == 107_000_000
        assert run.result() == {"a3": "a3", "b3": "b3"}

    def test_another_process_may_resume_it(self, stage: Stage) -> None:
        """Law: a paused run is in the file, not in the process that paused it."""
        first = stage.sim.system(actions=stage.actions())
        run = first.flows.start(stage.spec("pause"))
        run.wait()
        stage.sim.kill(first)
        stage.broken = False
        assert stage.sim.system(actions=stage.actions()).flows.resume(run.id).wait().state == "succeeded"

    def test_the_node_that_paused_it_gets_a_fresh_set_of_tries(self, stage: Stage) -> None:
        """Law: two tries, a pause, two more; and it may pause again."""
        spec = stage.spec("pause", max_attempts=2)
        flows = stage.sim.system(actions=stage.actions()).flows
        run = flows.start(spec)
        for count in (2, 4):
            report = run.wait()
            assert report.state == "paused"
            a1 = report.nodes[0]
            assert [attempt.state for attempt in a1.attempts] == ["failed"] * count
            flows.resume(run.id)
        report = run.wait()
        assert [attempt.attempt for attempt in report.nodes[0].attempts] == [1, 2, 3, 4, 5, 6]
        stage.broken = False
        assert flows.resume(run.id).wait().state == "succeeded"
        assert stage.names().count("a1") == 7

    def test_retries_that_wait_are_kept_over_the_pause(self, stage: Stage) -> None:
        """Law: a sibling between two tries is neither lost nor tried while the run is paused."""
        spec = stage.spec("pause")
        spec["nodes"] = [
            spec["nodes"][0],
            {
                **stage.node("other", "fails"),
                "retry_strategy": {"linear": {"delay_secs": 10}},
                "on_failure": "continue",
            },
        ]
        flows = stage.sim.system(actions=stage.actions()).flows
        run = flows.start(spec)
        assert run.wait().state == "paused"
        assert len(stage.began) == 2
        stage.sim.advance(100)
        assert len(stage.began) == 2
        stage.broken = False
        report = flows.resume(run.id).wait()
        assert report.state == "succeeded"
        assert {name: len(node.attempts) for node in report.nodes for name in [node.node_id]} == {"a1": 2, "other": 2}

    def test_a_paused_run_can_be_cancelled(self, stage: Stage) -> None:
        """Law: paused -> cancelled, and then only retry opens it."""
        flows = stage.sim.system(actions=stage.actions()).flows
        run = flows.start(stage.spec("pause"))
        run.wait()
        assert run.cancel().state == "cancelled"
        with pytest.raises(IllegalTransition, match=r"cancelled.*retry"):
            flows.resume(run.id)
        stage.broken = False
        assert flows.retry(run.id).wait().state == "succeeded"
        assert stage.names().count("b1") == 1


END = {"continue": {"succeeded"}, "stop": {"cancelled", "skipped"}, "pause": {"succeeded", "ready", "pending"}}
"""How the nodes of branch B may end when a1 has failed for good."""


def explored_commits(flow: str, node: str | None) -> int:
    """Play a failure and what takes the run up anew, with a death around each commit; return how many there were."""
    policy = node or flow

    def fails(sim: Simulation) -> None:
        stage = Stage(sim)
        spec = stage.spec(flow)
        if node is not None:
            spec["nodes"][0]["on_failure"] = node

        def play(system: ActorSystem) -> Report:
            return system.flows.start(spec, run_id="r").wait()

        report = sim.keep_going(play, actions=stage.actions())
        assert report.state == ("paused" if policy == "pause" else "failed")
        assert "A is broken" in (report.error or "")
        found = states(report)
        assert found["a1"] == "failed"
        assert {found[name] for name in ("a2", "a3")} == {"pending" if policy == "pause" else "skipped"}
        assert {found[name] for name in ("b1", "b2", "b3")} <= END[policy]
        stage.broken = False
        done = [name for name, state in found.items() if state == "succeeded"]
        stage.began.clear()

        def again(system: ActorSystem) -> Report:
            if system.flows.report("r").state == "paused":
                return system.flows.resume("r").wait()
            if system.flows.report("r").state == "failed":
                return system.flows.retry("r").wait()
            return system.flows.start(spec, run_id="r").wait()

        assert sim.keep_going(again, actions=stage.actions()).state == "succeeded"
        assert not set(done) & set(stage.names())

    return explore(fails, seeds=1, crash="every_commit").commits


@pytest.mark.parametrize("policy", END)
def test_whichever_commit_a_process_dies_at_the_policy_is_kept(policy: str) -> None:
    """Law: the run ends, or rests, as without a death; what has succeeded is not done again when it is taken up anew."""
    assert explored_commits(policy, None) >= 8


FEW = [("stop", "continue"), ("continue", "pause"), ("pause", "stop")]
OTHERS = [(flow, node) for flow in END for node in END if flow != node and (flow, node) not in FEW]


@pytest.mark.parametrize(("flow", "node"), [*FEW, *(pytest.param(*pair, marks=pytest.mark.full) for pair in OTHERS)])
def test_whichever_commit_a_process_dies_at_the_nodes_word_wins(flow: str, node: str) -> None:
    """Law: whoever takes the run over goes by what the failed node says, not by what its flow does."""
    assert explored_commits(flow, node) >= 8


class TestPerNode:
    @pytest.mark.parametrize("flow", ["stop", "continue", "pause"])
    @pytest.mark.parametrize("node", ["stop", "continue", "pause"])
    def test_the_nodes_word_wins(self, stage: Stage, flow: str, node: str) -> None:
        """Law: on_failure of the node that failed decides, whatever the flow says."""
        spec = stage.spec(flow)
        spec["nodes"][0]["on_failure"] = node
        report = stage.sim.system(actions=stage.actions()).flows.start(spec).wait()
        assert report.state == ("paused" if node == "pause" else "failed")
        assert states(report)["b1"] == ("cancelled" if node == "stop" else "succeeded")
        assert states(report)["b2"] == {"stop": "skipped", "continue": "succeeded", "pause": "pending"}[node]

    @pytest.mark.parametrize(
        ("policy", "state", "after"), [("continue", "failed", 5), ("stop", "failed", 5), ("pause", "paused", 5)]
    )
    def test_a_mapped_node_fails_as_one_when_its_items_have_ended(
        self, sim: Simulation, policy: str, state: str, after: int
    ) -> None:
        """Law: a failed item does not stop the others; then the node's policy is asked, once."""
        ran: list[int] = []
        broken = {2, 3}

        def work(item: int) -> int:
            ran.append(item)
            if item in broken:
                raise ValueError(item)
            return item

        node = {"id": "all", "action": "work", "map": {"over": "inputs.items", "item": "item"}, "on_failure": policy}
        spec = {"name": "map", "inputs": {"items": list(range(5))}, "nodes": [node]}
        flows = sim.system(actions=[work]).flows
        run = flows.start(spec)
        report = run.wait()
        assert (report.state, len(ran)) == (state, after)
        told = "all: MapFailed: 2 of 5 items failed; the first is item '2': ValueError: 2"
        assert report.error == told
        broken.clear()
        report = (flows.resume if policy == "pause" else flows.retry)(run.id).wait()
        assert report.outputs == {"all": [0, 1, 2, 3, 4]}
        assert sorted(ran) == [0, 1, 2, 2, 3, 3, 4]

    @pytest.mark.parametrize(
        ("order", "first"),
        [("abcd", "'b': TimeoutError: no end within its timeout of 10 s"), ("dcba", "'d': ValueError: no d")],
    )
    def test_the_first_item_of_the_list_that_failed_is_told_whoever_dies(self, order: str, first: str) -> None:
        """Law: of a map's failed items the first in its list is named with its error, whatever failed first, and after a death."""

        def story(sim: Simulation) -> None:
            async def work(order: dict[str, Any]) -> int:
                await asyncio.sleep(order["s"])
                if order["s"] in (1, 2):
                    raise ValueError(f"no {order['id']}\nmore of it")
                if order["s"] == 5:
                    await asyncio.sleep(100)
                return 1

            orders = [{"id": name, "s": {"a": 3, "b": 5, "c": 2, "d": 1}[name]} for name in order]
            spec = {"over": "inputs.orders", "item": "order", "key": "order.id", "tolerate": 1}
            node = {"id": "all", "action": "work", "map": spec, "timeout": 10}
            flow = {"name": "map", "inputs": {"orders": {"type": "list"}}, "nodes": [node]}

            def play(system: ActorSystem) -> Report:
                return system.flows.start(flow, {"orders": orders}, run_id="r").wait()

            report = sim.keep_going(play, actions=[work])
            told = f"3 of 4 items failed, more than the 1 tolerated; the first is item {first}"
            assert report.error == f"all: MapFailed: {told}"

        assert explore(story, seeds=1, crash="every_commit").commits > 4
