"""A group's member for the tests of its machine: a file that checks what is written to it, and bodies that keep a history.

The state of each key is the list of all that was handled of it, so that a turn which has seen what never was, or has not
seen what was, is found out when it is committed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from dagger_actors.core.member_rows import CursorRow
from dagger_actors.core.range_leases import Lease
from dagger_actors.pubsub.machine.events import CursorState, Decision, End, Message, SubscriptionTerms, Waiting

RANGES = 4
OWNER, GROUP, MEMBER = 7, 3, "m"

KEYED, OTHER, BATCHED, ORDERED, FREE, LUMPS = "g.keyed", "g.other", "g.batched", "g.ordered", "g.free", "g.lumps"
TERMS = {
    KEYED: SubscriptionTerms(name=KEYED, is_keyed=True, concurrency=2, window=6),
    OTHER: SubscriptionTerms(name=OTHER, is_keyed=True, concurrency=1, window=5, window_bytes=9),
    BATCHED: SubscriptionTerms(name=BATCHED, is_keyed=True, concurrency=2, batch=3, window=8),
    ORDERED: SubscriptionTerms(name=ORDERED, concurrency=1, window=4),
    FREE: SubscriptionTerms(name=FREE, is_ordered=False, concurrency=3, window=7, window_bytes=10),
    LUMPS: SubscriptionTerms(name=LUMPS, is_ordered=False, concurrency=2, batch=3, window=9),
}
CURSORS = {
    1: (KEYED, "a"),
    2: (KEYED, "b"),
    3: (OTHER, "a"),
    4: (BATCHED, "b"),
    5: (ORDERED, "a"),
    6: (FREE, "a"),
    7: (LUMPS, "b"),
}
KEYS = ("", "ant", "bee", "cat", "dog", "eel")

Place = tuple[int, int]
"""Cursor_key and offset."""


def is_laned(name: str) -> bool:
    return TERMS[name].is_keyed or TERMS[name].is_ordered


def range_for(name: str, key: str, offset: int) -> int:
    if TERMS[name].is_keyed:
        return KEYS.index(key) % RANGES
    return 0 if TERMS[name].is_ordered else offset % RANGES


def ranges_of(name: str) -> range:
    """Those that its messages may be of."""
    return range(RANGES if TERMS[name].is_keyed or not TERMS[name].is_ordered else 1)


def size_of(offset: int) -> int:
    return 1 + offset % 5


def key_for(name: str, key: str) -> str:
    return key if TERMS[name].is_keyed else ""


@dataclass
class File:
    """What is committed."""

    channels: dict[str, list[tuple[str, bool]]] = field(default_factory=lambda: {"a": [], "b": []})
    epochs: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(RANGES), 1))
    mine: set[int] = field(default_factory=set)
    rows: dict[tuple[int, int], tuple[int, list[list[int]]]] = field(default_factory=dict)
    deliveries: dict[Place, Waiting] = field(default_factory=dict)
    over: set[Place] = field(default_factory=set)
    histories: dict[str, tuple[Place, ...]] = field(default_factory=dict)
    last: dict[tuple[int, str], int] = field(default_factory=dict)

    def message(self, cursor_key: int, offset: int) -> Message:
        name, channel = CURSORS[cursor_key]
        key, is_wanted = self.channels[channel][offset]
        return Message(offset, range_for(name, key, offset), key, is_wanted, size_of(offset))

    def head(self, cursor_key: int) -> int:
        return len(self.channels[CURSORS[cursor_key][1]])

    def key(self, cursor_key: int, offset: int) -> str:
        return key_for(CURSORS[cursor_key][0], self.message(cursor_key, offset).key)

    def is_fenced_out(self, decision: Decision) -> bool:
        return any(row.range not in self.mine or row.epoch != self.epochs[row.range] for row in decision.cursors)

    def commit(self, decision: Decision) -> None:
        """Write a unit, and see that it is right."""
        for end in decision.ends:
            self._end(end)
        for row in decision.cursors:
            self._row(row)
        for end in decision.ends:
            for cursor_key, offset, number, _ in end.turn.messages:
                assert self._is_done(cursor_key, number, offset) == ((cursor_key, offset) in self.over)

    def _end(self, end: End) -> None:
        name, key = end.turn.subscription, end.turn.key
        places = tuple((cursor_key, offset) for cursor_key, offset, _, _ in end.turn.messages)
        assert not self.over.intersection(places), "a message is acknowledged once"
        kind = end.verdict.kind
        if kind in ("retry", "snooze"):
            assert tuple((row.cursor_key, row.offset) for row in end.deliveries) == places
            for row in end.deliveries:
                old = self.deliveries.get(
                    (row.cursor_key, row.offset), Waiting(row.cursor_key, row.offset, row.range, 1, 0, None)
                )
                assert row.try_no == old.try_no + (kind == "retry"), "a try is counted once, and a snooze is none"
                assert row.crash_no == old.crash_no
                assert row.due_at == end.verdict.due_at
                self.deliveries[row.cursor_key, row.offset] = Waiting(
                    row.cursor_key, row.offset, row.range, row.try_no, row.crash_no, row.due_at
                )
            return
        cleared = set(end.clear)
        assert all(place in cleared for place in places if place in self.deliveries), "no row stays behind"
        for place in end.clear:
            self.deliveries.pop(place, None)
        self.over.update(places)
        if kind == "dead":
            assert tuple((row.cursor_key, row.offset) for row in end.dead_letters) == places
        is_delivered = kind != "skipped" and end.verdict.reason != "poison"
        assert kind != "skipped" or not self.message(*places[0]).is_wanted
        if is_delivered and is_laned(name):
            for cursor_key, offset in places:
                assert self.last.get((cursor_key, key), -1) < offset, "in order"
                self.last[cursor_key, key] = offset
        if kind == "handled":
            assert end.verdict.effects is not None
            if is_laned(name):
                seen = json.loads(end.verdict.effects.state or b"[]")
                history = self.histories.get(key, ()) + places
                assert tuple(map(tuple, seen)) == history, (
                    "a turn has seen all that was committed before it, and nothing else"
                )
                self.histories[key] = history

    def _row(self, row: CursorRow) -> None:
        assert (row.group_key, row.owner, row.member) == (GROUP, OWNER, MEMBER)
        gaps = json.loads(row.gaps)
        assert all(row.floor <= first <= last for first, last in gaps)
        assert all(one[1] < two[0] for one, two in zip(gaps, gaps[1:]))  # noqa: B905, RUF007 - pairs
        self.rows[row.cursor_key, row.range] = row.floor, gaps
        for offset in range(self.head(row.cursor_key)):
            message = self.message(row.cursor_key, offset)
            if message.range == row.range and message.is_wanted:
                is_over = (row.cursor_key, offset) in self.over
                assert is_over == self._is_done(row.cursor_key, row.range, offset), (
                    "done is what was acknowledged, and all of it"
                )

    def _is_done(self, cursor_key: int, number: int, offset: int) -> bool:
        floor, gaps = self.rows.get((cursor_key, number), (0, []))
        return offset < floor or any(first <= offset <= last for first, last in gaps)

    # --- who has what

    def lease(self, numbers: list[int]) -> tuple[tuple[Lease, ...], tuple[CursorState, ...], tuple[Waiting, ...]]:
        """This member takes ranges."""
        self.mine.update(numbers)
        states = []
        for cursor_key, (name, _) in CURSORS.items():
            done = {}
            for number in numbers:
                if (cursor_key, number) in self.rows:
                    floor, gaps = self.rows[cursor_key, number]
                    done[number] = (floor, tuple((first, last) for first, last in gaps))
            states.append(CursorState(cursor_key, name, 0, done))
        waiting = tuple(row for row in self.deliveries.values() if row.range in numbers)
        return tuple(Lease(number, self.epochs[number]) for number in numbers), tuple(states), waiting

    def take_away(self, number: int) -> None:
        self.mine.discard(number)
        self.epochs[number] += 1

    def work_elsewhere(self, number: int, count: int) -> None:
        """Another member handles the next messages of a range, and acknowledges them."""
        assert number not in self.mine
        for cursor_key, (name, _) in CURSORS.items():
            if number not in ranges_of(name):
                continue
            done = 0
            for offset in range(self.head(cursor_key)):
                message, place = self.message(cursor_key, offset), (cursor_key, offset)
                if message.range != number or not message.is_wanted or place in self.over:
                    continue
                if done == count:
                    break
                done += 1
                self.over.add(place)
                self.deliveries.pop(place, None)
                if is_laned(name):
                    key = key_for(name, message.key)
                    self.last[cursor_key, key] = offset
                    self.histories[key] = (*self.histories.get(key, ()), place)
            mine = [
                offset for offset in range(self.head(cursor_key)) if self.message(cursor_key, offset).range == number
            ]
            left = [
                one for one in mine if self.message(cursor_key, one).is_wanted and (cursor_key, one) not in self.over
            ]
            floor = left[0] if left else self.head(cursor_key)
            gaps = [[one, one] for one in mine if one > floor and (cursor_key, one) in self.over]
            self.rows[cursor_key, number] = floor, gaps

    def die_of(self, cursor_key: int, offset: int) -> None:
        """A worker died of a message."""
        place, number = (cursor_key, offset), self.message(cursor_key, offset).range
        old = self.deliveries.get(place, Waiting(cursor_key, offset, number, 1, 0, None))
        self.deliveries[place] = Waiting(cursor_key, offset, number, old.try_no, old.crash_no + 1, old.due_at)
