"""The rules of opening and leaving a run: what a death cut off is made again, what waits goes on waiting."""

from __future__ import annotations

from typing import Final

from dagger_actors.core.protocols import Now
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.flow.machine.attempts import due, park
from dagger_actors.flow.machine.awaiting import look
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.calls import announce_run
from dagger_actors.flow.machine.children import leave_at_rest, look_for_child
from dagger_actors.flow.machine.decisions import ArmTimer, Drain, Finish, Grant, StopBody
from dagger_actors.flow.machine.ends import begin
from dagger_actors.flow.machine.events import AtRest, Detached, Mode, Opened
from dagger_actors.flow.machine.finishing import has_calls, leave_only_calls
from dagger_actors.flow.machine.invocations import Live
from dagger_actors.flow.machine.revived import note_revived, note_void

__all__ = ["CRASH_CAP", "arm_run", "detached", "opened", "opened_to_end", "time_left_us"]

CRASH_CAP: Final = 3
"""Crashes one piece of work may cause or meet before it is parked for a person to look at."""


def opened(book: Book, event: Opened, now: Now) -> None:
    """The run's supervisor is ready: go on from where the rows say it stands."""
    if event.is_bare:
        _opened_bare(book, event, now)
        return
    if event.mode == "retry" and book.run.status in FINAL_RUN:
        # A run that timed out has no time left: tried again, it gets all of it again.
        book.run.forget_elapsed()
    is_new = book.run.started_at is None
    if book.run.status != "running":
        book.run.is_end_announced = False
    book.become("running", now)
    book.run.finished_at = None
    arm_run(book, now)
    if book.run.ending is not None:
        leave_only_calls(book)
    resting = {rest.key: rest for rest in event.resting}
    for live in list(book.live.values()):
        if live.state == "awaiting" and book.work.nodes[live.node].flow is not None:
            _reopen_child(book, live, resting.get((live.node, live.item, live.attempt)), event.mode, now)
        else:
            _reopen(book, live, event, now)
    _reopen_maps(book, now)
    if is_new:
        announce_run(book, "run_start", "running")
    if not any(call.event == "run_start" for call in book.calls.values()):
        begin(book, now)
    if event.mode != "recover":
        note_revived(book, now)
        note_void(book, book.past.values())


def time_left_us(book: Book, now: Now) -> int | None:
    """Tell how long the run may go on, None = for ever; once its end is decided, what it has called has its time once more.

    Where it has none of its own, that has the time of a run above, which does not wait for it.
    """
    timeout_s = book.work.definition.config.timeout_seconds
    if timeout_s is None and book.calls_s is not None and book.run.ends_since_us is not None:
        return max(0, round(book.calls_s * 1e6) + book.run.ends_since_us - book.run.elapsed_us(now))
    if timeout_s is None:
        return None
    whole_us = round(timeout_s * 1e6) * (1 if book.run.ending is None else 2)
    return max(0, whole_us - book.run.elapsed_us(now))


def arm_run(book: Book, now: Now) -> None:
    """Be told when the run's time is up."""
    if (left_us := time_left_us(book, now)) is not None:
        book.effects.append(ArmTimer("run", left_us))


def opened_to_end(book: Book, event: Opened, now: Now, *, calls: bool) -> None:
    """The run is opened only to be ended: what it has called goes on, and what its end calls is to be called, if it can be here."""
    begun = event.crashed | event.live
    for live in book.live.values():
        if live.state == "ready" and (live.node, live.item, live.attempt) in begun:
            live.state = "running"  # it was not written down yet: it is not skipped, but cancelled
    if not has_calls(book):
        return
    book.run.is_bare = not calls
    book.become("running", now)
    for live in [live for live in book.live.values() if live.vertex in book.calls]:
        _reopen(book, live, event, now)
    # The stop that follows lets them through, as after any drain: granted here too, each would be called twice.
    book.effects = [effect for effect in book.effects if not isinstance(effect, Grant)]


