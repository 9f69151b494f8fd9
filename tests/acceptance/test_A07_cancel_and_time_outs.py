"""A07, cancel and time-outs: recorded at once, nothing starts afterwards, code is told; stuck code holds up nothing."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import Context, HookEvent, Report, Run, RunCancelled, RunTimedOut
from dagger_actors.core.protocols import Write
from dagger_actors.errors import IllegalTransition, RunNotFound
from dagger_actors.flow.verbs.caller import Caller
from dagger_actors.testing.simulation import Simulation, simulate
from tests.busy import BEGUN_S, BUSY, begun_in_time

RECORDED_S = 0.100
"""The promise for a cancel in the process that runs the run."""

# In the slice the best one is held to the bound: what else this machine does can only add to the figure.
LIMITS_S = [(min, BUSY * RECORDED_S), pytest.param(statistics.median, RECORDED_S, marks=pytest.mark.full)]


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Set at the end of the test, so that stuck threads end with it."""
    event = threading.Event()
    yield event
    event.set()


def one_node(action: str, **keys: Any) -> dict[str, Any]:
    return {"name": "one", "nodes": [{"id": "node", "action": action, **keys}]}


def attempts(report: Report, node: int = 0) -> list[str]:
    return [attempt.state for attempt in report.nodes[node].attempts]


