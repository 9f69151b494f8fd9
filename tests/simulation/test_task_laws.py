"""The laws of tasks over many seeds: random agents and tasks, several workers on one file, deaths, stops, clocks that step.

CI runs a slice; the full number is behind the marker: ``pytest -m full tests/simulation/test_task_laws.py``.
"""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import msgspec
import pytest

from dagger_actors import ActorSystem
from dagger_actors.errors import RequestError, SystemClosed
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation, simulate
from tests.simulation.random_tasks import KINDS, Stage, random_scripts

SLICE = 6
FULL = 2000
HOUR_S = 3600.0
NONSENSE = object()
"""What no supervisor understands: its turn ends with an error, as a defect of ours would end it."""

SWEEP_S = 11.0
"""Longer than between two beats, with which a living worker clears away what the dead have left."""


class Play:
    """One story: workers come, die, stand still; all tasks are submitted; in the end everything comes to rest."""

    def __init__(self, sim: Simulation, stage: Stage, chance: random.Random) -> None:
        self.sim = sim
        self.stage = stage
        self.chance = chance
        self.workers: list[ActorSystem] = []
        self.frozen: list[ActorSystem] = []

    def living(self) -> list[ActorSystem]:
        self.workers = [one for one in self.workers if self.sim.is_alive(one)]
        return [one for one in self.workers if one not in self.frozen]

    def worker(self) -> ActorSystem:
        """Some worker that can be asked."""
        living = self.living()
        if not living:
            self.workers.append(self.stage.system(task_concurrency=self.chance.choice((1, 2, 64))))
            living = self.living()
        return self.chance.choice(living)

    def doom(self, worker: ActorSystem) -> None:
        """Let a worker die at one of its next commits."""
        self.stage.kills += 1
        self.stage.gone.add(worker._store.worker_id)
        self.sim.kill_at(worker, self.chance.randint(1, 12), self.chance.choice(("before", "after")))

    def freeze(self, worker: ActorSystem) -> None:
        self.stage.kills += 1
        self.stage.has_frozen = True
        self.stage.gone.add(worker._store.worker_id)
        self.sim.freeze(worker)
        self.frozen.append(worker)

    def thaw(self) -> None:
        for worker in self.frozen:
            if self.sim.is_alive(worker):
                self.sim.thaw(worker)
        self.frozen = []

    def crash(self) -> None:
        """Let the task supervisor of some worker crash, somewhere in the midst of its turns."""
        worker = self.worker()
        for _ in range(self.chance.randrange(12)):
            self.sim.world.step()
        if self.sim.is_alive(worker):
            worker._paradigms.task_hub.supervisor.tell(NONSENSE)

    def leave(self) -> None:
        """Let some worker leave as it should, with or without time for what runs."""
        worker = self.worker()
        self.workers.remove(worker)
        self.stage.kills += 1
        with contextlib.suppress(WorkerKilled, SystemClosed):
            worker.stop(grace_s=self.chance.choice((0.0, 0.3, 10.0)))
        self.sim.kill(worker) if self.sim.is_alive(worker) else None
        self.stage.gone.add(worker._store.worker_id)

    def ask(self) -> None:
        """Cancel a task, or try it again."""
        number = self.chance.choice(sorted(self.stage.ids))
        self.stage.asked_about.add(number)
        tasks = self.worker().tasks
        try:
            if self.chance.random() < 0.6:
                tasks.cancel(self.stage.ids[number])
            else:
                tasks.retry(self.stage.ids[number])
        except (WorkerKilled, SystemClosed, RequestError):
            return

    def submit(self, number: int) -> None:
        kind = self.stage.scripts[number].agent
        for _ in range(20):
            worker = self.worker()
            if kind not in worker._paradigms.task_hub.agents.names():
                self.workers.append(self.stage.system())
                continue
            try:
                self.stage.submit(worker, number)
            except (WorkerKilled, SystemClosed):
                continue
            return
        raise AssertionError("twenty turns were not enough to submit a task")

    def settle(self) -> None:
        for turn in range(200):
            self.worker()
            if not turn or not any(set(KINDS) <= {*one._paradigms.task_hub.agents.names()} for one in self.living()):
                self.workers.append(self.stage.system())
            self.sim.advance(2.0)
            if self.stage.is_at_rest():
                self.sim.advance(SWEEP_S)
                return
            self.sim.run()
        open_tasks = "SELECT * FROM tasks WHERE owner IS NOT NULL OR state IN ('ready', 'running', 'pending')"
        raise AssertionError(f"never at rest: {self.stage.query(open_tasks)}")


