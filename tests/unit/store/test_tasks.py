"""Operations on tasks: what each writes, what it refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagger_actors.core.protocols import Runnable, Unit, Write
from dagger_actors.core.task_leases import Claim, ClaimAnswer, ClaimTasks, ReleaseTasks, TakeTasks
from dagger_actors.core.task_rows import NewTask, SharedChange
from dagger_actors.core.task_stalls import StallJobs
from dagger_actors.core.tasks import (
    AddDependencies,
    AdmitHeld,
    CancelJob,
    CancelTasks,
    DecideTask,
    PromoteDue,
    PruneTasks,
    RetryTasks,
    SettleSuspended,
    ShareValues,
    StopJob,
    SubmitTasks,
)
from dagger_actors.errors import (
    DependencyCycle,
    JobClosed,
    JobNotFound,
    RequestRefused,
    SharedConflict,
    SharedRefused,
    SpawnMismatch,
    TaskChanged,
    TaskConflict,
    TaskNotFound,
    TaskQueueFull,
    TaskTransitionRefused,
    UnknownAgent,
    UnknownDependency,
)
from dagger_actors.store.connection import transaction
from dagger_actors.store.journal import Journal
from dagger_actors.store.operations import Operations
from tests.tasks_on_file import TasksOnFile

MINUTE_US = 60_000_000


@pytest.fixture
def file(memory: Path) -> Iterator[TasksOnFile]:
    file = TasksOnFile(memory / "a.db")
    file.agent("a")
    yield file
    file.close()


def new(task_key: int, agent: str = "a", **more: object) -> NewTask:
    return NewTask(task_key, agent, f'"{task_key}"', **more)  # type: ignore[arg-type]


# --- submission


def test_what_is_submitted_is_ready_waits_for_its_time_or_for_others(file: TasksOnFile) -> None:
    file.submit(new(1), new(2, due_at=9), new(3, depends_on=(1,)), new(4, depends_on=(1,), due_at=9), new(5, due_at=-1))
    assert file.states() == {1: "ready", 2: "pending", 3: "blocked", 4: "pending", 5: "ready"}


def test_a_dependency_that_is_met_already_counts_as_met_and_one_that_has_failed_leaves_it_stuck_at_once(
    file: TasksOnFile,
) -> None:
    file.submit(new(1), new(2))
    one, two = file.claim("a", 2)
    file.end(one)
    file.end(two, "failed")
    file.submit(new(3, depends_on=(1,)), new(4, depends_on=(1, 2)), new(5, depends_on=(4,)))
    assert file.states() == {1: "completed", 2: "failed", 3: "ready", 4: "stuck", 5: "stuck"}
    assert [file.task(key)["reason"] for key in (4, 5)] == ["task 2 failed", "task 4 can never run"]


def test_a_key_names_one_task_of_its_agent(file: TasksOnFile) -> None:
    file.agent("b")
    file.submit(new(1, key="k"))
    answers = file.submit(new(2, key="k"), new(3, key="l"), new(4, key="l"), new(5, "b", key="k"))
    assert [(answer.task_key, answer.is_new) for answer in answers] == [(1, False), (3, True), (3, False), (5, True)]
    error = file.refusal(SubmitTasks((new(6), new(7, key="k", on_conflict="reject")), 0))
    assert error == TaskConflict("a", "k", 1)


@pytest.mark.parametrize("starts", [False, True])
def test_a_replaced_task_is_cancelled_and_gives_its_key_away_unless_it_runs(file: TasksOnFile, starts: bool) -> None:
    """Law: what is leased runs, whether that is written already or not."""
    file.submit(new(1, key="k"), new(2, depends_on=(1,)))
    file.submit(new(3, key="k", on_conflict="replace"))
    assert file.states() == {1: "cancelled", 2: "stuck", 3: "ready"}
    assert (file.task(1)["reason"], file.task(1)["key"], file.task(3)["key"]) == ("replaced by task 3", None, "k")
    file.claim("a", starts=starts)
    assert file.refusal(SubmitTasks((new(4, key="k", on_conflict="replace"),), 0)) == TaskConflict(
        "a", "k", 3, is_running=True
    )


def test_a_dependency_on_a_task_whose_key_was_taken_is_one_on_the_earlier_task(file: TasksOnFile) -> None:
    file.submit(new(1, key="k"))
    file.submit(new(2, key="k"), new(3, depends_on=(2,)))
    assert file.rows("SELECT task_key, on_key FROM task_dependencies") == [(3, 1)]


def test_a_child_is_spawned_once_and_a_different_one_under_its_name_is_refused(file: TasksOnFile) -> None:
    file.agent("b")
    file.submit(new(1), new(2, parent_key=1, spawn_key="#0"))
    again = NewTask(3, "a", '"2"', parent_key=1, spawn_key="#0")
    assert file.submit(again)[0].task_key == 2
    for other, difference in (
        (NewTask(3, "b", '"2"', parent_key=1, spawn_key="#0"), "agent"),
        (new(3, parent_key=1, spawn_key="#0"), "payload"),
    ):
        error = file.refusal(SubmitTasks((other,), 0))
        assert isinstance(error, SpawnMismatch)
        assert error.difference == difference


def test_what_is_not_there_is_refused_by_name(file: TasksOnFile) -> None:
    file.agent("research")
    assert file.refusal(SubmitTasks((new(1), new(2, "reserch")), 0)) == UnknownAgent("reserch", "research")
    assert file.refusal(SubmitTasks((new(1), new(2, depends_on=(1, 99))), 0)) == UnknownDependency(2, 99)
    assert file.refusal(SubmitTasks((new(1, job_key=7),), 0)) == JobNotFound("7")
    cycle = file.refusal(SubmitTasks((new(1, depends_on=(3,)), new(2, depends_on=(1,)), new(3, depends_on=(2,))), 0))
    assert isinstance(cycle, DependencyCycle)
    assert sorted(cycle.cycle) == [1, 2, 3]
    assert file.refusal(SubmitTasks((new(1, depends_on=(1,)),), 0)) == DependencyCycle((1,))


def test_a_full_queue_and_a_closed_job_take_nothing_more(file: TasksOnFile) -> None:
    file.agent("few", capacity=2)
    file.job(1)
    file.submit(new(1, "few", job_key=1))
    assert file.refusal(SubmitTasks((new(2, "few"), new(3, "few")), 0)) == TaskQueueFull("few", 2)
    file.end(file.claim("few")[0])
    file.submit(new(2, "few"), new(3, "few"))
    file.run(CancelJob(1, "enough", 0))
    assert file.refusal(SubmitTasks((new(4, job_key=1),), 0)) == JobClosed("job-1")


class Never:
    """Gives no turn by itself: the test does."""

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        del runnable, here


def test_a_plain_row_is_refused_in_the_same_words_as_an_operation(file: TasksOnFile, memory: Path) -> None:
    file.agent("few", capacity=1)
    file.job(1)
    file.run(CancelJob(1, "enough", 0))
    heard: list[object] = []
    journal = Journal(memory / "a.db", dispatcher=Never(), synchronous="normal")
    for key, agent, job in ((1, "few", None), (2, "few", None), (3, "no[ne", None), (4, "a", 1)):
        row = (key, agent, "ready", 0, "1", None, job, None, None, None, None, 0)
        journal.submit(Unit([Write("tasks.insert", (row,), 1)], lambda: heard.append("written"), heard.append))
    journal.run_turn()
    journal.close()
    assert heard[0] == "written"
    causes = [error.cause for error in heard[1:] if isinstance(error, RequestRefused)]
    assert causes == [TaskQueueFull("few", 1), UnknownAgent("no[ne"), JobClosed("job-1")]


def test_a_statement_of_a_users_that_calls_what_refuses_tasks_is_its_own_affair(file: TasksOnFile) -> None:
    for arguments in ("'no such reason', 'a', 1", "1, 2, 3", "NULL, NULL, NULL"):
        assert list(file.connection.execute(f"SELECT refuse_task({arguments})")) == [(None,)]


def test_other_programs_with_an_older_sqlite_read_the_file(file: TasksOnFile, memory: Path) -> None:
    """Law: what is written is read by plain SQL; the module of the standard library has another SQLite, here often older."""
    file.agent("a")
    file.submit(new(1))
    with contextlib.closing(sqlite3.connect(f"file:{memory / 'a.db'}?mode=ro", uri=True)) as other:
        assert other.execute("SELECT task_key, state FROM tasks").fetchall() == [(1, "ready")]
        assert other.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'").fetchone()[0] > 3


# --- leases


def test_tasks_are_leased_by_priority_then_age(file: TasksOnFile) -> None:
    file.submit(new(1), new(2, priority=5), new(3, priority=-1), now_us=1)
    file.submit(new(4), new(5, priority=5), now_us=0)
    assert [task.task_key for task in file.claim("a", 9, now_us=2)] == [5, 2, 4, 1, 3]


def test_a_claim_tells_what_is_drained_and_passes_over_what_has_expired(file: TasksOnFile) -> None:
    file.submit(new(1, expires_at=5), new(2))
    answer = file.run(ClaimTasks(1, (Claim("a", 1), Claim("nobody", 1)), 5))
    assert ([task.task_key for task in answer.tasks], answer.drained) == ([2], {"nobody"})
    assert file.run(ClaimTasks(1, (Claim("a", 1),), 5)).drained == {"a"}


def test_the_rate_of_an_agent_is_that_of_all_workers_whatever_the_wall_clock_does(file: TasksOnFile) -> None:
    file.agent("slow", rate=10.0, burst=2)
    file.submit(*(new(key, "slow") for key in range(1, 50)))
    at_us = 1_000_000_000

    def claimed(owner: int, now_us: int) -> tuple[int, int | None]:
        answer = file.run(ClaimTasks(owner, (Claim("slow", 5),), now_us))
        assert not answer.drained
        return len(answer.tasks), answer.again_us.get("slow")

    assert claimed(1, at_us) == (2, at_us + 100_000)
    assert claimed(2, at_us) == (0, at_us + 100_000)
    assert claimed(2, at_us + 100_000) == (1, at_us + 200_000)
    hour_us = 3_600_000_000
    assert claimed(1, at_us - hour_us) == (0, at_us - hour_us + 100_000)
    assert claimed(2, at_us - hour_us + 100_000)[0] == 1
    assert claimed(1, at_us + 24 * hour_us)[0] == 2


def test_leases_that_are_given_back_unbegun_use_nothing_of_the_rate(file: TasksOnFile) -> None:
    file.agent("slow", rate=1.0, burst=2)
    file.submit(new(1, "slow"), new(2, "slow"))
    first, second = file.claim("slow", 2, now_us=9)
    file.run(ReleaseTasks(1, ((first.task_key, first.epoch), (second.task_key, second.epoch + 1)), 9))
    assert [task.task_key for task in file.claim("slow", 2, now_us=9)] == [first.task_key]


def test_one_of_sixteen_is_the_oldest_once_it_has_waited_for_a_minute(file: TasksOnFile) -> None:
    file.submit(new(1), now_us=0)
    file.submit(*(new(key, priority=9) for key in range(2, 200)), now_us=1)
    assert 1 not in {task.task_key for task in file.claim("a", 16, now_us=MINUTE_US - 1)}
    assert file.claim("a", 16, now_us=MINUTE_US)[0].priority == 9
    assert file.task(1)["owner"] == 1


def test_work_that_is_at_most_once_has_not_begun_when_its_lease_is_given_back(file: TasksOnFile) -> None:
    file.submit(new(1), new(2))
    pairs = [(task.task_key, task.epoch) for task in file.claim("a", 2, starts=True)]
    assert [(file.task(key)["state"], file.task(key)["attempt"]) for key in (1, 2)] == [("running", 1)] * 2
    file.run(ReleaseTasks(1, (pairs[0], (2, 9)), 0))
    assert [(file.task(key)["state"], file.task(key)["attempt"], file.task(key)["owner"]) for key in (1, 2)] == [
        ("ready", 0, None),
        ("running", 1, 1),
    ]


@pytest.mark.parametrize("size", [1, 3, 16, 40])
def test_claims_of_any_size_give_the_oldest_its_turn(file: TasksOnFile, size: int) -> None:
    file.submit(*(new(key) for key in (1, 2, 3)), now_us=0)
    file.submit(*(new(key, priority=9) for key in range(4, 200)), now_us=1)
    taken = 0
    while file.rows("SELECT 1 FROM tasks WHERE task_key <= 3 AND owner IS NULL"):
        taken += len(file.claim("a", size, now_us=MINUTE_US))
    assert 48 <= taken <= 48 + size


def test_a_lost_lease_never_writes(file: TasksOnFile) -> None:
    file.submit(new(1))
    (lost,) = file.claim("a")
    file.run(CancelTasks((1,), "no", 0))
    assert not file.end(lost)
    assert file.states() == {1: "cancelled"}
    assert file.rows("SELECT * FROM task_stops") == [(1, 1, lost.epoch)]


# --- limits of a key


def test_no_more_than_per_key_tasks_of_a_limit_key_are_admitted_and_the_next_is_when_a_place_is_free(
    file: TasksOnFile,
) -> None:
    file.agent("k", per_key=2)
    file.submit(*(new(key, "k", limit_key="x", priority=key) for key in range(1, 6)), new(9, "k", limit_key="y"))
    assert file.states() == {1: "ready", 2: "ready", 3: "held", 4: "held", 5: "held", 9: "ready"}
    nine, two, one = sorted(file.claim("k", 9), key=lambda task: -task.task_key)
    file.end(nine)
    file.end(two, "failed")
    assert file.states()[5] == "ready"
    file.end(one, "ready", due_at=10)
    assert file.states()[4] == "ready"
    file.run(CancelTasks((4,), "no", 0))
    assert file.states()[3] == "ready"
    file.run(PromoteDue(10))
    assert file.states()[1] == "held"


def test_what_has_the_place_of_its_key_has_its_turn_and_the_next_place_goes_by_priority(file: TasksOnFile) -> None:
    """Law: whoever is ready begins in the end; whoever waits for its key is not ready, and the load of a key is its own."""
    file.agent("k", per_key=1)
    file.submit(new(1, "k", limit_key="x"), new(2, "k", limit_key="x"), now_us=0)
    taken: list[int] = []
    for key in range(10, 60):  # one of higher priority before each claim: of the same key, and of another
        file.submit(new(key, "k", priority=9), new(100 + key, "k", limit_key="x", priority=9), now_us=1)
        (task,) = file.claim("k", now_us=MINUTE_US + key)
        taken.append(task.task_key)
        file.end(task, now_us=MINUTE_US + key)
    assert 1 in taken[:16]
    assert 2 not in taken
    assert file.states()[2] == "held"


def test_a_task_that_is_blocked_or_opened_again_gives_its_place_up_and_waits_for_one(file: TasksOnFile) -> None:
    file.agent("k", per_key=1)
    file.submit(*(new(key, "k", limit_key="x") for key in (1, 2, 3)), new(9))
    file.run(AddDependencies(1, (9,), "success", 0))
    assert file.states() == {1: "blocked", 2: "ready", 3: "held", 9: "ready"}
    file.end(file.claim("a")[0])
    assert file.states() == {1: "held", 2: "ready", 3: "held", 9: "completed"}
    file.end(file.claim("k")[0], "failed")
    file.run(RetryTasks((2,), 0))
    assert file.states() == {1: "ready", 2: "held", 3: "held", 9: "completed"}


def test_a_limit_that_has_grown_lets_in_those_for_whom_there_is_room_by_now(file: TasksOnFile) -> None:
    file.agent("k", per_key=1)
    file.submit(*(new(key, "k", limit_key="x", priority=key) for key in range(1, 6)), new(9, "k", limit_key="y"))
    file.agent("k", per_key=3)
    file.run(AdmitHeld(("k",)))
    assert file.states() == {1: "ready", 2: "held", 3: "held", 4: "ready", 5: "ready", 9: "ready"}
    file.agent("k", per_key=None)
    file.run(AdmitHeld(("k",)))
    assert "held" not in file.states().values()


# --- dependencies


def test_a_dependency_that_closes_a_cycle_is_refused_and_the_whole_cycle_shown(file: TasksOnFile) -> None:
    file.submit(new(1), new(2, depends_on=(1,)), new(3, depends_on=(2,)), new(4, depends_on=(1, 3)))
    error = file.refusal(AddDependencies(1, (4,), "success", 0))
    assert isinstance(error, DependencyCycle)
    assert error.cycle == (1, 4)
    assert file.refusal(AddDependencies(1, (3,), "end", 0)) == DependencyCycle((1, 3, 2))
    assert file.refusal(AddDependencies(1, (1,), "end", 0)) == DependencyCycle((1,))


def test_a_task_that_runs_or_is_over_takes_no_dependency_from_outside(file: TasksOnFile) -> None:
    file.submit(new(1), new(2), new(3))
    file.run(AddDependencies(3, (2,), "success", 0))
    assert file.states()[3] == "blocked"
    (one, two) = file.claim("a", 2)
    assert isinstance(file.refusal(AddDependencies(1, (3,), "end", 0)), TaskTransitionRefused)
    file.end(one)
    assert isinstance(file.refusal(AddDependencies(1, (3,), "end", 0)), TaskTransitionRefused)
    assert file.refusal(AddDependencies(3, (9,), "end", 0)) == UnknownDependency(3, 9)
    assert file.refusal(AddDependencies(9, (3,), "end", 0)) == TaskNotFound(9)
    file.end(two)
    assert file.states()[3] == "ready"


def test_a_suspended_task_is_ready_at_once_when_all_has_ended_and_stuck_when_it_waits_in_vain(
    file: TasksOnFile,
) -> None:
    file.submit(new(1), new(2, priority=-1), new(3, priority=-1), new(4, priority=-1))
    file.end(file.claim("a")[0], "failed")
    for key, kind, state in ((2, "end", "ready"), (3, "success", "stuck")):
        (task,) = file.claim("a")
        assert task.task_key == key
        wait = AddDependencies(key, (1,), kind, 0, 1, task.epoch)  # type: ignore[arg-type]
        assert file.end(task, "blocked", more=(wait, SettleSuspended(key, 0)))
        assert file.states()[key] == state
        file.run(CancelTasks((key,), "", 0))


def test_who_had_its_success_and_now_waits_for_its_end_waits_when_it_was_reopened_meanwhile(file: TasksOnFile) -> None:
    file.submit(new(1), new(2, depends_on=(1,)))
    file.end(file.claim("a")[0])
    (task,) = file.claim("a")
    file.run(DecideTask(1, "rejected", "", 0), DecideTask(1, "ready", "", 0))
    assert file.end(task, "blocked", more=(AddDependencies(2, (1,), "end", 0, 1, task.epoch), SettleSuspended(2, 0)))
    assert file.states() == {1: "ready", 2: "blocked"}


def test_a_task_that_is_opened_again_waits_for_what_was_rejected_since(file: TasksOnFile) -> None:
    file.submit(new(1), new(2, depends_on=(1,)))
    file.end(file.claim("a")[0])
    file.run(CancelTasks((2,), "", 0), DecideTask(1, "rejected", "", 0), RetryTasks((2,), 0))
    assert file.states() == {1: "rejected", 2: "stuck"}
    file.run(CancelTasks((2,), "", 0), DecideTask(1, "ready", "", 0), CancelTasks((1,), "", 0), RetryTasks((2, 1), 0))
    assert file.states() == {1: "ready", 2: "blocked"}


# --- ends


def test_who_waits_for_the_end_of_a_cancelled_task_goes_on_and_who_needs_its_success_is_stuck(
    file: TasksOnFile,
) -> None:
    file.submit(new(1), new(2), new(3, depends_on=(1,)), new(4, depends_on=(3,)), new(5))
    file.run(AddDependencies(2, (1,), "end", 0))
    file.run(AddDependencies(5, (3,), "end", 0))
    assert file.run(CancelTasks((1, 77), "no", 0)) == (1,)
    assert file.states() == {1: "cancelled", 2: "ready", 3: "stuck", 4: "stuck", 5: "stuck"}
    file.run(CancelTasks((3,), "no", 0))
    assert file.states() == {1: "cancelled", 2: "ready", 3: "cancelled", 4: "stuck", 5: "ready"}
    assert file.task(4)["reason"] == "task 3 was cancelled"


def test_who_waits_for_the_end_of_a_stuck_task_and_for_more_is_stuck_until_that_one_is_cancelled(
    file: TasksOnFile,
) -> None:
    file.submit(new(1), new(2, depends_on=(1,)), new(3), new(4), new(5, depends_on=(4,)))
    file.run(AddDependencies(4, (2,), "end", 0), AddDependencies(4, (3,), "success", 0))
    file.run(CancelTasks((1,), "no", 0))
    assert file.states() == {1: "cancelled", 2: "stuck", 3: "ready", 4: "stuck", 5: "stuck"}
    file.run(CancelTasks((2,), "no", 0))
    assert file.states() == {1: "cancelled", 2: "cancelled", 3: "ready", 4: "blocked", 5: "blocked"}


def test_a_stale_version_an_unknown_task_and_an_illegal_state_are_each_refused(file: TasksOnFile) -> None:
    file.submit(new(1))
    assert file.refusal(CancelTasks((1,), "", 0, 9)) == TaskChanged(1, 9, 1)
    assert file.refusal(CancelTasks((5,), "", 0, is_strict=True)) == TaskNotFound(5)
    assert isinstance(file.refusal(RetryTasks((1,), 0)), TaskTransitionRefused)
    assert isinstance(file.refusal(DecideTask(1, "accepted", "", 0)), TaskTransitionRefused)
    file.end(file.claim("a")[0])
    assert isinstance(file.refusal(CancelTasks((1,), "", 0, is_strict=True)), TaskTransitionRefused)
    assert isinstance(file.refusal(DecideTask(1, "ready", "", 0)), TaskTransitionRefused)
    assert file.refusal(DecideTask(1, "accepted", "", 0, 1)) == TaskChanged(1, 1, 3)
    assert file.refusal(RetryTasks((1, 5), 0)).args[:2] == (1, "completed")


def test_a_retry_frees_what_was_stuck_unless_another_is_to_blame(file: TasksOnFile) -> None:
    file.submit(
        new(1),
        new(2),
        new(3, depends_on=(1,)),
        new(4, depends_on=(3,)),
        new(5, depends_on=(1, 2)),
        new(6, depends_on=(5,)),
    )
    one, two = file.claim("a", 2)
    file.end(one, "failed")
    file.end(two, "failed")
    assert [file.states()[key] for key in (3, 4, 5, 6)] == ["stuck"] * 4
    assert file.run(RetryTasks((1,), 0)) == (1,)
    assert file.states() == {1: "ready", 2: "failed", 3: "blocked", 4: "blocked", 5: "stuck", 6: "stuck"}
    file.run(RetryTasks((2,), 0))
    assert file.states() == {1: "ready", 2: "ready", 3: "blocked", 4: "blocked", 5: "blocked", 6: "blocked"}


def test_a_rejected_result_is_no_success_until_it_is_reopened(file: TasksOnFile) -> None:
    file.submit(new(1), new(2, depends_on=(1,)), new(3, depends_on=(1, 2)))
    file.end(file.claim("a")[0])
    file.run(DecideTask(1, "rejected", "wrong", 0))
    assert file.states() == {1: "rejected", 2: "stuck", 3: "stuck"}
    file.run(DecideTask(1, "ready", "again", 0))
    assert file.states() == {1: "ready", 2: "blocked", 3: "blocked"}
    file.end(file.claim("a")[0])
    assert file.states() == {1: "completed", 2: "ready", 3: "blocked"}
    file.run(DecideTask(1, "accepted", "", 0))
    assert isinstance(file.refusal(DecideTask(1, "rejected", "", 0)), TaskTransitionRefused)


# --- jobs


def job(file: TasksOnFile, job_key: int = 1) -> dict[str, int]:
    names = ("total", "open", "paused", "stuck", "succeeded", "failed", "cancelled", "rejected")
    return {
        name: count
        for name, count in zip(
            names, file.rows(f"SELECT {', '.join(names)} FROM jobs WHERE job_key = ?", job_key)[0], strict=True
        )
        if count
    }


def test_a_job_counts_what_becomes_of_its_tasks(file: TasksOnFile) -> None:
    file.job(1)
    file.submit(new(1, job_key=1), new(2, job_key=1), new(3, job_key=1, depends_on=(1,)))
    one, two = file.claim("a", 2)
    file.end(two)
    file.end(one, "failed")
    assert job(file) == {"total": 3, "open": 1, "stuck": 1, "succeeded": 1, "failed": 1}
    file.run(RetryTasks((1,), 0))
    assert job(file) == {"total": 3, "open": 2, "succeeded": 1}


def test_a_job_that_is_to_stop_cancels_its_rest_once_a_task_has_failed_and_a_retry_opens_it_again(
    file: TasksOnFile,
) -> None:
    file.job(1, on_failure="stop")
    file.job(2)
    file.submit(*(new(key, job_key=1) for key in (1, 2, 3)), new(4, job_key=2))
    assert file.run(StopJob(1, 0)) == ()
    one, _two = file.claim("a", 2)
    file.end(one, "failed")
    assert file.run(StopJob(1, 0)) == (2, 3)
    assert job(file) == {"total": 3, "failed": 1, "cancelled": 2}
    assert file.refusal(SubmitTasks((new(9, job_key=1),), 0)) == JobClosed("job-1")
    file.run(RetryTasks((1,), 0))
    file.submit(new(9, job_key=1))
    assert file.refusal(CancelJob(5, "", 0)) == JobNotFound("5")


def test_of_a_stalled_job_that_a_program_is_told_of_only_that_program_hears_while_it_is_there(
    file: TasksOnFile,
) -> None:
    file.job(1, stall_us=10, stall='{"type":"tell","worker":7}')
    file.submit(new(1, job_key=1))
    file.rows("INSERT INTO workers (worker_id, pid, started_at, lease_expires_at, slot_file) VALUES (7, 1, 0, 0, 's')")
    assert file.run(StallJobs(20, 1)) == file.run(StallJobs(20, 2))
    assert file.run(StallJobs(20, 1)).again_us is None
    assert [found.job_key for found in file.run(StallJobs(20, 7)).jobs] == [1]
    file.submit(new(2, job_key=1), now_us=20)
    file.rows("DELETE FROM workers")
    assert [found.job_key for found in file.run(StallJobs(30, 1)).jobs] == [1]


def test_a_stalled_job_does_what_it_says_once_each_standstill(file: TasksOnFile) -> None:
    file.agent("alarm")
    file.job(1, stall_us=10, stall='{"type":"fail"}')
    file.job(2, stall_us=20, stall='{"type":"notify","agent":"alarm"}')
    file.job(3, stall_us=30, stall='{"type":"tell","worker":1}')
    file.submit(*(new(key, job_key=key) for key in (1, 2, 3)))
    assert file.run(StallJobs(9, 1)) == file.run(StallJobs(8, 1))
    assert file.run(StallJobs(9, 1)).again_us == 10
    (failed,) = file.run(StallJobs(10, 1)).jobs
    assert (failed.job_key, failed.cancelled) == (1, (1,))
    assert file.rows("SELECT stopped_at, reason FROM jobs WHERE job_key = 1")[0][0] == 10
    stalled = file.run(StallJobs(40, 1))
    assert [found.job_key for found in stalled.jobs] == [2, 3]
    assert stalled.again_us is None
    notified = stalled.jobs[0].notified
    assert file.task(notified)["payload"] == '{"job_id":"job-2","open":1,"still_us":40}'
    assert file.run(StallJobs(99, 1)).jobs == ()
    file.submit(new(5, job_key=3), now_us=100)
    assert [found.job_key for found in file.run(StallJobs(130, 1)).jobs] == [3]


# --- time, takeover, pruning


def test_what_is_not_begun_in_time_is_cancelled_and_what_needs_it_is_stuck(file: TasksOnFile) -> None:
    file.submit(
        new(1, expires_at=10),
        new(2, depends_on=(1,)),
        new(3, expires_at=10, due_at=5),
        new(4, expires_at=10, priority=9),
    )
    (leased,) = file.claim("a")
    assert file.run(PromoteDue(5)) == 10
    assert file.run(PromoteDue(10)) is None
    assert file.states() == {1: "cancelled", 2: "stuck", 3: "cancelled", 4: "ready"}
    assert file.task(1)["reason"] == "expired"
    file.end(leased, "ready", due_at=20)
    assert file.run(PromoteDue(15)) == 20
    assert file.states()[4] == "ready"


def test_what_is_due_behind_a_failed_task_is_stuck(file: TasksOnFile) -> None:
    file.submit(new(1), new(2, depends_on=(1,), due_at=5), new(3, depends_on=(2,)))
    file.run(CancelTasks((1,), "", 0))
    assert file.states() == {1: "cancelled", 2: "pending", 3: "blocked"}
    file.run(PromoteDue(5))
    assert file.states() == {1: "cancelled", 2: "stuck", 3: "stuck"}


def test_a_takeover_counts_what_had_begun_and_parks_what_must_not_run_twice(file: TasksOnFile) -> None:
    file.agent("once")
    file.submit(*(new(key) for key in range(1, 5)), new(5, "once"), new(6, "once"))
    leased = {task.task_key: task for task in (*file.claim("a", 9), *file.claim("once", 9, starts=True))}
    begun = tuple((key, leased[key].epoch, 1, 7) for key in (1, 2, 5))
    file.connection.execute("UPDATE tasks SET crash_no = 2 WHERE task_key = 2")
    taken = file.run(TakeTasks(1, ("a", "once"), begun, ((4, leased[4].epoch),), ("once",), 3, 2, 9))
    assert (taken.released, taken.parked) == ((1, 3), (2, 5, 6))
    assert [(task.task_key, task.epoch) for task in taken.ended] == [(4, leased[4].epoch + 1)]
    # Its row says running: after a power cut the slot file may be older than that.
    assert [file.task(key)["reason"] for key in (1, 2, 5, 6)] == [None, "poison", "interrupted", "interrupted"]
    assert [(file.task(key)["attempt"], file.task(key)["crash_no"]) for key in range(1, 7)] == [
        (1, 1),
        (1, 3),
        (0, 0),
        (0, 0),
        (1, 1),
        (1, 1),
    ]
    assert file.rows("SELECT task_key, outcome, worker, started_at FROM task_attempts") == [
        *((key, "interrupted", 1, 7) for key in (1, 2, 5)),
        (6, "interrupted", 1, 0),
    ]
    assert not any(file.end(task) for task in leased.values())
    assert file.run(TakeTasks(1, ("a", "once"), begun, (), ("once",), 3, 3, 9)).released == ()
    assert file.end(taken.ended[0], owner=2)


def test_a_takeover_leaves_the_tasks_of_agents_that_the_new_owner_has_not(file: TasksOnFile) -> None:
    """Law: it could neither do them nor commit how they ended; whoever has those agents takes them."""
    file.agent("b")
    file.submit(new(1), new(2), new(3, "b"), new(4, "b"))
    leased = {task.task_key: task for task in (*file.claim("a", 9), *file.claim("b", 9))}
    ended = tuple((key, leased[key].epoch) for key in (2, 4))
    taken = file.run(TakeTasks(1, ("a",), (), ended, (), 3, 2, 9))
    assert (taken.released, [task.task_key for task in taken.ended]) == ((1,), [2])
    assert [file.task(key)["owner"] for key in range(1, 5)] == [None, 2, 1, 1]
    taken = file.run(TakeTasks(1, ("b",), (), ended, (), 3, 3, 9))
    assert (taken.released, [task.task_key for task in taken.ended]) == ((3,), [4])


def test_a_live_worker_is_told_of_leases_that_were_taken_over_and_a_dead_ones_notes_go_with_it(
    file: TasksOnFile,
) -> None:
    """Law: whoever stood still and goes on is told to stop the bodies of what is another's by now."""
    file.submit(new(1), new(2))
    file.claim("a", 2)
    file.connection.execute("INSERT INTO workers VALUES (1, 7, 0, 0, 0, '1.slots')")
    file.run(TakeTasks(1, ("a",), (), (), (), 3, 2, 9))
    assert file.rows("SELECT * FROM task_stops") == [(1, 1, 1), (1, 2, 1)]
    with transaction(file.connection):
        file.put("workers.delete", (1,))
    assert file.rows("SELECT * FROM task_stops") == []
    file.claim("a", 2)
    file.run(TakeTasks(1, ("a",), (), (), (), 3, 2, 9))
    assert file.rows("SELECT * FROM task_stops") == [], "nobody is left to be told"


