"""Processes race for the tasks of one file while one is killed and started again, and another stopped and continued.

CI races for two thousand; fifty thousand are behind the marker: ``pytest -m full tests/crash/test_task_race.py``.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from tests.crash.stage import PATIENCE_S, Child, Stage
from tests.crash.test_processes import wait_until_gone

TASK_CHILD = Path(__file__).with_name("task_child.py")
LEASE_S = 3.0
"""Of those that race while one stands still: longer than a live one ever waits for its turn on a busy machine."""
PLACES = 4
"""Bodies that one worker runs at once, as ``tasks.py`` says."""

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS effects (task INTEGER NOT NULL, epoch INTEGER NOT NULL, pid INTEGER NOT NULL) STRICT;"
)
WITNESS = """
CREATE TABLE ends (task INTEGER NOT NULL, epoch INTEGER NOT NULL) STRICT;
CREATE TRIGGER ends_are_noted AFTER UPDATE OF state ON tasks WHEN NEW.state IN ('completed', 'failed') BEGIN
  INSERT INTO ends VALUES (NEW.task_key, NEW.epoch);
END;
"""
"""Every end that goes through, whoever writes it."""

FULL = pytest.mark.full
LONG = [FULL, pytest.mark.timeout(1800)]


class Begin(NamedTuple):
    """A line of the log."""

    task: int
    epoch: int
    attempt: int
    pid: int


class Race:
    """Workers on one file.

    Args:
        stage: Where.
        agent: Whose tasks they race for.
        count: How many.
        seconds: How long the body of each takes.
        lease_s: How long a worker that shows no beat is believed to be alive; None = as ever.
    """

    def __init__(self, stage: Stage, agent: str, count: int, seconds: float, *, lease_s: float | None = None) -> None:
        self.stage = stage
        self.agent = agent
        self.count = count
        self.seconds = seconds
        self.lease_s = lease_s
        self.schema = stage.folder / "schema.sql"
        self.schema.write_text(SCHEMA)
        self.ids: list[int] = []
        self.suspects: set[int] = set()
        self.adopted = 0
        self.kills = 0

    def worker(self, **order: Any) -> Child:
        """Start a worker, and wait until it takes part."""
        text = json.dumps({"db": str(self.stage.db), "schema": str(self.schema), "lease_s": self.lease_s, **order})
        child = self.stage.start(sys.executable, str(TASK_CHILD), text)
        child.answer("ready")
        return child

    def first(self) -> Child:
        """Start the first worker; all ends are written down from here on."""
        first = self.worker()
        connection = apsw.Connection(str(self.stage.db))
        connection.set_busy_timeout(10_000)
        connection.execute(WITNESS)
        connection.close()
        return first

    def submit(self, child: Child, count: int | None = None) -> None:
        """Let a worker submit so many tasks, or all of them."""
        child.send(submit={self.agent: [self.seconds] * (self.count if count is None else count)})
        self.ids += child.answer("submitted")["submitted"]

    def kill(self, child: Child) -> None:
        self.suspects.add(child.pid)
        self.kills += 1
        child.kill()

    def left(self) -> int:
        return int(self.stage.query("SELECT count(*) FROM tasks WHERE state IN ('ready', 'running')")[0][0])

    def wait_until_done(self, patience_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + patience_s
        while self.left():
            assert time.monotonic() < deadline, self.stage.query(
                "SELECT state, owner, count(*) FROM tasks GROUP BY 1, 2"
            )
            time.sleep(0.05)  # other processes do it, and a death at an instant waits for no signal

    def begins(self) -> list[Begin]:
        lines = self.stage.log.read_text().splitlines()
        return [Begin(*map(int, line.split(" ")[1:])) for line in lines]

    def check(self) -> int:
        """Each task has one completed end, by its last owner; tells how many bodies began once more than needed."""
        query = self.stage.query
        assert len(set(self.ids)) == self.count
        assert query("SELECT state, owner, count(*) FROM tasks GROUP BY 1, 2") == [("completed", None, self.count)]
        assert query("SELECT count(*), count(DISTINCT task) FROM effects") == [(self.count, self.count)]
        ends = query("SELECT task, epoch FROM ends ORDER BY task")
        assert len(ends) == self.count, "a task was ended twice"
        assert ends == query("SELECT task_key, epoch FROM tasks ORDER BY task_key"), (
            "an end under a lease that was lost"
        )
        # A turn that was over when its worker died is committed by whoever took its lease, at the next epoch.
        found = query("SELECT tasks.epoch - effects.epoch, pid FROM effects JOIN tasks ON task_key = task")
        odd = [(later, pid) for later, pid in found if later and (later != 1 or pid not in self.suspects)]
        assert odd == [], "a turn was committed whose lease was another's"
        self.adopted = sum(later for later, _ in found)
        assert query("SELECT name FROM task_agents WHERE open <> 0") == []
        assert [row[0] for row in query("PRAGMA integrity_check")] == ["ok"]
        begins = self.begins()
        leases = Counter((one.task, one.epoch) for one in begins)
        assert max(leases.values()) == 1, "a lease was begun twice"
        return len(begins) - self.count

    def leave(self, *children: Child) -> None:
        for child in children:
            child.send(leave=True)
            complaint = child.end()
            assert child.process.returncode == 0, complaint


def race(stage: Stage, count: int, seconds: float, *, deaths: int, stop_s: float, seed: int) -> str:
    """Four workers; one of them dies and is started again and again, one stands still as often and goes on."""
    chance = random.Random(seed)
    one = Race(stage, "racing", count, seconds, lease_s=LEASE_S)
    first = one.first()
    victim, stopped, other = one.worker(), one.worker(), one.worker()
    one.suspects.add(stopped.pid)
    part = count // (deaths + 1)
    for number in range(1, deaths + 1):  # each death meets tasks of its own, however long the next worker takes to come
        is_long = number == deaths
        one.submit(first, count - part * (deaths - 1) if is_long else part)
        time.sleep(chance.uniform(0.0, 0.15))
        stopped.process.send_signal(signal.SIGSTOP)
        time.sleep(stop_s if is_long else chance.uniform(0.0, 0.1))
        stopped.process.send_signal(signal.SIGCONT)
        one.kill(victim)
        victim = one.worker()
    one.wait_until_done(PATIENCE_S + count * seconds)
    one.leave(first, victim, stopped, other)
    repeats = one.check()
    taken = stage.query("SELECT count(*) FROM task_attempts WHERE outcome = 'interrupted'")[0][0]
    assert repeats <= 2 * deaths * 2 * PLACES, repeats
    return f"tasks raced for {count}, kills {deaths}, stops {deaths}; bodies repeated {repeats}, interrupted {taken}, ends of the dead committed {one.adopted}"


@pytest.mark.parametrize(
    ("count", "seconds", "deaths", "stop_s"),
    [(2_000, 0.06, 4, 2 * LEASE_S), pytest.param(50_000, 0.01, 10, 4 * LEASE_S, marks=LONG)],
)
def test_each_task_has_one_end_whoever_dies_and_whoever_stands_still(
    stage: Stage, figure: Callable[[str], None], count: int, seconds: float, deaths: int, stop_s: float
) -> None:
    """Law: FAULTS 2 and 11; one completed end a task, written by its last owner, effects exactly once, few repeats."""
    figure(race(stage, count, seconds, deaths=deaths, stop_s=stop_s, seed=1))


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=LONG)])
def test_two_processes_race_for_tasks_and_each_is_run_once(stage: Stage, count: int) -> None:
    """Law: without a fault no body runs twice, and both take part."""
    one = Race(stage, "meeting", count, 0.001)
    first = one.first()
    second = one.worker()
    one.submit(first)
    one.wait_until_done()
    one.leave(first, second)
    assert one.check() == 0
    assert len({begin.pid for begin in one.begins()}) == 2


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=LONG)])
def test_work_that_is_at_most_once_is_begun_once_or_parked(
    stage: Stage, figure: Callable[[str], None], kills: int
) -> None:
    """Law: what was cut off is paused as interrupted, everything else completed; no body twice, whoever dies."""
    one = Race(stage, "careful", 150 * kills, 0.01)
    first, victim = one.first(), one.worker()
    one.submit(first)
    for _ in range(kills):
        time.sleep(0.1)
        one.kill(victim)
        victim = one.worker()
    one.wait_until_done()
    one.leave(first, victim)
    begins = Counter(begin.task for begin in one.begins())
    assert max(begins.values()) == 1
    states = dict(stage.query("SELECT state, count(*) FROM tasks GROUP BY 1"))
    parked = states.pop("paused", 0)
    assert states == {"completed": one.count - parked}
    assert stage.query("SELECT DISTINCT reason FROM tasks WHERE state = 'paused'") in ([], [("interrupted",)])
    assert parked <= kills * PLACES
    assert stage.query("SELECT count(*) FROM effects") == [(states["completed"],)]
    figure(f"at most once: {kills} kills, {parked} parked of {one.count}")


@pytest.mark.parametrize("count", [2, pytest.param(30, marks=LONG)])
def test_no_worker_process_outlives_its_system_and_no_attempt_runs_twice(stages: Any, count: int) -> None:
    """Law: FAULTS 12; bodies in processes die with the system that ordered them, and others do their tasks again."""
    for seed in range(count):
        stage = stages()
        chance = random.Random(seed)
        one = Race(stage, "dozing", 24, 0.02)
        child = one.first()
        one.submit(child)
        stage.wait_for_log(chance.randint(1, 12), child)
        one.kill(child)
        bodies = {begin.pid for begin in one.begins()}
        assert child.pid not in bodies
        one.suspects |= bodies
        for pid in bodies:
            wait_until_gone(pid)
        size = len(one.begins())
        second = one.worker()
        one.wait_until_done()
        one.leave(second)
        repeats = one.check()
        assert repeats <= 2
        assert not bodies & {begin.pid for begin in one.begins()[size:]}
