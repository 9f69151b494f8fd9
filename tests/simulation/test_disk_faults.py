"""FAULTS 5, 6 and 7, through a flow: the disk refuses its k-th operation, for every k; what was told to anybody holds.

CI takes a slice of the places; every one of them, in bursts of several lengths, is behind the marker:
``pytest -m full tests/simulation/test_disk_faults.py``.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dagger_actors.errors import DaggerError, StoreBroken, StoreError, StoreFull
from dagger_actors.store import checkpointer
from dagger_actors.testing.simulation import simulate
from tests.simulation.faulty_disk import ERRORS, FLOW, FOREVER, FaultyDisk, Witness, everywhere

FULL = pytest.mark.full
MOST_PLACES = 1000


class Outcome:
    """What callers were told while the disk refused.

    Attributes:
        told: The error that start or wait raised, or None.
        state: What the run had come to by itself.
        refused: Operations that were refused.
    """

    def __init__(self) -> None:
        self.told: DaggerError | None = None
        self.state: str | None = None
        self.refused = 0


def play(folder: Path, kinds: tuple[str, ...], after: int, times: int, error: str, how: str) -> Outcome:
    """Run the flow on a disk that refuses, let it heal, go on, and hold all that was seen against the file.

    Args:
        folder: Empty.
        kinds: Operations that are refused.
        after: So many go through first.
        times: So many are refused.
        error: What the disk says.
        how: Who goes on: ``here`` the same system, asked to; ``elsewhere`` another one, once the first was left, on the
            bad disk; ``by itself`` the same one, unasked.
    """
    outcome, witness = Outcome(), Witness()
    with FaultyDisk(f"faulty-{folder.name}") as disk, simulate(0, folder) as sim:
        system = witness.system(sim, disk, recover=how == "by itself")
        disk.refuse(*kinds, after=after, times=times, error=error)
        try:
            outcome.state = system.flows.start(FLOW, run_id="r").wait().state
        except DaggerError as refused:
            outcome.told = refused
        outcome.refused = disk.refused
        if how == "elsewhere":
            system.stop()
        disk.heal()
        if how == "elsewhere":
            system = witness.system(sim, disk)
        if how == "by itself" and system.flows.runs():
            sim.advance(40)
            assert system.flows.report("r").state not in ("pending", "running"), "nobody goes on with it"
        report = system.flows.start(FLOW, run_id="r").wait()
        if report.state in ("failed", "paused"):
            report = system.flows.retry("r").wait()
        witness.check(sim.path, report, system.flows.logs("r"), was_let_go=outcome.told is not None)
        assert not system._hub.active
        if how == "by itself":
            slots = system._store.membership.slots
            assert len(slots._free) == slots.capacity, "records of attempts that are over are still taken"
        system.stop()
    return outcome


def refused_everywhere(
    root: Path, kinds: tuple[str, ...], times: int, error: str, how: str, stride: int
) -> list[Outcome]:
    return everywhere(
        root, range(0, MOST_PLACES, stride), lambda folder, after: play(folder, kinds, after, times, error, how)
    )


CASES = [
    pytest.param(kinds, times, error, how, id=f"{'+'.join(kinds)}-{times}-{error}-{how}")
    for kinds, times, error, how in (
        (("commit",), 1, "full", "here"),
        (("commit",), FOREVER, "full", "by itself"),
        (("commit",), FOREVER, "full", "elsewhere"),
        (("commit",), 1, "i/o", "here"),
        (("commit",), FOREVER, "read-only", "here"),
        (("sync",), 1, "i/o", "here"),
        (("sync",), FOREVER, "read-only", "by itself"),
        (("read",), 1, "i/o", "here"),
        (("read",), 3, "i/o", "by itself"),
        (("read", "commit", "sync", "checkpoint"), 5, "i/o", "here"),
        (("read", "commit", "sync", "checkpoint"), FOREVER, "i/o", "elsewhere"),
    )
]


@pytest.mark.parametrize(("kinds", "times", "error", "how"), CASES)
def test_whatever_the_disk_refuses_what_was_told_is_stored_and_the_run_goes_on(
    memory: Path, kinds: tuple[str, ...], times: int, error: str, how: str
) -> None:
    """Law: never acknowledged, never done twice, an error of the disk's name to whoever waits, and then all is well."""
    outcomes = refused_everywhere(memory, kinds, times, error, how, stride=8)
    assert len(outcomes) > 1
    check_errors(outcomes, error, times)


@FULL
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", ["here", "elsewhere", "by itself"])
@pytest.mark.parametrize("error", list(ERRORS))
@pytest.mark.parametrize("times", [1, 4, FOREVER])
@pytest.mark.parametrize("kinds", [("commit",), ("sync",), ("read",), ("read", "commit", "sync", "checkpoint")])
def test_at_every_place_in_bursts_of_any_length(
    memory: Path, kinds: tuple[str, ...], times: int, error: str, how: str
) -> None:
    """The same, in full."""
    check_errors(refused_everywhere(memory, kinds, times, error, how, stride=1), error, times)


