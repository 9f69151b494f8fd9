"""What a system does about other processes: it takes over their work when they are gone, and obeys their commands."""

from __future__ import annotations

import logging

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.messages import CancelRun
from dagger_actors.errors import NewerSchema, RunOwned, StoreError
from dagger_actors.flow.catalog import misfits
from dagger_actors.flow.hub import FlowHub
from dagger_actors.flow.rows import RunRow

__all__ = ["Recovery"]

logger = logging.getLogger("dagger_actors.flow")


class Recovery:
    """Looks for what the others left or want.

    Args:
        hub: Opens and keeps the runs.
    """

    def __init__(self, hub: FlowHub) -> None:
        self._hub = hub
        self._unfit: set[str] = set()

    def take_over(self, stalled: frozenset[int] = frozenset()) -> list[str]:
        """Take over every unfinished run whose owner is gone or stalled, and whose actions are here and fit; and those adrift.

        Args:
            stalled: Workers that have shown no beat for a whole lease.

        Returns:
            The runs taken over.
        """
        adrift = self._hub.adrift.ids()
        workers = self._hub.store.workers()
        taken: list[str] = []
        found = self._hub.store.readers.query("read.open_runs")
        for run_id, status, owner, _epoch in found:
            worker = workers.get(owner) if owner is not None else None
            if status == "paused" or run_id in self._hub.active:
                continue
            if owner == self._hub.store.worker_id:
                if run_id not in adrift:
                    continue  # it is just being opened
                adrift.discard(run_id)
            elif worker is not None and owner not in stalled and not self._hub.store.membership.is_gone(worker):
                continue
            row = self._hub.row_of(run_id)
            if row is not None and self._can_run(row):
                self._claim(row)
                taken.append(run_id)
        self._unfit &= {run_id for run_id, *_ in found}
        self._hub.adrift.forget(adrift)
        return taken

    def _can_run(self, row: RunRow) -> bool:
        """Tell whether this process has the run's actions; it says so, once, when it has them and they no longer fit."""
        try:
            definition = self._hub.definition_of(row)
        except NewerSchema:
            return False  # it is for a newer program, which may share this file
        registry = self._hub.registry
        if any(registry.get(node.action) is None for node in definition.nodes):
            return False
        problems = misfits(definition, registry)
        if problems and row.run_id not in self._unfit:
            self._unfit.add(row.run_id)
            logger.warning("run %s is not taken over: %s", row.run_id, problems[0])
        return not problems

    def _claim(self, row: RunRow) -> None:
        def claimed(future: ReplyFuture[None]) -> None:
            try:
                future.get(timeout=0)
            except RunOwned:
                return
            except StoreError as error:
                logger.warning("run %s cannot be taken over yet: %s", row.run_id, error)
                return
            self._hub.errand(lambda: self._open_taken(row))

        self._hub.claim(row).add_done(claimed)

    def _open_taken(self, row: RunRow) -> None:
        logger.info("run %s is taken over from worker %s", row.run_id, row.owner)
        self._hub.open(row.run_id, "recover", former=row.owner)

    def obey_commands(self, seen: set[int]) -> None:
        """Pass the commands of other processes to the runs they are for; ``seen`` keeps each from being told twice."""
        by_key = {active.identity.run_key: active for active in list(self._hub.active.values())}
        found = self._hub.store.readers.query("read.commands")
        seen &= {command_id for command_id, _, _ in found}
        for command_id, run_key, verb in found:
            active = by_key.get(run_key)
            if active is None or command_id in seen:
                continue
            seen.add(command_id)
            assert verb == "cancel", verb
            active.tell(CancelRun(command_id))
