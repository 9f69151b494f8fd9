"""What the machine of one member decides: events go in, effects are let out here, and what is to be written gathers in a batch.

What is read and what is begun needs no commit, for nobody else can see it; so it is done at once. The rest leaves with the
batch, and is seen when that is committed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import assert_never

from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.core.protocols import Now
from dagger_actors.core.turns import StartTurn, TurnEnded, TurnFailed
from dagger_actors.pubsub.machine.events import (
    Begin,
    Decision,
    Effect,
    Event,
    Fetch,
    GiveBack,
    Paused,
    ShiftDone,
    TurnRedone,
    WakeAt,
)
from dagger_actors.pubsub.machine.machine import MemberMachine
from dagger_actors.pubsub.members.batch import Batch
from dagger_actors.pubsub.members.handover import MemberServices
from dagger_actors.pubsub.members.holdings import Holdings
from dagger_actors.pubsub.members.intake import Intake
from dagger_actors.pubsub.members.orders import Wake
from dagger_actors.pubsub.members.shifts import Shift, Shifts, spent_us, unreadable
from dagger_actors.pubsub.members.verdicts import verdicts

__all__ = ["Deciding"]


class Deciding:
    """Applies events to the machine of a member; for its supervisor's thread.

    Args:
        services: What the supervisor is made with.
        make: Makes a fresh machine.
        intake: What has been read.
        holdings: Knows the cursors.
        shifts: Where turns are begun.
        tell: Puts a message into the supervisor's mailbox; any thread.

    Attributes:
        machine: The one that decides now.
        batch: What it has decided since the last one was taken.
    """

    def __init__(
        self,
        services: MemberServices,
        make: Callable[[], MemberMachine],
        *,
        intake: Intake,
        holdings: Holdings,
        shifts: Shifts,
        tell: Callable[[object], None],
    ) -> None:
        self._services = services
        self._make = make
        self._intake = intake
        self._holdings = holdings
        self._shifts = shifts
        self._tell = tell
        self._paused: frozenset[str] = frozenset()
        self._effects: deque[Effect] = deque()
        self.machine = make()
        self.batch = Batch(services.place)

    def give_up(self) -> None:
        """The machine has crashed: nothing follows from what it has decided."""
        self._effects.clear()
        self.take_batch()

    def begin_anew(self) -> None:
        """Go on with a fresh machine, which knows of nothing but what is paused."""
        self.machine = self._make()
        for name in self._paused:
            self.apply(Paused(name, is_paused=True))

    def take_batch(self) -> Batch:
        """Give what has been decided, and begin anew."""
        batch, self.batch = self.batch, Batch(self._services.place)
        return batch

    def apply(self, event: Event) -> None:
        """Tell the machine of something, and let out what follows."""
        self._follow(self.machine.apply(event, self._services.clock.now()))

    def redo(self, redone: TurnRedone) -> bool:
        """Tell it again of a turn whose unit was refused; False when that was not to be, and it is taken again."""
        decision = self.machine.apply(redone, self._services.clock.now())
        is_taken = any(end.turn.messages == redone.turn.messages for end in decision.ends)
        effects = redone.verdict.effects
        if is_taken and effects is not None and effects.state is not None:
            # Before anything is let out: the next turn of its key may begin on another thread at once, and not with
            # what is in the file, where this one is not yet.
            self._services.activations.redone(redone.turn.key, effects.state)
        self._follow(decision)
        return is_taken

    def shift_done(self, shift: Shift, ends: Sequence[TurnEnded], now: Now) -> None:
        """Tell it what the turns of a shift came to; a subscription whose state cannot be read is paused."""
        name = shift.start.subscription
        wrong = unreadable(ends)
        if wrong is not None and name not in self._paused:
            self._paused |= {name}
            self.batch.pauses.append((name, wrong.error.message))
            self.apply(Paused(name, is_paused=True))
        done = verdicts(self._services.subscriptions[name], shift.start.turns, ends, now.wall_us)
        self.apply(ShiftDone(shift.number, done, spent_us(ends)))

    def pause(self, subscriptions: Collection[str]) -> None:
        """These are paused in the file, and no others."""
        paused = frozenset(subscriptions)
        for name in paused ^ self._paused:
            if name in self._services.subscriptions:
                self.apply(Paused(name, is_paused=name in paused))
        self._paused = paused

    # --- letting out

    def _follow(self, decision: Decision) -> None:
        self.batch.add(decision)
        self._effects += decision.effects
        while self._effects:
            self._let_out(self._effects.popleft())

    def _let_out(self, effect: Effect) -> None:
        match effect:
            case Begin():
                self._begin(effect)
            case Fetch(cursor_key=cursor_key):
                self.apply(self._intake.fetch(self._holdings.cursor(cursor_key), effect))
            case GiveBack(ranges=ranges):
                self.batch.give_back += ranges
            case WakeAt(wall_us=wall_us):
                now = self._services.clock.now()
                due_us = now.mono_us + max(0, wall_us - now.wall_us)
                self._services.timers.set((id(self), "wake"), due_us, partial(self._tell, Wake()))
            case _:
                assert_never(effect)

    def _begin(self, effect: Begin) -> None:
        turns = [
            StartTurn(
                key, tuple(self._intake.delivered(self._holdings.cursor(one), at, no) for one, at, no in messages)
            )
            for key, messages in effect.turns
        ]
        try:
            self._shifts.begin(effect.shift, effect.subscription, turns)
        except Exception as error:  # noqa: BLE001 - its turns have failed with that
            now_us = self._services.clock.now().wall_us
            failed = TurnEnded(now_us, now_us, TurnFailed(detail_of(error)))
            subscription = self._services.subscriptions[effect.subscription]
            self.apply(ShiftDone(effect.shift, verdicts(subscription, turns, [failed] * len(turns), now_us)))
