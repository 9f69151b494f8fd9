"""What ``bench`` has found: as values for ``--json``, and as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from dagger_actors.cli.benching.machine import Limits
from dagger_actors.cli.benching.meter import Meter, Sample
from dagger_actors.cli.render import plain
from dagger_actors.cli.text import one_line
from dagger_actors.core.wording import counted

__all__ = [
    "AgentFigures",
    "BenchReport",
    "SubscriptionFigures",
    "figures_of",
    "live_table",
    "print_report",
    "subscriptions_of",
]

ROWS = 40
NUMBERS = ("messages", "per s", "p50", "p99", "max", "failed", "restarts")
OF_TURNS = (*NUMBERS[:-1], "given up")

Ending = Literal["duration", "count", "items", "interrupted", "failed"]


class AgentFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one agent.

    Attributes:
        agent: Its path in the system; a temporary actor's class, in parentheses.
        messages: Measured messages that it has handled, all of a pool's together.
        per_s: So many a second, until the last of them.
        p50_us: Half of them took no longer, in microseconds; to within 1 %. None = there are none.
        p99_us: Of a hundred, 99 took no longer.
        max_us: The longest.
        failed: Of ``messages``: its handler raised.
        restarts: So many.
        undelivered: Messages that it never handled, by reason.
    """

    agent: str
    messages: int
    per_s: float
    p50_us: float | None
    p99_us: float | None
    max_us: float | None
    failed: int
    restarts: int
    undelivered: dict[str, int]


class SubscriptionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one subscription.

    Attributes:
        subscription: ``GROUP.HANDLER``.
        messages: Measured messages that it has handled, those among them that a turn of a subscription before it published.
        per_s: So many a second, until the last of them.
        p50_us: Half of them took no longer from when they were due, in microseconds; to within 1 %. None = there are none.
        p99_us: Of a hundred, 99 took no longer.
        max_us: The longest.
        failed: Messages of tries that failed, each as often as it was tried.
        given_up: Messages that became dead letters, or were lost.
    """

    subscription: str
    messages: int
    per_s: float
    p50_us: float | None
    p99_us: float | None
    max_us: float | None
    failed: int
    given_up: int


class BenchReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        system: The system file.
        ended: Why it ended.
        is_ask: Whether latency is to the answer; else to the end of the handler.
        rate: Messages a second that were asked for; None = as fast as it goes.
        sent: Messages sent, warm-up apart.
        seconds: How long that took.
        queued: Messages that were still in mailboxes at the end, or not done by a subscription.
        agents: In the order of their names.
        subscriptions: Likewise.
        refused: Messages for which a channel had no room, by its name; they are not among ``sent``.
        limits: The machine's own.
    """

    system: str
    ended: Ending
    is_ask: bool
    rate: float | None
    sent: int
    seconds: float
    queued: int
    agents: tuple[AgentFigures, ...]
    subscriptions: tuple[SubscriptionFigures, ...] = ()
    refused: dict[str, int] = {}
    limits: Limits | None = None


def figures_of(meter: Meter) -> tuple[AgentFigures, ...]:
    """Read a meter; at any time."""
    return tuple(_figures(agent, sample, meter.from_ns) for agent, sample in sorted(meter.samples.copy().items()))


def subscriptions_of(meter: Meter) -> tuple[SubscriptionFigures, ...]:
    """Read what a meter knows of turns; at any time."""
    found = []
    for name, sample in sorted(meter.turns.copy().items()):
        with sample.lock:
            given_up = sum(sample.undelivered.values())
            found.append(SubscriptionFigures(subscription=name, given_up=given_up, **_timed(sample, meter.from_ns)))
    return tuple(found)


def _figures(agent: str, sample: Sample, from_ns: int) -> AgentFigures:
    with sample.lock:
        undelivered = dict(sorted(sample.undelivered.items()))
        return AgentFigures(agent=agent, restarts=sample.restarts, undelivered=undelivered, **_timed(sample, from_ns))


