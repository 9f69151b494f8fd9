"""What a supervisor's machine answers, and what there is to be seen of it.

The contract with whoever performs the commands:

* Each ``StartChild`` is answered once: ``Started``, or ``StartFailed`` (or ``Exited``, whatever its kind: it ended before it
  had started). After ``Started`` comes one ``Exited``. A child that was told to stop while it was starting may do either.
* ``KillChild`` wants no answer: the machine counts the child as gone, and what comes for that incarnation later is ignored.
  So is everything else that comes twice or too late.
* The mailbox is there from ``StartChild(is_restart=False)`` to ``CloseChild``: between ``Exited`` and
  ``StartChild(is_restart=True)`` it stays, and what is in it waits.
* ``Ended`` comes once, and after it only answers to late calls. By then each child is gone, each mailbox closed, each timer
  cancelled and each call answered. When it comes before ``Ready``, the supervisor itself has not started.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.core.supervision.events import TimerKey
from dagger_actors.core.supervision.specs import Restart

__all__ = [
    "Answer",
    "CallError",
    "CancelTimer",
    "ChildCounts",
    "ChildStatus",
    "ChildView",
    "CloseChild",
    "Command",
    "EndKind",
    "Ended",
    "GaveUp",
    "KillChild",
    "Ready",
    "Restarted",
    "Restarting",
    "SetTimer",
    "StartChild",
    "StopChild",
    "SupervisorState",
]

EndKind = Literal["normal", "shutdown", "error"]
SupervisorState = Literal["starting", "running", "stopping", "ended"]
ChildStatus = Literal["starting", "running", "stopping", "restarting", "absent"]
CallError = Literal[
    "already_present",
    "already_started",
    "running",
    "restarting",
    "not_found",
    "start_failed",
    "invalid",
    "terminated",
    "shutting_down",
    "busy",
]


class StartChild(msgspec.Struct, frozen=True, kw_only=True, tag="start_child"):
    """Start a child.

    Attributes:
        incarnation: From 1, higher at each start of a child of this id.
        is_restart: True = in place: its mailbox is there and what is in it waits. False = with a new one.
    """

    id: str
    incarnation: int
    is_restart: bool


class StopChild(msgspec.Struct, frozen=True, kw_only=True, tag="stop_child"):
    """Ask a child to stop.

    Attributes:
        shutdown_us: How long it has; None = for ever. The machine sets the timer and kills it then.
        is_final: Whether its mailbox will be closed once it has; else it may be restarted in place.
    """

    id: str
    incarnation: int
    shutdown_us: int | None
    is_final: bool


class KillChild(msgspec.Struct, frozen=True, kw_only=True, tag="kill_child"):
    """End a child whatever it does; it counts as gone from now on."""

    id: str
    incarnation: int


class CloseChild(msgspec.Struct, frozen=True, kw_only=True, tag="close_child"):
    """A child is gone and will not be restarted in place: close its mailbox.

    Attributes:
        incarnation: The last one.
    """

    id: str
    incarnation: int


class SetTimer(msgspec.Struct, frozen=True, kw_only=True, tag="set_timer"):
    """Send ``TimerFired`` at or after ``due_us``, on the clock of the events' ``now_us``."""

    key: TimerKey
    due_us: int


class CancelTimer(msgspec.Struct, frozen=True, kw_only=True, tag="cancel_timer"):
    """Forget a timer; when it has fired already, that is ignored."""

    key: TimerKey


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """Answer a call.

    Attributes:
        error: None = done. Else the manual's word; or ``start_failed``; ``invalid``: no such child may be here;
            ``terminated``: its start was called off by another call; ``shutting_down``: the supervisor is; ``busy``:
            too many calls wait.
        detail: What there is to say about the error.
    """

    call: int
    error: CallError | None = None
    detail: str = ""


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """All children have been started: so is the supervisor."""


class Restarting(msgspec.Struct, frozen=True, kw_only=True, tag="restarting"):
    """For the log: a child has failed and will be started again.

    Attributes:
        incarnation: The one that failed.
        recent: Restarts in the period up to now, this one included.
        nth: Its how many-th consecutive restart this is, from 1.
        delay_us: How long it waits.
    """

    id: str
    incarnation: int
    reason: str
    recent: int
    nth: int
    delay_us: int


class Restarted(msgspec.Struct, frozen=True, kw_only=True, tag="restarted"):
    """For the log: a child is up again."""

    id: str
    incarnation: int


class GaveUp(msgspec.Struct, frozen=True, kw_only=True, tag="gave_up"):
    """For the log: a child has failed once too often; the supervisor ends.

    Attributes:
        incarnation: The one that failed.
        recent: Restarts in the period up to now, the one that did not come included.
    """

    id: str
    incarnation: int
    reason: str
    recent: int


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The supervisor has ended.

    Attributes:
        kind: ``normal``: its significant children have ended; ``shutdown``: it was asked to; ``error``: restarts came too
            often, or a child could not be started at first. What to do then is its parent's to decide.
    """

    kind: EndKind
    reason: str


Command = (
    StartChild
    | StopChild
    | KillChild
    | CloseChild
    | SetTimer
    | CancelTimer
    | Answer
    | Ready
    | Restarting
    | Restarted
    | GaveUp
    | Ended
)


class ChildView(msgspec.Struct, frozen=True, kw_only=True):
    """One child, as ``which_children`` shows it.

    Attributes:
        status: ``restarting``: it will be started again, when its back-off is over, the others are down or its turn comes;
            ``absent``: only its specification is there.
        incarnation: The last one; 0 = it has not been started.
        nth: Its last consecutive restart; 0 = none.
    """

    id: str
    restart: Restart
    status: ChildStatus
    incarnation: int
    nth: int


class ChildCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many children there are.

    Attributes:
        specs: Specifications, their children dead or alive.
        active: Children that run, also those that were told to stop.
        restarting: Children that will be started again.
    """

    specs: int
    active: int
    restarting: int
