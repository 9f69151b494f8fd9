"""What the turns of one subscription in one member share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from dagger_actors.bodies.artifact_source import ArtifactSource
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.context import Surroundings
from dagger_actors.core.channel_rows import private_channel
from dagger_actors.core.messages import A_DELIVERY, StartAttempt, encode
from dagger_actors.core.protocols import Clock
from dagger_actors.core.turns import StartTurn
from dagger_actors.pubsub.kind import HandlerKind
from dagger_actors.pubsub.turns.activations import Activations
from dagger_actors.pubsub.turns.context import TIMER, Standing, TurnContext
from dagger_actors.pubsub.turns.outgoing import Outgoing
from dagger_actors.pubsub.turns.plan import Plan
from dagger_actors.pubsub.turns.sources import Publisher, TaskBridge
from dagger_actors.store.home import Home

__all__ = ["Desk", "TurnServices"]


class TurnServices(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What all turns of a process share.

    Attributes:
        publisher: Encodes messages.
        bridge: Makes tasks; None = this system has none.
        artifacts: Where large values lie.
        backends: What contexts ask.
        clock: The time.
        home: The process that all this is for.
        is_refusing: Whether too many abandoned bodies hold threads to start another on one.
        worker: This worker's number.
    """

    publisher: Publisher
    bridge: TaskBridge | None
    artifacts: ArtifactSource
    backends: Backends
    clock: Clock
    home: Home
    is_refusing: Callable[[], bool]
    worker: int


class Desk:
    """Where the turns of one subscription are taken, in one member.

    Args:
        services: What all turns of the process share.
        subscription: ``GROUP.HANDLER``.
        group: The group's name.
        group_key: Its id.
        member: The member's name.
        handler: The handler.
        timers: The handlers of its timers, by the names of the messages' classes.
        activations: Those of the member in the group.

    Attributes:
        plan: How its handler is called.
        has_lanes: Whether a turn that fails keeps back those of its key.
        is_shared: Whether all turns have the same instance: they have no key, and it has no state.
    """

    def __init__(
        self,
        services: TurnServices,
        subscription: str,
        *,
        group: str,
        group_key: int,
        member: str,
        handler: HandlerKind,
        timers: Mapping[str, HandlerKind],
        activations: Activations,
    ) -> None:
        self.services = services
        self.subscription = subscription
        self.activations = activations
        self.options = handler.options
        self.plan = Plan(subscription, handler, services.publisher, handler.publishes)
        self.timers = {
            name: Plan(subscription, one, services.publisher, handler.publishes) for name, one in timers.items()
        }
        self.has_lanes = handler.options.order != "none"
        self.is_shared = activations.codec is None and handler.options.order != "key"
        self._standing = Standing(
            subscription=subscription,
            group=group,
            group_key=group_key,
            member=member,
            may_publish=self.options.may_publish,
            declared=handler.publishes,
            is_ordered=self.has_lanes,
            publisher=services.publisher,
            timers=self.timers,
            bridge=services.bridge,
        )
        self._private = private_channel(group)
        self._kinds = {plan.is_async for plan in (self.plan, *self.timers.values())}

    def plan_of(self, turn: StartTurn) -> Plan:
        """How the handler of a turn is called: a timer's, or the subscription's own."""
        first = turn.deliveries[0]
        if self.timers and first.channel == self._private and first.headers is not None:
            headers = msgspec.json.decode(first.headers)
            plan = self.timers.get(first.type) if TIMER in headers else None
            if plan is not None:
                return plan
        return self.plan

    def is_for_loop(self, turns: tuple[StartTurn, ...]) -> bool:
        """Whether turns are taken on the event loop: one of them is of a coroutine function."""
        if len(self._kinds) == 1:
            return self.plan.is_async
        return any(self.plan_of(turn).is_async for turn in turns)

    def context(self, turn: StartTurn, outgoing: Outgoing, tell: Callable[[bytes], None]) -> TurnContext:
        """Make what the handler is given."""
        first = turn.deliveries[0]
        services = self.services
        start = StartAttempt(
            first.cursor_key,
            A_DELIVERY,
            first.offset,
            first.try_no,
            "",
            "",
            first.channel,
            self.subscription,
            owner=services.worker,
        )
        around = Surroundings(
            artifacts=services.artifacts,
            clock=services.clock,
            report=lambda message: tell(encode(message)),
            write=partial(TurnContext.write_log, start),
            backends=services.backends,
        )
        return TurnContext(start, around, self._standing, turn, outgoing)
