"""What others have written into the file, as the machine of a member is told it: channels that grow, ranges that change hands.

The machine is pure. So where cursors are, and what waits there, is read here when they are gained, and goes into the event.
"""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.core.range_leases import Shared
from dagger_actors.pubsub.machine.events import Gained, Grown, Lost, Surplus
from dagger_actors.pubsub.members.deciding import Deciding
from dagger_actors.pubsub.members.holdings import Holdings
from dagger_actors.pubsub.members.intake import Cursor, Intake
from dagger_actors.pubsub.members.redoing import Redoing
from dagger_actors.pubsub.turns.activations import Activations

__all__ = ["FileNews"]


class FileNews:
    """Turns it into events; for the supervisor's thread.

    Args:
        deciding: Applies them.
        intake: What has been read; of ranges that are lost it is forgotten.
        holdings: Knows the ranges and cursors that are held.
        redoing: What is to be told again; of ranges that are lost it is not.
        activations: The keys in memory; those of ranges that are lost are dropped.

    Attributes:
        has_shared: Whether it has been heard which ranges are this member's.
    """

    def __init__(
        self, deciding: Deciding, *, intake: Intake, holdings: Holdings, redoing: Redoing, activations: Activations
    ) -> None:
        self._deciding = deciding
        self._intake = intake
        self._holdings = holdings
        self._redoing = redoing
        self._activations = activations
        self._surplus: tuple[int, ...] = ()
        self.has_shared = False

    def begin_anew(self, cursors: Sequence[Cursor]) -> None:
        """A fresh machine knows nothing: forget what the last one was told; these are all cursors of the member."""
        self._surplus = ()
        self._holdings.clear()
        self._holdings.add(cursors)

    def add(self, cursors: Sequence[Cursor]) -> None:
        """Subscriptions of this member are on channels that are new to them.

        Raises:
            StoreError: It cannot be read where they begin.
        """
        states, waiting = self._holdings.read_new(cursors)
        self._deciding.apply(Gained((), states, waiting))
        for channel_key in [cursor.channel_key for cursor in cursors]:
            self.grown(channel_key)

    def grown(self, channel_key: int, next_offset: int = 0) -> None:
        """A channel has all messages below this offset, and below what was heard of it before."""
        head = self._intake.grow(channel_key, next_offset)
        for cursor in self._holdings.on(channel_key):
            self._deciding.apply(Grown(cursor.cursor_key, head))

    def share(self, answer: Shared) -> None:
        """See what this member holds, and go on with what is new to it from where the file says.

        Raises:
            StoreError: It cannot be read.
        """
        self.has_shared = True
        self._redoing.is_waiting = False
        lost = self._holdings.lost(answer.held)
        if lost:
            self._intake.lose(lost)
            self._activations.drop_ranges(lost)
            self._deciding.apply(Lost(lost))
            self._redoing.lose(self._holdings.ranges)
        gained = self._holdings.gained(answer.held)
        if gained:
            states, waiting = self._holdings.read(gained)
            self._deciding.apply(Gained(gained, states, waiting))
            for channel_key in self._intake.channels():
                self.grown(channel_key)
        if answer.surplus != self._surplus:
            self._surplus = answer.surplus
            self._deciding.apply(Surplus(answer.surplus))