class TestCancel:
    @pytest.mark.parametrize(("of", "limit_s"), LIMITS_S)
    def test_it_is_recorded_within_100_ms_though_threads_are_stuck(
        self, open_system, diary, release, of, limit_s
    ) -> None:
        """Law: cancel does not wait for bodies; the median of nine, with four stuck threads each."""

        def stuck() -> None:
            diary.note("stuck")
            release.wait()

        nodes = [{"id": f"n{at}", "action": "stuck"} for at in range(3)]
        system = open_system(stuck)
        times: list[float] = []
        for count in range(1, 10):
            run = system.flows.start({"name": "stuck", "nodes": nodes})
            diary.wait_for("stuck", 3 * count)
            began = time.perf_counter()
            report = run.cancel()
            times.append(time.perf_counter() - began)
            assert (report.state, [node.state for node in report.nodes]) == ("cancelled", ["cancelled"] * 3)
            assert {node.reason for node in report.nodes} == {"run cancelled"}
        assert of(times) < limit_s, times

    def test_coroutines_are_cancelled(self, open_system, diary) -> None:
        """Law: the body gets a CancelledError where it waits, and may clean up."""

        async def waits() -> None:
            diary.note("waits")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                diary.note("cancelled")
                raise
            finally:
                diary.note("cleaned")

        run = open_system(waits).flows.start(one_node("waits"))
        diary.wait_for("waits")
        assert run.cancel().state == "cancelled"
        diary.wait_for("cleaned")
        assert diary.notes == ["waits", "cancelled", "cleaned"]

    def test_plain_functions_are_told_through_their_context(self, open_system, diary) -> None:
        """Law: ctx.cancelled turns true; what the body returns then changes nothing."""

        def looks(ctx: Context) -> str:
            diary.note("looks")
            while not ctx.cancelled:
                threading.Event().wait(0.001)
            diary.note("told")
            return "late"

        run = open_system(looks).flows.start(one_node("looks"))
        diary.wait_for("looks")
        report = run.cancel()
        diary.wait_for("told")
        assert run.report() == report
        assert (attempts(report), report.nodes[0].output) == (["cancelled"], None)
        with pytest.raises(RunCancelled) as caught:
            run.result(timeout=5)
        assert caught.value.report == report

    def test_nothing_starts_afterwards(self, open_system, diary) -> None:
        """Law: when cancel returns, no body begins but on a thread that it was given to by then, however many were granted."""
        is_over = threading.Event()

        def work(at: int) -> None:
            diary.note(at)
            diary.note("work")
            if at < 500:
                threading.Event().wait(0.001)
            else:
                is_over.wait(30)  # so that the run is not over, however late the cancel comes

        def last() -> str:
            return "last"

        nodes = [{"id": f"n{at}", "action": "work", "inputs": {"at": {"value": at}}} for at in range(600)]
        system = open_system(work, last, synchronous="normal")
        for count in range(5):
            is_over.clear()
            diary.notes.clear()
            run = system.flows.start({"name": "wide", "config": {"max_parallel_nodes": 4}, "nodes": nodes})
            diary.wait_for("work", 20 * (count + 1))
            report = run.cancel()
            is_over.set()
            assert report.state == "cancelled"
            began = {at for at, node in enumerate(report.nodes) if node.attempts}
            skipped = [node for node in report.nodes if node.state == "skipped"]
            assert len(began) + len(skipped) == 600
            assert len(skipped) > 0
            diary.wait_for("work", len(began))
            assert system.flows.start(one_node("last")).result(timeout=30) == {"node": "last"}
            assert {note for note in diary.notes if note != "work"} == began
            assert len(diary.notes) == 2 * len(began)

    @pytest.mark.parametrize("seed", range(40))
    def test_nothing_starts_afterwards_whatever_the_order_of_turns(self, sim: Simulation) -> None:
        """Law: bodies and rows tell one story: what began ended somehow, all else is skipped."""
        began: list[int] = []
        chance = sim.world.chance

        async def slow(item: int) -> int:
            began.append(item)
            await asyncio.sleep(0.01)
            return item

        def quick(item: int) -> int:
            began.append(item)
            return item

        action = chance.choice(("slow", "quick"))
        node = {"id": "all", "action": action, "map": {"over": "inputs.items", "item": "item"}}
        last = {"id": "last", "action": "slow", "inputs": {"item": {"value": -1}}, "dependencies": ["all"]}
        config = {"max_parallel_nodes": chance.randint(1, 5)}
        spec = {"name": "map", "inputs": {"items": list(range(40))}, "nodes": [node, last], "config": config}
        system = sim.system(actions=[slow, quick])
        run = system.flows.start(spec)
        for _ in range(chance.randrange(120)):
            sim.world.step()
        if run.report().state == "running":
            report = run.cancel()
            assert report.state == "cancelled"
            count = len(began)
            sim.advance(5)
            assert len(began) == count
            assert run.report() == report
            # A body whose place was given and whose turn never came is cancelled without having begun.
            places = {
                int(one.invocation_key or -1): one.state for one in report.nodes if one.attempts and one.size is None
            }
            assert len(began) == len(set(began))
            assert set(began) <= places.keys()
            assert {state for place, state in places.items() if place not in began} <= {"cancelled"}
            assert {one.state for one in report.nodes} <= {"succeeded", "cancelled", "skipped"}
        assert sim.is_alive(system)
        assert system.flows.start(spec).wait().state == "succeeded"

    @pytest.mark.parametrize(("on_failure", "fails"), [("stop", False), ("stop", True), ("pause", True)])
    @pytest.mark.parametrize("verb", ["cancel", "stop"])
    def test_one_that_meets_the_end_of_the_run_is_answered(
        self, memory: Path, on_failure: str, fails: bool, verb: str
    ) -> None:
        """Law: at every turn around the end, a cancel, or the leaving of the system, comes before it or after it, and returns."""

        def work() -> None:
            if fails:
                raise ValueError

        states: set[str] = set()
        for steps in range(30):
            (memory / str(steps)).mkdir()
            with simulate(steps, memory / str(steps)) as sim:
                system = sim.system(actions=[work])
                run = system.flows.start(one_node("work", on_failure=on_failure))
                for _ in range(steps):
                    sim.world.step()
                if verb == "stop":
                    system.stop(0)
                    states.add(sim.system().flows.report(run.id).state)
                else:
                    try:
                        states.add(run.cancel().state)
                    except IllegalTransition:
                        states.add(run.report().state)
                assert sim.now_s < 1
        end = ("paused" if on_failure == "pause" else "failed") if fails else "succeeded"
        if verb == "stop":
            assert states == {"running", end}
        else:
            assert states == {"cancelled"} | ({end} - {"paused"})

    def test_a_wait_for_a_retry_is_over(self, sim: Simulation) -> None:
        """Law: a cancelled run keeps no timer that would wake it."""
        began: list[float] = []

        def fails() -> None:
            began.append(sim.now_s)
            raise ValueError

        system = sim.system(actions=[fails])
        run = system.flows.start(one_node("fails", retry_strategy={"linear": {"delay_secs": 10}}))
        sim.advance(1)
        assert run.cancel().state == "cancelled"
        sim.advance(60)
        assert began == [0.0]
        assert run.report().nodes[0].state == "skipped"

    def test_a_pending_start_is_cancelled_too(self, sim: Simulation) -> None:
        """Law: a run may be cancelled before its first turn."""

        async def work() -> None:
            raise AssertionError("never")

        run = sim.system(actions=[work]).flows.start(one_node("work"))
        assert run.cancel().state == "cancelled"

    def test_twice_is_once_and_too_late_is_said(self, sim: Simulation) -> None:
        """Law: cancelling a cancelled run gives its report; one that ended otherwise is an error with both states."""

        async def work() -> None:
            await asyncio.sleep(1)

        system = sim.system(actions=[work])
        run = system.flows.start(one_node("work"))
        assert run.cancel() == run.cancel()
        done = system.flows.start(one_node("work"))
        done.wait()
        with pytest.raises(IllegalTransition, match=r"succeeded.*cancelled"):
            done.cancel()
        with pytest.raises(RunNotFound, match="nobody"):
            system.flows.cancel("nobody")

    def test_one_run_is_cancelled_not_its_neighbour(self, sim: Simulation) -> None:
        """Law: runs of one system are independent."""

        async def work() -> str:
            await asyncio.sleep(1)
            return "done"

        system = sim.system(actions=[work])
        first, second = (system.flows.start(one_node("work")) for _ in range(2))
        first.cancel()
        assert second.result() == {"node": "done"}

    @pytest.mark.parametrize("seed", range(10))
    def test_from_another_process_it_is_recorded_within_150_ms(self, sim: Simulation) -> None:
        """Law: the owner obeys the commands table; the coroutine is cancelled where it runs."""
        seen: list[str] = []

        async def waits() -> None:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        owner = sim.system(actions=[waits])
        run = owner.flows.start(one_node("waits"))
        sim.advance(1 + sim.world.chance.random())
        began = sim.now_s
        report = sim.system().flows.cancel(run.id)
        assert report.state == "cancelled"
        assert sim.now_s - began <= 0.150
        sim.settle()
        assert seen == ["cancelled"]
        assert owner.flows.report(run.id) == report

    def test_a_run_without_a_live_owner_is_cancelled_without_its_code(self, sim: Simulation) -> None:
        """Law: no action needs to be loaded to cancel."""

        async def waits() -> None:
            await asyncio.sleep(3600)

        owner = sim.system(actions=[waits])
        run_id = owner.flows.start(one_node("waits")).id
        sim.advance(1)
        sim.kill(owner)
        report = sim.system().flows.cancel(run_id)
        assert (report.state, report.nodes[0].state in {"cancelled", "interrupted"}) == ("cancelled", True)


