"""Runs of this worker that nobody runs, because the disk refused; taken up again when it no longer does."""

from __future__ import annotations

from typing import NamedTuple

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.ticket import Ticket
from dagger_actors.errors import StoreError
from dagger_actors.flow.running.active import ActiveRun

__all__ = ["Adrift"]


MOST = 1000
"""Beyond so many, a run that was never open here is left to whoever comes when this process is gone."""


class _Lost(NamedTuple):
    error: StoreError
    cut_off: list[tuple[Gate, Ticket]]


class Adrift:
    """Keeps them by run id, each with the error that its callers are told; any thread."""

    def __init__(self) -> None:
        self._runs: dict[str, _Lost] = {}

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._runs

    def ids(self) -> set[str]:
        """The ids of them all."""
        return set(self._runs)

    def refuse(self, run_id: str) -> None:
        """Tell whoever would wait for a run that nobody runs.

        Raises:
            StoreError: Why nobody does.
        """
        lost = self._runs.get(run_id)
        if lost is not None:
            raise lost.error

    def add(self, run_id: str, error: StoreError, lost: ActiveRun | None = None) -> None:
        """Note that a run could not be opened, or had to be let go.

        Args:
            run_id: The run.
            error: What the disk said; of a commit whose sync failed nobody knows whether the file holds it.
            lost: What it was open as. The records of its attempts tell whoever opens it next what had begun.
        """
        if lost is None and len(self._runs) >= MOST:
            return
        before = self._runs.get(run_id)
        cut_off = before.cut_off if before is not None else []
        if lost is not None:
            tickets = [actor.ticket for actor in lost.emitter.actors.values()]
            cut_off = cut_off + lost.cut_off + [(lost.gate, ticket) for ticket in tickets if ticket.slot >= 0]
        self._runs[run_id] = _Lost(error, cut_off)

    def forget(self, run_ids: set[str]) -> None:
        """Forget runs that are not ours after all."""
        for run_id in run_ids:
            self._runs.pop(run_id, None)

    def remove(self, run_id: str, opened: ActiveRun) -> None:
        """Note that a run is open again; the records are given back with the commit of what it made of them."""
        lost = self._runs.pop(run_id, None)
        if lost is None:
            return
        opened.cut_off = lost.cut_off

        def give_back(future: ReplyFuture[None]) -> None:
            try:
                future.get(timeout=0)
            except StoreError:
                return  # lost again, and they with it
            for gate, ticket in opened.cut_off:
                gate.forget(ticket)
            opened.cut_off = []

        opened.emitter.opened.add_done(give_back)
