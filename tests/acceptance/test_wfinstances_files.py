"""The same real workflow graphs with their files as artifacts: what a task is given is what its parents made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import ArtifactRef, Context

INSTANCES = Path(__file__).parents[1] / "data" / "wfinstances"
NAMES = sorted(path.stem for path in INSTANCES.glob("*.json"))
SCALE = 100
LARGEST = 100_000


def content(name: str, size: int, parts: list[str]) -> bytes:
    """A file that depends on everything it was made from."""
    seed = hashlib.sha256("\n".join([name, *parts]).encode()).hexdigest().encode()
    size = max(1, min(size // SCALE, LARGEST))
    return (seed * (size // len(seed) + 1))[:size]


@pytest.mark.parametrize("name", NAMES)
def test_every_tasks_recorded_inputs_equal_its_parents_outputs(open_system: Any, name: str) -> None:
    """Law: over real threads and both tiers of artifacts (32 KiB and more are files), verified on every read."""
    instance = json.loads((INSTANCES / f"{name}.json").read_text())
    sizes: dict[str, int] = instance["files"]
    maker = {file: task["id"] for task in instance["tasks"] for file in task["outputs"]}
    taken: dict[str, dict[str, str]] = {}

    def task(ctx: Context, made: list[str], **files: Any) -> dict[str, ArtifactRef]:
        given = {
            file: hashlib.sha256(ctx.load(msgspec.convert(ref, ArtifactRef))).hexdigest() for file, ref in files.items()
        }
        taken[ctx.node_id] = given
        parts = [f"{file} {digest}" for file, digest in sorted(given.items())]
        return {file: ctx.save(file[-200:], content(file, sizes[file], parts)) for file in made}

    nodes = []
    for one in instance["tasks"]:
        inputs: dict[str, Any] = {"made": {"value": one["outputs"]}}
        for file in one["inputs"]:
            if maker.get(file) in one["parents"]:
                inputs[file] = {"node": maker[file], "key": file}
        nodes.append({"id": one["id"], "action": "task", "dependencies": one["parents"], "inputs": inputs})
    system = open_system(task)
    report = system.flows.start({"name": "files", "nodes": nodes, "outputs": {}}).wait(timeout=120)
    assert report.state == "succeeded", report.error
    made = {node.node_id: node.output for node in report.nodes}
    count = 0
    for one in nodes:
        for file, reference in one["inputs"].items():
            if file != "made":
                count += 1
                output = made[reference["node"]]
                if isinstance(output, ArtifactRef):
                    output = json.loads(system._hub.store.load_artifact(output.artifact_id))
                assert taken[one["id"]][file] == output[file]["artifact_id"], (one["id"], file)
    assert count >= len(nodes) // 2
