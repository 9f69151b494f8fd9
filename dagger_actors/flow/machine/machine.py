"""The machine of one run: events in, decisions out; deterministic, without clock, thread or disk.

Its owner may run ahead of the commits: a decision's effects must wait for its rows. The rules are one function for each
event; DECISIONS.md has their reasons:

* An attempt ends once; whatever comes later for it is only the late end of its body.
* A node starts only when all it depends on has ended and its trigger rule holds (``core.trigger``), and its ``when``.
* ``interrupted`` attempts do not use up the user's tries; after ``CRASH_CAP`` crashes the work is parked.
* The start of ``at_most_once`` work is committed with its grant, so it is granted only when it can start; an attempt of
  unknown outcome is parked.
* What awaits something outside holds no place; the first answer is the answer, and it counts if it came in time.
* A run of which nothing goes on but people are asked comes to rest, until one has answered or was asked for long enough.
* Grants run ahead of the concurrency limit by ``WINDOW``; the gate keeps the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from dagger_actors.core.protocols import Cell, Now
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.machine.attempts import (
    ended,
    expanded,
    expansion_failed,
    flushed,
    judged,
    retry_due,
    started,
    stuck,
    timed_out,
)
from dagger_actors.flow.machine.awaiting import answered, awaits, prepared, wait_over
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.children import rested, woken
from dagger_actors.flow.machine.commands import ordered, why_not
from dagger_actors.flow.machine.decisions import Decision, Release
from dagger_actors.flow.machine.ends import gathers_failures
from dagger_actors.flow.machine.events import (
    Answer,
    BodyKey,
    Cancelled,
    Detached,
    Ended,
    Event,
    Expanded,
    ExpansionFailed,
    Flushed,
    Judged,
    Opened,
    Ordered,
    Prepared,
    Rested,
    RetryDue,
    Started,
    Stuck,
    TimedOut,
    TimeUp,
    WaitOver,
    Woken,
)
from dagger_actors.flow.machine.finishing import settle, stop
from dagger_actors.flow.machine.invocations import RunIdentity
from dagger_actors.flow.machine.opening import arm_run, detached, opened, opened_to_end, time_left_us
from dagger_actors.flow.machine.orders import Order
from dagger_actors.flow.machine.standing import RunStanding

__all__ = ["FlowMachine"]

LOOK_NOW: Final = 0
"""A time that is up."""

PLENTY = 128
"""Grants from which a decision may wait for others to share its commit; a quarter of the window."""


def cancelled(book: Book, event: Cancelled, now: Now) -> None:
    """Somebody cancels the run."""
    if event.opened is not None:
        opened_to_end(book, event.opened, now, calls=event.calls)
    stop(book, "cancelled", "run cancelled", now)
    if event.opened is None:
        _go_on(book)
    elif book.run.status == "running":
        arm_run(book, now)


def time_up(book: Book, _event: TimeUp, now: Now) -> None:
    """The run has used up its time; what it has called has as long once more, and is stopped then too."""
    if book.run.ending is None or not time_left_us(book, now):
        book.run.note_failure(_used_up(book))
        stop(book, "timed_out", "run timed out", now)
        _go_on(book)
    if book.run.status == "running":
        arm_run(book, now)


def _used_up(book: Book) -> str:
    if book.work.definition.config.timeout_seconds is not None:
        return "the run used up its timeout_seconds"
    return "what the end of the run called used up the timeout_seconds of the run above"


def _go_on(book: Book) -> None:
    """What its end has called may begin: the gate was held."""
    if book.run.status == "running":
        book.effects.append(Release())


RULES: Final[dict[type, Callable[[Book, Any, Now], None]]] = {
    Opened: opened,
    Started: started,
    Flushed: flushed,
    Ended: ended,
    TimedOut: timed_out,
    RetryDue: retry_due,
    Stuck: stuck,
    Expanded: expanded,
    ExpansionFailed: expansion_failed,
    Judged: judged,
    Prepared: prepared,
    Answer: answered,
    Rested: rested,
    Woken: woken,
    WaitOver: wait_over,
    Cancelled: cancelled,
    Ordered: ordered,
    TimeUp: time_up,
    Detached: detached,
}


class FlowMachine:
    """One run; see ``RunStanding`` and ``Book`` for what it is made with.

    Attributes:
        book: Its state; ``restore`` fills it.
    """

    def __init__(
        self,
        definition: FlowDefinition,
        identity: RunIdentity,
        *,
        status: str = "pending",
        elapsed_us: int = 0,
        error: str | None = None,
        ending: str | None = None,
        started_at: int | None = None,
        is_pausing: bool = False,
        is_held: bool = False,
        last_seq: int = 0,
        calls_s: float | None = None,
    ) -> None:
        run = RunStanding(
            identity,
            status=status,
            elapsed_us=elapsed_us,
            error=error,
            ending=ending,
            started_at=started_at,
            is_pausing=is_pausing,
            is_held=is_held,
        )
        self.book = Book(definition, identity, run, last_seq=last_seq, calls_s=calls_s)
        self.work = self.book.work

    def apply(self, event: Event, now: Now) -> Decision:
        """Take one event and decide; an event that comes too late decides nothing."""
        book = self.book
        if book.run.is_detached:
            return Decision()
        RULES[type(event)](book, event, now)
        if book.run.status == "running" and not (book.run.is_detached or book.run.is_bare):
            book.fill()
            settle(book, now)
            if book.queue.called:
                book.fill()  # the end of the run was announced
        if book.run.ending is not None and book.run.ends_since_us is None and not book.run.is_bare:
            book.run.ends_since_us = book.run.elapsed_us(now)
            if book.work.definition.config.timeout_seconds is None:
                arm_run(book, now)
        return book.take_decision()

    def run_row(self, now: Now) -> tuple[Cell, ...]:
        """The run's own row, as ``flow_runs.put`` takes it."""
        return self.book.run.row(now, self.work.last_seq)

    @property
    def is_ending(self) -> bool:
        """Whether the end of the run is decided, and waits for what it calls."""
        return self.book.run.ending is not None

    def is_running(self, node: int, item: int, attempt: int) -> bool:
        """Tell whether that attempt has been granted and has not ended."""
        live = self.book.find(node, item, attempt)
        return live is not None and live.state in ("ready", "running")

    def is_awaiting(self, node: int, item: int, attempt: int) -> bool:
        """Tell whether that attempt awaits something outside."""
        live = self.book.find(node, item, attempt)
        return live is not None and awaits(self.book, live)

    def asked(self) -> list[BodyKey]:
        """List the attempts that ask people, as far as nothing is known of an answer."""
        return [(live.node, live.item, live.attempt) for live in self.book.live.values() if live.state == "asked"]

    def has_children(self) -> bool:
        """Tell whether an attempt awaits the run of a flow."""
        return any(self.work.nodes[live.node].flow is not None for live in self.book.live.values())

    def why_not(self, node: int, order: Order) -> str | None:
        """Tell why the run cannot do what a node, or its hook, tells it to; None when it can."""
        return why_not(self.book, node, order)

    @property
    def rests_until(self) -> int | None:
        """When a run that rests, and is opened without its code, is to be looked at by who has it: at once, or never."""
        return LOOK_NOW if self.book.run.was_asking else None

    def may_gather_failures(self, node: int, item: int) -> bool:
        """Tell whether a mapped node may fail as soon as that item of one has succeeded: it was the last."""
        return item >= 0 and gathers_failures(self.book, node)

    def has_plenty(self) -> bool:
        """Tell whether so much is granted that nothing waits for the next decision."""
        return self.book.granted >= PLENTY

    def try_no(self, node: int, item: int, attempt: int) -> int:
        """The user's count of tries that this attempt is; 1 when it is over."""
        live = self.book.find(node, item, attempt)
        return live.try_no if live is not None else 1
