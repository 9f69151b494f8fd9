"""What there is of ephemeral channels in a process, which is all there is of them."""

from __future__ import annotations

import msgspec

from dagger_actors.core.channel_options import ChannelOverflow
from dagger_actors.core.wording import counted

__all__ = ["EphemeralChannel", "EphemeralReader"]


class EphemeralReader(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription of this process that reads an ephemeral channel.

    Attributes:
        name: ``GROUP.HANDLER``.
        agents: Those that take its turns.
        waiting: Messages that wait for it, of all ephemeral channels that it reads.
        in_hand: Turns that are being taken.
    """

    name: str
    agents: tuple[str, ...]
    waiting: int
    in_hand: int

    def __str__(self) -> str:
        return f"{self.name}: {self.waiting:,} waiting, {self.in_hand:,} in hand"


class EphemeralChannel(msgspec.Struct, frozen=True, kw_only=True):
    """An ephemeral channel, as this process has it.

    Attributes:
        types: The names of the classes it takes; empty = anything.
        capacity: Messages that may wait for each subscription.
        overflow: What becomes of one more: ``block``, ``reject`` or ``drop_oldest``.
        published: Messages that were handed over since the system was opened.
        subscriptions: Those that read it.
    """

    name: str
    types: tuple[str, ...]
    capacity: int
    overflow: ChannelOverflow
    published: int
    subscriptions: tuple[EphemeralReader, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.published:,} published, {counted(len(self.subscriptions), 'subscription')}"
