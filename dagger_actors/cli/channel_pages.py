"""Channels, messages, subscriptions and dead letters as text for people; what comes from them is printable, and no markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dagger_actors.cli.render import LONGEST_CELL, plain, value_text
from dagger_actors.cli.task_pages import error_lines
from dagger_actors.cli.text import duration, one_line, shorten, when
from dagger_actors.pubsub.reports.report import (
    ChannelSummary,
    DeadLetterReport,
    DeadLetterSummary,
    StoredMessage,
    SubscriptionSummary,
)

__all__ = [
    "channels_table",
    "dead_letter_page",
    "dead_letters_table",
    "message_line",
    "subscription_page",
    "subscriptions_table",
]

LONGEST_MESSAGE = 2_000
"""Characters of a message on its line."""

KIB = 1024


def channels_table(channels: Iterable[ChannelSummary]) -> Table:
    """Lay out the channels of a database."""
    right = ("messages", "next", "size", "unread", "subscriptions")
    table = plain("channel", "takes", *right, "keeps", right=right)
    for one in channels:
        table.add_row(
            Text(one_line(one.name)),
            Text(shorten(one_line(", ".join(one.types)) or "anything", LONGEST_CELL)),
            f"{one.count:,}",
            f"{one.next_offset:,}",
            _size(one.size_bytes),
            f"{one.next_offset - one.floor:,}",
            f"{one.subscriptions:,}",
            ", ".join(_kept(one)) or "all",
        )
    return table


def _size(size_bytes: int) -> str:
    if size_bytes < KIB:
        return f"{size_bytes} B"
    if size_bytes < KIB * KIB:
        return f"{size_bytes / KIB:.1f} KiB"
    return f"{size_bytes / KIB / KIB:,.1f} MiB"


def _kept(channel: ChannelSummary) -> Iterator[str]:
    if channel.retain_age_s is not None:
        yield duration(round(channel.retain_age_s * 1e6))
    if channel.retain_count is not None:
        yield f"{channel.retain_count:,} messages"
    if channel.retain_bytes is not None:
        yield _size(channel.retain_bytes)


def message_line(message: StoredMessage) -> str:
    """Write a message on one line."""
    kind = f" {one_line(message.type)}" if message.type else ""
    key = "" if message.key is None else f" [{one_line(message.key)}]"
    text = shorten(one_line(msgspec.json.encode(message.message).decode()), LONGEST_MESSAGE)
    return f"{message.offset} {when(message.published_us)}{kind}{key} {text}"


# --- subscriptions


def subscriptions_table(subscriptions: Iterable[SubscriptionSummary]) -> Table:
    """Lay out the subscriptions of a database."""
    right = ("lag", "waiting", "dead", "members")
    table = plain("subscription", "reads", *right, "state", right=right)
    for one in subscriptions:
        living = sum(member.pid is not None for member in one.members) if one.processes else 0
        table.add_row(
            Text(one_line(one.name)),
            Text(shorten(one_line(one.pattern), LONGEST_CELL)),
            f"{one.lag:,}",
            f"{one.waiting:,}",
            Text(f"{one.dead_letters:,}", style="red" if one.dead_letters else ""),
            Text(f"{living:,}", style="" if living else "yellow"),
            Text(_state(one), style="red" if one.is_forsaken else "yellow" if one.is_paused else ""),
        )
    return table


def _state(subscription: SubscriptionSummary) -> str:
    parts = []
    if subscription.is_paused:
        parts.append(f"paused: {subscription.reason}" if subscription.reason else "paused")
    elif not subscription.processes:
        parts.append("nobody takes its turns")
    fullest = subscription.fullest
    if subscription.is_forsaken and fullest is not None:
        parts.append(f"it fills {fullest.channel} to {fullest.fill:.0%}")
    return one_line(", and ".join(parts))


def subscription_page(console: Console, subscription: SubscriptionSummary) -> None:
    """Print one subscription: what it reads, how far it is, who takes its turns."""
    title = Text(f"subscription {one_line(subscription.name)}")
    state = _state(subscription)
    console.print(title.append(f": {state}", style="yellow") if state else title)
    for line in _facts(subscription):
        console.print(Text(line), soft_wrap=True)
    table = plain("channel", "floor", "lag", right=("floor", "lag"))
    for one in subscription.positions:
        table.add_row(Text(one_line(one.channel)), f"{one.floor:,}", f"{one.lag:,}")
    console.print(table)
    if subscription.members:
        members = plain("member", "process", "ranges", right=("ranges",))
        for member in subscription.members:
            members.add_row(Text(one_line(member.name)), str(member.pid or "gone"), f"{member.ranges}")
        console.print(members)


def _facts(subscription: SubscriptionSummary) -> Iterator[str]:
    yield f"reads {one_line(subscription.pattern)}, from {one_line(subscription.start)} on"
    if subscription.paused_us is not None:
        yield f"paused since {when(subscription.paused_us)} UTC"
    if subscription.place:
        yield f"at {one_line(subscription.place)}"
    if subscription.settings:
        yield f"options: {one_line(msgspec.json.encode(subscription.settings).decode())}"
    next_retry = "" if subscription.next_retry_us is None else f", the next at {when(subscription.next_retry_us)} UTC"
    yield f"lag {subscription.lag:,}, {subscription.waiting:,} wait for another try{next_retry}"
    yield f"dead letters: {subscription.dead_letters:,}"


# --- dead letters


def dead_letters_table(letters: Iterable[DeadLetterSummary]) -> Table:
    """Lay out dead letters."""
    table = plain(
        "id", "subscription", "channel", "offset", "key", "died (UTC)", "tries", "why", right=("id", "offset", "tries")
    )
    for one in letters:
        table.add_row(
            str(one.id),
            Text(one_line(one.subscription)),
            Text(one_line(one.channel)),
            f"{one.offset:,}",
            Text(shorten(one_line(one.key), LONGEST_CELL)),
            when(one.died_us),
            f"{one.tries:,}",
            Text(shorten(one_line(f"redriven; {one.why}" if one.redriven_us is not None else one.why), LONGEST_CELL)),
        )
    return table


def dead_letter_page(console: Console, letter: DeadLetterReport) -> None:
    """Print one dead letter: where it was, why it was given up, what it holds."""
    title = Text(f"dead letter {letter.id} of {one_line(letter.subscription)}: ")
    console.print(title.append(letter.reason, style="red"))
    key = f", key {one_line(letter.key)}" if letter.key else ""
    console.print(Text(f"offset {letter.offset:,} of {one_line(letter.channel)}{key}"), soft_wrap=True)
    console.print(f"given up {when(letter.died_us)} UTC after {letter.tries:,} tries")
    if letter.redriven_us is not None:
        console.print(f"redriven {when(letter.redriven_us)} UTC")
    for name, value in letter.headers.items():
        console.print(Text(f"header {one_line(name)}: {one_line(value)}"), soft_wrap=True)
    for line in error_lines(letter.error):
        console.print(Text(line), soft_wrap=True)
    kind = f" ({one_line(letter.type)})" if letter.type else ""
    console.print(Text(f"message{kind}: {value_text(letter.message)}"), soft_wrap=True)