class TestTheRunsTimeOut:
    def test_it_fires_though_a_node_is_stuck(self, open_system, diary, release) -> None:
        """Law: the run ends on time, its slot is free, and the next run works, on the same system."""

        def stuck() -> None:
            diary.note("began")
            release.wait()

        def fine() -> str:
            return "fine"

        system = open_system(stuck, fine)

        def play() -> tuple[Run, Report]:
            began = time.perf_counter()
            run = system.flows.start({**one_node("stuck"), "config": {"timeout_seconds": 0.2}})
            report = run.wait(timeout=30)
            assert time.perf_counter() - began >= 0.2
            return run, report

        run, report = begun_in_time(play, lambda _: diary.count("began") > 0)
        assert (report.state, attempts(report)) == ("timed_out", ["cancelled"])
        assert report.nodes[0].reason == "run timed out"
        assert "timeout_seconds" in (report.error or "")
        with pytest.raises(RunTimedOut, match="timeout_seconds"):
            run.result()
        assert system.flows.start(one_node("fine")).result(timeout=30) == {"node": "fine"}
        release.set()
        assert system.flows.report(run.id) == report

    @pytest.mark.parametrize("seed", range(6))
    def test_it_is_exact_and_cancels_what_runs(self, sim: Simulation) -> None:
        """Law: at its moment coroutines are cancelled and nothing new starts, one that ignores it included."""
        began: list[tuple[str, float]] = []

        async def deaf() -> None:
            began.append(("deaf", sim.now_s))
            until = sim.now_s + 10
            while sim.now_s < until:
                try:
                    await asyncio.sleep(until - sim.now_s)
                except asyncio.CancelledError:
                    continue

        async def step() -> None:
            began.append(("step", sim.now_s))
            await asyncio.sleep(2)

        nodes = [{"id": "deaf", "action": "deaf"}]
        nodes += [
            {"id": f"s{at}", "action": "step", "dependencies": [f"s{at - 1}"] if at else []}  # type: ignore[dict-item]
            for at in range(5)
        ]
        spec = {"name": "late", "config": {"timeout_seconds": 5}, "nodes": nodes}
        report = sim.system(actions=[deaf, step]).flows.start(spec).wait()
        assert (report.state, report.elapsed_us) == ("timed_out", 5_000_000)
        assert {node.node_id: node.state for node in report.nodes} == {
            "deaf": "cancelled",
            "s0": "succeeded",
            "s1": "succeeded",
            "s2": "cancelled",
            "s3": "skipped",
            "s4": "skipped",
        }
        sim.advance(60)
        assert sorted(began) == [("deaf", 0.0), ("step", 0.0), ("step", 2.0), ("step", 4.0)]

    def test_pauses_do_not_count(self, sim: Simulation) -> None:
        """Law: the run's clock stops while it is paused."""
        broken = [True]

        async def work() -> None:
            await asyncio.sleep(3)
            if broken[0]:
                raise ValueError

        flows = sim.system(actions=[work]).flows
        run = flows.start({**one_node("work"), "config": {"timeout_seconds": 7, "on_failure": "pause"}})
        assert run.wait().state == "paused"
        sim.advance(100)
        broken[0] = False
        assert flows.resume(run.id).wait().state == "succeeded"
        assert run.report().elapsed_us == 6_000_000

    @pytest.mark.parametrize("died_at_s", [1.0, 4.0])
    def test_a_crash_does_not_start_it_anew(self, sim: Simulation, died_at_s: float) -> None:
        """Law: what the run has used up, as of its last commit, is used up for its next owner too."""

        async def step() -> None:
            await asyncio.sleep(0.5)

        nodes = [{"id": f"s{at}", "action": "step", "dependencies": [f"s{at - 1}"] if at else []} for at in range(20)]
        spec = {"name": "long", "config": {"timeout_seconds": 5}, "nodes": nodes}
        system = sim.system(actions=[step])
        run_id = system.flows.start(spec).id
        sim.advance(died_at_s)
        sim.kill(system)
        report = sim.system(actions=[step]).flows.resume(run_id).wait()
        assert report.state == "timed_out"
        assert report.elapsed_us == 5_000_000
        done = sum(node.state == "succeeded" for node in report.nodes)
        assert 8 <= done <= 9

    def test_retry_gives_a_timed_out_run_its_time_again(self, sim: Simulation) -> None:
        """Law: what succeeded is kept; a retry that inherited a used-up clock could never do anything."""
        seconds = [1.0, 60.0, 1.0]
        ran: list[str] = []

        async def work(name: str) -> str:
            ran.append(name)
            await asyncio.sleep(seconds.pop(0))
            return name

        nodes = [
            {"id": "a", "action": "work", "inputs": {"name": {"value": "a"}}},
            {"id": "b", "action": "work", "dependencies": ["a"], "inputs": {"name": {"value": "b"}}},
        ]
        flows = sim.system(actions=[work]).flows
        run = flows.start({"name": "late", "config": {"timeout_seconds": 5}, "nodes": nodes})
        assert run.wait().state == "timed_out"
        assert flows.retry(run.id).wait().state == "succeeded"
        assert ran == ["a", "b", "b"]


