"""Random tasks whose bodies follow a script, a record of all that began, and the laws that hold at each commit and at rest."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import apsw
import msgspec

from dagger_actors import ActorSystem, RetryPolicy
from dagger_actors.bodies.snooze import Snooze
from dagger_actors.core.protocols import Write
from dagger_actors.core.retry import Linear
from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.tasks import SubmitTasks
from dagger_actors.tasks.agents.agent import task_agent
from dagger_actors.tasks.agents.context import TaskContext
from dagger_actors.tasks.agents.results import Cancel
from dagger_actors.tasks.machine.events import Woken
from dagger_actors.testing.simulation import Simulation

CONCURRENCY = 3
TRIES = 2
DELAY_S = 2.0
TIMEOUT_S = 1.5
AGED_US = 60_000_000
KINDS = ("plain", "slow", "late", "careful", "keyed", "rated", "tree")
CHILDREN = 2
FIRST = 1_000_000
"""The first id; workers reserve theirs from 1."""

SCHEMA = "CREATE TABLE IF NOT EXISTS effects (task INTEGER NOT NULL) STRICT;"


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What the body of one task does, and how it is submitted."""

    agent: str
    failures: int = 0
    duration_s: float = 0.0
    is_deaf: bool = False
    snoozes: bool = False
    cancels: bool = False
    priority: int = 0
    depends_on: tuple[int, ...] = ()
    in_job: bool = False
    delay_s: float = 0.0
    customer: str = "a"
    key: str | None = None


class Work(msgspec.Struct, frozen=True):
    """The payload: which script."""

    number: int
    customer: str


class Row(NamedTuple):
    """What a commit may change of a task."""

    task_key: int
    agent: str
    state: str
    owner: int | None
    epoch: int
    priority: int
    created_at: int
    is_claimable: bool


class Start(NamedTuple):
    """A body that began."""

    task: int
    epoch: int
    attempt: int
    worker: int


def random_scripts(chance: random.Random) -> tuple[Script, ...]:
    """Make 3 to 14 tasks."""
    scripts: list[Script] = []
    for at in range(chance.randint(3, 14)):
        agent = chance.choice(KINDS)
        wanted = chance.sample(range(at), min(at, chance.choice((0, 0, 0, 1, 2))))
        scripts.append(
            Script(
                agent=agent,
                failures=chance.choice((0, 0, 0, 1, 9)),
                duration_s=chance.choice((0.2, 1.0, 5.0)) if agent in ("slow", "late") else 0.0,
                is_deaf=agent == "late" and chance.random() < 0.3,
                snoozes=agent != "careful" and chance.random() < 0.15,
                cancels=chance.random() < 0.05,
                priority=chance.choice((0, 0, 5, -5)),
                depends_on=tuple(sorted(wanted)),
                in_job=chance.random() < 0.4,
                delay_s=chance.choice((0.0, 0.0, 0.0, 3.0)),
                customer=chance.choice("ab"),
                key=f"key{at}" if chance.random() < 0.3 else None,
            )
        )
    return tuple(scripts)


@task_agent(concurrency=1, name="leaf")
async def leaf(task: int, ctx: TaskContext) -> int:
    """What trees spawn."""
    await asyncio.sleep(0.3)
    ctx.execute("INSERT INTO effects VALUES (?)", (ctx.task_id,))
    return task


