"""What a database holds of channels and subscriptions, to look at; the same for a system and for a reader that changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import (
    DeadLetterNotFound,
    OffsetRefused,
    RequestError,
    UnknownChannel,
    UnknownGroup,
    UnknownSubscription,
)
from dagger_actors.pubsub.reports.asked_names import refuse_no_name
from dagger_actors.pubsub.reports.report import (
    ChannelSummary,
    DeadLetterReport,
    DeadLetterSummary,
    GroupMember,
    StoredMessage,
    SubscriptionSummary,
)
from dagger_actors.pubsub.reports.rows import (
    channel_summary,
    dead_letter_report,
    dead_letter_summary,
    headers_of,
    subscription_summary,
)
from dagger_actors.reading.filters import LISTED, check_limit
from dagger_actors.reading.since import since_us
from dagger_actors.store.channel_lists import subscriptions_of
from dagger_actors.store.look import ReadableStore

__all__ = ["NOT_YET", "ChannelArchive", "Start", "StoredChannel"]

Start = int | str | datetime | timedelta
"""A place in a channel: an offset; ``earliest``; ``latest``, behind all that is there; or a moment, as ``since`` takes it."""

PAGE_BYTES = 8 * 1024 * 1024
"""Bytes of payloads that are read at once."""

ALL = 1_000_000
"""More channels than there may be."""

NOT_YET = 0
"""The key of a channel that is not in the file yet; rows count from 1."""

_names = msgspec.json.Decoder(list[str])


class StoredChannel(msgspec.Struct, frozen=True):
    """Where a channel is in the file, and how far it goes."""

    name: str
    key: int
    next_offset: int
    first_offset: int


class ChannelArchive:
    """Reads the channels of one database; changes nothing.

    Args:
        store: The database.
        now_us: The time now, microseconds UTC.
    """

    def __init__(self, store: ReadableStore, now_us: Callable[[], int]) -> None:
        self._store = store
        self._now_us = now_us

    # --- messages

    def read(self, channel: str, start: Start = "earliest", *, limit: int = LISTED) -> list[StoredMessage]:
        """Read messages of a channel, in its order.

        Args:
            channel: Its name.
            start: From here on; what is kept no longer is passed over. See ``Start``.
            limit: At most so many; 1 or more.

        Returns:
            What is there now, which may be less.

        Raises:
            UnknownChannel: There is none; names the nearest.
            OffsetRefused: The channel has not come so far.
            RequestError: Something cannot be; says what to write.
        """
        check_limit(limit)
        stored = self._channel(channel)
        offset = self._offset(stored, start)
        found: list[StoredMessage] = []
        while len(found) < limit:
            page = self._page(stored, offset, limit - len(found))
            if not page:
                break
            found += page
            offset = page[-1].offset + 1
        return found

    def _page(self, stored: StoredChannel, first: int, limit: int) -> list[StoredMessage]:
        rows = self._store.readers.query("read.channel_page", stored.key, first, limit, PAGE_BYTES)
        return [self._message(stored.name, row) for row in rows]

    def _message(self, channel: str, row: tuple[Any, ...]) -> StoredMessage:
        offset, kind, payload, published_at, message_id, key, headers, source, source_key = row
        return StoredMessage(
            channel=channel,
            offset=offset,
            type=kind,
            message=self._decode(channel, kind, payload),
            published_us=published_at,
            id=message_id,
            key=key,
            headers=headers_of(headers),
            source=source,
            source_key=source_key,
        )

    def _decode(self, channel: str, kind: str, payload: str) -> Any:  # noqa: ARG002 - of no class is anything known
        return msgspec.json.decode(payload)

    def _channel(self, channel: str) -> StoredChannel:
        refuse_no_name(channel)
        rows = self._store.readers.query("read.channel_head", channel)
        if not rows:
            raise UnknownChannel(channel, nearest(channel, self._listed("read.channel_names")) or "")
        key, next_offset, first_offset, *_ = rows[0]
        return StoredChannel(channel, key, next_offset, first_offset)

    def _offset(self, stored: StoredChannel, start: Start) -> int:
        if type(start) is int:
            if start < 0:
                raise RequestError(
                    f"an offset is 0 or more, not {start}; 'latest' is the end, 'earliest' the beginning"
                )
            if start > stored.next_offset:
                raise OffsetRefused(stored.name, start, stored.next_offset)
            return start
        if start == "earliest":
            return stored.first_offset
        if start == "latest":
            return stored.next_offset
        since = moment_us(start, self._now_us())
        return int(self._store.readers.query("read.offset_at", stored.key, since)[0][0]) if stored.key != NOT_YET else 0

    # --- channels and subscriptions

    def channels(self, name: str | None = None) -> list[ChannelSummary]:
        """All durable channels, by name, without those of groups alone; or one. Of the others see ``system.channels.ephemeral``.

        Raises:
            UnknownChannel: There is none of that name; names the nearest.
        """
        if name is not None:
            refuse_no_name(name)
        rows = self._store.readers.query("read.channels", name or "", ALL, "")
        if name is not None and not rows:
            raise UnknownChannel(name, nearest(name, self._listed("read.channel_names")) or "")
        return [channel_summary(row) for row in rows]

    def subscriptions(self, name: str | None = None) -> list[SubscriptionSummary]:
        """All subscriptions that the database knows, which are those that read durable channels, by name; or one.

        Of what reads ephemeral channels alone see ``system.channels.ephemeral``.

        Raises:
            UnknownSubscription: There is none of that name; names the nearest.
        """
        if name is not None:
            self._check_subscription(name)
        living = {one.worker_id for one in self._store.workers().values() if not self._store.is_gone(one)}
        members, processes, in_hand = self._members(living), self._processes(living, name or ""), self._in_hand()
        found = [
            subscription_summary(
                one, members.get(one.group, ()), tuple(processes.get(one.name, ())), in_hand.get(one.name, 0)
            )
            for one in subscriptions_of(self._store.readers, name or "")
        ]
        if name is not None and not found:
            raise self._no_such_subscription(name)  # somebody has just forgotten it
        return found

    def _processes(self, living: Collection[int], name: str) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for subscription, worker, pid in self._store.readers.query("read.subscription_workers", name):
            if worker in living:
                found.setdefault(subscription, []).append(pid)
        return found

    def _members(self, living: Collection[int]) -> dict[str, tuple[GroupMember, ...]]:
        found: dict[str, tuple[GroupMember, ...]] = {}
        for group, worker, pid, member, joined_at, ranges in self._store.readers.query("read.members"):
            one = GroupMember(
                name=member,
                worker=worker,
                pid=pid if worker in living else None,
                ranges=ranges,
                joined_us=joined_at,
            )
            found[group] = (*found.get(group, ()), one)
        return found

    def _in_hand(self) -> Mapping[str, int]:
        return {}

    def _no_such_subscription(self, name: object) -> UnknownSubscription:
        text = name if isinstance(name, str) else quoted(name)
        return UnknownSubscription(text, nearest(text, self._listed("read.subscription_names")) or "")

    def state(self, group: str, key: str = "") -> Any:
        """The state of one key of a group, as of the last commit: plain data; None = it has none.

        Args:
            group: The group's name; an agent's own, where nothing else was said.
            key: The key; empty = of the one subscriber without key.

        Raises:
            UnknownGroup: There is none of that name; names the nearest.
        """
        if not isinstance(group, str) or not isinstance(key, str):
            raise RequestError(f"a group and a key are texts, not {quoted(group)} and {quoted(key)}")
        rows = self._store.readers.query("read.subscriber_state", group, key)
        if rows:
            return msgspec.msgpack.decode(rows[0][0])
        names = self._listed("read.group_names")
        if group not in names:
            raise UnknownGroup(group, nearest(group, names) or "")
        return None

    # --- dead letters

    def dead_letters(
        self, subscription: str | None = None, *, redriven: bool = False, limit: int = LISTED
    ) -> list[DeadLetterSummary]:
        """Messages that were given up, the newest first.

        Args:
            subscription: Only those of this one.
            redriven: Whether to list those too that were published again.
            limit: At most so many; 1 or more.

        Raises:
            UnknownSubscription: There is none of that name; names the nearest.
        """
        check_limit(limit)
        rows = self._store.readers.query("read.dead_letters", subscription or "", int(redriven), limit, 0)
        if subscription is not None and not rows:
            self._check_subscription(subscription)
        return [dead_letter_summary(row) for row in rows]

    def _check_subscription(self, name: object) -> None:
        if name not in self._listed("read.subscription_names"):
            raise self._no_such_subscription(name)

    def dead_letter(self, dead_letter: int) -> DeadLetterReport:
        """All that is known of a dead letter.

        Raises:
            DeadLetterNotFound: There is none of that id.
        """
        rows = self._store.readers.query("read.dead_letter", checked_id(dead_letter))
        if not rows:
            raise DeadLetterNotFound(dead_letter, str(self._store.path))
        return dead_letter_report(rows[0])

    def _listed(self, statement: str) -> list[str]:
        return _names.decode(self._store.readers.query(statement)[0][0])


def moment_us(start: object, now_us: int) -> int:
    """Read a moment that may have been meant as another place; raises RequestError when it is none."""
    if isinstance(start, str | datetime | timedelta):
        try:
            return since_us(start, now_us)
        except RequestError:
            pass
    raise RequestError(
        f"{quoted(start)} is no place in a channel; give an offset, 'earliest', 'latest', an age such as '2h', or a time such "
        "as 2026-11-20T08:30"
    )


def checked_id(dead_letter: int) -> int:
    """Refuse what can be no dead letter's id."""
    if type(dead_letter) is not int or not -(2**63) <= dead_letter < 2**63:
        raise RequestError(f"a dead letter's id is a whole number, not {quoted(dead_letter)}")
    return dead_letter
