"""Stubs: results, durations and failures in the place of actions, checked as the actions are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import Context, DefinitionError, Report, action
from dagger_actors.errors import RequestError
from dagger_actors.testing import NeverSettles, Simulation, StubCall, UnusedStub, simulate, stubs

BOTH = pytest.mark.parametrize("kind", ["plain", "on_loop"])


@action
def plain(number: int = 1) -> int:
    raise AssertionError("the real one ran")


@action
async def on_loop(number: int = 1) -> int:
    raise AssertionError("the real one ran")


@action
def after(value: int) -> int:
    return value + 1


def spec(name: str, *, items: int = 0, **node: Any) -> dict[str, Any]:
    mapped = {"map": {"over": "inputs.items", "item": "number"}} if items else {}
    return {
        "name": "f",
        "inputs": {"items": list(range(items))},
        "config": {"max_parallel_nodes": 16},
        "nodes": [{"id": "n", "action": name, **mapped, **node}],
    }


def play(sim: Simulation, flow: dict[str, Any]) -> Report:
    return sim.system(actions=[plain, on_loop, after]).flows.start(flow, run_id="r").wait()


def spans(report: Report) -> dict[str, float]:
    """How long the first attempt of each node took, in seconds."""
    first = {node.node_id: node.attempts[0] for node in report.nodes}
    return {node: (attempt.finished_us - attempt.started_us) / 1e6 for node, attempt in first.items()}


def states(report: Report) -> list[str]:
    return [attempt.state for attempt in report.nodes[0].attempts]


@BOTH
def test_a_stub_gives_its_result_after_its_duration(kind: str) -> None:
    """Law: virtual time passes while it runs, in a thread or on the loop, and the action itself never runs."""
    with simulate(1) as sim:
        stub = sim.stub(kind, returns=5, takes_s=90)
        report = play(sim, spec(kind, inputs={"number": {"value": 3}}))
        assert report.outputs == {"n": 5}
        assert 90 <= sim.now_s < 91
        assert stub.calls == [
            StubCall(inputs={"number": 3}, run_id="r", node_id="n", invocation_key="", attempt=1, worker="w1", began_s=stub.calls[0].began_s)
        ]  # fmt: skip


@BOTH
@pytest.mark.parametrize("seed", range(5))
def test_stubs_overlap_as_their_bodies_would(kind: str, seed: int) -> None:
    """Law: a plain function that takes time holds up nobody but its own attempt; short ones end before long ones."""
    with simulate(seed) as sim:
        ends: list[tuple[int, float]] = []

        def result(number: int) -> int:
            ends.append((number, sim.now_s))
            return number

        sim.stub(kind, returns=result, takes_s=10)
        report = play(sim, spec(kind, items=8))
        assert report.outputs == {"n": list(range(8))}
        assert sim.now_s < 11
        assert {number for number, _ in ends} == set(range(8))


def test_of_two_plain_stubs_the_shorter_ends_first_whichever_began_first() -> None:
    """Law: the one that began later is not waited for by the one under it: they are no frames of one stack."""
    nodes = [{"id": "short", "action": "plain"}, {"id": "long", "action": "after", "inputs": {"value": {"value": 1}}}]
    for seed in range(10):
        with simulate(seed) as sim:
            sim.stub(plain, takes_s=10, returns=1)
            sim.stub(after, takes_s=1000, returns=2)
            report = sim.system().flows.start({"name": "f", "nodes": nodes}).wait()
            assert spans(report) == {"short": pytest.approx(10, abs=0.1), "long": pytest.approx(1000, abs=0.1)}


def test_a_plain_stub_that_is_timed_out_goes_on_as_a_thread_does() -> None:
    """Law: nobody can end a plain function: its attempt has timed out, and its late result is dropped."""
    with simulate(1) as sim:
        ends: list[float] = []
        sim.stub("plain", takes_s=60, returns=lambda number: ends.append(sim.now_s))
        report = play(sim, spec("plain", timeout=5))
        assert report.state == "failed"
        assert states(report) == ["timed_out"]
        assert 5 <= sim.now_s < 6
        sim.run()
        assert len(ends) == 1
        assert 60 <= ends[0] < 61


def test_a_stub_on_the_loop_that_is_timed_out_is_cancelled() -> None:
    """Law: a coroutine ends where it awaits."""
    with simulate(1) as sim:
        ends: list[float] = []
        sim.stub("on_loop", takes_s=60, returns=lambda number: ends.append(sim.now_s))
        assert states(play(sim, spec("on_loop", timeout=5))) == ["timed_out"]
        sim.run()
        assert ends == []


@BOTH
def test_the_first_calls_fail_as_told_and_the_next_succeed(kind: str) -> None:
    """Law: one exception for so many times, counted over attempts; a failing call takes its time too."""
    with simulate(1) as sim:
        stub = sim.stub(kind, returns=1, fails=ConnectionError("down"), times=2, takes_s=10)
        report = play(sim, spec(kind, try_count=3, retry_strategy="immediate"))
        assert states(report) == ["failed", "failed", "succeeded"]
        assert [call.attempt for call in stub.calls] == [1, 2, 3]
        assert report.nodes[0].attempts[0].error.message == "down"
        assert 30 <= sim.now_s < 31


def test_a_list_says_what_each_call_does() -> None:
    """Law: exceptions in turn, None for a call that succeeds, the calls behind the list succeed."""
    with simulate(1) as sim:
        sim.stub(plain, returns=1, fails=[None, TimeoutError, ValueError("second")])
        report = play(sim, spec("plain", try_count=9, retry_strategy="immediate"))
        assert states(report) == ["succeeded"]
        report = sim.system(actions=[plain]).flows.start(spec("plain", try_count=9, retry_strategy="immediate")).wait()
        assert [attempt.error.type if attempt.error else "" for attempt in report.nodes[0].attempts] == [
            "builtins.TimeoutError",
            "builtins.ValueError",
            "",
        ]


def test_without_times_every_call_fails() -> None:
    """Law: an exception alone is for ever."""
    with simulate(1) as sim:
        stub = sim.stub("plain", fails=OSError)
        report = play(sim, spec("plain", try_count=4, retry_strategy="immediate"))
        assert (report.state, len(stub.calls)) == ("failed", 4)


def test_a_result_may_be_made_from_the_inputs() -> None:
    """Law: it is called with them by name, defaults too and the context not, and may raise."""

    @action
    def priced(ctx: Context, item: str, count: int = 2) -> int:
        raise AssertionError

    def price(item: str, count: int) -> int:
        if item == "lead":
            raise ValueError("not sold")
        return len(item) + count

    for item, outcome in (("gold", {"n": 6}), ("lead", None)):
        with simulate(1) as sim:
            stub = sim.stub(priced, returns=price)
            run = sim.system().flows.start(spec("priced", inputs={"item": {"value": item}}))
            report = run.wait()
            assert report.outputs == (outcome or {})
            assert stub.calls[0].inputs == {"item": item, "count": 2}


def test_a_result_that_the_action_could_not_give_fails_the_attempt() -> None:
    """Law: a stub that lies about the type is found out, as the action would be."""
    with simulate(1) as sim:
        sim.stub("plain", returns="five")
        report = play(sim, spec("plain"))
        assert report.nodes[0].attempts[0].error.type == "dagger_actors.errors.ResultError"


def test_the_flow_is_checked_against_the_action_that_is_stubbed() -> None:
    """Law: parameters, type hints and kind are those of the action: what would be refused is refused."""
    with simulate(1) as sim:
        sim.stub("plain", returns=1)
        sim.stub("on_loop", returns=1)
        for flow in (spec("plain", inputs={"nobody": {"value": 1}}), spec("on_loop", isolation="thread")):
            with pytest.raises(DefinitionError):
                sim.system(actions=[plain, on_loop]).flows.start(flow)


def test_an_action_in_a_worker_process_is_stubbed_in_place() -> None:
    """Law: ``isolation: process`` asks where the action itself stands, and the stub runs here."""
    with simulate(1) as sim:
        sim.stub("plain", returns=8, takes_s=3)
        assert play(sim, spec("plain", isolation="process")).outputs == {"n": 8}


def test_an_action_of_a_flow_file_is_stubbed_when_it_is_loaded(tmp_path: Path) -> None:
    """Law: the name is enough, for actions that only a flow file names."""
    (tmp_path / "shop.py").write_text(
        "from dagger_actors import action\n\n@action\ndef charge(order: str) -> str:\n    raise AssertionError\n"
    )
    (tmp_path / "shop.yaml").write_text(
        "name: shop\nactions: [shop.py]\nnodes:\n  - {id: n, action: charge, inputs: {order: {value: A17}}}\n"
    )
    with simulate(1) as sim:
        stub = sim.stub("charge", returns="paid")
        assert sim.system().flows.start(tmp_path / "shop.yaml").result() == {"n": "paid"}
        assert stub.calls[0].inputs == {"order": "A17"}


def test_a_later_stub_replaces_the_earlier_one_also_in_workers_that_run() -> None:
    """Law: from its next call on."""
    with simulate(1) as sim:
        first = sim.stub("plain", fails=ValueError)
        system = sim.system(actions=[plain])
        assert system.flows.start(spec("plain"), run_id="a").wait().state == "failed"
        second = sim.stub(plain, returns=3)
        assert system.flows.start(spec("plain"), run_id="b").result() == {"n": 3}
        assert (len(first.calls), len(second.calls)) == (1, 1)


def test_calls_of_workers_that_died_count_and_their_bodies_never_end() -> None:
    """Law: a death in the middle of a plain body is that of the process: it is repeated, and the first is never heard of."""
    with simulate(1) as sim:
        ends: list[str] = []
        stub = sim.stub(plain, takes_s=10, returns=lambda number: ends.append("end") or number)
        system = sim.system()
        system.flows.start(spec("plain"), run_id="r")
        sim.advance(5)
        assert "w1: plain, in its middle" in sim.world.waiting()
        assert "w1: timer end of plain" in sim.world.waiting()
        system = sim.restart(system)
        assert system.flows.start(spec("plain"), run_id="r").result() == {"n": 1}
        assert [(call.worker, call.attempt) for call in stub.calls] == [("w1", 1), ("w2", 2)]
        assert ends == ["end"]
        assert [thread.name for thread in threading.enumerate() if "simulated" in thread.name] == ["simulated-w1"]
    assert ends == ["end"]
    assert not any("simulated" in thread.name for thread in threading.enumerate())


def test_what_a_dead_body_does_as_it_ends_has_no_effect_and_no_end_of_its_own() -> None:
    """Law: a plain action beside stubs that waits in a step when its worker dies is taken apart at the end, whatever it does."""
    notes: list[str] = []

    @action
    def stubborn(ctx: Context) -> int:
        for _ in range(3):
            try:
                ctx.step("one", lambda: 1)
            except BaseException:
                notes.append("caught")
        return 1

    with simulate(1) as sim:
        sim.stub(plain, takes_s=1)
        system = sim.system(actions=[stubborn])
        sim.kill_at(system, 3, "before")
        sim.system()
        system.flows.start(spec("stubborn"), run_id="r")
        sim.run()
        assert sim.deaths == ["w1"]
        assert notes == []
    assert notes == ["caught"] * 3
    assert not any("simulated" in thread.name for thread in threading.enumerate())


def test_a_worker_can_be_frozen_in_the_middle_of_a_plain_action() -> None:
    """Law: beside stubs that take time, a plain action that waits for a commit of a frozen worker holds up nobody else."""
    with simulate(1) as sim:
        sim.stub(plain, takes_s=1, returns=1)

        @action
        def freezes(ctx: Context) -> int:
            sim.freeze(system)
            return ctx.step("one", lambda: 7)

        system = sim.system(actions=[freezes])
        run = system.flows.start(spec("freezes"))
        sim.advance(10)
        assert sim.now_s == 10
        assert play(sim, {**spec("plain"), "name": "g"}).state == "succeeded"
        sim.thaw(system)
        assert run.result() == {"n": 7}


def test_a_step_inside_of_a_plain_action_beside_stubs_waits_without_holding_the_others() -> None:
    """Law: where plain functions have stacks of their own, waiting for a commit is a pause too."""

    @action
    def steps(ctx: Context) -> int:
        return ctx.step("one", lambda: 1) + ctx.step("two", lambda: 2)

    flow = spec("plain")
    flow["nodes"] += [{"id": f"s{number}", "action": "steps"} for number in range(5)]
    for seed in range(5):
        with simulate(seed) as sim:
            sim.stub(plain, takes_s=100, returns=0)
            system = sim.system(actions=[steps])
            report = system.flows.start(flow, run_id="r").wait()
            assert report.state == "succeeded"
            assert all(span < 1 for node, span in spans(report).items() if node != "n")


def test_a_stub_that_stands_in_for_nothing_is_an_error_at_the_end() -> None:
    """Law: a name that was misspelt does not pass unseen."""

    def test() -> None:
        with simulate(1) as sim:
            sim.stub("plian")
            sim.stub("plain", returns=1)
            play(sim, spec("plain"))

    with pytest.raises(UnusedStub, match="'plian'"):
        test()


def test_the_error_of_the_test_is_not_hidden_by_an_unused_stub() -> None:
    """Law: what failed first is what is told."""

    def test() -> None:
        with simulate(1) as sim:
            sim.stub("plian")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        test()


class Needs(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)


async def coroutine_function() -> None: ...


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda sim: sim.stub(""), "by its name or as the function"),
        (lambda sim: sim.stub(7), "by its name or as the function"),
        (lambda sim: sim.stub(print), "by its name or as the function"),
        (lambda sim: sim.stub("plain", takes_s=-1), "0 or more"),
        (lambda sim: sim.stub("plain", takes_s=float("nan")), "0 or more"),
        (lambda sim: sim.stub("plain", takes_s="3"), "0 or more"),
        (lambda sim: sim.stub("plain", fails="boom"), "an exception, or a list of them"),
        (lambda sim: sim.stub("plain", fails=["boom"]), "lists exceptions"),
        (lambda sim: sim.stub("plain", fails=[int]), "lists exceptions"),
        (lambda sim: sim.stub("plain", fails=Needs), r"give Needs\(...\)"),
        (lambda sim: sim.stub("plain", times=2), "how often its one exception"),
        (lambda sim: sim.stub("plain", fails=[OSError], times=2), "how often its one exception"),
        (lambda sim: sim.stub("plain", fails=OSError, times=0), "how often its one exception"),
        (lambda sim: sim.stub("plain", fails=OSError, times=True), "how often its one exception"),
        (lambda sim: sim.stub("plain", returns=coroutine_function), "not a coroutine function"),
    ],
)
def test_what_a_stub_cannot_be_is_refused_where_it_is_made(make: Callable[[Simulation], Any], part: str) -> None:
    """Law: nothing is accepted and ignored."""
    with simulate(1) as sim, pytest.raises(RequestError, match=part):
        make(sim)


def test_calls_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: what grows with each call has an end, and the call beyond it fails aloud."""
    monkeypatch.setattr(stubs, "MOST_CALLS", 2)
    with simulate(1) as sim:
        sim.stub("plain", fails=ValueError)
        report = play(sim, spec("plain", try_count=3, retry_strategy="immediate"))
        assert "called 2 times" in report.nodes[0].attempts[-1].error.message


