"""FAULTS 16, through flows: whatever was done to a stored output, its reader meets a named error, and computing it anew mends it."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import Context, RunFailed, action
from dagger_actors.cli.steps import next_steps
from dagger_actors.errors import ArtifactCorrupt, ArtifactMissing, DaggerError
from dagger_actors.testing.simulation import Simulation
from tests.unit.store.test_artifacts import empty, flip, link_elsewhere, link_folder, pipe, truncate

TEXT = "x" * 50_000
CONTENT = b'"' + TEXT.encode() + b'"'
ID = hashlib.sha256(CONTENT).hexdigest()


def delete(path: Path) -> None:
    path.unlink()


def swap_for_secret(path: Path) -> None:
    """A link to a file of another's: what lies there must not be read as the output."""
    secret = path.parents[2] / "secret"
    secret.write_text("not for the flow")
    path.unlink()
    path.symlink_to(secret)


def delete_all(path: Path) -> None:
    shutil.rmtree(path.parents[1])


DAMAGES = [flip, truncate, empty, delete, delete_all, link_elsewhere, link_folder, swap_for_secret, pipe]
damages = pytest.mark.parametrize("damage", DAMAGES)


def error_of(damage: Callable[[Path], None]) -> type[DaggerError]:
    return ArtifactMissing if damage in (delete, delete_all) else ArtifactCorrupt


def mend(damage: Callable[[Path], None], path: Path) -> None:
    """Undo what no recomputing can undo: a whole folder that is somebody else's link is not written through."""
    if damage is link_folder and path.parent.is_symlink():
        path.parent.unlink()


def file_of(database: Path, artifact_id: str = ID) -> Path:
    return database.with_name(f"{database.name}-artifacts") / artifact_id[:2] / artifact_id


class Bodies:
    """Counts what ran; ``use`` must never run on anything but the very content."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.made, self.go = threading.Event(), threading.Event()

    def actions(self) -> list[Callable[..., Any]]:
        @action(version="1")
        def make() -> str:
            self.ran.append("make")
            return TEXT

        @action
        def gate() -> None:
            self.made.set()
            assert self.go.wait(60)

        @action
        def use(text: str) -> int:
            self.ran.append("use")
            assert text == TEXT
            return len(text)

        @action
        def beside() -> str:
            return "fine"

        return [make, gate, use, beside]


FLOW: dict[str, Any] = {
    "name": "damaged",
    "config": {"on_failure": "continue"},
    "nodes": [
        {"id": "make", "action": "make"},
        {"id": "gate", "action": "gate", "dependencies": ["make"]},
        {"id": "use", "action": "use", "inputs": {"text": "make"}, "dependencies": ["make", "gate"]},
        {"id": "beside", "action": "beside", "dependencies": ["gate"]},
    ],
    "outputs": {"length": "use", "text": "make"},
}


@damages
def test_what_is_damaged_between_two_nodes_fails_the_reader_by_name_and_a_retry_from_the_maker_mends_it(
    open_system, damage: Callable[[Path], None]
) -> None:
    """Law: the reader's body never runs on it; the rest goes on; the maker run again, all is whole."""
    bodies = Bodies()
    system = open_system(*bodies.actions())
    run = system.flows.start(FLOW, run_id="r")
    assert bodies.made.wait(60)
    damage(file_of(system.path))
    bodies.go.set()
    report = run.wait(60)
    states = {node.node_id: node for node in report.nodes}
    assert (states["use"].state, states["beside"].state) == ("failed", "succeeded")
    error = states["use"].attempts[0].error
    assert error is not None
    assert error.type == f"dagger_actors.errors.{error_of(damage).__name__}"
    assert ID in error.message
    assert error.message.endswith("compute it again: dagger-actors retry r --from make")
    assert next_steps(report, "x.db")[0] == "dagger-actors retry r --from make --db x.db"
    assert bodies.ran == ["make"]
    assert system.flows.retry("r").wait(60).state == "failed", "without its maker it stays damaged"
    if damage is link_folder:
        with pytest.raises(RunFailed, match=r"StoreBroken: .*-artifacts cannot be read or written: Not a directory"):
            system.flows.retry("r", start_from=["make"]).result(60)
        bodies.ran.pop()
    mend(damage, file_of(system.path))
    assert system.flows.retry("r", start_from=["make"]).result(60) == {"length": len(TEXT), "text": TEXT}
    assert bodies.ran == ["make", "make", "use"]
    assert not file_of(system.path).is_symlink()
    assert file_of(system.path).read_bytes() == CONTENT


