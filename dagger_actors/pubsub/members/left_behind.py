"""What dead workers left of groups: ranges in the file, and in their slot files which messages they had begun."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.channel_rows import place_of
from dagger_actors.core.channels import ChannelOperation
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import A_DELIVERY
from dagger_actors.core.protocols import Clock
from dagger_actors.core.range_leases import TakeRanges
from dagger_actors.core.wording import counted
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.store.ownership import WorkerRow
from dagger_actors.store.slot_records import SlotRecord
from dagger_actors.store.store import Store

__all__ = ["LeftBehind"]

logger = logging.getLogger("dagger_actors.pubsub")


class LeftBehind:
    """Takes it from them.

    Args:
        store: The open database.
        clock: The time.
        ask: Hands a unit of operations over.
        taken: Called when ranges have become nobody's; any thread.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        ask: Callable[[Sequence[ChannelOperation]], ReplyFuture[list[Any]]],
        taken: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._ask = ask
        self._taken = taken

    def is_there(self) -> bool:
        """Whether a worker that is gone holds ranges, or has a share of them."""
        return bool(self._owners(frozenset()))

    def take_over(self, stalled: frozenset[int]) -> None:
        """Take from workers that are gone, or stalled, what they held of any group."""
        for owner, worker in self._owners(stalled).items():
            records = [] if worker is None else self._store.membership.records_of(worker)
            asked = self._ask([TakeRanges(owner, _begun(records), self._clock.now().wall_us)])
            asked.add_done(partial(self._has_taken, owner))

    def _owners(self, stalled: frozenset[int]) -> dict[int, WorkerRow | None]:
        """The workers that hold ranges, or have a share of them, and are gone or stalled; None = nothing is known of it."""
        workers = self._store.workers()
        owners = {owner: workers.get(owner) for (owner,) in self._store.readers.query("read.group_owners")}
        return {
            owner: worker
            for owner, worker in owners.items()
            if owner != self._store.worker_id
            and (worker is None or owner in stalled or self._store.membership.is_gone(worker))
        }

    def _has_taken(self, owner: int, asked: ReplyFuture[list[Any]]) -> None:
        fields = LogFields(worker=owner)
        try:
            taken = asked.get(timeout=0)[0]
        except (StoreError, SystemClosed) as error:
            logger.warning("ranges of worker %d cannot be taken over yet: %s", owner, error, extra=fields)
            return
        if taken:
            logger.info("%s of worker %d taken over", counted(taken, "range"), owner, extra=fields)
        self._taken()


def _begun(records: Sequence[SlotRecord]) -> tuple[tuple[int, int, int], ...]:
    """Cursor_key, offset and range of the messages that were begun and have not ended."""
    return tuple(
        (record.run_key, *place_of(record.item))
        for record in records
        if record.node == A_DELIVERY and record.has_begun and record.payload is None
    )
