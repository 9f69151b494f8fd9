"""The body actor of a plain function: its turn is one of the system's threads."""

from __future__ import annotations

from typing import Any

from dagger_actors.actors.one_turn import OneTurnActor
from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.body import BodyActor
from dagger_actors.core.messages import Outcome, StartAttempt

__all__ = ["REFUSED", "ThreadBody"]

REFUSED = (
    "too many bodies of ended attempts still run on threads of this system, so no thread is started for another; "
    "let long actions look at ctx.cancelled, or run them as coroutines"
)


class ThreadBody(OneTurnActor, BodyActor):
    """Runs a plain function on one of the system's threads."""

    known_as = "a body actor"

    def _refuse_threads(self) -> None:
        if self._services.is_refusing():
            raise RuntimeError(REFUSED)

    def on_receive(self, message: bytes) -> None:
        """Run the attempt."""
        self._report(self._outcome(self._opened(message)))

    def _outcome(self, start: StartAttempt) -> Outcome:
        try:
            self._refuse_threads()
            action, arguments = self._prepare(start)
            found = None if start.cache is None else self._from_cache(action, start)
            return found or self._success(start, action, self._call(action, arguments))
        except BaseException as error:
            if getattr(error, "is_death", False):
                raise  # the test kit plays the death of a process with it: then nothing is told any more
            return self._raised(error)

    def _call(self, action: Action, arguments: dict[str, Any]) -> Any:
        try:
            return action.function(**arguments)
        finally:
            self._services.home.end_copy()
