"""A02, diamond: two nodes side by side, every node once, the limit kept, no ceiling on the size of a graph."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, DefinitionError
from dagger_actors.testing.simulation import Simulation

REPOSITORY = Path(__file__).parents[2]
DIAMOND = REPOSITORY / "specs" / "diamond.yaml"
VALUES = {"sum": 30, "square": 900, "triple": 90, "total": 990}

SPEC = {
    "name": "parallel_demo",
    "nodes": [
        {"id": "add", "action": "add", "inputs": {"num1": {"value": 10}, "num2": {"value": 20}}},
        {"id": "square", "action": "square", "inputs": {"number": "add"}},
        {"id": "triple", "action": "triple", "inputs": {"number": "add"}},
        {"id": "total", "action": "add", "inputs": {"num1": "square", "num2": "triple"}},
    ],
    "outputs": {"sum": "add", "square": "square", "triple": "triple", "total": "total"},
}


def arithmetic(diary, seconds: float = 0.1) -> list[Any]:
    async def add(num1: int, num2: int) -> int:
        with diary.body("add"):
            await asyncio.sleep(seconds)
        return num1 + num2

    async def square(number: int) -> int:
        with diary.body("square"):
            await asyncio.sleep(seconds)
        return number**2

    async def triple(number: int) -> int:
        with diary.body("triple"):
            await asyncio.sleep(seconds)
        return number * 3

    return [add, square, triple]


class TestTheDiamond:
    def test_it_gives_30_900_90_990_and_runs_every_node_once(self, system: ActorSystem) -> None:
        """Law: the file's flow, on real threads; one attempt a node."""
        report = system.flows.start(DIAMOND).wait(timeout=30)
        assert (report.state, report.outputs) == ("succeeded", VALUES)
        assert [(node.node_id, len(node.attempts)) for node in report.nodes] == [
            ("add", 1),
            ("square", 1),
            ("triple", 1),
            ("total", 1),
        ]

    def test_the_branches_are_in_their_bodies_at_the_same_time(self, open_system) -> None:
        """Law: side by side means two threads at once, not one after the other quickly."""
        meeting = threading.Barrier(2)

        def meet() -> None:
            meeting.wait(timeout=30)

        def nothing() -> None:
            return

        nodes = [
            {"id": "first", "action": "nothing"},
            {"id": "left", "action": "meet", "dependencies": ["first"]},
            {"id": "right", "action": "meet", "dependencies": ["first"]},
        ]
        run = open_system(meet, nothing).flows.start({"name": "meeting", "nodes": nodes})
        assert run.wait(timeout=30).state == "succeeded"

    @pytest.mark.parametrize("seed", range(10))
    def test_nodes_of_100_ms_take_300_ms_not_400(self, sim: Simulation, diary) -> None:
        """Law: the run lasts as long as its longest path, whatever the order of turns."""
        report = sim.system(actions=arithmetic(diary)).flows.start(SPEC).wait()
        assert report.outputs == VALUES
        assert sorted(diary.notes) == ["add", "add", "square", "triple"]
        assert diary.notes[0] == diary.notes[-1] == "add"
        assert diary.most == 2
        assert report.elapsed_us == 300_000

    def test_one_at_a_time_they_take_400_ms(self, sim: Simulation, diary) -> None:
        """Law: the control of the test before."""
        report = sim.system(actions=arithmetic(diary)).flows.start(SPEC, sequential=True).wait()
        assert (report.outputs, diary.most, report.elapsed_us) == (VALUES, 1, 400_000)


def wide(count: int, action: str = "work", **config: Any) -> dict[str, Any]:
    return {
        "name": "wide",
        "config": config,
        "nodes": [{"id": f"n{at}", "action": action, "dependencies": []} for at in range(count)],
        "outputs": {},
    }


