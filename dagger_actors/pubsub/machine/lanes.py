"""Lanes: the messages of one key for one subscription, in order; and keys, of which one turn is taken at a time.

A key is the whole group's, so the lanes of several subscriptions may wait for it. They get it in the order in which they
came: the next one has it reserved, even while its subscription has no place for it, or it might never get it.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import msgspec

from dagger_actors.pubsub.machine.cursors import Part
from dagger_actors.pubsub.machine.events import Begin

if TYPE_CHECKING:
    from dagger_actors.pubsub.machine.subscriptions import Subscription

__all__ = ["Alarms", "Item", "Key", "Lane", "Shift", "Turn"]


class Item(msgspec.Struct, eq=False):
    """A message that was read and is not done.

    Attributes:
        part: The range of the cursor that it is of.
        offset: On its channel.
        key: As it was read.
        try_no: The user's count, from 1.
        due_at: Not before this; None = at once.
        has_row: Whether there may be a row for it in the file.
        arrival: Its place in its lane: rising in the order of arrival.
        is_live: Whether it is still this member's business, and in this incarnation.
        is_in_hand: Whether a turn has it.
        size_bytes: Of its payload; 0 where it was done, and is in hand again.
    """

    part: Part
    offset: int
    key: str
    arrival: int
    try_no: int = 1
    due_at: int | None = None
    has_row: bool = False
    is_live: bool = True
    is_in_hand: bool = False
    size_bytes: int = 0

    @property
    def subscription(self) -> Subscription:
        """Whose it is."""
        return self.part.cursor.subscription


class Key:
    """One key of the group.

    Attributes:
        name: Empty = no key.
        lanes: Those that have something of it.
        holder: The lane whose turns are being taken.
        redone: Turns of it that are to be told again, in order.
        is_spoiled: Whether one of those did not succeed: what came after it has seen what never was.
        waiters: Lanes that wait for it, in order.
        reserved: The lane that has it next.
    """

    __slots__ = ("holder", "is_spoiled", "lanes", "name", "redone", "reserved", "waiters")

    def __init__(self, name: str) -> None:
        self.name = name
        self.lanes: list[Lane] = []
        self.holder: Lane | None = None
        self.redone: deque[Turn] | None = None
        self.is_spoiled = False
        self.waiters: deque[Lane] | None = None
        self.reserved: Lane | None = None

    def is_free_for(self, lane: Lane) -> bool:
        """Whether a turn of that lane may begin, as far as the key is concerned."""
        return self.holder is None and not self.redone and (self.reserved is None or self.reserved is lane)

    def enlist(self, lane: Lane) -> None:
        """A lane waits."""
        lane.is_waiting = True
        if self.waiters is None:
            self.waiters = deque()
        self.waiters.append(lane)

    def next_waiter(self, now_us: int) -> Lane | None:
        """Whose turn it is next; lanes of paused subscriptions wait on.

        What was put back in front of one that waits may be due later only: such a lane waits no more, and is to be offered.
        """
        if self.waiters is None:
            return None
        for lane in list(self.waiters):
            if lane.subscription.is_paused:
                continue
            self.waiters.remove(lane)
            lane.is_waiting = False
            if lane.is_due(now_us):
                return lane
        return None


class Lane:
    """The messages of one key for one subscription.

    Attributes:
        key: The key.
        subscription: The subscription.
        items: In order; not those in hand.
        is_queued: Whether its subscription has it among those that are ready.
        is_waiting: Whether it is among those that wait for their key.
        due_at: When it was to be looked at again; None = it need not be.
    """

    __slots__ = ("due_at", "is_queued", "is_waiting", "items", "key", "subscription")

    def __init__(self, key: Key, subscription: Subscription) -> None:
        self.key = key
        self.subscription = subscription
        self.items: deque[Item] = deque()
        self.is_queued = False
        self.is_waiting = False
        self.due_at: int | None = None
        key.lanes.append(self)

    def is_due(self, now_us: int) -> bool:
        """Whether its first message may be delivered now."""
        return bool(self.items) and (self.items[0].due_at or 0) <= now_us

    def put_back(self, items: list[Item]) -> None:
        """Items that were in hand return to their place, which is in front of all but earlier ones."""
        if items and self.items and self.items[0].arrival < items[-1].arrival:
            self.items = deque(sorted([*items, *self.items], key=_arrival))
        else:
            self.items.extendleft(reversed(items))


class Turn:
    """One turn that is being taken, or is to be told again.

    Attributes:
        subscription: Whose.
        lane: None = of a subscription without order.
        items: Its messages.
        is_tainted: Whether it has seen what never was.
    """

    __slots__ = ("is_tainted", "items", "lane", "subscription")

    def __init__(self, subscription: Subscription, lane: Lane | None, items: tuple[Item, ...]) -> None:
        self.subscription = subscription
        self.lane = lane
        self.items = items
        self.is_tainted = False


class Shift:
    """Turns that one body takes one after the other."""

    __slots__ = ("subscription", "turns")

    def __init__(self, subscription: Subscription, turns: list[Turn]) -> None:
        self.subscription = subscription
        self.turns = turns

    def begin(self, number: int) -> Begin:
        """Tell whoever takes it."""
        turns: list[tuple[str, tuple[tuple[int, int, int], ...]]] = []
        for turn in self.turns:
            key = turn.lane.key.name if turn.lane is not None else ""
            turns.append((key, tuple([(one.part.cursor.key, one.offset, one.try_no) for one in turn.items])))
        return Begin(number, self.subscription.name, tuple(turns))


class Alarms:
    """What is to be looked at again, and when."""

    __slots__ = ("_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Lane | Item]] = []
        self._count = 0

    def add(self, due_at: int, target: Lane | Item) -> None:
        """Set one."""
        self._count += 1
        heappush(self._heap, (due_at, self._count, target))

    def next_us(self) -> int | None:
        """When the next one is due, wall microseconds."""
        heap = self._heap
        while heap and not self._is_set(*heap[0]):
            heappop(heap)
        return heap[0][0] if heap else None

    def take(self, now_us: int) -> list[Lane | Item]:
        """Take what is due."""
        due: list[Lane | Item] = []
        while (at := self.next_us()) is not None and at <= now_us:
            due.append(heappop(self._heap)[2])
        return due

    def clear(self) -> None:
        """Forget all of them."""
        self._heap.clear()

    def __len__(self) -> int:
        return len(self._heap)

    @staticmethod
    def _is_set(due_at: int, _: int, target: Lane | Item) -> bool:
        return target.due_at == due_at and (isinstance(target, Lane) or (target.is_live and not target.is_in_hand))


def _arrival(item: Item) -> int:
    return item.arrival