def test_pruning_keeps_what_open_tasks_need_and_takes_the_job_with_its_last_task(file: TasksOnFile) -> None:
    file.job(1)
    file.submit(new(1, job_key=1), new(2), new(3), new(4, parent_key=3, spawn_key="#0"), new(5))
    file.submit(new(6, depends_on=(2, 3)))
    for task in file.claim("a", 9):
        if task.task_key not in {3, 5}:
            file.end(task, now_us=5)
    first = file.run(PruneTasks(6, 2))
    assert (first.count, first.after) == (1, 2)
    assert file.run(PruneTasks(6, 99, 2)) == type(first)(0, None)
    assert sorted(file.states()) == [2, 3, 4, 5, 6]
    assert file.rows("SELECT 1 FROM jobs") == []
    file.run(CancelTasks((3, 6), "", 5))
    assert file.run(PruneTasks(6, 99)).count == 3
    assert file.run(PruneTasks(6, 99)).count == 1
    assert sorted(file.states()) == [5]
    assert file.refusal(SubmitTasks((new(9, depends_on=(2,)),), 9)) == UnknownDependency(9, 2)


# --- shared state


def share(file: TasksOnFile, *changes: SharedChange, now_us: int = 0) -> list[tuple[int, str | None]]:
    return [(value.version, value.json) for value in file.run(ShareValues(changes, now_us))]


