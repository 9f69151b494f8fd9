"""Shifts: one body does several quick tasks on end, and nobody can tell but by the time they take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dagger_actors import ActorSystem, TaskContext, task_agent
from dagger_actors.core.protocols import Now
from dagger_actors.core.task_leases import ClaimAnswer, Claimed
from dagger_actors.tasks.handles.task import Task
from dagger_actors.tasks.machine.appetite import ALONE, LARGEST_SHIFT, SLOW_US, Appetite
from dagger_actors.tasks.machine.events import AgentTerms, Flushed, Grant
from dagger_actors.tasks.working import attempt_news, supervisor
from dagger_actors.tasks.working.hands import Hands
from dagger_actors.tasks.working.left_behind import LeftBehind
from dagger_actors.tasks.working.shift import ShiftBody, in_shifts

PATIENCE_S = 30.0
SHIFT = 8

gate = threading.Event()
"""Lets slow bodies end."""
arrived = threading.Event()
"""A slow body has begun."""
was_cancelled = threading.Event()
begun: list[int] = []


class Work(msgspec.Struct, frozen=True):
    number: int
    how: str = ""


@task_agent(concurrency=2)
def worker(task: Work, ctx: TaskContext) -> int:
    begun.append(task.number)
    match task.how:
        case "slow":
            arrived.set()
            assert gate.wait(PATIENCE_S)
        case "stopped":
            arrived.set()
            while not ctx.cancelled and not gate.wait(0.01):
                pass  # a long body, that looks now and then
            if ctx.cancelled:
                was_cancelled.set()
        case "raises":
            raise ValueError("no")
        case "exits":
            raise SystemExit(3)
        case "waits":
            ctx.gather([ctx.spawn(worker, Work(1_000))])
        case "logs":
            ctx.log(f"I am {task.number}")
    return task.number * 2


@pytest.fixture
def system(tmp_path: Path) -> Iterator[ActorSystem]:
    gate.clear()
    arrived.clear()
    was_cancelled.clear()
    begun.clear()
    with ActorSystem(tmp_path / "db.sqlite", agents=[worker]) as opened:
        machine = opened._paradigms.task_hub.supervisor._deciding.machine
        assert machine is not None
        share = machine._appetite._shares["worker"]
        share.pace, share.ahead = 500.0, 100  # as if many had been quick, whatever this machine does besides
        try:
            yield opened
        finally:
            gate.set()


def together(system: ActorSystem, hows: list[str]) -> list[Task]:
    """Submit tasks that one shift does, unless it is full."""
    return system.tasks.submit_many(worker, [Work(number, how) for number, how in enumerate(hows)])


def in_shift(system: ActorSystem, tasks: list[Task]) -> set[int]:
    """Ids of those whose body is a shift."""
    hands = system._paradigms.task_hub.supervisor.hands()
    ids = {task.id for task in tasks}
    return {hand.task.task_key for hand in hands if hand.task.task_key in ids and isinstance(hand.actor, ShiftBody)}


def test_what_is_behind_a_slow_task_in_its_shift_does_not_wait_for_its_end(system: ActorSystem) -> None:
    """Law: a slow task holds up the others for a moment."""
    tasks = together(system, ["", "slow", *[""] * (SHIFT - 2)])
    assert arrived.wait(PATIENCE_S)
    assert tasks[1].id in in_shift(system, tasks)
    for number, task in enumerate(tasks):
        if number != 1:
            assert task.result(timeout=PATIENCE_S) == number * 2
    assert tasks[1].report().state == "running"
    gate.set()
    assert tasks[1].result(timeout=PATIENCE_S) == 2
    assert sorted(number for number in begun if number >= 0) == list(range(SHIFT)), "each once"


def test_a_task_of_a_shift_that_is_cancelled_while_it_runs_is_told_and_the_others_go_on(system: ActorSystem) -> None:
    """Law: a cancel concerns one task."""
    tasks = together(system, ["", "stopped", *[""] * (SHIFT - 2)])
    assert arrived.wait(PATIENCE_S)
    tasks[1].cancel()
    assert was_cancelled.wait(PATIENCE_S)
    assert [task.wait(timeout=PATIENCE_S).state for task in tasks] == [
        "cancelled" if number == 1 else "completed" for number in range(SHIFT)
    ]


def test_what_one_task_of_a_shift_raises_ends_that_one_alone(system: ActorSystem) -> None:
    """Law: whatever user code raises is the outcome of its attempt."""
    tasks = together(system, ["", "raises", "", "exits", "waits", "logs", "logs", ""])
    states = [task.wait(timeout=PATIENCE_S).state for task in tasks]
    assert states == ["failed" if number in {1, 3} else "completed" for number in range(SHIFT)]
    assert begun.count(4) == 2, "it was suspended, and ran again"
    for number in (5, 6):
        assert [log.text for log in system.tasks.logs(tasks[number].id)] == [f"I am {number}\n"]


def test_of_a_shift_the_slot_file_names_the_one_task_that_is_being_done(system: ActorSystem) -> None:
    """Law: a death is met by what had begun and had not ended, and by nothing else."""
    tasks = together(system, ["", "slow", *[""] * (SHIFT - 2)])
    assert arrived.wait(PATIENCE_S)
    for number, task in enumerate(tasks):
        if number != 1:
            task.result(timeout=PATIENCE_S)
    records = [record for record in system._store.membership.own_records() if record.payload is None]
    ((key, epoch, attempt, started_us),) = LeftBehind.begun_of(records)
    assert (key, epoch, attempt) == (tasks[1].id, 1, 1)
    assert started_us > 0


def test_of_a_shift_nothing_is_said_to_run_while_others_wait_behind_it(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: a death is counted to what the file says runs; so of a shift it says that only when nothing comes after it."""
    monkeypatch.setattr(attempt_news, "SLOW_US", 10**12)  # so that nothing is taken out of the shift
    tasks = together(system, ["", "slow", *[""] * (SHIFT - 2)])
    assert arrived.wait(PATIENCE_S)
    at_work = system._paradigms.task_hub.supervisor
    at_work.tell(Flushed())
    system.tasks.submit(worker, Work(99)).result(timeout=PATIENCE_S)  # committed behind it
    assert tasks[1].id in in_shift(system, tasks)
    assert {task.report().state for task in tasks} == {"ready"}
    monkeypatch.undo()
    at_work.tell(Flushed())
    assert [tasks[number].result(timeout=PATIENCE_S) for number in range(2, SHIFT)] == list(range(4, SHIFT * 2, 2))
    at_work.tell(Flushed())
    system.tasks.submit(worker, Work(98)).result(timeout=PATIENCE_S)
    assert tasks[1].report().state == "running"


