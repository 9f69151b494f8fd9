"""The alarm for handlers that do not come back: somebody looks now and then at what is in hand, so a message pays nothing.

A plain handler is known by its turn: as long as that has taken no other message, and stands in the same call, it has not
come back. An ``async`` one is known by its coroutine. Each is told once, and once more when it has come back after all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dagger_actors.core.log_fields import LogFields
from dagger_actors.supervised import stacks
from dagger_actors.supervised.wire import kind_of

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from dagger_actors.supervised.awaiter import Awaiting
    from dagger_actors.supervised.lifecycle import Lifecycle
    from dagger_actors.supervised.turn import Turn

__all__ = ["Alarm", "Held"]

logger = logging.getLogger("dagger_actors.actors")


class Held:
    """What an actor has in hand on a thread, as it was at the last look.

    Attributes:
        cell: The actor's.
        turn: Its turn.
        handled: How many messages it had taken.
        since_us: Since when nothing has changed, as far as was looked.
        frame: Where it stood when it was first found late.
    """

    __slots__ = ("cell", "frame", "handled", "since_us", "turn")

    def __init__(self, cell: Lifecycle, turn: Turn, since_us: int) -> None:
        self.cell = cell
        self.turn = turn
        self.handled = cell.handled
        self.since_us = since_us
        self.frame: FrameType | None = None

    def is_same(self, cell: Lifecycle, turn: Turn) -> bool:
        """Tell whether that is the same message still; of one that was killed, the turn alone says so."""
        return self.turn is turn and (cell.turn is not turn or cell.handled == self.handled)


class Told:
    """A handler that has been told as stuck.

    Attributes:
        fields: What the record said.
        since_us: When it began, as far as that is known.
    """

    __slots__ = ("cell", "fields", "since_us")

    def __init__(self, cell: Lifecycle, fields: LogFields, since_us: int) -> None:
        self.cell = cell
        self.fields = fields
        self.since_us = since_us


class Alarm:
    """Looks at what actors have in hand.

    Args:
        turns: Which actor has its turn on which thread.
        awaiting: The coroutines that actors wait for.
        now_us: The monotonic clock, microseconds.
        entries: The code that takes turns.
        tell: Told whose handler does not come back, once for each.

    Attributes:
        after_us: How long a handler may take before it is told, in microseconds.
        held: What was in hand at the last look, by thread.
    """

    def __init__(
        self,
        turns: Mapping[int, tuple[Lifecycle, Turn]],
        awaiting: Mapping[Turn, Awaiting],
        now_us: Callable[[], int],
        entries: frozenset[CodeType],
        tell: Callable[[Lifecycle], None],
    ) -> None:
        self.after_us = 30_000_000
        self._entries = entries
        self.held: dict[int, Held] = {}
        self._tell_of = tell
        self._turns = turns
        self._awaiting = awaiting
        self._now_us = now_us
        self._told: dict[Turn, Told] = {}

    def is_stuck(self, cell: Lifecycle) -> bool:
        """Tell whether what the actor has in hand has been told."""
        return cell.turn is not None and cell.turn in self._told

    def place_of(self, thread: int) -> stacks.Place:
        """Where what a thread holds stands."""
        return stacks.of_thread(thread, self.held[thread].turn, self._entries)

    def look(self) -> None:
        """Look at what is in hand; always the same thread calls this."""
        now_us = self._now_us()
        self._look_at_threads(now_us)
        awaiting = dict(self._awaiting)
        for turn, wait in awaiting.items():
            since_us = round(wait.since_s * 1e6)
            if now_us - since_us >= self.after_us and turn not in self._told:
                self._tell_awaiting(turn, wait, since_us, now_us)
        if self._told:
            going_on = {held.turn for held in self.held.values()}
            for turn in [one for one in self._told if one not in awaiting and one not in going_on]:
                self._tell_return(self._told.pop(turn), now_us)

    def _look_at_threads(self, now_us: int) -> None:
        before, self.held = self.held, {}
        for thread, (cell, turn) in dict(self._turns).items():
            held = before.get(thread)
            if held is None or not held.is_same(cell, turn):
                self.held[thread] = Held(cell, turn, now_us)
                if turn in self._told:  # the same turn has gone on with its next message
                    self._tell_return(self._told.pop(turn), now_us)
                continue
            self.held[thread] = held
            if now_us - held.since_us >= self.after_us and turn not in self._told:
                self._suspect(thread, held, now_us)

    def _suspect(self, thread: int, held: Held, now_us: int) -> None:
        """It has taken no other message: tell it, if it also stands in the same call as at the look before."""
        place = self.place_of(thread)
        before, held.frame = held.frame, place.frame
        if place.frame is None or place.frame is not before:
            return
        held.frame = None  # it would keep alive what it holds
        self._tell(held.cell, held.turn, place.message_type, place.handler, place.stack, (held.since_us, now_us))

    def _tell_awaiting(self, turn: Turn, wait: Awaiting, since_us: int, now_us: int) -> None:
        message_type = kind_of(wait.letters[0]) if wait.letters else ""
        handler = getattr(wait.coroutine, "__qualname__", "")
        self._tell(wait.cell, turn, message_type, handler, stacks.of_coroutine(wait.coroutine), (since_us, now_us))

    def _tell(
        self, cell: Lifecycle, turn: Turn, message_type: str, handler: str, stack: str, span_us: tuple[int, int]
    ) -> None:
        since_us, now_us = span_us
        seconds = (now_us - since_us) / 1e6
        fields = LogFields(
            actor=cell.name,
            incarnation=cell.incarnation,
            message_type=message_type,
            handler=handler,
            seconds=seconds,
            stack=stack,
        )
        self._told[turn] = Told(cell, fields, since_us)
        self._tell_of(cell)
        of = f" of {message_type}" if message_type else ""
        logger.warning(
            "%s: %s%s has not come back for %.3g s; it stands at\n%s",
            cell.name,
            handler,
            of,
            seconds,
            stack.rstrip(),
            extra=fields,
        )

    def _tell_return(self, told: Told, now_us: int) -> None:
        fields = told.fields.copy()
        seconds = fields["seconds"] = (now_us - told.since_us) / 1e6
        del fields["stack"]
        logger.warning("%s: %s is over, after some %.3g s", told.cell.name, fields["handler"], seconds, extra=fields)
