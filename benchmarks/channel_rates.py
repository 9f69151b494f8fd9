"""How many deliveries are done in a second: published, handled, and acknowledged in the file.

The clock runs from the first message's publication to the commit of the last acknowledgement, publishing and handling being
under way together; what is published alone has a line of its own. A message of an ephemeral channel is done when it is
handled.
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
from channel_work import (
    CAPACITY,
    Batched,
    Count,
    First,
    Item,
    Keyed,
    KeyedFirst,
    KeyedLast,
    KeyedSecond,
    Last,
    Second,
    Single,
    Sizes,
    items,
    seen,
)
from figures import Sample
from task_peers import Timed

from dagger_actors import ActorSystem, Channel
from dagger_actors.store.connection import open_reader

__all__ = [
    "against",
    "batches",
    "distinct_keys",
    "ephemeral_fan_out",
    "ephemeral_one",
    "ephemeral_stages",
    "fan_out",
    "few_keys",
    "opened",
    "process",
    "publish",
    "single",
    "stages",
    "stateful_fan_out",
    "stateful_stages",
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


def batches(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """One stateless subscription takes up to 500 messages in a turn."""
    return {"batches": _beside(folder, [Batched], sizes.handled)}


def single(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """One stateless subscription takes one message in a turn."""
    return {"single": _beside(folder, [Single], sizes.handled)}


def distinct_keys(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """A state for each message: no two have the same key."""
    return {"distinct_keys": _beside(folder, [Keyed], sizes.handled, keys=sizes.handled)}


def few_keys(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """A hundred states, each changed by every hundredth message."""
    return {"few_keys": _beside(folder, [Keyed], sizes.handled, keys=sizes.keys)}


def fan_out(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Each message goes to a hundred subscriptions, which take many in a turn; the deliveries are counted."""
    return {"fan_out": _fan_out(folder, Batched, sizes)}


