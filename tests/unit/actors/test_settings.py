"""The process's settings: one owner, restored."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from dagger_actors.actors.settings import GC_THRESHOLDS, SWITCH_INTERVAL_S, hold_settings, release_settings


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
