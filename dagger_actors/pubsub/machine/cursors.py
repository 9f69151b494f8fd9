"""How far one subscription has read one channel, for each range of it that the member holds.

Most ranges are read together, up to the cursor's position. One that was gained later stands behind it until it has caught
up; one that is to be given back stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from dagger_actors.core.member_rows import CursorRow
from dagger_actors.pubsub.machine.done import DoneSet
from dagger_actors.pubsub.machine.events import CursorState, Message, Waiting

if TYPE_CHECKING:
    from dagger_actors.pubsub.machine.lanes import Item
    from dagger_actors.pubsub.machine.subscriptions import Subscription

__all__ = ["LAG", "Cursor", "HeldRange", "Part"]

LAG: Final = 1_000
"""A floor that was not written is this far behind before it is written for itself, while there is work."""

UNWRITTEN: Final = -1


class HeldRange:
    """One range in the member's hands.

    Attributes:
        range: 0 to 63.
        epoch: Of its lease.
        since: The number of the last turn that had ended when it was gained.
        is_surplus: Whether it is to be given back: nothing of it begins, and it is not read on.
    """

    __slots__ = ("epoch", "is_surplus", "range", "since")

    def __init__(self, number: int, epoch: int, since: int) -> None:
        self.range = number
        self.epoch = epoch
        self.since = since
        self.is_surplus = False


class Part(DoneSet):
    """One range of one cursor, under one lease.

    Attributes:
        cursor: The cursor.
        held: The range as it is held.
        range: Its number.
        items: What is pending, by offset.
        written: The floor as it was written last.
        suspects: How many of its messages are taken one by one: a worker died of a batch, and only its first one is known.
    """

    __slots__ = ("cursor", "held", "items", "range", "suspects", "written")

    def __init__(self, cursor: Cursor, held: HeldRange, state: CursorState) -> None:
        floor, gaps = state.done.get(held.range, (state.start, ()))
        super().__init__(floor, gaps)
        self.cursor = cursor
        self.held = held
        self.range = held.range
        self.items: dict[int, Item] = {}
        self.written = floor
        self.suspects = 0

    def read_to(self) -> int:
        """The range was read up to here."""
        return self.cursor.read_to(self.range)

    def lag(self) -> int:
        """How far its floor is ahead of the one that was written."""
        return self.floor(self.read_to()) - self.written

    def row(self, group_key: int, owner: int, member: str) -> CursorRow:
        """The row as it is now; it counts as written."""
        read_to = self.read_to()
        self.written = floor = self.floor(read_to)
        held = self.held
        return CursorRow(self.cursor.key, held.range, group_key, owner, member, held.epoch, floor, self.gaps(read_to))

    def forget_written(self) -> None:
        """What was written last may not be in the file."""
        self.written = UNWRITTEN


class Cursor:
    """One subscription on one channel.

    Args:
        key: Cursor_key.
        subscription: Whose it is.

    Attributes:
        head: The channel has messages up to here (exclusive), as far as is known.
        position: Where all ranges are read up to that are not behind.
        parts: By range.
        waiting: Rows of deliveries that are not read yet, by offset.
        crashed: Rows of those of which a worker died, read or not, by offset.
        asked: The limit of the fetch under way; 0 = none is.
        asked_bytes: The same, of bytes.
        is_hungry: Whether its subscription has it among those that may have something to read.
    """

    __slots__ = (
        "_asked_head", "_behind", "_checked", "_unasked", "asked", "asked_bytes", "crashed", "head", "is_hungry", "key", "parts",
        "position", "subscription", "waiting",
    )  # fmt: skip

    def __init__(self, key: int, subscription: Subscription) -> None:
        self.key = key
        self.subscription = subscription
        self.head = 0
        self.position = 0
        self.parts: dict[int, Part] = {}
        self.waiting: dict[int, Waiting] = {}
        self.crashed: dict[int, Waiting] = {}
        self.asked = self.asked_bytes = 0
        self.is_hungry = False
        self._behind: dict[int, int] = {}
        # Gained since the fetch under way was asked for: what it brings may lack their messages.
        self._unasked: dict[int, None] = {}
        self._checked = 0
        self._asked_head = 0

    def read_to(self, number: int) -> int:
        """Where one range was read up to."""
        return self._behind.get(number, self.position) if self._behind else self.position

    def first(self) -> int | None:
        """The offset to read next; None = there is nothing to read, or nobody to read it for."""
        if not self._behind:
            return self.position if self.parts and self.position < self.head else None
        places = [at for number, at in self._behind.items() if not self.parts[number].held.is_surplus]
        if len(self._behind) < len(self.parts):
            places.append(self.position)
        first = min(places, default=self.head)
        return first if first < self.head else None

    def extend(self, held: tuple[HeldRange, ...], state: CursorState) -> list[Part]:
        """Ranges are there; makes parts of those that were not."""
        # All messages of what is in order are of range 0: that others have nothing there must not count as done.
        terms = self.subscription.terms
        has_one = terms.is_ordered and not terms.is_keyed
        fitting = [one for one in held if not (one.range and has_one)]
        parts = [Part(self, one, state) for one in fitting if one.range not in self.parts]
        floors = [part.written for part in parts]
        if not self.parts and parts:
            self.position = self._checked = max(floors)
            self._behind.clear()
        for part, floor in zip(parts, floors, strict=True):
            number = part.range
            self.parts[number] = part
            if floor < self.position:
                self._behind[number] = floor
            if self.asked:
                self._unasked[number] = None
        return parts

    def drop(self, number: int) -> Part | None:
        """A range is there no longer."""
        part = self.parts.pop(number, None)
        self._behind.pop(number, None)
        for rows in (self.waiting, self.crashed):
            for offset in [offset for offset, row in rows.items() if row.range == number]:
                del rows[offset]
        return part

    def hold_back(self, number: int) -> None:
        """A range is to be given back: it is read on for itself, if at all."""
        if number in self.parts:
            self._behind.setdefault(number, self.position)

    def unread(self) -> int:
        """Offsets that are to be read, other members' ones among them."""
        first = self.first()
        return self.head - first if first is not None else 0

    def ask(self, limit: int, limit_bytes: int) -> None:
        """A fetch goes out."""
        self.asked = limit
        self.asked_bytes = limit_bytes
        self._asked_head = self.head
        self._unasked.clear()

    def accepted(self, first: int, messages: tuple[Message, ...]) -> Iterator[tuple[Message, Part]]:
        """Those messages of a fetch that are this member's and were not read before."""
        position = self.position
        for message in messages:
            number = message.range
            part = self.parts.get(number)
            if part is None or part.held.is_surplus or number in self._unasked:
                continue
            read_to = self._behind.get(number, position) if self._behind else position
            # Were the range read from further on than it was read up to, what is between would count as read.
            if first <= read_to <= message.offset:
                yield message, part

    def advance(self, first: int, next_offset: int) -> None:
        """Everything from ``first`` to ``next_offset`` was read, for the ranges that were there when it was asked for."""
        old, behind = self.position, self._behind
        if first <= old < next_offset:
            for number in self._unasked:
                if number in self.parts and number not in behind:
                    behind[number] = old
            self.position = next_offset
        if behind:
            for number, at in list(behind.items()):
                if self.parts[number].held.is_surplus:
                    continue
                read_to = next_offset if first <= at < next_offset and number not in self._unasked else at
                if read_to < self.position:
                    behind[number] = read_to
                else:
                    del behind[number]
        if next_offset > self.head:
            self.head = next_offset
        elif next_offset <= first and self.head == self._asked_head:
            self.head = first  # there is nothing after all; to ask again at once would bring the same

    def lagging(self) -> list[Part]:
        """Parts whose written floor lags far behind; looked for only after as many offsets were read."""
        if self.position - self._checked < LAG:
            return []
        self._checked = self.position
        return [part for part in self.parts.values() if part.lag() >= LAG]
