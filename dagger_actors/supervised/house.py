"""What all actors of one system share: dispatchers, names, timers, watches, undelivered mail."""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.telemetry import Depth, Telemetry
from dagger_actors.core.log_fields import LogFields
from dagger_actors.supervised import wire
from dagger_actors.supervised.at_once import Aside, AtOnce
from dagger_actors.supervised.awaiter import Awaiting
from dagger_actors.supervised.cell import Cell
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.crowding import Crowding
from dagger_actors.supervised.headcount import Headcount
from dagger_actors.supervised.lifecycle import Lifecycle
from dagger_actors.supervised.mailbox import Mailbox
from dagger_actors.supervised.names import Names
from dagger_actors.supervised.nursery import Nursery
from dagger_actors.supervised.pool import Pool
from dagger_actors.supervised.post import Post
from dagger_actors.supervised.ref import Ref
from dagger_actors.supervised.spawning import Spawning
from dagger_actors.supervised.stuck import Alarm
from dagger_actors.supervised.tick import Notice, Tick
from dagger_actors.supervised.timing import Timing
from dagger_actors.supervised.traced import Traced
from dagger_actors.supervised.traits import Traits, traits_of
from dagger_actors.supervised.turn import Turn
from dagger_actors.supervised.undelivered import Reason, Undelivered, UndeliveredMail
from dagger_actors.supervised.watches import Watches
from dagger_actors.supervised.wire import Letter, kind_of

if TYPE_CHECKING:
    from dagger_actors.actors.runtime import Runtime
    from dagger_actors.core.protocols import AgentStates, Dispatcher
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.traits import Traits

__all__ = ["House"]

logger = logging.getLogger("dagger_actors.actors")

LOCKS = 256
"""Locks for changes of state, shared by all mailboxes: each is held for a few bytecodes."""

ENTRIES = frozenset((Cell.run_turn.__code__, Cell.run_here.__code__))
"""The code that takes turns; what is above it on a stack is the turn's."""


