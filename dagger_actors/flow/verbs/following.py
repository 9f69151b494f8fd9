"""Following a run: what has happened to it, then what comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

from dagger_actors.bodies.asking import Asker, Asking, Await
from dagger_actors.errors import SystemClosed
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.stored.happened import PAGE, Event, check_after, read_events
from dagger_actors.flow.stored.rows import RunRow
from dagger_actors.flow.verbs.run import REST

__all__ = ["Following"]

LOOK_S: Final = 0.5
"""How often it is looked for events at the latest; it is told of them before."""


class Following:
    """Follows runs: woken by what this process commits, and by each look at a file that others have written to.

    Args:
        hub: Keeps the runs that are open here.
    """

    def __init__(self, hub: FlowHub) -> None:
        self._hub = hub
        self._asker = Asker(hub.runtime)

    def events(self, row: RunRow, after: int, *, follow: bool) -> Iterator[Event]:
        """The events of a run behind a number, until it is at rest, or, if it is followed, the system is left."""
        return self._events(Place(row, check_after(after), follow=follow))

    def aevents(self, row: RunRow, after: int, *, follow: bool) -> AsyncIterator[Event]:
        """``events``, for ``async for``."""
        return self._aevents(Place(row, check_after(after), follow=follow))

    def _events(self, place: Place) -> Iterator[Event]:
        while page := self._asker.run(self._next(place), "flows.events()", "flows.aevents(...)"):
            yield from page

    async def _aevents(self, place: Place) -> AsyncIterator[Event]:
        while page := await self._asker.arun(self._next(place)):
            for event in page:
                yield event

    def _next(self, place: Place) -> Asking[list[Event]]:
        """The next events; none when it is over."""
        readers, run_id = self._hub.store.readers, place.row.run_id
        while True:
            try:
                arrival = self._hub.happenings.next(run_id)
                _, last_seq, status = readers.query("read.run_seq", run_id)[0]
                if last_seq > place.seen:
                    page = read_events(readers, run_id, place.row.run_key, place.after)
                    place.seen = last_seq if len(page) < PAGE else page[-1].seq
                    if page:
                        place.after = page[-1].seq
                        place.seen = max(place.seen, place.after)
                        return page
                if status in REST and not place.is_followed:
                    return []
                yield Await(arrival, LOOK_S)
            except TimeoutError:
                continue
            except SystemClosed:
                return []


class Place:
    """Where somebody who follows a run is.

    Attributes:
        row: The run's row, as it was.
        after: The number of the last event that was given.
        seen: Nothing is behind ``after`` up to this number.
        is_followed: Whether to go on when the run is at rest.
    """

    def __init__(self, row: RunRow, after: int, *, follow: bool) -> None:
        self.row = row
        self.after = self.seen = after
        self.is_followed = follow
