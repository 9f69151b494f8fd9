"""What the end of a turn means by its subscription's retry policy, whose word goes into the event: so the machine stays pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.retry import AttemptError, RetryPolicy
from dagger_actors.core.turns import Handled, NotTaken, Snoozed, StartTurn, TurnEnded, TurnFailed, TurnOutcome
from dagger_actors.errors import RequestRefused, UnitRejected, WorkRejected
from dagger_actors.pubsub.machine.events import DoneTurn
from dagger_actors.pubsub.subscribers.registry import Subscription

__all__ = ["NOT_TAKEN", "refused", "verdicts"]

NOT_TAKEN = DoneTurn("not_taken")
AGAIN_US = 1_000_000
"""How soon a message comes again whose turn the disk has kept from what it wanted."""


def verdicts(
    subscription: Subscription, turns: Sequence[StartTurn], ends: Sequence[TurnEnded], now_us: int
) -> tuple[DoneTurn, ...]:
    """Judge the turns of a shift.

    Args:
        subscription: Whose they are.
        turns: As they were begun.
        ends: Theirs, in the same order.
        now_us: Wall microseconds.
    """
    policy = subscription.handler.options.retry
    return tuple(
        _verdict(policy, max(one.try_no for one in turn.deliveries), end.outcome, now_us)
        for turn, end in zip(turns, ends, strict=True)
    )


def refused(policy: RetryPolicy, try_no: int, error: UnitRejected, now_us: int) -> DoneTurn:
    """Judge a turn that the transaction could not take, for what the handler wanted written with it."""
    cause = error.cause if isinstance(error, WorkRejected | RequestRefused) else error
    return _failed(policy, try_no, detail_of(cause), now_us)


def _verdict(policy: RetryPolicy, try_no: int, outcome: TurnOutcome, now_us: int) -> DoneTurn:
    match outcome:
        case Handled(effects=effects):
            return DoneTurn("handled", effects)
        case Snoozed(delay_us=delay_us):
            return DoneTurn("snooze", due_at=now_us + delay_us)
        case NotTaken() | TurnFailed(is_unreadable=True):
            return NOT_TAKEN
        case TurnFailed(error=error, is_of_disk=True):
            return DoneTurn("snooze", due_at=now_us + AGAIN_US, error=msgspec.json.encode(error).decode())
        case TurnFailed(error=error, is_fatal=is_fatal, is_refused=is_refused):
            text = msgspec.json.encode(error).decode()
            if is_refused:
                return DoneTurn("dead", reason="refused", error=text)
            return DoneTurn("dead", reason="fatal", error=text) if is_fatal else _failed(policy, try_no, error, now_us)


def _failed(policy: RetryPolicy, try_no: int, error: ErrorDetail, now_us: int) -> DoneTurn:
    """Ask the policy, through tenacity."""
    text = msgspec.json.encode(error).decode()
    delay_s = policy.decide(try_no, AttemptError(error.message, error.names))
    if delay_s is None:
        return DoneTurn("dead", reason="failed", error=text)
    return DoneTurn("retry", due_at=now_us + round(delay_s * 1_000_000), error=text)
