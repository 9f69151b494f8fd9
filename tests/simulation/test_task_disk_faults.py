"""FAULTS 5 and 6, through tasks: the disk refuses its k-th operation, for every k; what was accepted is done, once.

CI takes a slice of the places; every one of them is behind the marker:
``pytest -m full tests/simulation/test_task_disk_faults.py``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import RetryPolicy
from dagger_actors.core.retry import Linear
from dagger_actors.errors import StoreError, StoreFull
from dagger_actors.tasks.agents.agent import task_agent
from dagger_actors.tasks.agents.context import TaskContext
from dagger_actors.testing.simulation import simulate
from tests.simulation.faulty_disk import CASES, ERRORS, FOREVER, FaultyDisk, everywhere

FULL = pytest.mark.full
MOST_PLACES = 1000
COUNT = 5
SCHEMA = "CREATE TABLE IF NOT EXISTS effects (task INTEGER NOT NULL) STRICT;"


class Outcome:
    """What was told while the disk refused.

    Attributes:
        told: Errors that submitters got.
        accepted: Ids of tasks whose submission returned.
        refused: Operations that were refused.
    """

    def __init__(self) -> None:
        self.told: list[StoreError] = []
        self.accepted: list[int] = []
        self.refused = 0


def play(folder: Path, kinds: tuple[str, ...], after: int, times: int, error: str, *, crashes: bool = False) -> Outcome:
    """Submit tasks to a system whose disk refuses, let it heal, and hold all that was seen against the file."""
    outcome = Outcome()
    begun: Counter[tuple[int, int]] = Counter()
    schema = folder / "schema.sql"
    schema.write_text(SCHEMA)

    @task_agent(concurrency=2, retry=RetryPolicy(tries=2, wait=Linear(delay_secs=1)))
    async def work(task: int, ctx: TaskContext) -> int:
        begun[ctx.task_id, ctx.attempt] += 1
        ctx.log("begun")
        await asyncio.sleep(0.1)
        ctx.execute("INSERT INTO effects VALUES (?)", (ctx.task_id,))
        if task % 2 and ctx.try_no == 1:
            raise ValueError("the first time")
        return task

    with FaultyDisk(f"faulty-tasks-{folder.name}") as disk, simulate(0, folder) as sim:
        system = sim.system(agents=[work], schema=schema, vfs=disk.name, synchronous="full", recover=True)
        disk.refuse(*kinds, after=after, times=times, error=error)
        for number in range(COUNT):
            try:
                outcome.accepted.append(system.tasks.submit(work, number).id)
            except StoreError as refused:
                outcome.told.append(refused)
            sim.advance(0.1)
            if crashes and number == 2:
                system._paradigms.task_hub.supervisor.tell(object())
        sim.advance(3)
        outcome.refused = disk.refused
        disk.heal()
        sim.advance(40)
        check(sim.path, outcome, begun)
        assert not system._paradigms.task_hub.supervisor.in_hand
        assert system._paradigms.task_hub.failure is None
        slots = system._store.membership.slots
        assert len(slots._free) == slots.capacity, "a record is still taken"
        system.stop()
    return outcome


def check(path: Path, outcome: Outcome, begun: Counter[tuple[int, int]]) -> None:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        assert connection.pragma("integrity_check") == "ok"
        states = dict(connection.execute("SELECT task_key, state FROM tasks"))
        effects = Counter(key for (key,) in connection.execute("SELECT task FROM effects"))
        failed = dict(connection.execute("SELECT task_key, count(*) FROM task_attempts GROUP BY 1"))
        odd = list(connection.execute("SELECT * FROM tasks WHERE owner IS NOT NULL"))
        logs = list(connection.execute("SELECT count(*) FROM task_logs"))
    finally:
        connection.close()
    assert set(outcome.accepted) <= states.keys(), "what was accepted is lost"
    assert len(states) <= len(outcome.accepted) + len(outcome.told)
    assert set(states.values()) <= {"completed"}, "nobody goes on with it"
    assert odd == []
    assert effects == Counter(states.keys())
    assert max(begun.values(), default=1) == 1, "an attempt began twice"
    attempts = Counter(task for task, _ in begun)
    assert {key: count - 1 for key, count in attempts.items() if count > 1} == failed, "an attempt is not told of"
    assert logs == [(sum(attempts.values()),)], "a log is lost"


def refused_everywhere(
    root: Path, kinds: tuple[str, ...], times: int, error: str, stride: int, **options: Any
) -> list[Outcome]:
    return everywhere(
        root,
        range(0, MOST_PLACES, stride),
        lambda folder, after: play(folder, kinds, after, times, error, **options),
    )


@pytest.mark.parametrize(("kinds", "times", "error"), CASES)
def test_whatever_the_disk_refuses_what_was_accepted_is_done_once_it_is_better(
    memory: Path, kinds: tuple[str, ...], times: int, error: str
) -> None:
    """Law: an error of the disk's name to who submits, or kept and written later; nothing lost, nothing twice; it goes on by itself."""
    outcomes = refused_everywhere(memory, kinds, times, error, stride=19)
    assert len(outcomes) > 1
    told = [one for outcome in outcomes for one in outcome.told]
    assert times != FOREVER or told
    assert error != "full" or all(isinstance(one, StoreFull) for one in told), told


def test_a_body_that_the_disk_keeps_from_what_it_wants_spends_no_try(memory: Path) -> None:
    """Law: FAULTS 6; however long nothing can be read, what was accepted is done with the tries that it had."""
    assert len(refused_everywhere(memory, ("read",), FOREVER, "full", stride=60)) > 1


@pytest.mark.parametrize(("kinds", "times", "error"), [CASES[1], CASES[6]])
def test_a_supervisor_that_crashes_on_a_bad_disk_goes_on_when_it_is_better(
    memory: Path, kinds: tuple[str, ...], times: int, error: str
) -> None:
    """Law: the two faults together lose and repeat no more than each alone."""
    refused_everywhere(memory, kinds, times, error, stride=31, crashes=True)


@FULL
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("error", list(ERRORS))
@pytest.mark.parametrize("times", [1, 4, FOREVER])
@pytest.mark.parametrize("kinds", [("commit",), ("sync",), ("read",), ("read", "commit", "sync", "checkpoint")])
def test_at_every_place_in_bursts_of_any_length(
    memory: Path, kinds: tuple[str, ...], times: int, error: str, *, crashes: bool
) -> None:
    """The same, in full."""
    refused_everywhere(memory, kinds, times, error, stride=1, crashes=crashes)
