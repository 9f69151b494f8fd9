"""Operations on tasks, on a real file, against a small model in lockstep: whatever happens in whatever order."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dagger_actors.core.task_leases import Claim, Claimed, ClaimTasks, ReleaseTasks, TakeTasks
from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.task_states import TASK_TRANSITIONS
from dagger_actors.core.tasks import (
    AddDependencies,
    CancelJob,
    CancelTasks,
    DecideTask,
    PromoteDue,
    PruneTasks,
    RetryTasks,
    SettleSuspended,
    StopJob,
    SubmitTasks,
)
from dagger_actors.errors import DependencyCycle, UnknownDependency
from tests.conftest import MEMORY
from tests.stateful.tasks_model import BAD, MINUTE_US, OPEN, SUCCESS, Refused, Task, TasksModel
from tests.tasks_on_file import TasksOnFile

AGENTS = {"plain": None, "keyed": 2, "once": 1}
"""Their ``per_key``."""
WORKERS = (1, 2, 3)
JOBS = (1, 2)
CAPACITY = 60
MOST_CRASHES = 2

agents = st.sampled_from(["plain", "plain", "keyed", "keyed", "once"])
picks = st.integers(0, 10_000)


def rarely(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 5).flatmap(lambda chance: values if chance == 5 else st.none())


wishes = st.fixed_dictionaries(
    {
        "agent": agents,
        "priority": st.sampled_from([0, 0, 1, 5]),
        "on": st.lists(picks, max_size=2),
        "due": rarely(st.integers(-1, 30)),
        "expires": rarely(st.integers(1, 60)),
        "name": rarely(st.sampled_from("xyz")),
        "policy": st.sampled_from(["existing", "reject", "replace", "replace"]),
        "limit": st.sampled_from("ssst"),
        "job": rarely(st.sampled_from(JOBS)),
    }
)


class Turn(NamedTuple):
    """What a step needs to choose; each takes what it knows."""

    pick: int
    chosen: list[int]
    others: list[int]
    kind: Literal["success", "end"]
    wait: int
    is_odd: bool


few = st.lists(picks, min_size=1, max_size=3)
turns = st.builds(
    Turn, picks, few, st.lists(picks, max_size=2), st.sampled_from(["success", "end"]), st.integers(0, 9), st.booleans()
)

FATES = [
    "completed", "completed", "completed", "failed", "failed", "cancelled", "paused", "ready", "suspend", "suspend", "suspend", "start", "release",
    "die",
]  # fmt: skip
REQUESTS = [
    "depend", "depend", "depend", "depend on stuck", "depend on stuck", "cancel", "cancel", "cancel stuck", "cancel stuck", "cancel job", "retry", "retry", "retry", "retry",
    "accepted", "rejected", "rejected", "ready", "prune", "prune",
]  # fmt: skip
"""How often each, among others."""


class Work(NamedTuple):
    worker: int
    agent: str
    count: int
    fate: str
    more: Turn


class Ask(NamedTuple):
    wish: str
    more: Turn


class Passing(NamedTuple):
    by: int
    is_looked_at: bool


batches = st.lists(wishes, min_size=1, max_size=4)
works = st.builds(Work, st.sampled_from(WORKERS), agents, st.integers(1, 3), st.sampled_from(FATES), turns)
asks = st.builds(Ask, st.sampled_from(REQUESTS), turns)
passings = st.builds(Passing, st.sampled_from([1, 3, 10, 40, -7, MINUTE_US]), st.booleans())
steps = st.one_of(batches, works, works, works, asks, asks, passings)


class TasksAgainstAModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="dagger-sim-", dir=MEMORY if MEMORY.is_dir() else None))
        self.file = TasksOnFile(self.folder / "a.db")
        self.model = TasksModel()
        self.now = 1_000
        self.next_key = 1
        self.leases: list[tuple[int, Claimed]] = []
        self.finished: dict[int, int] = {}
        self.before: dict[int, str] = {}
        self.versions: dict[int, int] = {}

    def teardown(self) -> None:
        self.file.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @initialize(wanted=batches)
    def begin(self, wanted: list[dict[str, Any]]) -> None:
        for name, per_key in AGENTS.items():
            self.file.agent(name, capacity=CAPACITY, per_key=per_key)
        self.model.stopping_jobs = {2}
        for job in JOBS:
            self.make_job(job)
        self.submit(wanted)

    @rule(step=steps)
    def happens(self, step: list[Any] | Work | Ask | Passing) -> None:
        """One rule for all: Hypothesis would leave out some of several in each run, and there is little to see without tasks."""
        match step:
            case Work():
                self.work(step)
            case Ask():
                self.ask(step)
            case Passing():
                self.now += step.by
                if step.is_looked_at:
                    self.promote()
            case wanted:
                self.submit(wanted)

    def work(self, step: Work) -> None:
        """A worker takes tasks and does something with one that it, or another one, has or had."""
        self.claim(step.worker, step.agent, step.count)
        more = step.more
        match step.fate:
            case "start":
                self.start(more.pick)
            case "suspend":
                self.suspend(more.pick, more.chosen, more.kind)
            case "release":
                self.release(more.chosen)
            case "die":
                taken = {step.agent} if more.is_odd else {*AGENTS}
                self.die(step.worker, taken, more.chosen, more.others)
            case state:
                self.end(more.pick, state, more.wait)

    def ask(self, step: Ask) -> None:
        """Somebody outside asks for something."""
        more = step.more
        match step.wish:
            case "depend":
                self.depend(more.pick, self.some(more.chosen), more.kind)
            case "depend on stuck":
                stuck = sorted(self.model.stuck())[-3:]
                self.depend(more.pick, [*stuck, *self.some(more.others)], more.kind)
            case "cancel":
                self.cancel(more.chosen, more.is_odd)
            case "cancel stuck":
                self.cancel_one_that_is_stuck(more.pick)
            case "cancel job":
                self.cancel_job(more.wait % 2 + 1)
            case "retry":
                self.retry(more.chosen, more.is_odd and more.wait < 3)
            case "accepted" | "rejected" | "ready":
                self.decide(more.pick, step.wish, more.is_odd and more.wait < 3)
            case _:
                self.prune(more.wait)

    # --- choices

    def some(self, chosen: list[int], *states: str) -> list[int]:
        """Of the youngest tasks, so that what happens concerns the same few."""
        keys = sorted(key for key, task in self.model.tasks.items() if not states or task.state in states)[-8:]
        return list(dict.fromkeys(keys[pick % len(keys)] for pick in chosen)) if keys else []

    def held(self) -> set[int]:
        return {key for key, state in self.file.states().items() if state == "held"}

    def expect(self, error: str, *operations: Any) -> None:
        assert type(self.file.refusal(*operations)).__name__ == error

    # --- submission

    def submit(self, wanted: list[dict[str, Any]]) -> None:
        drafts: list[NewTask] = []
        for wish in wanted:
            others = [*sorted(self.model.tasks), *(draft.task_key for draft in drafts)][-8:]
            drafts.append(
                NewTask(
                    self.next_key + len(drafts),
                    wish["agent"],
                    "1",
                    priority=wish["priority"],
                    job_key=wish["job"],
                    limit_key=None if AGENTS[wish["agent"]] is None else wish["limit"],
                    due_at=None if wish["due"] is None else self.now + wish["due"],
                    expires_at=None if wish["expires"] is None else self.now + wish["expires"],
                    depends_on=tuple(dict.fromkeys(others[pick % len(others)] for pick in wish["on"]))
                    if others
                    else (),
                    key=wish["name"],
                    on_conflict=wish["policy"],
                )
            )
        self.next_key += len(drafts)
        operation = SubmitTasks(tuple(drafts), self.now)
        try:
            answers = self._submitted(drafts)
        except Refused as refused:
            self.expect(str(refused), operation)
            return
        assert [answer.task_key for answer in self.file.run(operation)] == answers

    def _submitted(self, drafts: list[NewTask]) -> list[int]:
        """What the model does with them; told by a copy first, as a refusal must change nothing."""
        names = {(task.agent, task.name): task.key for task in self.model.tasks.values() if task.name is not None}
        answers: list[int] = []
        fresh: list[NewTask] = []
        displaced: list[int] = []
        for draft in drafts:
            name = (draft.agent, draft.key)
            earlier = names.get(name) if draft.key is not None else None
            if earlier is not None and draft.on_conflict != "existing":
                is_new = earlier not in self.model.tasks
                if draft.on_conflict == "reject" or is_new or self.model.tasks[earlier].owner is not None:
                    raise Refused("TaskConflict")
                displaced.append(earlier)
                earlier = None
            if earlier is None:
                fresh.append(draft)
                if draft.key is not None:
                    names[name] = draft.task_key
            answers.append(draft.task_key if earlier is None else earlier)
        going = [key for key in displaced if self.model.tasks[key].state in OPEN]
        for agent in AGENTS:
            is_open = [
                task.key
                for task in self.model.tasks.values()
                if task.agent == agent and task.state in OPEN and task.key not in going
            ]
            asked = sum(draft.agent == agent for draft in fresh)
            if asked and len(is_open) + asked > CAPACITY:
                raise Refused("TaskQueueFull")
        if any(draft.job_key in self.model.closed_jobs for draft in fresh):
            raise Refused("JobClosed")
        stands_for = dict(zip((draft.task_key for draft in drafts), answers, strict=True))
        for key in displaced:
            self.model.tasks[key].name = None
            if key in going:
                self._cancelled([key])
        for draft in fresh:
            task = Task(
                draft.task_key, draft.agent, draft.priority, self.now, due=draft.due_at, expires=draft.expires_at, name=draft.key,
                limit=draft.limit_key, job=draft.job_key,
            )  # fmt: skip
            self.model.submit(task, [stands_for.get(on, on) for on in draft.depends_on], self.now)
        return answers

    # --- leases

    def claim(self, worker: int, agent: str, count: int) -> None:
        expected = self.model.claim(agent, count, worker, self.held(), self.now, starts=agent == "once")
        answer = self.file.run(ClaimTasks(worker, (Claim(agent, count, agent == "once"),), self.now))
        assert {task.task_key for task in answer.tasks} == expected
        assert (agent in answer.drained) == (len(expected) < count)
        ranks = [(-task.priority, task.created_at, task.task_key) for task in answer.tasks]
        assert ranks == sorted(ranks)
        self.leases += [(worker, task) for task in answer.tasks]

    def _lease(self, pick: int) -> tuple[int, Claimed, bool] | None:
        """One of those that were ever given, lost ones included, but mostly a late one."""
        if not self.leases:
            return None
        worker, task = self.leases[-1 - pick % min(12, len(self.leases))]
        return worker, task, self.model.holds(task.task_key, worker, task.epoch)

    def start(self, pick: int) -> None:
        if (lease := self._lease(pick)) is None:
            return
        worker, task, is_held = lease
        row = (task.task_key, worker, task.epoch, task.attempt + 1, self.now, self.now)
        assert self.file.put("tasks.run", row) == is_held
        if is_held:
            self.model.tasks[task.task_key].state = "running"
            self.model.tasks[task.task_key].attempt = task.attempt + 1

    def end(self, pick: int, state: str, wait: int) -> None:
        if (lease := self._lease(pick)) is None:
            return
        worker, task, is_held = lease
        due = self.now + wait if state == "ready" and wait else None
        if is_held:
            self.model.end(task.task_key, state, task.attempt + 1, due)
            if state not in OPEN:
                self.finished[task.task_key] = self.now
        assert self.file.end(task, state, owner=worker, now_us=self.now, due_at=due) == is_held
        job = self.model.tasks[task.task_key].job if is_held else None
        if state == "failed" and job is not None:
            self._stop(job)

    def _stop(self, job: int) -> None:
        rest = [task.key for task in self.model.tasks.values() if task.job == job and task.state in OPEN]
        if job not in self.model.stopping_jobs:
            assert self.file.run(StopJob(job, self.now)) == ()
            return
        self.model.closed_jobs.add(job)
        self._cancelled(rest)
        assert set(self.file.run(StopJob(job, self.now))) == set(rest)

    def suspend(self, pick: int, chosen: list[int], kind: str) -> None:
        on = self.some(chosen)
        if (lease := self._lease(pick)) is None or not on:
            return
        worker, task, is_held = lease
        key = task.task_key
        wait = AddDependencies(key, tuple(on), kind, self.now, worker, task.epoch)
        more = (wait, SettleSuspended(key, self.now))
        kept = dataclasses.replace(self.model.tasks[key]) if is_held else None
        if is_held:
            self.model.end(key, "blocked", task.attempt + 1, None)
            try:
                self.model.depend(key, on, kind, is_suspended=True)
            except Refused as refused:
                assert kept is not None
                self.model.tasks[key] = kept
                error = next(found for found in (DependencyCycle, UnknownDependency) if found.__name__ == str(refused))
                with pytest.raises(error):
                    self.file.end(task, "blocked", owner=worker, now_us=self.now, more=more)
                return
        assert self.file.end(task, "blocked", owner=worker, now_us=self.now, more=more) == is_held

    def release(self, chosen: list[int]) -> None:
        leases = [lease for pick in chosen if (lease := self._lease(pick)) is not None]
        if not leases:
            return
        worker = leases[0][0]
        pairs = {(task.task_key, task.epoch) for _worker, task, _is_held in leases}
        for key, epoch in pairs:
            if self.model.holds(key, worker, epoch):
                task = self.model.tasks[key]
                if task.state == "running" and task.agent != "once":
                    return  # it has begun, so nobody gives it back
        for key, epoch in pairs:
            if self.model.holds(key, worker, epoch):
                self.model.release(key)
        self.file.run(ReleaseTasks(worker, tuple(pairs), self.now))

    def die(self, worker: int, agents: set[str], begun: list[int], ended: list[int]) -> None:
        theirs = sorted(task.key for task in self.model.tasks.values() if task.owner == worker and task.agent in agents)
        other = worker % 3 + 1
        if not theirs:
            return
        over = {theirs[pick % len(theirs)] for pick in ended}
        had_begun = {theirs[pick % len(theirs)] for pick in begun} - over
        attempts = {
            key: self.model.tasks[key].attempt + (self.model.tasks[key].state != "running") for key in had_begun
        }
        epochs = {key: self.model.tasks[key].epoch for key in theirs}
        operation = TakeTasks(
            worker, tuple(agents), tuple((key, epochs[key], attempts[key], self.now) for key in had_begun), tuple((key, epochs[key]) for key in over),
            ("once",), MOST_CRASHES, other, self.now,
        )  # fmt: skip
        self.model.take(worker, agents, attempts, over, {"once"}, MOST_CRASHES, other)
        taken = self.file.run(operation)
        assert {task.task_key for task in taken.ended} == over
        assert {*taken.released} == {key for key in theirs if self.model.tasks[key].state == "ready"} - over
        assert {*taken.parked} == {key for key in theirs if self.model.tasks[key].state == "paused"}
        self.leases += [(other, task) for task in taken.ended]

    # --- from outside

    def depend(self, pick: int, on: list[int], kind: str) -> None:
        keys = self.some([pick], "pending", "blocked", "ready")
        if not keys or not on:
            return
        task = self.model.tasks[keys[0]]
        operation = AddDependencies(task.key, tuple(on), kind, self.now)  # type: ignore[arg-type]
        if task.owner is not None or task.state not in {"pending", "blocked", "ready"}:
            self.expect("TaskTransitionRefused", operation)
            return
        try:
            self.model.depend(task.key, on, kind, is_suspended=False)
        except Refused as refused:
            self.expect(str(refused), operation)
        else:
            self.file.run(operation)

    def _cancelled(self, keys: list[int]) -> None:
        for key in keys:
            self.model.cancel(key)
            self.finished[key] = self.now

    def cancel_one_that_is_stuck(self, pick: int) -> None:
        stuck = sorted(self.model.stuck())
        if stuck:
            key = stuck[pick % len(stuck)]
            self._cancelled([key])
            assert self.file.run(CancelTasks((key,), "no", self.now)) == (key,)

    def cancel(self, chosen: list[int], is_strict: bool) -> None:
        keys = self.some(chosen)
        is_open = [key for key in keys if self.model.tasks[key].state in OPEN]
        operation = CancelTasks(tuple(keys), "no", self.now, is_strict=is_strict)
        if is_strict and is_open != keys:
            self.expect("TaskTransitionRefused", operation)
            return
        self._cancelled(is_open)
        assert list(self.file.run(operation)) == is_open

    def cancel_job(self, job: int) -> None:
        rest = [task.key for task in self.model.tasks.values() if task.job == job and task.state in OPEN]
        self.model.closed_jobs.add(job)
        self._cancelled(rest)
        assert set(self.file.run(CancelJob(job, "no", self.now))) == set(rest)

    def retry(self, chosen: list[int], is_any: bool) -> None:
        keys = self.some(chosen) if is_any else self.some(chosen, "failed", "cancelled", "paused")
        operation = RetryTasks(tuple(keys), self.now)
        if any(self.model.tasks[key].state not in {"failed", "cancelled", "paused"} for key in keys):
            self.expect("TaskTransitionRefused", operation)
            return
        self.model.retry(keys, self.now)
        assert list(self.file.run(operation)) == keys

    def decide(self, pick: int, verdict: str, is_stale: bool) -> None:
        keys = self.some([pick], "completed", "rejected") or self.some([pick])
        if not keys:
            return
        task = self.model.tasks[keys[0]]
        operation = DecideTask(task.key, verdict, "", self.now, 0 if is_stale else None)  # type: ignore[arg-type]
        if is_stale:
            self.expect("TaskChanged", operation)
        elif task.state != ("rejected" if verdict == "ready" else "completed"):
            self.expect("TaskTransitionRefused", operation)
        else:
            if verdict == "ready":
                self.model.retry([task.key], self.now)
            elif verdict == "rejected":
                self.model.reject(task.key)
            else:
                task.state = "accepted"
            self.file.run(operation)

    # --- time

    def promote(self) -> None:
        self.model.promote(self.now)
        for key, task in self.model.tasks.items():
            if task.state == "cancelled" and self.before.get(key) != "cancelled":
                self.finished[key] = self.now
        again = self.file.run(PromoteDue(self.now))
        assert again is None or again > self.now

    def prune(self, age: int) -> None:
        old = {
            key
            for key, task in self.model.tasks.items()
            if task.state not in OPEN and self.finished[key] < self.now - age
        }
        gone, jobs = self.model.prune(old, self.now - age)
        assert self.file.run(PruneTasks(self.now - age, 1_000)).count == len(gone)
        assert {key for (key,) in self.file.rows("SELECT job_key FROM jobs")} == self.model.jobs.keys()
        for job in jobs:
            self.make_job(job)

    def make_job(self, job: int) -> None:
        self.model.jobs[job] = self.now
        self.file.job(job, on_failure="stop" if job in self.model.stopping_jobs else "continue", now_us=self.now)

    # --- what must hold after every step

    @invariant()
    def the_file_is_as_the_model_says(self) -> None:
        stuck = self.model.stuck()
        expected = {
            task.key: (
                task.state,
                task.owner,
                task.epoch,
                task.attempt,
                task.crashes,
                task.due,
                task.expires,
                task.name,
                int(task.key in stuck),
            )
            for task in self.model.tasks.values()
        }
        columns = "task_key, state, owner, epoch, attempt, crash_no, due_at, expires_at, key, is_stuck"
        found = {key: tuple(rest) for key, *rest in self.file.rows(f"SELECT {columns} FROM tasks")}
        assert found == expected
        edges = {
            (task.key, on, kind, int(bool(met)))
            for task in self.model.tasks.values()
            for on, (kind, met) in task.on.items()
        }
        assert set(self.file.rows("SELECT task_key, on_key, kind, met FROM task_dependencies")) == edges

    @invariant()
    def counters_are_what_a_recount_gives(self) -> None:
        tasks = self.model.tasks.values()
        stuck = self.model.stuck()
        assert dict(self.file.rows("SELECT name, open FROM task_agents")) == {
            agent: sum(task.agent == agent and task.state in OPEN for task in tasks) for agent in AGENTS
        }
        names = "total, open, paused, stuck, succeeded + failed + cancelled + rejected"
        for job, *counts in self.file.rows(f"SELECT job_key, {names} FROM jobs"):
            mine = [task for task in tasks if task.job == job]
            pruned = self.model.pruned.get(job, 0)
            assert counts == [
                len(mine) + pruned,
                sum(task.state in OPEN for task in mine),
                sum(task.state == "paused" for task in mine),
                sum(task.key in stuck for task in mine),
                sum(task.state not in OPEN for task in mine) + pruned,
            ]
            if not pruned:
                sums = self.file.rows("SELECT succeeded, failed, cancelled, rejected FROM jobs WHERE job_key = ?", job)[
                    0
                ]
                assert sums == tuple(
                    sum(task.state in states for task in mine)
                    for states in (SUCCESS, *({bad} for bad in ("failed", "cancelled", "rejected")))
                )

    @invariant()
    def places_of_a_key_are_all_given_and_not_one_more(self) -> None:
        rows = self.file.rows(
            "SELECT agent, limit_key, held FROM tasks WHERE limit_key IS NOT NULL AND due_at IS NULL AND state IN ('ready', 'running')"
        )
        for agent, per_key in AGENTS.items():
            for limit in "st":
                mine = [held for row_agent, key, held in rows if (row_agent, key) == (agent, limit)]
                assert per_key is None or mine.count(0) == min(per_key, len(mine))
        assert not self.file.rows(
            "SELECT 1 FROM tasks WHERE held AND (limit_key IS NULL OR owner IS NOT NULL OR state = 'running')"
        )

    @invariant()
    def states_fit_together(self) -> None:
        for task in self.model.tasks.values():
            assert (task.state == "blocked") <= task.waits
            assert task.waits <= (task.state in {"blocked", "pending"} | BAD | SUCCESS)
            assert task.owner is None or (task.state in {"ready", "running"} and task.due is None)
            assert (task.state == "pending") <= (task.due is not None)
            assert task.state != "running" or task.owner is not None
            assert not any(self.model.reaches(on, task.key) for on in task.on), "a cycle"

    @invariant()
    def transitions_are_those_of_the_table(self) -> None:
        states = {key: task.state for key, task in self.model.tasks.items()}
        for key, state in states.items():
            old = self.before.get(key, state)
            following = TASK_TRANSITIONS[old]
            assert (
                state == old or state in following or any(state in TASK_TRANSITIONS[between] for between in following)
            )
        versions = dict(self.file.rows("SELECT task_key, version FROM tasks"))
        for key, version in versions.items():
            before = self.versions.get(key, 0)
            assert version > before or (version == before and states[key] == self.before[key])
        self.before, self.versions = states, versions


def machine_settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


def test_the_store_does_with_tasks_what_the_model_does() -> None:
    run_state_machine_as_test(TasksAgainstAModel, settings=machine_settings(40, 40))


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_the_store_does_with_tasks_what_the_model_does_for_long() -> None:
    run_state_machine_as_test(TasksAgainstAModel, settings=machine_settings(300, 80))


@given(edges=st.lists(st.tuples(st.integers(1, 7), st.lists(st.integers(1, 7), min_size=1, max_size=3)), max_size=25))
@settings(max_examples=60, deadline=None)
def test_no_order_of_new_dependencies_closes_a_cycle(edges: list[tuple[int, list[int]]]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="dagger-sim-", dir=MEMORY if MEMORY.is_dir() else None))
    file, model = TasksOnFile(folder / "a.db"), TasksModel()
    try:
        file.agent("a")
        file.submit(*(NewTask(key, "a", "1") for key in range(1, 8)))
        for key in range(1, 8):
            model.submit(Task(key, "a", 0, 0), (), 0)
        for key, on in edges:
            try:
                model.depend(key, on, "success", is_suspended=False)
            except Refused:
                error = file.refusal(AddDependencies(key, tuple(on), "success", 0))
                assert isinstance(error, DependencyCycle)
                around = error.cycle
                assert (around[0], around[1 % len(around)] in on) == (key, True)
                following = itertools.pairwise((*around[1:], around[0]))
                assert all(then in model.tasks[one].on for one, then in following)
            else:
                file.run(AddDependencies(key, tuple(on), "success", 0))
    finally:
        file.close()
        shutil.rmtree(folder)


@given(
    old=st.lists(st.integers(-2, 2), min_size=1, max_size=5),
    sizes=st.lists(st.integers(1, 16), min_size=1, max_size=10),
)
@settings(max_examples=40, deadline=None)
def test_no_task_starves_under_the_documented_load(old: list[int], sizes: list[int]) -> None:
    """However much of higher priority comes before every claim, the oldest is among the next 16 that are taken."""
    folder = Path(tempfile.mkdtemp(prefix="dagger-sim-", dir=MEMORY if MEMORY.is_dir() else None))
    file = TasksOnFile(folder / "a.db")
    try:
        file.agent("a")
        for key, priority in enumerate(old, 1):
            file.submit(NewTask(key, "a", "1", priority=priority), now_us=key)
        now, taken, next_key = MINUTE_US + 100, 0, 100
        while waiting := file.rows("SELECT task_key FROM tasks WHERE task_key < 100 AND owner IS NULL ORDER BY 1"):
            for size in sizes:
                file.submit(*(NewTask(next_key + at, "a", "1", priority=9) for at in range(size)), now_us=now)
                next_key += size
                taken += len(file.claim("a", size, now_us=now))
            turns = len(old) - len(file.rows("SELECT task_key FROM tasks WHERE task_key < 100 AND owner IS NULL"))
            assert turns == min(len(old), taken // 16), waiting
    finally:
        file.close()
        shutil.rmtree(folder)
