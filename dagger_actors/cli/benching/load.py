"""A system under load: the senders run, what they sent is waited for, and the report is put together."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Iterator, Sequence

from rich.console import Console, Group
from rich.live import Live

from dagger_actors.cli.benching.meter import Meter
from dagger_actors.cli.benching.publisher import Publish, Publisher
from dagger_actors.cli.benching.report import BenchReport, Ending, figures_of, live_table, subscriptions_of
from dagger_actors.cli.benching.schedule import Plan, Schedule
from dagger_actors.cli.benching.sender import Send, Sender
from dagger_actors.cli.watch import GRACE_S, Interrupts
from dagger_actors.core.wording import counted
from dagger_actors.errors import SupervisorGaveUp, SystemFailed
from dagger_actors.supervised.tree import Branch
from dagger_actors.system import ActorSystem

__all__ = ["Load"]

LOOK_S = 0.05

LATE_S = 0.5
"""After the end of the time, a sender that was not on a processor may still send what was due before."""

DRAIN_S = 10.0
"""How long what has been sent may take to be handled."""

QUIET = ("idle", "held", "absent")


class Load:
    """One system under load.

    Args:
        system: The system, open.
        meter: Its telemetry.
        plan: How much is to be sent.
        spec: The system's file.
        is_ask: Whether to ask; else it tells.
    """

    def __init__(self, system: ActorSystem, meter: Meter, plan: Plan, *, spec: str, is_ask: bool) -> None:
        self._system = system
        self._meter = meter
        self._plan = plan
        self._spec = spec
        self._is_ask = is_ask
        self._senders: list[Sender | Publisher] = []
        self._ended: Ending = "items"
        self._queued = 0

    def run(self, sends: Sequence[Send | Publish], interrupts: Interrupts) -> None:
        """Send, and wait until what was sent has been handled, until somebody interrupts, or the system gives up.

        Raises:
            UsageError: A generator fails, or gives what cannot be sent.
        """
        schedule = Schedule(self._plan, time.perf_counter_ns())
        self._meter.from_ns = schedule.from_ns
        with self._shown():
            try:
                self._senders = [self._sender(one, schedule) for one in sends]
                for sender in self._senders:
                    sender.start()
                self._ended = self._wait(schedule, interrupts)
            finally:
                for sender in self._senders:
                    sender.stop()
            self._drain(interrupts)
            if self.failure is not None:
                self._ended = "failed"
        if interrupts.first is not None:
            self._ended = "interrupted"
            grace_s = GRACE_S[interrupts.first]
            sys.stderr.write(f"stopping: what is in hand has {grace_s:g} s to end; once more to leave at once\n")
            self._system.stop(grace_s=grace_s)

    @property
    def failure(self) -> SystemFailed | SupervisorGaveUp | None:
        """Why nothing is done any more; None = it is."""
        return self._system.actors.failure or self._system.channels.failure

    def _sender(self, what: Send | Publish, schedule: Schedule) -> Sender | Publisher:
        if isinstance(what, Send):
            return Sender(what, self._system.actors[what.agent], schedule, self._meter, is_ask=self._is_ask)
        has_rate = self._plan.rate is not None
        return Publisher(what, self._system.channels, schedule, self._meter, has_rate=has_rate)

    def report(self) -> BenchReport:
        """Tell what came of it, without the machine's limits."""
        end_ns = max((sender.last_ns for sender in self._senders), default=0)
        return BenchReport(
            system=self._spec,
            ended=self._ended,
            is_ask=self._is_ask,
            rate=self._plan.rate,
            sent=sum(sender.sent for sender in self._senders),
            seconds=max(0, end_ns - self._meter.from_ns) / 1e9,
            queued=self._queued,
            agents=figures_of(self._meter),
            subscriptions=subscriptions_of(self._meter),
            refused=dict(sorted(self._meter.rejected.items())),
        )

    def _wait(self, schedule: Schedule, interrupts: Interrupts) -> Ending:
        while interrupts.first is None and self.failure is None:
            is_done = all(sender.is_done() for sender in self._senders)
            for sender in self._senders:
                # A system that has failed refuses messages: that is the reason, and not what they met.
                if sender.problem is not None and self.failure is None:
                    raise sender.problem
            if is_done:
                return schedule.ended or "items"
            # A sender may be held: by a full mailbox, or by its generator.
            if schedule.until_ns is not None and time.perf_counter_ns() > schedule.until_ns + LATE_S * 1e9:
                return "duration"
            _pause(interrupts)
        return "failed" if interrupts.first is None else "interrupted"

    def _drain(self, interrupts: Interrupts) -> None:
        deadline = time.monotonic() + DRAIN_S
        quiet = 0  # twice: what is on its way from one actor to another is seen the second time
        while quiet < 2 and self.failure is None:
            leaves = list(_leaves(self._system.actors.tree()))
            self._queued = sum(one.queued for one in leaves) + self._lag()
            is_quiet = not self._queued and all(one.state in QUIET for one in leaves) and self._rests()
            quiet = quiet + 1 if is_quiet else 0
            if interrupts.first is not None or time.monotonic() > deadline:
                return
            _pause(interrupts)

    def _lag(self) -> int:
        channels = self._system.channels
        return sum(one.lag for one in channels.standing()) if channels.own else 0

    def _rests(self) -> bool:
        """Whether no message of a channel is left, in memory too."""
        return not self._system.channels.own or self._system.run_until(timeout=LOOK_S).reason == "quiescent"

    def _shown(self) -> Live:
        console = Console(stderr=True, highlight=False, markup=False)
        return Live(console=console, get_renderable=self._table, refresh_per_second=4, transient=True)

    def _table(self) -> Group:
        if not sys.stderr.isatty():
            return Group()
        passed_s = (time.perf_counter_ns() - self._meter.from_ns) / 1e9
        sent = sum(sender.sent for sender in self._senders)
        title = (
            f"warming up, {-passed_s:.0f} s" if passed_s < 0 else f"{passed_s:.0f} s, {counted(sent, 'message')} sent"
        )
        return live_table(f"{self._spec}: {title}", figures_of(self._meter), subscriptions_of(self._meter))


def _pause(interrupts: Interrupts) -> None:
    try:
        interrupts.words.get(timeout=LOOK_S)
    except queue.Empty:
        return


def _leaves(branch: Branch) -> Iterator[Branch]:
    for one in branch.children:
        yield from _leaves(one) if one.kind == "supervisor" else (one,)
