"""What is to be published and not in the file yet: what comes next, what waits for room, what is to blame; pure.

One load is under way at a time, so that nothing overtakes what found its channel full. What finds one full waits apart, all
that comes for the same channel behind it; a few are tried first, and more each time while there is room. A load that is
refused is halved until the parcel that is to blame is alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from dagger_actors.core.channels import Appended
from dagger_actors.errors import ChannelFull, OutboxFull
from dagger_actors.pubsub.outgoing.parcel import FULL, Parcel
from dagger_actors.pubsub.outgoing.stall import Lot, Stall

__all__ = ["Shelf"]

WAITING = 10_000
"""Messages that may wait for the journal."""

WAITING_BYTES = 64 * 1024 * 1024

UNIT = 4_096
"""Messages of one load, so that no group takes long."""

UNIT_BYTES = 8 * 1024 * 1024


class Shelf:
    """Keeps parcels until they are answered.

    Those whose publisher waits, and that wait for room in a channel, are no part of its bounds: there are no more of them
    than there are publishers.

    Attributes:
        flying: The load that is under way; empty = none.
        is_closed: Whether nothing waits for room any more.
    """

    def __init__(self) -> None:
        self.flying: list[Lot] = []
        self.is_closed = False
        self._incoming: deque[Parcel] = deque()
        self._suspects: deque[list[Lot]] = deque()
        self._stalls: dict[str, Stall] = {}
        self._count = 0
        self._bytes = 0

    @property
    def size(self) -> tuple[int, int]:
        """How many messages wait, and how many bytes they have."""
        return self._count, self._bytes

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for the journal."""
        return not (self._incoming or self._suspects or self.flying)

    @property
    def has_more(self) -> bool:
        """Whether there may be a load."""
        return bool(self._incoming or self._suspects or any(stall.is_due for stall in self._stalls.values()))

    @property
    def has_stalled(self) -> bool:
        """Whether something waits for room in its channel."""
        return bool(self._stalls)

    def put(self, parcel: Parcel) -> bool:
        """Take a parcel; False = there is no room for it, and its publisher waits for that.

        Raises:
            OutboxFull: There is no room, and nobody waits for it.
            ChannelFull: Its channel is full, and nobody waits for it.
        """
        if not parcel.waits and parcel.outlet.name in self._stalls:
            raise ChannelFull(parcel.outlet.name, parcel.outlet.capacity)
        count, size_bytes = len(parcel.messages), parcel.size_bytes
        if self._count and (self._count + count > WAITING or self._bytes + size_bytes > WAITING_BYTES):
            if not parcel.waits:
                raise OutboxFull(*self.size)
            return False
        parcel.is_counted = True
        self._count += count
        self._bytes += size_bytes
        self._incoming.append(parcel)
        return True

    def moved(self, channel: str) -> bool:
        """There may be room in a channel; tells whether something waits for that."""
        if channel in self._stalls:
            self._stalls[channel].is_due = True
        return channel in self._stalls

    # --- loads

    def load(self) -> list[Lot]:
        """Take what goes next; empty when there is nothing, or a load is under way."""
        if not self.flying:
            self.flying = self._suspected() or self._fresh()
            return self.flying
        return []

    def _suspected(self) -> list[Lot]:
        while self._suspects:
            lots = [lot for lot in self._suspects.popleft() if self._may_go(lot.parcel)]
            if lots:
                return lots
        return []

    def _may_go(self, parcel: Parcel) -> bool:
        """Of a refused load: whether it still may be written before what its channel holds back."""
        stall = self._stalls.get(parcel.outlet.name)
        if parcel.is_over:
            return False
        if parcel.is_stalled:
            return stall is not None and stall.parcels[0] is parcel
        if stall is not None:
            self._stall(parcel)
        return stall is None

    def _fresh(self) -> list[Lot]:
        lots = [lot for stall in self._stalls.values() for lot in stall.tried()]
        count, size_bytes = sum(len(lot.places) for lot in lots), sum(lot.parcel.size_bytes for lot in lots)
        while self._incoming and count < UNIT and size_bytes < UNIT_BYTES:
            parcel = self._incoming.popleft()
            if parcel.outlet.name in self._stalls:
                self._stall(parcel)
                continue
            lots.append(Lot(parcel, parcel.rest))
            count += len(parcel.rest)
            size_bytes += parcel.size_bytes
        return lots

    def committed(self, answers: Sequence[Appended]) -> list[Parcel]:
        """The load is in the file, but for what found its channel full; gives the parcels that wait for nothing any more."""
        lots, self.flying = self.flying, []
        ended, at = [], 0
        has_room: dict[str, bool] = {}
        for parcel, places in lots:
            found = answers[at : at + len(places)]
            at += len(places)
            name, is_full = parcel.outlet.name, any(one.offset == FULL for one in found)
            has_room[name] = has_room.get(name, True) and not is_full
            parcel.take(places, found)
            if not parcel.rest or parcel.outlet.overflow == "reject" or self.is_closed:
                self._end(parcel)
                ended.append(parcel)
            elif not parcel.is_stalled:
                self._stall(parcel)
        for name in has_room.keys() & self._stalls.keys():
            self._stalls[name].learn(has_room=has_room[name])
        return ended

    def rejected(self, *, is_theirs: bool) -> list[Parcel]:
        """The load is not in the file.

        Args:
            is_theirs: Whether that is the fault of one of them.

        Returns:
            Those that are to hear of it; the others are tried again.
        """
        lots, self.flying = self.flying, []
        if not is_theirs or len(lots) == 1 or self.is_closed:
            for lot in lots:
                self._end(lot.parcel)
            return [lot.parcel for lot in lots]
        # What had waited for room keeps its order only one by one.
        tried = [[lot] for lot in lots if lot.parcel.is_stalled]
        fresh = [lot for lot in lots if not lot.parcel.is_stalled]
        middle = (len(fresh) + 1) // 2
        self._suspects.extendleft(reversed([*tried, *(half for half in (fresh[:middle], fresh[middle:]) if half)]))
        return []

    # --- time and the end

    def late(self, now_us: int) -> list[Parcel]:
        """Try all full channels again, and give up what has waited long enough, which it gives."""
        flying = self._flying_ids()
        stalls = list(self._stalls.values())
        late = [one for stall in stalls for one in stall.parcels if one.until_us <= now_us and id(one) not in flying]
        for parcel in late:
            self._end(parcel)
        for stall in self._stalls.values():
            stall.is_due = True
        return late

    def clear(self) -> list[Parcel]:
        """Let nothing wait any more; gives all that is not under way."""
        self.is_closed = True
        suspects = [lot.parcel for lots in self._suspects for lot in lots]
        stalled = [parcel for stall in self._stalls.values() for parcel in stall.parcels]
        flying = self._flying_ids()
        left = {
            id(one): one for one in (*suspects, *stalled, *self._incoming) if id(one) not in flying and not one.is_over
        }
        for parcel in left.values():
            self._end(parcel)
        self._incoming.clear()
        self._suspects.clear()
        return list(left.values())

    def _flying_ids(self) -> frozenset[int]:
        return frozenset(id(lot.parcel) for lot in self.flying)

    def _stall(self, parcel: Parcel) -> None:
        self._stalls.setdefault(parcel.outlet.name, Stall()).parcels.append(parcel)
        parcel.is_stalled = True
        if parcel.waits:
            self._uncount(parcel)

    def _end(self, parcel: Parcel) -> None:
        stall = self._stalls.get(parcel.outlet.name)
        if parcel.is_stalled and stall is not None:
            stall.parcels.remove(parcel)
            if not stall.parcels:
                del self._stalls[parcel.outlet.name]
        parcel.is_stalled = False
        parcel.is_over = True
        self._uncount(parcel)

    def _uncount(self, parcel: Parcel) -> None:
        if parcel.is_counted:
            parcel.is_counted = False
            self._count -= len(parcel.messages)
            self._bytes -= parcel.size_bytes
