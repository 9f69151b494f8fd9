"""What a supervisor's machine is told; ``commands`` has what it answers, and the contract between the two."""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.core.supervision.specs import Child, ExitKind

__all__ = [
    "AddChild",
    "Begin",
    "Call",
    "DeleteChild",
    "Event",
    "Exited",
    "RestartChild",
    "ShutDown",
    "StartFailed",
    "Started",
    "TerminateChild",
    "TimerFired",
    "TimerKey",
]


class TimerKey(msgspec.Struct, frozen=True, kw_only=True):
    """Which timer.

    Attributes:
        kind: ``shutdown``: the child's time to stop is over; ``back_off``: it may be restarted.
        id: The child.
        incarnation: The one that is to stop, or that has failed.
    """

    kind: Literal["shutdown", "back_off"]
    id: str
    incarnation: int


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """Start the children, in order."""


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """A child is up."""

    id: str
    incarnation: int


class StartFailed(msgspec.Struct, frozen=True, kw_only=True, tag="start_failed"):
    """A child could not be started.

    Attributes:
        chance: Drawn evenly from 0 to 1, 1 excluded, for the jitter of its back-off.
    """

    id: str
    incarnation: int
    reason: str
    chance: float = 0.0


class Exited(msgspec.Struct, frozen=True, kw_only=True, tag="exited"):
    """A child has ended.

    Attributes:
        kind: ``error`` is what restarts a transient child.
        chance: As in ``StartFailed``.
    """

    id: str
    incarnation: int
    kind: ExitKind
    reason: str = ""
    chance: float = 0.0


class TimerFired(msgspec.Struct, frozen=True, kw_only=True, tag="timer_fired"):
    """A timer that ``SetTimer`` asked for has fired."""

    key: TimerKey


class ShutDown(msgspec.Struct, frozen=True, kw_only=True, tag="shut_down"):
    """The supervisor is to stop, with all its children."""

    reason: str = ""


class AddChild(msgspec.Struct, frozen=True, kw_only=True, tag="add_child"):
    """Add a child behind the others and start it; the manual's ``start_child``.

    Attributes:
        call: Comes back in the ``Answer``.
    """

    call: int
    child: Child


class TerminateChild(msgspec.Struct, frozen=True, kw_only=True, tag="terminate_child"):
    """Stop a child; its specification stays, unless it is temporary."""

    call: int
    id: str


class RestartChild(msgspec.Struct, frozen=True, kw_only=True, tag="restart_child"):
    """Start a child that is not there."""

    call: int
    id: str


class DeleteChild(msgspec.Struct, frozen=True, kw_only=True, tag="delete_child"):
    """Forget the specification of a child that is not there."""

    call: int
    id: str


Call = AddChild | TerminateChild | RestartChild | DeleteChild
Event = Begin | Started | StartFailed | Exited | TimerFired | ShutDown | Call
