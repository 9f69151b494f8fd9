"""The machine of one supervisor: events in, commands out, as OTP's ``supervisor`` manual has it; deterministic and pure.

Where the manual leaves it open, or an actor is not a process:

* Nothing blocks. OTP's supervisor attends to one thing at a time, so a child that hangs in its start holds up the restarts of
  all others. Here ``one_for_one`` attends to each child by itself, and a failure during a restart of several children
  begins that restart anew from the child that failed.
* What a restart of several children does to a child is not that child's own end: it counts neither as a restart nor as the
  end of a significant child.
* A restart that fails counts against the intensity and is tried again, after the child's back-off.
* The back-off runs from the failure: the others are stopped meanwhile, all are started when it is over. It ends when its child
  is terminated: the others are then started without it.
* A call during a restart takes part in it: a child added is started in its turn, one terminated is left out. Calls during
  the first start wait for its end.
* A supervisor that gives up ends with an error (OTP: ``shutdown``), so its parent restarts it when it is transient, too.

Source: OTP ``supervisor`` and "Supervisor Behaviour" in its design principles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, assert_never

from dagger_actors.core.intensity import record_restart
from dagger_actors.core.supervision.book import Book, Entry
from dagger_actors.core.supervision.calls import take_call
from dagger_actors.core.supervision.commands import (
    ChildCounts,
    ChildView,
    Command,
    Ended,
    EndKind,
    GaveUp,
    Ready,
    Restarted,
    Restarting,
    SupervisorState,
)
from dagger_actors.core.supervision.events import (
    AddChild,
    Begin,
    Call,
    DeleteChild,
    Event,
    Exited,
    RestartChild,
    ShutDown,
    Started,
    StartFailed,
    TerminateChild,
    TimerFired,
    TimerKey,
)
from dagger_actors.core.supervision.rounds import Round
from dagger_actors.core.supervision.specs import Child, ExitKind, Supervision, check, is_restarted

__all__ = ["SupervisionMachine"]


class SupervisionMachine:
    """One supervisor; ``events`` has the contract with whoever performs its commands.

    Attributes:
        supervision: What it does about the ends of its children.
        state: ``starting`` until all children have been started for the first time; ``stopping`` once it is to end.
    """

    def __init__(self, supervision: Supervision, children: Sequence[Child]) -> None:
        """Take the children, in start order.

        Raises:
            InvalidSupervision: With every problem found.
        """
        check(supervision, children)
        self.supervision: Final = supervision
        self.state: SupervisorState = "starting"
        self._book = Book(children)
        self._round: Round | None = None
        self._has_begun = False
        self._restarts: deque[int] = deque()
        self._early: list[Call] = []
        self._completion = ""  # why to end once all have been started
        self._end: tuple[EndKind, str] = ("shutdown", "")

    def apply(self, event: Event, now_us: int) -> tuple[Command, ...]:
        """Take one event and decide; what comes too late, twice or for a child that is gone decides nothing.

        Args:
            event: What has happened.
            now_us: When, on a monotonic clock; not before the last event.
        """
        match event:
            case Started():
                self._started(event, now_us)
            case Exited():
                self._gone(event, event.kind, now_us)
            case StartFailed():
                self._gone(event, "error", now_us)
            case Begin():
                self._begin()
            case TimerFired():
                self._timer_fired(event.key, now_us)
            case ShutDown():
                self._stop_all("shutdown", event.reason)
            case AddChild() | TerminateChild() | RestartChild() | DeleteChild():
                if self._book.accept(event.call):
                    self._take_call(event, now_us)
            case _:
                assert_never(event)
        self._advance(now_us)
        return self._book.take_commands()

    def has_child(self, child_id: str) -> bool:
        """Tell whether there is a child of that id, be it up or not."""
        return child_id in self._book.entries

    def which_children(self) -> tuple[ChildView, ...]:
        """Show all children, in start order."""
        return tuple(entry.view() for entry in self._book.entries.values())

    def count_children(self) -> ChildCounts:
        """Count all children."""
        shown = [entry.shown for entry in self._book.entries.values()]
        return ChildCounts(
            specs=len(shown),
            active=shown.count("running") + shown.count("stopping"),
            restarting=shown.count("restarting"),
        )

    # --- the supervisor's own life

    def _begin(self) -> None:
        if self._has_begun or self.state != "starting":
            return
        self._has_begun = True
        for entry in self._book.entries.values():
            entry.is_due = True
        self._round = Round(self._book, self._book.entries.values(), is_start=True)

    def _advance(self, now_us: int) -> None:
        if self._round is None:
            return
        self._round.advance(now_us)
        if self._round.phase != "over":
            return
        self._round = None
        match self.state:
            case "starting":
                self.state = "running"
                self._book.emit(Ready())
                self._catch_up(now_us)
            case "stopping":
                self.state = "ended"
                kind, reason = self._end
                self._book.emit(Ended(kind=kind, reason=reason))
            case "running" | "ended":
                pass

    def _catch_up(self, now_us: int) -> None:
        """Do what had to wait for the first start."""
        early, self._early = self._early, []
        if self._completion:
            self._stop_all("normal", self._completion)
        for call in early:
            self._take_call(call, now_us)
        self._advance(now_us)

    def _stop_all(self, kind: EndKind, reason: str) -> None:
        """Stop all children, in reverse order, then end."""
        if self.state in ("stopping", "ended"):
            return
        self.state = "stopping"
        self._end = kind, reason
        for entry in tuple(self._book.entries.values()):
            entry.is_due = False
            if not entry.is_alive:
                self._book.cancel_timer(entry)
                self._book.settle(entry, "shutting_down", reason)
        for call in self._early:
            self._book.answer(call.call, "shutting_down", reason)
        self._early = []
        self._round = Round(self._book, self._book.entries.values())

    def _take_call(self, call: Call, now_us: int) -> None:
        match self.state:
            case "starting":
                self._early.append(call)
            case "running":
                take_call(self._book, self._round, self.supervision, call, now_us)
            case "stopping" | "ended":
                self._book.answer(call.call, "shutting_down", self._end[1])

    # --- the children's lives

    def _started(self, event: Started, now_us: int) -> None:
        entry = self._book.find(event.id, event.incarnation)
        if entry is None or entry.up_since_us is not None:
            return
        entry.up_since_us = now_us
        entry.has_run = True
        entry.is_provisional = False
        if entry.status == "starting":
            entry.status = "running"
        if entry.is_restart:
            self._book.emit(Restarted(id=event.id, incarnation=event.incarnation))
        if entry.start_call is not None:
            self._book.answer(entry.start_call)
            entry.start_call = None

    def _gone(self, event: StartFailed | Exited, kind: ExitKind, now_us: int) -> None:
        entry = self._book.find(event.id, event.incarnation)
        if entry is None:
            return
        was_told = entry.status == "stopping" or (self._round is not None and self._round.is_stopping(entry))
        was_up = entry.up_since_us is not None
        is_asked_for = entry.start_call is not None
        self._book.gone(entry, now_us)
        if was_told:
            self._book.settle(entry, "start_failed", event.reason)
        elif not was_up and is_asked_for:
            entry.is_due = False
            self._book.settle(entry, "start_failed", event.reason)
        elif not was_up and not entry.has_run and self.state == "starting":
            self._stop_all("error", f"child {event.id!r} did not start: {event.reason}")
        elif not was_up or is_restarted(entry.child, kind):
            self._restart(entry, event, now_us)
        else:
            self._book.settle(entry, "start_failed", event.reason)
            self._complete(entry.child)

    def _restart(self, entry: Entry, event: StartFailed | Exited, now_us: int) -> None:
        """A child has failed: start it again, with those that the strategy names, or give up."""
        intensity, period_us = self.supervision.intensity, self.supervision.period_us
        is_over = record_restart(self._restarts, now_us, intensity=intensity, period_us=period_us)
        recent = len(self._restarts)
        if is_over:
            self._give_up(event, recent)
            return
        delay = self._book.delay_restart(entry, now_us, event.chance)
        self._book.emit(
            Restarting(
                id=event.id,
                incarnation=event.incarnation,
                reason=event.reason,
                recent=recent,
                nth=entry.nth,
                delay_us=delay,
            )
        )
        entry.is_due = True
        match self.supervision.strategy:
            case "one_for_one":
                if not delay:
                    self._book.start(entry)
            case "one_for_all":
                self._begin_round(tuple(self._book.entries.values()))
            case "rest_for_one":
                self._begin_round(tuple(self._book.from_id(event.id)))

    def _give_up(self, event: StartFailed | Exited, recent: int) -> None:
        self._book.emit(GaveUp(id=event.id, incarnation=event.incarnation, reason=event.reason, recent=recent))
        limit = f"more than {self.supervision.intensity} times in {self.supervision.period_us / 1_000_000:g} s"
        self._stop_all("error", f"child {event.id!r} failed, {limit}: {event.reason}")

    def _begin_round(self, members: Sequence[Entry]) -> None:
        for member in members:
            # A temporary child is never restarted; it is due only when its first start is still to come.
            member.is_due = member.is_due or member.child.restart != "temporary"
        self._round = Round(self._book, members)

    def _complete(self, child: Child) -> None:
        """A child has ended for good and by itself: see whether that ends the supervisor."""
        if not child.significant:
            return
        if self.supervision.auto_shutdown == "all_significant" and any(
            other.child.significant and (other.is_alive or other.is_due) for other in self._book.entries.values()
        ):
            return
        reason = f"significant child {child.id!r} has ended"
        if self.state == "starting":
            self._completion = reason
        else:
            self._stop_all("normal", reason)

    def _timer_fired(self, key: TimerKey, now_us: int) -> None:
        entry = self._book.entries.get(key.id)
        if entry is None or entry.timer != key:
            return
        self._book.timer_fired(entry)
        match key.kind:
            case "shutdown":
                self._book.kill(entry, now_us)
            case "back_off":
                if self.supervision.strategy == "one_for_one":
                    self._book.start(entry)
