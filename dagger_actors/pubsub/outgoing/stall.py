"""What waits for room in one full channel, in order."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from dagger_actors.pubsub.outgoing.parcel import Parcel

__all__ = ["Lot", "Stall"]

FIRST = 16
"""Messages that are tried first, for each of them costs a look at the channel."""

FASTER = 4
"""How many times as many are tried while all have found room."""

MOST = 4_096


class Lot(NamedTuple):
    """What one unit takes of a parcel.

    Attributes:
        parcel: The parcel.
        places: The places of the messages in it.
    """

    parcel: Parcel
    places: list[int]


class Stall:
    """The parcels that wait for one channel.

    Attributes:
        parcels: The first one goes first.
        is_due: Whether it is to be tried again.
    """

    def __init__(self) -> None:
        self.parcels: deque[Parcel] = deque()
        self.is_due = False
        self._size = FIRST

    def tried(self) -> list[Lot]:
        """Take the first few, if they are due; they stay here until there was room for them."""
        if not self.is_due:
            return []
        self.is_due = False
        lots, left = [], self._size
        for parcel in self.parcels:
            if left <= 0:
                break
            lots.append(Lot(parcel, parcel.rest[:left]))
            left -= len(parcel.rest)
        return lots

    def learn(self, *, has_room: bool) -> None:
        """Note whether all that were tried had room: then more are tried at once, else it is waited for again."""
        self.is_due = has_room
        self._size = min(MOST, self._size * FASTER) if has_room else FIRST
