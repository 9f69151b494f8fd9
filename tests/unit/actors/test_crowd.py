"""The pool that sees when more threads would only be in each other's way."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from dagger_actors.actors.crowd import CrowdDispatcher, Reading, is_crowded
from dagger_actors.actors.dispatcher import ThreadDispatcher

PATIENCE_S = 20


class Turn:
    """A runnable of one function; its result says whether it wants another turn."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def run_turn(self) -> bool:
        return bool(self.function())


class Crowd:
    """Control and a pool for bodies that counts as crowded, whatever its turns do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, is_crowded: bool = True) -> None:
        self.control = ThreadDispatcher("control", 1)
        self.bodies = CrowdDispatcher("bodies", 4, patience_s=0.0005, helps=self.control)
        self.names: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.errand = Turn(lambda: self.names.put(threading.current_thread().name))
        monkeypatch.setattr(self.bodies, "_judge", lambda _before, _now: None)
        self.bodies._is_crowded = is_crowded

    def close(self) -> None:
        assert self.bodies.close(PATIENCE_S)
        assert self.control.close(PATIENCE_S)


@pytest.mark.parametrize("is_crowded", [True, False])
def test_a_crowded_pools_thread_runs_the_turn_its_body_asked_control_for(
    monkeypatch: pytest.MonkeyPatch, *, is_crowded: bool
) -> None:
    """Law: who is told of the end of a short body gets its turn without a change of threads; otherwise its own pool's."""
    crowd = Crowd(monkeypatch, is_crowded=is_crowded)
    looked = threading.Event()
    # Who looks on looks once, and long: else it gives back an errand for which a busy machine has no time at once.
    clocks = SimpleNamespace(**vars(time) | {"sleep": lambda _: looked.wait(PATIENCE_S)})
    monkeypatch.setattr("dagger_actors.actors.crowd.time", clocks)
    go = threading.Event()

    def body() -> None:
        assert go.wait(PATIENCE_S)
        crowd.control.schedule(crowd.errand)

    crowd.bodies.schedule(Turn(body))
    crowd.bodies.schedule(Turn(lambda: None))
    go.set()
    assert crowd.names.get(timeout=PATIENCE_S).startswith("bodies" if is_crowded else "control")
    looked.set()
    crowd.close()


def test_an_errand_does_not_wait_for_a_body_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: the thread that looks on gives it back to its own pool."""
    crowd = Crowd(monkeypatch)
    go, release = threading.Event(), threading.Event()

    def body() -> None:
        assert go.wait(PATIENCE_S)
        crowd.control.schedule(crowd.errand)
        assert release.wait(PATIENCE_S)

    crowd.bodies.schedule(Turn(body))
    crowd.bodies.schedule(Turn(lambda: None))
    go.set()
    assert crowd.names.get(timeout=PATIENCE_S / 2).startswith("control")
    assert not release.is_set()
    release.set()
    crowd.close()


def test_nobody_runs_errands_while_nobody_looks_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: the only busy thread may hang in its body for ever, so control keeps the turn."""
    crowd = Crowd(monkeypatch)
    release = threading.Event()

    def body() -> None:
        crowd.bodies._is_waking = False  # the thread that runs this was the last one woken
        crowd.control.schedule(crowd.errand)
        assert release.wait(PATIENCE_S)

    crowd.bodies.schedule(Turn(body))
    assert crowd.names.get(timeout=PATIENCE_S / 2).startswith("control")
    release.set()
    crowd.close()


def test_an_errand_that_wants_another_turn_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: as in its own pool."""
    crowd = Crowd(monkeypatch)
    go, again = threading.Event(), threading.Event()
    turns: list[int] = []

    class Twice:
        def run_turn(self) -> bool:
            turns.append(1)
            if len(turns) == 2:
                again.set()
            return len(turns) < 2

    def body() -> None:
        assert go.wait(PATIENCE_S)
        crowd.control.schedule(Twice())

    crowd.bodies.schedule(Turn(body))
    crowd.bodies.schedule(Turn(lambda: None))
    go.set()
    assert again.wait(PATIENCE_S)
    crowd.close()
    assert len(turns) == 2


def test_nobody_is_alone_once_the_burst_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: what follows a burst of short turns may compute for long beside others; they get the GIL as ever."""
    told: list[bool] = []
    pool = CrowdDispatcher("pool", 4, patience_s=0.0005, on_alone=lambda *, is_alone: told.append(is_alone))
    monkeypatch.setattr(pool, "_judge", lambda _before, _now: pool._set_alone(is_alone=pool._is_waking))
    pool._is_crowded = True
    go, ended = threading.Event(), threading.Event()
    pool.schedule(Turn(lambda: go.wait(PATIENCE_S) and None))
    pool.schedule(Turn(ended.set))
    go.set()
    assert ended.wait(PATIENCE_S)
    assert pool.close(PATIENCE_S)
    assert not told or told[-1] is False


