"""FAULTS 5 and 6, through flows inside flows: the disk refuses its k-th operation, and all of them go on when it no longer does.

CI takes a slice of the places; every one of them is behind the marker: ``pytest -m full``.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from dagger_actors.errors import DaggerError
from dagger_actors.testing.simulation import simulate
from tests.simulation.faulty_disk import FOREVER, FaultyDisk

MOST_PLACES = 2000

FLOWS = {
    "inner": "inputs: {number: {type: int}}\nnodes:\n  - {id: grown, action: grow, inputs: {number: inputs.number}}\n"
    "  - {id: ok, approval: {}, dependencies: [grown]}\noutputs: {number: grown}\n",
    "middle": "nodes:\n  - {id: list, action: pair}\n  - {id: sub, flow: inner.yaml, map: {over: list, item: number}}\n",
    "outer": "nodes:\n  - {id: far, flow: middle.yaml}\n  - {id: last, action: pair, dependencies: [far]}\n",
}
INSIDE = {"r", "r/far", "r/far/sub/0", "r/far/sub/1"}


def grow(number: int) -> int:
    return number * 10


def pair() -> list[int]:
    return [1, 2]


def play(folder: Path, kinds: tuple[str, ...], after: int, times: int, error: str) -> int:
    """Run the flows on a disk that refuses, let it heal, and see them to their end; tells how often it has refused."""
    for name, text in FLOWS.items():
        (folder / f"{name}.yaml").write_text(f"name: {name}\n{text}")
    with FaultyDisk(f"faulty-{folder.name}") as disk, simulate(0, folder) as sim:
        recover = bool(after % 2)  # a run that is only stayed with goes on inside all the same
        system = sim.system(actions=[grow, pair], vfs=disk.name, synchronous="full", recover=recover)
        disk.refuse(*kinds, after=after, times=times, error=error)
        with contextlib.suppress(DaggerError):
            system.flows.start(folder / "outer.yaml", run_id="r")
            sim.advance(5)
            system.flows.signal("r", "far/sub/0/ok", value=True)
        sim.advance(5)
        refused = disk.refused
        disk.heal()
        sim.advance(40)
        run = system.flows.start(folder / "outer.yaml", run_id="r")
        sim.advance(5)
        for question in system.flows.questions("r"):
            system.flows.signal(question.run_id, question.node_id, value=True)
        report = run.wait(60)
        assert report.state == "succeeded", report
        assert {one.run_id: one.state for one in system.flows.runs(inside=True)} == dict.fromkeys(INSIDE, "succeeded")
        for run_id in INSIDE:
            for node in system.flows.report(run_id).nodes:
                ends = [one.state for one in node.attempts if one.state != "interrupted"]
                assert ends == ["succeeded"], (run_id, node)
        assert not system._hub.active
        system.stop()
    return refused


def everywhere(root: Path, kinds: tuple[str, ...], times: int, error: str, stride: int) -> None:
    for after in range(0, MOST_PLACES, stride):
        folder = root / str(after)
        folder.mkdir()
        try:
            refused = play(folder, kinds, after, times, error)
        except BaseException as failure:
            failure.add_note(f"{kinds} refused after {after}")
            raise
        if not refused:
            assert after > stride, "nothing was refused"
            return
    raise AssertionError("there are more places")


CASES = [
    (("commit",), 1, "full"),
    (("sync",), FOREVER, "i/o"),
    (("read",), 2, "i/o"),
    (("read", "commit", "sync", "checkpoint"), FOREVER, "i/o"),
]


@pytest.mark.parametrize(("kinds", "times", "error"), CASES)
def test_whatever_the_disk_refuses_flows_inside_go_on(
    tmp_path: Path, kinds: tuple[str, ...], times: int, error: str
) -> None:
    """Law: once the disk no longer refuses, each run inside goes on by itself, or with its answer, and ends once."""
    everywhere(tmp_path, kinds, times, error, stride=5 if kinds == ("sync",) else 29)


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("kinds", "times", "error"), CASES)
def test_at_every_place(tmp_path: Path, kinds: tuple[str, ...], times: int, error: str) -> None:
    """The same, in full."""
    everywhere(tmp_path, kinds, times, error, stride=1)
