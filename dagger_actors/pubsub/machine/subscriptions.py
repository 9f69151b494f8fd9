"""What of one subscription is read and not done, and which turns may begin."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Final

from dagger_actors.pubsub.machine.cursors import Cursor
from dagger_actors.pubsub.machine.events import SubscriptionTerms
from dagger_actors.pubsub.machine.lanes import Alarms, Item, Key, Lane, Shift, Turn
from dagger_actors.pubsub.machine.shift_size import ShiftSize

__all__ = ["MOST_AT_ONCE", "Subscription"]

MOST_AT_ONCE: Final = 512
"""Messages in one fetch, at most."""

LARGEST_MESSAGE: Final = 1024 * 1024
"""Bytes that no payload goes beyond."""


class Subscription:
    """One subscription of this member.

    Args:
        terms: What is known of it.
        keys: Those of the whole group.
        alarms: Those of the whole member.

    Attributes:
        cursors: On each of its channels.
        hungry: Cursors that may have something to read, in order.
        asked: Messages that fetches under way may bring.
        asked_bytes: Bytes that they may.
        pending: Messages that were read and are not done.
        pending_bytes: Bytes that these have.
        running: Shifts that are being taken.
        is_paused: Whether nothing begins.
        size: Of its shifts.
    """

    def __init__(self, terms: SubscriptionTerms, keys: dict[str, Key], alarms: Alarms) -> None:
        self.terms = terms
        self.name = terms.name
        self.is_laned = terms.is_keyed or terms.is_ordered
        self.cursors: list[Cursor] = []
        self.hungry: deque[Cursor] = deque()
        self.asked = self.asked_bytes = 0
        self.pending = self.pending_bytes = 0
        self.running = 0
        self.is_paused = False
        self.size = ShiftSize()
        self._keys = keys
        self._alarms = alarms
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._free: deque[Item] = deque()

    @property
    def has_ready(self) -> bool:
        """Whether anything might begin."""
        return bool(self._ready or self._free)

    # --- reading

    def room(self) -> int:
        """How many messages to ask for now; 0 = none.

        They are asked for by halves of the window, lest each turn that ends cost a look at the channel. When there are places
        and nothing that could begin, because what is there waits for its keys or for another try, by small pieces.
        """
        window, window_bytes = self.terms.window, self.terms.window_bytes
        room, room_bytes = window - self.pending - self.asked, self._room_bytes()
        if room <= 0 or room_bytes <= 0 or self.is_paused:
            return 0
        if 2 * room >= window and 2 * room_bytes >= window_bytes:
            return room
        if self.has_ready or self.running >= self.terms.concurrency:
            return 0
        return room if not self.running or (16 * room >= window and 16 * room_bytes >= window_bytes) else 0

    def _room_bytes(self) -> int:
        return self.terms.window_bytes - self.pending_bytes - self.asked_bytes

    def look(self, cursor: Cursor) -> None:
        """A cursor may have something to read now."""
        if not cursor.is_hungry and not cursor.asked and cursor.first() is not None:
            cursor.is_hungry = True
            self.hungry.append(cursor)

    def ask(self) -> tuple[Cursor, int] | None:
        """What to fetch now: of which cursor, which says how much, and from which offset on; None = nothing (more)."""
        while self.hungry and (room := self.room()):
            cursor = self.hungry.popleft()
            cursor.is_hungry = False
            first = cursor.first()
            if first is None or cursor.asked:
                continue
            limit = min(room, MOST_AT_ONCE, cursor.head - first)
            cursor.ask(limit, min(self._room_bytes(), limit * LARGEST_MESSAGE))
            self.asked += limit
            self.asked_bytes += cursor.asked_bytes
            return cursor, first
        return None

    def done(self, items: Collection[Item]) -> None:
        """These are not pending any more."""
        self.pending -= len(items)
        self.pending_bytes -= sum([item.size_bytes for item in items])

    # --- lanes

    def put(self, item: Item, now_us: int) -> None:
        """A message was read. All of one key are of one range."""
        self.pending += 1
        self.pending_bytes += item.size_bytes
        if not self.is_laned:
            self._put_free(item, now_us)
            return
        lane = self.lane(self.key_of(item))
        lane.items.append(item)
        if not lane.is_queued:
            self.offer(lane, now_us)

    def key_of(self, item: Item) -> str:
        """Whose turn a message takes; empty = no key."""
        return item.key if self.terms.is_keyed else ""

    def lane(self, name: str) -> Lane:
        """The lane of a key, made when there is none."""
        lane = self._lanes.get(name)
        if lane is None:
            key = self._keys.get(name)
            if key is None:
                key = self._keys[name] = Key(name)
            lane = self._lanes[name] = Lane(key, self)
        return lane

    def offer(self, lane: Lane, now_us: int) -> None:
        """A lane may have something that can begin: put it where it will be looked at."""
        if lane.is_queued or lane.is_waiting or not lane.items:
            return
        key, head = lane.key, lane.items[0]
        if key.holder is lane or head.part.held.is_surplus:
            return
        if head.due_at is not None and head.due_at > now_us:
            if lane.due_at != head.due_at:
                lane.due_at = head.due_at
                self._alarms.add(head.due_at, lane)
        elif not key.is_free_for(lane):
            key.enlist(lane)
        else:
            lane.is_queued = True
            self._ready.append(lane)

    def release(self, key: Key, now_us: int) -> None:
        """If a key is free now: the next one that waits for it has it, and whoever had it comes behind."""
        if key.holder is not None or key.redone is not None:
            return
        lane = key.next_waiter(now_us) if key.reserved is None else None
        if lane is not None:
            key.reserved = lane
            lane.is_queued = True
            lane.subscription._ready.appendleft(lane)  # noqa: SLF001 - another one of this class
        for lane in list(key.lanes):
            if lane.items:
                lane.subscription.offer(lane, now_us)
            else:
                lane.subscription.drop(lane)

    def drop(self, lane: Lane) -> None:
        """A lane is empty and has nothing in hand."""
        del self._lanes[lane.key.name]
        lane.key.lanes.remove(lane)
        if not lane.key.lanes:
            del self._keys[lane.key.name]

    def rouse(self, target: Lane | Item, now_us: int) -> None:
        """What was to be looked at again is due."""
        if isinstance(target, Lane):
            target.due_at = None
            self.offer(target, now_us)
        else:
            target.due_at = None
            self._free.append(target)

    def put_back(self, lane: Lane | None, items: list[Item], now_us: int) -> None:
        """Items that were in hand are to be delivered (again); the lane is offered by whoever releases its key."""
        for item in items:
            item.is_in_hand = False
        if lane is not None:
            lane.put_back(items)
        else:
            for item in reversed(items):
                self._put_free(item, now_us, is_first=True)

    # --- turns

    def begin(self, now_us: int) -> Shift | None:
        """Take the turns of one shift out of what is ready."""
        turns: list[Turn] = []
        if not self.is_laned:
            self._begin_free(turns)
        else:
            self._begin_lanes(turns, now_us)
        if not turns:
            return None
        self.running += 1
        return Shift(self, turns)

    def _begin_lanes(self, turns: list[Turn], now_us: int) -> None:
        size, ready = self.size.turns, self._ready
        begun = 0
        while ready and begun < size:
            lane = ready.popleft()
            lane.is_queued = False
            key, items = lane.key, lane.items
            if not items:
                continue
            if not key.is_free_for(lane):
                key.enlist(lane)
                continue
            key.reserved = None
            key.holder = lane
            # Several turns of one lane may stand in a shift, in order; but not at the cost of other lanes.
            first = begun
            last = first + (max(1, (size - first) // (len(ready) + 1)) if len(items) > 1 else 1)
            while begun < last and items:
                taken = self._take(items, now_us)
                if not taken:
                    break
                turns.append(Turn(self, lane, taken))
                begun += 1
            if begun == first:  # what came to its front since it was queued is not due yet
                key.holder = None
                self.release(key, now_us)

    def _take(self, items: deque[Item], now_us: int) -> tuple[Item, ...]:
        """The messages of the next turn of a lane: those that are there and due, one batch at most."""
        taken: list[Item] = []
        while items and len(taken) < self.terms.batch:
            item = items[0]
            if (item.due_at is not None and item.due_at > now_us) or (taken and item.part.suspects):
                break
            items.popleft()
            item.is_in_hand = True
            taken.append(item)
            if item.part.suspects:
                item.part.suspects -= 1
                break
        return tuple(taken)

    def _begin_free(self, turns: list[Turn]) -> None:
        free = self._free
        while free and len(turns) < self.size.turns:
            taken: list[Item] = []
            while free and len(taken) < self.terms.batch:
                if taken and free[0].part.suspects:
                    break
                item = free.popleft()
                if item.is_live and not item.part.held.is_surplus:
                    item.is_in_hand = True
                    taken.append(item)
                    if item.part.suspects:
                        item.part.suspects -= 1
                        break
            if taken:
                turns.append(Turn(self, None, tuple(taken)))

    def _put_free(self, item: Item, now_us: int, *, is_first: bool = False) -> None:
        if item.due_at is not None and item.due_at > now_us:
            self._alarms.add(item.due_at, item)
        elif is_first:
            self._free.appendleft(item)
        else:
            self._free.append(item)

    # --- anew

    def sort_out(self) -> None:
        """Take out of the lanes what is no longer this member's business; everything is to be ``restore``d after it."""
        self._ready.clear()
        self._free.clear()
        for lane in list(self._lanes.values()):
            lane.items = deque(item for item in lane.items if item.is_live)
            lane.is_queued = lane.is_waiting = False
            lane.due_at = None
            key = lane.key
            key.reserved = key.waiters = None
            if not lane.items and key.holder is not lane and not key.redone:
                self.drop(lane)
            elif not key.redone:
                key.is_spoiled = False

    def restore(self, now_us: int) -> None:
        """Offer all that there is, anew; all subscriptions of the group were sorted out."""
        if self.is_laned:
            for lane in list(self._lanes.values()):
                self.offer(lane, now_us)
            return
        items = [item for cursor in self.cursors for part in cursor.parts.values() for item in part.items.values()]
        for item in sorted(items, key=lambda item: item.arrival):
            if not item.is_in_hand:
                self._put_free(item, now_us)

    def retrying(self) -> int:
        """Messages that wait for another try."""
        return sum(
            1
            for cursor in self.cursors
            for part in cursor.parts.values()
            for item in part.items.values()
            if item.due_at is not None and not item.is_in_hand
        )
