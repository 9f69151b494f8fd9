"""``system.channels`` on a real file, without members: what stands behind it, put together as a system does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import ThreadRuntime
from dagger_actors.bodies.arrivals import Arrivals
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended, ChannelOperation
from dagger_actors.core.declarations import ChannelRow, Declare, SubscriptionRow
from dagger_actors.core.member_rows import CursorRow, DeadLetterRow, StateRow
from dagger_actors.core.protocols import Unit, Write
from dagger_actors.core.range_leases import ShareRanges
from dagger_actors.errors import ChannelFull
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.wiring import wire
from dagger_actors.pubsub.outgoing.outbox import Outbox
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.pubsub.verbs.channels import Channels
from dagger_actors.store.store import Store

__all__ = ["ChannelsHere"]


class Memory:
    """Ephemeral channels with room for three messages."""

    def __init__(self) -> None:
        self.messages: list[NewMessage] = []

    def publish(self, messages: Sequence[NewMessage], *, waits: bool, until_us: int) -> ReplyFuture[list[Appended]]:
        future: ReplyFuture[list[Appended]] = ReplyFuture()
        if len(self.messages) + len(messages) > 3:
            future.set_exception((ChannelFull, ChannelFull(messages[0].channel, 3), None))
        else:
            first = len(self.messages)
            self.messages += messages
            future.set([Appended(first + at, is_new=True) for at in range(len(messages))])
        return future


class ChannelsHere:
    """One open database.

    Args:
        path: The database; made where it is not there.
        channels: Declared here, and written down.
    """

    def __init__(self, path: Path, *channels: Channel) -> None:
        self.runtime = ThreadRuntime()
        self.store = Store(path, clock=self.runtime.clock, writing=self.runtime.writing, synchronous="normal")
        self.wiring = wire(Members(), channels)
        self.arrivals = Arrivals()
        self.ephemeral = Memory()
        self.trace = lambda: None
        self.due: list[int] = []
        self.changes = 0
        self._is_closed = False
        self.trace: Callable[[], str | None] = lambda: None
        self.outbox = Outbox(
            journal=self.store.journal,
            clock=self.runtime.clock,
            timers=self.runtime.timers,
            appended=self._appended,
            declared=self.arrivals.told,
        )
        self.channels = Channels(self)
        rows = tuple(self.row(one) for one in self.wiring.channels.values() if not one.ephemeral)
        if rows:
            self.do(Declare(rows, (), 0))

    @staticmethod
    def row(channel: Any) -> ChannelRow:
        return ChannelRow(
            name=channel.name,
            types=tuple(filter(None, channel.types)),
            capacity=channel.capacity,
            overflow=channel.overflow,
        )

    def _appended(self, messages: Sequence[NewMessage], answers: Sequence[Appended]) -> None:
        for message, answer in zip(messages, answers, strict=True):
            if answer.offset == -1 and message.due_at is not None:
                self.due.append(message.due_at)
        self.arrivals.told([message.channel for message in messages])

    def ask(self, operations: Sequence[ChannelOperation], writes: Sequence[Write] = ()) -> ReplyFuture[list[Any]]:
        future: ReplyFuture[list[Any]] = ReplyFuture()
        answers: list[Any] = []
        unit = Unit(
            writes,
            lambda: future.set(answers),
            lambda error: future.set_exception((type(error), error, None)),
            operations,
            answered=answers.extend,
        )
        self.store.journal.submit(unit)
        return future

    def check(self) -> None:
        pass

    def heard(self) -> ReplyFuture[None]:
        self.changes += 1
        heard: ReplyFuture[None] = ReplyFuture()
        heard.set(None)
        return heard

    def in_hand(self) -> Mapping[str, int]:
        return {}

    def do(self, *operations: ChannelOperation, writes: Sequence[Write] = ()) -> list[Any]:
        """Have operations done as other parts of a system do them."""
        answers: list[Any] = self.runtime.wait(self.ask(operations, writes), 30)
        return answers

    # --- what members would do

    def subscribe(self, name: str, *channels: str, **more: Any) -> None:
        group = name.partition(".")[0]
        row = SubscriptionRow(group=group, name=name, pattern=", ".join(channels), channels=channels, ranges=1, **more)
        declared = self.do(Declare((), (row,), 0, self.store.worker_id))[0]
        self.group_key = declared.groups[group]
        self.cursors = {channel: key for key, one, channel in declared.cursors if one == name}
        shared = self.do(ShareRanges(self.group_key, self.store.worker_id, "member", 0))[0]
        self.epoch = shared.held[0].epoch

    def _cursor(self, channel: str, floor: int) -> Write:
        row = CursorRow(self.cursors[channel], 0, self.group_key, self.store.worker_id, "member", self.epoch, floor)
        return Write("cursors.put", [row], 1)

    def read_up_to(self, channel: str, floor: int) -> None:
        """Do all messages below an offset."""
        self.do(writes=[self._cursor(channel, floor)])
        self.outbox.moved(channel)

    def give_up(self, channel: str, offset: int, *, error: str | None = None) -> None:
        """Make a dead letter of a message."""
        row = DeadLetterRow(self.cursors[channel], offset, "k", "failed", 5, error, 7)
        self.do(writes=[self._cursor(channel, offset + 1), Write("dead_letters.put", [row], 1)])

    def keep_state(self, key: str, state: Any) -> None:
        row = StateRow(self.group_key, key, msgspec.msgpack.encode(state).hex(), 0)
        self.do(writes=[Write("subscriber_states.put", [row], 1)])

    def leave(self) -> None:
        """Be gone as far as others can see: the commands go on with the file."""
        self.close()
        self._is_closed = True

    def close(self) -> None:
        if self._is_closed:
            return
        self.channels.close()
        self.outbox.close()
        self.runtime.close(5)
        self.store.leave()
