"""The machine of one member of a group: which message is delivered when, and what is acknowledged.

Deterministic: the same events give the same decisions; no clock, randomness, thread or disk. It runs ahead of its commits:
what it decides counts at once, and ``Undone`` takes it back.
"""

from __future__ import annotations

from typing import Final, assert_never

from dagger_actors.core.protocols import Now
from dagger_actors.pubsub.machine.cursors import Cursor, Part
from dagger_actors.pubsub.machine.events import (
    Decision,
    Effect,
    Event,
    Fetch,
    Fetched,
    Gained,
    GiveBack,
    Grown,
    Lost,
    Message,
    Paused,
    Retire,
    Settle,
    ShiftDone,
    SubscriptionTerms,
    Surplus,
    Ticked,
    TurnRedone,
    TurnRef,
    Undone,
    WakeAt,
)
from dagger_actors.pubsub.machine.holding import Holding
from dagger_actors.pubsub.machine.lanes import Alarms, Item, Key, Lane, Shift
from dagger_actors.pubsub.machine.ledger import POISON, SKIPPED, Ledger
from dagger_actors.pubsub.machine.redoing import NOT_TAKEN, Redoing
from dagger_actors.pubsub.machine.subscriptions import Subscription

__all__ = ["MemberMachine"]

MOST_CRASHES: Final = 3
"""After so many deaths of workers a message is given up."""

SETTLED_AT_ONCE: Final = 64
"""Cursors whose floors one ``Settle`` writes; the others are for the next one."""