def _opened_bare(book: Book, event: Opened, now: Now) -> None:
    """Without the run's code: what its owner's death cut off is written down, and all else stays as it is."""
    book.run.is_bare, book.run.was_asking = True, event.was_asking
    for live in list(book.live.values()):
        if live.state in ("ready", "running"):
            _reopen(book, live, event, now)


def _reopen_maps(book: Book, now: Now) -> None:
    """A mapped node that is tried again keeps its items; only its own row begins anew."""
    if book.run.is_pausing:
        return
    work = book.work
    for node in [live.node for live in book.past.values() if live.item < 0 and live.node in work.sizes]:
        attempt = work.map_attempts[node] = book.past.pop(work.vertex(node)).attempt + 1
        book.rows.append(work.row(node, -1, attempt, "running", size=work.sizes[node], started_at=now.wall_us))


def _reopen_child(book: Book, live: Live, rest: AtRest | None, mode: Mode, now: Now) -> None:
    if rest is None:
        look_for_child(book, live, now)
    else:
        leave_at_rest(book, live, rest, now, mode)


def _reopen(book: Book, live: Live, event: Opened, now: Now) -> None:
    if live.state == "parked":
        if event.mode == "retry":
            live.crash_no, live.try_no = 0, 1
            live.due_at = now.wall_us
            book.waiting += 1
            book.write(live, "waiting", due_at=live.due_at, reason="retry")  # its turn may come only after a death
            due(book, live)
        return
    if live.state == "waiting":
        book.waiting += 1
        delay_us = max(0, (live.due_at or 0) - now.wall_us)
        book.effects.append(ArmTimer("retry", delay_us, live.node, live.item, live.attempt))
        return
    if live.state in ("awaiting", "asked"):
        if (live.node, live.item, live.attempt) in event.answered or (
            live.due_at is not None and live.due_at <= now.wall_us
        ):
            live.state = "awaiting"  # so that the run does not come to rest before that is told
        look(book, live, now)  # it may have come meanwhile, though its time is up by now
        return
    book.count_granted(live)
    key = (live.node, live.item, live.attempt)
    if key in event.live:
        live.state = "running"
    elif key in event.drained:
        live.state = "ready"
        book.grant(live)
    elif key in event.crashed or live.state == "running" or event.is_forced:
        was_met = key in event.crashed or (live.state == "running" and key not in event.unbegun)
        _interrupted(book, live, now, was_met=was_met)
    else:
        book.grant(live)


def _interrupted(book: Book, live: Live, now: Now, *, was_met: bool) -> None:
    """The process died under this attempt: it is over, and the same try is made again, or parked.

    Only a death that its body met counts against the work; what merely had a place is innocent of it.
    """
    book.write(live, "interrupted", finished_at=now.wall_us, reason="its process died")
    live.crash_no += was_met
    if book.is_careful(live.node):
        book.uncount_granted(live)
        park(book, live, "interrupted")
        return
    live.attempt += 1
    live.started_us = None
    if live.crash_no < CRASH_CAP:
        live.state = "ready"
        book.write(live, "ready")
        book.grant(live)
        return
    book.uncount_granted(live)
    live.state = "parked"
    book.write(live, "waiting", reason="poison")


def detached(book: Book, _event: Detached, now: Now) -> None:
    """The system is being left: what runs is cut off, the rest stays as it is for the next owner."""
    for live in book.live.values():
        if live.state == "running":
            book.write(live, "interrupted", finished_at=now.wall_us, reason="its process was stopped")
            book.effects.append(StopBody(live.node, live.item, live.attempt))
            if book.is_careful(live.node):
                park(book, live, "interrupted")
        elif live.state == "ready" and book.is_careful(live.node):
            book.write(live, "ready")  # its start was committed, and it is known not to have begun
    book.run.stop_clock(now)
    book.effects += [Drain(), Finish(book.run.status)]
    book.run.is_detached = True
