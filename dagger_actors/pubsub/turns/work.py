"""One turn: what its messages say, the call of the handler, what that gave; and the outcome, whatever was raised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.bodies.snooze import Snooze
from dagger_actors.core.channel_rows import NO_KEY
from dagger_actors.core.messages import Turn, encode
from dagger_actors.core.turns import (
    NO_EFFECTS,
    Handled,
    Misfit,
    Snoozed,
    StartTurn,
    TurnEffects,
    TurnFailed,
    TurnOutcome,
)
from dagger_actors.errors import DeliveryRefused, Fatal, GivenRefused, SubscriberStateUnreadable
from dagger_actors.pubsub.turns.activations import Activation
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.pubsub.turns.desk import Desk
from dagger_actors.pubsub.turns.outgoing import Outgoing
from dagger_actors.pubsub.turns.plan import Plan

__all__ = ["TurnWork"]

NO_TURN = Turn()


class TurnWork:
    """One turn at work.

    Args:
        desk: What all turns of its subscription share.
        turn: The turn.
        activation: That of its key, its state loaded.
        tell: Takes encoded messages to the supervisor.

    Attributes:
        activation: As given.
        context: What the handler is given; None = it wants none, or is not called yet.
        outgoing: What it publishes.
    """

    context: TurnContext | None = None
    _plan: Plan
    _is_wrong = False
    _misfits: tuple[Misfit, ...] = ()

    def __init__(self, desk: Desk, turn: StartTurn, activation: Activation, tell: Callable[[bytes], None]) -> None:
        self._desk = desk
        self._turn = turn
        self._tell = tell
        self.activation = activation
        self.outgoing = Outgoing(desk.subscription, turn.key, turn.deliveries)

    def take(self) -> TurnOutcome:
        """Take it in the calling thread."""
        try:
            call, arguments = self._prepared()
            try:
                result = call(*arguments)
                snooze = self._drained(result) if self._plan.is_generator else self._given(result)
            finally:
                self._desk.services.home.end_copy()
            return self._ended(snooze)
        except BaseException as error:
            if getattr(error, "is_death", False):
                raise  # the test kit plays the death of a process with it: then nothing is told any more
            return self._raised(error)
        finally:
            self.outgoing.is_over = True

    async def atake(self) -> TurnOutcome:
        """Take it on the event loop; a plain function is called in a thread beside it."""
        try:
            call, arguments = self._prepared()
            plan = self._plan
            try:
                if not plan.is_async:
                    result = await asyncio.to_thread(call, *arguments)
                    snooze = self._drained(result) if plan.is_generator else self._given(result)
                elif plan.is_generator:
                    snooze = await self._adrained(call(*arguments))
                else:
                    snooze = self._given(await call(*arguments))
            finally:
                self._desk.services.home.end_copy()
            return self._ended(snooze)
        except BaseException as error:  # noqa: BLE001 - a SystemExit that leaves a task stops the loop of all of them
            return self._raised(error)
        finally:
            self.outgoing.is_over = True

    # --- before the call

    def _prepared(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        desk, turn = self._desk, self._turn
        if turn.key == NO_KEY:
            raise desk.plan.without_key(turn.deliveries[0])
        plan = self._plan = desk.plan_of(turn)
        messages = self._batch(plan) if plan.is_batch else plan.decode(turn.deliveries[0])
        instance = desk.activations.instance(self.activation)
        if not plan.has_context:
            return plan.function, (instance, messages)
        self.context = desk.context(turn, self.outgoing, self._tell)
        return plan.function, (instance, messages, self.context)

    def _batch(self, plan: Plan) -> list[Any]:
        """What fits; what does not must not spoil the others, and is put aside, to be given up with their commit."""
        messages, misfits = [], []
        decode = plan.decode
        for delivery in self._turn.deliveries:
            try:
                messages.append(decode(delivery))
            except DeliveryRefused as error:
                misfits.append(Misfit(delivery.cursor_key, delivery.offset, detail_of(error)))
                last = error
        if misfits:
            if not messages:
                raise last
            self._misfits = tuple(misfits)
        return messages

    # --- what it gave

    def _given(self, result: Any) -> Snooze | None:
        if result is None:
            return None
        if type(result) is Snooze:
            return result
        if not self._plan.is_many(result):
            self._give(result)
            return None
        for one in result:
            if one is not None:
                self._give(one)
        return None

    def _drained(self, items: Any) -> Snooze | None:
        try:
            while True:
                try:
                    one = next(items)
                except StopIteration as end:
                    return self._given(end.value)
                if type(one) is Snooze:
                    return one
                if one is not None:
                    self._give(one)
        finally:
            items.close()

    async def _adrained(self, items: Any) -> Snooze | None:
        try:
            async for one in items:
                if type(one) is Snooze:
                    return one
                if one is not None:
                    self._give(one)
        finally:
            await items.aclose()
        return None

    def _give(self, one: Any) -> None:
        try:
            self.outgoing.add(*self._plan.encode(one))
        except Exception:
            self._is_wrong = True
            raise

    def _ended(self, snooze: Snooze | None) -> TurnOutcome:
        if snooze is not None:
            return Snoozed(snooze.delay_us)
        try:
            state = self._desk.activations.encode(self.activation)
        except Exception:
            self._is_wrong = True
            raise
        outgoing, context = self.outgoing, self.context
        turn, has_steps = None, False
        if context is not None:
            made = context.turn(())
            if made != NO_TURN:
                encode(made)  # what cannot travel fails this turn, and not the whole shift
                turn = made
            has_steps = context.has_steps
        if state is None and turn is None and not (outgoing.published or outgoing.timers or has_steps or self._misfits):
            return Handled(NO_EFFECTS)
        return Handled(
            TurnEffects(state, tuple(outgoing.published), tuple(outgoing.timers), turn, has_steps, self._misfits)
        )

    def _raised(self, error: BaseException) -> TurnFailed:
        is_fatal = self._is_wrong or isinstance(error, Fatal | GivenRefused)
        is_refused = isinstance(error, DeliveryRefused)
        return TurnFailed(detail_of(error), is_fatal, is_refused, isinstance(error, SubscriberStateUnreadable))
