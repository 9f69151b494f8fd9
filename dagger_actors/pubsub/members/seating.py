"""Makes what takes the turns of one member of a group: its supervisor, its gates, its desks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.gates import Gates
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.actors.telemetry import Telemetry
from dagger_actors.bodies.artifacts import RunArtifacts
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.resources import Resources
from dagger_actors.bodies.stored_tables import StoredTables
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended
from dagger_actors.core.messages import Progressed
from dagger_actors.pubsub.machine.events import SubscriptionTerms
from dagger_actors.pubsub.machine.machine import MemberMachine
from dagger_actors.pubsub.members.batch import Outlets, Place
from dagger_actors.pubsub.members.handover import MemberServices
from dagger_actors.pubsub.members.supervisor import MemberSupervisor
from dagger_actors.pubsub.outgoing.doors import Doors
from dagger_actors.pubsub.reports.tally import TurnTally
from dagger_actors.pubsub.subscribers.registry import Member, Subscription
from dagger_actors.pubsub.turns.activations import Activations
from dagger_actors.pubsub.turns.desk import Desk, TurnServices
from dagger_actors.pubsub.turns.sources import Bridges
from dagger_actors.pubsub.turns.starter import ShiftStarter
from dagger_actors.pubsub.turns.steps import TurnSteps
from dagger_actors.pubsub.turns.stored_states import StoredStates
from dagger_actors.store.store import Store

__all__ = ["Heard", "Seat", "Seating"]


class Heard(msgspec.Struct, frozen=True):
    """Who is told what members do; nothing here may block.

    Attributes:
        appended: Told of messages that turns have published, with what became of each.
        ephemeral: Hands over messages of channels of which nothing is stored; gives what those that wait for room wait on.
        due: Told when a timer or a delayed message is due, wall microseconds.
        moved: Told of ends that are committed: there may be room in their channels.
        rested: Told that nothing may be in hand any more.
        crashed: Told of a supervisor that has crashed.
        progress: Told how far a turn is.
    """

    appended: Callable[[Sequence[NewMessage], Sequence[Appended]], None]
    ephemeral: Callable[[Sequence[NewMessage]], Sequence[ReplyFuture[Any]]]
    due: Callable[[int], None]
    moved: Callable[[Sequence[str]], None]
    rested: Callable[[], None]
    crashed: Callable[[MemberSupervisor, BaseException], None]
    progress: Callable[[Progressed], None]


class Seat:
    """One member of a group in this process.

    Attributes:
        member: The member.
        group: The group's name.
        group_key: Its id.
        subscriptions: The member's in that group, by name.
        supervisor: Decides about them.
        gates: Where their shifts start.
    """

    def __init__(
        self,
        member: str,
        group: str,
        group_key: int,
        subscriptions: dict[str, Subscription],
        supervisor: MemberSupervisor,
        gates: Sequence[Gate],
    ) -> None:
        self.member = member
        self.group = group
        self.group_key = group_key
        self.subscriptions = subscriptions
        self.supervisor = supervisor
        self.gates = gates


class Seating:
    """Gives members their seats.

    Args:
        runtime: The world.
        store: The open database.
        gates: All of the system's.
        resources: What ``ctx.resource`` gives.
        doors: Knows what channels take.
        outlets: Knows which are stored.
        bridges: Make tasks and start runs for turns.
        tally: Counts what is committed.
        heard: Who is told what.
        telemetry: Told of turns; None = nobody traces or measures this system.

    Attributes:
        services: What all turns share.
        states: Reads states.
    """

    def __init__(
        self,
        *,
        runtime: Runtime,
        store: Store,
        gates: Gates,
        resources: Resources,
        doors: Doors,
        outlets: Outlets,
        bridges: Bridges,
        tally: TurnTally,
        heard: Heard,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._runtime = runtime
        self._store = store
        self._gates = gates
        self._tally = tally
        self._heard = heard
        self.states = StoredStates(store)
        self._outlets = outlets
        self.services = TurnServices(
            publisher=DoorPublisher(doors),
            bridges=bridges,
            artifacts=RunArtifacts(store.artifacts, store.load_artifact),
            backends=Backends(
                steps=TurnSteps(store, clock=runtime.clock, wait=runtime.wait_in_body),
                resources=resources,
                tables=StoredTables(store),
                owner=NoQuestions(),
            ),
            clock=runtime.clock,
            home=store.home,
            is_refusing=gates.is_refusing,
            worker=store.worker_id,
            telemetry=telemetry,
        )

    def take(self, member: Member, group: str, group_key: int) -> Seat:
        """Seat a member in one of its groups."""
        clock = self._runtime.clock
        subscriptions = {name: one for name, one in member.subscriptions.items() if one.group == group}
        activations = Activations(
            member.make, member.kind.codec, group=group, group_key=group_key, source=self.states, clock=clock
        )
        desks = {
            name: Desk(
                self.services,
                name,
                group=group,
                group_key=group_key,
                member=member.name,
                handler=one.handler,
                timers=member.kind.timers,
                activations=activations,
            )
            for name, one in subscriptions.items()
        }
        starter = ShiftStarter(runtime=self._runtime, gates=self._gates, desks=desks, on_started=lambda: None)
        worker = self._store.worker_id
        terms = tuple(_terms(name, one) for name, one in subscriptions.items())
        ref = MemberSupervisor.spawn(
            MemberServices(
                clock=clock,
                timers=self._runtime.timers,
                journal=self._store.journal,
                readers=self._store.readers,
                place=Place(group_key, worker, member.name),
                group=group,
                subscriptions=subscriptions,
                starter=starter,
                activations=activations,
                outlets=self._outlets,
                progress=self._heard.progress,
                appended=self._heard.appended,
                ephemeral=self._heard.ephemeral,
                due=self._heard.due,
                bridges=self.services.bridges,
                moved=self._heard.moved,
                tally=self._tally,
                rested=self._heard.rested,
            ),
            lambda: MemberMachine(group_key, worker, member.name, terms),
            ask_rebuild=self._heard.crashed,
            dispatcher=self._runtime.control,
        )
        supervisor = ref._actor_weakref()  # noqa: SLF001 - pykka has no public way from a ref to its actor
        assert supervisor is not None
        return Seat(member.name, group, group_key, subscriptions, supervisor, tuple(starter.gates.values()))


class DoorPublisher:
    """Implements ``turns.sources.Publisher``.

    Args:
        doors: Knows what channels take.
    """

    def __init__(self, doors: Doors) -> None:
        self._find = doors.find

    def encode(self, channel: str, message: object) -> tuple[str, str]:
        """Give the name of a message's class and its JSON text."""
        return self._find(channel).encoding.encode(message)

    def is_ephemeral(self, channel: str) -> bool:
        """Whether nothing of a channel is stored."""
        return self._find(channel).is_ephemeral


class NoQuestions:
    """Implements ``bodies.backends.OwnerSource``: contexts of turns ask nothing besides."""

    def ask(self, question: str, arguments: bytes) -> Any:
        """Refuse."""
        raise LookupError(f"{question} ({len(arguments)} bytes)")


def _terms(name: str, subscription: Subscription) -> SubscriptionTerms:
    options = subscription.handler.options
    return SubscriptionTerms(
        name=name,
        is_keyed=options.is_keyed,
        is_ordered=options.is_ordered,
        concurrency=options.concurrency,
        batch=options.batch,
        window=options.max_in_flight,
    )
