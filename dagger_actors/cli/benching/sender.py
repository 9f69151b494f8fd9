"""A sender: hands the items of a function of the user's to one agent, each when it is due."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.cli.benching.meter import Asked, Meter, cause
from dagger_actors.cli.benching.schedule import Schedule
from dagger_actors.cli.exits import UsageError
from dagger_actors.core.wording import indefinite, listed, quoted
from dagger_actors.errors import MailboxFull, MessageRefused, UnknownActor
from dagger_actors.reading.importing import Wanted, import_reference, place_in
from dagger_actors.supervised.pool import Pool
from dagger_actors.supervised.ref import Ref
from dagger_actors.supervised.wire import text_of

__all__ = ["Send", "Sender", "load_items"]

A_GENERATOR = Wanted(noun="generator", outcome="nothing was sent")
MAX_MESSAGE = 500
"""Characters kept of an error's text."""

WRITE_ONE = "Write a generator without parameters: def items(): yield Order(...)"


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, and to whom.

    Attributes:
        agent: The agent's path in the system.
        reference: How the command line names the function.
        items: Makes the items.
    """

    agent: str
    reference: str
    items: Callable[[], Iterable[object]]


def load_items(reference: str, folder: Path) -> Callable[[], Iterable[object]]:
    """Find a generator function.

    Args:
        reference: ``file.py:items`` or ``module:items``.
        folder: Where to look first; the current folder comes second.

    Raises:
        DefinitionError: Its module cannot be had.
        UsageError: It is no function.
    """
    module, name = import_reference(reference, folder, A_GENERATOR)
    if not name:
        raise UsageError(f"{quoted(reference)} names a module, but no generator in it", "Write file.py:items.")
    found = getattr(module, name, None)
    if not callable(found):
        raise UsageError(f"there is no generator {quoted(name)} in {quoted(reference.rpartition(':')[0])}", WRITE_ONE)
    items: Callable[[], Iterable[object]] = found
    return items


class Sender:
    """One thread that sends.

    Args:
        what: What, and to whom.
        to: The agent.
        schedule: When.
        meter: Told of answers, and of what is refused at the door.
        is_ask: Whether to ask; else it tells.

    Attributes:
        sent: Messages so far, warm-up apart.
        last_ns: When the last one was sent; 0 = none was.
        problem: Why it has ended before its time; None = it has not.
    """

    def __init__(self, what: Send, to: Ref | Pool, schedule: Schedule, meter: Meter, *, is_ask: bool) -> None:
        self.sent = 0
        self.last_ns = 0
        self.problem: UsageError | None = None
        self._what = what
        self._to = to
        self._schedule = schedule
        self._meter = meter
        self._send = self._ask if is_ask else self._tell
        self._is_over = threading.Event()
        self._kinds: set[type] = set()
        self._thread = threading.Thread(target=self._run, name=f"sender {what.agent}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more, as soon as it may be."""
        self._is_over.set()

    def is_done(self) -> bool:
        """Tell whether it has sent all that it will."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._send_all()
        except UsageError as error:
            self.problem = error
        except MessageRefused as error:
            self.problem = UsageError(f"{self._what.reference}: {error}", "Yield messages that the agent can take.")
        except UnknownActor as error:
            self.problem = UsageError(str(error))  # its supervisor has ended

    def _send_all(self) -> None:
        has_any = False
        for item in self._items():
            has_any = True
            if item.__class__ not in self._kinds:
                self._check(item.__class__)
            due_ns = self._schedule.next_ns(time.perf_counter_ns())
            if due_ns is None or self._is_over.wait(max(0, due_ns - time.perf_counter_ns()) / 1e9):
                return
            self._send(item, due_ns)
            self.sent += due_ns >= self._schedule.from_ns
            self.last_ns = time.perf_counter_ns()
        if not has_any:
            raise UsageError(f"{self._what.reference} yields no items", WRITE_ONE)

    def _items(self) -> Iterator[object]:
        """The user's items; what their code raises is told as theirs."""
        name = self._what.reference
        items: object = None
        try:
            items = self._what.items()
            if isinstance(items, Iterable):
                yield from items
        except GeneratorExit:
            raise
        except BaseException as error:
            text = f"{name} raised {text_of(error)[:MAX_MESSAGE]} ({place_in(error)})"
            raise UsageError(text, "Mend it, and try again.") from error
        if not isinstance(items, Iterable):
            raise UsageError(f"{name} gives no items, but {indefinite(type(items).__name__)}", WRITE_ONE)

    def _check(self, kind: type) -> None:
        ref = self._to if isinstance(self._to, Ref) else self._to.refs()[0]
        traits = ref.cell.traits
        if traits.handler_for(kind) is None:
            known = sorted(one.__name__ for one in traits.table.by_class)
            raise UsageError(
                f"{self._what.reference} yields {indefinite(kind.__name__)}, which agent "
                f"{quoted(self._what.agent)} does not handle",
                f"It handles: {listed(known)}." if known else f"Write a @handler for it in {traits.cls.__name__}.",
            )
        self._kinds.add(kind)

    def _tell(self, item: object, due_ns: int) -> None:
        cause.set(due_ns)
        try:
            self._to.tell(item)
        except (MailboxFull, UnknownActor) as error:
            self._not_delivered(error)

    def _ask(self, item: object, due_ns: int) -> None:
        asked = Asked(due_ns)
        cause.set(asked)

        def answered(reply: ReplyFuture[Any]) -> None:
            try:
                reply.get(timeout=0)
            except BaseException:  # noqa: BLE001 - the handler's own, which is its answer
                self._meter.answered(self._what.agent, asked, has_failed=True)
            else:
                self._meter.answered(self._what.agent, asked, has_failed=False)

        try:
            reply: ReplyFuture[Any] = self._to.ask(item, block=False)
        except (MailboxFull, UnknownActor) as error:
            self._not_delivered(error)
        else:
            reply.add_done(answered)

    def _not_delivered(self, error: MailboxFull | UnknownActor) -> None:
        self._meter.not_delivered(self._what.agent, "full" if isinstance(error, MailboxFull) else "stopped")
