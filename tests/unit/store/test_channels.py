"""Channels: what is declared, what is appended and where, what is refused and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended, PruneMessages, PublishMessages
from dagger_actors.core.declarations import ChannelRow, Declare, SubscriptionRow
from dagger_actors.errors import ChannelFull, OffsetRefused, UnknownChannel
from dagger_actors.store.channel_lists import subscriptions_of
from dagger_actors.store.reader import Readers
from tests.channels_on_file import ChannelsOnFile

DAY_US = 86_400_000_000


@pytest.fixture
def file(memory: Path) -> Iterator[ChannelsOnFile]:
    file = ChannelsOnFile(memory / "a.db")
    file.declare(ChannelRow(name="a"), ChannelRow(name="b"))
    yield file
    file.close()


def new(text: str, channel: str = "a", **more: object) -> NewMessage:
    return NewMessage(channel, "T", f'"{text}"', **more)  # type: ignore[arg-type]


def reads(channel: str = "a", **more: object) -> SubscriptionRow:
    return SubscriptionRow(**{"group": "g", "name": "g.h", "pattern": channel, "channels": (channel,)} | more)  # type: ignore[arg-type]


def added(offset: int) -> Appended:
    return Appended(offset, is_new=True)


def known(offset: int) -> Appended:
    return Appended(offset, is_new=False)


# --- publishing


def test_messages_get_the_offsets_of_the_committed_order_each_channel_for_itself(file: ChannelsOnFile) -> None:
    assert file.publish(new("x"), new("y", "b"), new("z")) == (added(0), added(0), added(1))
    assert file.publish(new("w")) == (added(2),)
    assert file.messages("a") == [(0, '"x"'), (1, '"z"'), (2, '"w"')]
    assert (file.channel("a")["next_offset"], file.channel("a")["bytes"]) == (3, 9)


def test_every_field_of_a_message_is_read_as_it_was_written(file: ChannelsOnFile) -> None:
    full = NewMessage("a", "T", '{"ä":1}', "id", "k", '{"h":"1"}', None, "g.h", "sk", "g.other")
    file.publish(full, NewMessage("a", "", "1"), NewMessage("a", "U", "2", key="k"), now_us=7)
    found = file.read_json("read.messages", file.channel("a")["channel_key"], 0, 10, 1_000)
    assert found == [
        [0, "T", '{"ä":1}', 7, "k", '{"h":"1"}', "g.h", "sk", "g.other"],
        [1, "", "1", 7, None, None, None, None, None],
        [2, "U", "2", 7, "k", None, None, None, None],
    ]
    assert file.channel("a")["bytes"] == len('{"ä":1}'.encode()) + 2


def test_a_read_is_bounded_by_number(file: ChannelsOnFile) -> None:
    file.publish(*(new("x") for _ in range(5)))
    key = file.channel("a")["channel_key"]
    assert [row[0] for row in file.read_json("read.messages", key, 1, 3, 1_000)] == [1, 2, 3]
    assert file.read_json("read.messages", key, 5, 3, 1_000) == []


def test_a_read_is_bounded_by_bytes_and_gives_at_least_one(file: ChannelsOnFile) -> None:
    """Law: one more is given as long as there is room, so the last one may go beyond it."""
    key = file.channel("a")["channel_key"]
    file.publish(*(new(text) for text in ("x" * 40, "ä" * 20, "x" * 70, "x" * 5)))
    for first, most, found in (
        (0, 64, [0, 1]),
        (0, 42, [0]),
        (0, 43, [0, 1]),
        (1, 1, [1]),
        (2, 64, [2]),
        (1, 200, [1, 2, 3]),
    ):
        assert [row[0] for row in file.read_json("read.messages", key, first, 4, most)] == found


def test_an_unknown_channel_refuses_all_and_names_the_nearest(file: ChannelsOnFile) -> None:
    file.declare(ChannelRow(name="orders"))
    assert file.refusal(PublishMessages((new("x"), new("y", "ordes")), 0)) == UnknownChannel("ordes", "orders")


def test_a_message_id_is_taken_once_in_one_operation_and_over_all_of_them(file: ChannelsOnFile) -> None:
    answers = file.publish(new("x", message_id="i"), new("y", message_id="i"), new("z", message_id="j"))
    assert answers == (added(0), known(0), added(1))
    again = file.publish(new("q", message_id="j"), new("r"), new("s", "b", message_id="j"))
    assert again == (known(1), added(2), added(0))
    assert file.messages("a") == [(0, '"x"'), (1, '"z"'), (2, '"r"')]


def test_the_id_of_a_message_that_is_due_later_is_taken_too(file: ChannelsOnFile) -> None:
    assert file.publish(new("x", message_id="i", due_at=9)) == (added(-1),)
    assert file.publish(new("y", message_id="i")) == (known(-1),)
    assert file.messages("a") == []
    assert file.channel("a")["delayed"] == 1


def test_a_message_whose_time_has_come_is_appended_at_once(file: ChannelsOnFile) -> None:
    assert file.publish(new("x", due_at=5), now_us=5) == (added(0),)


# --- the bound


def bounded(file: ChannelsOnFile, capacity: int) -> int:
    file.declare(ChannelRow(name="a", capacity=capacity), reads())
    return file.cursor("g.h", "a")


def test_a_full_channel_takes_what_fits_of_single_messages(file: ChannelsOnFile) -> None:
    bounded(file, 3)
    answers = file.publish(*(new(str(at)) for at in range(5)), is_whole=False)
    assert [answer.offset for answer in answers] == [0, 1, 2, -2, -2]
    assert file.channel("a")["next_offset"] == 3


def test_what_goes_out_together_is_let_in_whole_while_there_is_room_for_one(file: ChannelsOnFile) -> None:
    bounded(file, 3)
    file.publish(*(new(str(at)) for at in range(5)))
    assert file.refusal(PublishMessages((new("x", "b"), new("x")), 0)) == ChannelFull("a", 3)


def test_what_the_slowest_subscription_has_done_makes_room(file: ChannelsOnFile) -> None:
    cursor = bounded(file, 3)
    file.publish(*(new(str(at)) for at in range(3)))
    file.acknowledge_all(cursor, "g", 2)
    assert [one.offset for one in file.publish(*map(new, "xyz"), is_whole=False)] == [3, 4, -2]
    file.declare(reads(name="g.late", start="earliest"))
    file.acknowledge_all(cursor, "g", 5)
    assert file.publish(new("x"), is_whole=False)[0].offset == -2
    assert file.channel("a")["floor"] == 0


def test_one_range_that_lags_keeps_the_floor_down(file: ChannelsOnFile) -> None:
    cursor = bounded(file, 3)
    file.publish(*map(new, "xyz"))
    epoch = file.share("g").held[0].epoch
    assert file.acknowledge(cursor, 5, "g", epoch, 3)
    assert file.publish(new("x"), is_whole=False)[0].offset == -2


def test_of_what_is_all_in_order_other_ranges_than_its_one_do_not_count_as_done(
    file: ChannelsOnFile, memory: Path
) -> None:
    """Law: what nobody has handled takes room, is unread and is kept, whatever was written of ranges without messages."""
    file.declare(ChannelRow(name="a", capacity=3, retain_count=0), reads(ranges=1))
    file.publish(*map(new, "xyz"))
    cursor, epoch = file.cursor("g.h", "a"), file.share("g").held[0].epoch
    for other in range(1, 64):
        assert file.acknowledge(cursor, other, "g", epoch, 3)
    assert file.publish(new("x"), is_whole=False)[0].offset == -2
    assert file.run(PruneMessages(10, 0)) == (0, False)
    readers = Readers(memory / "a.db")
    assert subscriptions_of(readers, "g.h")[0].lag == 3
    readers.close()
    assert file.acknowledge(cursor, 0, "g", epoch, 2)
    assert file.run(PruneMessages(10, 0)) == (2, False)
    file.declare(reads(ranges=64))
    assert file.cursors("g", 5)[cursor] == [2, []], "with another keying all goes on from there"


def test_messages_that_are_due_later_take_room_too(file: ChannelsOnFile) -> None:
    bounded(file, 2)
    answers = file.publish(new("x", due_at=9), new("y", due_at=9), new("z", due_at=9), new("w"), is_whole=False)
    assert [answer.offset for answer in answers] == [-1, -1, -2, -2]


def test_a_channel_that_nobody_reads_is_never_full(file: ChannelsOnFile) -> None:
    file.declare(ChannelRow(name="a", capacity=1))
    for _ in range(3):
        assert file.publish(new("x"), is_whole=False)[0].is_new


def test_a_message_that_is_there_already_needs_no_room(file: ChannelsOnFile) -> None:
    bounded(file, 1)
    file.publish(new("x", message_id="i"))
    assert file.publish(new("x", message_id="i")) == (known(0),)


# --- declarations


def test_a_declaration_tells_the_ids_and_puts_each_subscription_on_its_groups_private_channel(
    file: ChannelsOnFile,
) -> None:
    declared = file.declare(reads())
    assert set(declared.channels) == {"a", "@g"}
    assert {pair[1:] for pair in declared.cursors} == {("g.h", "a"), ("g.h", "@g")}
    assert file.rows("SELECT count(*) FROM group_ranges") == [(64,)]
    assert file.declare(reads()) == declared


def test_what_is_declared_again_is_changed_and_keeps_its_messages(file: ChannelsOnFile) -> None:
    file.publish(new("x"))
    file.declare(ChannelRow(name="a", capacity=5, types=("T",), retain_count=7), now_us=9)
    assert file.channel("a") | {"capacity": 5, "types": '["T"]', "retain_count": 7, "updated_at": 9} == file.channel(
        "a"
    )
    assert file.messages("a") == [(0, '"x"')]
    file.declare(ChannelRow(name="a", capacity=5, types=("T",), retain_count=7), now_us=10)
    assert file.channel("a")["updated_at"] == 9, "nothing has changed"


@pytest.mark.parametrize(
    ("start", "offset"),
    [("earliest", 0), ("latest", 4), ("offset:3", 3), ("time:20", 2), ("time:21", 3), ("time:99", 4), ("time:0", 0)],
)
def test_a_subscription_begins_where_it_says(file: ChannelsOnFile, start: str, offset: int) -> None:
    for at in range(4):
        file.publish(new("x"), now_us=at * 10)
    file.declare(reads(start=start))
    assert file.rows(
        "SELECT start_offset FROM subscription_channels WHERE cursor_key = ?", file.cursor("g.h", "a")
    ) == [(offset,)]


def test_a_start_above_the_channels_end_is_refused(file: ChannelsOnFile) -> None:
    operation = Declare((), (reads(start="offset:1"),), 0)
    assert file.refusal(operation) == OffsetRefused("a", 1, 0, "g.h")


def test_a_subscription_of_a_channel_that_is_not_there_is_refused(file: ChannelsOnFile) -> None:
    assert file.refusal(Declare((), (reads("nope"),), 0)) == UnknownChannel("nope")


def test_a_channel_that_was_made_after_the_subscription_is_read_from_its_beginning(file: ChannelsOnFile) -> None:
    file.declare(reads(start="latest"), now_us=1)
    file.declare(ChannelRow(name="c"), now_us=2)
    file.publish(new("x", "c"))
    file.declare(reads(start="latest", pattern="*", channels=("a", "c")), now_us=3)
    assert file.rows(
        "SELECT start_offset FROM subscription_channels WHERE cursor_key = ?", file.cursor("g.h", "c")
    ) == [(0,)]


def test_a_changed_pattern_leaves_the_channels_that_it_no_longer_has_and_those_alone(file: ChannelsOnFile) -> None:
    for name in ("raw.a", "raw.b", "raw.b.c"):
        file.declare(ChannelRow(name=name))
    file.declare(reads(pattern="*", channels=("a", "raw.a", "raw.b", "raw.b.c")))
    declared = file.declare(reads(pattern="raw.*", channels=("raw.a",)))
    assert {channel for _, _, channel in declared.cursors} == {"raw.a", "raw.b", "@g"}
    assert {channel for _, _, channel in file.declare(reads(pattern="raw.*", channels=("raw.a",))).cursors} == {
        "raw.a", "raw.b", "@g"
    }  # fmt: skip


def test_with_another_keying_all_ranges_go_on_from_the_lowest_floor_and_no_lease_holds(file: ChannelsOnFile) -> None:
    cursor = bounded(file, 100)
    file.publish(*map(new, "xyz"))
    file.acknowledge_all(cursor, "g", 2)
    epoch = file.share("g").held[0].epoch
    assert file.acknowledge(cursor, 5, "g", epoch, 3)
    file.declare(reads(keying="question"))
    assert not file.acknowledge(cursor, 5, "g", epoch, 3)
    assert file.cursors("g", 5) == {cursor: [2, []], file.cursor("g.h", "@g"): [0, []]}


def test_a_new_subscription_lowers_the_floor_of_its_channel(file: ChannelsOnFile) -> None:
    cursor = bounded(file, 3)
    file.publish(*map(new, "xyz"))
    file.acknowledge_all(cursor, "g", 3)
    file.publish(new("w"))
    assert file.channel("a")["floor"] == 3
    file.declare(reads(name="g.late", start="offset:1"))
    assert file.channel("a")["floor"] == 1
