"""A run whose supervisor has crashed: rebuilt in place from the file, at most ``INTENSITY`` times in ``PERIOD_US``.

Bodies that run go on meanwhile, and what they tell is told again to the rebuilt supervisor. When it crashes once more, or
somebody else has the run by now, the run is lost here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dagger_actors.core.flow_messages import TimerFired
from dagger_actors.core.intensity import record_restart
from dagger_actors.core.messages import is_end
from dagger_actors.core.protocols import Clock
from dagger_actors.errors import OwnershipLost, StoreError, SupervisorGaveUp, UnitRejected, WorkRejected
from dagger_actors.flow.machine.events import Opened
from dagger_actors.flow.reports.archive import Archive
from dagger_actors.flow.running.active import ActiveRun
from dagger_actors.flow.running.left_behind import key_of
from dagger_actors.flow.running.restorer import Restorer
from dagger_actors.flow.stored.rows import RunRow
from dagger_actors.store.store import Store

__all__ = ["Restarts"]

INTENSITY = 3
PERIOD_US = 5_000_000


class Restarts:
    """Sees to it, for all runs of one system.

    Args:
        store: The open database.
        archive: Reads the runs of it.
        clock: The time.
        restorer: Sets a run going from where the file says it stands.
        errand: Has something done behind what is done already, one at a time.
        lose: Told of a run that cannot go on here, and why.
    """

    def __init__(
        self,
        store: Store,
        archive: Archive,
        *,
        clock: Clock,
        restorer: Restorer,
        errand: Callable[[Callable[[], None]], None],
        lose: Callable[[ActiveRun, Exception], None],
    ) -> None:
        self._store = store
        self._archive = archive
        self._clock = clock
        self._restorer = restorer
        self._errand = errand
        self._lose = lose

    def crashed(self, active: ActiveRun, error: BaseException, told: list[bytes]) -> None:
        """The supervisor of a run has crashed, or a unit of it was refused; any thread.

        Args:
            active: The run.
            error: What happened.
            told: What it had been told and has not committed.
        """
        # Behind everything the journal has of this run already, so that the file holds all of it or none.
        self._store.transact(
            lambda _connection: None,
            lambda _result, _error: self._errand(lambda: self._rebuild(active, error, told)),
        )

    def _rebuild(self, active: ActiveRun, error: BaseException, told: list[bytes]) -> None:
        is_over = self._is_over(active, error)
        identity = active.identity
        try:
            row = self._archive.find(active.run_id)
            if row is None or (row.owner, row.epoch) != (identity.owner, identity.epoch):
                self._lose(active, OwnershipLost(str(self._store.path), f"run {active.run_id!r}"))
            elif is_over:
                self._lose(active, _reason(active, error))
            else:
                self._go_on(active, row, [payload for payload in told if is_end(payload)])
        except StoreError as refused:
            self._lose(active, refused)

    def _is_over(self, active: ActiveRun, error: BaseException) -> bool:
        """Record one more restart, and tell whether it is one too many."""
        if isinstance(error, WorkRejected):
            return False  # that is an attempt's fault, and the attempt fails for it
        now_us = self._clock.now().mono_us
        return record_restart(active.restarts, now_us, intensity=INTENSITY, period_us=PERIOD_US)

    def _go_on(self, active: ActiveRun, row: RunRow, ends: Sequence[bytes]) -> None:
        drained = active.gate.drain()
        active.gate.take_started()
        actors = active.emitter.actors
        # Whatever has had its place lives until the supervisor has handled its end, wherever that message is by now.
        live = {key for key, actor in actors.items() if actor.ticket.state in ("admitted", "ended", "abandoned")}
        late = [key for key in live if actors[key].ticket.state == "abandoned"]
        for key in [key for key in actors if key not in live]:
            del actors[key]
        event = Opened(
            mode="recover",
            live=frozenset(live | {key_of(payload) for payload in ends}),
            drained=frozenset((ticket.node, ticket.item, ticket.attempt) for ticket in drained),
            is_bare=active.is_bare,
        )
        self._restorer.set_going(active, row, "recover", event, ends)
        for key in late:
            active.tell(TimerFired("attempt", *key))  # what the crash took back was its time-out


def _reason(active: ActiveRun, error: BaseException) -> Exception:
    if isinstance(error, StoreError) and not isinstance(error, UnitRejected):
        return error  # the disk's fault, not the supervisor's
    name = f"the supervisor of run {active.run_id!r}"
    return SupervisorGaveUp(name, INTENSITY, PERIOD_US / 1e6, f"{type(error).__name__}: {error}")
