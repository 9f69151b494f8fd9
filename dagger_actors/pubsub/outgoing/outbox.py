"""What all threads of this process publish, gathered into one unit for each group of the journal.

What one thread publishes to one channel is appended in that order. A full channel is tried again when its readers have
moved, at the latest every ``AGAIN_US``: other processes read it too. Every publisher is told once what became of its
messages, behind the commit. What waits, and how much may, is in ``shelf``.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended, PublishMessages
from dagger_actors.core.declarations import ChannelRow, Declare
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.protocols import Clock, Journal, Timers, Unit
from dagger_actors.core.wording import counted
from dagger_actors.errors import ChannelFull, RequestRefused, SystemClosed, UnitRejected
from dagger_actors.pubsub.outgoing.parcel import Parcel
from dagger_actors.pubsub.outgoing.shelf import Shelf

__all__ = ["Outbox"]

logger = logging.getLogger("dagger_actors.pubsub")

AGAIN_US = 20_000
"""How soon a full channel is tried again, whoever reads it."""


class Outbox:
    """Publishes; an owner of the journal's.

    Args:
        journal: The writer.
        clock: The time.
        timers: One-shot timers.
        appended: Told what was in a unit, with what became of each; on the journal's thread, must not block.
        declared: Told the names of channels that were made with it; the same.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        timers: Timers,
        appended: Callable[[Sequence[NewMessage], Sequence[Appended]], None],
        declared: Callable[[Sequence[str]], None],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._timers = timers
        self._appended = appended
        self._declared = declared
        self._lock = threading.Lock()
        self._shelf = Shelf()
        self._made: tuple[str, ...] = ()
        self._known: set[str] = set()
        self._sent: tuple[NewMessage, ...] = ()
        self._answers: Sequence[Appended] = ()
        self._room: ReplyFuture[None] | None = None
        self._idle: list[ReplyFuture[None]] = []
        self._is_armed = False

    # --- from any thread

    def post(self, parcel: Parcel) -> ReplyFuture[None] | None:
        """Take messages.

        Returns:
            None when they are taken: ``parcel.future`` brings what becomes of them. Else they are not, and it is resolved
            when there may be room for them.

        Raises:
            OutboxFull: There is no room, and nobody waits for it.
            ChannelFull: Their channel is full, and nobody waits for it.
            SystemClosed: Nothing is taken any more.
        """
        with self._lock:
            if self._shelf.is_closed:
                raise SystemClosed
            if not self._shelf.put(parcel):
                if self._room is None:
                    self._room = ReplyFuture()
                return self._room
            is_awake = bool(self._shelf.flying)
        if not is_awake:
            self._journal.wake(self)
        return None

    @property
    def waiting(self) -> tuple[int, int]:
        """How many messages wait for the journal, and how many bytes they have."""
        return self._shelf.size

    def moved(self, channel: str) -> None:
        """Somebody has done messages of a channel: there may be room in it."""
        with self._lock:
            is_wanted = self._shelf.moved(channel)
        if is_wanted:
            self._journal.wake(self)

    def drained(self) -> ReplyFuture[None]:
        """Be told when nothing waits for the journal; what waits for room in a channel is no part of it."""
        future: ReplyFuture[None] = ReplyFuture()
        with self._lock:
            self._idle.append(future)
            woken = self._take_idle()
        _set(woken)
        return future

    def close(self) -> None:
        """Take nothing any more; whatever is not with the journal is refused with ``SystemClosed``."""
        with self._lock:
            left = self._shelf.clear()
            woken = self._woken()
        self._timers.cancel((id(self), "full"))
        for parcel in left:
            _fail(parcel, SystemClosed())
        _set(woken)

    # --- on the journal's thread

    def take_unit(self) -> Unit | None:
        """Hand over what has come since, and what may have room now."""
        with self._lock:
            if self._shelf.flying:
                return None
            lots = self._shelf.load()
            woken = [] if lots else self._woken()
        if not lots:  # but some may have been put to those that wait for room in a channel
            _set(woken)
            return None
        outlets = {lot.parcel.outlet.name: lot.parcel.outlet for lot in lots}
        rows = tuple(one.row for name, one in outlets.items() if one.row is not None and name not in self._known)
        self._made = tuple(row.name for row in rows)
        self._sent = tuple(parcel.messages[place] for parcel, places in lots for place in places)
        work = _work(rows, self._sent, self._clock.now().wall_us)
        return Unit((), self._committed, self._rejected, work, answered=self._answered)

    def _answered(self, answers: Sequence[Any]) -> None:
        self._answers = answers[-1]

    def _committed(self) -> None:
        self._known.update(self._made)
        with self._lock:
            ended = self._shelf.committed(self._answers)
            is_closed = self._shelf.is_closed
            woken = self._woken()
        if self._made:
            self._declared(self._made)
        self._appended(self._sent, self._answers)
        for parcel in ended:
            if not parcel.rest:
                parcel.resolve()
            else:
                _fail(parcel, SystemClosed() if is_closed else ChannelFull(parcel.outlet.name, parcel.outlet.capacity))
        self._go_on(woken)

    def _rejected(self, error: Exception) -> None:
        with self._lock:
            failed = self._shelf.rejected(is_theirs=isinstance(error, UnitRejected))
            woken = self._woken()
        cause = error.cause if isinstance(error, RequestRefused) else error
        for parcel in failed:
            _fail(parcel, cause)
        self._go_on(woken)

    def _go_on(self, woken: Iterable[ReplyFuture[None]]) -> None:
        self._sent, self._answers = (), ()
        _set(woken)
        with self._lock:
            has_more = self._shelf.has_more
        if has_more:
            self._journal.wake(self)

    # --- under the lock

    def _woken(self) -> list[ReplyFuture[None]]:
        """Something has been answered, or waits elsewhere now: see who waited for that, and that it is not forgotten."""
        if self._shelf.has_stalled and not self._is_armed:
            self._is_armed = True
            with contextlib.suppress(SystemClosed):  # the last commit may come after the timers
                self._timers.set((id(self), "full"), self._clock.now().mono_us + AGAIN_US, self._again)
        woken = self._take_idle()
        if self._room is not None:
            woken.append(self._room)
            self._room = None
        return woken

    def _take_idle(self) -> list[ReplyFuture[None]]:
        if not self._shelf.is_idle:
            return []
        idle, self._idle = self._idle, []
        return idle

    # --- on the timers' thread

    def _again(self) -> None:
        """It is time to try full channels again, and to tell those who have waited long enough."""
        now_us = self._clock.now().mono_us
        with self._lock:
            self._is_armed = False
            late = self._shelf.late(now_us)
            woken = self._woken()
            has_more = self._shelf.has_more
        for parcel in late:
            waited_s = round((now_us - parcel.since_us) / 1e6, 1)
            _fail(parcel, ChannelFull(parcel.outlet.name, parcel.outlet.capacity, waited_s))
        _set(woken)
        if has_more:
            self._journal.wake(self)


def _work(
    rows: tuple[ChannelRow, ...], messages: tuple[NewMessage, ...], now_us: int
) -> tuple[Declare | PublishMessages, ...]:
    publication = PublishMessages(messages, now_us, is_whole=False)
    return (Declare(rows, (), now_us), publication) if rows else (publication,)


def _fail(parcel: Parcel, error: Exception) -> None:
    if not parcel.waits:
        name, lost = parcel.outlet.name, len(parcel.rest)
        fields = LogFields(channel=name, reason=str(error))
        told = counted(lost, "message")
        logger.warning(
            "of what was published to %r without waiting, %s: not stored, for %s", name, told, error, extra=fields
        )
    parcel.fail(error)


def _set(futures: Iterable[ReplyFuture[None]]) -> None:
    for future in futures:
        future.set(None)