class MemberMachine:
    """Decides for one member of one group.

    Args:
        group_key: The group.
        owner: The worker's id.
        member: The member's name in it.
        terms: All subscriptions of the group.
    """

    def __init__(self, group_key: int, owner: int, member: str, terms: tuple[SubscriptionTerms, ...]) -> None:
        keys: dict[str, Key] = {}
        self._alarms = Alarms()
        self._subscriptions = {one.name: Subscription(one, keys, self._alarms) for one in terms}
        self._order = list(self._subscriptions.values())
        self._cursors: dict[int, Cursor] = {}
        self._shifts: dict[int, Shift] = {}
        self._in_hand = 0
        self._redoing = Redoing(self._subscriptions, self._cursors)
        self._unsettled: dict[Cursor, None] = {}
        self._ledger = Ledger(group_key, owner, member)
        self._holding = Holding(self._subscriptions, self._cursors, self._redoing, self._ledger, self._alarms)
        self._shift_no = 0
        self._arrival = 0
        self._wake_us: int | None = None
        self._is_retiring = False

    # --- what is asked of it

    @property
    def in_hand(self) -> int:
        """Turns that are being taken, and undone ones that are to be told again."""
        return self._in_hand + len(self._redoing)

    @property
    def is_quiescent(self) -> bool:
        """Whether of the ranges held nothing is ready, in hand, waiting or unread."""
        return not self.in_hand and not any(one.pending or one.asked for one in self._order) and not any(
            cursor.first() is not None for cursor in self._cursors.values()
        )  # fmt: skip

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing goes on by itself: ``is_quiescent``, but for what is paused."""
        return not self.in_hand and not any(
            one.pending or one.asked or any(cursor.first() is not None for cursor in one.cursors)
            for one in self._order
            if not one.is_paused
        )

    @property
    def is_settled(self) -> bool:
        """Whether no floor lags behind; else ``Settle`` has something to write."""
        return not self._unsettled

    @property
    def ranges(self) -> tuple[int, ...]:
        """The ranges held; ascending."""
        return tuple(sorted(self._holding.ranges))

    def retrying(self) -> int:
        """Messages that wait for another try."""
        return sum(one.retrying() for one in self._order)

    def lag(self) -> dict[str, int]:
        """For each subscription: messages that were read and are not done, and offsets that were not read."""
        return {
            name: one.pending + sum(cursor.unread() for cursor in one.cursors)
            for name, one in self._subscriptions.items()
        }

    def apply(self, event: Event, now: Now) -> Decision:
        """Decide.

        Args:
            event: What has happened.
            now: When.
        """
        now_us = now.wall_us
        match event:
            case ShiftDone():
                self._shift_done(event, now_us)
            case Fetched():
                self._fetched(event, now_us)
            case Grown(cursor_key=cursor_key, next_offset=next_offset):
                self._grown(cursor_key, next_offset)
            case Ticked():
                self._wake_us = None
            case Settle():
                self._settle()
            case TurnRedone(turn=turn, verdict=verdict):
                self._redoing.redo(turn, verdict, self._ledger, now_us)
            case Undone(turns=turns):
                self._undone(turns, now_us)
            case Gained():
                for cursor in self._holding.gain(event, now_us):
                    self._unsettled[cursor] = None
            case Lost(ranges=ranges):
                self._holding.lose(ranges, now_us)
            case Surplus(ranges=ranges):
                self._holding.name_surplus(ranges, now_us)
            case Paused(subscription=name, is_paused=is_paused):
                self._subscriptions[name].is_paused = is_paused
                self._holding.restore(now_us)
            case Retire():
                self._is_retiring = True
            case _:
                assert_never(event)
        return self._decide(now_us)

    # --- reading

    def _grown(self, cursor_key: int, next_offset: int) -> None:
        cursor = self._cursors.get(cursor_key)
        if cursor is not None and next_offset > cursor.head:
            cursor.head = next_offset
            cursor.subscription.look(cursor)

    def _fetched(self, event: Fetched, now_us: int) -> None:
        cursor = self._cursors.get(event.cursor_key)
        if cursor is None:
            return
        subscription = cursor.subscription
        subscription.asked -= cursor.asked
        subscription.asked_bytes -= cursor.asked_bytes
        cursor.asked = cursor.asked_bytes = 0
        put = subscription.put
        for message, part in cursor.accepted(event.first, event.messages):
            item = self._read(cursor, part, message, now_us)
            if item is not None:
                put(item, now_us)
        cursor.advance(event.first, event.next_offset)
        for part in cursor.lagging():
            self._ledger.touch(part)
        self._unsettled[cursor] = None
        subscription.look(cursor)

    def _read(self, cursor: Cursor, part: Part, message: Message, now_us: int) -> Item | None:
        """Take a message in, unless it is done or is to be done without being delivered."""
        offset = message.offset
        row = cursor.waiting.pop(offset, None) if cursor.waiting else None
        self._arrival += 1
        item = Item(part, offset, message.key, self._arrival, size_bytes=message.size_bytes)
        if row is not None:
            item.try_no, item.due_at, item.has_row = row.try_no, row.due_at, True
        if not message.is_wanted:
            if row is not None:
                self._ledger.skip(item, SKIPPED, now_us)
            return None
        if not part.add(offset):
            return None
        if row is not None and row.crash_no >= MOST_CRASHES:
            part.remove(offset)
            self._ledger.skip(item, POISON, now_us)
            return None
        part.items[offset] = item
        return item

    # --- ends of turns

    def _shift_done(self, event: ShiftDone, now_us: int) -> None:
        shift = self._shifts.pop(event.shift, None)
        if shift is None:
            return  # it was given up before
        assert len(event.turns) == len(shift.turns), "a verdict for each turn"
        subscription = shift.subscription
        self._in_hand -= len(shift.turns)
        subscription.running -= 1
        taken = 0
        back: dict[Lane | None, list[Item]] = {}
        lanes: dict[Lane, None] = {}
        for turn, told in zip(shift.turns, event.turns, strict=True):
            taken += told.kind != "not_taken"
            lane, verdict = turn.lane, told
            if lane is not None:
                lanes[lane] = None
                if turn.is_tainted or lane in back:
                    verdict = NOT_TAKEN
            for item in turn.items:
                if not item.is_live:
                    verdict = NOT_TAKEN
            items = self._ledger.close(turn, verdict, now_us)
            if items:
                back.setdefault(lane, []).extend(items)
        for lane, items in back.items():
            subscription.put_back(lane, items, now_us)
        for lane in lanes:
            lane.key.holder = None
            subscription.release(lane.key, now_us)
        subscription.size.record(taken, event.spent_us)

    def _undone(self, refs: tuple[TurnRef, ...], now_us: int) -> None:
        self._redoing.undo(refs)
        for shift in self._shifts.values():
            for turn in shift.turns:
                if turn.lane is not None and turn.lane.key.redone is not None:
                    turn.is_tainted = True
        for cursor in self._cursors.values():
            self._unsettled[cursor] = None
            for part in cursor.parts.values():
                part.forget_written()
        self._holding.restore(now_us)

    def _settle(self) -> None:
        for cursor in list(self._unsettled)[:SETTLED_AT_ONCE]:
            del self._unsettled[cursor]
            for part in cursor.parts.values():
                if part.lag():
                    self._ledger.touch(part)

    # --- what follows

    def _decide(self, now_us: int) -> Decision:
        effects: list[Effect] = []
        given = self._holding.idle_surplus(self._shifts.values()) if self._holding.surplus else ()
        ends, rows = self._ledger.take()
        if given:
            effects.append(GiveBack(given))
            self._holding.lose(given, now_us)
        if len(self._alarms):
            for target in self._alarms.take(now_us):
                target.subscription.rouse(target, now_us)
        if not self._is_retiring:
            self._begin(effects, now_us)
            self._fetch(effects)
        self._wake(effects)
        return Decision(ends, rows, tuple(effects))

    def _begin(self, effects: list[Effect], now_us: int) -> None:
        for subscription in tuple(self._order):
            begun = False
            while (
                subscription.has_ready
                and subscription.running < subscription.size.at_once(subscription.terms.concurrency)
                and not subscription.is_paused
            ):
                shift = subscription.begin(now_us)
                if shift is None:
                    break
                begun = True
                self._shift_no += 1
                self._shifts[self._shift_no] = shift
                self._in_hand += len(shift.turns)
                effects.append(shift.begin(self._shift_no))
            if begun and len(self._order) > 1:  # whoever was first is last the next time
                self._order.remove(subscription)
                self._order.append(subscription)

    def _fetch(self, effects: list[Effect]) -> None:
        for subscription in self._order:
            while (asked := subscription.ask()) is not None:
                cursor, first = asked
                effects.append(Fetch(cursor.key, first, cursor.asked, cursor.asked_bytes))

    def _wake(self, effects: list[Effect]) -> None:
        if len(self._alarms):
            next_us = self._alarms.next_us()
            if next_us is not None and next_us != self._wake_us:
                self._wake_us = next_us
                effects.append(WakeAt(next_us))