class TestANodesTimeOut:
    def test_a_stuck_threads_attempt_ends_and_its_place_is_free(self, open_system, diary, release) -> None:
        """Law: with one place for one node, the next node runs though the first one's thread never returned."""

        def stuck() -> str:
            diary.note("began")
            release.wait()
            diary.note("late")
            return "late"

        def fine() -> str:
            return "fine"

        nodes = [
            {"id": "stuck", "action": "stuck", "timeout": BEGUN_S, "on_failure": "continue"},
            {"id": "fine", "action": "fine"},
        ]
        system = open_system(stuck, fine)

        def play() -> tuple[Run, Report]:
            run = system.flows.start({"name": "n", "nodes": nodes}, sequential=True)
            return run, run.wait(timeout=30)

        run, report = begun_in_time(play, lambda _: diary.count("began") > 0)
        assert [node.state for node in report.nodes] == ["timed_out", "succeeded"]
        release.set()
        diary.wait_for("late")
        assert run.report() == report

    def test_the_body_is_told(self, open_system, diary) -> None:
        """Law: ctx.cancelled turns true for plain functions, CancelledError is raised in coroutines."""

        def plain(ctx: Context) -> None:
            diary.note("began")
            while not ctx.cancelled:
                threading.Event().wait(0.001)
            diary.note("plain")

        async def coroutine() -> None:
            diary.note("began too")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                diary.note("coroutine")
                raise

        nodes = [{"id": name, "action": name, "timeout": BEGUN_S} for name in ("plain", "coroutine")]
        flow = {"name": "n", "config": {"on_failure": "continue"}, "nodes": nodes}
        system = open_system(plain, coroutine)
        report = begun_in_time(
            lambda: system.flows.start(flow).wait(timeout=30), lambda _: {"began", "began too"} <= set(diary.notes)
        )
        assert [node.state for node in report.nodes] == ["timed_out", "timed_out"]
        diary.wait_for("plain")
        diary.wait_for("coroutine")

    @pytest.mark.parametrize("seed", range(10))
    def test_a_retry_waits_for_the_old_body(self, sim: Simulation) -> None:
        """Law: two bodies of one invocation never run at once; the next try begins when the old body ends."""
        began: list[float] = []

        async def deaf() -> str:
            began.append(sim.now_s)
            until = sim.now_s + (1.5 if len(began) == 1 else 0.5)
            while sim.now_s < until:
                try:
                    await asyncio.sleep(until - sim.now_s)
                except asyncio.CancelledError:
                    continue
            return f"body {len(began)}"

        report = sim.system(actions=[deaf]).flows.start(one_node("deaf", timeout=1, try_count=2)).wait()
        assert (report.outputs, attempts(report)) == ({"node": "body 2"}, ["timed_out", "succeeded"])
        assert began == [0.0, 1.5]

    @pytest.mark.parametrize("seed", range(10))
    def test_a_body_that_does_not_end_in_its_time_again_is_stuck(self, sim: Simulation) -> None:
        """Law: after the time-out once more the node fails as stuck; its tries are not begun."""
        began: list[float] = []

        async def deaf() -> None:
            began.append(sim.now_s)
            while sim.now_s < 100:
                try:
                    await asyncio.sleep(100)
                except asyncio.CancelledError:
                    continue

        report = sim.system(actions=[deaf]).flows.start(one_node("deaf", timeout=1, try_count=3)).wait()
        assert (report.state, attempts(report)) == ("failed", ["timed_out", "failed"])
        assert "stuck" in (report.error or "")
        assert report.elapsed_us == 2_000_000
        sim.advance(200)
        assert began == [0.0]

    def test_a_stuck_thread_is_stuck_in_real_time_too(self, open_system, diary, release) -> None:
        """Law: the same with a thread that nobody can cancel."""

        def stuck(ctx: Context) -> None:
            diary.note((ctx.run_id, ctx.attempt))
            release.wait()

        system, node = open_system(stuck), one_node("stuck", timeout=BEGUN_S, try_count=3)
        report = begun_in_time(
            lambda: system.flows.start(node).wait(timeout=60), lambda report: diary.count((report.run_id, 1)) > 0
        )
        assert (report.state, attempts(report)) == ("failed", ["timed_out", "failed"])
        assert "stuck" in (report.error or "")
        assert [attempt for run_id, attempt in diary.notes if run_id == report.run_id] == [1]


