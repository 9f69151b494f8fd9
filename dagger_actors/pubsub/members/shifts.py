"""The shifts of one member: begun, timed, and told apart from those that were given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.protocols import Clock, Timers
from dagger_actors.core.retry import names_of
from dagger_actors.core.turns import NotTaken, ShiftEnded, StartShift, StartTurn, TurnEnded, TurnFailed, TurnOutcome
from dagger_actors.pubsub.members.orders import Late
from dagger_actors.pubsub.turns.body import AnyShift
from dagger_actors.pubsub.turns.starter import ShiftStarter

__all__ = ["Shift", "Shifts", "spent_us", "unreadable"]

CONTENDERS: Final = 16
"""Threads that may want the interpreter at once without a turn being thought slow for it: as many as take turns by default."""


class Shift:
    """One shift in hand.

    Attributes:
        number: The machine's.
        start: As it was begun.
        body: Who takes its turns.
    """

    __slots__ = ("body", "number", "start")

    def __init__(self, number: int, start: StartShift, body: AnyShift) -> None:
        self.number = number
        self.start = start
        self.body = body


class Shifts:
    """All of them.

    Args:
        starter: Makes bodies.
        clock: The time.
        timers: One-shot timers.
        tell: Puts a message into the supervisor's mailbox; any thread.
    """

    def __init__(self, starter: ShiftStarter, *, clock: Clock, timers: Timers, tell: Callable[[object], None]) -> None:
        self._starter = starter
        self._clock = clock
        self._timers = timers
        self._tell = tell
        self._shifts: dict[int, Shift] = {}
        self._base = 0
        self._last = 0

    def __len__(self) -> int:
        return len(self._shifts)

    def __iter__(self) -> Iterator[Shift]:
        return iter(list(self._shifts.values()))

    def begin(self, number: int, subscription: str, turns: Sequence[StartTurn]) -> None:
        """Have the turns taken."""
        told = self._last = self._base + number
        start = StartShift(told, subscription, tuple(turns))
        body = self._starter.prepare(start, self._tell, partial(self._arm, told))
        self._shifts[told] = Shift(number, start, body)
        self._starter.gates[subscription].offer([body.ticket])

    def end(self, ended: ShiftEnded) -> Shift | None:
        """A shift has told its end; None when it was given up before."""
        shift = self._shifts.pop(ended.shift, None)
        if shift is not None:
            if shift.body.timeout_us is not None:
                self._timers.cancel((id(self), ended.shift))
            self._starter.gates[shift.start.subscription].forget(shift.body.ticket)
        return shift

    def late(self, number: int) -> tuple[Shift, Sequence[TurnEnded]] | None:
        """See whether the turn that is being taken is late.

        Returns:
            The shift, given up, with the ends of its turns; None when it is not late, or has ended.
        """
        shift = self._shifts.get(number)
        if shift is None:
            return None
        body = shift.body
        assert body.timeout_us is not None
        begun, now_us = body.turn_begun, self._clock.now().mono_us
        late_us = (now_us if begun is None else begun[1].mono_us) + body.timeout_us
        if now_us < late_us:
            self._arm_at(number, late_us)
            return None
        return self._abandon(number, shift, _timed_out(body.timeout_us))

    def withdraw(self) -> list[tuple[Shift, Sequence[TurnEnded]]]:
        """End those that have not begun; gives their turns as not taken."""
        waiting = [(number, one) for number, one in self._shifts.items() if one.body.ticket.state == "queued"]
        return self._end_all(waiting)

    def give_up(self) -> list[tuple[Shift, Sequence[TurnEnded]]]:
        """End every shift, whatever still runs; gives what their turns came to so far: what is cut off is no try."""
        return self._end_all(list(self._shifts.items()))

    def forget(self) -> None:
        """End every shift of a machine that is no more; the next one may count from 1 again."""
        self.give_up()
        for number, shift in self._shifts.items():  # what they tell is on its way, to nobody
            self._timers.cancel((id(self), number))
            self._starter.gates[shift.start.subscription].forget(shift.body.ticket)
        self._shifts.clear()
        self._base = self._last

    def _end_all(self, shifts: Sequence[tuple[int, Shift]]) -> list[tuple[Shift, Sequence[TurnEnded]]]:
        ended = [self._abandon(number, shift, NotTaken()) for number, shift in shifts]
        return [one for one in ended if one is not None]

    def _abandon(self, number: int, shift: Shift, late: TurnOutcome) -> tuple[Shift, Sequence[TurnEnded]] | None:
        ended = shift.body.abandon(late)
        if ended is None:
            return None  # its message is on its way
        del self._shifts[number]
        self._starter.gates[shift.start.subscription].forget(shift.body.ticket)
        return shift, ended.ends

    def _arm(self, number: int, body: AnyShift) -> None:
        """The gate has let a shift through whose turns are limited in time."""
        assert body.timeout_us is not None
        self._arm_at(number, self._clock.now().mono_us + body.timeout_us)

    def _arm_at(self, number: int, mono_us: int) -> None:
        self._timers.set((id(self), number), mono_us, partial(self._tell, Late(number)))


def _timed_out(timeout_us: int) -> TurnFailed:
    told = f"timed out: the turn was not done after {timeout_us / 1e6:g} s, the timeout_s of its subscription"
    return TurnFailed(ErrorDetail("builtins.TimeoutError", told, names_of(TimeoutError)))


def spent_us(ends: Sequence[TurnEnded]) -> int:
    """How long the turns took that were taken, together, but for what a busy machine adds to some of them.

    A turn that loses the interpreter waits for all other threads that want it, milliseconds for each, whatever it does
    itself. So what most of them took stands for all, unless those that took longer took very much longer.
    """
    took = sorted([one.finished_us - one.started_us for one in ends if type(one.outcome) is not NotTaken])
    if not took:
        return 0
    return max(len(took) * took[(len(took) - 1) // 2], sum(took) // CONTENDERS)


def unreadable(ends: Sequence[TurnEnded]) -> TurnFailed | None:
    """The turn among them whose state could not be read; None = there is none."""
    for one in ends:
        if isinstance(one.outcome, TurnFailed) and one.outcome.is_unreadable:
            return one.outcome
    return None
