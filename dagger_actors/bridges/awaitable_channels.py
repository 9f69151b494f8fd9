"""What a flow must know of the channels whose messages its nodes await: whether there are such, and which fields they have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dagger_actors.bodies.option_values import Misfit
from dagger_actors.core.wording import nearest, quoted
from dagger_actors.flow.loading.awaits import Expected, Misplaced
from dagger_actors.pubsub.declared.declared_rows import channel_row
from dagger_actors.pubsub.declared.wired import Wiring
from dagger_actors.pubsub.outgoing.doors import Doors
from dagger_actors.pubsub.subscribers.field_paths import field_of, filter_names
from dagger_actors.pubsub.subscribers.filters import Compared
from dagger_actors.store.reader import Readers

__all__ = ["KnownChannels"]

WORDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "a truth value", "null": "null"}
WORDS |= {"array": "a list", "object": "a mapping", "artifact": "an artifact"}


class KnownChannels:
    """Implements ``flow.loading.awaits.AwaitableChannels``.

    Args:
        wiring: The channels that are declared here.
        readers: The database, which knows others by their names; None = there is none.
        has_all: False = there may be others, of which nothing is known yet, so that none of them is a mistake.
    """

    def __init__(self, wiring: Wiring, readers: Readers | None, *, has_all: bool = True) -> None:
        self._wiring = wiring
        self._readers = readers
        self._has_all = has_all

    def misplaced(self, channel: str, match: Mapping[str, Expected]) -> Sequence[Misplaced]:
        """Tell what is wrong about a message that is awaited."""
        known = self._wiring.channel(channel)
        if known is None and not self._has_all:
            return ()
        if known is None:
            is_stored = self._readers is not None and bool(self._readers.query("read.channel_door", channel))
            return () if is_stored else (self._unknown(channel),)
        if known.ephemeral:
            message = f"the channel {quoted(channel)} is ephemeral: nothing of it is kept for whoever waits"
            return (Misplaced(message=message, advice="Make it a durable one, or await a message of another."),)
        return tuple(
            Misplaced(
                path=path,
                message=f"await_message.match: {wrong}, on the channel {quoted(channel)}",
                advice=f"{advice[0].upper()}{advice[1:]}" + ("" if advice.endswith("?") else "."),
            )
            for path, expected in match.items()
            for wrong, advice in _wrong(path, expected, known.types)
        )

    def _unknown(self, channel: str) -> Misplaced:
        if self._readers is None:
            near = nearest(channel, self._wiring.channels) or ""
            message, advice = f"the system knows no channel {quoted(channel)}", "Declare it there, under `channels`."
        else:
            near = Doors(self._wiring, self._readers, channel_row).near(channel)
            message = f"neither this system nor its database knows the channel {quoted(channel)}"
            advice = "Declare it in the system, or let the system that has it run on this database first."
        return Misplaced(message=message, advice=f"Did you mean {quoted(near)}?" if near else advice)

    def names(self, channel: str, path: str) -> tuple[str, ...]:
        """The names in JSON that a path leads through, from the outside in."""
        known = self._wiring.channel(channel)
        try:
            return field_of(path, known.types)[0] if known is not None else tuple(path.split("."))
        except Misfit:  # the class is another one by now: as it is written then
            return tuple(path.split("."))


def _wrong(path: str, expected: Expected, types: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    try:
        if expected.json is not None:
            filter_names(Compared(path, "equals", expected.json), types)
            return
        _, kinds = field_of(path, types)
    except Misfit as error:
        message, advice = error.args
        yield message, advice
        return
    if kinds is not None and expected.kinds is not None and not _meet(kinds, expected.kinds):
        yield (
            f"{path} is never {_told(expected.kinds)}, which it is compared with, as its type has it",
            "compare it with what it may be",
        )


def _meet(kinds: frozenset[str], others: frozenset[str]) -> bool:
    numbers = {"int", "float"}
    return bool(kinds & others) or bool(kinds & numbers and others & numbers)


def _told(kinds: frozenset[str]) -> str:
    return " or ".join(sorted({WORDS.get(kind, kind) for kind in kinds}))
