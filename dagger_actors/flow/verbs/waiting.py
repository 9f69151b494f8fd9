"""Waiting for what comes: the events of a run, and its rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Final

from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.bodies.patience import check_timeout
from dagger_actors.errors import SystemClosed
from dagger_actors.flow.reports.report import Report
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.stored.happened import Event
from dagger_actors.flow.verbs.base import FlowsBase
from dagger_actors.flow.verbs.caller import POLL_S
from dagger_actors.flow.verbs.catalog import Catalog
from dagger_actors.flow.verbs.following import Following
from dagger_actors.flow.verbs.run import REST
from dagger_actors.flow.verbs.signalling import Signaller

__all__ = ["Waiting"]

LOOK_S: Final = 0.25
"""How often it is looked, on an event loop, whether people have answered."""

LONGEST_LOOK_S: Final = 1.0
"""How often, in the end, whether another process has done what takes it long."""


class Waiting(FlowsBase):
    """The verbs that wait. Whoever gives up waiting changes nothing."""

    def __init__(self, hub: FlowHub, catalog: Catalog) -> None:
        super().__init__(hub, catalog)
        self._following = Following(hub)
        self._people = Signaller(hub, self._caller, self._taker.take)

    def events(self, run_id: str, *, after: int = 0, follow: bool = False) -> Iterator[Event]:
        """What happens to a run, as it is committed: what has happened already, then what comes, whoever runs it.

        Who stops may go on later, also in another process: ``after=event.seq``.

        Args:
            run_id: The run.
            after: Only behind the event of this number; 0 = from the beginning.
            follow: False = end when the run is at rest; True = only when the system is left.

        Raises:
            RunNotFound: There is no such run.
            RequestError: ``after`` is no number of an event.
            BlockingCall: On a running event loop; use ``flows.aevents(...)``.
        """
        refuse_on_loop("flows.events()", "async for event in flows.aevents(...)")
        return self._following.events(self._caller.row(run_id), after, follow=follow)

    def aevents(self, run_id: str, *, after: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        """``events``, for ``async for``."""
        return self._following.aevents(self._caller.row(run_id), after, follow=follow)

    def wait_for(self, run_id: str, timeout: float | None, *, wait_for_people: bool = False) -> Report:
        """Block until a run ends or pauses; if people are waited for, not while it pauses only until they have answered.

        Raises:
            TimeoutError: It still runs, or people are still asked.
            RequestError: The time-out is no number of seconds.
            StoreError: The disk refused, and it was let go; it goes on when the disk no longer does, or when it is resumed.
            SystemClosed: The system was left before; the run goes on when somebody resumes it.
        """
        check_timeout(timeout)
        clock = self._hub.runtime.clock
        until = None if timeout is None else clock.now().mono_us + round(timeout * 1e6)
        self._until_rest(run_id, timeout)
        while (report := self._rests(run_id, wait_for_people=wait_for_people)) is None:
            left = None if until is None else (until - clock.now().mono_us) / 1e6
            if left is not None and left <= 0:
                raise TimeoutError(f"run {run_id!r} goes on, or people are still asked by it, after {timeout:g} s")
            self._caller.pause()
            self._until_rest(run_id, left)
        return report

    def _until_rest(self, run_id: str, timeout: float | None) -> None:
        self._hub.store.home.check()
        active = self._hub.active.get(run_id)
        if active is not None:
            _refuse_unfinished(self._hub.runtime.wait(active.done, timeout))
            return
        clock = self._hub.runtime.clock
        until = None if timeout is None else clock.now().mono_us + round(timeout * 1e6)
        while self._goes_on(run_id):
            if until is not None and clock.now().mono_us >= until:
                raise TimeoutError(f"run {run_id!r} still runs after {timeout:g} s")
            self._caller.pause()

    def _goes_on(self, run_id: str) -> bool:
        if self._caller.row(run_id).status not in ("pending", "running"):
            return False
        self._hub.adrift.refuse(run_id)
        return True

    def _rests(self, run_id: str, *, wait_for_people: bool) -> Report | None:
        """How a run rests; None if somebody has gone on with it since, or it is left to people who are to be waited for."""
        if wait_for_people and self._is_left_to_people(run_id):
            return None
        report = self.report(run_id)
        return report if report.state in REST else None

    def _is_left_to_people(self, run_id: str) -> bool:
        """Whether a run rests only until people have answered; one that has what it waits for goes on here, if it can here."""
        row = self._caller.row(run_id)
        if not (row.is_left_to_people and self._people.may_go_on(row.run_key)):
            return False
        if self._is_closed:
            raise SystemClosed
        if row.is_due(self._hub.runtime.clock.now().wall_us):
            self._people.take_up(run_id if row.parent_run is None else self._hub.archive.id_of(row.root_run))
        return True

    async def until_rest(self, run_id: str, *, wait_for_people: bool = False) -> Report:
        """``wait_for``, without blocking the loop."""
        rests = partial(self._rests, run_id, wait_for_people=wait_for_people)
        await self._auntil_rest(run_id)
        while (report := await asyncio.to_thread(rests)) is None:
            await asyncio.sleep(LOOK_S)
            await self._auntil_rest(run_id)
        return report

    async def _auntil_rest(self, run_id: str) -> None:
        self._hub.store.home.check()
        active = self._hub.active.get(run_id)
        if active is not None:
            _refuse_unfinished(await active.done)
            return
        # Look by look: a thread that waited on would be held by whoever gave up, and the loop has few. And ever less often, by
        # a twentieth of what it has taken: a loop may await hundreds, and who awaits a long run can hear of its end a bit later.
        pause_s = POLL_S
        while await asyncio.to_thread(self._goes_on, run_id):
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.05, LONGEST_LOOK_S)


def _refuse_unfinished(state: str) -> None:
    """A run that is given back has come to rest here, and nowhere else."""
    if state in ("pending", "running"):
        raise SystemClosed
