"""The power goes at every sync of a session of tasks, and between: what was accepted is there, and each is done as promised.

CI plays one schedule; more are behind the marker: ``pytest -m full tests/simulation/test_task_power_cuts.py``.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import apsw
import pytest

from dagger_actors import ActorSystem, RetryPolicy
from dagger_actors.core.retry import Linear
from dagger_actors.tasks.agents.agent import task_agent
from dagger_actors.tasks.agents.context import TaskContext
from dagger_actors.testing.power import PowerVFS
from dagger_actors.testing.power_states import CrashState
from dagger_actors.testing.simulation import Simulation, simulate
from tests.simulation.power_cuts import SlotFiles, Slots, cut_everywhere

SCHEMA = "CREATE TABLE IF NOT EXISTS effects (task INTEGER NOT NULL) STRICT;"


class Mark(NamedTuple):
    """Something the outside could see: of which task, and what."""

    task: int
    seen: Literal["accepted", "begun", "begun once", "completed"]
    result: Any = None


class Bodies:
    """The agents of the session.

    Args:
        told: Told each body that begins.
    """

    def __init__(self, told: Callable[[Mark], None]) -> None:
        def begin(ctx: TaskContext, seen: Any = "begun") -> None:
            told(Mark(ctx.task_id, seen))
            ctx.execute("INSERT INTO effects VALUES (?)", (ctx.task_id,))

        @task_agent(retry=RetryPolicy(tries=3, wait=Linear(delay_secs=1)))
        def flaky(task: int, ctx: TaskContext) -> int:
            begin(ctx)
            if ctx.try_no == 1:
                raise ConnectionError("once")
            return task

        @task_agent(concurrency=2)
        async def slow(task: int, ctx: TaskContext) -> int:
            begin(ctx)
            await asyncio.sleep(0.3)
            return task * 10

        @task_agent(durability="at_most_once", concurrency=2)
        async def careful(task: int, ctx: TaskContext) -> int:
            begin(ctx, "begun once")
            await asyncio.sleep(0.2)
            return -task

        @task_agent
        def parent(task: int, ctx: TaskContext) -> int:
            begin(ctx)
            return sum(ctx.gather([ctx.spawn(slow, number) for number in range(task)]))

        self.agents = [flaky, slow, careful, parent]


class Story:
    """The session as it was played.

    Attributes:
        vfs: The log of the disk, with every promise in it.
        slots: The slot files as they were.
    """

    def __init__(self, seed: int, folder: Path, synchronous: Literal["full", "normal"]) -> None:
        self.vfs = PowerVFS(f"tasks-{synchronous}-{seed}-{folder.name}")
        self._path = folder / "sim.db"
        self.slots = SlotFiles(self._path)
        bodies = Bodies(self._promise)
        with self.vfs, simulate(seed, folder) as sim:
            options = {"vfs": self.vfs.name, "synchronous": synchronous, "recover": True}
            self._play(sim, [open_system(sim, bodies, folder, **options) for _ in range(2)])
            self.ended_s = sim.now_s

    def _play(self, sim: Simulation, systems: list[ActorSystem]) -> None:
        first, second = systems
        tasks = [
            self._accepted(first.tasks.submit("parent", 2)),
            self._accepted(first.tasks.submit("careful", 1)),
            self._accepted(second.tasks.submit("careful", 2, key="second")),
        ]
        sim.advance(0.1)
        tasks.append(self._accepted(second.tasks.submit("flaky", 5, depends_on=[tasks[0]], job="j")))
        tasks += [self._accepted(task) for task in first.tasks.submit_many("slow", [7, 8, 9])]
        for task in tasks:
            self._promise(Mark(task.id, "completed", task.result()))
        second.stop()
        first.stop()

    def _accepted(self, task: Any) -> Any:
        self._promise(Mark(task.id, "accepted"))
        return task

    def _promise(self, mark: Mark) -> None:
        self.vfs.acknowledged(mark)
        self.slots.note(len(self.vfs.log))


def open_system(sim: Simulation, bodies: Bodies, folder: Path, **options: Any) -> ActorSystem:
    schema = folder / "schema.sql"
    schema.write_text(SCHEMA)
    return sim.system(agents=bodies.agents, schema=schema, **options)


def complaints_of(state: CrashState) -> Iterator[str]:
    """What the cut left, against what had been promised by then."""
    path = state.folder / "sim.db"
    marks = [mark for mark in state.acknowledged if isinstance(mark, Mark)]
    if not path.exists():
        yield from (["lost: the file"] if marks else [])
        return
    connection = apsw.Connection(str(path))
    try:
        if (verdict := connection.pragma("integrity_check")) != "ok":
            yield f"damaged: {verdict}"
        if not connection.table_exists("main", "tasks"):
            yield from (["lost: the tables"] if marks else [])
            return
        found = {
            key: rest for key, *rest in connection.execute("SELECT task_key, state, json(result), attempt FROM tasks")
        }
        for mark in marks:
            task = found.get(mark.task)
            if task is None:
                yield f"lost: {mark}"
            elif (mark.seen == "completed" and (task[0] != "completed" or task[1] != str(mark.result))) or (
                mark.seen == "begun once" and (task[0] not in ("running", "completed") or task[2] != 1)
            ):
                yield f"lost: {mark} is {task}"
    finally:
        connection.close()


def go_on(story: Story, state: CrashState, folder: Path, slots: Slots) -> Iterator[str]:
    """Open what a cut left, let it come to rest, and tell what is wrong with that."""
    folder.mkdir()
    for file in state.folder.iterdir():
        shutil.copyfile(file, folder / file.name)
    path = folder / "sim.db"
    story.slots.put(state.position, path, slots)
    marks = [mark for mark in state.acknowledged if isinstance(mark, Mark)]
    begun: list[Mark] = []
    with simulate(state.position, folder) as sim:
        sim.world.wall_offset_us += round(story.ended_s * 1e6)
        system = open_system(sim, Bodies(begun.append), folder, recover=True)
        sim.advance(20)
        system.stop()
    connection = apsw.Connection(str(path))
    try:
        states = dict(connection.execute("SELECT task_key, state FROM tasks"))
        effects = Counter(key for (key,) in connection.execute("SELECT task FROM effects"))
        careful = {key for (key,) in connection.execute("SELECT task_key FROM tasks WHERE agent = 'careful'")}
    finally:
        connection.close()
        shutil.rmtree(folder)
    stranded = {
        key: one for key, one in states.items() if one != "completed" and not (one == "paused" and key in careful)
    }
    if stranded:
        yield f"stranded: {stranded}"
    if effects != Counter(key for key, one in states.items() if one == "completed"):
        yield f"effects: {effects}"
    done = {mark.task for mark in marks if mark.seen == "completed"}
    yield from (f"done again: {mark}" for mark in begun if mark.task in done)
    once = Counter(mark.task for mark in [*marks, *begun] if mark.seen == "begun once")
    yield from (f"twice: {key}" for key, count in once.items() if count > 1)


def cut_sessions(
    root: Path, synchronous: Literal["full", "normal"], seeds: range, *, per_cut: int, continued: int
) -> tuple[int, int, Counter[str]]:
    return cut_everywhere(
        root,
        seeds,
        play=lambda seed, folder: Story(seed, folder, synchronous),
        complaints_of=complaints_of,
        go_on=go_on,
        per_cut=per_cut,
        continued=continued,
    )


def test_at_full_all_that_was_accepted_is_there_after_a_power_cut_and_goes_on(memory: Path) -> None:
    """Law: promise a for tasks: submitted, spawned, claimed at most once, ended; whatever is left of the slot files."""
    looked_at, gone_on, complaints = cut_sessions(memory, "full", range(1), per_cut=4, continued=5)
    assert complaints == {}
    assert looked_at > 200
    assert gone_on > 20


def test_at_normal_the_same_check_goes_red(memory: Path) -> None:
    """The oracle can fail: NORMAL tells before the disk has it."""
    _, _, complaints = cut_sessions(memory, "normal", range(1), per_cut=3, continued=0)
    assert any(one.startswith("lost") for one in complaints)
    assert not any(one.startswith("damaged") for one in complaints)


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_at_full_nothing_accepted_is_lost_in_many_sessions(memory: Path) -> None:
    """The same, in full."""
    _, _, complaints = cut_sessions(memory, "full", range(20), per_cut=12, continued=15)
    assert complaints == {}