class House(Post):
    """What all actors of one system share.

    Attributes:
        dispatchers: By the name that a class declares.
        control: Gives turns to supervisors.
        turns: Which actor has its turn on which thread, and that turn.
        awaiting: The coroutines that actors wait for, by the turn that is theirs.
        alarm: Looks whether a handler does not come back; whoever wants that told calls its ``look`` now and then.
        crowding: Looks, after that, whether all threads of a pool are held; the same.
        telemetry: Told what happens; None = nobody traces or measures this system.
        mail: What is known of undelivered mail.
        names: Who is found under which name.
        headcount: How many actors and supervisors there are, and may be; the limit is set by the system.
        timing: The actors' timers.
        watches: Who watches whom.
        nursery: The parent of temporary actors.
        spawning: Makes actors.
        runs_here: Whether an ask of an idle actor may run on the asking thread.
        states: Where durable actors keep their states; set by the system.
    """

    def __init__(
        self,
        runtime: Runtime,
        listen: Callable[[Undelivered], None] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._runtime = runtime
        self.telemetry = telemetry
        self.states: AgentStates | None = None
        self.dispatchers: dict[str, Dispatcher] = {
            "shared": runtime.shared,
            "blocking": runtime.waiting,
            "io": runtime.io,
        }
        self.control: Dispatcher = AtOnce(runtime.control) if runtime.runs_here else runtime.control
        self.runs_here = runtime.runs_here
        self.locks = [threading.Lock() for _ in range(LOCKS)]
        self.parking = threading.Lock()
        self.turns: dict[int, tuple[Lifecycle, Turn]] = {}
        self.awaiting: dict[Turn, Awaiting] = {}
        self.alarm = Alarm(self.turns, self.awaiting, self.now_us, ENTRIES, self._stuck)
        self.crowding = Crowding(self.dispatchers, self.alarm, self.now_us)
        self.mail = UndeliveredMail(listen)
        self.names = Names()
        self.headcount = Headcount()
        self.timing = Timing(self, runtime.clock, runtime.timers)
        self.watches = Watches(self)
        self.nursery = Nursery()
        self.spawning = Spawning(self)
        if telemetry is not None:
            telemetry.watch_depths(self.depths)

    # --- actors

    def forget(self, cell: Lifecycle) -> None:
        """It has stopped for good, or never begun."""
        extra = None if cell.owner is None else cell.owner.extra
        if extra is not None:
            extra.children.pop(cell, None)
        if cell.given_name is not None:
            self.names.free(cell.given_name, cell)

    def find(self, name: str) -> Ref | Pool:
        """Look an actor or a pool up.

        Raises:
            UnknownActor: There is none of that name.
        """
        return self.names.pools.get(name) or self.find_actor(name)

    def find_actor(self, name: str) -> Ref:
        """Look an actor up.

        Raises:
            UnknownActor: There is none of that name.
        """
        return self.ref_of(self.names.actor(name))

    # What a simulation has otherwise; ``Ref.tell`` knows a short way past ``encode``.

    def traits_of(self, cls: type[Actor]) -> Traits:
        """What the actors of a class do."""
        return traits_of(cls)

    def ref_of(self, cell: Lifecycle) -> Ref:
        """Make a reference to an actor."""
        return Ref(cell)

    def encode(self, message: object) -> bytes:
        """Encode a message; as ``wire.encode``."""
        return wire.encode(message)

    def copied(self, result: Any) -> Any:
        """Copy an answer; as ``wire.copied``."""
        return wire.copied(result)

    def context_of(self, cell: Lifecycle) -> ActorContext:
        """What its methods are given."""
        return ActorContext(cell)

    def close(self, grace_s: float) -> None:
        """Stop all temporary actors after what they have in hand, and kill those that do not end in time.

        Args:
            grace_s: Seconds for what runs.
        """
        for cell in reversed(self.nursery.take_no_more()):
            if not self.runs_here or not cell.leave("shutdown"):
                cell.end(cell.incarnation)
        gone = self.nursery.is_empty()
        try:
            self.wait(gone, grace_s)
        except TimeoutError:
            for cell in list(self.nursery.cells.values()):
                cell.kill(cell.incarnation)

    # --- waiting

    def wait(self, future: ReplyFuture[Any], timeout_s: float | None) -> Any:
        """Block an outside caller."""
        return self._runtime.wait(future, timeout_s)

    # --- time, chance, threads

    def run_aside(self, action: Callable[[], None]) -> None:
        """Do something that blocks, on a thread for such things."""
        self.dispatchers["blocking"].schedule(Aside(action))

    def now_us(self) -> int:
        """The time on the monotonic clock, in microseconds."""
        return self._runtime.clock.now().mono_us

    def chance(self) -> float:
        """A number of chance, from 0 to less than 1."""
        return random.random()  # noqa: S311  spreads restarts; seeded under simulation

    def has_closed(self, cell: Lifecycle) -> None:
        """An actor has stopped for good: forget it, and tell who watches."""
        extra = self.watches.close(cell)
        self.forget(cell)  # first: who hears of the end may want the name
        if extra is not None:
            self.watches.tell(cell, extra)

    # --- seeing

    def undelivered(self, letter: Letter, mailbox: Mailbox, reason: Reason) -> None:
        """Count and tell a letter that will never be handled."""
        if reason in ("full", "dropped") and isinstance(letter[0], Tick | Notice):
            assert isinstance(mailbox, Lifecycle)
            if isinstance(letter[0], Tick):
                self.timing.has_lost(mailbox, letter[0], letter[1])
            else:
                self.watches.forget(mailbox, letter[0].watched, letter[0].number)
        event = Undelivered(
            message=kind_of(letter),
            to=str(mailbox),
            reason=reason,
            was_ask=letter[2] is not None,
            at_us=self._runtime.clock.now().wall_us,
            content=letter[1][:1024],
        )
        logger.debug(
            "undelivered: %s for %s (%s)",
            event.message,
            event.to,
            reason,
            extra=LogFields(actor=event.to, message_type=event.message, reason=reason),
        )
        if self.telemetry is not None:
            self.telemetry.undelivered(event.message, reason)
        self.mail.tell(event)

    def depths(self) -> list[Depth]:
        """What is queued: for each supervised actor, and for the temporary ones of each class together."""
        temporary: Counter[str] = Counter()
        for cell in tuple(self.nursery.cells.values()):
            temporary[cell.traits.cls.__name__] += len(cell.lane or ())
        supervised = [cell for cell in tuple(self.names.actors.values()) if cell.parent is not self.nursery]
        return [
            *(Depth(cell.name, cell.traits.cls.__name__, len(cell.lane or ())) for cell in supervised),
            *(Depth("", kind, queued) for kind, queued in temporary.items()),
        ]

    def _stuck(self, cell: Lifecycle) -> None:
        if isinstance(cell, Traced):
            cell.telemetry.stuck(cell.receiver)

    def abandoned(self, cell: Lifecycle) -> None:
        """A plain handler was killed that does not return: its thread is lost until it does."""
        logger.error(
            "a handler of %s did not return in time and is abandoned in its thread; "
            "code that can hang belongs into an action with `isolation: process`",
            cell,
            extra=LogFields(actor=cell.name),
        )
