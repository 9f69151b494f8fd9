"""What the supervisor of a member is handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended
from dagger_actors.core.messages import Progressed
from dagger_actors.core.protocols import Clock, Journal, Timers
from dagger_actors.pubsub.members.batch import Outlets, Place
from dagger_actors.pubsub.reports.tally import TurnTally
from dagger_actors.pubsub.subscribers.registry import Subscription
from dagger_actors.pubsub.turns.activations import Activations
from dagger_actors.pubsub.turns.sources import Bridges
from dagger_actors.pubsub.turns.starter import ShiftStarter
from dagger_actors.store.reader import Readers

__all__ = ["MemberServices"]


class MemberServices:
    """What the supervisor is made with.

    Args:
        clock: The time.
        timers: One-shot timers.
        journal: The writer.
        readers: The file.
        place: Who this member is.
        group: The name of its group.
        subscriptions: The member's, by name.
        starter: Makes the bodies of shifts.
        outlets: Knows the channels.
        activations: The keys that it has in memory.
        progress: Told how far a turn is.
        appended: Told of messages that its turns have published, with what became of each; on the journal's thread.
        ephemeral: Hands over messages of channels of which nothing is stored, and gives what is resolved when those that wait
            for room wait no more; on the journal's thread.
        due: Told when a timer or a delayed message is due, wall microseconds.
        bridges: Told of tasks and runs that its turns have made; on the journal's thread.
        moved: Told of channels of which messages are done, after the commit; on the journal's thread.
        tally: Counts what is committed.
        rested: Told, by any thread, that nothing may be in hand any more.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        timers: Timers,
        journal: Journal,
        readers: Readers,
        place: Place,
        group: str,
        subscriptions: Mapping[str, Subscription],
        starter: ShiftStarter,
        outlets: Outlets,
        activations: Activations,
        progress: Callable[[Progressed], None],
        appended: Callable[[Sequence[NewMessage], Sequence[Appended]], None],
        ephemeral: Callable[[Sequence[NewMessage]], Sequence[ReplyFuture[Any]]],
        due: Callable[[int], None],
        bridges: Bridges,
        moved: Callable[[Sequence[str]], None],
        tally: TurnTally,
        rested: Callable[[], None],
    ) -> None:
        self.clock = clock
        self.timers = timers
        self.journal = journal
        self.readers = readers
        self.place = place
        self.group = group
        self.subscriptions = subscriptions
        self.starter = starter
        self.outlets = outlets
        self.activations = activations
        self.progress = progress
        self.appended = appended
        self.ephemeral = ephemeral
        self.due = due
        self.bridges = bridges
        self.moved = moved
        self.tally = tally
        self.rested = rested
