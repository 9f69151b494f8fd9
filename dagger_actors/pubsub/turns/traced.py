"""Turns of a system that is traced: each is a span, and what it publishes is part of its trace."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dagger_actors.actors.telemetry import AttemptSpan
from dagger_actors.core.turns import StartTurn, TurnFailed, TurnOutcome
from dagger_actors.pubsub.turns.activations import Activation
from dagger_actors.pubsub.turns.desk import Desk
from dagger_actors.pubsub.turns.work import TurnWork

__all__ = ["TracedWork", "work_of"]


class TracedWork(TurnWork):
    """A turn whose beginning and end are told."""

    def take(self) -> TurnOutcome:
        """See ``TurnWork``."""
        span, outcome = self._enter(), None
        try:
            outcome = super().take()
        finally:
            _leave(span, outcome)
        return outcome

    async def atake(self) -> TurnOutcome:
        """See ``TurnWork``."""
        span, outcome = self._enter(), None
        try:
            outcome = await super().atake()
        finally:
            _leave(span, outcome)
        return outcome

    def _enter(self) -> AttemptSpan:
        telemetry = self._desk.services.telemetry
        assert telemetry is not None, "the turns of a system that nobody traces are no such turns"
        span = telemetry.turn(self._desk.facts(self._turn))
        if span.text is not None:
            self.outgoing.trace = msgspec.json.decode(span.text)
        return span


def work_of(
    desk: Desk,
    turn: StartTurn,
    activation: Activation,
    tell: Callable[[bytes], None],
    *,
    keeps_state: bool,
) -> TurnWork:
    """A turn, for ``TurnWork``'s arguments; traced where the system is."""
    kind = TurnWork if desk.services.telemetry is None else TracedWork
    return kind(desk, turn, activation, tell, keeps_state=keeps_state)


def _leave(span: AttemptSpan, outcome: TurnOutcome | None) -> None:
    span.end(outcome.error if isinstance(outcome, TurnFailed) else None)
