"""What a supervisor's machine keeps: its children, in start order, and the commands it is about to give.

The book does one thing to one child at a time and keeps what belongs together together: the status, the timer, the mailbox
and the calls that wait. When to do it is the machine's and its rounds' business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from dagger_actors.core.backoff import carry_over, delay_us
from dagger_actors.core.supervision.commands import (
    Answer,
    CallError,
    CancelTimer,
    ChildStatus,
    ChildView,
    CloseChild,
    Command,
    KillChild,
    SetTimer,
    StartChild,
    StopChild,
)
from dagger_actors.core.supervision.events import TimerKey
from dagger_actors.core.supervision.specs import Child

__all__ = ["MAX_CALLS", "MAX_CHILDREN", "Book", "Entry"]

MAX_CALLS: Final = 1_000
"""Calls of one supervisor that may wait for their answers; more are told that it is busy."""


MAX_CHILDREN: Final = 1_000_000
"""Children of one supervisor to which no more are added, whether they run or not."""


class Entry:
    """One child.

    Attributes:
        status: Of its process; ``down`` = there is none.
        incarnation: The last one; 0 = none yet.
        is_due: Whether it is to be started, now or when it is down and its turn has come.
        is_open: Whether it has a mailbox.
        is_final: Whether this incarnation was told that its mailbox will be closed.
        is_restart: Whether this incarnation was started in place.
        has_run: Whether any incarnation has been up.
        up_since_us: When this incarnation had started; None = it has not, or is gone.
        nth: The last consecutive restart; 0 = none.
        timer: Its one timer, while that is set: of its shutdown when it is stopping, of its back-off when it is down.
        start_call: The call that waits for its start.
        is_provisional: Whether the specification is forgotten when that start fails.
        stop_calls: The calls that wait for its end.
    """

    __slots__ = (
        "child",
        "has_run",
        "incarnation",
        "is_due",
        "is_final",
        "is_open",
        "is_provisional",
        "is_restart",
        "nth",
        "start_call",
        "status",
        "stop_calls",
        "timer",
        "up_since_us",
    )

    def __init__(self, child: Child, *, start_call: int | None = None) -> None:
        self.child = child
        self.status: Literal["down", "starting", "running", "stopping"] = "down"
        self.incarnation = 0
        self.is_due = False
        self.is_open = False
        self.is_final = False
        self.is_restart = False
        self.has_run = False
        self.up_since_us: int | None = None
        self.nth = 0
        self.timer: TimerKey | None = None
        self.start_call = start_call
        self.is_provisional = start_call is not None
        self.stop_calls: tuple[int, ...] = ()

    @property
    def is_alive(self) -> bool:
        """Whether there is a process, up or not."""
        return self.status != "down"

    @property
    def shown(self) -> ChildStatus:
        """The status as others see it."""
        if self.status != "down":
            return self.status
        if not self.is_due:
            return "absent"
        return "restarting" if self.incarnation else "starting"

    def view(self) -> ChildView:
        """Show it."""
        return ChildView(
            id=self.child.id,
            restart=self.child.restart,
            status=self.shown,
            incarnation=self.incarnation,
            nth=self.nth,
        )


class Book:
    """The children of one supervisor.

    Attributes:
        entries: By id, in start order.
        stopping: Ids of children that were told to stop and are not gone.
        delayed: Ids of children whose back-off is not over.
        unanswered: Calls that wait for their answers.
    """

    def __init__(self, children: Sequence[Child]) -> None:
        self.entries = {child.id: Entry(child) for child in children}
        self.stopping: set[str] = set()
        self.delayed: set[str] = set()
        self.unanswered = 0
        self._forgotten = 0
        self._commands: list[Command] = []

    def emit(self, command: Command) -> None:
        """Add a command to the ones to be given."""
        self._commands.append(command)

    def take_commands(self) -> tuple[Command, ...]:
        """Hand over the commands, in order."""
        commands = tuple(self._commands)
        self._commands.clear()
        return commands

    def find(self, child_id: str, incarnation: int) -> Entry | None:
        """Find a child that is alive in that incarnation; None = that one is gone."""
        entry = self.entries.get(child_id)
        return entry if entry is not None and entry.is_alive and entry.incarnation == incarnation else None

    def from_id(self, child_id: str) -> Iterator[Entry]:
        """That child and the ones behind it in start order."""
        is_reached = False
        for entry in self.entries.values():
            is_reached = is_reached or entry.child.id == child_id
            if is_reached:
                yield entry

    # --- one child's process

    def start(self, entry: Entry) -> None:
        """Start a child that is down, in place when it has its mailbox still."""
        entry.status = "starting"
        # An id may come back: what is still reported of the forgotten child must not be taken for the new one's.
        entry.incarnation = (entry.incarnation or self._forgotten) + 1
        entry.is_due = False
        entry.is_restart = entry.is_open
        entry.is_open = True
        entry.is_final = False
        self.emit(StartChild(id=entry.child.id, incarnation=entry.incarnation, is_restart=entry.is_restart))

    def stop(self, entry: Entry, now_us: int) -> None:
        """Tell a child that is alive to stop; with no time for it, it is gone at once."""
        shutdown_us = entry.child.shutdown_us
        entry.is_final = not entry.is_due
        if shutdown_us == 0:
            self.kill(entry, now_us)
            return
        entry.status = "stopping"
        self.stopping.add(entry.child.id)
        self.emit(
            StopChild(
                id=entry.child.id, incarnation=entry.incarnation, shutdown_us=shutdown_us, is_final=entry.is_final
            )
        )
        if shutdown_us is not None:
            self._set_timer(entry, "shutdown", now_us + shutdown_us)

    def kill(self, entry: Entry, now_us: int) -> None:
        """End a child that was told to stop."""
        self.emit(KillChild(id=entry.child.id, incarnation=entry.incarnation))
        self.gone(entry, now_us)
        self.settle(entry, "start_failed", "it was killed before it had started")

    def gone(self, entry: Entry, now_us: int) -> None:
        """Note that a child's process is no more."""
        self.cancel_timer(entry)
        self.stopping.discard(entry.child.id)
        up_us = 0 if entry.up_since_us is None else now_us - entry.up_since_us
        entry.nth = carry_over(entry.child.back_off, entry.nth, up_us)
        entry.up_since_us = None
        entry.status = "down"

    def settle(self, entry: Entry, error: CallError, detail: str) -> None:
        """Do what follows from a child being down: close its mailbox, forget it, answer the calls.

        Args:
            entry: Its ``is_due`` says whether it will be started again.
            error: What its start has come to, for the call that waits for it.
            detail: See ``Answer``.
        """
        start_call, entry.start_call = entry.start_call, None
        if start_call is not None and entry.is_provisional:
            entry.is_due = False
        if entry.is_open and (entry.is_final or not entry.is_due):
            entry.is_open = False
            self.emit(CloseChild(id=entry.child.id, incarnation=entry.incarnation))
        if not entry.is_due and (entry.is_provisional or entry.child.restart == "temporary"):
            self.forget(entry)
        if start_call is not None:
            self.answer(start_call, error, detail)
        for call in entry.stop_calls:
            self.answer(call)
        entry.stop_calls = ()

    def forget(self, entry: Entry) -> None:
        """Drop the specification of a child that is down."""
        self._forgotten = max(self._forgotten, entry.incarnation)
        del self.entries[entry.child.id]

    # --- timers

    def delay_restart(self, entry: Entry, now_us: int, chance: float) -> int:
        """Have a child that is gone wait for its restart.

        Returns:
            How long; 0 = not at all.
        """
        entry.nth += 1
        delay = delay_us(entry.child.back_off, entry.nth, chance)
        if delay:
            self._set_timer(entry, "back_off", now_us + delay)
            self.delayed.add(entry.child.id)
        return delay

    def cancel_timer(self, entry: Entry) -> None:
        """Forget a child's timer, if one is set."""
        if entry.timer is not None:
            self.emit(CancelTimer(key=entry.timer))
            self.timer_fired(entry)

    def timer_fired(self, entry: Entry) -> None:
        """Note that a child's timer is no longer set."""
        entry.timer = None
        self.delayed.discard(entry.child.id)

    def _set_timer(self, entry: Entry, kind: Literal["shutdown", "back_off"], due_us: int) -> None:
        entry.timer = TimerKey(kind=kind, id=entry.child.id, incarnation=entry.incarnation)
        self.emit(SetTimer(key=entry.timer, due_us=due_us))

    # --- calls

    def accept(self, call: int) -> bool:
        """Take a call; when too many wait already, it is answered at once.

        Returns:
            Whether it is to be looked at.
        """
        self.unanswered += 1
        if self.unanswered > MAX_CALLS:
            self.answer(call, "busy", f"{MAX_CALLS} calls wait already; ask again when some are answered")
            return False
        return True

    def answer(self, call: int, error: CallError | None = None, detail: str = "") -> None:
        """Answer a call that was accepted."""
        self.unanswered -= 1
        self.emit(Answer(call=call, error=error, detail=detail))
