"""A06 at scale: runs that wait for people hold no thread and no memory of their own, and cost next to nothing."""

from __future__ import annotations

import gc
import resource
import threading
import weakref
from pathlib import Path

import pytest

from dagger_actors import ActorSystem
from dagger_actors.flow.running.supervisor import FlowSupervisor
from tests.acceptance.test_A04_many_waits import check_share, wait_until

FLOW = {"name": "asks", "nodes": [{"id": "ok", "approval": {"timeout_s": 1_000_000}}]}


def supervisors() -> weakref.WeakSet[object]:
    """Those that are kept by anything; the last one may have its last turn still."""
    gc.collect()
    return weakref.WeakSet(one for one in gc.get_objects() if isinstance(one, FlowSupervisor))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize(
    ("count", "seconds"), [(300, 1.0), pytest.param(10_000, 20.0, marks=[pytest.mark.full, pytest.mark.timeout(600)])]
)
def test_runs_that_wait_for_people_hold_nothing(tmp_path: Path, count: int, seconds: float) -> None:
    """Law: no thread, no supervisor and no graph is kept for any of them; all together take less than 0.5 % of a core."""
    of_others = supervisors()
    with ActorSystem(tmp_path / "a.db") as system:
        system.flows.start(FLOW, run_id="first").wait(60)
        threads = threading.active_count()
        gc.collect()
        before = resident_bytes()
        for at in range(count):
            system.flows.start(FLOW, run_id=f"r{at}")
        for at in range(count):
            assert system.flows.run(f"r{at}").wait(60).state == "paused"
        assert not system._hub.active
        wait_until(lambda: not supervisors() - of_others)
        assert threading.active_count() <= threads + 2
        used = resident_bytes() - before
        told = f"{count} runs: {used / 1e6:.1f} MB more"
        check_share(count, seconds, told)
        assert used < 20_000_000 + count * 1_000, told
        assert system.flows.signal(f"r{count // 2}", "ok", value=True).wait(60).state == "succeeded"
