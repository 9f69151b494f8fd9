"""Which workers have stalled, by the beats that another one sees."""

from __future__ import annotations

from dagger_actors.core.protocols import Now
from dagger_actors.store.ownership import LEASE_US, BeatWatch

STEP_US = LEASE_US // 3


def look(watch: BeatWatch, beat: int, mono_us: int) -> list[int]:
    return watch.stalled({7: beat}, Now(0, mono_us))


def test_whose_beat_stands_still_for_a_lease_has_stalled() -> None:
    watch = BeatWatch()
    assert [look(watch, 1, step * STEP_US) for step in range(4)] == [[], [], [], [7]]
    assert look(watch, 2, 4 * STEP_US) == []


def test_who_could_not_write_any_more_than_we_could_has_not_stalled() -> None:
    """Law: a process that was stopped inside of a transaction keeps all from beating; nobody is to be robbed for that."""
    watch = BeatWatch()
    assert look(watch, 1, 0) == []
    assert look(watch, 1, 3 * LEASE_US) == []
    assert look(watch, 1, 3 * LEASE_US + STEP_US) == []
    assert look(watch, 1, 3 * LEASE_US + 2 * STEP_US) == []
    assert look(watch, 1, 4 * LEASE_US) == [7]