def test_equal_seeds_give_equal_courses_with_stubs_that_take_time() -> None:
    """Law: stacks of their own change nothing about it: one thread runs at any moment."""

    def trace(seed: int) -> list[str]:
        with simulate(seed) as sim:
            sim.stub("plain", returns=1, takes_s=0.5, fails=[OSError, None, OSError])
            play(sim, spec("plain", items=6, try_count=3))
            return list(sim.world.trace)

    for seed in range(5):
        assert trace(seed) == trace(seed)


def test_leaving_beside_a_plain_stub_gives_it_the_grace() -> None:
    """Law: a system that is left waits in virtual time for bodies in their middle."""
    with simulate(1) as sim:
        ends: list[float] = []
        sim.stub("plain", takes_s=3, returns=lambda number: ends.append(sim.now_s))
        system = sim.system(actions=[plain])
        system.flows.start(spec("plain"))
        sim.advance(1)
        system.stop(grace_s=10)
        assert len(ends) == 1
        assert sim.now_s < 5


def test_a_wait_for_a_stub_in_its_middle_can_time_out() -> None:
    """Law: who waits is told which stub is in its middle."""
    with simulate(1) as sim:
        sim.stub("on_loop", takes_s=40 * 86_400)
        run = sim.system(actions=[on_loop]).flows.start(spec("on_loop"))
        with pytest.raises(NeverSettles, match="on_loop"):
            run.result()


