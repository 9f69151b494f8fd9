"""The ranges that a member holds: they are gained and lost, and given back when nothing of them is in hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagger_actors.pubsub.machine.cursors import Cursor, HeldRange, Part
from dagger_actors.pubsub.machine.events import Gained
from dagger_actors.pubsub.machine.lanes import Alarms, Shift
from dagger_actors.pubsub.machine.ledger import Ledger
from dagger_actors.pubsub.machine.redoing import Redoing
from dagger_actors.pubsub.machine.subscriptions import Subscription

__all__ = ["Holding"]


class Holding:
    """What one member holds.

    Args:
        subscriptions: By name.
        cursors: By cursor_key; new ones are added.
        redoing: Undone turns.
        ledger: What is to be written.
        alarms: What is to be looked at again.

    Attributes:
        ranges: By number.
        surplus: Those that are to be given back.
    """

    def __init__(
        self,
        subscriptions: Mapping[str, Subscription],
        cursors: dict[int, Cursor],
        redoing: Redoing,
        ledger: Ledger,
        alarms: Alarms,
    ) -> None:
        self._subscriptions = subscriptions
        self._cursors = cursors
        self._redoing = redoing
        self._ledger = ledger
        self._alarms = alarms
        self.ranges: dict[int, HeldRange] = {}
        self.surplus: tuple[int, ...] = ()

    def gain(self, event: Gained, now_us: int) -> list[Cursor]:
        """Ranges are this member's now, or channels are new. Tells which cursors were extended."""
        leases = [
            one for one in event.leases if one.range not in self.ranges or self.ranges[one.range].epoch != one.epoch
        ]
        self.lose(tuple(one.range for one in leases), now_us)
        for one in leases:
            self.ranges[one.range] = HeldRange(one.range, one.epoch, self._ledger.number)
        gained = tuple(self.ranges[one.range] for one in leases) if event.leases else tuple(self.ranges.values())
        parts: set[Part] = set()
        extended: list[Cursor] = []
        for state in event.cursors:
            subscription = self._subscriptions.get(state.subscription)
            if subscription is None:
                continue  # another version of the group has it
            cursor = self._cursors.get(state.cursor_key)
            if cursor is None:
                cursor = self._cursors[state.cursor_key] = Cursor(state.cursor_key, subscription)
                subscription.cursors.append(cursor)
            parts.update(cursor.extend(gained, state))
            extended.append(cursor)
            subscription.look(cursor)
        for row in event.waiting:
            cursor = self._cursors.get(row.cursor_key)
            if cursor is not None and cursor.parts.get(row.range) in parts:
                cursor.waiting[row.offset] = row
                if row.crash_no:
                    cursor.crashed[row.offset] = row
                    if cursor.subscription.terms.batch > 1:
                        cursor.parts[row.range].suspects = cursor.subscription.terms.window
        return extended

    def lose(self, ranges: tuple[int, ...], now_us: int) -> None:
        """Ranges are this member's no more: all of them is forgotten."""
        lost = [number for number in ranges if self.ranges.pop(number, None) is not None]
        if not lost:
            return
        for cursor in self._cursors.values():
            for number in lost:
                part = cursor.drop(number)
                if part is not None:
                    cursor.subscription.done(part.items.values())
                    for item in part.items.values():
                        item.is_live = False
            cursor.subscription.look(cursor)
        self.surplus = tuple(number for number in self.surplus if number not in lost)
        self._redoing.drop_lost()
        self.restore(now_us)

    def name_surplus(self, ranges: tuple[int, ...], now_us: int) -> None:
        """These alone are to be given back, whatever was said before."""
        self.surplus = tuple(number for number in ranges if number in self.ranges)
        for held in self.ranges.values():
            held.is_surplus = held.range in self.surplus
        for cursor in self._cursors.values():
            for number in self.surplus:
                cursor.hold_back(number)
            cursor.subscription.look(cursor)
        self.restore(now_us)

    def idle_surplus(self, shifts: Iterable[Shift]) -> tuple[int, ...]:
        """Ranges to be given back of which nothing is in hand; their floors are written before."""
        busy = {item.part.range for shift in shifts for turn in shift.turns for item in turn.items if item.is_live}
        busy.update(item.part.range for item in self._redoing.items())
        given = tuple(number for number in self.surplus if number not in busy)
        for cursor in self._cursors.values():
            for number in given:
                part = cursor.parts.get(number)
                if part is not None and part.lag():
                    self._ledger.touch(part)
        return given

    def restore(self, now_us: int) -> None:
        """Look at everything anew."""
        self._alarms.clear()
        for one in self._subscriptions.values():
            one.sort_out()
        for one in self._subscriptions.values():
            one.restore(now_us)
