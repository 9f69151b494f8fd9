"""A supervisor that crashes is rebuilt from the file while bodies go on; nothing is done twice and nobody waits for ever."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from dagger_actors import Context, action
from dagger_actors.core.flow_messages import CancelRun, ControlRun, TimerFired
from dagger_actors.core.messages import encode
from dagger_actors.testing.simulation import simulate

GARBAGE = b"no message at all"
NODES = 9
WAITS = {"id": "n", "action": "waits"}


@pytest.mark.parametrize("policy", ["continue", "stop"])
@pytest.mark.parametrize("seed", range(40))
def test_bodies_that_end_between_a_crash_and_the_rebuilding_are_neither_lost_nor_repeated(seed: int, policy: str):
    """Law: an attempt's body runs once, whenever its supervisor crashes; its failure still decides about the run."""
    ran: Counter[tuple[str, int]] = Counter()

    @action
    def work(ctx: Context, number: int) -> int:
        ran[ctx.node_id, ctx.attempt] += 1
        if number % 3 == 2 and ctx.attempt == 1:
            raise ValueError("the first time")
        if number == NODES - 1:
            raise TypeError("never")
        return number

    nodes = [
        {"id": f"n{at}", "action": "work", "try_count": 2, "inputs": {"number": {"value": at}}} for at in range(NODES)
    ]
    config = {"on_failure": policy, "max_parallel_nodes": 3, "retry_strategy": "immediate"}
    with simulate(seed) as sim:
        chance = random.Random(seed)
        system = sim.system(actions=[work])
        run = system.flows.start({"name": "f", "config": config, "nodes": nodes})
        for _ in range(3):
            for _ in range(chance.randrange(1, 30)):
                sim.world.step()
            active = system._hub.active.get(run.id)
            if active is not None:
                active.supervisor.tell(GARBAGE)
        sim.run()
        report = run.report()
        assert set(ran.values()) == {1}, ran
        assert report.state == "failed"
        states = {node.node_id: node.state for node in report.nodes}
        if policy == "continue":
            assert states == {f"n{at}": "failed" if at == NODES - 1 else "succeeded" for at in range(NODES)}
        assert not any(state in ("ready", "running", "waiting") for state in states.values())
        assert not system._hub.active


@pytest.mark.parametrize("seed", range(20))
def test_a_time_out_that_a_crash_takes_back_is_decided_again(seed: int):
    """Law: one body of one attempt, and the attempt ends timed out though the turn that said so was lost."""
    ran: Counter[int] = Counter()

    @action
    async def slow(ctx: Context) -> int:
        ran[ctx.attempt] += 1
        await asyncio.sleep(1000)
        return 1

    with simulate(seed) as sim:
        system = sim.system(actions=[slow])
        run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "slow", "timeout": 30}]})
        sim.advance(1)
        supervisor = system._hub.active[run.id].supervisor
        supervisor.tell(encode(TimerFired("attempt", 0, -1, 1)))
        supervisor.tell(GARBAGE)
        sim.run()
        assert ran == {1: 1}
        assert [node.state for node in run.report().nodes] == ["timed_out"]


@pytest.mark.parametrize("seed", range(20))
def test_a_cancel_that_meets_a_crash_is_carried_out_and_answered(seed: int):
    """Law: who asked hears of it, though the supervisor that was asked crashed on another message."""

    @action
    async def waits() -> None:
        await asyncio.sleep(1000)

    with simulate(seed) as sim:
        system = sim.system(actions=[waits])
        run = system.flows.start({"name": "f", "nodes": [WAITS]})
        sim.advance(1)
        system._hub.active[run.id].supervisor.tell(GARBAGE)
        system.flows.cancel(run.id)
        assert run.report().state == "cancelled"


@pytest.mark.parametrize("seed", range(5))
def test_a_cancel_that_is_handled_before_a_crash_is_carried_out_and_answered(seed: int):
    """Law: the same, where the message that crashed the supervisor came behind it in one turn."""

    @action
    async def waits() -> None:
        await asyncio.sleep(1000)

    with simulate(seed) as sim:
        system = sim.system(actions=[waits])
        run = system.flows.start({"name": "f", "nodes": [WAITS]})
        sim.advance(1)
        active = system._hub.active[run.id]
        answer = active.ask(CancelRun())
        active.supervisor.tell(GARBAGE)
        sim.advance(1)
        assert answer.get(timeout=0) == "cancelled"
        assert run.report().state == "cancelled"


@pytest.mark.parametrize("seed", range(5))
def test_a_crash_while_an_answer_is_on_its_way_into_the_file_answers_once_and_the_run_goes_on(
    seed: int, caplog: pytest.LogCaptureFixture
):
    """Law: what was decided by then is in the file; who asked is told one thing, and neither thread trips over the other."""

    @action
    async def waits() -> None:
        await asyncio.sleep(100)

    with simulate(seed) as sim:
        system = sim.system(actions=[waits])
        run = system.flows.start({"name": "f", "nodes": [WAITS, {**WAITS, "id": "last", "dependencies": ["n"]}]})
        sim.advance(1)
        active, writer = system._hub.active[run.id], system.journal.writer
        passing = writer.on_commit

        def crash(moment: str) -> None:
            writer.on_commit = passing
            active.supervisor.on_crash(RuntimeError("a crash"), [])
            passing(moment)

        writer.on_commit = crash
        answer = active.ask(ControlRun("pause"))
        sim.advance(200)
        with pytest.raises(RuntimeError, match="a crash"):
            answer.get(timeout=0)
        assert run.report().state == "paused"
        system.flows.resume(run.id)
        sim.advance(200)
        assert run.report().state == "succeeded"
    assert [str(one.exc_info[1]) for one in caplog.records if one.exc_info] == ["a crash"]


@pytest.mark.parametrize("seed", [*range(60), 877])
def test_what_fails_as_it_is_cancelled_holds_up_nothing_though_the_supervisor_crashes(seed: int):
    """Law: an attempt that was cancelled has no say in what begins, whenever its body fails; the rest goes on, once."""
    ran: Counter[str] = Counter()

    @action
    def work(ctx: Context) -> int:
        ran[ctx.node_id] += 1
        if ctx.node_id.startswith("bad"):
            raise ValueError("for good")
        return 1

    bad = [{"id": f"bad{at}", "action": "work", "on_failure": "continue", "priority": 9} for at in range(3)]
    good = [{"id": f"n{at}", "action": "work"} for at in range(4)]
    with simulate(seed) as sim:
        chance = random.Random(seed)
        system = sim.system(actions=[work])
        run = system.flows.start({"name": "f", "config": {"max_parallel_nodes": 2}, "nodes": bad + good})
        for _ in range(chance.randrange(1, 30)):
            sim.world.step()
        told = [encode(ControlRun("cancel_node", at)) for at in range(3)] + chance.choice([[], [GARBAGE]])
        chance.shuffle(told)
        for message in told:
            if (active := system._hub.active.get(run.id)) is not None:
                active.supervisor.tell(message)
            for _ in range(chance.randrange(4)):
                sim.world.step()
        sim.run()
        report = run.report()
        assert report.state in ("failed", "succeeded")
        assert {node.state for node in report.nodes if node.node_id.startswith("n")} == {"succeeded"}
        assert set(ran.values()) == {1}, ran
        assert not system._hub.active