def test_a_shared_value_is_put_counted_and_deleted_by_version(file: TasksOnFile) -> None:
    ((first, _),) = share(file, SharedChange("s", "k", "1", version=0))
    assert file.refusal(
        ShareValues((SharedChange("s", "x", "1"), SharedChange("s", "k", "2", version=0)), 0)
    ) == SharedConflict("s", "k", 0, first)
    ((second, value),) = share(file, SharedChange("s", "k", step=2, version=first))
    assert value == "3"
    assert share(file, SharedChange("s", "k", version=second)) == [(0, None)]
    ((third, value),) = share(file, SharedChange("s", "k", step=0.5))
    assert (third > second, value) == (True, "0.5")


def test_a_shared_value_that_has_expired_is_not_there(file: TasksOnFile) -> None:
    share(file, SharedChange("s", "k", "1", ttl_us=10))
    share(file, SharedChange("s", "k", step=1), now_us=9)
    assert share(file, SharedChange("s", "k", step=1), now_us=10)[0][1] == "1"
    share(file, SharedChange("s", "k", "1", ttl_us=10), SharedChange("s", "k", "1"), now_us=11)
    assert share(file, SharedChange("s", "k", step=1), now_us=1_000)[0][1] == "2"


@pytest.mark.parametrize("before", ['"x"', "[]", "true", "null"])
def test_nothing_is_added_to_what_is_no_number(file: TasksOnFile, before: str) -> None:
    share(file, SharedChange("s", "k", before))
    assert isinstance(file.refusal(ShareValues((SharedChange("s", "k", step=1),), 0)), SharedRefused)


