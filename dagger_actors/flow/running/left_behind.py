"""What dead workers left in their slot files: attempts they had started, and ends nobody had committed."""

from __future__ import annotations

from dagger_actors.core.messages import A_TASK, Succeeded, decode_ended
from dagger_actors.core.protocols import Write
from dagger_actors.flow.machine.events import BodyKey
from dagger_actors.store.slot_records import SlotRecord
from dagger_actors.store.store import Store

__all__ = ["LeftBehind", "is_success", "key_of"]


class LeftBehind:
    """Reads the slot files of the dead, and clears them away.

    Args:
        store: The open database.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, former: int | None, run_key: int) -> tuple[frozenset[BodyKey], frozenset[BodyKey], list[bytes]]:
        """What dead workers had begun of a run, what only had a place, and which ends nobody had committed.

        All of the dead are asked, not only the last owner: that one may have died before it could commit what it learnt
        from the one before. Records of attempts that have long ended do no harm, for their numbers are never used again.
        """
        membership = self._store.membership
        crashed: set[BodyKey] = set()
        unbegun: set[BodyKey] = set()
        ends: list[bytes] = []
        for worker in self._store.workers().values():
            if worker.worker_id != former and not membership.is_gone(worker):
                continue
            for record in membership.records_of(worker):
                if record.run_key == run_key and record.node != A_TASK:
                    kind = crashed if record.has_begun else unbegun
                    kind.add((record.node, record.item, record.attempt))
                    if record.payload is not None:
                        ends.append(record.payload)
        return frozenset(crashed), frozenset(unbegun - crashed), ends

    def sweep(self) -> None:
        """Remove what dead workers left once nothing in it matters any more."""
        readers, membership = self._store.readers, self._store.membership
        for worker in self._store.workers().values():
            if not membership.is_gone(worker) or readers.query("read.owned", worker.worker_id)[0][0]:
                continue
            if any(self._is_open(record) for record in membership.records_of(worker)):
                continue
            membership.forget(worker)
            self._store.write([Write("workers.delete", ((worker.worker_id,),), None)], lambda _error: None)

    def _is_open(self, record: SlotRecord) -> bool:
        place = (record.run_key, record.node, record.item, record.attempt)
        found = self._store.readers.query("read.attempt_state", *place)
        return bool(found) and found[0][0] in ("ready", "running")


def key_of(payload: bytes) -> BodyKey:
    """Which attempt an encoded completion is about."""
    ended = decode_ended(payload)
    return ended.node, ended.item, ended.attempt


def is_success(payload: bytes) -> bool:
    """Tell whether an encoded completion is a success."""
    return isinstance(decode_ended(payload).outcome, Succeeded)