def test_it_tells_when_one_thread_does_all_the_work() -> None:
    """Law: many ends in a process that computes all the time, and only one who looks on besides."""
    told: list[bool] = []

    def observe(*, is_alone: bool) -> None:
        told.append(is_alone)

    pool = CrowdDispatcher("pool", 4, patience_s=0.0005, on_alone=observe)
    at = [Reading(0, 0.0, 0.0), Reading(100, 0.01, 0.01), Reading(200, 0.02, 0.02), Reading(201, 0.03, 0.03)]
    pool._judge(at[0], at[1])
    assert not told, "nobody looks on: the one thread may hang in its next turn"
    pool._is_waking = True
    pool._judge(at[0], at[1])
    pool._judge(at[1], at[2])
    pool._judge(at[2], at[3])
    assert told == [True, False]
    assert pool.close(PATIENCE_S)


@pytest.mark.parametrize(
    ("turns", "wall_s", "cpu_s", "verdict"),
    [
        pytest.param(100, 0.01, 0.01, True, id="many short turns that compute"),
        pytest.param(1, 0.01, 0.01, False, id="one long turn"),
        pytest.param(16, 0.01, 0.01, False, id="turns of 625 us: longer than a change of threads is worth"),
        pytest.param(17, 0.01, 0.01, True, id="turns of 590 us"),
        pytest.param(100, 0.01, 0.005, False, id="short turns that wait half of the time"),
        pytest.param(100, 0.01, 0.02, True, id="more than one core computes"),
    ],
)
def test_a_pool_is_crowded_while_its_turns_are_short_and_it_computes(
    turns: int, wall_s: float, cpu_s: float, *, verdict: bool
) -> None:
    """Law: only then would another thread be in the way; turns that wait, or last, want threads."""
    before = Reading(7, 3.0, 2.0)
    assert is_crowded(before, Reading(7 + turns, 3.0 + wall_s, 2.0 + cpu_s)) is verdict


def test_a_pool_whose_bodies_wait_is_not_crowded_by_what_others_compute() -> None:
    """Law: only the processor time of the pool's own threads counts."""
    pool = CrowdDispatcher("pool", 2, patience_s=0.0005)
    done = threading.Event()
    pool.schedule(Turn(done.set))
    assert done.wait(PATIENCE_S)
    before, began = pool._read(), time.thread_time()
    while time.thread_time() - began < 0.05:
        pass
    assert pool._read().cpu_s - before.cpu_s < 0.01
    spun = threading.Event()
    pool.schedule(Turn(lambda: spin(spun)))
    assert spun.wait(PATIENCE_S)
    assert pool._read().cpu_s - before.cpu_s >= 0.05
    assert pool.close(PATIENCE_S)
    pool._read()  # also when the threads are gone


def spin(done: threading.Event) -> None:
    began = time.thread_time()
    while time.thread_time() - began < 0.05:
        pass
    done.set()


def test_an_errand_waits_behind_short_bodies_for_their_ends_to_gather(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: while turns end, who looks on leaves the errands to the runner, however long it takes."""
    crowd = Crowd(monkeypatch)
    monkeypatch.setattr("dagger_actors.actors.crowd.ERRAND_S", 0.0)
    pool = crowd.bodies
    before = pool._read()
    pool._is_waking = True
    assert pool._take_errand(crowd.errand)
    pool._turns += 1
    pool._queue.append(Turn(lambda: None))
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        pool._turns += 1
        if len(naps) == 3:
            pool._queue.clear()

    monkeypatch.setattr("dagger_actors.actors.crowd.time.sleep", nap)
    monkeypatch.setattr(pool, "_busy", lambda: 2)
    given_back: list[int] = []
    monkeypatch.setattr(crowd.control, "put_back", lambda _errand: given_back.append(len(naps)))
    pool._look_on()
    assert before.turns < pool._turns
    assert given_back == [3], "only when there was nothing left to look on at"
    pool._is_waking = False
    crowd.close()


def test_an_errand_that_lasts_holds_up_neither_bodies_nor_other_errands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: whoever looks on runs nothing itself, and the rest of a batch of errands goes back to its own pool."""
    crowd = Crowd(monkeypatch)
    go, release = threading.Event(), threading.Event()
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()

    def lasts() -> None:
        crowd.bodies._is_crowded = False  # as a judgement would find: no turn ends
        crowd.bodies.schedule(Turn(lambda: ended.put("body")))
        assert release.wait(PATIENCE_S)

    def body() -> None:
        assert go.wait(PATIENCE_S)
        crowd.control.schedule(Turn(lasts))
        crowd.control.schedule(Turn(lambda: ended.put("errand")))

    crowd.bodies.schedule(Turn(body))
    crowd.bodies.schedule(Turn(lambda: None))
    go.set()
    assert {ended.get(timeout=PATIENCE_S / 2), ended.get(timeout=PATIENCE_S / 2)} == {"body", "errand"}
    assert not release.is_set()
    release.set()
    crowd.close()


def test_an_errand_that_wants_turn_after_turn_goes_behind_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: as on its own pool, a busy actor cannot keep the others waiting."""
    crowd = Crowd(monkeypatch)
    go, other = threading.Event(), threading.Event()

    def body() -> None:
        assert go.wait(PATIENCE_S)
        crowd.control.schedule(Turn(lambda: not other.is_set()))
        crowd.control.schedule(Turn(other.set))

    crowd.bodies.schedule(Turn(body))
    crowd.bodies.schedule(Turn(lambda: None))
    go.set()
    assert other.wait(PATIENCE_S / 2)
    crowd.close()
