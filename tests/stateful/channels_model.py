"""A small model of channels: what was published, what is done of it, and who has which range."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Channel", "ChannelsModel", "Cursor", "Done"]

RANGES = 64
Member = tuple[int, str]


@dataclass
class Done:
    """One range of a cursor: everything below the floor, and some above it."""

    floor: int
    above: set[int] = field(default_factory=set)

    def has(self, offset: int) -> bool:
        return offset < self.floor or offset in self.above

    def gaps(self) -> list[list[int]]:
        found: list[list[int]] = []
        for offset in sorted(self.above):
            if found and found[-1][1] == offset - 1:
                found[-1][1] = offset
            else:
                found.append([offset, offset])
        return found


@dataclass
class Cursor:
    """One subscription on one channel."""

    start: int
    count: int
    ranges: dict[int, Done] = field(default_factory=dict)

    def of(self, one: int) -> Done:
        return self.ranges.get(one, Done(self.start))

    @property
    def floor(self) -> int:
        return min(self.of(one).floor for one in range(self.count))


@dataclass
class Channel:
    """Everything that was ever appended, and how much of it is kept."""

    capacity: int
    age_us: int | None
    messages: list[tuple[str, int]] = field(default_factory=list)
    first: int = 0
    ids: dict[str, int] = field(default_factory=dict)
    """Offset by message id; -1 = due later."""

    @property
    def end(self) -> int:
        return len(self.messages)


class ChannelsModel:
    """The laws, said once more in the plainest way."""

    def __init__(self, channels: dict[str, Channel]) -> None:
        self.channels = channels
        self.cursors: dict[tuple[str, str], Cursor] = {}
        self.delayed: list[tuple[int, int, str, str, str | None]] = []
        self.members: list[Member] = []
        self.holders: dict[int, Member | None] = dict.fromkeys(range(RANGES))
        self.epochs: dict[int, int] = dict.fromkeys(range(RANGES), 0)
        self._delayed = 0

    def floor(self, name: str) -> int:
        """Below it all have done all."""
        return min(
            (one.floor for (_, channel), one in self.cursors.items() if channel == name),
            default=self.channels[name].end,
        )

    def has_room(self, name: str) -> bool:
        channel = self.channels[name]
        waiting = sum(one[2] == name for one in self.delayed)
        return channel.end - self.floor(name) + waiting < channel.capacity

    def append(self, name: str, payload: str, now: int, message_id: str | None = None) -> int:
        channel = self.channels[name]
        channel.messages.append((payload, now))
        if message_id is not None:
            channel.ids[message_id] = channel.end - 1
        return channel.end - 1

    def publish(
        self, name: str, payload: str, now: int, message_id: str | None, due_at: int | None
    ) -> tuple[int, bool]:
        """What becomes of one that is let in, or is there."""
        channel = self.channels[name]
        if message_id is not None and message_id in channel.ids:
            return channel.ids[message_id], False
        if due_at is None or due_at <= now:
            return self.append(name, payload, now, message_id), True
        self._delayed += 1
        self.delayed.append((due_at, self._delayed, name, payload, message_id))
        if message_id is not None:
            channel.ids[message_id] = -1
        return -1, True

    def promote(self, now: int) -> int | None:
        due = sorted(one for one in self.delayed if one[0] <= now)
        self.delayed = [one for one in self.delayed if one[0] > now]
        for _, _, name, payload, message_id in due:
            self.append(name, payload, now, message_id)
        return min((one[0] for one in self.delayed), default=None)

    # --- ranges

    def share(self, me: Member) -> tuple[list[int], list[int], list[int]]:
        """What it takes, holds, and has too much."""
        if me not in self.members:
            self.members.append(me)
        mine = {one for one in range(RANGES) if one * len(self.members) // RANGES == self.members.index(me)}
        taken = [one for one, holder in self.holders.items() if holder is None and one in mine]
        for one in taken:
            self.holders[one] = me
            self.epochs[one] += 1
        held = [one for one, holder in self.holders.items() if holder == me]
        return taken, held, [one for one in held if one not in mine]

    def release(self, me: Member, ranges: list[int] | None) -> None:
        for one, holder in self.holders.items():
            if holder == me and (ranges is None or one in ranges):
                self.holders[one] = None
        if ranges is None and me in self.members:
            self.members.remove(me)

    def take(self, worker: int) -> int:
        held = [one for one, holder in self.holders.items() if holder is not None and holder[0] == worker]
        self.renew(held)
        self.members = [one for one in self.members if one[0] != worker]
        return len(held)

    def renew(self, ranges: list[int]) -> None:
        for one in ranges:
            self.holders[one] = None
            self.epochs[one] += 1

    # --- deleting

    def prune(self, now: int, limit: int) -> int:
        count = 0
        for name, channel in self.channels.items():
            while (
                count < limit
                and channel.age_us is not None
                and channel.first < self.floor(name)
                and channel.messages[channel.first][1] < now - channel.age_us
            ):
                channel.ids = {key: offset for key, offset in channel.ids.items() if offset != channel.first}
                channel.first += 1
                count += 1
        return count
