"""Leases of key ranges: shared out evenly, waited for, fenced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import PauseSubscription, Seek
from dagger_actors.core.declarations import ChannelRow, SubscriptionRow
from dagger_actors.core.member_rows import DeadLetterRow, DeliveryRow, StateRow
from dagger_actors.core.range_leases import ReleaseRanges, Shared, TakeRanges
from dagger_actors.store.statements import RANK
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
    assert file.cursors("g", 7, 8)[cursor] == [0, [[7, 0, [[2, 3]]]]]


def test_rows_of_one_cursor_that_meet_in_a_group_are_put_in_order(file: ChannelsOnFile) -> None:
    cursor, group = file.cursor("g.h", "a"), file.declared.groups["g"]
    epoch = file.share("g").held[0].epoch
    rows = [(cursor, 0, group, 1, "m", epoch, floor, "[]") for floor in (1, 2, 3)]
    assert file.write("cursors.put", *rows) == 3
    assert file.rows("SELECT floor FROM cursors") == [(3,)]


# --- the dead


def test_what_a_dead_worker_held_is_nobodys_and_its_messages_have_met_a_death(file: ChannelsOnFile) -> None:
    cursor = file.cursor("g.h", "a")
    file.publish(*(NewMessage("a", "", "1") for _ in range(9)))
    epoch = file.share("g").held[0].epoch
    file.acknowledge(cursor, 5, "g", epoch, 3, "[[5,6]]")
    file.write("deliveries.put", DeliveryRow(cursor, 7, 5, 2, 1, 99, '"why"', 1))
    begun = (
        (cursor, 2, 5),
        (cursor, 3, 5),
        (cursor, 5, 5),
        (cursor, 6, 5),
        (cursor, 7, 5),
        (cursor, 0, 6),
        (999, 0, 0),
    )
    assert file.run(TakeRanges(1, begun, 8)) == 64
    assert file.waiting(cursor) == [
        [cursor, 0, 6, 1, 1, None], [cursor, 3, 5, 1, 1, None], [cursor, 7, 5, 2, 2, None]
    ]  # fmt: skip
    assert not file.acknowledge(cursor, 5, "g", epoch, 9)
    before = file.everything()
    assert file.run(TakeRanges(1, begun, 9)) == 0
    assert file.everything() == before, "who comes second finds nothing"
    assert {lease.epoch for lease in file.share("g", 2).held} == {3}


def test_the_version_of_a_group_tells_its_members_when_to_look_again(file: ChannelsOnFile) -> None:
    def version() -> int:
        return dict(file.read_json("read.group_versions"))[file.declared.groups["g"]]

    seen = [version()]
    file.share("g")
    seen.append(version())
    file.share("g")
    assert version() == seen[-1], "nothing has changed for the others"
    file.run(ReleaseRanges(file.declared.groups["g"], 1, "m", (3,)))
    seen.append(version())
    file.run(TakeRanges(1, (), 0))
    seen.append(version())
    file.run(PauseSubscription("g.h", "why", 0))
    seen.append(version())
    file.run(Seek("g.h", to="earliest"))
    seen.append(version())
    assert seen == sorted(set(seen))


def test_who_holds_ranges_is_told(file: ChannelsOnFile) -> None:
    group = file.declared.groups["g"]
    assert file.read("read.group_owners") == []
    file.share("g", 2)
    assert file.read("read.group_owners") == [(2,)]
    assert file.read("read.range_owner", group, 63) == [(2, "m")]


def test_the_share_of_a_dead_worker_that_held_nothing_is_taken_too(file: ChannelsOnFile) -> None:
    """Else what was given back for it would be nobody's for ever: the others have no reason to look again."""
    file.share("g")
    file.share("g", 2)
    release(file, 1, file.share("g").surplus)
    assert file.read("read.group_owners") == [(1,), (2,)]
    before = file.read_json("read.group_versions")
    assert file.run(TakeRanges(2, (), 0)) == 0
    assert file.read_json("read.group_versions") > before
    assert file.read("read.group_owners") == [(1,)]
    assert len(file.share("g").held) == 64


# --- what a member writes with its units


def test_a_state_is_put_whole_and_counts_its_versions(file: ChannelsOnFile) -> None:
    group = file.declared.groups["g"]
    file.write("subscriber_states.put", StateRow(group, "k", "ff00", 1), StateRow(group, "", "01", 1))
    file.write("subscriber_states.put", StateRow(group, "k", "", 2))
    assert file.read_json("read.subscriber_states", group, '["k","x",""]') == [["k", ""], ["", "01"]]
    assert file.rows("SELECT key, version, updated_at FROM subscriber_states ORDER BY key") == [("", 1, 1), ("k", 2, 2)]


def test_a_dead_letter_copies_its_message_and_counts_as_one_row(file: ChannelsOnFile) -> None:
    cursor = file.cursor("g.h", "a")
    file.publish(NewMessage("a", "T", '{"n":1}', headers='{"h":"1"}'))
    assert file.write("dead_letters.put", DeadLetterRow(cursor, 0, "k", "failed", 5, '"e"', 9)) == 1
    assert file.rows(
        "SELECT channel, offset, key, type, payload, headers, reason, tries, error, died_at FROM dead_letters"
    ) == [("a", 0, "k", "T", '{"n":1}', '{"h":"1"}', "failed", 5, '"e"', 9)]
    assert file.write("dead_letters.put", DeadLetterRow(cursor, 1, "", "failed", 5, None, 9)) == 0


def test_a_delivery_that_meets_its_end_in_the_same_group_is_cleared(file: ChannelsOnFile) -> None:
    cursor = file.cursor("g.h", "a")
    rows = [DeliveryRow(cursor, 4, 2, try_no, 0, 7, None, 1) for try_no in (2, 3)]
    assert file.write("deliveries.put", *rows) == 2
    assert file.waiting(cursor) == [[cursor, 4, 2, 3, 0, 7]]
    assert RANK["deliveries.put"] < RANK["deliveries.clear"]
    assert file.write("deliveries.clear", (cursor, 4), (cursor, 5)) == 1
    assert file.waiting(cursor) == []


def test_a_step_is_stored_by_who_has_the_range_and_forgotten_with_its_message(file: ChannelsOnFile) -> None:
    cursor, group = file.cursor("g.h", "a"), file.declared.groups["g"]
    file.share("g")
    assert file.write("subscriber_steps.put", (cursor, 3, group, 5, 1, "m", "pay", "1", None, 9)) == 1
    assert file.write("subscriber_steps.put", (cursor, 3, group, 5, 2, "m", "ship", "1", None, 9)) == 0
    assert file.read("read.subscriber_step", cursor, 3, "pay") == [("1", None, None, None)]
    file.write("subscriber_steps.forget", (cursor, 3))
    assert file.read("read.subscriber_step", cursor, 3, "pay") == []
