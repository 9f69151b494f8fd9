"""What a message costs does not depend on how many are stored: every frequent statement goes by an index, and sorts nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import PromoteMessages, PruneMessages, PublishMessages
from dagger_actors.core.declarations import ChannelRow, SubscriptionRow
from dagger_actors.store.statements import sql
from tests.channels_on_file import ChannelsOnFile
from tests.unit.store.test_task_costs import Steps

FREQUENT = {
    "publication": (
        "read.channel_doors", "read.channel_floor", "read.message_ids", "messages.append", "channels.grow", "delayed_messages.put"
    ),
    "reading": ("read.messages", "read.message", "read.cursors", "read.deliveries", "read.group_cursors", "read.offset_at"),
    "acknowledgement": (
        "cursors.put", "deliveries.put", "deliveries.clear", "dead_letters.put", "subscriber_states.put", "subscriber_steps.put",
        "subscriber_steps.forget", "read.subscriber_states", "read.subscriber_step",
    ),
    "sharing": (
        "read.group_members", "read.group_ranges", "group_members.join", "group_members.leave", "group_ranges.take",
        "group_ranges.release", "read.range_owner", "subscription_groups.bump",
    ),
    "takeover": ("deliveries.interrupt", "group_ranges.take_from", "group_members.take_from", "subscription_groups.bump_of"),
    "time": (
        "timers.set", "timers.cancel", "read.due_messages", "messages.promote", "delayed_messages.delete", "channels.catch_up",
        "read.next_delayed",
    ),
    "requests": (
        "cursors.forget", "deliveries.forget", "subscriber_steps.forget_all", "group_ranges.renew", "read.dead_letters_of",
        "messages.redrive", "dead_letters.redrive",
    ),
    "pruning": ("read.prunable_messages", "messages.prune", "channels.prune"),
}  # fmt: skip
TABLES = "channels|messages|delayed_messages|subscriptions|subscription_channels|subscription_groups|cursors|group_members|group_ranges|deliveries|dead_letters|subscriber_states|subscriber_steps|lease|here"


@pytest.fixture
def file(memory: Path) -> Iterator[ChannelsOnFile]:
    file = ChannelsOnFile(memory / "a.db")
    subscription = SubscriptionRow(group="g", name="g.h", pattern="a", channels=("a",))
    file.declare(ChannelRow(name="a", capacity=10**9, retain_age_us=0), subscription)
    yield file
    file.close()


def plan(file: ChannelsOnFile, name: str) -> list[str]:
    text = sql(name)
    numbers = [int(number) for number in re.findall(r"\?(\d)", text)]
    count = max(numbers) if numbers else text.split("\n", 1)[1].count("?")
    return [row[3] for row in file.rows("EXPLAIN QUERY PLAN " + text, *[None] * count)]


@pytest.mark.parametrize("name", [name for names in FREQUENT.values() for name in names])
def test_a_frequent_statement_scans_no_table_and_sorts_nothing(file: ChannelsOnFile, name: str) -> None:
    lines = plan(file, name)
    # The next due time is the first entry of an index.
    scans = [
        line
        for line in lines
        if re.match(rf"SCAN ({TABLES})\b", line) and "COVERING INDEX delayed_messages_due" not in line
    ]
    assert not scans, lines
    # What is appended later, deleted or shared at once is bounded, and is put in order.
    bounded = {
        "messages.promote", "messages.redrive", "read.due_messages", "read.group_members", "subscription_groups.bump_of"
    }  # fmt: skip
    assert name in bounded or not [line for line in lines if "TEMP B-TREE" in line], lines


def publish(file: ChannelsOnFile, count: int, *, ids: bool = False) -> None:
    for start in range(0, count, 500):
        end = file.channel("a")["next_offset"]
        file.publish(
            *(NewMessage("a", "T", "1", str(end + at) if ids else None) for at in range(min(500, count - start)))
        )


def cost(file: ChannelsOnFile, steps: Steps, *, ids: bool) -> int:
    """Of 500 messages: publication, reading, acknowledgement, deletion."""
    before = steps.count
    publish(file, 500, ids=ids)
    head = file.channel("a")
    file.read_json("read.messages", head["channel_key"], head["next_offset"] - 500, 500, 1_000_000)
    file.acknowledge_all(file.cursor("g.h", "a"), "g", head["next_offset"] - 1_000)
    assert file.run(PruneMessages(500, 1)) == (500, True)
    return steps.count - before


@pytest.mark.parametrize("ids", [False, True])
def test_a_message_takes_the_same_steps_among_a_thousand_and_among_many(file: ChannelsOnFile, ids: bool) -> None:
    with Steps(file.connection) as steps:
        publish(file, 2_000, ids=ids)
        few = cost(file, steps, ids=ids)
        publish(file, 20_000, ids=ids)
        many = cost(file, steps, ids=ids)
    assert many < few * 1.1


def test_no_statement_is_one_for_each_message(file: ChannelsOnFile) -> None:
    executed = []
    file.connection.exec_trace = lambda _cursor, text, _bindings: executed.append(text) or True
    plain = tuple(NewMessage("a", "T", "1") for _ in range(500))
    named = tuple(NewMessage("a", "T", "1", str(at), due_at=at if at % 2 else None) for at in range(500))
    file.run(PublishMessages(plain, 0), PublishMessages(named, 0), PromoteMessages(1_000))
    file.connection.exec_trace = None
    assert len(executed) < 20
