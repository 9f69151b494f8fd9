"""The process's settings: one owner, restored."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from dagger_actors.actors.settings import (
    COARSE_INTERVAL_S,
    CROWD_THRESHOLDS,
    GC_THRESHOLDS,
    LOOKS,
    SWITCH_INTERVAL_S,
    coarsen,
    collector_paused,
    hold_crowd,
    hold_settings,
    release_crowd,
    release_settings,
    set_aside,
)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


def test_settings_are_in_force_while_anyone_holds_them_and_restored_after_the_last() -> None:
    """Law: several systems in one process; the first sets, the last restores."""
    before = (sys.getswitchinterval(), gc.get_threshold(), gc.get_freeze_count())
    hold_settings()
    hold_settings()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_S)
    assert gc.get_threshold() == GC_THRESHOLDS
    assert gc.get_freeze_count() > before[2]
    release_settings()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_S)
    release_settings()
    assert (sys.getswitchinterval(), gc.get_threshold(), gc.get_freeze_count()) == before


def test_what_somebody_else_changed_meanwhile_is_left_alone() -> None:
    """Law: restoring never undoes another's setting."""
    hold_settings()
    sys.setswitchinterval(0.002)
    gc.set_threshold(500, 5, 5)
    release_settings()
    assert sys.getswitchinterval() == pytest.approx(0.002)
    assert gc.get_threshold() == (500, 5, 5)


def test_what_somebody_else_froze_stays_frozen() -> None:
    """Law: their frozen objects cannot be told from ours, so then we neither freeze nor thaw."""
    gc.freeze()
    try:
        hold_settings()
        release_settings()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_releasing_more_often_than_holding_is_a_defect() -> None:
    """Law: a lost count is found where it happens."""
    with pytest.raises(AssertionError, match="more often"):
        release_settings()


def test_a_coarse_interval_lasts_until_it_is_taken_back_or_the_last_holder_goes() -> None:
    """Law: one thread that does all the work need not hand the GIL around; nothing of that is left behind."""
    before = sys.getswitchinterval()
    coarsen(is_coarse=True)
    assert sys.getswitchinterval() == before
    hold_settings()
    coarsen(is_coarse=True)
    assert sys.getswitchinterval() == pytest.approx(COARSE_INTERVAL_S)
    coarsen(is_coarse=False)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_S)
    coarsen(is_coarse=True)
    release_settings()
    assert sys.getswitchinterval() == before


def test_two_systems_in_one_process_keep_the_interval_short() -> None:
    """Law: one system's crowd says nothing of the other's bodies."""
    hold_settings()
    coarsen(is_coarse=True)
    hold_settings()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_S)
    coarsen(is_coarse=True)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL_S)
    release_settings()
    release_settings()


@pytest.mark.parametrize("is_enabled", [True, False])
def test_nothing_is_collected_while_paused_and_afterwards_it_is_as_before(*, is_enabled: bool) -> None:
    """Law: pauses may overlap; only the last one's end counts, and whoever had no collector gets none."""
    if not is_enabled:
        gc.disable()
    try:
        with collector_paused():
            with collector_paused():
                assert not gc.isenabled()
            assert not gc.isenabled()
        assert gc.isenabled() is is_enabled
        with pytest.raises(KeyError), collector_paused():
            raise KeyError
        assert gc.isenabled() is is_enabled
    finally:
        gc.enable()


def test_a_crowd_is_set_aside_until_the_last_one_has_gone() -> None:
    """Law: while anybody has a crowd, what is alive is not looked at again; afterwards all is as before."""
    before = (gc.get_threshold(), gc.get_freeze_count(), tuple(gc.callbacks))
    hold_settings()
    frozen = gc.get_freeze_count()
    kept = [[] for _ in range(1_000)]
    set_aside()
    assert gc.get_freeze_count() == frozen, "without a crowd nothing is set aside"
    hold_crowd()
    hold_crowd()
    set_aside()
    assert gc.get_threshold() == CROWD_THRESHOLDS
    assert gc.get_freeze_count() >= frozen + len(kept)
    release_crowd()
    assert gc.get_threshold() == CROWD_THRESHOLDS
    release_crowd()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (GC_THRESHOLDS, 0)
    release_settings()
    assert (gc.get_threshold(), gc.get_freeze_count(), tuple(gc.callbacks)) == before


def test_beside_a_crowd_what_lives_through_a_full_collection_is_set_aside_but_not_for_ever() -> None:
    """Law: no full collection looks at the same object twice, until one in so many looks at everything."""
    hold_settings()
    hold_crowd()
    kept = [[] for _ in range(1_000)]
    before = gc.get_freeze_count()
    gc.collect()
    assert gc.get_freeze_count() >= before + len(kept)
    for _ in range(LOOKS - 2):
        gc.collect()
    assert gc.get_freeze_count() >= len(kept)
    gc.collect()
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert gc.get_freeze_count() >= len(kept)
    release_settings()


def test_a_crowd_that_is_never_given_up_ends_with_the_last_holder() -> None:
    """Law: nothing of it is left behind, and giving it up later is no matter."""
    before = (gc.get_threshold(), gc.get_freeze_count(), tuple(gc.callbacks))
    hold_settings()
    hold_crowd()
    release_settings()
    assert (gc.get_threshold(), gc.get_freeze_count(), tuple(gc.callbacks)) == before
    release_crowd()
    hold_crowd()
    assert (gc.get_threshold(), gc.get_freeze_count(), tuple(gc.callbacks)) == before
