"""Messages that nodes of flows await: looked for in the channels, from where each wait began, once for each append.

A wait is in the file, with the offset from which a message counts, and so are the messages: whatever was published since,
while nobody ran too, is found, and nothing here needs to survive. What is awaited of one channel is kept by the fields that
are asked for and the values that they must have, so a message is decoded once and finds whom it meets in one look, however
many wait. All of it is done on one actor, a page of messages at a time.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.root import Root
from dagger_actors.actors.runtime import Runtime
from dagger_actors.bodies.arrivals import Arrivals
from dagger_actors.bodies.artifacts import RunArtifacts
from dagger_actors.bodies.outputs import as_output
from dagger_actors.bridges.awaitable_channels import KnownChannels
from dagger_actors.bridges.awaited_channel import AwaitedChannel, Waiting
from dagger_actors.core.awaits import Place
from dagger_actors.core.flow_messages import Answered, Overdue
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import Succeeded, Turn, encode
from dagger_actors.core.protocols import Write
from dagger_actors.core.wording import quoted
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.store.store import Store

__all__ = ["AwaitedMessages"]

logger = logging.getLogger("dagger_actors.flow")

AGAIN_US = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""

PAGE = 500
"""Messages that are looked at in one go."""

PAGE_BYTES = 8 * 1024 * 1024

NOTHING = sys.maxsize
"""The offset behind a page that is empty."""

Tell = Callable[[bytes], None]

_rows = msgspec.json.Decoder(list[tuple[int, int, int, int, str, int, str, int | None]])
_heads = msgspec.json.Decoder(list[tuple[str, int, int, int]])


class AwaitedMessages:
    """Implements ``core.awaits.Outside``.

    Args:
        runtime: The world.
        store: The open database.
        channels: Those that are known here.

    Attributes:
        channels: As given.
    """

    def __init__(self, runtime: Runtime, store: Store, channels: KnownChannels) -> None:
        self._runtime = runtime
        self._store = store
        self.channels = channels
        self._artifacts = RunArtifacts(store.artifacts, store.load_artifact)
        self._arrivals: Arrivals | None = None
        self._root = Root.spawn(dispatcher=runtime.control)
        self._lock = threading.Lock()
        self._begun: dict[Place, Tell] = {}
        self._woken: set[str] = set()
        self._last_looks: set[Place] = set()
        self._is_asked = False
        self._waiting: dict[Place, Waiting] = {}
        self._channels: dict[str, AwaitedChannel] = {}

    def attach(self, arrivals: Arrivals) -> None:
        """Begin to be told of what arrives in channels."""
        self._arrivals = arrivals

    # --- any thread

    def begin(self, places: Sequence[Place], tell: Tell) -> None:
        """Look for the messages that attempts await."""
        self._put_back(dict.fromkeys(places, tell), (), ())
        self._ask()

    def last_look(self, place: Place) -> None:
        """Its time is up, unless its message is there."""
        self._put_back({}, (), (place,))
        self._ask()

    def forget(self, run_key: int) -> None:
        """Nothing of a run is told any more."""
        with self._lock:
            self._begun = {place: tell for place, tell in self._begun.items() if place[0] != run_key}
        self._root.tell(partial(self._forget, run_key))

    def _arrived(self, channel: str, arrival: ReplyFuture[None]) -> None:
        try:
            arrival.get(timeout=0)
        except SystemClosed:
            return
        self._put_back({}, (channel,), ())
        self._ask()

    def _put_back(self, begun: Mapping[Place, Tell], woken: Collection[str], last_looks: Collection[Place]) -> None:
        with self._lock:
            self._begun = {**begun, **self._begun}
            self._woken.update(woken)
            self._last_looks.update(last_looks)

    def _ask(self) -> None:
        with self._lock:
            if self._is_asked:
                return
            self._is_asked = True
        self._root.tell(self._look)

    # --- on the actor

    def _forget(self, run_key: int) -> None:
        for place in [place for place in self._waiting if place[0] == run_key]:
            self._leave(place)

    def _leave(self, place: Place) -> None:
        waiting = self._waiting.pop(place)
        channel = self._channels[waiting.channel]
        channel.remove(waiting)
        if not channel.is_awaited:
            del self._channels[waiting.channel]

    def _look(self) -> None:
        with self._lock:
            self._is_asked = False
            begun, self._begun = self._begun, {}
            woken, self._woken = self._woken, set()
            last_looks, self._last_looks = self._last_looks, set()
        try:
            new = self._take_in(begun)
            begun = {}
            unread = self._read(woken.union(new, self._channels_of(last_looks)))
        except StoreError as error:
            logger.warning("awaited messages cannot be looked for: %s", error, extra=LogFields(reason=str(error)))
            self._put_back(begun, woken.union(self._channels), last_looks)
            due_us = self._runtime.clock.now().mono_us + AGAIN_US
            self._runtime.timers.set((id(self), "again"), due_us, self._ask)
            return
        except SystemClosed:
            return
        for place in sorted(last_looks):
            waiting = self._waiting.get(place)
            if waiting is not None and waiting.channel not in unread:
                self._leave(place)
                waiting.tell(encode(Overdue(*place[1:])))
        if unread:
            self._put_back({}, unread, last_looks & self._waiting.keys())
            self._ask()

    def _channels_of(self, places: Collection[Place]) -> set[str]:
        return {self._waiting[place].channel for place in places if place in self._waiting}

    def _take_in(self, begun: Mapping[Place, Tell]) -> set[str]:
        """Let more wait; gives their channels."""
        if not begun:
            return set()
        asked = msgspec.json.encode(sorted(begun)).decode()
        found = _rows.decode(self._store.readers.query("read.awaited", asked)[0][0])
        for run_key, node, item, attempt, channel, since, wanted, due_at in found:
            place = (run_key, node, item, attempt)
            if place in self._waiting:
                self._leave(place)
            waiting = self._waiting[place] = Waiting(
                place, channel, since, due_at, match=wanted, names=self.channels.names, tell=begun[place]
            )
            self._channels.setdefault(channel, AwaitedChannel(channel)).add(waiting)
        return self._channels_of(begun)

    def _read(self, names: Collection[str]) -> set[str]:
        """Look at what is new in these channels, a page of each; gives those that have more."""
        channels = [self._channels[name] for name in sorted(names) if name in self._channels]
        if not channels:
            return set()
        for channel in channels:
            self._watch(channel)  # before it is read, so that nothing comes between
        asked = msgspec.json.encode([channel.name for channel in channels]).decode()
        heads = _heads.decode(self._store.readers.query("read.heads_of", asked)[0][0])
        behind = {
            name: self._read_page(self._channels[name], key, first_offset) < next_offset
            for name, key, next_offset, first_offset in heads
        }
        return {name for name, has_more in behind.items() if has_more and name in self._channels}

    def _watch(self, channel: AwaitedChannel) -> None:
        assert self._arrivals is not None, "runs begin when all is there"
        arrival = self._arrivals.next(channel.name)
        if arrival is not channel.arrival:
            channel.arrival = arrival
            arrival.add_done(partial(self._arrived, channel.name))

    def _read_page(self, channel: AwaitedChannel, key: int, first_offset: int) -> int:
        """Look at a page; gives the offset behind it."""
        first = max(channel.cursor, first_offset)
        rows = self._store.readers.query("read.channel_page", key, first, PAGE, PAGE_BYTES)
        for offset, _, payload, published_at, *_ in rows:
            met = channel.met(offset, payload, published_at)
            if met:
                self._answer(channel.name, met, offset, payload, published_at)
            channel.cursor = offset + 1
        self._advance(channel)
        return channel.cursor if rows else NOTHING

    def _advance(self, channel: AwaitedChannel) -> None:
        """Let retention delete what nobody here has to look at any more."""
        places = channel.advance()
        if places:
            rows = [(*place, channel.cursor) for place in places]
            self._store.write([Write("awaits.advance", rows, None)], _note)

    def _answer(self, channel: str, met: Collection[Waiting], offset: int, payload: str, published_at: int) -> None:
        outcome = self._outcome(payload.encode(), f"message {offset} of {quoted(channel)}")
        facts = {"channel": channel, "offset": offset, "published_at": published_at}
        source = msgspec.json.encode(facts).decode()
        for waiting in met:
            self._leave(waiting.place)
            waiting.tell(encode(Answered(*waiting.place[1:], outcome, source)))

    def _outcome(self, text: bytes, reason: str) -> Succeeded:
        """The message as a node's output."""
        output, artifacts = as_output(text, self._artifacts)
        return Succeeded(output, Turn(artifacts, reason=reason))


def _note(error: Exception | None) -> None:
    if error is not None:  # the messages are kept longer, and looked at again after a death
        logger.debug("how far awaited messages were looked for is not written", exc_info=error)
