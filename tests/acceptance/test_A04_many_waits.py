"""A04 and A06 at scale: what waits for its retry, or for people, holds no thread and little memory, and costs next to nothing."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import ActorSystem, Context
from dagger_actors.testing.simulation import Simulation
from tests.busy import BUSY, TRIES

HOUR_S = 3600
WAITING = "SELECT count(*) FROM node_runs WHERE state = 'waiting'"
SIZES = [(1_000, 1.0), pytest.param(10_000, 10.0, marks=[pytest.mark.full, pytest.mark.timeout(600)])]


async def second_time(ctx: Context) -> int:
    if ctx.attempt == 1:
        raise ValueError("not yet")
    return ctx.attempt


def once_more(count: int, delay_s: int = HOUR_S) -> dict[str, Any]:
    again = {"try_count": 2, "retry_strategy": {"linear": {"delay_secs": delay_s}}}
    return {"name": "waits", "nodes": [{"id": f"n{at}", "action": "second_time", **again} for at in range(count)]}


def asked(db: Path, sql: str) -> Any:
    reader = apsw.Connection(str(db), flags=apsw.SQLITE_OPEN_READONLY)
    reader.set_busy_timeout(10_000)
    try:
        return next(reader.execute(sql))[0]
    finally:
        reader.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 200
    while not is_so():
        assert time.monotonic() < until
        threading.Event().wait(0.05)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def share_at_rest(seconds: float) -> float:
    """Processor time of this process, in cores, while nothing happens."""

    def used_s() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    began = used_s(), time.monotonic()
    threading.Event().wait(seconds)
    return (used_s() - began[0]) / (time.monotonic() - began[1])


def check_share(count: int, seconds: float, told: str, limit: float = 0.005) -> None:
    """The best of some stretches counts: a checkpoint, and whoever else is there, are not what is measured."""
    limit *= BUSY if count < 10_000 else 1
    shares: list[float] = []
    while len(shares) < TRIES and min(shares, default=limit) >= limit:
        shares.append(share_at_rest(seconds))
    print(f"{told}, {100 * min(shares):.2f} % of a core in stretch {len(shares)}, {threading.active_count()} threads")
    assert min(shares) < limit, told


@pytest.mark.parametrize(("count", "seconds"), SIZES)
def test_nodes_that_wait_for_their_retry_hold_nothing(tmp_path: Path, count: int, seconds: float) -> None:
    """Law: above the loaded graph each takes less than 2 kB; no thread is theirs, and all together less than 0.5 % of a core."""
    go = threading.Event()

    def gate() -> None:
        go.wait()

    flow = once_more(count)
    for node in flow["nodes"]:
        node["dependencies"] = ["gate"]
    flow["nodes"].append({"id": "gate", "action": "gate"})
    with ActorSystem(tmp_path / "a.db", actions=[second_time, gate]) as system:
        run = system.flows.start(flow)
        wait_until(lambda: asked(tmp_path / "a.db", "SELECT count(*) FROM node_runs WHERE state = 'running'") == 1)
        threads = threading.active_count()
        gc.collect()
        tracemalloc.start()
        try:
            go.set()
            wait_until(lambda: asked(tmp_path / "a.db", WAITING) == count)
            gc.collect()
            each = tracemalloc.get_traced_memory()[0] / count
        finally:
            tracemalloc.stop()
        assert threading.active_count() <= threads + 5
        check_share(count, seconds, f"{count} nodes in retry waits: {each:.0f} bytes each")
        assert each < 2_000
        assert run.cancel().state == "cancelled"


CHILD = """
import sys
from dagger_actors import ActorSystem
from tests.acceptance.test_A04_many_waits import once_more, second_time
with ActorSystem(sys.argv[1], actions=[second_time]) as system:
    system.flows.start(once_more(int(sys.argv[2])), run_id="r")
    print("started", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(("count", "seconds"), SIZES)
def test_waits_outlive_their_process_and_cost_as_little_in_the_next(tmp_path: Path, count: int, seconds: float) -> None:
    """Law: after kill -9 whoever takes over waits for the rest of the same hour, at no more cost; no attempt is made again."""
    db = tmp_path / "a.db"
    command = [sys.executable, "-c", CHILD, str(db), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"started\n"
            wait_until(lambda: asked(db, WAITING) == count)
        finally:
            child.kill()
    due = "SELECT min(due_at) || ' ' || max(due_at) || ' ' || count(*) FROM node_runs WHERE state = 'waiting'"
    before = asked(db, due)
    with ActorSystem(db, actions=[second_time]) as system:
        threads = threading.active_count()
        wait_until(lambda: "r" in system._hub.active)
        check_share(count, seconds, f"{count} nodes in retry waits, taken over")
        assert threading.active_count() <= threads + 5
        assert asked(db, due) == before
        assert asked(db, "SELECT max(attempt) FROM node_runs") == 2
        assert system.flows.run("r").cancel().state == "cancelled"


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=[pytest.mark.full, pytest.mark.timeout(600)])])
def test_when_they_are_due_all_go_again(sim: Simulation, count: int) -> None:
    """Law: not before, and whoever has them by then: each makes its second attempt, a minute after its first."""
    first = sim.system(actions=[second_time])
    first.flows.start(once_more(count, delay_s=60), run_id="r")
    sim.advance(30)
    sim.kill(first)
    system = sim.system(actions=[second_time], recover=True)
    sim.advance(29)
    assert {node.state for node in system.flows.run("r").report().nodes} == {"waiting"}
    report = system.flows.run("r").wait()
    assert report.state == "succeeded"
    assert {node.output for node in report.nodes} == {2}
    assert 60 <= sim.now_s < 65


@pytest.mark.parametrize(("count", "seconds"), SIZES)
def test_people_who_are_asked_in_one_run_that_goes_on(tmp_path: Path, count: int, seconds: float) -> None:
    """Law: while something else keeps the run going, its many questions cost no look each; each answer is taken at once."""
    flow = once_more(1)
    flow["nodes"] += [{"id": f"ask{at}", "approval": {"timeout_s": 1_000_000}} for at in range(count)]
    with ActorSystem(tmp_path / "a.db", actions=[second_time]) as system:
        threads = threading.active_count()
        run = system.flows.start(flow, run_id="r")
        wait_until(lambda: asked(tmp_path / "a.db", WAITING) == count + 1)
        assert threading.active_count() <= threads + 5
        check_share(count, seconds, f"{count} questions in one run")
        began = time.process_time()
        for at in range(20):
            system.flows.signal("r", f"ask{at}", value=True)
        assert time.process_time() - began < 20 * (0.02 + count * 5e-6) * BUSY
        assert [node.state for node in run.report().nodes[1:21]] == ["succeeded"] * 20


@pytest.mark.parametrize(("count", "seconds"), [(200, 1.0), *SIZES[1:]])
def test_runs_that_wait_for_their_retry(tmp_path: Path, count: int, seconds: float) -> None:
    """Law: each keeps its graph, for it is running, and no thread; all together less than 1 % of a core."""
    with ActorSystem(tmp_path / "a.db", actions=[second_time]) as system:
        threads = threading.active_count()
        gc.collect()
        before = resident_bytes()
        for at in range(count):
            system.flows.start(once_more(1), run_id=f"r{at}")
        wait_until(lambda: asked(tmp_path / "a.db", WAITING) == count)
        gc.collect()
        each = (resident_bytes() - before) / count
        assert threading.active_count() <= threads + 5
        check_share(count, seconds, f"{count} runs in retry waits: {each / 1000:.1f} kB each", limit=0.01)
        assert each < 40_000 + 10_000_000 / count
