"""The seats that the members of this process have in their groups: all that they are told, and asked, goes through here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.declarations import Declared
from dagger_actors.pubsub.members.heads import Heads
from dagger_actors.pubsub.members.intake import Cursor
from dagger_actors.pubsub.members.orders import New, Pauses, Share
from dagger_actors.pubsub.members.seating import Seat, Seating
from dagger_actors.pubsub.members.supervisor import MemberSupervisor
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.store.reader import Readers

__all__ = ["Seats"]

_versions = msgspec.json.Decoder(list[tuple[int, int]])


class Seats:
    """Holds them, in the order they were taken; any thread may go through them.

    Args:
        members: The subscribers of this system.
        seating: Gives them their seats.
        heads: How far the channels go.
        readers: Read the file.
    """

    def __init__(self, members: Members, seating: Seating, heads: Heads, readers: Readers) -> None:
        self._members = members
        self._seating = seating
        self._heads = heads
        self._readers = readers
        self._seats: list[Seat] = []
        self._seen_versions: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._seats)

    def __iter__(self) -> Iterator[Seat]:
        return iter(self._seats)

    def sit(self, declared: Declared) -> None:
        """Tell members of channels, and seat those whose group has none before: their patterns had made no channel."""
        taken = {seat.group for seat in self._seats}
        new = [
            self._seating.take(member, group, declared.groups[group])
            for group, members in self._members.groups().items()
            if group in declared.groups and group not in taken
            for member in members
        ]
        if new:
            self._tell_pauses(new)  # before they take anything
        self._seats = [*self._seats, *new]  # others may be going through those there were
        for seat in self._seats:
            seat.supervisor.tell(New(_cursors_of(declared, seat)))
        for seat in new:
            self._tell_heads(seat)
            seat.supervisor.tell(Share())

    def tell(self, message: object) -> None:
        """Tell all of them."""
        for seat in self._seats:
            seat.supervisor.tell(message)

    def ask(self, message: object) -> list[ReplyFuture[Any]]:
        """Ask each of them."""
        return [seat.supervisor.ask(message) for seat in self._seats]

    def of(self, supervisor: MemberSupervisor) -> Seat:
        """The one that a supervisor decides about."""
        return next(one for one in self._seats if one.supervisor is supervisor)

    def go_on(self, seat: Seat) -> None:
        """Its supervisor has crashed and goes on: what it was told meanwhile is lost."""
        self._tell_heads(seat)
        self._seen_versions.pop(seat.group_key, None)

    def look_at_groups(self) -> None:
        """See which groups were changed in the file: who shares them, what is paused."""
        versions = dict(_versions.decode(self._readers.query("read.group_versions")[0][0]))
        changed = [one for one in self._seats if versions.get(one.group_key) != self._seen_versions.get(one.group_key)]
        self._seen_versions = versions
        if not changed:
            return
        self._tell_pauses(changed)
        for seat in changed:
            seat.supervisor.tell(Share())

    def in_hand(self) -> dict[str, int]:
        """Messages that they have in hand now, by the names of subscriptions."""
        found: dict[str, int] = {}
        for seat in self._seats:
            for name, count in seat.supervisor.in_hand().items():
                found[name] = found.get(name, 0) + count
        return found

    def close_gates(self) -> None:
        """Begin no turn any more."""
        for seat in self._seats:
            for gate in seat.gates:
                gate.close()

    def _tell_pauses(self, seats: Sequence[Seat]) -> None:
        paused = frozenset(name for (name,) in self._readers.query("read.paused_subscriptions"))
        for seat in seats:
            seat.supervisor.tell(Pauses(paused & seat.subscriptions.keys()))

    def _tell_heads(self, seat: Seat) -> None:
        for head in self._heads.all():
            seat.supervisor.tell(head)


def _cursors_of(declared: Declared, seat: Seat) -> tuple[Cursor, ...]:
    return tuple(
        Cursor(key, name, declared.channels[channel], channel)
        for key, name, channel in declared.cursors
        if name in seat.subscriptions and channel in declared.channels  # the others it knows already
    )