class TestTheLimit:
    @pytest.mark.parametrize("seed", range(8))
    @pytest.mark.parametrize("limit", [1, 2, 5])
    def test_never_more_bodies_at_once_than_max_parallel_nodes(self, sim: Simulation, diary, limit: int) -> None:
        """Law: the limit is reached, and never passed, whatever the order of turns; retries count like firsts."""
        failed = set()

        async def work(at: int) -> None:
            with diary.body(at):
                await asyncio.sleep(0.1 + at % 3 / 100)
            if at % 7 == 0 and at not in failed:
                failed.add(at)
                raise ValueError(at)

        spec = wide(30, max_parallel_nodes=limit, max_attempts=2)
        for at, node in enumerate(spec["nodes"]):
            node["inputs"] = {"at": {"value": at}}
        report = sim.system(actions=[work]).flows.start(spec).wait()
        assert report.state == "succeeded"
        assert diary.most == limit
        assert len(diary.notes) == 30 + len(failed) == 35

    def test_it_holds_for_the_items_of_a_map(self, sim: Simulation, diary) -> None:
        """Law: an item of a map is a body like another."""

        async def work(item: int) -> int:
            with diary.body(item):
                await asyncio.sleep(0.1)
            return item

        node = {"id": "all", "action": "work", "map": {"over": "inputs.items", "item": "item"}}
        spec = {
            "name": "map",
            "config": {"max_parallel_nodes": 3},
            "inputs": {"items": list(range(10))},
            "nodes": [node],
        }
        report = sim.system(actions=[work]).flows.start(spec).wait()
        assert report.outputs == {"all": list(range(10))}
        assert (diary.most, report.elapsed_us) == (3, 400_000)

    @pytest.mark.parametrize("says", [True, False])
    def test_without_parallel_execution_it_is_1(self, sim: Simulation, diary, says: bool) -> None:
        """Law: ``enable_parallel_execution: false`` is one node at a time, whatever the limit; a starter may lift it."""

        async def work() -> None:
            with diary.body("work"):
                await asyncio.sleep(0.1)

        system = sim.system(actions=[work])
        spec = wide(6, max_parallel_nodes=3, enable_parallel_execution=says)
        assert system.flows.start(spec).wait().elapsed_us == (200_000 if says else 600_000)
        assert diary.most == (3 if says else 1)
        assert system.flows.start(spec, parallel=2).wait().elapsed_us == 300_000

    def test_it_is_16_by_default(self, sim: Simulation, diary) -> None:
        """Law: the default limit."""

        async def work() -> None:
            with diary.body("work"):
                await asyncio.sleep(0.1)

        assert sim.system(actions=[work]).flows.start(wide(40)).wait().elapsed_us == 300_000
        assert diary.most == 16

    def test_real_threads_keep_it_too(self, open_system, diary) -> None:
        """Law: the limit under preemption: 300 bodies on threads, 5 at once."""
        meeting = threading.Barrier(2)

        def work() -> None:
            with diary.body("work"):
                meeting.wait(timeout=30)
                threading.Event().wait(0.0005)

        run = open_system(work).flows.start(wide(300, max_parallel_nodes=5))
        assert run.wait(timeout=60).state == "succeeded"
        assert diary.count("work") == 300
        assert 1 < diary.most <= 5

    def test_each_run_has_its_own(self, sim: Simulation, diary) -> None:
        """Law: two runs of limit 2 may have four bodies at once."""

        async def work() -> None:
            with diary.body("work"):
                await asyncio.sleep(0.1)

        system = sim.system(actions=[work])
        runs = [system.flows.start(wide(8, max_parallel_nodes=2)) for _ in range(2)]
        assert [run.wait().state for run in runs] == ["succeeded"] * 2
        assert diary.most == 4

    def test_a_limit_beyond_the_threads_is_refused_for_plain_functions_only(self, open_system) -> None:
        """Law: what cannot be kept is refused at the start, with advice; coroutines hold no thread."""

        def plain() -> None:
            return

        async def coroutine() -> None:
            return

        system = open_system(plain, coroutine)
        with pytest.raises(DefinitionError, match=r"max_parallel_nodes is 65.*64 plain functions.*'plain'") as caught:
            system.flows.start(wide(1, "plain", max_parallel_nodes=65))
        assert "async def" in str(caught.value)
        with pytest.raises(DefinitionError, match="max_parallel_nodes is 65"):
            system.flows.start(wide(1, "plain"), parallel=65)
        assert system.flows.runs() == []
        assert system.flows.start(wide(1, "plain", max_parallel_nodes=64)).wait(30).state == "succeeded"
        assert system.flows.start(wide(1, "coroutine", max_parallel_nodes=65)).wait(30).state == "succeeded"


