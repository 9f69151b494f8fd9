"""What people answer, told to the runs that are open here.

An answer is a row: whoever writes it need not know who runs the run, nor be there when it is taken. What is asked in a run
that rests is asked of nobody here; when that run is opened, the answers that are there are told it first thing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from dagger_actors.actors.root import Root
from dagger_actors.actors.runtime import Runtime
from dagger_actors.bodies.artifacts import RunArtifacts
from dagger_actors.bodies.outputs import as_output
from dagger_actors.core.awaits import Place
from dagger_actors.core.flow_messages import Answered, Overdue
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import encode
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.flow.machine.answers import outcome_of
from dagger_actors.flow.stored.given_answers import Answer, untaken
from dagger_actors.store.store import Store

__all__ = ["People"]

logger = logging.getLogger("dagger_actors.flow")

AGAIN_US: Final = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""

Tell = Callable[[bytes], None]


class People:
    """Implements ``core.awaits.Outside``.

    Args:
        runtime: The world.
        store: The open database.
    """

    def __init__(self, runtime: Runtime, store: Store) -> None:
        self._runtime = runtime
        self._store = store
        self._artifacts = RunArtifacts(store.artifacts, store.load_artifact)
        self._root = Root.spawn(dispatcher=runtime.control)
        self._lock = threading.Lock()
        self._asked: dict[int, dict[Place, Tell]] = {}
        """By run."""
        self._last_looks: set[Place] = set()
        self._is_to_look = False

    def begin(self, places: Sequence[Place], tell: Tell) -> None:
        """Look for the answers to what attempts of a run ask."""
        with self._lock:
            self._asked.setdefault(places[0][0], {}).update(dict.fromkeys(places, tell))
        self.look()

    def last_look(self, place: Place) -> None:
        """Its time is up, unless the answer is there."""
        with self._lock:
            self._last_looks.add(place)
        self.look()

    def forget(self, run_key: int) -> None:
        """Nothing of a run is told any more."""
        with self._lock:
            if self._asked.pop(run_key, None) is not None and self._last_looks:
                self._last_looks = {place for place in self._last_looks if place[0] != run_key}

    def look(self) -> None:
        """Somebody may have answered; any thread. However many ask at once, one look is for all of them."""
        with self._lock:
            if not self._asked or self._is_to_look:
                return
            self._is_to_look = True
        self._root.tell(self._look)

    def _look(self) -> None:
        with self._lock:
            self._is_to_look = False
            runs = sorted(self._asked)
            last_looks = set(self._last_looks)
        try:
            answers = untaken(self._store.readers, runs)
        except StoreError as error:
            logger.warning("answers of people cannot be read: %s", error, extra=LogFields(reason=str(error)))
            self._runtime.timers.set((id(self), "again"), self._runtime.clock.now().mono_us + AGAIN_US, self.look)
            return
        except SystemClosed:
            return
        for answer in answers:
            if (tell := self._take(answer.place)) is not None:
                tell(encode(self._told(answer)))
        for place in sorted(last_looks - {answer.place for answer in answers}):
            if (tell := self._take(place, is_late=True)) is not None:
                tell(encode(Overdue(*place[1:])))

    def _take(self, place: Place, *, is_late: bool = False) -> Tell | None:
        with self._lock:
            self._last_looks.discard(place)
            asked = self._asked.get(place[0], {})
            return asked.get(place) if is_late else asked.pop(place, None)

    def _told(self, answer: Answer) -> Answered:
        output, artifacts = as_output(answer.value.encode(), self._artifacts)
        outcome = outcome_of(
            output, answer.user, answer.reason, is_rejected=bool(answer.is_rejected), artifacts=artifacts
        )
        return Answered(answer.node, answer.item, answer.attempt, outcome, answer.source)
