"""The timers of actors: each set under a key by one incarnation, and over with it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from dagger_actors.actors.telemetry import NOBODY
from dagger_actors.errors import ActorLimit, ActorStopped, RequestError
from dagger_actors.supervised.tick import Tick
from dagger_actors.supervised.wire import Letter

if TYPE_CHECKING:
    from dagger_actors.core.protocols import Clock, Timers
    from dagger_actors.supervised.house import House
    from dagger_actors.supervised.lifecycle import Lifecycle
    from dagger_actors.supervised.turn import Turn

__all__ = ["MAX_TIMERS", "Timing"]


MAX_TIMERS: Final = 100_000
"""Timers of one actor."""


class Timing:
    """Sets and forgets the timers of one system's actors.

    Args:
        house: Encodes the messages, and is told of those that find no room.
        clock: Tells the time.
        timers: Call back when it has come.

    Attributes:
        timers: The same.
    """

    def __init__(self, house: House, clock: Clock, timers: Timers) -> None:
        self._house = house
        self._clock = clock
        self.timers = timers
        self._numbers = itertools.count(1)

    def set(
        self, cell: Lifecycle, incarnation: int, key: str, delay_s: float, interval_s: float | None, message: object
    ) -> None:
        """Set one of an actor's timers.

        Raises:
            ActorStopped: That incarnation is over.
            ActorLimit: It has too many.
        """
        if not isinstance(delay_s, int | float) or not 0 <= delay_s < float("inf"):
            raise RequestError(f"a timer's time is a number of seconds, 0 or more, not {delay_s!r}")
        number = next(self._numbers)
        data = self._house.encode(message)
        cell.more()
        with cell.lock:
            if cell.extra is None or not cell.is_on(incarnation):
                raise ActorStopped(cell.name)
            before = cell.extra.timers.get(key)
            if before is None and len(cell.extra.timers) >= MAX_TIMERS:
                raise ActorLimit(cell.name, "timers", MAX_TIMERS, "cancel some, or set one anew under its key")
            cell.extra.timers[key] = number
        if before is not None:
            self.forget((cell.number, before))
        interval_us = None if interval_s is None else round(interval_s * 1e6)
        # What comes once goes on with what its setter does; what comes again and again would make a trace without end.
        trace = None if self._house.telemetry is None or interval_s is not None else self._house.telemetry.context()
        self._arm(cell, Tick(key, number, message.__class__, self.due(delay_s), interval_us), data, trace)

    def set_at(self, key: object, due_us: int, fire: Callable[[], None]) -> None:
        """Call back at a time on the monotonic clock."""
        self.timers.set(key, due_us, fire)

    def forget(self, key: object) -> None:
        """Do not call back."""
        self.timers.cancel(key)

    def set_due(self, cell: Lifecycle, turn: Turn, key: object, delay_us: int, fire: Callable[[], None]) -> None:
        """Call back after a while, unless this turn has been killed; for what is no message."""
        number = next(self._numbers)
        with cell.lock:
            if cell.extra is None or cell.turn is not turn:
                return
            cell.extra.timers[key] = number
            self.set_at((cell.number, number), self._clock.now().mono_us + delay_us, fire)

    def is_rung(self, cell: Lifecycle, tick: Tick) -> None:
        """The message of a timer that rings once is taken."""
        with cell.lock:
            if cell.extra is not None and cell.extra.timers.get(tick.key) == tick.number:
                del cell.extra.timers[tick.key]

    def rearm(self, cell: Lifecycle, tick: Tick, data: bytes) -> None:
        """A repeating timer's message is taken, or lost: set its next one, past those that were missed."""
        assert tick.interval_us is not None
        late_us = max(0, self._clock.now().mono_us - tick.due_us)
        due_us = tick.due_us + (1 + late_us // tick.interval_us) * tick.interval_us
        self._arm(cell, Tick(tick.key, tick.number, tick.kind, due_us, tick.interval_us), data)

    def _arm(self, cell: Lifecycle, tick: Tick, data: bytes, trace: object = None) -> None:
        letter: Letter = (tick, data, None, trace or NOBODY)
        with cell.lock:
            # With the lock: one that is no longer to ring, for its actor is over or has set it anew, would ring still.
            if cell.extra is not None and cell.extra.timers.get(tick.key) == tick.number:
                self.set_at((cell.number, tick.number), tick.due_us, partial(self._fire, cell, letter))

    def _fire(self, cell: Lifecycle, letter: Letter) -> None:
        if cell.is_full():
            self._house.undelivered(letter, cell, "full")
        else:
            cell.push(letter)  # the thread of all timers waits for nobody's room

    def has_lost(self, cell: Lifecycle, tick: Tick, data: bytes) -> None:
        """The message of a timer found no room or was dropped: a timer that repeats goes on, one that does not is over."""
        with cell.lock:
            if cell.extra is None or cell.extra.timers.get(tick.key) != tick.number:
                return
            if tick.interval_us is None:
                del cell.extra.timers[tick.key]
        if tick.interval_us is not None:
            self.rearm(cell, tick, data)

    def cancel(self, cell: Lifecycle, incarnation: int, key: object) -> bool:
        """Forget one of an incarnation's timers; True when it was set."""
        with cell.lock:
            if cell.extra is None or not cell.is_on(incarnation):
                return False
            number = cell.extra.timers.pop(key, None)
        if number is None:
            return False
        self.forget((cell.number, number))
        return True

    def due(self, delay_s: float) -> int:
        """When so many seconds are over, on the monotonic clock, in microseconds."""
        return self._clock.now().mono_us + round(delay_s * 1e6)
