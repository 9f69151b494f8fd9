"""What a database holds of runs, all of it in one: as they are stored, and as people look at them."""

from __future__ import annotations

from collections.abc import Callable

from dagger_actors.flow.reports.looking import Looking
from dagger_actors.flow.stored.happened import Event, check_after, check_limit, read_events
from dagger_actors.flow.stored.stored_runs import StoredRuns
from dagger_actors.store.look import ReadableStore

__all__ = ["Archive"]


class Archive(StoredRuns, Looking):
    """Reads the runs of one database; changes nothing.

    Args:
        store: The database.
        now_us: The time now, microseconds UTC.
    """

    def __init__(self, store: ReadableStore, now_us: Callable[[], int]) -> None:
        StoredRuns.__init__(self, store)
        Looking.__init__(self, self, now_us)

    def events(self, run_id: str, after: int = 0, *, limit: int = 1000) -> list[Event]:
        """What has happened to a run so far, in order.

        Args:
            run_id: The run.
            after: Only behind the event of this number; 0 = from the beginning.
            limit: At most so many; 1 or more.

        Raises:
            RunNotFound: There is no such run.
            RequestError: ``after`` or ``limit`` is none.
        """
        run_key = self.run_key(run_id)
        return read_events(self._store.readers, run_id, run_key, check_after(after), check_limit(limit))