def stateful_fan_out(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Each message changes a state in each of a hundred groups."""
    return {"stateful_fan_out": _fan_out(folder, Keyed, sizes, keys=sizes.keys)}


def stages(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Each message goes through three subscriptions, each of which publishes for the next one; counted once."""
    return {"stages": _stages(folder, [First, Second, Last], sizes)}


def stateful_stages(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Each message changes a state in each of three stages."""
    return {"stateful_stages": _stages(folder, [KeyedFirst, KeyedSecond, KeyedLast], sizes, keys=sizes.keys)}


def ephemeral_one(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """One subscription, and nothing is stored."""
    return {"ephemeral_one": _in_memory(folder, [Single], sizes.handled)}


def ephemeral_fan_out(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Each message goes to a hundred subscriptions, and nothing is stored; the deliveries are counted."""
    return {"ephemeral_fan_out": _many_in_memory(folder, sizes)}


def ephemeral_stages(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Each message goes through three subscriptions, and nothing is stored; counted once."""
    return {"ephemeral_stages": _in_memory(folder, [First, Second, Last], sizes.handled // 3, handlers=3, seers=1)}


def against(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """A hundred subscriptions that take one message in a turn, beside a hundred pykka actors that are told each message."""
    pykka = sizes.cast * sizes.receivers / _pykka_s(sizes)
    found = {
        "against_durable": _fan_out(folder, Single, sizes),
        "against_ephemeral": _many_in_memory(folder / "memory", sizes),
    }
    return {name: msgspec.structs.replace(sample, limit=pykka) for name, sample in found.items()}


# --- how it is measured


def _fan_out(folder: Path, kind: type[Any], sizes: Sizes, *, keys: int = 0) -> Sample:
    sample = _beside(folder, _receivers(kind, sizes), sizes.cast, handlers=sizes.receivers, keys=keys)
    limit = None if sample.limit is None else sample.limit * sizes.receivers
    return msgspec.structs.replace(sample, value=sample.value * sizes.receivers, limit=limit)


def _stages(folder: Path, agents: Sequence[Any], sizes: Sizes, *, keys: int = 0) -> Sample:
    return _beside(folder, agents, sizes.handled // 3, handlers=3, seers=1, keys=keys)


def _many_in_memory(folder: Path, sizes: Sizes) -> Sample:
    sample = _in_memory(folder, _receivers(Single, sizes), sizes.cast, handlers=sizes.receivers)
    return msgspec.structs.replace(sample, value=sample.value * sizes.receivers)


def _receivers(kind: type[Any], sizes: Sizes) -> list[Any]:
    return [kind.configured(name=f"receiver_{at}") for at in range(sizes.receivers)]


def _beside(
    folder: Path,
    agents: Sequence[Any],
    count: int,
    *,
    handlers: int = 1,
    seers: int | None = None,
    keys: int = 0,
) -> Sample:
    with opened(folder / "dagger.db", agents) as system:
        timed = process(system, count, handlers=handlers, seers=seers, keys=keys)
    limit = count / bare_s(folder / "bare.db", count, cursors=handlers, keys=keys)
    return Sample(value=count / timed.wall_s, limit=limit, cpu_s=timed.cpu_s)


def _in_memory(
    folder: Path, agents: Sequence[Any], count: int, *, handlers: int = 1, seers: int | None = None
) -> Sample:
    folder.mkdir(exist_ok=True)
    with opened(folder / "dagger.db", agents, ephemeral=True) as system:
        timed = process(system, count, handlers=handlers, seers=seers)
    return Sample(value=count / timed.wall_s, cpu_s=timed.cpu_s)


@contextmanager
def opened(path: Path, agents: Sequence[Any], *, ephemeral: bool = False) -> Iterator[ActorSystem]:
    """A system whose handlers have seen nothing yet."""
    seen.clear()
    with ActorSystem(path, agents=agents, channels=_channels(ephemeral=ephemeral), synchronous="full") as system:
        yield system


def _channels(*, ephemeral: bool = False) -> list[Channel]:
    return [Channel(name, Item, ephemeral=ephemeral, capacity=CAPACITY) for name in NAMES]


def process(system: ActorSystem, count: int, *, handlers: int = 1, seers: int | None = None, keys: int = 0) -> Timed:
    """Publish so many messages, and wait until all are done; then look whether each was handled, once.

    Args:
        system: An open one.
        count: Messages.
        handlers: How many take each of them.
        seers: How many of those note it in ``seen``; None = all.
        keys: How many keys they have, with a state for each handler; 0 = nothing is kept.

    Raises:
        SystemExit: It was not so.
    """
    warm = list(items(WARM, _keys(count, keys), -WARM))
    asked = list(items(count, _keys(count, keys)))
    _publish(system, warm, handlers)
    watch = Timed.begin()
    _publish(system, asked, handlers)
    timed = watch.end()
    _expect(system, count, handlers if seers is None else seers)
    if keys:
        _expect_states(system, count, keys, handlers)
    return timed


def _publish(system: ActorSystem, asked: Sequence[Item], handlers: int) -> None:
    tally = system._paradigms.channel_hub.tally
    until, done = tally.handled + len(asked) * handlers, threading.Event()

    def count() -> None:
        if tally.handled >= until:
            done.set()

    tally.watch(count)  # told behind the commit
    try:
        system.channels.publish_many("items", asked)
        count()
        patient_until = time.perf_counter() + PATIENCE_S
        while not done.wait(LOOK_S):
            if given_up := sum(one.dead for one in tally.read().values()):
                raise SystemExit(f"given up: {given_up} of {len(asked)} messages")
            if time.perf_counter() > patient_until:
                raise SystemExit(f"not handled: {until - tally.handled} of {len(asked)} messages")
    finally:
        tally.leave(count)


def _expect(system: ActorSystem, count: int, seers: int) -> None:
    until = time.perf_counter() + PATIENCE_S
    subscriptions = system.channels.subscriptions()
    while any(one.lag for one in subscriptions):
        if time.perf_counter() > until:
            raise SystemExit(f"not all is done: {', '.join(map(str, subscriptions))}")
        time.sleep(LOOK_S)  # floors of ranges in which nothing is done are written when it is quiet
        subscriptions = system.channels.subscriptions()
    if sorted(seen) != [number for number in range(-WARM, count) for _ in range(seers)]:
        raise SystemExit(f"of {(WARM + count) * seers} messages {len(seen)} were handled, or others")


def _expect_states(system: ActorSystem, count: int, keys: int, handlers: int) -> None:
    totals = _totals(system.path)
    asked = (*items(WARM, _keys(count, keys), -WARM), *items(count, _keys(count, keys)))
    if totals != Counter(one.key for one in asked for _ in range(handlers)):
        told = f"{sum(totals.values())} of {(WARM + count) * handlers} messages are in the states, or in others"
        raise SystemExit(told)


def _keys(count: int, keys: int) -> int | None:
    return None if keys in (0, count) else keys


def _totals(path: Path) -> Counter[str]:
    watching, totals = open_reader(path), Counter[str]()
    try:
        for key, state in watching.execute("SELECT key, state FROM subscriber_states"):
            totals[key] += msgspec.msgpack.decode(state, type=Count).total
        return totals
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
