"""Real workflow graphs with actions that do nothing: each task once, never before its parents have ended; any ids."""

from __future__ import annotations

import asyncio
import itertools
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import Context, Report
from dagger_actors.testing.simulation import Simulation

INSTANCES = Path(__file__).parents[1] / "data" / "wfinstances"
SIZES = {
    "epigenomics-chameleon-hep-2seq-50k-001": 223,
    "montage-chameleon-2mass-005d-001": 58,
    "rnaseq-dirt02-001": 197,
    "seismology-chameleon-400p-001": 401,
}


def tasks_of(name: str) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = json.loads((INSTANCES / f"{name}.json").read_text())["tasks"]
    assert len(tasks) == SIZES[name]
    return tasks


def spec_of(tasks: list[dict[str, Any]], **config: Any) -> dict[str, Any]:
    nodes = [{"id": task["id"], "action": "task", "dependencies": task["parents"]} for task in tasks]
    return {"name": "instance", "config": config, "nodes": nodes, "outputs": {}}


def check(report: Report, tasks: list[dict[str, Any]], record: list[tuple[str, str]]) -> None:
    """Each task began once and ended once, and all its parents had ended when it began."""
    assert report.state == "succeeded"
    assert [(node.node_id, node.state, len(node.attempts)) for node in report.nodes] == [
        (task["id"], "succeeded", 1) for task in tasks
    ]
    assert sorted(record) == sorted((what, task["id"]) for task in tasks for what in ("began", "ended"))
    at = {entry: position for position, entry in enumerate(record)}
    for task in tasks:
        assert at["began", task["id"]] < at["ended", task["id"]]
        for parent in task["parents"]:
            assert at["ended", parent] < at["began", task["id"]], (parent, task["id"])


def test_the_copies_keep_their_notice_and_licence() -> None:
    """Law: what came from WfCommons says so and under which licence."""
    assert "WfCommons" in (INSTANCES / "NOTICE").read_text()
    assert "LESSER GENERAL PUBLIC LICENSE" in (INSTANCES / "LICENSE").read_text()
    assert {path.stem for path in INSTANCES.glob("*.json")} == SIZES.keys()


@pytest.mark.parametrize("name", SIZES)
class TestInstances:
    def test_each_task_runs_once_after_its_parents_on_real_threads(self, open_system, diary, name: str) -> None:
        """Law: the record of real threads; 16 at once."""

        def task(ctx: Context) -> None:
            diary.note(("began", ctx.node_id))
            diary.note(("ended", ctx.node_id))

        tasks = tasks_of(name)
        report = open_system(task).flows.start(spec_of(tasks)).wait(timeout=120)
        check(report, tasks, diary.notes)

    def test_the_same_with_its_real_runtimes_in_virtual_time(self, sim: Simulation, name: str) -> None:
        """Law: with no limit in the way, the run lasts exactly as long as its longest path."""
        tasks = tasks_of(name)
        runtime = {task["id"]: round(task["runtime_s"] * 1000) for task in tasks}
        record: list[tuple[str, str]] = []

        async def task(ctx: Context) -> None:
            record.append(("began", ctx.node_id))
            await asyncio.sleep(runtime[ctx.node_id] / 1000)
            record.append(("ended", ctx.node_id))

        report = sim.system(actions=[task]).flows.start(spec_of(tasks, max_parallel_nodes=500)).wait()
        check(report, tasks, record)
        ends: dict[str, int] = {}
        left = {task["id"]: task["parents"] for task in tasks}
        while left:
            done = [one for one, parents in left.items() if all(parent in ends for parent in parents)]
            for one in done:
                ends[one] = max((ends[parent] for parent in left.pop(one)), default=0) + runtime[one]
        assert report.elapsed_us == pytest.approx(max(ends.values()) * 1000, abs=len(tasks))

    def test_the_same_after_a_crash_in_its_middle(self, sim: Simulation, name: str) -> None:
        """Law: the successor runs what had not ended, and nothing that had."""
        tasks = tasks_of(name)
        ended: list[str] = []

        async def task(ctx: Context) -> None:
            await asyncio.sleep(1)
            ended.append(ctx.node_id)

        first = sim.system(actions=[task])
        run_id = first.flows.start(spec_of(tasks)).id
        sim.advance(4.5)
        assert 0 < len(ended) < len(tasks)
        sim.kill(first)
        report = sim.system(actions=[task]).flows.resume(run_id).wait()
        assert report.state == "succeeded"
        assert sorted(ended) == sorted(task["id"] for task in tasks)


