"""The cell of a durable actor: what a turn has changed is committed before anybody sees what the turn did.

A turn is one call of the class's code: of a handler, of what goes on with an answer, of ``started``, ``stopping`` and
``unhandled``. Guarantees:

- The state is that of the last commit whenever a turn begins, in whatever process. (``pre_restart`` sees what the failed turn
  left of it, and what it does to that is lost.)
- Answers, messages, asks and children of a turn leave after its commit, in order; of a turn that raises, or whose commit
  is refused, none do. A turn that changes nothing commits nothing. Only what is awaited (``await ref.ask(...)``) goes out
  within the turn, so it may happen again.
- While a commit is under way the actor takes no message, as while a coroutine is awaited; no thread is held.
- An actor whose stored state its class cannot read, or whose state another process has taken over, is *held*: for its
  supervisor it is up, and so is never restarted; what it is sent is undelivered, and who asks gets the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dagger_actors.core.durable import Begun, Decision, Read, Restore
from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import ActorStopped, DaggerError, StateOwned, StateUnreadable
from dagger_actors.supervised.cell import TURN
from dagger_actors.supervised.committing import CommittingCell
from dagger_actors.supervised.extra import Past
from dagger_actors.supervised.turn import Order, Turn
from dagger_actors.supervised.wire import StopLetter

if TYPE_CHECKING:
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.effects import Effects
    from dagger_actors.supervised.family import ExitKind

__all__ = ["DurableCell"]

logger = logging.getLogger("dagger_actors.actors")


class DurablePast(Past):
    """What an incarnation leaves besides.

    Attributes:
        effects: What its last turn did to others.
        asking: Who waits for the turn whose commit is under way, or was the last.
        outcome: What they are told; None = it has stopped.
    """

    effects: Effects
    asking: Turn
    outcome: bool | None


class DurableCell(CommittingCell):
    """One durable actor of a system.

    Attributes:
        held: Why it takes no messages though it is up; None = it takes them.
    """

    __slots__ = ("_restored", "held")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.held: DaggerError | None = None
        self._restored: object = None

    # --- its supervisor's part

    def close(self) -> None:
        """Stop for good, and leave the state to whoever wants it next."""
        if self._book.epoch:
            self._states.release(self.name, self._book.epoch)  # first: who has the name next claims behind it
        super().close()

    # --- how an incarnation begins

    def _rise(self, incarnation: int, turn: Turn) -> None:
        with self.lock:
            if self.turn is not turn:
                return
            self.actor = self.held = None
        decision = self._decide(turn, Begun(), partial(self._has_read, incarnation))
        match decision:
            case Restore():
                self._restore(incarnation, turn, decision)
            case Read():
                pass
            case _:
                assert decision is None

    def _has_read(self, incarnation: int, turn: Turn, decision: Decision, error: BaseException | None) -> None:
        if isinstance(decision, Restore):
            self._restore(incarnation, turn, decision)
        elif isinstance(error, StateOwned) and self._book.epoch:
            self._hold(incarnation, turn, error)  # it was taken over while it ran here
        else:
            assert error is not None
            self._did_not_rise(incarnation, turn, error)

    def _restore(self, incarnation: int, turn: Turn, found: Restore) -> None:
        try:
            self._restored = self._codec.decode(self.name, found.state, found.format)
        except StateUnreadable as error:
            self._hold(incarnation, turn, error)
            return
        self._known = found.state
        with self._open(turn):
            super()._rise(incarnation, turn)

    def make(self) -> Actor:
        """Make the instance of an incarnation, with the state of the last commit."""
        state, self._restored = self._restored, None
        return self.traits.make(self, state)

    def _has_risen(self, incarnation: int, turn: Turn, result: object, error: BaseException | None) -> None:
        if error is not None:
            self._undo(turn, error)
            super()._has_risen(incarnation, turn, result, error)
            return
        self._finish(
            turn,
            lambda turn: super(DurableCell, self)._has_risen(incarnation, turn, result, None),
            partial(self._did_not_rise, incarnation),
        )

    def _did_not_rise(self, incarnation: int, turn: Turn, error: BaseException) -> None:
        self._undo(turn, error)
        super()._did_not_rise(incarnation, turn, error)

    # --- how an incarnation ends

    def _hook(self, turn: Turn, call: Callable[[], object], name: str, then: Order) -> None:
        if name != "stopping":
            super()._hook(turn, call, name, then)
            return
        with self._open(turn):
            super()._hook(turn, call, name, then)

    def _hook_returned(self, name: str, then: Order, turn: Turn, result: object, error: BaseException | None) -> None:
        if name == "stopping" and error is None:
            self._finish(turn, then, lambda turn, error: self._hook_returned(name, then, turn, None, error))
            return
        if error is not None and not getattr(error, "is_death", False):
            self._undo(turn, error)
        super()._hook_returned(name, then, turn, result, error)

    def _take_past(self) -> Past:
        outcome = None if self.is_up else True  # one that is not up any more was asked to stop
        past = DurablePast(*super()._take_past())
        # In the same instant: between the store's word and the turn that takes it up, no turn has the asks in its hand.
        past.effects, past.asking, past.outcome = self._effects, self._asking, outcome
        return past

    def _end(self, turn: Turn, past: Past, kind: ExitKind, error: BaseException | None) -> None:
        """Tell the end; what a killed turn did is not told, though its commit may still succeed."""
        assert isinstance(past, DurablePast)
        past.effects.drop(ActorStopped(self.name))
        past.asking.leave(self, outcome=past.outcome)
        super()._end(turn, past, kind, error)

    # --- held

    def _hold(self, incarnation: int, turn: Turn, error: DaggerError) -> None:
        with self.lock:
            if self.turn is not turn:
                return
            self.held = error
            self.is_up = True
        logger.error("%s is held: %s", self, error, extra=LogFields(actor=self.name))
        self.parent.child_started(self, incarnation)

    def _make(self, turn: Turn) -> bool:
        del turn
        return False  # it is held, or killed at this moment: else it has an instance from its start to its end

    def _work(self, turn: Turn) -> bool:
        return super()._work(turn) if self.held is None else self._turn_away(turn, self.held)

    def _turn_away(self, turn: Turn, held: DaggerError) -> bool:
        for _ in range(TURN):
            if (self.attention and not self._attend(turn)) or not self.is_up:
                return self.pause(turn)
            if not self.lane:
                return self.settle(turn)
            letter = self.lane.popleft()
            if letter[0] is StopLetter:
                self._stop_for(turn, letter)
            else:
                self.refuse(letter, held, "held")
        return self.interrupt(turn)