class TestAbandonedThreads:
    def test_at_32_of_them_thread_starts_are_refused_with_advice(self, open_system, diary, release) -> None:
        """Law: 32 threads at most are lost to stuck bodies; coroutines still run; when the bodies end, threads do too."""

        def stuck(item: int) -> None:
            diary.note("stuck")
            release.wait()
            diary.note("ended")

        def plain() -> str:
            return "plain"

        async def coroutine() -> str:
            return "coroutine"

        system = open_system(stuck, plain, coroutine)
        node = {"id": "all", "action": "stuck", "timeout": BEGUN_S, "map": {"over": "inputs.items", "item": "item"}}
        spec = {"name": "lost", "inputs": {"items": list(range(64))}, "nodes": [node]}
        report = system.flows.start(spec).wait(timeout=60)
        items = [one for one in report.nodes if one.invocation_key]
        assert sum(one.state == "timed_out" for one in items) >= 32
        assert diary.count("stuck") < 32 + 16
        refused = system.flows.start(one_node("plain")).wait(timeout=30)
        assert refused.state == "failed"
        assert "ctx.cancelled" in (refused.error or "")
        assert "coroutines" in (refused.error or "")
        assert system.flows.start(one_node("coroutine")).result(timeout=30) == {"node": "coroutine"}
        release.set()
        diary.wait_for("ended", diary.count("stuck"))
        retried = one_node("plain", try_count=100, retry_strategy={"linear": {"delay_secs": 0.02}})
        assert system.flows.start(retried).result(timeout=30) == {"node": "plain"}


