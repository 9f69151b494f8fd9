"""Calls that block for long, off an event loop: each on a thread of its own, for the loop's few threads are everybody's.

``asyncio.to_thread`` has as many threads as the machine has cores, and four: so many calls that wait for hooks held up all others
of the program, and its look-ups of host names with them.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

__all__ = ["OWN_THREADS", "off_loop"]

P = ParamSpec("P")
T = TypeVar("T")


class OwnThreads(Executor):
    """A thread for each call; there is nothing to shut down."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call it on a new thread."""
        future: Future[T] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - whoever awaits it is told
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=call, name=f"dagger-actors {getattr(fn, '__name__', 'call')}").start()
        return future


OWN_THREADS: Final = OwnThreads()


async def off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that may block for long, in the caller's context, and await what it returns.

    Cancelling the awaiter cancels nothing of the call.
    """
    call: Callable[[], Any] = partial(contextvars.copy_context().run, function, *args, **kwargs)
    result: T = await asyncio.get_running_loop().run_in_executor(OWN_THREADS, call)
    return result
