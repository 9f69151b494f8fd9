"""The body actor of a coroutine function: it runs on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from dagger_actors.actors.gate import Gate
from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.body import BodyActor
from dagger_actors.bodies.services import BodyServices
from dagger_actors.core.messages import Outcome, StartAttempt

__all__ = ["LoopBody"]


class LoopBody(BodyActor):
    """Runs a coroutine function on the event loop."""

    def __init__(
        self, services: BodyServices, gate: Gate, tell: Callable[[bytes], None], timeout_us: int | None
    ) -> None:
        super().__init__(services, gate, tell, timeout_us)
        self._task: asyncio.Task[Outcome] | None = None

    def cancel(self) -> None:
        """Cancel the coroutine too."""
        super().cancel()
        task = self._task
        if task is not None:
            task.get_loop().call_soon_threadsafe(task.cancel)

    async def on_receive(self, message: bytes) -> None:
        """Run the attempt."""
        start = self._opened(message)
        outcome: Outcome
        try:
            action, arguments = self._prepare(start)
            # A task of its own, so that cancelling the body leaves this actor able to report it.
            self._task = asyncio.ensure_future(self._body(start, action, arguments))
            outcome = await self._task
        except BaseException as error:  # noqa: BLE001 - user code may raise anything; it is an outcome
            outcome = self._raised(error)
        self._task = None
        self._report(outcome)
        self.actor_stopped.set()

    async def _body(self, start: StartAttempt, action: Action, arguments: dict[str, Any]) -> Outcome:
        try:
            # The loop takes a task's first step before a cancel that came later: a body must not begin after its end.
            self._refuse_late()
            found = None if start.cache is None else self._from_cache(action, start)
            return found or self._success(start, action, await self._call(action, arguments))
        except BaseException as error:  # noqa: BLE001 - a SystemExit that leaves a task stops the loop of all of them
            return self._raised(error)

    async def _call(self, action: Action, arguments: dict[str, Any]) -> Any:
        try:
            return await action.function(**arguments)
        finally:
            self._services.home.end_copy()