class Faults(msgspec.Struct, frozen=True):
    """How many of each one story has at most, and how many workers it begins with."""

    deaths: int = 0
    freezes: int = 0
    steps: int = 0
    crashes: int = 0
    leaves: int = 0
    asks: int = 0
    workers: int = 2
    are_narrow: bool = False


def play(seed: int, folder: Path, **faults: int) -> list[str]:
    """Play one seed; tells its trace."""
    left: dict[str, int] = msgspec.structs.asdict(Faults(**faults))  # type: ignore[arg-type]

    def strikes(name: str, share: float) -> bool:
        if not left[name] or chance.random() >= share:
            return False
        left[name] -= 1
        return True

    chance = random.Random(seed)
    with simulate(seed, folder) as sim:
        stage = Stage(sim, random_scripts(chance))
        story = Play(sim, stage, chance)
        try:
            for _ in range(left["workers"]):
                kinds = chance.sample(KINDS, 4) if left["are_narrow"] else KINDS
                story.workers.append(stage.system(kinds, task_concurrency=chance.choice((1, 2, 64))))
            for number in range(len(stage.scripts)):
                if strikes("deaths", 0.3):
                    story.doom(story.worker())
                if len(story.living()) > 1 and strikes("freezes", 0.2):
                    story.freeze(story.worker())
                if strikes("steps", 0.3):
                    stage.is_timely = False
                    sim.world.wall_offset_us += round(chance.choice((-1, 1, 24, 24 * 365)) * HOUR_S * 1e6)
                if strikes("crashes", 0.4):
                    story.crash()
                if strikes("leaves", 0.2):
                    story.leave()
                if stage.ids and strikes("asks", 0.3):
                    story.ask()
                story.submit(number)
                sim.advance(chance.choice((0.0, 0.0, 0.01, 0.7, 3.0)))
                if story.frozen and chance.random() < 0.3:
                    sim.advance(chance.choice((0.1, 50.0, 70.0)))
                    story.thaw()
            if story.frozen:
                sim.advance(chance.choice((0.1, 70.0)))
            story.thaw()
            story.settle()
            stage.check()
            return list(sim.world.trace)
        finally:
            stage.close()


def seeds(count: int) -> range:
    first = int(os.environ.get("DAGGER_SEED", "0"))
    return range(first, first + int(os.environ.get("DAGGER_SEEDS", str(count))))


def explore(tmp_path: Path, count: int, **options: int) -> None:
    for seed in seeds(count):
        folder = tmp_path / str(seed)
        folder.mkdir()
        play(seed, folder, **options)


def test_tasks_end_as_their_scripts_say_whatever_the_order(tmp_path: Path) -> None:
    """One effect a completed task, no body too many, starts after what they depend on, priorities, places by key."""
    explore(tmp_path, SLICE)


def test_tasks_end_as_if_undisturbed_when_workers_are_killed_at_random_commits(tmp_path: Path) -> None:
    """The same; what was cut off is done again, at most once is at most once, nothing is left without an owner."""
    explore(tmp_path, SLICE, deaths=2)


def test_a_worker_that_stands_still_past_its_lease_writes_nothing_that_was_taken_over(tmp_path: Path) -> None:
    """The same, with workers that are stopped, and go on before or after others have taken their tasks."""
    explore(tmp_path, SLICE // 2, freezes=2, workers=3)


def test_a_clock_that_steps_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """The same, an hour back, an hour, a day, a year on; leases are judged by clocks that do not step."""
    explore(tmp_path, SLICE // 2, deaths=1, steps=2)


def test_workers_that_crash_in_part_leave_and_have_some_agents_only_lose_nothing(tmp_path: Path) -> None:
    """The same, while people cancel tasks and try them again."""
    explore(tmp_path, SLICE, deaths=1, crashes=2, leaves=1, asks=2, are_narrow=True)


def test_one_seed_gives_one_trace(tmp_path: Path) -> None:
    """A failure can be repeated: equal seeds make equal choices, step by step."""
    for seed in range(2):
        traces = []
        for turn in ("a", "b"):
            folder = tmp_path / f"{seed}{turn}"
            folder.mkdir()
            traces.append(play(seed, folder, deaths=1, freezes=1, steps=1, crashes=1, leaves=1, asks=1, workers=3))
        assert traces[0] == traces[1]


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_two_thousand_seeds_with_deaths_stops_and_clock_steps(tmp_path: Path) -> None:
    """All of it at once."""
    explore(tmp_path, FULL, deaths=1, freezes=1, steps=1, crashes=1, leaves=1, asks=1, workers=3, are_narrow=True)
