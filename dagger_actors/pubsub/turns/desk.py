"""What the turns of one subscription in one member share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from dagger_actors.actors.telemetry import Telemetry, TurnFacts
from dagger_actors.bodies.artifact_source import ArtifactSource
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.context import Surroundings
from dagger_actors.core.channel_rows import RANGES, piece_of, private_channel, range_of
from dagger_actors.core.messages import A_DELIVERY, StartAttempt, encode
from dagger_actors.core.protocols import Clock
from dagger_actors.core.turns import Delivered, StartTurn
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind
from dagger_actors.pubsub.turns.activations import Activations
from dagger_actors.pubsub.turns.context import TIMER, TurnContext
from dagger_actors.pubsub.turns.outgoing import Outgoing
from dagger_actors.pubsub.turns.plan import Plan
from dagger_actors.pubsub.turns.sources import Bridges, Publisher
from dagger_actors.pubsub.turns.standing import Standing
from dagger_actors.store.home import Home

__all__ = ["Desk", "TurnServices"]


class TurnServices(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What all turns of a process share.

    Attributes:
        publisher: Encodes messages.
        bridges: Make tasks and start runs.
        artifacts: Where large values lie.
        backends: What contexts ask.
        clock: The time.
        home: The process that all this is for.
        is_refusing: Whether too many abandoned bodies hold threads to start another on one.
        worker: This worker's number.
        telemetry: Told of turns; None = nobody traces or measures this system.
    """

    publisher: Publisher
    bridges: Bridges
    artifacts: ArtifactSource
    backends: Backends
    clock: Clock
    home: Home
    is_refusing: Callable[[], bool]
    worker: int
    telemetry: Telemetry | None = None


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
        context: What makes what the handler is given.

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
        context: type[TurnContext] = TurnContext,
    ) -> None:
        self.services = services
        self._context = context
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
            bridges=services.bridges,
        )
        self._private = private_channel(group)
        self._kinds = {plan.is_async for plan in (self.plan, *self.timers.values())}

    def parts(self, turn: StartTurn) -> Sequence[tuple[Plan, StartTurn]]:
        """The calls that a turn is: one, unless a batch has timers among its messages, which come one by one."""
        if not self.timers:
            return ((self.plan, turn),)
        found: list[tuple[Plan, StartTurn]] = []
        plain: list[Delivered] = []
        for delivery in turn.deliveries:
            plan = self._timer_of(delivery)
            if plan is None:
                plain.append(delivery)
                continue
            if plain:
                found.append((self.plan, StartTurn(turn.key, tuple(plain))))
                plain = []
            found.append((plan, StartTurn(turn.key, (delivery,))))
        if not found:
            return ((self.plan, turn),)
        if plain:
            found.append((self.plan, StartTurn(turn.key, tuple(plain))))
        return found

    def _timer_of(self, delivery: Delivered) -> Plan | None:
        """How the handler of a timer is called; None = the message is none, but one that is redriven, say."""
        if delivery.channel != self._private or delivery.headers is None:
            return None
        return self.timers.get(delivery.type) if TIMER in msgspec.json.decode(delivery.headers) else None

    def is_for_loop(self, turns: Sequence[StartTurn]) -> bool:
        """Whether turns are taken on the event loop: one of them is of a coroutine function."""
        if len(self._kinds) == 1:
            return self.plan.is_async
        return any(plan.is_async for turn in turns for plan, _ in self.parts(turn))

    def piece(self, turn: StartTurn) -> int:
        """What a slot file calls a turn."""
        offset = turn.deliveries[0].offset
        return piece_of(offset, range_of(turn.key) if self.has_lanes else offset % RANGES)

    def facts(self, turn: StartTurn) -> TurnFacts:
        """Say of a turn what a trace says of it."""
        first = turn.deliveries[0]
        return TurnFacts(
            self.subscription,
            self._standing.group,
            self.plan.function.__qualname__,
            first.channel,
            first.offset,
            first.type,
            turn.key,
            max(one.try_no for one in turn.deliveries),
            tuple(one.headers for one in turn.deliveries),
        )

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
        return self._context(start, around, self._standing, turn, outgoing)
