"""What has ended of a shift, and who tells it: its body when it is through, or whoever abandons it, never both.

Everything here is one step under the lock of the activations: so a turn that is noted has its state where the next one of
its key looks, and one that is not has it nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from dagger_actors.core.protocols import Now
from dagger_actors.core.turns import Handled, NotTaken, ShiftEnded, StartTurn, TurnEnded, TurnOutcome
from dagger_actors.pubsub.turns.activations import Activation, Activations

__all__ = ["NOT_TAKEN", "Ledger"]

NOT_TAKEN: Final = NotTaken()


class Ledger:
    """That of one shift.

    Args:
        shift: The shift's number.
        turns: Its turns.
        activations: Those of the member.
        keeps_states: Whether what a turn leaves of the state is that of its key from then on.

    Attributes:
        at: The position of the turn that is being taken, from 0, and when it was begun; None = none is.
        opened: The activations in hand, by key.
        missing: Those of them whose states are to be loaded first.
    """

    __slots__ = ("_activations", "_ends", "_is_over", "_shift", "_turns", "at", "keeps_states", "missing", "opened")

    def __init__(
        self, shift: int, turns: tuple[StartTurn, ...], activations: Activations, *, keeps_states: bool = True
    ) -> None:
        self._shift = shift
        self._turns = turns
        self._activations = activations
        self.keeps_states = keeps_states
        self._ends: list[TurnEnded] = []
        self._is_over = False
        self.at: tuple[int, Now] | None = None
        self.opened: Mapping[str, Activation] = {}
        self.missing: Sequence[Activation] = ()

    @property
    def is_over(self) -> bool:
        """Whether it was closed; any thread."""
        return self._is_over

    def take_up(self) -> None:
        """Take the keys of the turns into hand.

        By whoever begins the shift, before its body knows of it: what is dropped from then on is dropped of its hand too,
        and what its turns leave of that is nobody's.
        """
        self.opened, self.missing = self._activations.open(turn.key for turn in self._turns)

    def begin(self, position: int, now: Now) -> bool:
        """Note that a turn is being taken; False when the shift was abandoned before."""
        with self._activations.lock:
            if not self._is_over:
                self.at = (position, now)
            return not self._is_over

    def skip(self, now: Now) -> None:
        """Note that a turn is not taken."""
        with self._activations.lock:
            if not self._is_over:
                self._ends.append(TurnEnded(now.wall_us, now.wall_us, NOT_TAKEN))

    def note(self, started: Now, finished: Now, outcome: TurnOutcome, activation: Activation | None) -> bool:
        """Note how a turn ended, and keep or give up what it left; False when the shift was abandoned meanwhile."""
        end = TurnEnded(started.wall_us, max(started.wall_us, finished.wall_us), outcome)
        with self._activations.lock:
            if self._is_over:
                return False
            self._ends.append(end)
            self.at = None
            if activation is None:
                pass
            elif type(outcome) is Handled and self.keeps_states:
                state = outcome.effects.state
                if state is not None:
                    activation.known = state
                    activation.pins += 1
            elif self._activations.codec is not None:
                activation.instance = None
            return True

    def finish(self, now: Now) -> ShiftEnded | None:
        """Close it: what was not begun is not taken. None when it was abandoned: then its end is told."""
        with self._activations.lock:
            return None if self._is_over else self._close(now)

    def abandon(self, late: TurnOutcome, now: Now) -> ShiftEnded | None:
        """Close it though a turn is being taken; its key goes on with the state from before.

        Args:
            late: What became of that turn.
            now: The time.

        Returns:
            None when it was closed before.
        """
        with self._activations.lock:
            if self._is_over:
                return None
            at = self.at
            ended = self._close(now, late)
            if at is not None:
                activation = self.opened.get(self._turns[at[0]].key)
                if activation is not None and self._activations.codec is not None:
                    self._activations.detach(activation)
            return ended

    def _close(self, now: Now, late: TurnOutcome | None = None) -> ShiftEnded:
        self._is_over = True
        ends = self._ends
        if late is not None and self.at is not None:
            ends.append(TurnEnded(self.at[1].wall_us, max(self.at[1].wall_us, now.wall_us), late))
        while len(ends) < len(self._turns):
            ends.append(TurnEnded(now.wall_us, now.wall_us, NOT_TAKEN))
        self._activations.close(self.opened.values())
        return ShiftEnded(self._shift, tuple(ends))
