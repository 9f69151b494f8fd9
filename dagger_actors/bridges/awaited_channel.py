"""What is awaited of one channel, kept so that a message finds all whom it meets in one look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.awaits import Place
from dagger_actors.core.comparisons import ABSENT

__all__ = ["AwaitedChannel", "Waiting"]

WORTHWHILE: Final = 1000
"""Messages that may be kept for waits though they have looked at them."""

_encode = msgspec.json.Encoder(order="deterministic").encode


class Waiting:
    """One attempt that waits for a message.

    Args:
        place: The attempt.
        channel: The channel's name.
        since: The offset from which a message counts.
        due_at: What is published later does not count, wall microseconds; None = all does.
        match: Field paths and the values that they must have, as a JSON object.
        names: Gives the names in JSON of a path of the channel.
        tell: Its run's supervisor.
    """

    def __init__(
        self,
        place: Place,
        channel: str,
        since: int,
        due_at: int | None,
        *,
        match: str,
        names: Callable[[str, str], tuple[str, ...]],
        tell: Callable[[bytes], None],
    ) -> None:
        self.place = place
        self.channel = channel
        self.since = since
        self.due_at = due_at
        self.tell = tell
        wanted: Mapping[str, object] = msgspec.json.decode(match)
        found = sorted((names(channel, path), _told(value)) for path, value in wanted.items())
        self.paths = tuple(path for path, _ in found)
        self.values = tuple(value for _, value in found)

    def counts(self, offset: int, published_at: int) -> bool:
        """Tell whether a message of this channel came neither too early nor too late."""
        return offset >= self.since and (self.due_at is None or published_at <= self.due_at)


class AwaitedChannel:
    """Who waits for messages of one channel.

    Attributes:
        cursor: The offset of the next message to be looked at.
        oldest: No wait in the file begins before this offset.
        arrival: Resolved when there may be more; None = not asked for yet.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.cursor = 0
        self.oldest = 0
        self.arrival: ReplyFuture[None] | None = None
        self._count = 0
        # By the paths that are asked for, then by the values that are there: few of the first, many of the second.
        self._index: dict[tuple[tuple[str, ...], ...], dict[tuple[bytes, ...], dict[Place, Waiting]]] = {}

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits."""
        return bool(self._count)

    def add(self, waiting: Waiting) -> None:
        """Let one more wait. The others have seen what it has to see yet; it meets none of them the second time either."""
        self.cursor = min(self.cursor, waiting.since) if self._count else waiting.since
        self.oldest = min(self.oldest, waiting.since) if self._count else waiting.since
        self._count += 1
        self._index.setdefault(waiting.paths, {}).setdefault(waiting.values, {})[waiting.place] = waiting

    def remove(self, waiting: Waiting) -> None:
        """One waits no more."""
        self._count -= 1
        by_values = self._index[waiting.paths]
        del by_values[waiting.values][waiting.place]
        if not by_values[waiting.values]:
            del by_values[waiting.values]
        if not by_values:
            del self._index[waiting.paths]

    def advance(self) -> list[Place]:
        """Give those that wait, whose waits may begin at the cursor from now on; none while that is not worth its rows."""
        if self.cursor - self.oldest < max(WORTHWHILE, self._count):
            return []
        self.oldest = self.cursor
        return [place for by in self._index.values() for waiting in by.values() for place in waiting]

    def met(self, offset: int, payload: str, published_at: int) -> list[Waiting]:
        """Find those that a message meets, in the order of their places."""
        message = msgspec.json.decode(payload)
        found: list[Waiting] = []
        for paths, by_values in self._index.items():
            values = [_at(message, path) for path in paths]
            if ABSENT not in values:
                met = by_values.get(tuple(map(_told, values)), {})
                found += [one for one in met.values() if one.counts(offset, published_at)]
        return sorted(found, key=lambda one: one.place)


def _at(message: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        message = message.get(name, ABSENT) if isinstance(message, dict) else ABSENT
    return message


def _told(value: object) -> bytes:
    """One text for all values that JSON holds equal: ``1`` and ``1.0`` are."""
    return _encode(value if type(value) is str else _plain(value))


def _plain(value: Any) -> Any:
    match value:
        case float():
            return int(value) if value.is_integer() else value
        case list():
            return [_plain(one) for one in value]
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case _:
            return value
