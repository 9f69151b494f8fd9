"""What the end of one turn writes."""

from __future__ import annotations

from dagger_actors.core.member_rows import DeadLetterRow, DeliveryRow
from dagger_actors.pubsub.machine.events import DoneTurn, End, TurnRef
from dagger_actors.pubsub.machine.lanes import Item
from dagger_actors.pubsub.machine.subscriptions import Subscription

__all__ = ["end_of", "reference"]


def reference(subscription: Subscription, items: tuple[Item, ...], number: int) -> TurnRef:
    """Name a turn that has ended."""
    messages = tuple([(one.part.cursor.key, one.offset, one.part.range, one.try_no) for one in items])
    return TurnRef(subscription.name, subscription.key_of(items[0]), messages, number)


def end_of(ref: TurnRef, items: tuple[Item, ...], verdict: DoneTurn, now_us: int) -> End:
    """What is written for a verdict other than ``not_taken``; when messages come again, their items say as what."""
    ranges = _ranges_of(ref)
    if verdict.kind == "handled":
        return End(ref, verdict, ranges, (), _cleared(items))
    if verdict.kind in ("retry", "snooze"):
        return End(ref, verdict, ranges, deliveries=tuple(_delivery(one, verdict.error, now_us) for one in items))
    clear = _cleared(items)
    if verdict.kind == "dead":
        return End(
            ref, verdict, ranges, clear=clear, dead_letters=tuple(_letter(one, verdict, now_us) for one in items)
        )
    return End(ref, verdict, ranges, clear=clear)


def _delivery(item: Item, error: str | None, now_us: int) -> DeliveryRow:
    cursor, offset = item.part.cursor, item.offset
    crashed = cursor.crashed.get(offset)
    crash_no = crashed.crash_no if crashed is not None else 0
    return DeliveryRow(cursor.key, offset, item.part.range, item.try_no, crash_no, item.due_at, error, now_us)


def _letter(item: Item, verdict: DoneTurn, now_us: int) -> DeadLetterRow:
    key = item.part.cursor.key
    return DeadLetterRow(key, item.offset, item.key, verdict.reason, item.try_no, verdict.error, now_us)


def _ranges_of(ref: TurnRef) -> tuple[int, ...]:
    if len(ref.messages) == 1:
        return (ref.messages[0][2],)
    return tuple(sorted({number for _, _, number, _ in ref.messages}))


def _cleared(items: tuple[Item, ...]) -> tuple[tuple[int, int], ...]:
    if len(items) == 1 and not items[0].has_row:
        return ()
    return tuple((one.part.cursor.key, one.offset) for one in items if one.has_row)
