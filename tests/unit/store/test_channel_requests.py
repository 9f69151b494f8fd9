"""What comes later, what people ask of subscriptions, and what is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dagger_actors.core.channel_rows import NewMessage, NewTimer
from dagger_actors.core.channels import (
    PauseSubscription,
    PromoteMessages,
    PruneMessages,
    Redrive,
    ResumeSubscription,
    Seek,
    SetTimers,
)
from dagger_actors.core.declarations import ChannelRow, SubscriptionRow
from dagger_actors.core.member_rows import DeadLetterRow, DeliveryRow
from dagger_actors.errors import DeadLetterNotFound, OffsetRefused, UnknownChannel, UnknownSubscription
from tests.channels_on_file import ChannelsOnFile


@pytest.fixture
def file(memory: Path) -> Iterator[ChannelsOnFile]:
    file = ChannelsOnFile(memory / "a.db")
    subscription = SubscriptionRow(group="g", name="g.h", pattern="*", channels=("a", "b"))
    file.declare(ChannelRow(name="a"), ChannelRow(name="b"), subscription)
    yield file
    file.close()


def new(text: str, channel: str = "a", **more: object) -> NewMessage:
    return NewMessage(channel, "T", text, **more)  # type: ignore[arg-type]


def fill(file: ChannelsOnFile, count: int, channel: str = "a") -> None:
    for at in range(count):
        file.publish(new(str(at), channel), now_us=at * 10)


# --- later


def test_delayed_messages_come_in_the_order_of_their_times_behind_what_is_there(file: ChannelsOnFile) -> None:
    file.publish(
        new("1", due_at=30, message_id="i"), new("2", due_at=20), new("3"), new("4", "b", due_at=20, headers="{}")
    )
    assert file.run(PromoteMessages(19)) == 20
    assert file.messages("a") == [(0, "3")]
    assert file.run(PromoteMessages(20)) == 30
    assert file.run(PromoteMessages(40)) is None
    assert file.messages("a") == [(0, "3"), (1, "2"), (2, "1")]
    assert file.messages("b") == [(0, "4")]
    assert file.channel("a") | {"next_offset": 3, "bytes": 3, "delayed": 0} == file.channel("a")
    assert file.publish(new("9", message_id="i"))[0].offset == 2


def test_a_full_channel_stops_nothing_that_is_due(file: ChannelsOnFile) -> None:
    file.declare(ChannelRow(name="a", capacity=1))
    file.publish(new("1", due_at=9))
    assert file.publish(new("2"), is_whole=False)[0].offset == -2
    file.run(PromoteMessages(9))
    assert file.messages("a") == [(0, "1")]


def timer(file: ChannelsOnFile, name: str, due_at: int | None, *, text: str = "1", key: str = "k") -> NewTimer:
    message = None if due_at is None else NewMessage("@g", "Flush", text, key=key, due_at=due_at, target="g.h")
    return NewTimer(file.declared.groups["g"], key, name, message)


def test_a_timer_is_one_for_its_key_and_name_and_the_last_word_counts(file: ChannelsOnFile) -> None:
    assert file.run(SetTimers((timer(file, "t", 9), timer(file, "t", 7, text="2"), timer(file, "u", 5)), 0)) == 5
    assert file.run(SetTimers((timer(file, "u", None), timer(file, "never", None)), 0)) == 7
    assert file.run(SetTimers((timer(file, "t", 8, text="3"), timer(file, "t", 6, key="other")), 0)) == 6
    assert file.run(SetTimers((timer(file, "v", 8), timer(file, "v", None)), 0)) == 6
    assert file.run(PromoteMessages(10)) is None
    assert file.messages("@g") == [(0, "1"), (1, "3")]
    assert file.channel("@g")["delayed"] == 0


# --- seek, pause


def settled(file: ChannelsOnFile) -> int:
    """Ten messages of which eight are done, and one waits."""
    fill(file, 10)
    cursor = file.cursor("g.h", "a")
    file.acknowledge_all(cursor, "g", 8)
    file.write("deliveries.put", DeliveryRow(cursor, 8, 1, 2, 0, 99, None, 1))
    file.rows("UPDATE channels SET floor = 8 WHERE name = 'a'")  # as it is once it was looked up
    return cursor


@pytest.mark.parametrize(
    ("how", "place"),
    [({"offset": 3}, 3), ({"to": "earliest"}, 0), ({"to": "latest"}, 10), ({"since_us": 41}, 5), ({"offset": 10}, 10)],
)
def test_a_subscription_goes_on_where_it_is_moved_to(file: ChannelsOnFile, how: dict[str, object], place: int) -> None:
    cursor = settled(file)
    epoch = file.share("g").held[0].epoch
    assert file.run(Seek("g.h", "a", **how)) == 1  # type: ignore[arg-type]
    assert file.cursors("g", *range(64))[cursor] == [place, []]
    assert file.waiting(cursor) == []
    assert not file.acknowledge(cursor, 0, "g", epoch, 9), "what was in hand is committed by nobody"
    assert len(file.share("g").taken) == 64
    assert file.channel("a")["floor"] == min(place, 8)


def test_a_subscription_is_moved_on_all_its_channels_but_not_on_its_groups_own(file: ChannelsOnFile) -> None:
    fill(file, 3)
    fill(file, 2, "b")
    file.run(SetTimers((timer(file, "t", 1),), 0), PromoteMessages(1))
    assert file.run(Seek("g.h", to="latest")) == 2
    starts = {name: file.cursors("g")[file.cursor("g.h", name)][0] for name in ("a", "b", "@g")}
    assert starts == {"a": 3, "b": 2, "@g": 0}


def test_a_move_that_cannot_be_is_refused(file: ChannelsOnFile) -> None:
    fill(file, 3)
    file.declare(ChannelRow(name="c"))
    assert file.refusal(Seek("g.x", to="latest")) == UnknownSubscription("g.x", "g.h")
    assert file.refusal(Seek("g.h", "c", to="latest")) == UnknownChannel("c")
    assert file.refusal(Seek("g.h", "a", offset=4)) == OffsetRefused("a", 4, 3)
    assert file.refusal(Seek("g.h", "a", offset=-1)) == OffsetRefused("a", -1, 3)
    assert file.refusal(Seek("g.h", offset=3)) == OffsetRefused("b", 3, 0)


def test_a_subscription_is_paused_once_and_goes_on_once(file: ChannelsOnFile) -> None:
    assert file.run(PauseSubscription("g.h", "why", 1)) is True
    assert file.run(PauseSubscription("g.h", "again", 2)) is False
    assert file.rows("SELECT paused_at, reason FROM subscriptions") == [(1, "why")]
    assert file.read("read.paused_subscriptions") == [("g.h",)]
    assert file.run(ResumeSubscription("g.h", 3)) is True
    assert file.run(ResumeSubscription("g.h", 3)) is False
    assert file.read("read.paused_subscriptions") == []
    assert isinstance(file.refusal(PauseSubscription("x", "", 0)), UnknownSubscription)
    assert isinstance(file.refusal(ResumeSubscription("x", 0)), UnknownSubscription)


# --- dead letters


def bury(file: ChannelsOnFile, *offsets: int, key: str = "k") -> None:
    cursor = file.cursor("g.h", "a")
    file.write("dead_letters.put", *(DeadLetterRow(cursor, one, key, "failed", 5, None, 9) for one in offsets))


def test_dead_letters_come_again_once_for_their_subscription_alone(file: ChannelsOnFile) -> None:
    fill(file, 3)
    bury(file, 0, 2)
    bury(file, 1, key="")
    assert file.run(Redrive((2, 1), None, 7)) == 2
    assert file.run(Redrive((2, 3), "g.h", 8)) == 1
    assert file.run(Redrive(None, "g.h", 9)) == 0
    key = file.channel("@g")["channel_key"]
    assert file.read_json("read.messages", key, 0, 9, 1_000) == [
        [0, "T", "0", 7, "k", None, None, None, "g.h"],
        [1, "T", "2", 7, "k", None, None, None, "g.h"],
        [2, "T", "1", 8, None, None, None, None, "g.h"],
    ]
    assert file.channel("@g") | {"next_offset": 3, "bytes": 3} == file.channel("@g")


def test_all_dead_letters_of_one_subscription_or_of_any_come_again(file: ChannelsOnFile) -> None:
    fill(file, 3)
    file.declare(SubscriptionRow(group="i", name="i.h", pattern="a", channels=("a",)))
    file.write("dead_letters.put", DeadLetterRow(file.cursor("i.h", "a"), 0, "", "fatal", 1, None, 9))
    file.declare(SubscriptionRow(group="g", name="g.h", pattern="*", channels=("a", "b")))
    bury(file, 0, 1)
    assert file.run(Redrive(None, "i.h", 1)) == 1
    assert file.run(Redrive(None, None, 1)) == 2
    assert (len(file.messages("@i")), len(file.messages("@g"))) == (1, 2)


def test_dead_letters_that_are_not_there_are_refused(file: ChannelsOnFile) -> None:
    fill(file, 1)
    bury(file, 0)
    assert file.refusal(Redrive((1, 7), None, 0)) == DeadLetterNotFound(7)
    assert file.refusal(Redrive(None, "g.x", 0)) == UnknownSubscription("g.x", "g.h")


# --- what is deleted


def pruned(file: ChannelsOnFile, done: int, *, limit: int = 100, now_us: int = 1_000, **keep: int | None) -> list[int]:
    fill(file, 10)
    file.declare(ChannelRow(name="a", **{"retain_age_us": None} | keep))  # type: ignore[arg-type]
    file.declare(SubscriptionRow(group="g", name="g.h", pattern="*", channels=("a", "b")))
    file.acknowledge_all(file.cursor("g.h", "a"), "g", done)
    count, is_more = file.run(PruneMessages(limit, now_us))
    assert is_more == (count == limit)
    left = [offset for offset, _ in file.messages("a")]
    assert count == 10 - len(left)
    assert file.channel("a")["bytes"] == len(left)
    assert file.channel("a")["first_offset"] == (left[0] if left else 10)
    return left


def test_nothing_that_is_not_done_is_deleted(file: ChannelsOnFile) -> None:
    assert pruned(file, 4, retain_age_us=0) == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("keep", "left"),
    [({}, 10), ({"retain_age_us": 940}, 4), ({"retain_count": 3}, 3), ({"retain_bytes": 2}, 2),
     ({"retain_age_us": 940, "retain_count": 5}, 4), ({"retain_age_us": 0}, 0)],
)  # fmt: skip
def test_done_messages_are_deleted_as_soon_as_one_of_the_limits_is_passed(
    file: ChannelsOnFile, keep: dict[str, int], left: int
) -> None:
    assert len(pruned(file, 10, **keep)) == left


def test_few_are_deleted_at_once(file: ChannelsOnFile) -> None:
    assert len(pruned(file, 10, limit=4, retain_age_us=0)) == 6
    assert file.run(PruneMessages(100, 1_000)) == (6, False)


def test_offsets_go_on_and_an_early_start_is_the_first_that_is_kept_after_all_was_deleted(file: ChannelsOnFile) -> None:
    assert pruned(file, 10, retain_age_us=0) == []
    assert file.publish(new("x"))[0].offset == 10
    file.run(Seek("g.h", "a", offset=2))
    assert file.cursors("g")[file.cursor("g.h", "a")][0] == 10


def test_what_nobody_reads_is_kept_as_long_as_its_channel_says(file: ChannelsOnFile) -> None:
    file.declare(ChannelRow(name="c", retain_age_us=50))
    fill(file, 10, "c")
    assert file.run(PruneMessages(100, 100)) == (5, False)
    assert file.messages("c")[0][0] == 5