def test_a_node_that_is_to_be_run_again_is_cancelled_from_another_process(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: what waits to be tried again has not ended; who cancels it tells its run once, and waits for that."""
    has_failed = False

    async def first() -> int:
        nonlocal has_failed
        if not has_failed:
            has_failed = True
            raise ValueError("broken")
        await asyncio.sleep(1000)
        return 1

    def second() -> int:
        raise ValueError("broken too")

    behind = {"id": "second", "action": "second", "dependencies": ["first"], "trigger": "all_done"}
    flow = {
        "name": "again",
        "config": {"on_failure": "continue"},
        "nodes": [{"id": "first", "action": "first"}, behind],
    }
    system = sim.system(actions=[first, second])
    system.flows.start(flow, run_id="r")
    sim.advance(1)
    system.flows.retry("r")
    sim.advance(1)
    told: list[Write] = []
    commit = Caller.commit

    def commit_and_note(caller: Caller, writes: Sequence[Write]) -> None:
        told.extend(writes)
        commit(caller, writes)

    monkeypatch.setattr(Caller, "commit", commit_and_note)
    report = sim.system(recover=False).flows.cancel("r", node="second")
    assert [one.statement for one in told] == ["commands.insert"]
    assert [one.state for one in report.nodes] == ["running", "cancelled"]


@pytest.mark.parametrize("which", ["goes on", "rests", "its own"])
@pytest.mark.parametrize("has_hook", [False, True])
def test_an_action_cancels_a_run(open_system, which: str, has_hook: bool) -> None:
    """Law: whoever has that run; the end is recorded then, and what it calls, which may need the action's thread, is not waited for."""
    is_back, told = threading.Event(), []

    async def stays() -> None:
        await asyncio.sleep(1000)

    def hears(event: HookEvent) -> None:
        assert is_back.wait(30)
        told.append(event.state)

    def cancels(ctx: Context, run: str) -> None:
        told.append(system.flows.cancel(run or ctx.run_id).state)
        is_back.set()

    system = open_system(stays, hears, cancels)
    hooks = {"hooks": {"run_end": "hears"}} if has_hook else {}
    node = {"id": "node", "approval": {}} if which == "rests" else {"id": "node", "action": "stays"}
    canceller = {"name": "does", "inputs": {"run": ""}, "nodes": [{"id": "it", "action": "cancels"}]}
    if which == "its own":
        other = system.flows.start({**canceller, **hooks})
    else:
        other = system.flows.start({"name": "other", **hooks, "nodes": [node]})
        if which == "rests":
            assert other.wait(30).state == "paused"
        assert system.flows.start(canceller, {"run": other.id}).wait(30).state == "succeeded"
    assert is_back.wait(30)
    assert other.wait(30).state == "cancelled"
    assert told == (["running", "cancelled"] if has_hook else ["cancelled"])
