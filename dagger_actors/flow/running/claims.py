"""Becoming the owner of a run that another worker had, or nobody: one write, which names whom the run is taken from.

Whoever names another owner than the row has by then is refused, so of many that are after one run one gets it.
"""

from __future__ import annotations

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.protocols import Write
from dagger_actors.errors import RunOwned, StoreError, UnitRejected
from dagger_actors.flow.reports.archive import Archive
from dagger_actors.flow.running.adrift import Adrift
from dagger_actors.flow.running.openings import Openings
from dagger_actors.flow.stored.rows import RunRow
from dagger_actors.store.store import Store

__all__ = ["Claims"]


class Claims:
    """Claims runs for this worker; any thread.

    Args:
        store: The open database.
        archive: Reads the runs of it.
        openings: Told of each try, before anything of it can be seen in the file.
        adrift: Told of runs that may be this worker's, because of a claim the disk said nothing certain.
    """

    def __init__(self, store: Store, archive: Archive, openings: Openings, adrift: Adrift) -> None:
        self._store = store
        self._archive = archive
        self._openings = openings
        self._adrift = adrift

    def claim(self, row: RunRow, *, is_alone: bool = False) -> ReplyFuture[None]:
        """Take a run, and those inside it, from the owner its row names; refused when somebody else was faster.

        What nobody awaits any more inside it, and another worker that lives still cancels, stays with that.

        Args:
            row: The run, as it stands.
            is_alone: Without those inside it: it is only told something, and who gives it back would keep them, unheard.

        Returns:
            Resolved when this worker owns the run, with ``RunOwned`` when it does not.
        """
        future: ReplyFuture[None] = ReplyFuture()
        opening = self._openings.begin(row.run_id)
        worker_id = self._store.worker_id

        def done(error: Exception | None) -> None:
            if isinstance(error, UnitRejected):
                error = self._faster(row.run_id)
            elif isinstance(error, StoreError):
                self._adrift.add(row.run_id, error)  # it may be ours
            if error is None:
                opening.is_won = True
                future.set(None)
            else:
                self._openings.lost(row.run_id, opening)
                future.set_exception((type(error), error, None))

        claim = Write("flow_runs.claim", ((row.run_key, row.owner, row.epoch, worker_id),), 1)
        inside = [] if is_alone else [self._inside(row)]
        self._store.write([claim, *inside], done)
        return future

    def _inside(self, row: RunRow) -> Write:
        store = self._store
        # The one that the run is taken from may live, too, and be stalled.
        mine = (store.worker_id, row.owner)
        workers = store.workers().items()
        others = [one for one, worker in workers if one not in mine and not store.membership.is_gone(worker)]
        return Write(
            "flow_runs.claim_inside", ((row.run_key, store.worker_id, msgspec.json.encode(others).decode()),), None
        )

    def _faster(self, run_id: str) -> RunOwned:
        row = self._archive.find(run_id)
        owner = row.owner if row is not None and row.owner is not None else 0
        worker = self._store.workers().get(owner)
        return RunOwned(run_id, owner, worker.pid if worker is not None else 0)
