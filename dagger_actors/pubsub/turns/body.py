"""Body actors of shifts: one fresh actor for each, which takes its turns one after the other and tells how they ended.

Handlers that are plain functions are called in the turn of a thread, coroutine functions on the event loop. Whatever user
code raises is an outcome, ``SystemExit`` and ``KeyboardInterrupt`` included: it ends neither the thread nor the shift.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.gate import Gate
from dagger_actors.actors.one_turn import OneTurnActor
from dagger_actors.actors.ticket import Ticket
from dagger_actors.bodies.thread_body import REFUSED
from dagger_actors.core.protocols import Now
from dagger_actors.core.turns import (
    Handled,
    ShiftEnded,
    StartTurn,
    TurnOutcome,
    decode_shift,
    encode_turns,
)
from dagger_actors.pubsub.turns.activations import Activation
from dagger_actors.pubsub.turns.desk import Desk
from dagger_actors.pubsub.turns.failing import failed
from dagger_actors.pubsub.turns.ledger import Ledger
from dagger_actors.pubsub.turns.outgoing import LARGEST_TURN
from dagger_actors.pubsub.turns.traced import work_of
from dagger_actors.pubsub.turns.work import TurnWork

__all__ = ["AnyShift", "LoopShift", "ShiftBody", "uncancel"]

AN_END: Final = b""
"""What the slot file keeps of an end: that it came. What the turns did is done again if it is not committed."""


class AnyShift(Actor):
    """Takes the turns of one shift.

    Args:
        desk: What all turns of the subscription share.
        gate: Where its place is given back.
        tell: Takes encoded messages to the supervisor; any thread.
        ledger: What has ended of it.

    Attributes:
        ticket: Its way through the gate; given right after it is made.
        timeout_us: How long each of its turns may take; None = as long as it likes.
    """

    ticket: Ticket
    _work: TurnWork | None = None
    _now: Now
    _is_over = False

    def __init__(self, desk: Desk, gate: Gate, tell: Callable[[bytes], None], ledger: Ledger) -> None:
        super().__init__()
        self.timeout_us = desk.options.timeout_us
        self._desk = desk
        self._gate = gate
        self._tell = tell
        self._ledger = ledger
        self._size = 0
        self._blocked: set[str] = set()

    # --- for the supervisor

    @property
    def turn_begun(self) -> tuple[int, Now] | None:
        """The position in the shift of the turn that is being taken, and when it was begun; None = none is; any thread."""
        return self._ledger.at

    def abandon(self, late: TurnOutcome) -> ShiftEnded | None:
        """End the shift though its body goes on, or has never begun; any thread.

        The body is told, its place at the gate is free, and what it does from now on is nobody's business. A turn that it is
        taking goes on with an instance of its own; its key goes on with the state from before.

        Args:
            late: What becomes of the turn that is being taken; those behind it are not taken.

        Returns:
            The ends of all its turns; None when it has ended before: then its message is told, or on its way.
        """
        ended = self._ledger.abandon(late, self._desk.services.clock.now())
        if ended is not None:
            self._gate.abandon(self.ticket)
            self.cancel()
        return ended

    def cancel(self) -> None:
        """Tell the handler that its turn is over; any thread."""
        work = self._work
        if work is not None and work.context is not None:
            work.context.cancel()

    # --- a shift

    def _open(self) -> Sequence[Activation]:
        """Give those keys in hand whose states are to be loaded."""
        if self._ledger.is_over:
            self._is_over = True
            return ()
        return self._ledger.missing

    def _begun(self, position: int, turn: StartTurn) -> TurnWork | None:
        """Begin a turn; None = it is not to be taken."""
        if turn.key in self._blocked or self._size > LARGEST_TURN:
            self._ledger.skip(self._now)
            return None
        first = turn.deliveries[0]
        # In this order: what was abandoned before its beginning was written down does not begin.
        if self._is_over or not self._gate.mark(self.ticket, first.cursor_key, self._desk.piece(turn)):
            self._is_over = True
            return None
        if not self._ledger.begin(position, self._now):
            self._is_over = True
            return None
        desk = self._desk
        activation = self._ledger.opened.get(turn.key, desk.activations.shared)
        work = self._work = work_of(desk, turn, activation, self._tell, keeps_state=self._ledger.keeps_states)
        return work

    def _note(self, turn: StartTurn, outcome: TurnOutcome, activation: Activation | None, size: int = 0) -> None:
        started = self._now
        finished = self._now = self._desk.services.clock.now()
        self._work = None
        if not self._ledger.note(started, finished, outcome, activation):
            self._is_over = True
        elif type(outcome) is Handled:
            self._size += size + len(outcome.effects.state or b"")
        elif self._desk.has_lanes:
            self._blocked.add(turn.key)

    def _fail_all(self, turns: tuple[StartTurn, ...], error: BaseException) -> None:
        """What keeps the whole shift from being taken fails each of its turns."""
        outcome = failed(error)
        for turn in turns:
            self._note(turn, outcome, None)

    def _report(self) -> None:
        ended = self._ledger.finish(self._now)
        payload = b"" if ended is None else encode_turns(ended)
        # First the slot file, then the message; nothing of an abandoned shift is told.
        self._gate.end(self.ticket, AN_END, success=True, now_us=self._now.wall_us)
        if ended is not None:
            self._tell(payload)


class ShiftBody(OneTurnActor, AnyShift):
    """Takes turns of plain functions, on one of the system's threads."""

    known_as = "a shift"

    def on_receive(self, message: bytes) -> None:
        """Take the shift."""
        turns = decode_shift(message).turns
        self._now = self._desk.services.clock.now()
        try:
            if self._desk.services.is_refusing():
                raise RuntimeError(REFUSED)  # noqa: TRY301 - as whatever else keeps it from being taken
            missing = self._open()
            if missing:
                self._desk.activations.load(missing)
        except Exception as error:  # noqa: BLE001 - the disk; its turns are told all the same
            self._fail_all(turns, error)
        else:
            self._take(turns)
        self._report()

    def _take(self, turns: tuple[StartTurn, ...]) -> None:
        for position, turn in enumerate(turns):
            work = self._begun(position, turn)
            if work is not None:
                self._note(turn, work.take(), work.activation, work.outgoing.size)
            if self._is_over:
                return


class LoopShift(AnyShift):
    """Takes turns of coroutine functions and async generators, on the event loop."""

    _task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Cancel the coroutine too."""
        super().cancel()
        task = self._task
        if task is not None:
            task.get_loop().call_soon_threadsafe(task.cancel)

    async def on_receive(self, message: bytes) -> None:
        """Take the shift."""
        turns = decode_shift(message).turns
        self._now = self._desk.services.clock.now()
        try:
            # A task of its own, so that cancelling the body leaves this actor able to report it.
            self._task = asyncio.ensure_future(self._shift(turns))
            await self._task
        except BaseException as error:  # noqa: BLE001 - cancelled, or the disk; its turns are told all the same
            self._fail_all(turns, error)
        self._task = None
        self._report()
        self.actor_stopped.set()

    async def _shift(self, turns: tuple[StartTurn, ...]) -> None:
        missing = self._open()
        if missing:
            await asyncio.to_thread(self._desk.activations.load, missing)
        for position, turn in enumerate(turns):
            work = self._begun(position, turn)
            if work is not None:
                self._note(turn, await work.atake(), work.activation, work.outgoing.size)
            if self._is_over:
                return
            uncancel()


def uncancel() -> None:
    """Forget that a handler has cancelled the task it runs in: the turns behind it are none of its business."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
