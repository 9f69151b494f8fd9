"""One turn: what its messages say, the call of the handler, what that gave; and the outcome, whatever was raised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
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
    TurnOutcome,
)
from dagger_actors.errors import DeliveryRefused
from dagger_actors.pubsub.turns.activations import Activation
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.pubsub.turns.desk import Desk
from dagger_actors.pubsub.turns.failing import failed
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
        keeps_state: Whether the state that it leaves is to be stored.

    Attributes:
        activation: As given.
        context: What the handler is given; None = it wants none, or is not called yet.
        outgoing: What it publishes.
    """

    context: TurnContext | None = None
    _contexts: tuple[TurnContext, ...] = ()
    _plan: Plan
    _is_wrong = False
    _misfits: tuple[Misfit, ...] = ()

    def __init__(
        self,
        desk: Desk,
        turn: StartTurn,
        activation: Activation,
        tell: Callable[[bytes], None],
        *,
        keeps_state: bool = True,
    ) -> None:
        self._keeps_state = keeps_state
        self._desk = desk
        self._turn = turn
        self._tell = tell
        self.activation = activation
        self.outgoing = Outgoing(desk.subscription, turn.key, turn.deliveries)

    def take(self) -> TurnOutcome:
        """Take it in the calling thread."""
        try:
            for plan, part in self._parts():
                arguments = self._arguments(plan, part)
                if arguments is None:
                    continue
                try:
                    result = plan.function(*arguments)
                    snooze = self._drained(result) if plan.is_generator else self._given(result)
                finally:
                    self._desk.services.home.end_copy()
                if snooze is not None:
                    return Snoozed(snooze.delay_us)
            return self._ended()
        except BaseException as error:
            if getattr(error, "is_death", False):
                raise  # the test kit plays the death of a process with it: then nothing is told any more
            return failed(error, is_wrong=self._is_wrong)
        finally:
            self._close()

    async def atake(self) -> TurnOutcome:
        """Take it on the event loop; a plain function is called in a thread beside it."""
        try:
            for plan, part in self._parts():
                arguments = self._arguments(plan, part)
                if arguments is None:
                    continue
                try:
                    snooze = await self._called(plan, arguments)
                finally:
                    self._desk.services.home.end_copy()
                if snooze is not None:
                    return Snoozed(snooze.delay_us)
            return self._ended()
        except BaseException as error:  # noqa: BLE001 - a SystemExit that leaves a task stops the loop of all of them
            return failed(error, is_wrong=self._is_wrong)
        finally:
            self._close()

    def _close(self) -> None:
        for context in self._contexts:
            context.close()

    async def _called(self, plan: Plan, arguments: tuple[Any, ...]) -> Snooze | None:
        if not plan.is_async:
            return await asyncio.to_thread(self._called_beside, plan, arguments)
        if plan.is_generator:
            return await self._adrained(plan.function(*arguments))
        return self._given(await plan.function(*arguments))

    def _called_beside(self, plan: Plan, arguments: tuple[Any, ...]) -> Snooze | None:
        result = plan.function(*arguments)
        return self._drained(result) if plan.is_generator else self._given(result)

    # --- before the call

    def _parts(self) -> Sequence[tuple[Plan, StartTurn]]:
        turn = self._turn
        if turn.key == NO_KEY:
            raise self._desk.plan.without_key(turn.deliveries[0])
        return self._desk.parts(turn)

    def _arguments(self, plan: Plan, part: StartTurn) -> tuple[Any, ...] | None:
        """What the handler is called with; None = no message of the part fits, though others of the turn do."""
        self._plan = plan
        desk = self._desk
        messages = self._fitting(plan, part) if len(self._turn.deliveries) > 1 else None
        if messages is None:
            messages = [plan.decode(part.deliveries[0])]
        elif not messages:
            return None
        given = messages if plan.is_batch else messages[0]
        instance = desk.activations.instance(self.activation)
        if not plan.has_context:
            return instance, given
        context = self.context = desk.context(part, self.outgoing, self._tell)
        self._contexts = (*self._contexts, context)
        return instance, given, context

    def _fitting(self, plan: Plan, part: StartTurn) -> list[Any]:
        """What fits; what does not must not spoil the others, and is put aside, to be given up with their commit."""
        messages, misfits = [], []
        decode = plan.decode
        for delivery in part.deliveries:
            try:
                messages.append(decode(delivery))
            except DeliveryRefused as error:
                misfits.append(Misfit(delivery.cursor_key, delivery.offset, detail_of(error)))
                last = error
        if misfits:
            self._misfits = (*self._misfits, *misfits)
            if len(self._misfits) == len(self._turn.deliveries):
                raise last
        return messages

    # --- what it gave

    def _given(self, result: Any) -> Snooze | None:
        if result is None:
            return None
        kind = type(result)
        if kind is Snooze:
            return result  # type: ignore[no-any-return]
        if (kind is not list and kind is not tuple) or self._plan.takes_many:
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

    def _ended(self) -> Handled:
        try:
            state = self._desk.activations.encode(self.activation) if self._keeps_state else None
        except Exception:
            self._is_wrong = True
            raise
        outgoing, contexts = self.outgoing, self._contexts
        turn, has_steps = None, False
        if contexts:
            turn = self._merged(contexts)
            has_steps = any(context.has_steps for context in contexts)
        if state is None and turn is None and not (outgoing.published or outgoing.timers or has_steps or self._misfits):
            return Handled(NO_EFFECTS)
        return Handled(
            TurnEffects(state, tuple(outgoing.published), tuple(outgoing.timers), turn, has_steps, self._misfits)
        )

    def _merged(self, contexts: Sequence[TurnContext]) -> Turn | None:
        """What was done besides, by each call; None = nothing."""
        made = contexts[0].turn(())
        for context in contexts[1:]:
            other = context.turn(())
            made = Turn(
                made.artifacts + other.artifacts,
                made.statements + other.statements,
                spawned=made.spawned + other.spawned,
                started=made.started + other.started,
            )
        if made == NO_TURN:
            return None
        encode(made)  # what cannot travel fails this turn, and not the whole shift
        return made