def test_shared_values_have_limits(file: TasksOnFile) -> None:
    share(file, SharedChange("s", "k", '"' + "x" * 65_534 + '"'))
    assert isinstance(file.refusal(ShareValues((SharedChange("s", "k", '"' + "x" * 65_535 + '"'),), 0)), SharedRefused)
    share(file, *(SharedChange("t", str(key), "1") for key in range(10_000)))
    assert isinstance(file.refusal(ShareValues((SharedChange("t", "more", "1"),), 0)), SharedRefused)
    share(file, SharedChange("t", "0", "2"), SharedChange("t", "1"), SharedChange("t", "more", "1"))
    huge = SharedChange("u", "k", step=1.5e308)
    assert isinstance(file.refusal(ShareValues((huge, huge), 0)), SharedRefused)


def test_a_doubtful_claim_looks_only_when_an_end_was_waited_for(file: TasksOnFile) -> None:
    """Law: it leases what the ends of its transaction made ready; without any it is drained, whatever is there."""
    file.submit(NewTask(1, "a", "1"), NewTask(2, "a", "2"))
    operations = Operations(Path("a.db"))
    asked = ClaimTasks(1, (Claim("a", 1, is_doubtful=True),), 5)
    for has_met in (False, True):
        with transaction(file.connection):
            answer = operations.run(file.connection, asked, has_met=has_met)
        assert [task.task_key for task in answer.tasks] == ([1] if has_met else [])
        assert answer.drained == (frozenset() if has_met else {"a"})
    with transaction(file.connection):
        nothing = operations.run(file.connection, ClaimTasks(1, (Claim("a", 0, is_doubtful=True),), 5), has_met=True)
    assert nothing == ClaimAnswer((), frozenset(), {}), "there may be more, for which there was no room"


