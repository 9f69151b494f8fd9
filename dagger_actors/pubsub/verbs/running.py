"""``run_until``: wait for a system to have nothing to do, to have done so much, or for some time, and tell what it did."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.asking import Aside, Asker, Asking, Await
from dagger_actors.errors import DaggerError, RequestError, SystemClosed
from dagger_actors.pubsub.members.hub import ChannelHub
from dagger_actors.pubsub.reports.run_report import RunReason, RunReport, SubscriptionRun
from dagger_actors.pubsub.reports.tally import SubscriptionTally

__all__ = ["Running"]

AGAIN_US = 20_000
"""How soon others are looked at again, who tell nobody when they have ended."""


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """What ends a run, judged.

    Attributes:
        quiescent: Whether it does that nothing is left to do.
        count: After so many handled messages; None = never.
        timeout_us: After so long; None = never.
    """

    quiescent: bool
    count: int | None
    timeout_us: int | None


class Bell:
    """Wakes one who waits; any thread rings it, as often as it likes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._future: ReplyFuture[None] = ReplyFuture()

    def ring(self, *_: object) -> None:
        """Wake who waits, or who is going to."""
        with self._lock:
            if not self._future.is_done():
                self._future.set(None)

    def heard(self) -> ReplyFuture[None]:
        """What is resolved at the next ring."""
        with self._lock:
            if self._future.is_done():
                self._future = ReplyFuture()
            return self._future


class Running:
    """Watches a system run.

    Args:
        hub: Its pub/sub.
        are_others_busy: Whether something besides runs in this process that may publish yet.
    """

    def __init__(self, hub: ChannelHub, are_others_busy: Callable[[], bool]) -> None:
        self._hub = hub
        self._are_others_busy = are_others_busy
        self._asker = Asker(hub.runtime)
        self._told: dict[str, SubscriptionTally] = {}

    def run_until(self, *, quiescent: bool, count: int | None, timeout: float | None) -> RunReport:
        """See ``ActorSystem.run_until``."""
        ends = _judged(quiescent, count, timeout)
        return self._asker.run(self._running(ends), "system.run_until()", "await system.arun_until(...)")

    async def arun_until(
        self,
        *,
        quiescent: bool,
        count: int | None,
        timeout: float | None,  # noqa: ASYNC109 - what takes longer is reported, not cancelled
    ) -> RunReport:
        """``run_until``, without blocking the loop."""
        return await self._asker.arun(self._running(_judged(quiescent, count, timeout)))

    # --- waiting

    def _running(self, ends: Ends) -> Asking[RunReport]:
        self._hub.store.home.check()
        if self._hub.tally.is_closed:
            raise SystemClosed
        began_us = self._now_us()
        bell = Bell()
        self._hub.tally.watch(bell.ring)
        try:
            reason = yield from self._end(ends, began_us, bell)
        finally:
            self._hub.tally.leave(bell.ring)
            self._hub.runtime.timers.cancel((id(bell), "again"))
        report: RunReport = yield Aside(lambda: self._report(reason, (self._now_us() - began_us) / 1e6))
        return report

    def _end(self, ends: Ends, began_us: int, bell: Bell) -> Asking[RunReason]:
        rest: list[ReplyFuture[None]] = []
        try:
            return (yield from self._first_end(ends, began_us, bell, rest))
        finally:
            for future in rest:
                self._hub.leave_rest(future)

    def _first_end(self, ends: Ends, began_us: int, bell: Bell, rest: list[ReplyFuture[None]]) -> Asking[RunReason]:
        seen: object = None
        while True:
            heard = bell.heard()
            left_us = None if ends.timeout_us is None else began_us + ends.timeout_us - self._now_us()
            reason = self._at_once(ends, left_us)
            if reason is not None:
                return reason
            if rest and rest[0].is_done():
                rest.clear()
                found: object = yield Aside(self._quiet)
                if found is not None and found == seen:  # twice the same: nothing has come in between
                    return "quiescent"
                seen = found
                if found is None:
                    self._hub.runtime.timers.set((id(bell), "again"), self._now_us() + AGAIN_US, bell.ring)
                else:
                    bell.ring()
            elif ends.quiescent and not rest:
                rest.append(self._hub.rest())
                rest[0].add_done(bell.ring)
            try:
                yield Await(heard, None if left_us is None else left_us / 1e6)
            except TimeoutError:
                continue

    def _at_once(self, ends: Ends, left_us: int | None) -> RunReason | None:
        if ends.count is not None and self._hub.tally.handled - self._handled_before() >= ends.count:
            return "count"
        if self._hub.tally.is_closed:
            return "stopped"
        self._hub.check()
        return "timeout" if left_us is not None and left_us <= 0 else None

    def _handled_before(self) -> int:
        return sum(one.handled for one in self._told.values())

    def _quiet(self) -> object | None:
        """See whether what nobody tells of is quiet too; gives how far all is then, None = it is not."""
        hub = self._hub
        try:
            if hub.outbox.waiting[0] or self._are_others_busy() or any(hub.lags.read(are_waited=True).values()):
                return None
        except DaggerError:
            if hub.tally.is_closed:
                return None
            raise
        return hub.moved_no, hub.tally.handled

    def _now_us(self) -> int:
        return self._hub.runtime.clock.now().mono_us

    # --- telling

    def _report(self, reason: RunReason, elapsed_s: float) -> RunReport:
        before, lags = self._told, self._hub.lags.read()
        now = self._told = self._hub.tally.read()
        nothing = SubscriptionTally()
        agents = self._hub.agents()
        rows = [
            _row(name, agents.get(name, ()), now.get(name, nothing), before.get(name, nothing), lags.get(name, 0))
            for name in sorted(agents.keys() | now.keys())
        ]
        return RunReport(reason=reason, elapsed_s=elapsed_s, subscriptions=tuple(rows))


def _row(
    name: str, agents: tuple[str, ...], now: SubscriptionTally, before: SubscriptionTally, lag: int
) -> SubscriptionRun:
    return SubscriptionRun(
        subscription=name,
        agents=agents,
        handled=now.handled - before.handled,
        retried=now.retried - before.retried,
        snoozed=now.snoozed - before.snoozed,
        dead=now.dead - before.dead,
        published=now.published - before.published,
        lost=now.lost - before.lost,
        lag=lag,
    )


def _judged(quiescent: Any, count: Any, timeout: Any) -> Ends:
    if type(quiescent) is not bool:
        raise RequestError(f"quiescent is True or False, not {quiescent!r}")
    if count is not None and (type(count) is not int or count < 1):
        raise RequestError(f"count is a whole number, 1 or more, or None, not {count!r}")
    if timeout is not None and (type(timeout) not in (int, float) or timeout < 0 or not math.isfinite(timeout)):
        raise RequestError(f"timeout is a number of seconds, 0 or more, or None, not {timeout!r}")
    return Ends(quiescent=quiescent, count=count, timeout_us=None if timeout is None else round(timeout * 1e6))
