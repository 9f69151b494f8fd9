"""What a replayed attempt gets by ``ctx.resource(Type)``: made anew, as a system makes what its program tells it how to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pykka

from dagger_actors.actors.loop import LoopDispatcher
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.named_resources import factories_at
from dagger_actors.bodies.resources import Resources

__all__ = ["ReplayResources"]

CLOSE_S = 5.0
"""How long async resources may take to close."""


class ReplayResources:
    """Implements ``bodies.backends.ResourceSource``; closed when it is left.

    Args:
        reference: Where the mapping is that says how to make them.
        folder: What that is relative to.
    """

    def __init__(self, reference: str, folder: Path) -> None:
        self._reference = reference
        self._folder = folder
        self._io = LoopDispatcher("replay")
        self._resources = Resources({}, io=self._io, wait=_wait)

    def __enter__(self) -> Self:
        """Nothing is made yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close what was made, the last one first."""
        self._resources.close(CLOSE_S)
        self._io.close(CLOSE_S)

    def make(self) -> None:
        """Make them all; once the actions are loaded, whose types they are made for.

        Raises:
            DefinitionError: The mapping cannot be imported, or is none.
            RequestError: A key of it is no type, or a factory cannot be called.
            ResourceFailed: One cannot be made.
        """
        factories = factories_at(self._reference, self._folder)
        self._resources = Resources(factories, io=self._io, wait=_wait)
        self._resources.enter()

    def get(self, kind: type) -> Any:
        """Give the object of that type.

        Raises:
            UnknownResource: Nobody said how to make one.
        """
        return self._resources.get(kind)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run the coroutine of an action where async resources live, and give its result."""
        result, error = asyncio.run_coroutine_threadsafe(_ended(coroutine), self._io.loop).result()
        if error is not None:
            raise error
        return result


async def _ended(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
    try:
        return await coroutine, None
    except BaseException as error:  # noqa: BLE001 - a SystemExit would end the loop, and nobody would hear of it
        return None, error


def _wait(future: ReplyFuture[Any], timeout_s: float | None) -> Any:
    try:
        return future.get(timeout=timeout_s)
    except pykka.Timeout:
        raise TimeoutError(f"no answer within {timeout_s:g} s") from None