def _timed(sample: Sample, from_ns: int) -> dict[str, Any]:
    latency, span_ns = sample.latency, sample.last_ns - from_ns
    messages = latency.total()
    p50_ns, p99_ns = latency.percentile_ns(50), latency.percentile_ns(99)
    return {
        "messages": messages,
        "per_s": messages / span_ns * 1e9 if messages and span_ns > 0 else 0.0,
        "p50_us": None if p50_ns is None else p50_ns / 1e3,
        "p99_us": None if p99_ns is None else p99_ns / 1e3,
        "max_us": latency.longest_ns / 1e3 if messages else None,
        "failed": sample.failed,
    }


def live_table(title: str, agents: Sequence[AgentFigures], subscriptions: Sequence[SubscriptionFigures] = ()) -> Group:
    """What is shown while it runs."""
    return Group(Text(one_line(title)), *_tables(agents, subscriptions))


def print_report(report: BenchReport) -> None:
    """Print it on stdout."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(Text(one_line(_opening(report))))
    console.print(
        f"latency is from when a message was due to {'the answer' if report.is_ask else 'the end of its handler'}"
    )
    for table in _tables(report.agents, report.subscriptions):
        console.print(table)
    for channel, count in report.refused.items():
        console.print(Text(one_line(f"no room: the channel {channel} has refused {counted(count, 'message')}")))
    lost = [one for one in report.agents if one.undelivered]
    for one in lost[:ROWS]:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in one.undelivered.items())
        console.print(Text(one_line(f"undelivered: {one.agent}: {reasons}")))
    if len(lost) > ROWS:
        console.print(f"undelivered: and for {len(lost) - ROWS} more; --json gives them all")
    if report.limits is not None:
        _print_limits(console, report.limits)


def _opening(report: BenchReport) -> str:
    per_s = f" ({report.sent / report.seconds:,.1f} a second)" if report.seconds > 0 else ""
    asked = "as fast as it goes" if report.rate is None else f"{report.rate:,g} a second asked for"
    left = f"; {report.queued:,} still queued" if report.queued else ""
    why = {"interrupted": "; interrupted", "failed": "; the system gave up"}.get(report.ended, "")
    return (
        f"{report.system}: {counted(report.sent, 'message')} sent in {report.seconds:.2f} s{per_s}, {asked}{left}{why}"
    )


def _tables(agents: Sequence[AgentFigures], subscriptions: Sequence[SubscriptionFigures]) -> Iterator[Table]:
    """One of agents, unless there are subscriptions alone; one of those."""
    if agents or not subscriptions:
        yield _table("agent", NUMBERS, [(one.agent, one, one.restarts) for one in agents])
    if subscriptions:
        yield _table("subscription", OF_TURNS, [(one.subscription, one, one.given_up) for one in subscriptions])


def _table(
    head: str, numbers: Sequence[str], rows: Sequence[tuple[str, AgentFigures | SubscriptionFigures, int]]
) -> Table:
    table = plain(head, *numbers, right=numbers)
    for name, one, last in rows[:ROWS]:
        table.add_row(
            Text(one_line(name)),
            f"{one.messages:,}",
            f"{one.per_s:,.1f}",
            *(_latency(us) for us in (one.p50_us, one.p99_us, one.max_us)),
            f"{one.failed:,}",
            f"{last:,}",
        )
    if len(rows) > ROWS:
        table.add_row(f"... and {len(rows) - ROWS} more")
    return table


def _latency(us: float | None) -> str:
    if us is None:
        return "-"
    if us < 1_000:
        return f"{us:.0f} us"
    return f"{us / 1e3:.1f} ms" if us < 1_000_000 else f"{us / 1e6:.2f} s"


def _print_limits(console: Console, limits: Limits) -> None:
    processors = counted(limits.processors, "processor")
    interval_ms = limits.switch_interval_s * 1e3
    console.print(f"\nlimits of this machine: {processors}, {limits.python}, switch interval {interval_ms:g} ms")
    table = plain("by itself", "per second", right=("per second",))
    table.add_row("hand-offs between two threads, through a queue", f"{limits.hand_offs_per_s:,.0f}")
    table.add_row("messages encoded, queued and decoded, in one thread", f"{limits.messages_per_s:,.0f}")
    if limits.commits_per_s is not None:
        table.add_row("commits of one row to the disk, in the database's folder", f"{limits.commits_per_s:,.0f}")
    console.print(table)