@pytest.mark.parametrize("is_waited_for", [True, False])
def test_what_an_end_makes_ready_is_leased_in_the_transaction_of_the_end(
    file: TasksOnFile, memory: Path, *, is_waited_for: bool
) -> None:
    """Law: a chain of tasks costs one commit a link; an end that nobody waited for costs no look for tasks."""
    file.submit(NewTask(1, "a", "1"))
    (task,) = file.claim("a")
    file.submit(NewTask(2, "a", "2", depends_on=(1,) if is_waited_for else ()))
    row = (1, 1, task.epoch, "completed", 1, 1, 0, "1", None, None, None, None, 1, 2, 3)
    ends = [Write("tasks.end", (row,), 1), Write("task_dependencies.meet", ((1, 3),), None)]
    ends.append(Write("tasks.unblock", ((1, 3),), None))
    heard: list[object] = []
    asked = [ClaimTasks(1, (Claim("a", 1, is_doubtful=True),), 5)]
    journal = Journal(memory / "a.db", dispatcher=Never(), synchronous="normal")
    journal.submit(Unit(ends, lambda: None, heard.append, asked, answered=heard.extend))
    journal.run_turn()
    journal.close()
    assert [[task.task_key for task in answer.tasks] for answer in heard if isinstance(answer, ClaimAnswer)] == [
        [2] if is_waited_for else []
    ]
