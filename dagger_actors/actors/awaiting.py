"""Runs an ``async`` handler for a pooled actor and hands its end back to pykka's loop.

The envelope's reply port is taken off before pykka can answer with the coroutine. When the coroutine ends, its outcome
comes back as the actor's next message, with that port: so an exception in it is treated as in a plain handler.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from pykka import Future
from pykka._envelope import Envelope  # part of the inbox protocol that pykka documents for new actor types

from dagger_actors.actors.mailbox import Mailbox
from dagger_actors.actors.reply import StopFlag
from dagger_actors.errors import ActorError

__all__ = ["Outcome", "await_handler", "let_go_of_tasks"]

logger = logging.getLogger("dagger_actors.actors")

# asyncio refers to its tasks weakly.
_tasks: set[asyncio.Task[Outcome]] = set()


class Outcome:
    """How an ``async`` handler ended."""

    __slots__ = ("_error", "_value")

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self._value = value
        self._error = error

    def result(self) -> Any:
        """Return or raise what the handler did."""
        if self._error is not None:
            raise self._error
        return self._value

    def answer(self, reply: Future[Any] | None) -> None:
        """Give the outcome to whoever asked; an error nobody asked for is logged."""
        if reply is None:
            if self._error is not None:
                logger.error("unhandled exception in a handler that had stopped its actor", exc_info=self._error)
        elif self._error is None:
            reply.set(self._value)
        else:
            reply.set_exception((type(self._error), self._error, self._error.__traceback__))


def await_handler(coroutine: Coroutine[Any, Any, Any], mailbox: Mailbox, stopped: StopFlag) -> None:
    """Let the coroutine run on this thread's loop; its actor takes no other message until it has ended.

    Args:
        coroutine: What the handler returned for ``mailbox.current``.
        mailbox: The actor's; its turn must be running in this thread.
        stopped: The actor's flag.
    """
    envelope = mailbox.current
    assert envelope is not None
    reply, envelope.reply_to = envelope.reply_to, None
    mailbox.suspend()

    def ended(task: asyncio.Task[Outcome]) -> None:
        _tasks.discard(task)
        if task.cancelled():  # before its first step
            coroutine.close()
            outcome = Outcome(error=_cancelled())
        else:
            outcome = task.result()
        last: Envelope[Any] | None = Envelope(outcome, reply)
        if stopped.is_set():
            # The handler stopped its own actor at once: pykka's loop takes no message any more, and this is no new one.
            outcome.answer(reply)
            last = None
        if mailbox.resume(last):
            loop.call_soon(_go_on, mailbox, loop)

    loop = asyncio.get_running_loop()
    task = loop.create_task(_outcome_of(coroutine))
    _tasks.add(task)
    task.add_done_callback(ended)


def let_go_of_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Keep the handlers of a loop no more that ended before they did: they never go on."""
    _tasks.difference_update([task for task in _tasks if task.get_loop() is loop])


async def _outcome_of(coroutine: Coroutine[Any, Any, Any]) -> Outcome:
    # Nothing may leave a task: asyncio lets a SystemExit end its loop, and with it everybody's coroutines.
    try:
        return Outcome(await coroutine)
    except GeneratorExit:
        raise
    except asyncio.CancelledError:
        return Outcome(error=_cancelled())
    except BaseException as error:  # noqa: BLE001  the actor's next turn raises it
        return Outcome(error=error)


def _go_on(mailbox: Mailbox, loop: asyncio.AbstractEventLoop) -> None:
    if mailbox.run_turn():
        loop.call_soon(_go_on, mailbox, loop)


def _cancelled() -> ActorError:
    return ActorError("the handler was cancelled")
