"""How many deliveries are done in a second: published, handled, and acknowledged in the file.

The clock runs from the first message's publication to the commit of the last acknowledgement, publishing and handling being
under way together; what is published alone has a line of its own. Each scenario says how its channels are kept, so that
another kind of them is the same scenario.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from cast import Add, Wiring, theirs
from channel_limits import bare_s
from channel_work import CAPACITY, Batched, Count, First, Item, Keyed, Last, Second, Single, Sizes, items, seen
from figures import Sample
from task_peers import Timed

from dagger_actors import ActorSystem, Channel
from dagger_actors.store.connection import open_reader

__all__ = [
    "against",
    "batches",
    "distinct_keys",
    "fan_out",
    "few_keys",
    "opened",
    "process",
    "publish",
    "single",
    "stages",
]

PATIENCE_S = 600.0
LOOK_S = 0.05
WARM = 200
"""Messages before the clock runs, so that threads, statements and caches are there."""

NAMES = ("items", "seconds", "thirds")


def publish(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Nobody reads; a thousand messages a commit."""
    asked = list(items(sizes.handled))
    with ActorSystem(folder / "dagger.db", channels=_channels(), synchronous="full") as system:
        system.channels.publish_many("items", asked[:WARM])
        watch = Timed.begin()
        system.channels.publish_many("items", asked)
        timed = watch.end()
        channel = next(one for one in system.channels.channels() if one.name == "items")
        if channel.next_offset != WARM + sizes.handled:
            raise SystemExit(f"of {WARM + sizes.handled} messages: {channel}")
    limit = sizes.handled / bare_s(folder / "bare.db", sizes.handled, cursors=0)
    return {"publish": Sample(value=sizes.handled / timed.wall_s, limit=limit, cpu_s=timed.cpu_s)}


def batches(folder: Path, sizes: Sizes, *, ephemeral: bool = False) -> dict[str, Sample]:
    """One stateless subscription takes up to 500 messages in a turn."""
    return {"batches": _beside(folder, [Batched], sizes.handled, ephemeral=ephemeral)}


def single(folder: Path, sizes: Sizes, *, ephemeral: bool = False) -> dict[str, Sample]:
    """One stateless subscription takes one message in a turn."""
    return {"single": _beside(folder, [Single], sizes.handled, ephemeral=ephemeral)}


