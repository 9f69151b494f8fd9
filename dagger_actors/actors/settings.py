"""The one owner of what belongs to the whole process: the switch interval and the garbage collector.

Held while any system is open, restored when the last one closes; what somebody else has changed meanwhile stays.

- ``sys.setswitchinterval``: APSW gives up the GIL at every step, and gets it back after this long beside a thread that
  computes. A 512-row group takes 14-20 ms at Python's 5 ms and 5 ms at this. While one thread of ours does nearly all
  of the work in short turns, nobody needs that, and each change of hands costs more than a turn: ``coarsen`` then.
- The collector: at a million objects a full collection pauses for 0.8 s. What was alive at the first open is frozen
  (not looked at until the last close), and full collections are rarer; nearly everything here is freed by reference
  counts. While a flow file is read there are none (``collector_paused``): a large one makes a million objects that all
  stay, and looking at them again and again took a fifth of the time.
- While a crowd of actors is there, what was alive when it grew, or has lived through a full collection, is *set aside*:
  frozen too. So no collection looks at more than some 300,000 objects. The price: what is set aside and becomes garbage in
  cycles stays until the crowd has gone, or until ``LOOKS`` full collections later everything is looked at again, in one
  long pause. (Not to set aside what lives through a collection let a million actors at work pause for half a second.)
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

__all__ = [
    "COARSE_INTERVAL_S",
    "CROWD_THRESHOLDS",
    "GC_THRESHOLDS",
    "SWITCH_INTERVAL_S",
    "coarsen",
    "collector_paused",
    "hold_crowd",
    "hold_settings",
    "release_crowd",
    "release_settings",
    "set_aside",
]

SWITCH_INTERVAL_S = 0.0005
COARSE_INTERVAL_S = 0.0045
"""Not Python's own 5 ms, so that who sets those meanwhile is left alone."""

GC_THRESHOLDS = (10_000, 5, 200)
"""The second collects 50,000 objects, which takes 12 ms; 200,000 took 50."""

CROWD_THRESHOLDS = (10_000, 5, 5)

LOOKS = 50
"""Full collections, after which the next one looks at what was set aside too."""


class _Before(NamedTuple):
    switch_interval_s: float
    thresholds: tuple[int, int, int]
    has_frozen: bool


_lock = threading.Lock()
_holders = 0
_before: _Before | None = None
_pauses = 0
_was_enabled = True
_crowds = 0
_looks = 0


def hold_settings() -> None:
    """Put the settings in force, for one more holder."""
    global _holders, _before  # noqa: PLW0603  they are the process's
    with _lock:
        _holders += 1
        if _holders > 1:
            if _is_ours():
                sys.setswitchinterval(SWITCH_INTERVAL_S)  # whatever the first one's crowd wants: now there are two
            return
        # Somebody else's frozen objects could not be told from ours when it is time to thaw.
        freezes = gc.get_freeze_count() == 0
        _before = _Before(sys.getswitchinterval(), gc.get_threshold(), freezes)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.set_threshold(*GC_THRESHOLDS)
        if freezes:
            gc.freeze()


def release_settings() -> None:
    """Give up one hold; the last one restores what was there before the first."""
    global _holders, _before  # noqa: PLW0603  they are the process's
    with _lock:
        assert _holders > 0, "released more often than held"
        _holders -= 1
        if _holders or _before is None:
            return
        before, _before = _before, None
        if _is_ours():
            sys.setswitchinterval(before.switch_interval_s)
        _disperse()
        if gc.get_threshold() == GC_THRESHOLDS:
            gc.set_threshold(*before.thresholds)
        if before.has_frozen:
            gc.unfreeze()


def coarsen(*, is_coarse: bool) -> None:
    """Lengthen the switch interval for a while, or shorten it again; a system alone in its process does, others do not.

    Args:
        is_coarse: Whether one thread does nearly all of the work.
    """
    with _lock:
        if _before is not None and _is_ours():
            sys.setswitchinterval(COARSE_INTERVAL_S if is_coarse and _holders == 1 else SWITCH_INTERVAL_S)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Do without automatic collections for a while; any thread, also several at once."""
    global _pauses, _was_enabled  # noqa: PLW0603  they are the process's
    with _lock:
        if not _pauses:
            _was_enabled = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if not _pauses and _was_enabled:
                gc.enable()


def hold_crowd() -> None:
    """A system has come to have very many actors."""
    global _crowds, _looks  # noqa: PLW0603  they are the process's
    with _lock:
        if _before is None or not _before.has_frozen:
            return  # nobody holds the settings, or what is frozen is somebody else's
        _crowds += 1
        if _crowds == 1:
            _looks = 0
            gc.callbacks.append(_collected)
            if gc.get_threshold() == GC_THRESHOLDS:
                gc.set_threshold(*CROWD_THRESHOLDS)


def set_aside() -> None:
    """Look no more at what is alive now; while there is a crowd, else nothing is done."""
    if _crowds:
        gc.collect(1)  # what has just become garbage is not to stay
        gc.freeze()


def release_crowd() -> None:
    """It has so many no more; with the last crowd, what was set aside is looked at again."""
    global _crowds  # noqa: PLW0603  they are the process's
    with _lock:
        if _crowds > 1:
            _crowds -= 1
        elif _crowds:
            _disperse()
            gc.unfreeze()


def _disperse() -> None:
    """There is no crowd any more; the lock is held."""
    global _crowds  # noqa: PLW0603  they are the process's
    if _crowds:
        _crowds = 0
        gc.callbacks.remove(_collected)
        if gc.get_threshold() == CROWD_THRESHOLDS:
            gc.set_threshold(*GC_THRESHOLDS)


def _collected(phase: str, about: dict[str, int]) -> None:
    """Set aside what has lived through a full collection; without the lock, for it may be this thread that has it."""
    global _looks  # noqa: PLW0603  they are the process's
    if phase != "stop" or about["generation"] != 2:
        return
    _looks += 1
    if _looks % LOOKS:
        gc.freeze()
    else:
        gc.unfreeze()


def _is_ours() -> bool:
    return any(abs(sys.getswitchinterval() - ours) < 1e-6 for ours in (SWITCH_INTERVAL_S, COARSE_INTERVAL_S))