def test_a_stub_says_what_it_is() -> None:
    """Law: in a failing assertion it is to be recognised."""
    with simulate(1) as sim:
        stub = sim.stub("plain", returns=1)
        play(sim, spec("plain"))
        assert repr(stub) == "<Stub of plain, called 1 times>"


def test_sleeping_beside_stubs_still_works() -> None:
    """Law: real coroutines and stubs share one clock."""

    @action
    async def real() -> float:
        await asyncio.sleep(5)
        return asyncio.get_running_loop().time()

    flow = spec("real")
    flow["nodes"].append({"id": "m", "action": "plain"})
    with simulate(1) as sim:
        sim.stub("plain", takes_s=60, returns=0)
        outputs = sim.system(actions=[real, plain]).flows.start(flow).result()
        assert 5 <= outputs["n"] < 6
        assert sim.now_s >= 60


FLOW_FILE = """
name: nightly
actions: [actions.py]
nodes: [{id: load, action: load}]
"""


def test_a_stub_stands_over_the_actions_of_every_flow(tmp_path: Path) -> None:
    """Law: flows of two folders may have an action of one name each, and one stub stands for all of them."""
    for who in "ab":
        (tmp_path / who).mkdir()
        (tmp_path / who / "flow.yaml").write_text(FLOW_FILE)
        text = f"from dagger_actors import action\n@action\ndef load() -> str:\n    return '{who}'\n"
        (tmp_path / who / "actions.py").write_text(text)
    with simulate(1) as sim:
        system = sim.system()
        flows = [system.flows.load(tmp_path / who / "flow.yaml").name for who in "a"] + [tmp_path / "b/flow.yaml"]
        assert [system.flows.start(flow).result() for flow in flows] == [{"load": "a"}, {"load": "b"}]
        stub = sim.stub("load", returns="stub")
        assert [system.flows.start(flow).result() for flow in flows] == [{"load": "stub"}] * 2
        assert len(stub.calls) == 2