class Stage:
    """Plays tasks in one simulation, and remembers every body and every commit, across the deaths of workers.

    Attributes:
        complaints: Laws that were broken.
        starts: Bodies that began.
        kills: Workers that died or stood still for longer than their lease.
        is_timely: Whether the wall clock has gone as it should.
        asked_about: Numbers of tasks that somebody has cancelled or tried again.
    """

    def __init__(self, sim: Simulation, scripts: tuple[Script, ...]) -> None:
        self.sim = sim
        self.scripts = scripts
        self.complaints: list[str] = []
        self.starts: list[Start] = []
        self.kills = 0
        self.has_frozen = False
        self.is_timely = True
        self.asked_about: set[int] = set()
        self.ids: dict[int, int] = {}
        self.gone: set[int] = set()
        self._inside: Counter[tuple[int, str]] = Counter()
        self._rows: dict[int, Row] = {}
        self._connection: apsw.Connection | None = None
        self._agents = {kind: self._agent(kind) for kind in KINDS}
        self.schema = sim.path.with_name("schema.sql")
        self.schema.write_text(SCHEMA)

    # --- workers

    def system(self, kinds: Sequence[str] = KINDS, **options: Any) -> ActorSystem:
        """Start a worker that has these agents, and whose commits are looked at."""
        agents = [self._agents[kind] for kind in kinds]
        system = self.sim.system(agents=[*agents, leaf], schema=self.schema, recover=True, **options)
        passing = system.journal.writer.on_commit
        assert passing is not None
        worker = system._store.worker_id

        def on_commit(moment: str) -> None:
            if moment == "after":
                self._look(worker)
            passing(moment)

        system.journal.writer.on_commit = on_commit
        return system

    def _agent(self, kind: str) -> Callable[..., Any]:
        retry = RetryPolicy(tries=TRIES, wait=Linear(delay_secs=DELAY_S))
        options: dict[str, Any] = {"name": kind, "concurrency": CONCURRENCY, "retry": retry}
        match kind:
            case "late":
                options["timeout_s"] = TIMEOUT_S
            case "careful":
                del options["retry"]
                options["durability"] = "at_most_once"
            case "keyed":
                options["per_key"] = ("customer", 1)
            case "rated":
                options["rate"] = "2/s"
        if kind in ("slow", "late", "keyed"):

            @task_agent(**options)
            async def body(task: Work, ctx: TaskContext) -> Any:
                place = self._begin(task, ctx)
                try:
                    await self._last(self.scripts[task.number])
                finally:
                    self._inside[place] -= 1
                return self._end(task, ctx)

            return body

        if kind == "tree":

            @task_agent(**options)
            def tree(task: Work, ctx: TaskContext) -> Any:
                self._inside[self._begin(task, ctx)] -= 1
                ctx.gather([ctx.spawn(leaf, number) for number in range(CHILDREN)])
                return self._end(task, ctx)

            return tree

        @task_agent(**options)
        def plain(task: Work, ctx: TaskContext) -> Any:
            self._inside[self._begin(task, ctx)] -= 1
            return self._end(task, ctx)

        return plain

    async def _last(self, script: Script) -> None:
        until = self.sim.world.mono_us + round(script.duration_s * 1e6)
        while (remaining := until - self.sim.world.mono_us) > 0:
            try:
                await asyncio.sleep(remaining / 1e6)
            except asyncio.CancelledError:
                if not script.is_deaf:
                    raise

    # --- bodies

    def _begin(self, task: Work, ctx: TaskContext) -> tuple[int, str]:
        start = ctx._start
        worker = start.owner
        begun = Start(ctx.task_id, start.epoch, ctx.attempt, worker)
        self._check_start(task, begun)
        self.starts.append(begun)
        place = (worker, ctx.agent)
        self._inside[place] += 1
        if self._inside[place] > CONCURRENCY + self._late_bodies(worker, ctx.agent):
            self.complaints.append(f"{self._inside[place]} bodies of {place} at once")
        return place

    def _late_bodies(self, worker: int, agent: str) -> int:
        """Bodies whose attempt was ended for them may still be there."""
        return 100 if agent == "late" or worker in self.gone else 0

    def _check_start(self, task: Work, begun: Start) -> None:
        """What is durable at that moment must let it begin."""
        if begun.worker in self.gone:
            return  # it was stopped, and does not know yet
        where = f"task {task.number}: {begun}"
        script = self.scripts[task.number]
        found = self.query("SELECT state, owner, epoch, attempt FROM tasks WHERE task_key = ?", begun.task)
        state, owner, epoch, _ = found[0]
        if (owner, epoch) != (begun.worker, begun.epoch) or state not in ("ready", "running"):
            self.complaints.append(f"{where} began while its row was {found}")
        if any(other[:2] == begun[:2] for other in self.starts):
            self.complaints.append(f"{where} began twice under one lease")
        is_asked = task.number in self.asked_about
        if script.agent == "careful" and not is_asked and any(other.task == begun.task for other in self.starts):
            self.complaints.append(f"{where} began again, though at most once was asked")
        for on in script.depends_on:
            if self.query("SELECT state FROM tasks WHERE task_key = ?", self.ids[on]) != [("completed",)]:
                self.complaints.append(f"{where} began before what it depends on")
        if script.agent == "keyed":
            rows = self.query(
                "SELECT count(*) FROM tasks WHERE agent='keyed' AND owner IS NOT NULL AND limit_key = "
                "(SELECT limit_key FROM tasks WHERE task_key = ?)",
                begun.task,
            )
            if rows != [(1,)]:
                self.complaints.append(f"{where}: {rows} leases of its key")
        if self.is_timely and not is_asked:
            self._check_wait(where, begun)

    def _check_wait(self, where: str, begun: Start) -> None:
        last = self.query(
            "SELECT outcome, finished_at FROM task_attempts WHERE task_key = ? ORDER BY attempt DESC LIMIT 1",
            begun.task,
        )
        if last and last[0][0] in ("failed", "timed_out", "snoozed"):
            waited = self.sim.world.now().wall_us - last[0][1]
            if waited < DELAY_S * 1e6:
                self.complaints.append(f"{where} began {waited} us after {last}")

    def _end(self, task: Work, ctx: TaskContext) -> Any:
        script = self.scripts[task.number]
        if script.cancels:
            return Cancel("not wanted")
        if script.snoozes and not self.query(
            "SELECT 1 FROM task_attempts WHERE task_key = ? AND outcome = 'snoozed'", ctx.task_id
        ):
            return Snooze(DELAY_S)
        ctx.execute("INSERT INTO effects VALUES (?)", (ctx.task_id,))
        ((try_no,),) = self.query("SELECT try_no FROM tasks WHERE task_key = ?", ctx.task_id)
        if try_no <= script.failures:
            raise ValueError(f"try {try_no}")
        return {"number": task.number}

    # --- submitting

    def submit(self, system: ActorSystem, number: int) -> None:
        """Submit a task; what it depends on must have been."""
        script = self.scripts[number]
        hub = system._paradigms.task_hub
        entry = hub.agents.find(script.agent)
        text, limit_key = entry.encode(Work(number, script.customer))
        now_us = self.sim.world.now().wall_us
        if script.in_job and not self.query("SELECT 1 FROM jobs"):
            hub.commit([Write("jobs.insert", [(1, "job", "continue", None, None, now_us)], 1)])
        self.ids[number] = key = number + FIRST  # a repetition is the same task
        new = NewTask(
            key,
            script.agent,
            text.decode(),
            priority=script.priority,
            job_key=1 if script.in_job else None,
            limit_key=limit_key,
            due_at=now_us + round(script.delay_s * 1e6) if script.delay_s else None,
            depends_on=tuple(self.ids[on] for on in script.depends_on),
            key=script.key,
        )
        if not self.query("SELECT 1 FROM tasks WHERE task_key = ?", key):
            hub.commit((), [SubmitTasks((new,), now_us)])
        hub.supervisor.tell(Woken())

    # --- looking

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = apsw.Connection(str(self.sim.path), flags=apsw.SQLITE_OPEN_READONLY)
        return list(self._connection.execute(sql, parameters))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _look(self, worker: int) -> None:
        """The laws of a commit: who may change what, and in which order leases are taken."""
        rows = {
            row[0]: Row(*row)
            for row in self.query(
                "SELECT task_key, agent, state, owner, epoch, priority, created_at, "
                "state = 'ready' AND owner IS NULL AND due_at IS NULL AND held = 0 FROM tasks"
            )
        }
        before, self._rows = self._rows, rows
        for key, row in rows.items():
            was = before.get(key)
            if was is None or was[:6] == row[:6]:
                continue
            if was.state in ("completed", "failed", "cancelled") and key - FIRST not in self.asked_about:
                self.complaints.append(f"worker {worker} wrote what was over: {was} -> {row}")
            is_cancelled = row.state == "cancelled" and key - FIRST in self.asked_about
            if was.owner is not None and was.owner != worker and not is_cancelled:
                if was.owner not in self.gone:
                    self.complaints.append(f"worker {worker} wrote what a living one has leased: {was} -> {row}")
                if row.state not in ("ready", "paused", "running"):
                    self.complaints.append(f"worker {worker} ended what it had not leased: {was} -> {row}")
        self._check_order(worker, before, rows)

    def _check_order(self, worker: int, before: dict[int, Row], rows: dict[int, Row]) -> None:
        taken = [row for key, row in rows.items() if row.owner == worker and key in before and before[key].is_claimable]
        left = [row for key, row in rows.items() if row.is_claimable and key in before and before[key].is_claimable]
        now_us = self.sim.world.now().wall_us
        for one in taken:
            for other in left:
                if one.agent == other.agent and _rank(other) < _rank(one) and now_us - one.created_at < AGED_US:
                    self.complaints.append(f"worker {worker} took {one} before {other}")

    # --- at rest

    def is_at_rest(self) -> bool:
        rows = self.query(
            "SELECT count(*) FROM tasks WHERE owner IS NOT NULL OR state IN ('ready', 'running', 'pending')"
        )
        return rows == [(0,)]

    def expected(self) -> dict[int, set[str]]:
        """How each task may end, by its number."""
        states: dict[int, set[str]] = {}
        for number, script in enumerate(self.scripts):
            if script.cancels:
                own = {"cancelled"}
            else:
                tries = 1 if script.agent == "careful" else TRIES
                late = script.agent == "late" and script.duration_s > TIMEOUT_S
                own = {"failed"} if script.failures >= tries or late else {"completed"}
            if script.cancels and script.agent == "late" and script.duration_s > TIMEOUT_S:
                own = {"failed"}
            if "failed" in own and script.failures < TRIES and self.has_frozen:
                # What stood still past a time-out finds it due together with the end of its body: either may come first.
                own |= {"cancelled"} if script.cancels else {"completed"}
            if script.agent == "careful" and self.kills:
                own |= {"paused"}
            if number in self.asked_about:
                own |= {"completed", "failed", "cancelled"}
                own |= {"paused"} if script.agent == "careful" else set()
            wanted = [states[on] for on in script.depends_on]
            if any("completed" not in one for one in wanted):
                own = {"blocked"} | (own & {"cancelled"} if number in self.asked_about else set())
            elif any(one != {"completed"} for one in wanted):
                own |= {"blocked"}
            states[number] = own
        return states

    def check(self) -> None:
        """Hold the file against all that was seen, once nothing goes on any more."""
        assert not self.complaints, self.complaints
        rows = {
            key: rest
            for key, *rest in self.query("SELECT task_key, state, owner, reason, crash_no, is_stuck FROM tasks")
        }
        expected = self.expected()
        children = self.query("SELECT task_key, parent_key, state, owner FROM tasks WHERE parent_key IS NOT NULL")
        assert all(child[2:] == ("completed", None) for child in children), children
        assert all(count <= CHILDREN for count in Counter(child[1] for child in children).values())
        roots = {*rows} - {child[0] for child in children}
        assert sorted(roots) == sorted(self.ids.values()), "what was accepted is there, once"
        for number, key in self.ids.items():
            state, owner, reason, crashes, is_stuck = rows[key]
            assert state in expected[number], (number, rows[key], expected[number])
            assert owner is None, (number, rows[key])
            if state == "paused":
                assert reason == "interrupted", (number, rows[key])
            if state == "blocked":
                ons = [rows[self.ids[on]] for on in self.scripts[number].depends_on]
                bad = any(one[0] in ("failed", "cancelled") or one[4] for one in ons)
                assert bool(is_stuck) == bad, (number, rows[key], ons)
            assert crashes <= self.kills
        self._check_effects(rows)
        self._check_repeats(rows)
        self._check_counters()
        assert self.query("SELECT * FROM task_stops") == [], "nobody reads these"
        assert self.query("PRAGMA integrity_check") == [("ok",)]
        assert self.query("PRAGMA foreign_key_check") == []

    def _check_effects(self, rows: dict[int, Any]) -> None:
        effects = Counter(task for (task,) in self.query("SELECT task FROM effects"))
        completed = {key for key, row in rows.items() if row[0] == "completed"}
        assert effects == Counter(completed), "each completed task has exactly one effect"

    def _check_repeats(self, rows: dict[int, Any]) -> None:
        attempts = self.query("SELECT task_key, attempt, outcome, started_at FROM task_attempts")
        # A tree's suspended turns leave no row; its children are not written down.
        known = {self.ids[at] for at, script in enumerate(self.scripts) if script.agent != "tree"} - {
            self.ids[at] for at in self.asked_about
        }
        ended = sum(1 for one in attempts if one[0] in known and one[2] != "interrupted" and one[3] is not None)
        ended += sum(1 for key in known if rows[key][0] == "completed")
        repeats = sum(start.task in known for start in self.starts) - ended
        assert repeats <= self.kills * CONCURRENCY * len(KINDS), (repeats, self.kills)
        if not self.kills:
            assert repeats == 0, repeats
            begun = Counter(start.task for start in self.starts)
            trees = [self.ids[at] for at, script in enumerate(self.scripts) if script.agent == "tree"]
            assert all(begun[key] <= 2 * (TRIES + 1) for key in trees)

    def _check_counters(self) -> None:
        is_open = "state IN ('pending', 'blocked', 'ready', 'running', 'paused')"
        assert (
            self.query(
                f"SELECT name FROM task_agents WHERE open <> (SELECT count(*) FROM tasks WHERE agent = name AND {is_open})"
            )
            == []
        )
        counts = ", ".join(
            f"(SELECT count(*) FROM tasks WHERE tasks.job_key = jobs.job_key AND {condition})"
            for condition in (
                "true",
                is_open,
                "state = 'paused'",
                "is_stuck",
                "state IN ('completed', 'accepted')",
                "state = 'failed'",
                "state = 'cancelled'",
                "state = 'rejected'",
            )
        )
        columns = "total, open, paused, stuck, succeeded, failed, cancelled, rejected"
        for row in self.query(f"SELECT {columns}, {counts} FROM jobs"):
            assert row[:8] == row[8:], (columns, row)


def _rank(row: Row) -> tuple[int, int, int]:
    return -row.priority, row.created_at, row.task_key