def check_errors(outcomes: list[Outcome], error: str, times: int) -> None:
    told = [outcome.told for outcome in outcomes]
    assert all(one is None or isinstance(one, StoreError) for one in told), told
    if times == FOREVER:
        assert any(told)
        assert error != "full" or all(one is None or isinstance(one, StoreFull) for one in told), told


@pytest.mark.parametrize("stride", [10, pytest.param(1, marks=FULL)])
@pytest.mark.parametrize("kind", ["read", "commit", "checkpoint", "sync"])
@pytest.mark.parametrize("error", list(ERRORS))
def test_an_opening_that_is_refused_anywhere_leaves_nothing_in_the_way_of_the_next(
    memory: Path, kind: str, error: str, stride: int
) -> None:
    """Law: a named error, in the same process too; no lock, no worker and no half of a database stay behind."""
    for after in range(0, MOST_PLACES, stride):
        folder = memory / str(after)
        folder.mkdir()
        witness = Witness()
        with FaultyDisk("faulty-opening") as disk, simulate(0, folder) as sim:
            disk.refuse(kind, after=after, times=FOREVER, error=error)
            try:
                system = witness.system(sim, disk)
            except StoreError:
                disk.heal()
                system = witness.system(sim, disk)
            disk.heal()
            store = system._store
            living = [worker.worker_id for worker in store.workers().values() if not store.is_gone(worker)]
            assert living == [store.worker_id]
            witness.check(sim.path, system.flows.start(FLOW, run_id="r").wait(), system.flows.logs("r"))
            system.stop()
        if not disk.refused:
            break
    assert after > 0


def test_a_checkpoint_without_space_costs_nothing_and_is_made_up_for(
    memory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """FAULTS 5: the WAL keeps what the database has no room for; the flow does not notice; later all of it is moved."""
    monkeypatch.setattr(checkpointer, "CHECKPOINT_BYTES", 4096)
    witness = Witness()
    with FaultyDisk("faulty-checkpoint") as disk, simulate(0, memory) as sim:
        system = witness.system(sim, disk)
        disk.refuse("checkpoint", after=0, times=FOREVER, error="full")
        report = system.flows.start(FLOW, run_id="r").wait()
        sim.advance(1)
        assert disk.refused > 0
        assert "a checkpoint failed, the WAL keeps everything" in caplog.text
        assert "no space left" in caplog.text
        witness.check(sim.path, report, system.flows.logs("r"))
        disk.heal()
        before = disk.counts["checkpoint"]
        system.flows.start(FLOW, run_id="again").wait()
        sim.advance(1)
        assert disk.counts["checkpoint"] > before
        system.stop()


class FaultyFolder:
    """Refuses the k-th system call on the artifact folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.after = -1
        self.times = 0
        self.number = errno.ENOSPC
        self.refused: Counter[str] = Counter()
        for name in ("mkdir", "open", "fsync", "rename"):
            monkeypatch.setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, call: Any) -> Any:
        def wrapped(place: Any, *rest: Any, **options: Any) -> Any:
            if self._is_refused(str(Path(f"/proc/self/fd/{place}").readlink()) if name == "fsync" else str(place)):
                self.refused[name] += 1
                raise OSError(self.number, os.strerror(self.number), str(place))
            return call(place, *rest, **options)

        return wrapped

    def _is_refused(self, place: str) -> bool:
        if "-artifacts" not in place or self.after < 0:
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return self.times >= 0


@pytest.mark.parametrize("times", [1, FOREVER])
@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, StoreFull), (errno.EIO, StoreBroken)])
def test_an_artifact_that_cannot_be_written_fails_its_attempt_by_name(
    memory: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[StoreError], times: int
) -> None:
    """FAULTS 5 and 6 in an artifact, at every call: the attempt alone fails, nothing half is left, a retry makes it whole."""
    folder = FaultyFolder(monkeypatch)
    refused: Counter[str] = Counter()
    for after in range(MOST_PLACES):
        root = memory / str(after)
        root.mkdir()
        witness = Witness()
        with FaultyDisk("faulty-artifacts") as disk, simulate(0, root) as sim:
            system = witness.system(sim, disk)
            folder.after, folder.times, folder.number = after, times, number
            folder.refused.clear()
            report = system.flows.start(FLOW, run_id="r").wait()
            folder.after = -1
            if not folder.refused:
                break
            refused += folder.refused
            assert report.state == "failed"
            errors = [attempt.error for node in report.nodes for attempt in node.attempts if attempt.state == "failed"]
            types = {error.type for error in errors if error} - {"builtins.ConnectionError", "dagger_actors.MapFailed"}
            assert types == {f"dagger_actors.errors.{kind.__name__}"}
            temporary = sim.path.with_name(f"{sim.path.name}-artifacts") / "tmp"
            assert not temporary.exists() or list(temporary.iterdir()) == []
            report = system.flows.retry("r").wait()
            witness.check(sim.path, report, system.flows.logs("r"))
            system.stop()
    assert {"mkdir", "open", "fsync", "rename"} <= set(refused), refused
