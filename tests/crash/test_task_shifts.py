"""Deaths while several quick tasks are done by one body: what of a shift is done again, what is not, and whose fault it was."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.crash.stage import PATIENCE_S, Child, Stage
from tests.crash.test_task_race import LONG, Begin, Race

SHIFT = 16
BEFORE = 20


class Shifts(Race):
    """Workers whose quick tasks are done in shifts, one at a time in each process."""

    def __init__(self, stage: Stage, count: int = 0) -> None:
        super().__init__(stage, "quick", count, 0.0)

    def worker(self, **order: Any) -> Child:
        return super().worker(agents="tests.crash.shift_agents", is_quick=True, **order)

    def order(self, child: Child, agent: str, payloads: list[str]) -> list[int]:
        """Let a worker submit tasks; their ids."""
        child.send(submit={agent: payloads})
        ids: list[int] = child.answer("submitted")["submitted"]
        self.ids += ids
        return ids

    def wait_for_begins(self, count: int) -> None:
        """Wait until so many bodies have begun."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.begins()) < count:
            assert time.monotonic() < deadline, self.begins()
            time.sleep(0.005)  # another process writes the log

    def by(self, pid: int) -> Counter[int]:
        """The tasks that a process began, and how often."""
        return Counter(one.task for one in self.begins() if one.pid == pid)

    def interrupted(self) -> list[int]:
        return [key for (key,) in self.stage.query("SELECT task_key FROM task_attempts WHERE outcome = 'interrupted'")]


def test_a_kill_in_the_midst_of_a_shift_is_met_by_the_one_task_that_was_being_done(stage: Stage) -> None:
    """Law: A12; of a shift what is committed is not done again, what is not is, once; at most once is parked only if it had begun."""
    one = Shifts(stage)
    victim = one.first()
    before = one.order(victim, "quick", ["fine"] * BEFORE)
    one.wait_until_done()
    careful = one.order(victim, "once", ["stands", "stands", "fine", "fine"])
    one.wait_for_begins(BEFORE + 2)
    shift = one.order(victim, "quick", ["fine"] * 4 + ["stands"] + ["fine"] * (SHIFT - 5))
    one.wait_for_begins(BEFORE + 2 + 5)
    victim.send(look=True)
    assert set(victim.answer("in_shifts")["in_shifts"]) == set(shift)
    one.kill(victim)
    assert one.by(victim.pid) == Counter([*before, *careful[:2], *shift[:5]])
    assert stage.query("SELECT count(*) FROM effects") == [(BEFORE,)]
    other = one.worker()
    one.wait_until_done()
    one.leave(other)
    assert one.by(other.pid) == Counter([*careful[2:], *shift])
    assert sorted(one.interrupted()) == sorted([*careful[:2], shift[4]])
    assert stage.query("SELECT task_key, state, reason FROM tasks WHERE state <> 'completed' ORDER BY 1") == [
        (key, "paused", "interrupted") for key in careful[:2]
    ]
    assert stage.query("SELECT task_key, crash_no FROM tasks WHERE agent = 'quick' AND crash_no") == [(shift[4], 1)]
    done = [*before, *careful[2:], *shift]
    assert stage.query("SELECT task FROM effects ORDER BY task") == [(key,) for key in sorted(done)], "each once"
    assert stage.query("SELECT task FROM ends ORDER BY task") == [(key,) for key in sorted(done)]


@pytest.mark.parametrize(("how", "status"), [("os._exit", 3), ("segfault", -signal.SIGSEGV)])
def test_a_task_that_kills_its_worker_from_within_a_shift_is_alone_poison(stage: Stage, how: str, status: int) -> None:
    """Law: FAULTS 15; three deaths are counted to the culprit and to none of those that shared its shift; these are done."""
    one = Shifts(stage)
    for number in range(3):
        victim = one.first() if number == 0 else one.worker()
        if number == 0:
            victim.send(submit={"quick": ["fine"] * 4 + [how] + ["fine"] * (SHIFT - 5)})
        assert victim.process.wait(PATIENCE_S) == status
    ids = [key for (key,) in stage.query("SELECT task_key FROM tasks ORDER BY task_key")]
    assert len(ids) == SHIFT
    other = one.worker()
    one.wait_until_done()
    one.leave(other)
    found = stage.query("SELECT task_key, state, reason, crash_no FROM tasks WHERE state <> 'completed' OR crash_no")
    assert found == [(ids[4], "paused", "poison", 3)]
    assert one.interrupted() == [ids[4]] * 3
    done = [(key,) for key in ids if key != ids[4]]
    assert stage.query("SELECT task FROM effects ORDER BY task") == done, "each once"
    assert stage.query("SELECT task FROM ends ORDER BY task") == done


@pytest.mark.parametrize(("count", "kills"), [(3_000, 2), pytest.param(60_000, 10, marks=LONG)])
def test_whenever_a_worker_dies_in_its_shifts_each_task_has_one_end_and_one_effect(
    stage: Stage, figure: Callable[[str], None], count: int, kills: int
) -> None:
    """Law: A12; at any instant; a death is met by one task at most, for one was being done."""
    chance = random.Random(kills)
    one = Shifts(stage, count)
    first = one.first()
    victims = [one.worker() for _ in range(kills)]
    committed: list[tuple[int, set[int]]] = []
    for victim in victims:  # each death meets tasks of its own, however long this process waits for its turn
        one.order(first, "quick", ["rests"] * (count // kills))
        time.sleep(chance.uniform(0.05, 0.25))
        one.kill(victim)
        done = {key for (key,) in stage.query("SELECT task FROM ends")}
        committed.append((len(one.begins()), done))  # in this order: others go on meanwhile
    one.wait_until_done()
    one.leave(first)
    repeats = one.check()
    begins: list[Begin] = one.begins()
    for size, done in committed:
        assert not done & {begin.task for begin in begins[size:]}, "what was committed was done again"
    interrupted = Counter(one.interrupted())
    assert sum(interrupted.values()) <= kills
    crashes = dict(stage.query("SELECT task_key, crash_no FROM tasks WHERE crash_no"))
    assert crashes == interrupted
    figure(f"shifts: {count} tasks, {kills} kills: {repeats} done again, {sum(interrupted.values())} interrupted")