@damages
def test_a_damaged_output_is_never_given_and_the_run_can_still_be_looked_at(
    open_system, damage: Callable[[Path], None]
) -> None:
    """Law: waiting for the outputs raises by name; states, reasons and drawings need none of them."""
    bodies = Bodies()
    bodies.go.set()
    system = open_system(*bodies.actions())
    run = system.flows.start(FLOW, run_id="r")
    assert run.result(60)["length"] == len(TEXT)
    damage(file_of(system.path))
    for ask in (run.report, run.result, lambda: system.artifacts.get(ID), lambda: system.flows.resume("r").result(60)):
        with pytest.raises(error_of(damage), match=ID):
            ask()
    report = system.flows.report("r", outputs=False)
    assert (report.state, report.outputs, {node.state for node in report.nodes}) == ("succeeded", {}, {"succeeded"})
    assert system.flows.explain("r", "use").state == "succeeded"
    assert "succeeded" in run._repr_html_()
    mend(damage, file_of(system.path))
    assert system.flows.retry("r", start_from=["make"]).result(60)["text"] == TEXT


@damages
def test_a_damaged_output_in_the_cache_is_computed_anew(sim: Simulation, damage: Callable[[Path], None]) -> None:
    """Law: a hit is verified, too; the new run says why it computed."""
    bodies = Bodies()
    spec = {"name": "f", "nodes": [{"id": "make", "action": "make", "cache": {"ttl_s": 3600}}]}
    system = sim.system(actions=bodies.actions())
    system.flows.start(spec).wait()
    damage(file_of(sim.path))
    mend(damage, file_of(sim.path))
    report = system.flows.start(spec).wait()
    assert report.outputs == {"make": TEXT}
    assert "damaged or missing" in (report.nodes[0].reason or "")
    assert bodies.ran == ["make", "make"]
    assert (system.flows.start(spec).wait().nodes[0].reason or "").startswith("cached")


@pytest.mark.parametrize("damage", [damage for damage in DAMAGES if damage is not link_folder])
def test_whatever_else_reads_an_artifact_meets_the_named_error(open_system, damage: Callable[[Path], None]) -> None:
    """Law: a map's list, a predicate, a step's result, ``ctx.load``: each fails its node with the id, and nothing else."""
    items = ["y" * 20_000, "z" * 20_000]
    is_damaged = threading.Event()
    taken: list[str] = []

    @action
    def lists() -> list[str]:
        return items

    @action
    def length(item: str) -> int:
        return len(item)

    @action
    def steps(ctx: Context) -> int:
        def once() -> str:
            taken.append("once")
            return TEXT

        found = ctx.step("once", once)
        if not is_damaged.is_set():
            raise ValueError("the first time")
        return len(found)

    @action
    def loads(ctx: Context) -> int:
        if not is_damaged.is_set():
            raise ValueError("the first time")
        return len(ctx.load(put))

    @action
    def opens() -> None:
        if not is_damaged.is_set():
            raise ValueError("the first time")

    system = open_system(lists, length, steps, loads, opens)
    put = system.artifacts.put(b"p" * 40_000, name="put")
    nodes = [
        {"id": "lists", "action": "lists"},
        {"id": "opens", "action": "opens", "dependencies": ["lists"]},
        {
            "id": "each",
            "action": "length",
            "map": {"over": "lists", "item": "item"},
            "dependencies": ["lists", "opens"],
        },
        {
            "id": "when",
            "action": "lists",
            "when": {"reference": "lists", "equals": 1},
            "dependencies": ["lists", "opens"],
        },
        {"id": "steps", "action": "steps"},
        {"id": "loads", "action": "loads"},
    ]
    run = system.flows.start({"name": "f", "config": {"on_failure": "continue"}, "nodes": nodes}, run_id="r")
    with pytest.raises(RunFailed):
        run.result(60)
    stored = list(Path(f"{system.path}-artifacts").glob("??/*"))
    for path in stored[:1] if damage is delete_all else stored:
        damage(path)
    is_damaged.set()
    report = system.flows.retry("r").wait(60)
    found = {node.node_id: node for node in report.nodes if not node.invocation_key}
    for name in ("each", "when", "steps", "loads"):
        error = found[name].attempts[-1].error
        assert found[name].state == "failed", name
        assert error is not None
        assert "is damaged: its content no longer has its hash" in error.message or "no artifact " in error.message
    assert taken == ["once"], "a step that was taken is not taken again unasked"
    report = system.flows.retry("r", start_from=["lists", "steps"]).wait(60)
    assert {node.node_id for node in report.nodes if node.state == "failed"} == {"loads"}
    assert taken == ["once", "once"]
