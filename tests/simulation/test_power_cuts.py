"""The power goes at every sync of a scripted session, and between: what was told to anybody is on the disk.

CI plays a few schedules; the whole number is behind the marker: ``pytest -m full tests/simulation/test_power_cuts.py``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from dagger_actors.core.states import FINAL_NODE
from dagger_actors.testing.power_log import Synced
from tests.simulation.power_check import Checker, go_on
from tests.simulation.power_cuts import Slots
from tests.simulation.power_story import Story

MEMORY = Path("/dev/shm")
FORGETFUL = {"lost", "outputs", "twice"}
"""What is wrong with a file that forgot its last moments: what was told is gone, and what was done is done again."""

SLOTS: tuple[Slots, ...] = ("absent", "as it was", "older")


@pytest.fixture
def root() -> Iterator[Path]:
    """The cuts are replayed from a log, so memory is disk enough, and faster."""
    folder = Path(tempfile.mkdtemp(prefix="dagger-power-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        for name in ("live", "cut"):
            (folder / name).mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Verdict(msgspec.Struct):
    """What was found in the states of one or more stories."""

    cuts: int = 0
    syncs: int = 0
    states: int = 0
    continued: int = 0
    lost: int = 0
    complaints: dict[str, tuple[int, int, int]] = msgspec.field(default_factory=dict)

    @property
    def kinds(self) -> set[str]:
        return {complaint.partition(":")[0] for complaint in self.complaints}

    def add(self, complaints: list[str], *place: int) -> None:
        self.lost += any(complaint.startswith("lost") for complaint in complaints)
        for complaint in complaints:
            self.complaints.setdefault(complaint, (place[0], place[1], place[2]))


def cut_everywhere(
    root: Path,
    synchronous: Literal["full", "normal"],
    *,
    seeds: range,
    per_cut: int,
    continued: int = 0,
) -> Verdict:
    """Play a story a seed, restore ``per_cut`` states of each cut and check them; go on from every ``continued``-th."""
    verdict = Verdict()
    for seed in seeds:
        folder = root / "live" / str(seed)
        folder.mkdir()
        story = Story(seed, folder, synchronous)
        checker = Checker(story)
        assert all(len(ends) <= 1 for ends in checker.ends_told().values()), checker.ends_told()
        verdict.syncs += sum(isinstance(entry, Synced) for entry in story.vfs.log)
        positions = set()
        for state in story.vfs.states(root / "cut", seed=seed, per_cut=per_cut):
            positions.add(state.position)
            verdict.states += 1
            complaints = checker.complaints(state)
            if continued and verdict.states % continued == 0:
                turn = verdict.states // continued
                verdict.continued += 1
                is_by_itself = turn // len(SLOTS) % 2 == 1
                complaints += go_on(story, state, root / "again", SLOTS[turn % len(SLOTS)], recover=is_by_itself)
            verdict.add(complaints, seed, state.position, state.variant)
        verdict.cuts += len(positions)
    print(
        f"{synchronous}: {len(seeds)} sessions, {verdict.syncs} syncs, {verdict.cuts} cuts, {verdict.states} states, "
        f"{verdict.continued} gone on from; {verdict.lost} states with a loss, {len(verdict.complaints)} complaints"
    )
    return verdict


def first_seed() -> int:
    return int(os.environ.get("DAGGER_SEED", "0"))


def test_the_session_promises_what_the_law_is_about(root: Path) -> None:
    """The oracle looks at something: retries, a map, a pause and its resume, cancels, a retry of a failed run."""
    story = Story(first_seed(), root / "live", "full")
    seen = Checker(story).sequences
    ends = {subject: states[-1] for subject, states in seen.items()}
    assert [ends["a", "fetch", "", str(attempt)] for attempt in (1, 2, 3)] == ["failed", "failed", "succeeded"]
    assert [ends["a", "parts", str(item), "1"] for item in range(4)] == [
        "succeeded",
        "succeeded",
        "failed",
        "succeeded",
    ]
    assert ends["a", "parts", "2", "2"] == "succeeded"
    assert [ends["a", "approve", "", str(attempt)] for attempt in (1, 2)] == ["failed", "succeeded"]
    assert dict.fromkeys(seen["a",]) == dict.fromkeys(("pending", "running", "paused", "succeeded"))
    for run_id in ("b", "c"):
        assert ends[run_id,] == "cancelled"
        assert {ends[one] for one in ends if one[0] == run_id and len(one) > 1} == {"cancelled", "skipped"}
    assert dict.fromkeys(seen["d",]) == dict.fromkeys(("pending", "running", "failed", "succeeded"))
    bodies = [mark.subject for mark in story.marks if mark.state is None]
    assert len(bodies) == len(set(bodies))
    assert set(bodies) == {one for one in ends if len(one) > 1 and one[:3] != ("a", "parts", "")} - {
        one for one, end in ends.items() if end == "skipped"
    }
    assert all(end in FINAL_NODE for one, end in ends.items() if len(one) > 1), ends


def test_at_full_nothing_acknowledged_is_lost_at_any_sync_and_all_runs_go_on(root: Path) -> None:
    """Every state told, every body begun, every call that returned is in the rows; no attempt has two ends."""
    verdict = cut_everywhere(root, "full", seeds=range(first_seed(), first_seed() + 3), per_cut=6, continued=25)
    assert verdict.complaints == {}
    assert verdict.cuts > verdict.syncs > 150
    assert verdict.continued > 40


def test_at_normal_the_same_check_goes_red_and_the_file_stays_whole(root: Path) -> None:
    """The oracle can fail: NORMAL tells before the disk has it. What is left is an earlier state, and goes on from there."""
    verdict = cut_everywhere(root, "normal", seeds=range(first_seed(), first_seed() + 1), per_cut=5, continued=40)
    assert verdict.lost > 50
    assert verdict.kinds <= FORGETFUL


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_at_full_nothing_acknowledged_is_lost_in_many_sessions(root: Path) -> None:
    """The same, in full."""
    verdict = cut_everywhere(root, "full", seeds=range(first_seed(), first_seed() + 25), per_cut=20, continued=20)
    assert verdict.complaints == {}


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_at_normal_only_the_last_moments_are_lost_in_many_sessions(root: Path) -> None:
    """The same, in full."""
    verdict = cut_everywhere(root, "normal", seeds=range(first_seed(), first_seed() + 5), per_cut=10, continued=40)
    assert verdict.lost > 500
    assert verdict.kinds <= FORGETFUL
