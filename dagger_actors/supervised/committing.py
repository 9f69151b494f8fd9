"""How the turns of a durable actor end: with a commit, and then with what they did to others.

A turn is one call of the class's code. ``durable`` has the guarantees; here is what gives them: the code of a turn runs
within its ``Effects``, and when it has returned the ``StateBook`` decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dagger_actors.core.durable import Commit, Committed, Decision, Event, Found, Read, Refused, Returned, StateBook
from dagger_actors.errors import DaggerError
from dagger_actors.supervised.cell import Cell
from dagger_actors.supervised.effects import Effects, seen
from dagger_actors.supervised.mailbox import AWAITING, SCHEDULED
from dagger_actors.supervised.turn import Order, Turn

if TYPE_CHECKING:
    from dagger_actors.actors.reply import ReplyFuture
    from dagger_actors.core.protocols import AgentStates
    from dagger_actors.supervised.handlers import Handler
    from dagger_actors.supervised.state_codec import StateCodec
    from dagger_actors.supervised.wire import Letter

__all__ = ["CommittingCell"]

Refusal = Callable[[Turn, BaseException], object]

Told = Callable[[Turn, Decision, BaseException | None], object]


class CommittingCell(Cell):
    """An actor whose turns are committed.

    Args:
        states: Where its state is kept.
        codec: How.
    """

    __slots__ = ("_asking", "_book", "_codec", "_effects", "_known", "_states")

    def __init__(self, *args: Any, states: AgentStates, codec: StateCodec, **options: Any) -> None:
        super().__init__(*args, **options)
        self._states = states
        self._codec = codec
        self._book = StateBook()
        self._effects = Effects(self)
        self._known: bytes | None = None
        self._asking = Turn()
        seen.any = True

    # --- one turn

    def _call(self, turn: Turn, found: Handler, message: object, letters: tuple[Letter, ...]) -> bool:
        with self._open(turn):
            goes_on = super()._call(turn, found, message, letters)
        return goes_on and self.turn is turn  # else it is being committed

    def answer(self, turn: Turn, result: object) -> None:
        """Answer the asks in hand, after the commit."""
        self._finish(turn, partial(self._answer, result=result))

    def _answer(self, turn: Turn, result: object) -> None:
        super().answer(turn, result)

    def go_on(
        self,
        incarnation: int,
        reply: ReplyFuture[Any],
        error: BaseException | None,
        answered: Callable[[Any], object],
        failed: Callable[[BaseException], object] | None,
        turn: Turn,
    ) -> None:
        """Hand over the answer to a question; a turn like a handler's."""
        if self.incarnation != incarnation or not self.is_up:
            return
        with self._open(turn):
            super().go_on(incarnation, reply, error, answered, failed, turn)
        self._finish(turn, _nothing)

    def _unhandled(self, turn: Turn, letter: Letter) -> bool:
        with self._open(turn):
            goes_on = super()._unhandled(turn, letter)
        return goes_on and self._finish(turn, _nothing)

    def failed(self, turn: Turn, error: BaseException) -> bool:
        """An incarnation's code raised: what the turn did and changed is forgotten. Always False."""
        if not getattr(error, "is_death", False):
            self._undo(turn, error)
        return super().failed(turn, error)

    # --- deciding and committing

    def _open(self, turn: Turn) -> Effects:
        """Begin to hold back what a turn does; enter it around the code."""
        effects = Effects(self)
        with self.lock:
            if self.turn is turn:  # else it was killed, and these may be another turn's, in another thread
                self._effects = effects
        return effects

    def _undo(self, turn: Turn, reason: BaseException) -> None:
        with self.lock:
            effects = self._effects if self.turn is turn else None
        if effects is not None:  # else it was killed, and is another incarnation's turn by now
            effects.drop(reason)

    def _finish(self, turn: Turn, then: Order, refused: Refusal | None = None) -> bool:
        """A turn's code has returned: commit what it changed, then let out what it did, and go on.

        Returns:
            Whether the turn has gone on already.
        """
        with self.lock:
            effects, actor = self._effects, self.actor
            is_over = self.turn is not turn or actor is None
        if is_over or not effects.is_open:
            return False  # killed, or failed
        refused = self.failed if refused is None else refused
        try:
            assert actor is not None
            data = self._codec.encode(self.name, actor.state, known=self._known)
        except DaggerError as error:
            self._undo(turn, error)
            refused(turn, error)
            return False
        decision = self._decide(turn, Returned(data), partial(self._was_written, data, then, refused))
        if decision is None or isinstance(decision, Commit):
            return False
        effects.emit()
        then(turn)
        return self.turn is turn

    def _was_written(
        self,
        data: bytes,
        then: Order,
        refused: Refusal,
        turn: Turn,
        decision: Decision,
        error: BaseException | None,
    ) -> None:
        del decision
        if error is not None:
            self._undo(turn, error)
            refused(turn, error)
            return
        self._known = data
        self._effects.emit()
        then(turn)

    def _decide(self, turn: Turn, event: Event, then: Told) -> Decision | None:
        """Feed the book; what wants the store waits for it, as for a coroutine.

        Args:
            turn: The turn; over when the store is asked.
            event: What has happened.
            then: Called in a new turn with what the store's word leads to, unless it was killed.

        Returns:
            The decision; None when it was killed.
        """
        with self.lock:
            if self.turn is not turn:
                return None
            decision = self._book.apply(event)
            if not isinstance(decision, Read | Commit):
                return decision
            wait = self.turn = self._asking = Turn(turn.hand)
            self.state = AWAITING
        told = partial(self._told, wait, then)
        try:
            if isinstance(decision, Read):
                initial = self._codec.encode(self.name, self._codec.kind())
                self._states.claim(self.name, self._class_name, initial, told)
            else:
                self._states.put(self.name, self._class_name, decision.epoch, decision.state, told)
        except Exception as error:  # noqa: BLE001  a default of the user's own; a forked child
            told(error)
        return decision

    @property
    def _class_name(self) -> str:
        return f"{self.traits.cls.__module__}.{self.traits.cls.__qualname__}"

    def _told(
        self,
        wait: Turn,
        then: Told,
        outcome: Found | Exception | None,
    ) -> None:
        """Take the store's word, on its thread, and ask for a turn."""
        error = outcome if isinstance(outcome, Exception) else None
        event: Event = Committed() if outcome is None else Refused() if isinstance(outcome, Exception) else outcome
        with self.lock:
            if self.turn is not wait or self.state is not AWAITING:
                return  # killed meanwhile
            decision = self._book.apply(event)

            def come_back(turn: Turn) -> None:
                turn.hand, wait.hand = wait.hand, ()
                if self.turn is turn:
                    then(turn, decision, error)
                else:
                    turn.leave(self, outcome=None)  # killed before they were in its hand

            self.turn = None
            self.state = SCHEDULED
            self.orders = deque((come_back, *(self.orders or ())))
            self.attention = True
        self.schedule()


def _nothing(_turn: Turn) -> None:
    """What follows a turn that nobody waits for."""
