"""What a system does about other processes: it takes over their work when they are gone, and obeys their commands."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.flow_messages import CancelRun, ControlRun
from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import NewerSchema, Problem, RunOwned, StoreError
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.actions.run_actions import misfits, places_of, recall_actions
from dagger_actors.flow.machine.decisions import FOREVER
from dagger_actors.flow.running.active import ActiveRun
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.stored.child_runs import flows_within
from dagger_actors.flow.stored.rows import RunRow
from dagger_actors.store.ownership import WorkerRow

__all__ = ["Recovery"]

logger = logging.getLogger("dagger_actors.flow")

LEFT_US: Final = 10_000_000
"""How often it is looked for runs of flows that nobody awaits any more, while nobody has gone."""

STRANGE_US: Final = 5_000_000
"""How long it is believed that the code of a run which rests is not here."""


class Recovery:
    """Looks for what the others left or want.

    Args:
        hub: Opens and keeps the runs.
    """

    def __init__(self, hub: FlowHub) -> None:
        self._hub = hub
        self._unfit: set[str] = set()
        self._strange: dict[tuple[str, str], int] = {}
        """Code that is not here, by definition and imports, and until when that is not asked again."""
        self._lost: frozenset[int] = frozenset()
        self._next_left_us = 0

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
        found = self._hub.store.readers.query(
            "read.unfinished_runs", self._keepers(workers, stalled, has_adrift=bool(adrift))
        )
        for run_id, owner in found:
            if run_id in self._hub.active:
                continue
            if owner == self._hub.store.worker_id:
                if run_id not in adrift:
                    continue  # it is just being opened
                adrift.discard(run_id)
            row = self._hub.archive.find(run_id)
            actions = self.fitting_actions(row) if row is not None else None
            if row is not None and actions is not None:
                self._claim(row, actions)
                taken.append(run_id)
        for run_id in sorted(adrift):
            if self._hub.children.reopen(run_id):
                adrift.discard(run_id)
                taken.append(run_id)
        self._look_for_left(workers, stalled, has_taken=bool(taken))
        self._unfit &= {run_id for run_id, *_ in found}
        self._hub.adrift.forget(adrift)
        return taken

    def _look_for_left(self, workers: Mapping[int, WorkerRow], stalled: frozenset[int], *, has_taken: bool) -> None:
        """See to what was left when somebody may have left something: it takes a look at all runs of flows that go on."""
        hub, now_us = self._hub, self._hub.runtime.clock.now().mono_us
        others = {one: worker for one, worker in workers.items() if one != hub.store.worker_id}
        lost = stalled | {one for one, worker in others.items() if hub.store.membership.is_gone(worker)}
        if has_taken or lost != self._lost or now_us >= self._next_left_us:
            self._lost, self._next_left_us = lost, now_us + LEFT_US
            self._cancel_left(workers, stalled)

    def _keepers(self, workers: Mapping[int, WorkerRow], stalled: frozenset[int], *, has_adrift: bool) -> str:
        """The workers whose runs are theirs, as JSON: with thousands of runs not each of those is to be looked at."""
        store = self._hub.store
        others = [
            one
            for one, worker in workers.items()
            if one != store.worker_id and one not in stalled and not store.membership.is_gone(worker)
        ]
        return msgspec.json.encode(others if has_adrift else [*others, store.worker_id]).decode()

    def _cancel_left(self, workers: Mapping[int, WorkerRow], stalled: frozenset[int]) -> None:
        """Cancel runs of flows whose owner died before it could, when the run above them was over or awaited them no more."""
        hub = self._hub
        for run_id, owner in hub.store.readers.query("read.runs_left"):
            worker = workers.get(owner) if owner is not None else None
            is_ours = owner == hub.store.worker_id
            is_lost = worker is None or owner in stalled or hub.store.membership.is_gone(worker)
            if run_id in hub.active or (is_ours and hub.openings.of(run_id) is not None) or not (is_ours or is_lost):
                continue
            row = hub.archive.find(run_id)
            if row is not None:
                hub.children.cancelling.cancel_left(row)

    def take_new(self, run_ids: Iterable[str]) -> None:
        """Take runs that were written without an owner, unless somebody was faster, or their actions are not here.

        Raises:
            StoreError: The file cannot be read.
        """
        for run_id in run_ids:
            row = self._hub.archive.find(run_id)
            actions = self.fitting_actions(row) if row is not None and row.owner is None else None
            if row is not None and actions is not None:
                self._claim(row, actions)

    def wake(self) -> int | None:
        """Take the runs that rest because people are asked, where one has answered or was asked for long enough.

        Returns:
            When the next one will have been, microseconds UTC; None = as far as is known, never.

        Raises:
            StoreError: The file cannot be read.
        """
        hub, now = self._hub, self._hub.runtime.clock.now()
        now_us = now.wall_us
        self._strange = {one: until for one, until in self._strange.items() if until > now.mono_us}
        for run_id, code in self._asking_due(now_us):
            if code in self._strange:
                continue
            row = hub.archive.find(run_id)
            if row is None or run_id in hub.active or hub.openings.of(run_id) is not None or hub.is_anothers(row):
                continue
            actions = self.fitting_actions(row)
            if actions is not None:
                self._claim(row, actions)
            elif not hub.store.readers.query("read.added_nodes", row.run_key):
                self._strange[code] = now.mono_us + STRANGE_US
        next_us: int | None = hub.store.readers.query("read.next_asking", now_us)[0][0]
        return None if next_us == FOREVER else next_us

    def _asking_due(self, now_us: int) -> Iterator[tuple[str, tuple[str, str]]]:
        """All runs that are to be looked at, with what their code is, however many there are that this process cannot run."""
        after = (-1, -1)
        while page := self._hub.store.readers.query("read.asking_due", now_us, *after):
            for asks_until, run_key, run_id, definition_id, imports in page:
                yield run_id, (definition_id, imports)
                after = (asks_until, run_key)

    def fitting_actions(self, row: RunRow) -> ActionRegistry | None:
        """The run's actions, if this process has them; it says so, once, when what it has may be wrong or does not fit."""
        try:
            definition = self._hub.archive.definition_of(row)
        except NewerSchema:
            return None  # it is for a newer program, which may share this file
        places = places_of(row.imports)
        found = recall_actions(self._hub.registry, places)
        problems: list[Problem] = []
        for one, there in ((definition, places), *flows_within(definition, places)):
            having = found if one is definition else recall_actions(self._hub.registry, there)
            if any(having.registry.get(name) is None for _, name in one.actions_named()):
                return None
            problems += having.lacking(one) or misfits(one, having.registry)
        if problems and row.run_id not in self._unfit:
            self._unfit.add(row.run_id)
            fields = LogFields(run_id=row.run_id, reason=str(problems[0]))
            logger.warning("run %s is not taken over: %s", row.run_id, problems[0], extra=fields)
        return None if problems else found.registry

    def _claim(self, row: RunRow, actions: ActionRegistry) -> None:
        def claimed(future: ReplyFuture[None]) -> None:
            try:
                future.get(timeout=0)
            except RunOwned:
                return
            except StoreError as error:
                fields = LogFields(run_id=row.run_id, reason=str(error))
                logger.warning("run %s cannot be taken over yet: %s", row.run_id, error, extra=fields)
                return
            self._hub.errand(lambda: self._open_taken(row, actions))

        self._hub.claim(row).add_done(claimed)

    def _open_taken(self, row: RunRow, actions: ActionRegistry) -> None:
        if row.owner is not None:
            fields = LogFields(run_id=row.run_id, worker=row.owner)
            logger.info("run %s is taken over from worker %s", row.run_id, row.owner, extra=fields)
        self._hub.open(row.run_id, "recover", former=row.owner, actions=actions)

    def obey_commands(self, told: dict[int, ActiveRun]) -> None:
        """Pass the commands of other processes to the runs they are for.

        Args:
            told: Which run was told each command, as it is open now, so that none is told twice. What the disk made us let
                go has lost what it was told: opened again it is another one, and is told again.
        """
        by_key = {active.identity.run_key: active for active in list(self._hub.active.values())}
        found = list(self._commands())
        for over in told.keys() - {command_id for command_id, *_ in found}:
            del told[over]
        for command_id, run_key, verb, node in found:
            active = by_key.get(run_key)
            if active is None or told.get(command_id) is active:
                continue
            told[command_id] = active
            if verb == "cancel":
                active.tell(CancelRun(command_id))
            else:
                active.tell(ControlRun(verb, -1 if node is None else node, command_id))

    def _commands(self) -> Iterator[tuple[Any, ...]]:
        """All commands that nobody has consumed: those for runs of others must not hide those for ours."""
        after = 0
        while page := self._hub.store.readers.query("read.commands", after):
            yield from page
            after = page[-1][0]
