"""All threads of a pool held, and others waiting for one."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from dagger_actors import Actor, ActorSystem, action, handler, task_agent
from dagger_actors.actors.runtime import SHARED, THREADS
from tests.unit.supervised.conftest import PATIENCE_S


class Door:
    """Holds those who come, until it is opened; knows when so many are there."""

    def __init__(self, most: int) -> None:
        self.all_are_there = threading.Barrier(most + 1)
        self.is_open = threading.Event()

    def wait(self) -> None:
        self.all_are_there.wait(PATIENCE_S)
        self.is_open.wait(PATIENCE_S)


def test_a_pool_whose_threads_are_all_held_while_others_wait_is_told_once_and_names_them(
    threads: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: who holds, how many wait, what to do; not while one is free or nobody waits; a word when it goes on."""
    door, house = Door(SHARED), threads.house
    now = [house.now_us()]
    monkeypatch.setattr(house.alarm, "_now_us", lambda: now[0])
    monkeypatch.setattr(house.crowding, "_now_us", lambda: now[0])

    class Waiting(Actor):
        @handler
        def wait(self, number: int) -> None:
            door.wait()

    class Quick(Actor):
        @handler
        def answer(self, number: int) -> int:
            return number

    def look(seconds: float) -> None:
        now[0] += round(seconds * 1e6)
        house.alarm.look()
        house.crowding.look()

    quick = threads.spawn(Quick)
    for number in range(SHARED):
        threads.spawn(Waiting, name=f"w{number}").tell(number)
    door.all_are_there.wait(PATIENCE_S)
    look(0)
    look(20)
    assert not caplog.records, "nobody waits"
    replies = [threads.spawn(Quick).ask(number, block=False) for number in range(2)]
    for seconds in (0, 1, 20):
        look(seconds)
    (record,) = [one for one in caplog.records if hasattr(one, "pool")]
    assert sorted(record.holders) == [f"w{number} ({Waiting.wait.__qualname__})" for number in range(SHARED)]
    assert (record.pool, record.waiting) == ("shared", 2)
    assert "2 more actors wait for one: w" in record.getMessage()
    assert 'dispatcher = "blocking"' in record.getMessage()
    door.is_open.set()
    assert [reply.get(timeout=PATIENCE_S) for reply in replies] == [0, 1]
    assert quick.ask(1, timeout=PATIENCE_S) == 1
    look(1)
    assert [one.getMessage() for one in caplog.records if hasattr(one, "pool")][1:] == [
        "the pool 'shared' of threads goes on"
    ]


def test_a_pool_that_is_full_but_goes_on_is_not_told(
    threads: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: as long as one of its threads takes something new, it is busy and not blocked."""
    doors, house = [Door(1) for _ in range(SHARED + 3)], threads.house
    now = [house.now_us()]
    monkeypatch.setattr(house.alarm, "_now_us", lambda: now[0])
    monkeypatch.setattr(house.crowding, "_now_us", lambda: now[0])

    class Waiting(Actor):
        @handler
        def wait(self, number: int) -> None:
            doors[number].wait()

    for number in range(len(doors)):
        threads.spawn(Waiting).tell(number)
    for number in range(SHARED):
        doors[number].all_are_there.wait(PATIENCE_S)
    for number in range(2):
        for seconds in (0, 4, 5):
            now[0] += round(seconds * 1e6)
            house.alarm.look()
            house.crowding.look()
        doors[number].is_open.set()
        doors[SHARED + number].all_are_there.wait(PATIENCE_S)
    for door in doors:
        door.is_open.set()
    doors[-1].all_are_there.wait(PATIENCE_S)
    assert not [one for one in caplog.records if hasattr(one, "pool")]


bodies = Door(THREADS)


@action
def hold(number: int) -> int:
    bodies.wait()
    return number


def test_bodies_that_hold_all_threads_are_named_by_run_and_node(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: of flows, nodes are named; those that wait are counted; a word when it goes on."""
    bodies.__init__(THREADS)  # type: ignore[misc]
    nodes = [
        {"id": f"n{number}", "action": "hold", "inputs": {"number": {"value": number}}} for number in range(THREADS)
    ]
    wide = {"name": "wide", "config": {"max_parallel_nodes": THREADS}, "nodes": nodes}

    @action
    def nothing() -> int:
        return 1

    other = {"name": "other", "nodes": [{"id": "n", "action": "nothing"}]}
    offered = threading.Event()

    def observe(events: Any) -> None:  # told behind what the commit lets out
        if events[0].run_id == "second":
            offered.set()

    with ActorSystem(actions=[hold, nothing], stuck_after_s=None, observer=observe) as system:
        holders, now = system._holders, [0]
        monkeypatch.setattr(holders, "_now_us", lambda: now[0])
        first = system.flows.start(wide)
        bodies.all_are_there.wait(PATIENCE_S)
        second = system.flows.start(other, run_id="second")
        assert offered.wait(PATIENCE_S)
        for seconds in (0, 5, 4):
            now[0] += seconds * 1_000_000
            holders.look()
        assert not caplog.records
        for seconds in (2, 20):
            now[0] += seconds * 1_000_000
            holders.look()
        (record,) = caplog.records
        assert sorted(record.holders) == sorted(f"node 'n{number}' of run {first.id!r}" for number in range(THREADS))
        assert record.waiting == 1
        assert f"and {THREADS - 8} more; write bodies that wait `async`" in record.getMessage()
        bodies.is_open.set()
        assert second.result(timeout=PATIENCE_S) == {"n": 1}
        first.result(timeout=PATIENCE_S)
        holders.look()
        assert caplog.records[1].getMessage() == "the threads for bodies go on"


@task_agent(concurrency=THREADS)
def stay(task: int) -> int:
    bodies.wait()
    return task


@task_agent
async def passing(task: int) -> int:
    return task


@task_agent
def short(task: int) -> int:
    return task


def test_bodies_of_tasks_that_hold_threads_are_named_beside_those_of_nodes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: whose body holds a thread makes no difference to who waits for one."""
    bodies.__init__(THREADS)  # type: ignore[misc]
    half = THREADS // 2
    nodes = [{"id": f"n{number}", "action": "hold", "inputs": {"number": {"value": number}}} for number in range(half)]
    wide = {"name": "wide", "config": {"max_parallel_nodes": half}, "nodes": nodes}
    with ActorSystem(
        actions=[hold], agents=[stay, short, passing], task_concurrency=THREADS, stuck_after_s=None
    ) as system:
        holders, now = system._holders, [0]
        monkeypatch.setattr(holders, "_now_us", lambda: now[0])
        run = system.flows.start(wide)
        long = system.tasks.submit_many(stay, range(THREADS - half))
        bodies.all_are_there.wait(PATIENCE_S)
        waits = system.tasks.submit(short, 7)
        for number in range(2):  # a turn behind the one that has begun the waiting one, and another one behind that
            assert system.tasks.submit(passing, number).result(timeout=PATIENCE_S) == number
        for seconds in (0, 11):
            now[0] += seconds * 1_000_000
            holders.look()
        (record,) = caplog.records
        told = {f"node 'n{number}' of run {run.id!r}" for number in range(half)}
        assert set(record.holders) == told | {f"task {task.id} of agent 'stay'" for task in long}
        assert f"{THREADS} bodies have held all threads for 11 s, and 1 more waits for one" in record.getMessage()
        bodies.is_open.set()
        assert waits.result(timeout=PATIENCE_S) == 7
        run.result(timeout=PATIENCE_S)
