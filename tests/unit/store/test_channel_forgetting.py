"""A subscription whose code is gone is deleted with all that is its alone, and its channels have room again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dagger_actors.core.channel_rows import NewMessage, NewTimer
from dagger_actors.core.channels import ForgetSubscription, Forgotten, Redrive, SetTimers
from dagger_actors.core.declarations import ChannelRow, SubscriptionRow
from dagger_actors.core.member_rows import DeadLetterRow, DeliveryRow, StateRow
from dagger_actors.core.range_leases import TakeRanges
from dagger_actors.errors import SubscriptionInUse, SubscriptionUnread, UnknownSubscription
from tests.channels_on_file import ChannelsOnFile

HERS = (
    "delayed_messages", "subscription_groups", "subscriptions", "subscription_workers", "subscription_channels", "cursors",
    "group_members", "group_ranges", "deliveries", "dead_letters", "subscriber_states", "subscriber_steps",
)  # fmt: skip


def reads(name: str = "g.h") -> SubscriptionRow:
    return SubscriptionRow(group=name.partition(".")[0], name=name, pattern="a", channels=("a",))


@pytest.fixture
def file(memory: Path) -> Iterator[ChannelsOnFile]:
    file = ChannelsOnFile(memory / "a.db")
    file.declare(ChannelRow(name="a", capacity=3), reads(), worker=1)
    yield file
    file.close()


def use(file: ChannelsOnFile) -> None:
    """Leave something of everything: one message done, one dead and redriven, one waiting, one dead; a state, a step, a timer."""
    cursor = file.cursor("g.h", "a")
    file.publish(*(NewMessage("a", "T", str(number)) for number in range(3)))
    file.acknowledge_all(cursor, "g", 1)
    file.write("dead_letters.put", *(DeadLetterRow(cursor, one, "k", "failed", 5, None, 0) for one in (0, 1)))
    file.run(Redrive((1,), None, 0))
    file.write("deliveries.put", DeliveryRow(cursor, 2, 0, 2, 0, None, None, 0))
    file.write("subscriber_states.put", StateRow(file.declared.groups["g"], "k", "80", 0))
    file.write("subscriber_steps.put", (cursor, 2, file.declared.groups["g"], 0, 1, "m", "pay", "1", None, 0))
    timer = NewTimer(file.declared.groups["g"], "k", "t", NewMessage("@g", "T", "7", target="g.h", due_at=9))
    file.run(SetTimers((timer,), 0))


def test_with_its_last_subscription_a_group_goes_and_channels_have_room_again(file: ChannelsOnFile) -> None:
    """Law: cursors, ranges, deliveries, dead letters, steps, timers, states and its private channel; nothing else."""
    use(file)
    assert file.publish(NewMessage("a", "T", "4"), is_whole=False)[0].offset == 3
    assert file.publish(NewMessage("a", "T", "5"), is_whole=False)[0].offset == -2, "full"
    told = file.run(ForgetSubscription("g.h", (1,), is_meant=True))
    assert told == Forgotten(unread=4, dead_letters=1, timers=1, group="g", states=1)
    assert {table: file.rows(f"SELECT count(*) FROM {table}") for table in HERS} == {table: [(0,)] for table in HERS}
    assert file.rows("SELECT name FROM channels") == [("a",)]
    assert file.messages("a")[:3] == [(0, "0"), (1, "1"), (2, "2")]
    assert file.publish(NewMessage("a", "T", "5"), is_whole=False)[0].offset == 4


def test_what_others_of_its_group_have_stays(file: ChannelsOnFile) -> None:
    """Law: the states, the ranges and the private channel are the group's; of that only what is for the subscription goes."""
    declared = file.declare(reads("g.other"), worker=1)
    timer = NewTimer(declared.groups["g"], "x", "t", NewMessage("@g", "T", "8", target="g.other", due_at=9))
    file.run(SetTimers((timer,), 0))
    file.declare(reads(), worker=1)
    use(file)
    told = file.run(ForgetSubscription("g.h", (1,), is_meant=True))
    assert told == Forgotten(unread=3, dead_letters=1, timers=1)
    assert file.rows("SELECT name FROM subscriptions") == [("g.other",)]
    assert file.rows("SELECT target FROM delayed_messages") == [("g.other",)]
    assert file.rows("SELECT count(*) FROM group_ranges") == [(64,)]
    assert file.rows("SELECT key FROM subscriber_states") == [("k",)]
    assert file.rows("SELECT count(*) FROM subscription_channels") == [(2,)]


def test_nothing_is_lost_that_was_not_said_to_be_meant(file: ChannelsOnFile) -> None:
    use(file)
    assert file.refusal(ForgetSubscription("g.h", (1,))) == SubscriptionUnread("g.h", 3, 1)
    assert file.refusal(ForgetSubscription("g.x", (1,))) == UnknownSubscription("g.x", "g.h")


@pytest.mark.parametrize("ranges", [1, 64])
def test_what_waits_for_it_alone_is_unread_whatever_other_ranges_have_done(file: ChannelsOnFile, ranges: int) -> None:
    """Law: a range that has begun says nothing of messages of those that have not; of what is all in order only its one counts."""
    file.declare(msgspec.structs.replace(reads(), ranges=ranges))
    file.publish(*(NewMessage("@g", "T", str(number), target="g.h") for number in range(4)))
    cursor, epoch = file.cursor("g.h", "@g"), file.share("g").held[0].epoch
    assert file.acknowledge(cursor, 5, "g", epoch, 4)
    assert file.refusal(ForgetSubscription("g.h", (1,))) == SubscriptionUnread("g.h", 4, 0)
    assert file.acknowledge(cursor, 0, "g", epoch, 3)
    left = 1 if ranges == 1 else 4
    assert file.refusal(ForgetSubscription("g.h", (1,))) == SubscriptionUnread("g.h", left, 0)
    file.acknowledge_all(cursor, "g", 4)
    assert file.run(ForgetSubscription("g.h", (1,))) == Forgotten(0, 0, 0, "g", 0)


def test_whoever_lives_and_has_its_code_keeps_it(file: ChannelsOnFile) -> None:
    """Law: from its declaration on, before any member has joined; of the gone no word is believed."""
    file.declare(reads(), worker=2)
    assert file.refusal(ForgetSubscription("g.h", (1,), is_meant=True)) == SubscriptionInUse("g.h", (2,))
    assert file.refusal(ForgetSubscription("g.h", (), is_meant=True)) == SubscriptionInUse("g.h", (1, 2))
    assert file.run(ForgetSubscription("g.h", (1, 2))) == Forgotten(0, 0, 0, "g", 0)


def test_declared_again_it_is_a_new_one_and_meets_nothing_of_the_old(file: ChannelsOnFile) -> None:
    """Law: no key comes again: what a dead worker had begun of the old one is no death that a message of the new one met."""
    use(file)
    old = file.cursor("g.h", "a")
    file.run(ForgetSubscription("g.h", (1,), is_meant=True))
    file.declare(reads(), worker=2)
    assert file.cursor("g.h", "a") != old
    file.share("g", 2)
    assert file.run(TakeRanges(1, ((old, 1, 0),), 0)) == 0
    assert file.waiting(file.cursor("g.h", "a")) == []
    assert not file.acknowledge(old, 0, "g", 1, 3)
