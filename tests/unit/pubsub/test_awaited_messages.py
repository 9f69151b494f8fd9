"""What a flow whose nodes await messages is refused for where the channels are known, and how messages find who waits."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors import ActorSystem, Channel, DefinitionError
from dagger_actors.bridges.awaited_channel import AwaitedChannel, Waiting
from dagger_actors.core.comparisons import equal
from dagger_actors.flow.running.run_events import NodeChanged, RunEvent

PATIENCE_S = 30


class Card(msgspec.Struct, frozen=True, rename="camel"):
    last_digits: str


class Payment(msgspec.Struct, frozen=True):
    order: int
    state: str
    card: Card


class Refund(msgspec.Struct, frozen=True):
    order: int
    reason: str


class Id(msgspec.Struct, frozen=True):
    at: int


CHANNELS = [Channel("payments", Payment), Channel("mixed", Payment | Refund), Channel("ticks", ephemeral=True)]


@pytest.fixture
def system(tmp_path: Path) -> Iterator[ActorSystem]:
    with ActorSystem(tmp_path / "a.db", channels=CHANNELS) as system:
        yield system


def problems(system: ActorSystem, folder: Path, awaited: str, inputs: str = "") -> list[tuple[int, int, str, str]]:
    path = folder / "flow.yaml"
    path.write_text(f"name: f\n{inputs}\nnodes:\n- {{id: a, await_message: {awaited}}}\n")
    try:
        system.flows.load(path)
    except DefinitionError as error:
        return [(one.line or 0, one.column or 0, one.message, one.advice) for one in error.problems]
    return []


@pytest.mark.parametrize(
    ("awaited", "column", "message", "advice"),
    [
        (
            "{channel: paymets}",
            36,
            "neither this system nor its database knows the channel 'paymets'",
            "Did you mean 'payments'?",
        ),
        (
            "{channel: elsewhere}",
            36,
            "neither this system nor its database knows the channel 'elsewhere'",
            "Declare it in the system, or let the system that has it run on this database first.",
        ),
        (
            "{channel: ticks}",
            36,
            "the channel 'ticks' is ephemeral: nothing of it is kept for whoever waits",
            "Make it a durable one, or await a message of another.",
        ),
        (
            "{channel: payments, match: {ordre: inputs.order}}",
            61,
            "await_message.match: Payment has no field 'ordre', on the channel 'payments'",
            "Did you mean order?",
        ),
        (
            "{channel: payments, match: {card.last: inputs.last}}",
            65,
            "await_message.match: Payment.card has no field 'last', on the channel 'payments'",
            "It has last_digits.",
        ),
        (
            "{channel: payments, match: {order: {value: seven}}}",
            69,
            "await_message.match: order is never a text, as its type has it, on the channel 'payments'",
            "Compare it with what it may be.",
        ),
        (
            "{channel: mixed, match: {amount: {value: 7}}}",
            67,
            "await_message.match: Payment has no field 'amount', on the channel 'mixed'",
            "It has card, order, state.",
        ),
    ],
)
def test_what_can_never_come_is_refused_with_its_place(system, tmp_path, awaited, column, message, advice) -> None:
    """Law: an unknown channel, a field that its type lacks and a value that a field never has are told when the flow is loaded."""
    assert problems(system, tmp_path, awaited) == [(4, column, f"node 'a': {message}", advice)]


def test_an_input_of_a_type_that_the_field_never_has_is_refused(system, tmp_path) -> None:
    """Law: what an input gives is compared with what the field may be; what fits is not."""
    found = problems(system, tmp_path, "{channel: payments, match: {order: inputs.x}}", "inputs: {x: {type: str}}")
    assert [message for *_, message, _ in found] == [
        "node 'a': await_message.match: order is never text, which it is compared with, as its type has it, on the channel 'payments'"
    ]
    for kind in ("int", "float", "any"):
        inputs = f"inputs: {{x: {{type: {kind}}}}}"
        assert problems(system, tmp_path, "{channel: payments, match: {order: inputs.x}}", inputs) == []


def test_a_field_of_one_of_several_types_is_known(system, tmp_path) -> None:
    """Law: a match may name a field that only some of a channel's messages have: only those meet it."""
    assert problems(system, tmp_path, "{channel: mixed, match: {reason: {value: broken}}}") == []


def test_a_channel_that_only_the_database_knows_can_be_awaited(tmp_path) -> None:
    """Law: another system's channel is known by its name, once that has run on this database."""
    with ActorSystem(tmp_path / "a.db", channels=CHANNELS):
        pass
    with ActorSystem(tmp_path / "a.db") as system:
        assert problems(system, tmp_path, "{channel: payments, match: {anything: {value: 1}}}") == []


