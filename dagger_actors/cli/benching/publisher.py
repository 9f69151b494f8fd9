"""A publisher: gives the items of a function of the user's to one channel, each when it is due, or as fast as they are accepted."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable

import msgspec

from dagger_actors.cli.benching.feeding import Feeding
from dagger_actors.cli.benching.items import Items
from dagger_actors.cli.benching.meter import Meter, cause
from dagger_actors.cli.benching.schedule import Schedule
from dagger_actors.cli.exits import UsageError
from dagger_actors.errors import ChannelFull, DaggerError, OutboxFull, PublicationRefused, SystemClosed
from dagger_actors.pubsub.verbs.channels import Channels

__all__ = ["Publish", "Publisher"]

TOGETHER = 250
"""Messages that are published at once, where there is no rate."""

UNDER_WAY = 1_000
"""Messages with a rate that are published and not accepted yet; one more waits, and its latency counts."""

PATIENCE_S = 30.0


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """What is published, and where.

    Attributes:
        channel: The channel's name.
        items: Gives the items.
        waits: Whether the channel takes whatever comes, now or later; else it may refuse, and is given one at a time.
    """

    channel: str
    items: Items
    waits: bool


class Publisher(Feeding):
    """One thread that publishes.

    Args:
        what: What, and where.
        channels: Those of the system.
        schedule: When.
        meter: Told of what is refused, because the channel is full.
        has_rate: Whether each message is due at a time of its own; else all are due at once.
    """

    def __init__(self, what: Publish, channels: Channels, schedule: Schedule, meter: Meter, *, has_rate: bool) -> None:
        super().__init__(f"publisher {what.channel}", schedule)
        self._what = what
        self._channels = channels
        self._meter = meter
        self._has_rate = has_rate
        self._refusal: DaggerError | None = None

    def _send_all(self) -> None:
        try:
            if self._has_rate:
                self._publish_on_time()
            else:
                self._publish_fast()
            if self._refusal is not None:
                raise self._refusal
        except SystemClosed:
            return  # the load is over
        except PublicationRefused as error:
            reference = self._what.items.reference
            raise UsageError(f"{reference}: {error}", "Yield messages that the channel takes.") from error
        except DaggerError as error:
            raise UsageError(str(error)) from error

    def _give(self, hand_over: Callable[[object, int], None]) -> None:
        for item in self._what.items:
            due_ns = self._schedule.next_ns(time.perf_counter_ns())
            if due_ns is None or self._refusal is not None:
                return
            if self._is_over.wait(max(0, due_ns - time.perf_counter_ns()) / 1e9):
                return
            hand_over(item, due_ns)

    # --- as fast as it goes: what has come meanwhile is published together

    def _publish_fast(self) -> None:
        waiting: queue.Queue[tuple[object, int] | None] = queue.Queue(TOGETHER)
        worker = threading.Thread(target=self._publish_waiting, args=(waiting,), name="publisher", daemon=True)
        worker.start()
        try:
            self._give(lambda item, due_ns: waiting.put((item, due_ns)))
        finally:
            waiting.put(None)
            worker.join()

    def _publish_waiting(self, waiting: queue.Queue[tuple[object, int] | None]) -> None:
        from_ns, most = self._schedule.from_ns, TOGETHER if self._what.waits else 1
        is_over = False
        while not is_over:
            taken = [waiting.get()]
            with contextlib.suppress(queue.Empty):
                while len(taken) < most:
                    taken.append(waiting.get_nowait())
            is_over = taken[-1] is None
            for is_measured in (False, True):  # the warm-up comes first
                some = [one for one in taken if one is not None and (one[1] >= from_ns) is is_measured]
                if some:
                    self._publish([item for item, _ in some], some[0][1])

    def _publish(self, items: list[object], due_ns: int) -> None:
        cause.set(due_ns)
        try:
            if self._refusal is None:
                self._channels.publish_many(self._what.channel, items, timeout=PATIENCE_S)
                self._count(due_ns, len(items))
        except (ChannelFull, OutboxFull):
            self._meter.refused(self._what.channel, due_ns, len(items))
        except DaggerError as error:
            self._refusal = error

    # --- with a rate: each by itself, with what caused it; the generator may block, and keeps none of them

    def _publish_on_time(self) -> None:
        loop = asyncio.new_event_loop()
        worker = threading.Thread(target=loop.run_forever, name="publisher", daemon=True)
        worker.start()
        room = threading.Semaphore(UNDER_WAY)

        def hand_over(item: object, due_ns: int) -> None:
            room.acquire()
            cause.set(due_ns)  # the coroutine runs in a copy of this context
            future = asyncio.run_coroutine_threadsafe(self._publish_one(item, due_ns), loop)
            future.add_done_callback(lambda _: room.release())

        try:
            self._give(hand_over)
        finally:
            for _ in range(UNDER_WAY):  # until none is under way
                room.acquire(timeout=PATIENCE_S)
            loop.call_soon_threadsafe(loop.stop)
            worker.join()
            loop.close()

    async def _publish_one(self, item: object, due_ns: int) -> None:
        try:
            await self._channels.apublish(self._what.channel, item, timeout=PATIENCE_S)
        except (ChannelFull, OutboxFull):
            self._meter.refused(self._what.channel, due_ns, 1)
        except DaggerError as error:
            self._refusal = error
        else:
            self._count(due_ns)
