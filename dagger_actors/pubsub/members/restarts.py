"""Supervisors of members that crash: each goes on in place from the file, at most ``INTENSITY`` times in ``PERIOD_US``."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.core.channels import ChannelOperation
from dagger_actors.core.intensity import record_restart
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.range_leases import ReleaseRanges
from dagger_actors.errors import StoreError, SupervisorGaveUp
from dagger_actors.pubsub.members.intake import Cursor
from dagger_actors.pubsub.members.orders import Reopen
from dagger_actors.pubsub.members.seating import Seat
from dagger_actors.store.store import Store

__all__ = ["Restarts"]

logger = logging.getLogger("dagger_actors.pubsub")

INTENSITY = 3
PERIOD_US = 5_000_000

AGAIN_US = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""

_cursors = msgspec.json.Decoder(list[tuple[int, str, int, str]])


class Restarts:
    """Sees to them.

    Args:
        runtime: The world.
        store: The open database.
        errand: Has something done behind what is done already, one at a time.
        ask: Hands a unit of operations over.
        gone_on: Told of a member that goes on: what it was told meanwhile is lost.
        given_up: Called when a member has given up.

    Attributes:
        failures: Why members take no turns any more, by their names and groups.
    """

    def __init__(
        self,
        runtime: Runtime,
        store: Store,
        *,
        errand: Callable[[Callable[[], None]], None],
        ask: Callable[[Sequence[ChannelOperation]], ReplyFuture[list[Any]]],
        gone_on: Callable[[Seat], None],
        given_up: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._store = store
        self._errand = errand
        self._ask = ask
        self._gone_on = gone_on
        self._given_up = given_up
        self._restarts: dict[tuple[str, str], deque[int]] = {}
        self.failures: dict[tuple[str, str], SupervisorGaveUp] = {}

    def crashed(self, seat: Seat, error: BaseException) -> None:
        """A member's supervisor has crashed; any thread."""
        # Behind everything the journal has of its already, so that the file holds all of it or none.
        rebuild = partial(self._rebuild, seat, error)
        self._store.transact(lambda _connection: None, lambda _result, _error: self._errand(rebuild))

    def _rebuild(self, seat: Seat, error: BaseException) -> None:
        place = seat.member, seat.group
        restarts = self._restarts.setdefault(place, deque())
        now = self._runtime.clock.now()
        if not record_restart(restarts, now.mono_us, intensity=INTENSITY, period_us=PERIOD_US):
            self._go_on(seat)
            return
        cause = f"{type(error).__name__}: {error}"
        failure = SupervisorGaveUp(f"the supervisor of group {seat.group!r}", INTENSITY, PERIOD_US / 1e6, cause)
        self.failures[place] = failure
        logger.error("%s", failure)
        # Whoever else is in the group goes on with what it held.
        self._ask([ReleaseRanges(seat.group_key, self._store.worker_id, seat.member, None)])
        self._given_up()

    def _go_on(self, seat: Seat) -> None:
        try:
            rows = _cursors.decode(self._store.readers.query("read.group_cursors", seat.group_key)[0][0])
        except StoreError as error:
            logger.warning("group %r cannot go on yet: %s", seat.group, error, extra=LogFields(reason=str(error)))
            due_us = self._runtime.clock.now().mono_us + AGAIN_US
            again = partial(self._go_on, seat)
            self._runtime.timers.set((id(seat), "go on"), due_us, lambda: self._errand(again))
            return
        seat.supervisor.tell(Reopen(tuple(Cursor(*row) for row in rows if row[1] in seat.subscriptions)))
        self._gone_on(seat)
