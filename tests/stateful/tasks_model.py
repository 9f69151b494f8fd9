"""A small model of tasks: what operations do, told plainly, one task after the other, with nothing kept that can be recounted.

Which task of a ``limit_key`` is held it does not tell: that there is never one too many, nor one that waits while there is room,
is for the test to see.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

OPEN = {"pending", "blocked", "ready", "running", "paused"}
SUCCESS = {"completed", "accepted"}
BAD = {"failed", "cancelled", "rejected"}
MINUTE_US = 60_000_000


@dataclasses.dataclass
class Task:
    key: int
    agent: str
    priority: int
    created: int
    state: str = "ready"
    owner: int | None = None
    epoch: int = 0
    attempt: int = 0
    crashes: int = 0
    due: int | None = None
    expires: int | None = None
    name: str | None = None
    limit: str | None = None
    job: int | None = None
    on: dict[int, list[object]] = dataclasses.field(default_factory=dict)
    """Whom it waits for: the kind, and whether it is met."""

    @property
    def waits(self) -> bool:
        return any(not met for _kind, met in self.on.values())


class Refused(Exception):
    """What the store must refuse, with an error of that name."""


class TasksModel:
    def __init__(self) -> None:
        self.tasks: dict[int, Task] = {}
        self.jobs: dict[int, int] = {}
        """When each was made."""
        self.closed_jobs: set[int] = set()
        self.stopping_jobs: set[int] = set()
        self.pruned: dict[int, int] = {}
        self.taken: dict[str, int] = {}

    # --- what follows from the rest

    def stuck(self) -> set[int]:
        """The least set: whoever waits for the success of one that ended without, or for one of the set."""
        found: set[int] = set()
        while True:
            more = {
                task.key
                for task in self.tasks.values()
                if task.state == "blocked"
                and task.key not in found
                and any(self._is_vain(on, kind, found) for on, (kind, met) in task.on.items() if not met)
            }
            if not more:
                return found
            found |= more

    def _is_vain(self, on: int, kind: object, stuck: set[int]) -> bool:
        return on in stuck or (kind == "success" and on in self.tasks and self.tasks[on].state in BAD)

    def reaches(self, start: int, goal: int) -> bool:
        """Whether ``start`` depends on ``goal``, in any number of steps."""
        seen, rest = set(), [start]
        while rest:
            key = rest.pop()
            if key == goal:
                return True
            if key not in seen and key in self.tasks:
                seen.add(key)
                rest += self.tasks[key].on
        return False

    def _is_met(self, on: int, kind: object) -> bool:
        state = self.tasks[on].state
        return state in SUCCESS or (kind == "end" and state in BAD)

    def _has_ended(self, key: int) -> None:
        for task in self.tasks.values():
            if key in task.on and self._is_met(key, task.on[key][0]):
                task.on[key][1] = True
        self._unblock()

    def _unblock(self) -> None:
        for task in self.tasks.values():
            if task.state == "blocked" and not task.waits:
                task.state = "ready"

    # --- operations

    def submit(self, task: Task, depends_on: Iterable[int], now: int) -> None:
        task.on = {on: ["success", self._is_met(on, "success")] for on in depends_on}
        if task.due is not None and task.due <= now:
            task.due = None
        task.state = "pending" if task.due is not None else "blocked" if task.waits else "ready"
        self.tasks[task.key] = task

    def claimable(self, agent: str, held: set[int], now: int) -> list[Task]:
        found = [
            task
            for task in self.tasks.values()
            if task.agent == agent
            and task.state == "ready"
            and task.owner is None
            and task.due is None
            and task.key not in held
            and (task.expires is None or task.expires > now or task.attempt > 0)  # what has begun goes on
        ]
        return sorted(found, key=lambda task: (-task.priority, task.created, task.key))

    def claim(self, agent: str, count: int, owner: int, held: set[int], now: int, *, starts: bool) -> set[int]:
        ranked = self.claimable(agent, held, now)
        chosen = ranked[:count]
        taken = self.taken.get(agent, 0)
        turns = (taken + count) // 16 - taken // 16
        if turns and len(chosen) == count:
            oldest = min(ranked, key=lambda task: (task.created, task.priority))
            level = [task for task in ranked if task.priority == oldest.priority and task.created <= now - MINUTE_US]
            late = [task for task in level[:turns] if task not in chosen]
            chosen = late + chosen[: count - len(late)]
        for task in chosen:
            task.owner = owner
            task.epoch += 1
            if starts:
                task.state = "running"
                task.attempt += 1
        self.taken[agent] = taken + len(chosen)
        return {task.key for task in chosen}

    def holds(self, key: int, owner: int, epoch: int) -> bool:
        task = self.tasks.get(key)
        return task is not None and (task.owner, task.epoch) == (owner, epoch)

    def release(self, key: int) -> None:
        task = self.tasks[key]
        task.attempt -= task.state == "running"
        task.state, task.owner = "ready", None

    def end(self, key: int, state: str, attempt: int, due: int | None) -> None:
        task = self.tasks[key]
        task.state, task.owner, task.attempt, task.due = state, None, attempt, due
        if state not in OPEN:
            self._has_ended(key)

    def depend(self, key: int, on: Iterable[int], kind: str, *, is_suspended: bool) -> None:
        task = self.tasks[key]
        for other in on:
            if other not in self.tasks:
                raise Refused("UnknownDependency")
        if any(self.reaches(other, key) for other in on):
            raise Refused("DependencyCycle")
        for other in on:
            is_met = self._is_met(other, kind)
            before = task.on.get(other)
            if before is None or before[0] == kind or kind == "success":
                task.on[other] = [kind, is_met]
            else:
                before[1] = before[1] and is_met
        if not is_suspended and task.state == "ready" and task.waits:
            task.state = "blocked"
        self._unblock()

    def cancel(self, key: int) -> None:
        task = self.tasks[key]
        if task.owner is not None:
            task.epoch += 1
        task.state, task.owner, task.due = "cancelled", None, None
        self._has_ended(key)

    def promote(self, now: int) -> None:
        for task in list(self.tasks.values()):
            if (
                task.expires is not None
                and task.expires <= now
                and task.state in {"pending", "blocked", "ready"}
                and task.owner is None
                and task.attempt == 0
            ):
                self.cancel(task.key)
        for task in self.tasks.values():
            if task.due is not None and task.due <= now:
                task.due = None
                if task.state == "pending":
                    task.state = "blocked" if task.waits else "ready"

    def retry(self, keys: list[int], now: int) -> None:
        for key in keys:
            task = self.tasks[key]
            task.state, task.crashes, task.due = "ready", 0, None
            if task.expires is not None and task.expires <= now:
                task.expires = None
            self.closed_jobs.discard(task.job or 0)
        for key in keys:
            for on, edge in self.tasks[key].on.items():
                if on in self.tasks:
                    edge[1] = self._is_met(on, edge[0])
            for other in self.tasks.values():
                if key in other.on and other.state in {"pending", "blocked"}:
                    other.on[key][1] = False
        for key in keys:
            if self.tasks[key].waits:
                self.tasks[key].state = "blocked"

    def reject(self, key: int) -> None:
        self.tasks[key].state = "rejected"
        for task in self.tasks.values():
            has_not_begun = task.state in {"pending", "blocked"} or (
                task.state == "ready" and task.owner is None and task.attempt == 0
            )
            if task.on.get(key, [None])[0] == "success" and has_not_begun:
                task.on[key][1] = False
                if task.state == "ready":
                    task.state = "blocked"

    def take(  # noqa: PLR0917 - what the operation says
        self,
        worker: int,
        agents: set[str],
        begun: dict[int, int],
        ended: set[int],
        once: set[str],
        most: int,
        owner: int,
    ) -> None:
        for task in self.tasks.values():
            if task.owner != worker or task.agent not in agents:
                continue
            if task.key in ended:
                task.owner, task.epoch = owner, task.epoch + 1
                continue
            is_once = task.agent in once
            has_begun = task.key in begun or task.state == "running"
            if has_begun:
                task.attempt = begun.get(task.key, task.attempt)
                task.crashes += 1
            is_parked = has_begun and (is_once or task.crashes >= most)
            task.state, task.owner = "paused" if is_parked else "ready", None

    def prune(self, finished: set[int], before: int) -> tuple[set[int], set[int]]:
        """Those that may go, of those that ended long ago; a child of an open parent and what is waited for stay.

        And the jobs that go: with their last tasks, or because they were made before and have none.
        """
        had = {task.job for task in self.tasks.values()}
        gone = set()
        for key in finished:
            needs = [task for task in self.tasks.values() if key in task.on]
            if all(task.on[key][1] and task.state not in OPEN for task in needs):
                gone.add(key)
        for key in gone:
            job = self.tasks.pop(key).job
            if job is not None:
                self.pruned[job] = self.pruned.get(job, 0) + 1
        have = {task.job for task in self.tasks.values()}
        jobs = {job for job, made in self.jobs.items() if job not in have and (job in had or made < before)}
        for job in jobs:
            del self.jobs[job]
            self.closed_jobs.discard(job)
            self.pruned.pop(job, None)
        return gone, jobs