COMPOSED = unicodedata.normalize("NFC", "Zürich")
DECOMPOSED = unicodedata.normalize("NFD", "Zürich")
IDS = [
    "with a space",
    "a/b/../c",
    "back\\slash",
    'it\'s "quoted"',
    "a.b.c",
    "a.b",
    "a",
    "null",
    "true",
    "007",
    "1e3",
    "-",
    "{brace}: #hash, [list] & *star !tag |pipe >fold %percent @at `tick",
    "日本語",
    "🦊 fox",
    "Ω≈ç√",
    "عربي",
    COMPOSED,
    DECOMPOSED,
    "x" * 200,
    "ö" * 200,
    "SELECT * FROM node_runs; --",
    "INPUTS",
]


class TestIds:
    def test_composed_and_decomposed_are_two(self) -> None:
        """Law: the control: they look alike and are not equal."""
        assert COMPOSED != DECOMPOSED
        assert len(IDS) == len(set(IDS))

    @pytest.mark.parametrize("how", ["data", "file"])
    def test_any_printable_id_works_as_node_dependency_reference_and_output(
        self, sim: Simulation, tmp_path: Path, how: str
    ) -> None:
        """Law: each node takes its predecessor's output by an exact reference; ids come back letter for letter."""
        seen: list[tuple[str, Any]] = []

        def task(ctx: Context, before: dict[str, str]) -> dict[str, str]:
            seen.append((ctx.node_id, before["me"]))
            assert ctx.idempotency_key.endswith(f"/{ctx.node_id}")
            return {"me": ctx.node_id}

        nodes: list[dict[str, Any]] = [
            {"id": IDS[0], "action": "task", "inputs": {"before": {"value": {"me": "start"}}}}
        ]
        nodes += [
            {
                "id": one,
                "action": "task",
                "dependencies": [before],
                "inputs": {"before": before if at % 2 else {"node": before}},
            }
            for at, (before, one) in enumerate(itertools.pairwise(IDS))
        ]
        outputs = {f"o{at}": {"node": one, "key": "me"} for at, one in enumerate(IDS)}
        spec: Any = {"name": "ids", "nodes": nodes, "outputs": outputs}
        if how == "file":
            path = tmp_path / "ids.yaml"
            path.write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
            spec = path
        report = sim.system(actions=[task]).flows.start(spec).wait()
        assert report.error is None
        assert seen == list(zip(IDS, ["start", *IDS], strict=False))
        assert list(report.outputs.values()) == IDS
        assert [node.node_id for node in report.nodes] == IDS

    def test_dots_in_ids_the_longest_ancestor_wins(self, sim: Simulation) -> None:
        """Law: `a.b.c` is the node of that name before it is a key of `a.b`; only ancestors count."""

        def give(value: Any) -> Any:
            return value

        def node(name: str, value: Any, *after: str) -> dict[str, Any]:
            return {"id": name, "action": "give", "inputs": {"value": value}, "dependencies": list(after)}

        nodes = [
            node("a", {"value": {"b": "key b of a", "b.c": "key b.c of a"}}),
            node("a.b", {"value": {"c": "key c of a.b"}}),
            node("a.b.c", {"value": "node a.b.c"}),
            node("all", "a.b.c", "a", "a.b", "a.b.c"),
            node("two", "a.b.c", "a", "a.b"),
            node("one", "a.b.c", "a"),
            node("exact", {"node": "a", "key": "b.c"}, "a", "a.b", "a.b.c"),
            node("short", "a.b", "a"),
        ]
        report = sim.system(actions=[give]).flows.start({"name": "dots", "nodes": nodes}).wait()
        assert report.outputs == {
            "all": "node a.b.c",
            "two": "key c of a.b",
            "one": "key b.c of a",
            "exact": "key b.c of a",
            "short": "key b of a",
        }
