"""Turns whose unit was rejected: they are in hand again, until each was told again.

A turn is built on those of its key before it. So the first of a key that does not succeed when it is told again spoils the
others that were undone with it, and what was begun since; these are delivered anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from dagger_actors.pubsub.machine.cursors import Cursor, Part
from dagger_actors.pubsub.machine.events import DoneTurn, TurnRef
from dagger_actors.pubsub.machine.lanes import Item, Key, Turn
from dagger_actors.pubsub.machine.ledger import POISON, SKIPPED, Ledger
from dagger_actors.pubsub.machine.subscriptions import Subscription

__all__ = ["NOT_TAKEN", "Redoing"]

NOT_TAKEN: Final = DoneTurn("not_taken")


class Redoing:
    """The undone turns of one member.

    Args:
        subscriptions: By name.
        cursors: By cursor_key.
    """

    def __init__(self, subscriptions: Mapping[str, Subscription], cursors: Mapping[int, Cursor]) -> None:
        self._subscriptions = subscriptions
        self._cursors = cursors
        self._turns: dict[TurnRef, Turn] = {}
        self._earliest = 0

    def __len__(self) -> int:
        return len(self._turns)

    def items(self) -> Iterable[Item]:
        """All messages in hand here."""
        return (item for turn in self._turns.values() for item in turn.items)

    def undo(self, refs: tuple[TurnRef, ...]) -> None:
        """Take turns back in hand; everything is to be restored after it."""
        # What was handled comes before all that its lane has now: arrivals below all that were given.
        self._earliest -= sum(len(ref.messages) for ref in refs)
        arrival = self._earliest
        undone: dict[Key, deque[Turn]] = {}
        in_hand = {(item.part, item.offset) for item in self.items()}
        for ref in refs:
            turn = self._undo(ref, arrival, in_hand) if ref not in self._turns else None
            arrival += len(ref.messages)
            if turn is not None:
                self._turns[ref] = turn
                if turn.lane is not None:
                    undone.setdefault(turn.lane.key, deque()).append(turn)
        for key, turns in undone.items():
            key.redone = turns + (key.redone or deque())

    def _undo(self, ref: TurnRef, arrival: int, in_hand: set[tuple[Part, int]]) -> Turn | None:
        """Take one back. A turn that lacks one of its messages cannot be told again: the others are delivered anew."""
        subscription = self._subscriptions[ref.subscription]
        items: list[Item] = []
        for place, (cursor_key, offset, number, try_no) in enumerate(ref.messages):
            part = self._cursors[cursor_key].parts.get(number)
            # A message of two of these turns was to be delivered again after the first: that one is the one to be told.
            if part is None or part.held.since >= ref.number or (part, offset) in in_hand:
                continue
            old = part.items.get(offset)
            if old is None:
                part.restore(offset, part.read_to())
                subscription.pending += 1
            else:
                old.is_live = False
            key = old.key if old is not None else ref.key
            size_bytes = 0 if old is None else old.size_bytes
            item = part.items[offset] = Item(
                part, offset, key, arrival + place, try_no, has_row=True, size_bytes=size_bytes
            )
            items.append(item)
        lane = subscription.lane(ref.key) if subscription.is_laned and items else None
        if len(items) < len(ref.messages):
            if lane is not None:
                lane.put_back(items)
            return None
        for item in items:
            item.is_in_hand = True
            in_hand.add((item.part, item.offset))
        return Turn(subscription, lane, tuple(items))

    def redo(self, ref: TurnRef, verdict: DoneTurn, ledger: Ledger, now_us: int) -> None:
        """One was told again."""
        turn = self._turns.pop(ref, None)
        if turn is None:
            return  # its range was lost, or it could not be taken back whole
        subscription, lane = turn.subscription, turn.lane
        if lane is None:
            subscription.put_back(None, ledger.close(turn, verdict, now_us), now_us)
            return
        key = lane.key
        assert key.redone is not None
        is_next = key.redone[0] is turn
        is_first = not lane.items or lane.items[0].arrival > turn.items[0].arrival
        # What was never delivered has seen nothing, and nothing is built on it.
        if verdict not in (SKIPPED, POISON):
            if key.is_spoiled or not is_next or not is_first:
                verdict = NOT_TAKEN
            key.is_spoiled = key.is_spoiled or verdict.kind != "handled"
        subscription.put_back(lane, ledger.close(turn, verdict, now_us), now_us)
        self._leave(key, turn)
        subscription.release(key, now_us)

    def drop_lost(self) -> None:
        """Ranges were lost: turns that lack a message now are told no more; everything is to be restored after it."""
        for ref, turn in list(self._turns.items()):
            if not all(item.is_live for item in turn.items):
                del self._turns[ref]
                items = [item for item in turn.items if item.is_live]
                for item in items:
                    item.is_in_hand = False
                if turn.lane is not None:
                    turn.lane.put_back(items)
                    self._leave(turn.lane.key, turn)

    @staticmethod
    def _leave(key: Key, turn: Turn) -> None:
        assert key.redone is not None
        key.redone.remove(turn)
        if not key.redone:
            key.redone = None
            key.is_spoiled = False