@pytest.mark.parametrize("path", ["card.last_digits", "card.lastDigits"])
def test_a_renamed_field_is_found_under_both_of_its_names(system, path: str) -> None:
    """Law: a path names fields as the class does, or as JSON does."""
    node = {"id": "a", "await_message": {"channel": "payments", "match": {path: {"value": "1234"}}, "from": "earliest"}}
    system.channels.publish("payments", Payment(1, "paid", Card("9999")))
    system.channels.publish("payments", Payment(2, "paid", Card("1234")))
    report = system.flows.start({"name": "f", "nodes": [node]}).wait(PATIENCE_S)
    assert report.outputs["a"]["order"] == 2


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**54), 2**54)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(JSON, JSON)
def test_a_message_meets_who_waits_for_an_equal_value_and_nobody_else(value: object, other: object) -> None:
    """Law: finding by value is comparing with every one that waits, as JSON means equality."""
    channel = AwaitedChannel("c")
    for place, wanted in enumerate((value, other, 1, 1.0, "1", True, None)):
        match = msgspec.json.encode({"at.it": wanted}).decode()
        channel.add(
            Waiting(
                (place, 0, -1, 1), "c", 0, None, match=match, names=lambda _, path: tuple(path.split(".")), tell=print
            )
        )
    met = channel.met(0, msgspec.json.encode({"at": {"it": value}}).decode(), 0)
    expected = [place for place, wanted in enumerate((value, other, 1, 1.0, "1", True, None)) if equal(value, wanted)]
    assert [one.place[0] for one in met] == expected


def test_long_numbers_are_told_apart() -> None:
    """Law: ids of 64 bits that differ in their last digit are different, though their floats are not."""
    channel = AwaitedChannel("c")
    channel.add(waiting(1, match='{"id":9007199254740993}'))
    assert channel.met(0, '{"id":9007199254740992}', 0) == []
    assert len(channel.met(0, '{"id":9007199254740993}', 0)) == 1


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.full)])
def test_many_waits_take_no_thread(tmp_path, count: int) -> None:
    """Law: however many nodes wait, no thread is theirs, and each is met by its own message."""
    all_wait, waiting_now = threading.Event(), itertools.count(1)

    def observe(events: Sequence[RunEvent]) -> None:
        for event in events:
            if isinstance(event, NodeChanged) and event.state == "waiting" and next(waiting_now) == count:
                all_wait.set()

    with ActorSystem(tmp_path / "a.db", channels=[Channel("ids", Id)], observer=observe) as system:
        nodes = [
            {"id": f"n{at}", "await_message": {"channel": "ids", "match": {"at": {"value": at}}}} for at in range(count)
        ]
        system.channels.publish("ids", Id(-1))
        threads = threading.active_count()
        run = system.flows.start({"name": "many", "nodes": nodes})
        assert all_wait.wait(PATIENCE_S * 4)
        assert threading.active_count() <= threads + 5  # the pools start theirs when they are wanted
        system.channels.publish_many("ids", [Id(at) for at in range(count)])
        report = run.wait(PATIENCE_S * 4)
    assert [node.output for node in report.nodes] == [{"at": at} for at in range(count)]


def waiting(place: int, since: int = 0, due_at: int | None = None, match: str = "{}") -> Waiting:
    return Waiting(
        (place, 0, -1, 1), "c", since, due_at, match=match, names=lambda _, path: tuple(path.split(".")), tell=print
    )


def test_a_message_counts_from_an_offset_on_and_until_a_moment() -> None:
    """Law: one below the offset at which the wait began is too early, one published after its time too late."""
    channel = AwaitedChannel("c")
    channel.add(waiting(1, since=5, due_at=100))
    assert channel.met(4, "{}", 50) == []
    assert channel.met(5, "{}", 101) == []
    assert [one.place[0] for one in channel.met(5, "{}", 100)] == [1]


def test_a_channel_is_looked_at_from_the_earliest_wait_that_is_new() -> None:
    """Law: whoever comes later and waits from further back makes the channel be read again from there."""
    channel = AwaitedChannel("c")
    first, second = waiting(1, since=7), waiting(2, since=3)
    channel.add(first)
    channel.cursor = 20
    channel.add(second)
    assert channel.cursor == 3
    for one in (first, second):
        assert channel.is_awaited
        channel.remove(one)
    assert not channel.is_awaited
    channel.add(waiting(3, since=50))
    assert channel.cursor == 50
