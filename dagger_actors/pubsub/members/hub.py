"""The root of pub/sub in one system: its members, what they are told of channels, and what other workers left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dagger_actors.actors.due import DueTimes
from dagger_actors.actors.gates import Gates
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.root import Root
from dagger_actors.actors.runtime import Runtime
from dagger_actors.actors.telemetry import Telemetry
from dagger_actors.bodies.arrivals import Arrivals
from dagger_actors.bodies.asking import ask_journal, wait_quietly
from dagger_actors.bodies.resources import Resources
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended, ChannelOperation, PromoteMessages
from dagger_actors.core.declarations import ChannelRow, Declared
from dagger_actors.core.messages import Progressed
from dagger_actors.errors import SystemClosed
from dagger_actors.pubsub.declared.declared_rows import channel_row
from dagger_actors.pubsub.declared.wired import Wiring
from dagger_actors.pubsub.ephemeral.ephemeral import Ephemeral
from dagger_actors.pubsub.ephemeral.seating import EphemeralServices
from dagger_actors.pubsub.members.attaching import Attaching
from dagger_actors.pubsub.members.declaring import Declaring
from dagger_actors.pubsub.members.heads import Heads
from dagger_actors.pubsub.members.lags import Lags
from dagger_actors.pubsub.members.left_behind import LeftBehind
from dagger_actors.pubsub.members.orders import Detach, Head
from dagger_actors.pubsub.members.rest import Rest
from dagger_actors.pubsub.members.restarts import Restarts
from dagger_actors.pubsub.members.seating import Heard, Seat, Seating
from dagger_actors.pubsub.members.seats import Seats
from dagger_actors.pubsub.members.supervisor import MemberSupervisor
from dagger_actors.pubsub.members.watched import WatchedChannels
from dagger_actors.pubsub.outgoing.doors import Doors
from dagger_actors.pubsub.outgoing.outbox import Outbox
from dagger_actors.pubsub.reports.tally import TurnTally
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.pubsub.turns.sources import Bridges
from dagger_actors.store.store import Store

__all__ = ["ChannelHub"]

logger = logging.getLogger("dagger_actors.pubsub")

NO_BRIDGES = Bridges()


class ChannelHub:
    """Keeps pub/sub going.

    Args:
        runtime: The world.
        store: The open database.
        gates: Where shifts start.
        members: The subscribers of this system.
        wiring: What is declared of channels and subscriptions.
        resources: What ``ctx.resource`` gives.
        recover: Whether what gone workers held is taken over.
        bridges: Make tasks and start runs for turns.
        telemetry: Told of turns and of what became of messages; None = nobody traces or measures this system.

    Attributes:
        tally: What was done with messages here.
        failures: Why members take no turns any more, by their names and groups.
        heads: Which channels are known, and how far they go.
        lags: What is left to do.
        watched: What a look at the file means here.
    """

    def __init__(
        self,
        *,
        runtime: Runtime,
        store: Store,
        gates: Gates,
        members: Members,
        wiring: Wiring,
        resources: Resources,
        recover: bool = True,
        bridges: Bridges = NO_BRIDGES,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.runtime = runtime
        self.store = store
        self.wiring = wiring
        self._recover = recover
        self.row: Callable[[Any], ChannelRow] = channel_row
        self.trace: Callable[[], str | None] = (lambda: None) if telemetry is None else telemetry.carrier
        """Gives the trace context of the code that calls, as text; None = it is in no trace."""
        self.tally = TurnTally(None if telemetry is None else telemetry.delivered)
        self.arrivals = Arrivals()
        self.arrivals.on_watched = self._on_watched
        self.doors = Doors(wiring, store.readers, channel_row)
        self.on_changed: Callable[[], None] = lambda: None
        """Called when the pace may have become a quicker one."""
        self._members = members
        self._declaring = Declaring(runtime, wiring, store.worker_id, ask=self.ask)
        self.lags = Lags(members, store.readers)
        self.heads = Heads(wiring, self._grown)
        self._root = Root.spawn(dispatcher=runtime.control)
        self._due_times = DueTimes(
            runtime,
            "delayed messages",
            ask=lambda: self.ask([PromoteMessages(runtime.clock.now().wall_us)]),
            answered=self._promoted,
        )
        self.due = self._due_times.at
        self._restarts = Restarts(
            runtime, store, errand=self.errand, ask=self.ask, gone_on=self._has_gone_on, given_up=self._rested
        )
        self.failures = self._restarts.failures
        self._left_behind = LeftBehind(store, clock=runtime.clock, ask=self.ask, taken=self._has_taken)
        self._attaching = Attaching(
            runtime,
            wiring,
            errand=self.errand,
            declare=self._declaring.subscribe,
            attached=self._has_attached,
            rested=self._rested,
        )
        self.outbox = Outbox(
            journal=store.journal,
            clock=runtime.clock,
            timers=runtime.timers,
            appended=self.appended,
            declared=lambda _names: self.watched.changed(),
        )
        seating = self._seating(gates, resources, bridges, telemetry)
        self._seats = Seats(members, seating, self.heads, store.readers)
        self.watched = WatchedChannels(
            runtime,
            store.readers,
            members=members,
            seats=self._seats,
            heads=self.heads,
            arrivals=self.arrivals,
            left_behind=self._left_behind,
            errand=self.errand,
            attach=self._attaching.attach,
            due=self.due,
        )
        self._rest = self._rest_of_members()
        self.ephemeral = self._ephemeral(seating)
        if telemetry is not None:
            telemetry.watch_lags(self.lags.read_quietly)

    def _seating(self, gates: Gates, resources: Resources, bridges: Bridges, telemetry: Telemetry | None) -> Seating:
        return Seating(
            runtime=self.runtime,
            store=self.store,
            gates=gates,
            resources=resources,
            doors=self.doors,
            outlets=self.heads,
            bridges=bridges,
            tally=self.tally,
            heard=Heard(
                appended=self.appended,
                ephemeral=self._hand_over,
                due=self.due,
                moved=self._moved,
                rested=self._rested,
                crashed=self._crashed,
                progress=_progress,
            ),
            telemetry=telemetry,
        )

    def _ephemeral(self, seating: Seating) -> Ephemeral:
        return Ephemeral(
            self.wiring,
            self._members,
            EphemeralServices(
                runtime=self.runtime,
                turns=seating.services,
                states=seating.states,
                doors=self.doors,
                outbox=self.outbox,
                tally=self.tally,
            ),
            self._rested,
        )

    def _rest_of_members(self) -> Rest:
        return Rest(
            self.runtime,
            errand=self.errand,
            look=self.watched.look_quietly,
            members=lambda: [one.supervisor for one in self._seats if (one.member, one.group) not in self.failures],
            moved_no=lambda: self.moved_no,
            next_us=lambda: self.store.readers.query("read.next_delayed")[0][0],
            is_idle=lambda: self.ephemeral.is_idle and self._attaching.is_done,
            takes_over=self._takes_over,
        )

    def _on_watched(self) -> None:
        self.on_changed()

    # --- starting

    def declare(self) -> None:
        """Write down what is declared, before anybody publishes to it.

        Raises:
            OffsetRefused: A subscription begins where its channel is not yet.
            StoreError: It cannot be written.
        """
        declared = self._declaring.declare()
        if declared is not None:
            self.heads.learn(declared.channels)

    def start(self) -> None:
        """Begin."""
        declared = self._declaring.found
        if declared is not None:
            self._seats.sit(declared)
            self._due_times.now()
        elif not self._members:
            return
        self.watched.changed()

    # --- asking the store

    def ask(self, operations: Sequence[ChannelOperation]) -> ReplyFuture[list[Any]]:
        """Hand over a unit of operations; resolved with their answers after the commit, or with what refused it."""
        return ask_journal(self.store.journal, (), operations)

    # --- what has changed

    def appended(self, messages: Sequence[NewMessage], answers: Sequence[Appended]) -> None:
        """Messages are in the file: whoever reads their channels goes on; any thread, never blocks."""
        heads: dict[str, int] = {}
        for message, answer in zip(messages, answers, strict=True):
            if answer.offset >= 0:
                heads[message.channel] = max(answer.offset + 1, heads.get(message.channel, 0))
            elif message.due_at is not None:
                self.due(message.due_at)
        self.heads.grow_named(heads)
        self.arrivals.told(heads)

    def _hand_over(self, messages: Sequence[NewMessage]) -> Sequence[ReplyFuture[Any]]:
        return self.ephemeral.hand_over(messages)

    def _grown(self, head: Head) -> None:
        self._seats.tell(head)

    def _moved(self, channels: Sequence[str]) -> None:
        for name in channels:
            self.outbox.moved(name)

    def heard(self) -> ReplyFuture[None]:
        """Channels, pauses or cursors were changed here: be told when the members have been; any thread."""
        return self.watched.heard()

    def _promoted(self, next_us: int | None) -> int | None:
        self.watched.changed()
        self._rested()
        return next_us

    def _has_attached(self, declared: Declared) -> None:
        self._seats.sit(declared)
        self.watched.changed()

    def _has_taken(self) -> None:
        self.watched.changed()
        self._rested()

    # --- what is in hand

    def in_hand(self) -> Mapping[str, int]:
        """Messages that this process has in hand now, by the names of subscriptions; any thread."""
        return self._seats.in_hand()

    def agents(self) -> dict[str, tuple[str, ...]]:
        """The agents of this process that take the turns of its subscriptions, by the names of these."""
        return self._members.agents()

    def check(self) -> None:
        """Raise what keeps messages from being taken here at all.

        Raises:
            SupervisorGaveUp: A member takes no turns any more.
        """
        for failure in self.failures.values():
            raise failure

    def rest(self) -> ReplyFuture[None]:
        """Be told when nothing is in hand, unread, or waiting for its time, of all members."""
        return self._rest.wait()

    def leave_rest(self, future: ReplyFuture[None]) -> None:
        """Nobody waits for that any more."""
        self._rest.leave(future)

    def _rested(self) -> None:
        self._rest.told()

    @property
    def moved_no(self) -> tuple[int, int]:
        """Changes when there is something new to take."""
        return self.heads.grown_no, self.ephemeral.taken_no

    def _takes_over(self) -> bool:
        """Take what dead workers had not done, which is nobody else's; tells whether there is any."""
        if not (self._seats and self._recover and self._left_behind.is_there()):
            return False
        self.watched.take_over(frozenset())
        return True

    # --- after a crash

    def errand(self, errand: Callable[[], None]) -> None:
        """Have the root do something, behind what it does already."""
        self._root.tell(errand)

    def _crashed(self, supervisor: MemberSupervisor, error: BaseException) -> None:
        self._restarts.crashed(self._seats.of(supervisor), error)

    def _has_gone_on(self, seat: Seat) -> None:
        self._seats.go_on(seat)
        self.watched.changed()

    # --- leaving

    def begin_leaving(self) -> list[ReplyFuture[Any]]:
        """Begin nothing any more; resolved, one for each member, when nothing runs."""
        self.watched.begin_leaving()
        self._attaching.close()
        self._due_times.stop()
        self.ephemeral.begin_leaving()
        return self._seats.ask(Detach())

    def detach(self, idle: Iterable[ReplyFuture[Any]], grace_s: float) -> None:
        """Give what runs ``grace_s`` to end, then give every range back.

        Args:
            idle: What ``begin_leaving`` gave.
            grace_s: Seconds; 0 or more.
        """
        clock = self.runtime.clock
        until_us = clock.now().mono_us + round(grace_s * 1e6)
        for future in idle:
            wait_quietly(self.runtime, future, max(0.0, (until_us - clock.now().mono_us) / 1e6), logger)
        left_s = max(0.0, (until_us - clock.now().mono_us) / 1e6)
        wait_quietly(self.runtime, self.ephemeral.drained(), left_s, logger)
        self.ephemeral.close()
        wait_quietly(self.runtime, self.outbox.drained(), 10.0, logger)
        for future in self._seats.ask(Detach(now=True)):
            wait_quietly(self.runtime, future, 10.0, logger)
        self._seats.close_gates()
        self.outbox.close()
        self.arrivals.close(SystemClosed())
        self.lags.keep()
        self.tally.close()
        self._rest.close()


def _progress(message: Progressed) -> None:
    logger.debug("%s of %s", message.done, message.total)