def test_a_shift_has_one_agent_and_one_priority_and_who_was_there_at_a_death_is_done_alone() -> None:
    """Law: what may kill its worker drags no others along: they would be done again with each death."""

    def grants(*tasks: tuple[str, int, int]) -> list[Grant]:
        return [
            Grant(Claimed(key, 1, agent, priority, 0, 0, 1, died), 1)
            for key, (agent, priority, died) in enumerate(tasks)
        ]

    def parts(*tasks: tuple[str, int, int]) -> list[list[int]]:
        return [
            [one.task.task_key for one in part]
            for part in in_shifts(grants(*tasks), lambda agent: 1 + 2 * (agent == "a"))
        ]

    assert parts(*[("a", 0, 0)] * 7) == [[0, 1, 2], [3, 4, 5], [6]]
    assert parts(("a", 1, 0), ("a", 0, 0), ("a", 0, 0), ("b", 0, 0), ("b", 0, 0)) == [[0], [1, 2], [3], [4]]
    assert parts(("a", 0, 0), ("a", 0, 0), ("a", 0, 1), ("a", 0, 1), ("a", 0, 0)) == [[0, 1], [2], [3], [4]]


@pytest.mark.parametrize("is_now", [True, False])
def test_whoever_leaves_gives_back_what_has_not_begun_of_a_shift(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch, *, is_now: bool
) -> None:
    """Law: what had ended is stored, what runs is cut off or waited for, and the rest never begins."""
    monkeypatch.setattr(supervisor, "FLUSH_US", 10**12)  # so that nothing is taken out of the shift before
    leave = Hands.leave_shifts

    def left(hands: Hands, **when: bool) -> object:
        found = leave(hands, **when)
        if when["is_now"] == is_now:  # else what runs would end before it is cut off
            gate.set()
        return found

    monkeypatch.setattr(Hands, "leave_shifts", left)
    tasks = together(system, ["", "slow", *[""] * (SHIFT - 2)])
    assert arrived.wait(PATIENCE_S)
    assert tasks[1].id in in_shift(system, tasks)
    path, ids = system.path, [task.id for task in tasks]
    system.stop(grace_s=0 if is_now else PATIENCE_S)
    with ActorSystem(path, recover=False) as other:
        reports = [other.tasks.get(key).report() for key in ids]
    assert [report.state for report in reports] == [
        "completed",
        "ready" if is_now else "completed",
        *["ready"] * (SHIFT - 2),
    ]
    assert [len(report.attempts) for report in reports[2:]] == [0] * (SHIFT - 2)
    assert [number for number in begun if number >= 0] == [0, 1]


def shifting(*, takes_shifts: bool = True) -> Appetite:
    terms = AgentTerms(name="a", concurrency=1, takes_shifts=takes_shifts)
    appetite = Appetite({"a": terms}, 1)
    appetite.answered(
        ClaimAnswer(tuple(Claimed(key, 1, "a", 0, 0, 0, 1, 0) for key in range(1_000)), frozenset(), {}),
        appetite.wanted(Now(0, 0)),
    )
    return appetite


def test_how_many_are_done_on_end_follows_how_long_they_take() -> None:
    """Law: a shift takes some 2 ms; what is not quick, or not known, is done alone."""
    appetite = shifting()
    assert appetite.shift_of("a") == 1
    appetite.end("a", 100)
    assert appetite.shift_of("a") == LARGEST_SHIFT
    for _ in range(100):
        appetite.end("a", 400)
    assert appetite.shift_of("a") == 5
    for _ in range(100):
        appetite.end("a", 600)
    assert appetite.shift_of("a") == 1
    other = shifting(takes_shifts=False)
    other.end("a", 100)
    assert other.shift_of("a") == 1


def test_after_a_slow_one_many_are_done_alone() -> None:
    """Law: who has held others up once is trusted again after a while only."""
    appetite = shifting()
    appetite.end("a", 100)
    appetite.end("a", SLOW_US)
    for _ in range(ALONE):
        assert appetite.shift_of("a") == 1
        appetite.end("a", 100)
    assert appetite.shift_of("a") == LARGEST_SHIFT
