"""What a decision writes: ends of turns, and the state of each range that they touch."""

from __future__ import annotations

from typing import Final

from dagger_actors.core.member_rows import CursorRow
from dagger_actors.pubsub.machine.cursors import Part
from dagger_actors.pubsub.machine.ends import end_of, reference
from dagger_actors.pubsub.machine.events import DoneTurn, End
from dagger_actors.pubsub.machine.lanes import Item, Turn

__all__ = ["POISON", "SKIPPED", "Ledger"]

POISON: Final = DoneTurn("dead", reason="poison")
"""It killed its workers."""
SKIPPED: Final = DoneTurn("skipped")
"""It is not wanted."""


class Ledger:
    """Closes turns, and collects what is to be written.

    Args:
        group_key: The group.
        owner: The worker's id.
        member: The member's name in it.

    Attributes:
        number: Of the last turn that ended.
    """

    def __init__(self, group_key: int, owner: int, member: str) -> None:
        self._place = (group_key, owner, member)
        self.number = 0
        self._ends: list[End] = []
        self._touched: dict[Part, None] = {}

    def close(self, turn: Turn, verdict: DoneTurn, now_us: int) -> list[Item]:
        """A turn has ended. Tells which messages are to be delivered again."""
        if verdict.kind == "not_taken":
            return [item for item in turn.items if item.is_live]
        self.number += 1
        items = turn.items
        ref = reference(turn.subscription, items, self.number)
        if verdict.kind in ("handled", "dead", "skipped"):
            self._ends.append(end_of(ref, items, verdict, now_us))
            for item in items:
                part = item.part
                part.remove(item.offset)
                del part.items[item.offset]
                item.is_live = False
                self._touched[part] = None
            turn.subscription.done(items)
            return []
        for item in items:
            item.try_no += verdict.kind == "retry"
            item.due_at = verdict.due_at
            item.has_row = True
            self._touched[item.part] = None
        self._ends.append(end_of(ref, items, verdict, now_us))
        return list(items)

    def skip(self, item: Item, verdict: DoneTurn, now_us: int) -> None:
        """A message that had a row is done without being delivered; it is not pending."""
        self.number += 1
        ref = reference(item.part.cursor.subscription, (item,), self.number)
        self._ends.append(end_of(ref, (item,), verdict, now_us))
        self._touched[item.part] = None

    def touch(self, part: Part) -> None:
        """Have the floor of a range written."""
        self._touched[part] = None

    def take(self) -> tuple[tuple[End, ...], tuple[CursorRow, ...]]:
        """All that is to be written, as of now."""
        if not self._ends and not self._touched:
            return (), ()
        ends = tuple(self._ends)
        rows = tuple([part.row(*self._place) for part in self._touched])
        self._ends.clear()
        self._touched.clear()
        return ends, rows
