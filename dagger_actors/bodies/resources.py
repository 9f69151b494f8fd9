"""``ctx.resource(Type)``: one object of a type for a whole process, entered and closed with its system.

A factory gives a value, a context manager, an async context manager, or a coroutine that gives one of these. What is
async is entered and left on the event loop of coroutine actions, by one task that stays with it, as such libraries demand.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.asking import wait_beside
from dagger_actors.core.protocols import Dispatcher
from dagger_actors.errors import RequestError, ResourceFailed, SystemClosed, UnknownResource

__all__ = ["Factory", "Resources"]

logger = logging.getLogger("dagger_actors.flow")

Factory = Callable[[], Any]


class Wait(Protocol):
    """Blocks until a future is resolved, as ``Runtime.wait`` does."""

    def __call__(self, future: ReplyFuture[Any], timeout_s: float | None, /) -> Any:
        """Wait, and give its value."""
        ...


class Resources:
    """The resources of one process.

    Args:
        factories: How to make each, by the type that actions ask for.
        io: The event loop of coroutine actions.
        wait: Blocks a thread.

    Raises:
        RequestError: A key is no type, or a factory cannot be called.
    """

    def __init__(self, factories: Mapping[type, Factory] | None, *, io: Dispatcher, wait: Wait) -> None:
        self._factories = dict(factories or {})
        for kind, factory in self._factories.items():
            if not isinstance(kind, type) or not callable(factory):
                raise RequestError(f"resources maps types to functions that make one; {kind!r}: {factory!r} is neither")
        self._io = io
        self._wait = wait
        self._values: dict[type, Any] = {}
        self._closers: list[tuple[type, Callable[[float], None]]] = []
        self._is_closed = False

    def get(self, kind: type) -> Any:
        """Give the process's object of that type.

        Raises:
            UnknownResource: Nobody said how to make one; lists what there is.
            SystemClosed: It has been closed.
        """
        if self._is_closed:
            raise SystemClosed
        try:
            return self._values[kind]
        except (KeyError, TypeError):
            known = tuple(sorted(_name(one) for one in self._values))
            raise UnknownResource(_name(kind), known) from None

    def enter(self) -> None:
        """Make all, in the order given.

        Raises:
            ResourceFailed: One could not be made or entered; those before it are closed again.
        """
        for kind, factory in self._factories.items():
            try:
                self._values[kind] = self._enter(kind, factory)
            except BaseException as error:
                self.close(5.0)
                if not isinstance(error, Exception):
                    raise
                raise ResourceFailed(_name(kind), f"{type(error).__name__}: {error}") from error

    def close(self, timeout_s: float) -> None:
        """Close all, the last one first; what fails is logged and keeps no other from being closed.

        Args:
            timeout_s: How long an async one may take.
        """
        self._is_closed = True
        while self._closers:
            kind, close = self._closers.pop()
            try:
                close(timeout_s)
            except Exception:  # the others have nothing to do with it
                logger.exception("the resource %s did not close well", _name(kind))

    def _enter(self, kind: type, factory: Factory) -> Any:
        made = factory()
        if hasattr(type(made), "__enter__") and hasattr(type(made), "__exit__"):
            value = made.__enter__()
            self._closers.append((kind, lambda _timeout_s: made.__exit__(None, None, None)))
            return value
        if not inspect.isawaitable(made) and not hasattr(type(made), "__aenter__"):
            return made
        keeper = Keeper(made)
        self._io.schedule(keeper)
        value = self._block(keeper.entered, None)
        self._closers.append((kind, lambda timeout_s: self._leave(keeper, timeout_s)))
        return value

    def _leave(self, keeper: Keeper, timeout_s: float) -> None:
        keeper.leave()
        self._block(keeper.left, timeout_s)

    def _block(self, future: ReplyFuture[Any], timeout_s: float | None) -> Any:
        return wait_beside(self._wait, future, timeout_s)


class Keeper:
    """The task that enters an async resource, and leaves it when told."""

    def __init__(self, made: Any) -> None:
        self.entered: ReplyFuture[Any] = ReplyFuture()
        self.left: ReplyFuture[None] = ReplyFuture()
        self._made = made
        self._leaving: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._task: asyncio.Task[None]

    def run_turn(self) -> bool:
        """Begin, on the loop."""
        self._leaving = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._keep())
        return False

    def leave(self) -> None:
        """Let it leave; any thread."""
        self._loop.call_soon_threadsafe(self._leaving.set)

    async def _keep(self) -> None:
        try:
            # Some are both: a pool that may be awaited and left open, or entered. Then it is entered, and closed.
            manager = self._made if hasattr(type(self._made), "__aenter__") else await self._made
            if not hasattr(type(manager), "__aenter__"):
                self.entered.set(manager)
                await self._leaving.wait()
            else:
                async with manager as value:
                    self.entered.set(value)
                    await self._leaving.wait()
        except BaseException as error:  # noqa: BLE001 - nothing may leave a task and end everybody's loop
            future = self.left if self.entered.is_done() else self.entered
            wrapped = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
            future.set_exception((type(wrapped), wrapped, None))
        if not self.left.is_done():
            self.left.set(None)


def _name(kind: object) -> str:
    return kind.__qualname__ if isinstance(kind, type) else repr(kind)[:100]
