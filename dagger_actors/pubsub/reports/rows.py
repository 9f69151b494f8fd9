"""From rows of channels and subscriptions, as the statements give them, to what is shown."""

from __future__ import annotations

from typing import Any

import msgspec

from dagger_actors.bodies.stored_error import decode_error
from dagger_actors.pubsub.reports.report import (
    ChannelSummary,
    DeadLetterReport,
    DeadLetterSummary,
    GroupMember,
    ReadPosition,
    SubscriptionSummary,
)
from dagger_actors.store.channel_lists import SubscriptionSummary as StoredSubscription

__all__ = ["channel_summary", "dead_letter_report", "dead_letter_summary", "headers_of", "subscription_summary"]

_names = msgspec.json.Decoder(list[str])
_headers = msgspec.json.Decoder(dict[str, str])


def headers_of(text: str | None) -> dict[str, str]:
    """The headers of a row."""
    return {} if text is None else _headers.decode(text)


def channel_summary(row: tuple[Any, ...]) -> ChannelSummary:
    """A row of ``read.channels``."""
    (
        name,
        types,
        capacity,
        overflow,
        age_us,
        count,
        kept_bytes,
        first,
        end,
        size_bytes,
        delayed,
        floor,
        readers,
        *times,
    ) = row
    return ChannelSummary(
        name=name,
        types=tuple(_names.decode(types)),
        capacity=capacity,
        overflow=overflow,
        retain_age_s=None if age_us is None else age_us / 1e6,
        retain_count=count,
        retain_bytes=kept_bytes,
        first_offset=first,
        next_offset=end,
        floor=floor,
        size_bytes=size_bytes,
        delayed=delayed,
        subscriptions=readers,
        created_us=times[0],
    )


def subscription_summary(
    stored: StoredSubscription, members: tuple[GroupMember, ...], processes: tuple[int, ...], in_hand: int
) -> SubscriptionSummary:
    """What the store tells of a subscription, with what is known besides."""
    return SubscriptionSummary(
        name=stored.name,
        group=stored.group,
        place=stored.place,
        pattern=stored.pattern,
        start=stored.start,
        settings=msgspec.json.decode(stored.settings),
        positions=tuple(
            ReadPosition(channel=one.channel, floor=one.floor, lag=one.lag, fill=one.fill) for one in stored.channels
        ),
        lag=stored.lag,
        in_hand=in_hand,
        waiting=stored.waiting,
        next_retry_us=stored.next_retry_at,
        dead_letters=stored.dead_letters,
        members=members,
        processes=processes,
        paused_us=stored.paused_at,
        reason=stored.reason,
        created_us=stored.created_at,
    )


def _dead(row: tuple[Any, ...]) -> dict[str, Any]:
    dead_letter, subscription, channel, offset, key, kind, reason, tries, error, died_at, redriven_at = row
    return {
        "id": dead_letter,
        "subscription": subscription,
        "channel": channel,
        "offset": offset,
        "key": key,
        "type": kind,
        "reason": reason,
        "tries": tries,
        "error": None if error is None else decode_error(error),
        "died_us": died_at,
        "redriven_us": redriven_at,
    }


def dead_letter_summary(row: tuple[Any, ...]) -> DeadLetterSummary:
    """A row of ``read.dead_letters``."""
    return DeadLetterSummary(**_dead(row))


def dead_letter_report(row: tuple[Any, ...]) -> DeadLetterReport:
    """A row of ``read.dead_letter``."""
    *known, payload, headers = row
    return DeadLetterReport(**_dead(tuple(known)), message=msgspec.json.decode(payload), headers=headers_of(headers))