def distinct_keys(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """A state for each message: no two have the same key."""
    return {"distinct_keys": _beside(folder, [Keyed], sizes.handled, keys=sizes.handled)}


def few_keys(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """A hundred states, each changed by every hundredth message."""
    return {"few_keys": _beside(folder, [Keyed], sizes.handled, keys=sizes.keys)}


def stages(folder: Path, sizes: Sizes, *, ephemeral: bool = False) -> dict[str, Sample]:
    """Each message goes through three subscriptions, each of which publishes for the next one; counted once."""
    sample = _beside(folder, [First, Second, Last], sizes.handled // 3, handlers=3, ephemeral=ephemeral)
    return {"stages": sample}


def fan_out(folder: Path, sizes: Sizes, *, ephemeral: bool = False) -> dict[str, Sample]:
    """Each message goes to a hundred subscriptions; the deliveries are counted."""
    return {"fan_out": _fan_out(folder, Batched, sizes, ephemeral=ephemeral)}


def against(folder: Path, sizes: Sizes, *, ephemeral: bool = False) -> dict[str, Sample]:
    """A hundred subscriptions that take one message in a turn, beside a hundred pykka actors that are told each message."""
    mine = _fan_out(folder, Single, sizes, ephemeral=ephemeral)
    return {"against": msgspec.structs.replace(mine, limit=sizes.cast * sizes.receivers / _pykka_s(sizes))}


# --- how it is measured


def _fan_out(folder: Path, kind: type[Any], sizes: Sizes, *, ephemeral: bool) -> Sample:
    agents = [kind.configured(name=f"receiver_{at}") for at in range(sizes.receivers)]
    sample = _beside(folder, agents, sizes.cast, handlers=sizes.receivers, ephemeral=ephemeral)
    limit = None if sample.limit is None else sample.limit * sizes.receivers
    return msgspec.structs.replace(sample, value=sample.value * sizes.receivers, limit=limit)


def _beside(
    folder: Path,
    agents: Sequence[Any],
    count: int,
    *,
    handlers: int = 1,
    keys: int = 0,
    ephemeral: bool = False,
) -> Sample:
    with opened(folder / "dagger.db", agents, ephemeral=ephemeral) as system:
        timed = process(system, count, handlers=handlers, keys=keys)
    if ephemeral:
        return Sample(value=count / timed.wall_s, cpu_s=timed.cpu_s)
    limit = count / bare_s(folder / "bare.db", count, cursors=handlers, keys=keys)
    return Sample(value=count / timed.wall_s, limit=limit, cpu_s=timed.cpu_s)


@contextmanager
def opened(path: Path, agents: Sequence[Any], *, ephemeral: bool = False) -> Iterator[ActorSystem]:
    """A system whose handlers have seen nothing yet."""
    seen.clear()
    with ActorSystem(path, agents=agents, channels=_channels(ephemeral=ephemeral), synchronous="full") as system:
        yield system


def _channels(*, ephemeral: bool = False) -> list[Channel]:
    return [Channel(name, Item, ephemeral=ephemeral, capacity=CAPACITY) for name in NAMES]


def process(system: ActorSystem, count: int, *, handlers: int = 1, keys: int = 0) -> Timed:
    """Publish so many messages, and wait until the file has them acknowledged; then look whether each was handled, once.

    Args:
        system: An open one.
        count: Messages.
        handlers: How many take each of them.
        keys: How many keys they have, and states; 0 = nothing is kept.

    Raises:
        SystemExit: It was not so.
    """
    warm = list(items(WARM, _keys(count, keys), -WARM))
    asked = list(items(count, _keys(count, keys)))
    _publish(system, warm, handlers)
    watch = Timed.begin()
    _publish(system, asked, handlers)
    timed = watch.end()
    _expect(system, count, keys=keys)
    return timed


def _publish(system: ActorSystem, asked: Sequence[Item], handlers: int) -> None:
    tally = system._channels_hub.tally
    until, done = tally.handled + len(asked) * handlers, threading.Event()

    def count() -> None:
        if tally.handled >= until:
            done.set()

    tally.watch(count)  # told behind the commit
    try:
        system.channels.publish_many("items", asked)
        count()
        if not done.wait(PATIENCE_S):
            raise SystemExit(f"{until - tally.handled} messages were not handled")
    finally:
        tally.leave(count)


def _expect(system: ActorSystem, count: int, *, keys: int) -> None:
    until = time.perf_counter() + PATIENCE_S
    subscriptions = system.channels.subscriptions()
    while any(one.lag for one in subscriptions):
        if time.perf_counter() > until:
            raise SystemExit(f"not all is done: {', '.join(map(str, subscriptions))}")
        time.sleep(LOOK_S)  # floors of ranges in which nothing is done are written when it is quiet
        subscriptions = system.channels.subscriptions()
    who_see = sum(not one.name.startswith(("first.", "second.")) for one in subscriptions)
    if sorted(seen) != [number for number in range(-WARM, count) for _ in range(who_see)]:
        raise SystemExit(f"of {(WARM + count) * who_see} messages {len(seen)} were handled, or others")
    if keys:
        totals = _totals(system.path)
        expected = Counter(
            one.key for one in (*items(WARM, _keys(count, keys), -WARM), *items(count, _keys(count, keys)))
        )
        if totals != expected:
            raise SystemExit(f"{sum(totals.values())} of {WARM + count} messages are in the states, or in others")


def _keys(count: int, keys: int) -> int | None:
    return None if keys in (0, count) else keys


def _totals(path: Path) -> dict[str, int]:
    watching = open_reader(path)
    try:
        found = watching.execute("SELECT key, state FROM subscriber_states")
        return {key: msgspec.msgpack.decode(state, type=Count).total for key, state in found}
    finally:
        watching.close()


def _pykka_s(sizes: Sizes) -> float:
    with theirs() as peers:
        events = [threading.Event() for _ in range(sizes.receivers)]
        receivers = [peers.start("counter", Wiring(until=sizes.cast, done=done)) for done in events]
        began = time.perf_counter()
        for number in range(sizes.cast):
            for receiver in receivers:
                receiver.tell(Add(number))
        for done in events:
            if not done.wait(PATIENCE_S):
                raise SystemExit("pykka's actors did not end")
        return time.perf_counter() - began
