"""What people are shown of channels and subscriptions is what is in the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import PauseSubscription, Redrive
from dagger_actors.core.declarations import ChannelRow, SubscriptionRow
from dagger_actors.core.member_rows import DeadLetterRow, DeliveryRow
from dagger_actors.store.channel_lists import Lag, count_open, subscriptions_of
from dagger_actors.store.reader import Readers
from tests.channels_on_file import ChannelsOnFile


@pytest.fixture
def file(memory: Path) -> Iterator[ChannelsOnFile]:
    file = ChannelsOnFile(memory / "a.db")
    file.declare(
        ChannelRow(name="a", capacity=50),
        ChannelRow(name="b"),
        SubscriptionRow(group="g", name="g.h", pattern="a", channels=("a",), place="m:C"),
        SubscriptionRow(group="g", name="g.i", pattern="a", channels=("a",), ranges=1, place="m:C"),
    )
    file.publish(*(NewMessage("a", "T", str(at)) for at in range(10)))
    yield file
    file.close()


@pytest.fixture
def readers(memory: Path, file: ChannelsOnFile) -> Iterator[Readers]:
    readers = Readers(memory / "a.db")
    yield readers
    readers.close()


def test_channels_are_listed_with_what_they_hold_and_what_is_unread(file: ChannelsOnFile) -> None:
    file.acknowledge_all(file.cursor("g.h", "a"), "g", 7)
    names = ("first_offset", "next_offset", "bytes", "delayed", "floor", "readers")
    (row,) = file.read("read.channels", "a", 10, "")
    assert dict(zip(names, row[7:13], strict=True)) == {
        "first_offset": 0, "next_offset": 10, "bytes": 10, "delayed": 0, "floor": 0, "readers": 2
    }  # fmt: skip
    file.acknowledge(file.cursor("g.i", "a"), 0, "g", file.share("g").held[0].epoch, 4)
    assert file.read("read.channels", "a", 10, "")[0][11] == 4
    assert [row[0] for row in file.read("read.channels", "", 10, "")] == ["a", "b"]
    assert [row[0] for row in file.read("read.channels", "", 10, "a")] == ["b"]


def test_a_subscription_shows_its_lag_by_floors_and_gaps_and_what_waits(file: ChannelsOnFile, readers: Readers) -> None:
    cursor = file.cursor("g.h", "a")
    file.acknowledge_all(cursor, "g", 10)
    epoch = file.share("g").held[0].epoch
    file.acknowledge(cursor, 3, "g", epoch, 2, "[[3,6],[8,9]]")
    file.write(
        "deliveries.put", DeliveryRow(cursor, 2, 3, 2, 0, 99, None, 0), DeliveryRow(cursor, 7, 3, 2, 0, 50, None, 0)
    )
    file.write("dead_letters.put", *(DeadLetterRow(cursor, one, "", "failed", 5, None, 0) for one in (0, 1)))
    file.run(Redrive((1,), None, 0), PauseSubscription("g.h", "why", 7))
    one, other = subscriptions_of(readers)
    assert one.channels == (Lag("a", 2, 2, 8 / 50), Lag("@g", 1, 0, 1 / 1_000_000_000))
    assert (one.lag, one.waiting, one.next_retry_at, one.dead_letters, one.members) == (3, 2, 50, 1, 1)
    assert (one.paused_at, one.reason, one.place) == (7, "why", "m:C")
    assert other.channels[0] == Lag("a", 10, 0, 10 / 50)
    assert subscriptions_of(readers, "g.i") == [other]
    assert subscriptions_of(readers, "nope") == []


def test_what_waits_what_is_dead_and_who_takes_part_is_listed(file: ChannelsOnFile) -> None:
    cursor = file.cursor("g.h", "a")
    file.share("g")
    file.write("deliveries.put", DeliveryRow(cursor, 2, 3, 2, 1, 99, '"e"', 5))
    waiting = ("g.h", "a", 2, 2, 1, 99, '"e"', 5, "T", "2")
    assert file.read("read.waiting_deliveries", "", 9) == file.read("read.waiting_deliveries", "g.h", 9) == [waiting]
    assert file.read("read.waiting_deliveries", "g.i", 9) == []
    file.write("dead_letters.put", *(DeadLetterRow(cursor, one, "k", "fatal", 1, '"e"', 8) for one in (4, 5, 6)))
    file.run(Redrive((2,), None, 9))
    last = (3, "g.h", "a", 6, "k", "T", "fatal", 1, '"e"', 8, None, "6", None)
    assert [row[0] for row in file.read("read.dead_letters", "", 0, 9, 0)] == [3, 1]
    assert [row[0] for row in file.read("read.dead_letters", "g.h", 1, 2, 0)] == [3, 2]
    assert [row[0] for row in file.read("read.dead_letters", "g.h", 1, 2, 2)] == [1]
    assert file.read("read.dead_letters", "g.i", 1, 2, 0) == []
    assert file.read("read.dead_letter", 3) == [last]
    assert file.read("read.members") == [("g", 1, 1, "m", 0, 64)]
    assert file.read("read.message", "a", 3) == [(3, "T", "3", 0, None, None, None, None, None, None)]


gap_lists = st.lists(st.integers(1, 4), max_size=8)


@given(st.lists(st.tuples(st.integers(0, 10), gap_lists), min_size=1, max_size=4), st.integers(0, 30))
def test_an_offset_is_done_when_all_ranges_say_so(drawn: list[tuple[int, list[int]]], end: int) -> None:
    ranges = []
    for start, steps in drawn:
        floor, gaps, at = min(start, end), [], min(start, end)
        for wait, run in zip(steps[::2], steps[1::2], strict=False):
            if at + wait + run <= end:
                gaps.append((at + wait, at + wait + run - 1))
                at += wait + run
        ranges.append((floor, tuple(gaps)))

    def is_done(offset: int) -> bool:
        return all(offset < floor or any(first <= offset <= last for first, last in gaps) for floor, gaps in ranges)

    assert count_open(ranges, end) == sum(not is_done(offset) for offset in range(end))
