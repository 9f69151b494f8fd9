"""Death watch: who is told when which actor has stopped for good."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

from dagger_actors.actors.telemetry import NOBODY
from dagger_actors.errors import ActorStopped
from dagger_actors.supervised import wire
from dagger_actors.supervised.context import Terminated
from dagger_actors.supervised.mailbox import CLOSED
from dagger_actors.supervised.tick import Notice
from dagger_actors.supervised.wire import Letter, text_of

if TYPE_CHECKING:
    from dagger_actors.supervised.extra import Extra
    from dagger_actors.supervised.house import House
    from dagger_actors.supervised.lifecycle import Lifecycle

__all__ = ["Watches"]


class Watches:
    """Who watches whom in one system, which is noted in the cells of both.

    Args:
        house: Is told of notices that find no room.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def watch(self, watcher: Lifecycle, incarnation: int, watched: Lifecycle) -> None:
        """Have an actor told of another's end.

        Raises:
            ActorStopped: That incarnation is over.
        """
        number = next(self._numbers)
        watcher.more()
        with self._lock:
            with watcher.lock:
                if watcher.extra is None or not watcher.is_on(incarnation):
                    raise ActorStopped(watcher.name)
                watcher.extra.watching[watched] = number
            is_there = watched.state is not CLOSED
            if is_there:
                watched.more().watchers[watcher] = number
        if not is_there:
            self._tell_terminated(watcher, watched, number, None)

    def unwatch(self, watcher: Lifecycle, incarnation: int, watched: Lifecycle) -> None:
        """Have an incarnation told no more."""
        with watcher.lock:
            if watcher.extra is None or not watcher.is_on(incarnation):
                return
            number = watcher.extra.watching.get(watched)
        if number is not None:
            self.forget(watcher, watched, number)

    def forget(self, watcher: Lifecycle, watched: Lifecycle, number: int) -> None:
        """A watch is over; a later one of the same two goes on."""
        with self._lock:
            if watched.extra is not None and watched.extra.watchers.get(watcher) == number:
                del watched.extra.watchers[watcher]
            extra = watcher.extra
            if extra is not None and extra.watching.get(watched) == number:
                extra.watching.pop(watched, None)

    def close(self, cell: Lifecycle) -> Extra | None:
        """Let no more watches begin: it has stopped for good. Gives what it had, for ``tell``."""
        with self._lock:
            extra, cell.extra = cell.extra, None
        return extra

    def tell(self, cell: Lifecycle, extra: Extra) -> None:
        """Tell who watches it."""
        for watcher, number in tuple(extra.watchers.items()):
            self._tell_terminated(watcher, cell, number, extra.error)

    def _tell_terminated(
        self, watcher: Lifecycle, watched: Lifecycle, number: int, error: BaseException | None
    ) -> None:
        message = Terminated(watched.name, "" if error is None else text_of(error)[:1_000])
        letter: Letter = (Notice(watched, number, Terminated), wire.encode(message), None, NOBODY)
        if watcher.is_full():
            self._house.undelivered(letter, watcher, "full")
        else:
            watcher.push(letter)  # whoever is closed here waits for nobody's room
