"""What a context that outlives its attempt still takes: nothing that would be lost without a word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, AttemptOver, Channel, RunFailed, TaskFailed
from tests.unit.bodies import lingering
from tests.unit.bodies.lingering import Leaver, Order, became, of_flows, of_tasks, of_turns, task

PATIENCE_S = 30
ACTIONS = [
    lingering.leave,
    lingering.leave_badly,
    lingering.leave_on_loop,
    lingering.hang,
    lingering.look_back,
    lingering.write_on,
    lingering.count,
    lingering.ask_on,
    lingering.ask_too,
]


def nodes(*names: str, **more: Any) -> dict[str, Any]:
    """A flow of actions, one after the other."""
    made: list[dict[str, Any]] = []
    for name in names:
        made.append({"id": name, "action": name, "dependencies": [one["id"] for one in made[-1:]], **more})
    return {"name": "flow", "nodes": made}


@pytest.fixture
def system(tmp_path: Path) -> Iterator[ActorSystem]:
    lingering.left.clear()
    lingering.may_go_on.clear()
    schema = tmp_path / "schema.sql"
    schema.write_text("CREATE TABLE IF NOT EXISTS kept (number INTEGER) STRICT;")
    channels = [Channel("orders", Order), Channel("notes", Order)]
    with ActorSystem(
        tmp_path / "x.db", agents=[task, Leaver], actions=ACTIONS, channels=channels, schema=schema, processes=1
    ) as one:
        yield one
        lingering.may_go_on.set()


def all_over(calls: dict[str, Callable[[], object]]) -> bool:
    """Whether each is told that the attempt is over."""
    return became(calls) == dict.fromkeys(calls, "over")


@pytest.mark.parametrize("name", ["leave", "leave_badly", "leave_on_loop"])
def test_what_an_action_of_a_flow_writes_behind_its_end_is_refused(system: ActorSystem, name: str) -> None:
    """Law: nothing that is kept for the end of an attempt is taken behind it, however it has ended."""
    run = system.flows.start(nodes(name))
    if name == "leave_badly":
        with pytest.raises(RunFailed):
            run.result(PATIENCE_S)
    else:
        assert run.result(PATIENCE_S) == {name: "left"}
    (ctx,) = lingering.left
    assert all_over(of_flows(ctx))
    ctx.log("still heard")
    ctx.progress(1, 2)


def test_what_a_timed_out_action_writes_is_refused_while_its_body_goes_on(system: ActorSystem) -> None:
    """Law: an attempt that is cut off is over, whatever its body does."""
    with pytest.raises(RunFailed):
        system.flows.start(nodes("hang", timeout=0.05)).result(PATIENCE_S)
    (ctx,) = lingering.left
    assert ctx.cancelled
    assert all_over(of_flows(ctx))


def test_the_context_of_an_attempt_before_is_over_in_a_worker_process_too(system: ActorSystem) -> None:
    """Law: it is the same where the body runs in another process."""
    run = system.flows.start(nodes("leave", "look_back", isolation="process"))
    told = run.result(PATIENCE_S)["look_back"]
    assert told == dict.fromkeys(of_flows(None), "over")


def test_a_thread_that_a_body_leaves_in_a_worker_process_keeps_nobody_from_it(system: ActorSystem) -> None:
    """Law: what is asked between two attempts is refused; asked all the same, it would take the beginning of the next one."""
    made = nodes("ask_on", *["ask_too"] * 5, isolation="process")
    for at, node in enumerate(made["nodes"]):
        node["id"] = f"n{at}"
        node["dependencies"] = [f"n{at - 1}"] if at else []
    for _ in range(3):
        assert system.flows.start(made).result(PATIENCE_S) == {"n5": 5}


@pytest.mark.parametrize("number", [1, -1])
def test_what_a_task_writes_behind_its_end_is_refused(system: ActorSystem, number: int) -> None:
    """Law: as for actions of flows; and it spawns nothing and waits for nothing."""
    submitted = system.tasks.submit("task", Order(number))
    if number < 0:
        with pytest.raises(TaskFailed):
            submitted.result(PATIENCE_S)
    else:
        assert submitted.result(PATIENCE_S) == "left"
    (ctx,) = lingering.left
    assert all_over(of_tasks(ctx))


@pytest.mark.parametrize("number", [1, -1])
def test_what_a_turn_writes_behind_its_end_is_refused(system: ActorSystem, number: int) -> None:
    """Law: as for actions of flows; and it sets no timer, makes no task and starts no run."""
    system.channels.publish("orders", Order(number))
    assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
    assert all_over(of_turns(lingering.left[0]))


def test_what_a_thread_writes_while_its_attempt_ends_is_stored_or_refused(system: ActorSystem) -> None:
    """Law: what returns without an error is stored: there is no moment between the last look and the end."""
    assert system.flows.start(nodes("write_on", "count")).wait(PATIENCE_S).state == "succeeded"
    thread, *_ = lingering.left
    thread.join(PATIENCE_S)
    (run,) = system.flows.runs()
    assert system.flows.report(run.run_id).outputs == {"count": lingering.left[-1]}


def test_who_writes_too_late_is_told_when_to_write(system: ActorSystem) -> None:
    """Law: the error says what is lost, and what to do."""
    system.flows.start(nodes("leave")).result(PATIENCE_S)
    (ctx,) = lingering.left
    with pytest.raises(AttemptOver, match=r"a value of ctx.cache is not stored, .*use ctx before the body returns"):
        ctx.cache.put("k", 1)
    with pytest.raises(AttemptOver, match=r"a value of ctx.cache is not read"):
        ctx.cache.get("k")
