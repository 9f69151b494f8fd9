"""What is asked of the store by whoever may wait: written once, for threads that block and for coroutines that must not.

A verb is a generator. What it must wait for it yields, and is sent the answer, or thrown what went wrong; ``Asker`` does
the waiting, on a thread or on an event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.core.channels import ChannelOperation
from dagger_actors.core.protocols import Journal, Unit, Write
from dagger_actors.core.tasks import TaskOperation
from dagger_actors.errors import RequestRefused

__all__ = ["Aside", "Asker", "Asking", "Await", "ask_journal", "wait_beside", "wait_quietly"]

T = TypeVar("T")


class Await:
    """An answer is awaited.

    Args:
        future: Brings it.
        timeout_s: Seconds, after which TimeoutError is thrown; None = as long as it takes.
    """

    __slots__ = ("future", "timeout_s")

    def __init__(self, future: ReplyFuture[Any], timeout_s: float | None = None) -> None:
        self.future = future
        self.timeout_s = timeout_s


class Aside:
    """Something takes its time: an event loop has it done on a thread.

    Args:
        run: What is done; its result is the answer.
    """

    __slots__ = ("run",)

    def __init__(self, run: Callable[[], Any]) -> None:
        self.run = run


Asking = Generator[Await | Aside, Any, T]
"""A verb on its way to an answer of type ``T``."""


class Asker:
    """Waits for verbs.

    Args:
        runtime: How a thread waits.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def run(self, asking: Asking[T], verb: str, instead: str) -> T:
        """Block until a verb has its answer.

        Args:
            asking: The verb; what refuses it is raised as whoever asked understands it.
            verb: Its name, for the error.
            instead: What an event loop is to use.

        Raises:
            BlockingCall: This thread runs an event loop.
        """
        refuse_on_loop(verb, instead)
        return self.run_here(asking)

    def run_here(self, asking: Asking[T]) -> T:
        """``run``, where it has been seen already that nothing is blocked, or there is nothing left to wait for."""
        try:
            wanted = next(asking)
            while True:
                try:
                    answer = self._answer(wanted)
                except BaseException as error:  # noqa: BLE001 - also whoever is interrupted must clear up
                    wanted = asking.throw(_cause(error))
                else:
                    wanted = asking.send(answer)
        except StopIteration as end:
            found: T = end.value
            return found

    def _answer(self, wanted: Await | Aside) -> Any:
        if isinstance(wanted, Aside):
            return wanted.run()
        return self._runtime.wait(wanted.future, wanted.timeout_s)

    async def arun(self, asking: Asking[T]) -> T:
        """``run``, without blocking the loop."""
        try:
            wanted = next(asking)
            while True:
                try:
                    answer = await _awaited(wanted)
                except BaseException as error:  # noqa: BLE001 - also whoever is cancelled must clear up
                    wanted = asking.throw(_cause(error))
                else:
                    wanted = asking.send(answer)
        except StopIteration as end:
            found: T = end.value
            return found


async def _awaited(wanted: Await | Aside) -> Any:
    if isinstance(wanted, Aside):
        return await asyncio.to_thread(wanted.run)
    if wanted.timeout_s is None:
        return await wanted.future
    async with asyncio.timeout(wanted.timeout_s):
        return await wanted.future


def _cause(error: BaseException) -> BaseException:
    return error.cause if isinstance(error, RequestRefused) else error


def ask_journal(
    journal: Journal, writes: Sequence[Write], operations: Sequence[TaskOperation | ChannelOperation]
) -> ReplyFuture[list[Any]]:
    """Hand over a unit of rows and operations; resolved with their answers after the commit, or with what refused it."""
    future: ReplyFuture[list[Any]] = ReplyFuture()
    answers: list[Any] = []
    journal.submit(
        Unit(
            writes,
            lambda: future.set(answers),
            lambda error: future.set_exception((type(error), error, None)),
            operations,
            answered=answers.extend,
        )
    )
    return future


def wait_beside(
    wait: Callable[[ReplyFuture[Any], float | None], Any], future: ReplyFuture[Any], timeout_s: float | None
) -> Any:
    """Wait, on a thread of its own where this one runs an event loop: a system may be opened there, as it opens its file there.

    Args:
        wait: How a thread waits.
        future: Brings the answer.
        timeout_s: Seconds; None = as long as it takes.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return wait(future, timeout_s)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(wait, future, timeout_s).result()


def wait_quietly(runtime: Runtime, future: ReplyFuture[Any], timeout_s: float, logger: logging.Logger) -> None:
    """Wait while a system is left: for who does not answer in time there is nothing to wait for.

    Args:
        runtime: How a thread waits.
        future: Resolved when nothing runs there, or all of it is given back.
        timeout_s: Seconds; 0 or more.
        logger: Told of one that was not.
    """
    try:
        runtime.wait(future, timeout_s)
    except Exception:  # what still runs is given back, or was lost
        logger.debug("a supervisor did not answer while the system was left", exc_info=True)
