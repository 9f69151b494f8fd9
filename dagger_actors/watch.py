"""Looks at the file for what other processes want or left behind: commands, beats, work without a live owner.

Polling ``PRAGMA data_version`` costs 0.35 % of a core at 50 ms and 0.08 % at 250 ms; so the quick pace is kept for times
when a command could be for a run of ours, or another worker lives whose work may have to be taken over; and a quicker
one for when both are true.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from dagger_actors.actors.runtime import Runtime
from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.store.ownership import LEASE_US, BeatWatch
from dagger_actors.store.store import Store

__all__ = ["Watch", "Watched"]

logger = logging.getLogger("dagger_actors.store")

QUICK_US = 50_000
"""The pace while another process is there, whose work may have to be taken over."""

SLOW_US = 500_000
"""The pace while nothing of ours runs and nobody else is there: nothing can be told to us, and nobody's work can be left."""

BEAT_US = LEASE_US // 3
RECOVER_US = 250_000
GIVE_WAY_US = 1000


class Watched(Protocol):
    """A paradigm, as far as other processes concern it; called on the root's errands."""

    def pace_us(self, *, has_neighbours: bool) -> int:
        """How long it can go without a look: ``SLOW_US`` when it has no reason for another pace; any thread."""
        ...

    def look(self) -> None:
        """Somebody has written to the file: see what is wanted."""
        ...

    def take_over(self, stalled: frozenset[int]) -> None:
        """Take what workers that are gone had, or those that have shown no beat for a whole lease."""
        ...


class Watch:
    """One system's watch.

    Args:
        paradigms: What obeys and takes over.
        errand: Has something done behind what is done already, one at a time.
        sweeps: What is seen to with every beat: what dead workers left is cleared away, what is wrong is told of.
        runtime: The world.
        store: The open database.
        recover: Whether to take over what others left.
    """

    def __init__(
        self,
        paradigms: Sequence[Watched],
        *,
        errand: Callable[[Callable[[], None]], None],
        sweeps: Sequence[Callable[[], None]],
        runtime: Runtime,
        store: Store,
        recover: bool,
    ) -> None:
        self._paradigms = paradigms
        self._errand = errand
        self._sweeps = sweeps
        self._runtime = runtime
        self._store = store
        self._recover = recover
        self._is_stopped = False
        self._is_looking = False
        self._armed_us = SLOW_US
        self._version = -1
        self._has_neighbours = False
        self._next_beat_us = 0
        self._next_recovery_us = 0
        self._beats = BeatWatch()
        self._stalled: dict[int, int] = {}
        store.journal.pause = self._give_way

    def start(self) -> None:
        """Look for the first time, now."""
        self._due()

    def stop(self) -> None:
        """Look no more."""
        self._is_stopped = True
        self._runtime.timers.cancel((id(self), "watch"))

    def _due(self) -> None:
        """It is time to look; called by the timer, whose thread would have to be woken once more if it were armed later."""
        if self._is_stopped:
            return
        now_us = self._runtime.clock.now().mono_us
        self._arm(now_us)
        if not self._is_looking and self._has_reason(now_us):
            self._is_looking = True
            self._errand(self._look)

    def _has_reason(self, now_us: int) -> bool:
        """Tell whether a look could find anything: asked right here, for to wake another thread costs more than to ask."""
        if now_us >= self._next_beat_us or (self._has_neighbours and now_us >= self._next_recovery_us):
            return True
        try:
            return self._store.readers.data_version() != self._version
        except (StoreError, SystemClosed):
            return True  # the look will tell

    def hurry(self) -> None:
        """Look sooner than was thought, if something has changed that wants it; any thread."""
        if not self._is_stopped and self._pace_us() < self._armed_us:
            self._arm(self._runtime.clock.now().mono_us)

    def _arm(self, now_us: int) -> None:
        self._armed_us = self._pace_us()
        try:
            self._runtime.timers.set((id(self), "watch"), now_us + self._armed_us, self._due)
        except SystemClosed:
            return  # the last look may end after the timers

    def _look(self) -> None:
        try:
            if not self._is_stopped:
                self._look_once()
        finally:
            self._is_looking = False

    def _look_once(self) -> None:
        now_us = self._runtime.clock.now().mono_us
        try:
            version = self._store.readers.data_version()
            has_changed = version != self._version
            if has_changed:
                self._version = -1  # whoever could not look has still to hear of this change
                have_looked = self._each(lambda paradigm: paradigm.look())
                self._has_neighbours = len(self._store.workers()) > 1
                if have_looked:
                    self._version = version
            if now_us >= self._next_beat_us:
                self._next_beat_us = now_us + BEAT_US
                self._store.beat(self._has_beaten)
                for sweep in self._sweeps:
                    sweep()
            if self._recover and (has_changed or self._has_neighbours) and now_us >= self._next_recovery_us:
                self._next_recovery_us = now_us + RECOVER_US
                stalled = self._still_stalled()
                self._each(lambda paradigm: paradigm.take_over(stalled))
            if self._store.checkpointer.claim_turn():
                self._runtime.blocking.schedule(self._store.checkpointer)
        except StoreError as error:
            logger.warning("looking at the file failed: %s", error, extra=LogFields(reason=str(error)))
        except SystemClosed:
            return
        self.hurry()

    def _pace_us(self) -> int:
        has_neighbours = self._has_neighbours
        pace_us = QUICK_US if has_neighbours else SLOW_US
        for paradigm in self._paradigms:
            pace_us = min(pace_us, paradigm.pace_us(has_neighbours=has_neighbours))
        return pace_us

    def _each(self, call: Callable[[Watched], None]) -> bool:
        """Call each paradigm, whatever becomes of it in the others; tells whether it went well in all."""
        are_well = True
        for paradigm in self._paradigms:
            try:
                call(paradigm)
            except StoreError as error:
                are_well = False
                logger.warning("looking at the file failed: %s", error, extra=LogFields(reason=str(error)))
        return are_well

    def _has_beaten(self, error: Exception | None) -> None:
        """Our own beat went through, so the file can be written: a worker whose beat stands still is to blame itself."""
        if error is not None:
            logger.warning("this worker's beat could not be written: %s", error, extra=LogFields(reason=str(error)))
            return
        self._errand(self._look_at_beats)

    def _look_at_beats(self) -> None:
        if self._is_stopped:
            return
        beats = {
            worker.worker_id: worker.beat
            for worker in self._store.workers().values()
            if worker.worker_id != self._store.worker_id
        }
        stalled = {one: beats[one] for one in self._beats.stalled(beats, self._runtime.clock.now())}
        for worker_id in stalled.keys() - self._stalled.keys():
            logger.warning(
                "worker %s has shown no life for a whole lease; %s",
                worker_id,
                "its work is taken over"
                if self._recover
                else "its work is left to others, for this one takes none over",
                extra=LogFields(worker=worker_id),
            )
        self._stalled = stalled

    def _still_stalled(self) -> frozenset[int]:
        """Those that stalled and have shown no beat since: who goes on is not to be robbed of what it leases from then on."""
        if not self._stalled:
            return frozenset()
        workers = self._store.workers().values()
        return frozenset(one.worker_id for one in workers if self._stalled.get(one.worker_id) == one.beat)

    def _give_way(self, resume: Callable[[], None]) -> bool:
        """SQLite's write lock is not fair: while another worker lives, leave it free for a millisecond after each group."""
        if not self._has_neighbours or self._is_stopped:
            return False
        self._runtime.timers.set((id(self), "give way"), self._runtime.clock.now().mono_us + GIVE_WAY_US, resume)
        return True
