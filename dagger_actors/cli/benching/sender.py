"""A sender: hands the items of a function of the user's to one agent, each when it is due."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.cli.benching.feeding import Feeding
from dagger_actors.cli.benching.items import Items
from dagger_actors.cli.benching.meter import Asked, Meter, cause
from dagger_actors.cli.benching.schedule import Schedule
from dagger_actors.cli.exits import UsageError
from dagger_actors.core.wording import indefinite, listed, quoted
from dagger_actors.errors import MailboxFull, MessageRefused, UnknownActor
from dagger_actors.supervised.pool import Pool
from dagger_actors.supervised.ref import Ref

__all__ = ["Send", "Sender"]


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, and to whom.

    Attributes:
        agent: The agent's path in the system.
        items: Gives the items.
    """

    agent: str
    items: Items


class Sender(Feeding):
    """One thread that sends.

    Args:
        what: What, and to whom.
        to: The agent.
        schedule: When.
        meter: Told of answers, and of what is refused at the door.
        is_ask: Whether to ask; else it tells.
    """

    def __init__(self, what: Send, to: Ref | Pool, schedule: Schedule, meter: Meter, *, is_ask: bool) -> None:
        super().__init__(f"sender {what.agent}", schedule)
        self._what = what
        self._to = to
        self._meter = meter
        self._send = self._ask if is_ask else self._tell
        self._kinds: set[type] = set()

    def _send_all(self) -> None:
        try:
            for item in self._what.items:
                if item.__class__ not in self._kinds:
                    self._check(item.__class__)
                due_ns = self._schedule.next_ns(time.perf_counter_ns())
                if due_ns is None or self._is_over.wait(max(0, due_ns - time.perf_counter_ns()) / 1e9):
                    return
                self._send(item, due_ns)
                self._count(due_ns)
        except MessageRefused as error:
            reference = self._what.items.reference
            raise UsageError(f"{reference}: {error}", "Yield messages that the agent can take.") from error
        except UnknownActor as error:
            raise UsageError(str(error)) from error  # its supervisor has ended

    def _check(self, kind: type) -> None:
        ref = self._to if isinstance(self._to, Ref) else self._to.refs()[0]
        traits = ref.cell.traits
        if traits.handler_for(kind) is None:
            known = sorted(one.__name__ for one in traits.table.by_class)
            raise UsageError(
                f"{self._what.items.reference} yields {indefinite(kind.__name__)}, which agent "
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
