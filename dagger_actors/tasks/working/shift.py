"""Shifts: one body that does several quick tasks of an agent, one after the other, and tells all their ends at once.

Each task has its own beginning in the slot file, right before its body is called, so a death is met by that one alone; what
had ended and was not told is done again. A task that has not begun can be taken out of its shift at any moment and then, for
certain, never begins there; the lock of the shift makes that one step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from dagger_actors.actors.gate import Gate
from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.capture import Capture
from dagger_actors.bodies.services import BodyServices
from dagger_actors.bodies.thread_body import ThreadBody
from dagger_actors.core.messages import A_TASK, Outcome, StartAttempt, decode_starts
from dagger_actors.tasks.machine.events import Grant, TaskRef
from dagger_actors.tasks.working.orders import ShiftEnds

__all__ = ["ShiftBody", "in_shifts"]

NO_CAPTURES: Final[Mapping[TaskRef, Capture]] = {}


def in_shifts(grants: Iterable[Grant], shift_of: Callable[[str], int]) -> Iterator[list[Grant]]:
    """Share grants out among bodies, in their order.

    A shift has one agent and one priority. A task that was begun when its worker died is done alone: it may kill the next one
    too, and what had ended in its shift would be done again with each death.

    Args:
        grants: What was leased.
        shift_of: How many of an agent one body does on end, at most; 1 or more.
    """
    for (agent, _, crash_no), alike in groupby(
        grants, lambda one: (one.task.agent, one.task.priority, one.task.crash_no)
    ):
        part, size = list(alike), 1 if crash_no else shift_of(agent)
        yield from (part[first : first + size] for first in range(0, len(part), size))


class ShiftBody(ThreadBody):
    """Does the tasks of one shift.

    Args:
        services: What body actors share.
        gate: Where its place is given back.
        tell: Takes ``ShiftEnds``, and encoded messages of bodies, to the supervisor; any thread.
        refs: Its tasks, in order.
        agent: Whose.
    """

    def __init__(
        self, services: BodyServices, gate: Gate, tell: Callable[[object], None], refs: tuple[TaskRef, ...], agent: str
    ) -> None:
        super().__init__(services, gate, tell, None)
        self.agent = agent
        self._tell_ends = tell
        self._lock = threading.Lock()
        self._waiting = dict.fromkeys(refs)
        self._held = set(refs)
        self._begun: dict[TaskRef, int] = {}
        self._at: TaskRef | None = None
        self._ends: list[bytes] = []
        self._last = b""
        self._is_over = False
        self._captures: dict[TaskRef, Capture] | None = None

    # --- for the supervisor, and the journal's thread

    @property
    def running(self) -> tuple[TaskRef, int] | None:
        """The task that is being done, and since when (wall microseconds)."""
        with self._lock:
            return self._running()

    @property
    def running_last(self) -> tuple[TaskRef, int] | None:
        """The same, once nothing waits behind it.

        Until then its row must not say that it runs: a death that a later task brings would be counted to it as well.
        """
        with self._lock:
            return None if self._waiting else self._running()

    def begun(self) -> dict[TaskRef, int]:
        """Tasks that have begun, ended ones among them, and when (wall microseconds)."""
        with self._lock:
            return dict(self._begun)

    def captured_of(self, ref: TaskRef) -> tuple[str, int] | None:
        """What a task has logged by now, as ``captured``."""
        with self._lock:
            found = self._capture if self._at == ref else (self._captures or NO_CAPTURES).get(ref)
        return None if found is None or found.is_empty else found.read()

    def curtail(self) -> ShiftEnds:
        """Take back what has not begun, and the ends so far; a task that is being done goes on."""
        with self._lock:
            return self._cut()

    def strike(self, ref: TaskRef) -> ShiftEnds | None:
        """Take one task out, which is nobody's any more.

        Returns:
            None unless it is being done: then the shift is over, this is what it leaves, and its ticket is to be abandoned.
        """
        with self._lock:
            self._waiting.pop(ref, None)
            return self._break_off() if self._at == ref else None

    def break_off(self) -> ShiftEnds:
        """End the shift, whatever its body does; its ticket is to be abandoned."""
        with self._lock:
            return self._break_off()

    def release(self, refs: Iterable[TaskRef]) -> bool:
        """These need the shift no more: their ends are committed, or they are out of it; True when none is left."""
        with self._lock:
            self._held.difference_update(refs)
            return not self._held

    def held(self) -> frozenset[TaskRef]:
        """Its tasks that are neither out of it nor committed."""
        with self._lock:
            return frozenset(self._held)

    def _running(self) -> tuple[TaskRef, int] | None:
        return None if self._at is None else (self._at, self._begun[self._at])

    def _cut(self) -> ShiftEnds:
        rest, self._waiting = tuple(self._waiting), {}
        ends, self._ends = tuple(self._ends), []
        return ShiftEnds(ends, rest)

    def _break_off(self) -> ShiftEnds:
        self._is_over = True
        return self._cut()

    # --- on its thread

    def on_receive(self, message: bytes) -> None:
        """Do the shift."""
        now_us = self._services.clock.now().wall_us
        for start in decode_starts(message).starts:
            if self._begin((start.run_key, start.item), start.attempt, now_us):
                now_us = self._note(start, now_us, self._outcome(start))
        self._finish(now_us)

    def _begin(self, ref: TaskRef, attempt: int, now_us: int) -> bool:
        with self._lock:
            if self._is_over or ref not in self._waiting:
                return False
            # In this order: what was taken out, or abandoned, before its beginning was written down does not begin.
            if not self._gate.mark(self.ticket, *ref, attempt, now_us):
                return False
            del self._waiting[ref]
            self._begun[ref] = now_us
            self._at = ref
            self._context = self._turn = self._capture = None
        ticket = self.ticket  # so that the body is named by what it does
        ticket.run_key, ticket.item, ticket.attempt = *ref, attempt
        return True

    def _outcome(self, start: StartAttempt) -> Outcome:
        self._enter(start)
        return super()._outcome(start)

    def _prepare(self, start: StartAttempt) -> tuple[Action, dict[str, Any]]:
        return self._arranged(start)  # its beginning is written down

    def _note(self, start: StartAttempt, started_us: int, outcome: Outcome) -> int:
        key = (start.run_key, A_TASK, start.item, start.attempt)
        payload, outcome, now_us = self._encoded(key, started_us, outcome)
        self._leave(outcome)
        self._span = None
        with self._lock:
            if self._capture is not None:
                self._captures = self._captures or {}
                self._captures[start.run_key, start.item] = self._capture
            self._at = None
            if not self._is_over:
                self._ends.append(payload)
                self._last = payload
        return now_us

    def _finish(self, now_us: int) -> None:
        with self._lock:
            self._is_over = True
            ends, self._ends = tuple(self._ends), []
        if not self._last:
            self._gate.abandon(self.ticket)  # nothing has begun: its record is to tell nothing else
        # First the slot file, then the message, as ever; the record is that of the last task, and so is the end.
        self._gate.end(self.ticket, self._last, success=True, now_us=now_us)
        if ends:
            self._tell_ends(ShiftEnds(ends))