class TestSize:
    def test_a_thousand_independent_nodes_run_once_each_with_the_default_config(self, open_system, diary) -> None:
        """Law: no setting bounds the number of nodes of a graph."""

        def work(at: int) -> int:
            diary.note(at)
            return at

        spec = wide(1000)
        for at, node in enumerate(spec["nodes"]):
            node["inputs"] = {"at": {"value": at}}
        report = open_system(work).flows.start(spec).wait(timeout=60)
        assert report.state == "succeeded"
        assert sorted(diary.notes) == list(range(1000))
        assert [(node.output, len(node.attempts)) for node in report.nodes] == [(at, 1) for at in range(1000)]

    def test_5_000_nodes_from_a_file(self, tmp_path: Path) -> None:
        """Law: the slice of the next one: 1 s to load, 4 s of computing (whatever else the machine does) and 200 MiB."""
        figures = measured(tmp_path, 5_000)
        assert figures["load_s"] < 1.0
        assert figures["run_cpu_s"] < 4.0
        assert figures["peak_mib"] < 200

    @pytest.mark.full
    def test_100_000_nodes_load_in_5_s_and_run_within_60_s_and_1_gib(self, tmp_path: Path) -> None:
        """Law: the whole size, at FULL, in a process of its own."""
        figures = measured(tmp_path, 100_000)
        assert figures["load_s"] <= 5.0
        assert figures["run_s"] <= 60.0
        assert figures["peak_mib"] <= 1024


MEASURE = """
import json, sys, time
from dagger_actors import ActorSystem

path, db = sys.argv[1:]
with ActorSystem(db) as system:
    # Loading is one thread's work: its own time says how long it takes, whatever else the machine does.
    began = time.thread_time()
    flow = system.flows.load(path)
    load_s = time.thread_time() - began
    began, began_cpu = time.perf_counter(), time.process_time()
    run = system.flows.start(flow.name)
    run._flows.wait_for(run.id, None)
    run_s, run_cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    # ru_maxrss would begin with the peak of the process that started this one.
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
    state = system.flows.runs()[0].state
print(json.dumps({"load_s": load_s, "run_s": run_s, "run_cpu_s": run_cpu_s, "peak_mib": peak, "state": state}))
"""


def measured(folder: Path, count: int) -> dict[str, float]:
    """Load and run a layered graph of so many nodes in a fresh process, and read what it took from its file."""
    (folder / "count_actions.py").write_text(
        "from dagger_actors import action\n@action\ndef one() -> int:\n    return 1\n"
    )
    lines = ["name: large", "actions: [count_actions.py]", "outputs: {}", "nodes:"]
    for at in range(count):
        after = f"[n{at - 1000}, n{at - 999}]" if at >= 1000 else "[]"
        lines.append(f"  - {{id: n{at}, action: one, dependencies: {after}}}")
    (folder / "large.yaml").write_text("\n".join(lines) + "\n")
    (folder / "measure.py").write_text(MEASURE)
    done = subprocess.run(
        [sys.executable, "measure.py", "large.yaml", "runs.db"],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = msgspec.json.decode(done.stdout)
    assert figures["state"] == "succeeded"
    connection = apsw.Connection(str(folder / "runs.db"), flags=apsw.SQLITE_OPEN_READONLY)
    found = list(
        connection.execute("SELECT state, attempt, count(*), count(DISTINCT node) FROM node_runs GROUP BY 1, 2")
    )
    connection.close()
    assert found == [("succeeded", 1, count, count)]
    return figures
