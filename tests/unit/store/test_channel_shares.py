"""Leases of key ranges: shared out evenly, waited for, fenced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dagger_actors.core.channels import ChannelRow, ReleaseRanges, Shared, SubscriptionRow
from tests.channels_on_file import ChannelsOnFile


@pytest.fixture
def file(memory: Path) -> Iterator[ChannelsOnFile]:
    file = ChannelsOnFile(memory / "a.db")
    file.declare(ChannelRow(name="a"), SubscriptionRow(group="g", name="g.h", pattern="a", channels=("a",)))
    yield file
    file.close()


def ranges(shared: Shared) -> list[int]:
    return [lease.range for lease in shared.held]


def release(file: ChannelsOnFile, worker: int, some: tuple[int, ...] | None) -> None:
    file.run(ReleaseRanges(file.declared.groups["g"], worker, "m", some))


def test_who_is_alone_has_all_and_who_comes_second_gets_half_once_it_is_given_back(file: ChannelsOnFile) -> None:
    first = file.share("g")
    assert ranges(first) == list(range(64))
    assert (first.taken, first.surplus, first.members) == (first.held, (), 1)
    second = file.share("g", 2)
    assert (second.held, second.members) == ((), 2)
    first = file.share("g")
    assert (first.taken, first.surplus) == ((), tuple(range(32, 64)))
    release(file, 1, first.surplus)
    second = file.share("g", 2)
    assert ranges(second) == list(range(32, 64))
    assert {lease.epoch for lease in second.held} == {2}


def test_who_leaves_gives_all_back(file: ChannelsOnFile) -> None:
    file.share("g")
    file.share("g", 2)
    release(file, 1, None)
    second = file.share("g", 2)
    assert (len(second.held), second.members) == (64, 1)


def test_what_is_anothers_is_not_given_back_for_it(file: ChannelsOnFile) -> None:
    file.share("g")
    release(file, 2, tuple(range(64)))
    assert len(file.share("g").held) == 64


def test_the_order_is_that_of_joining_whatever_the_clock_says(file: ChannelsOnFile) -> None:
    file.share("g", 3, now_us=100)
    file.share("g", 1, now_us=5)
    assert file.share("g", 3).surplus == tuple(range(32, 64))


def test_a_member_whose_worker_is_no_more_has_no_share(file: ChannelsOnFile) -> None:
    file.share("g", 2)
    release(file, 2, tuple(range(64)))
    file.rows("DELETE FROM workers WHERE worker_id = 2")
    assert (len(file.share("g").held), file.share("g").members) == (64, 1)
    assert file.rows("SELECT worker FROM group_members") == [(1,)]
    assert file.share("g", 2) == Shared((), (), (), 1), "it was taken over, and believes that it is there"


def test_a_lost_lease_writes_nothing(file: ChannelsOnFile) -> None:
    cursor = file.cursor("g.h", "a")
    epoch = file.share("g").held[7].epoch
    assert file.acknowledge(cursor, 7, "g", epoch, 0, "[[2,3]]")
    before = file.everything()
    assert not file.acknowledge(cursor, 7, "g", epoch + 1, 9)
    assert not file.acknowledge(cursor, 7, "g", epoch, 9, worker=2)
    assert not file.acknowledge(cursor, 7, "g", epoch, 9, member="other")
    release(file, 1, (7,))
    assert not file.acknowledge(cursor, 7, "g", epoch, 9)
    file.share("g")
    assert not file.acknowledge(cursor, 7, "g", epoch, 9)
    assert file.everything()[6] == before[6]
    assert file.read_json("read.cursors", file.declared.groups["g"], "[7,8]")[0] == [
        cursor, "g.h", "a", 0, [[7, 0, [[2, 3]]]]
    ]  # fmt: skip


def test_rows_of_one_cursor_that_meet_in_a_group_are_put_in_order(file: ChannelsOnFile) -> None:
    cursor, group = file.cursor("g.h", "a"), file.declared.groups["g"]
    epoch = file.share("g").held[0].epoch
    rows = [(cursor, 0, group, 1, "m", epoch, floor, "[]") for floor in (1, 2, 3)]
    assert file.write("cursors.put", *rows) == 3
    assert file.rows("SELECT floor FROM cursors") == [(3,)]


def test_the_heads_of_channels_are_told_by_their_keys(file: ChannelsOnFile) -> None:
    key = file.declared.channels["a"]
    assert file.read_json("read.channel_heads", f"[{key}, 999]") == [["a", key, 0, 0]]
    assert file.read("read.channel_head", "a") == [(key, 0, 0, "{}", "[]")]
