"""``publish``, ``tail``, ``channels``, ``subscriptions`` and ``dead-letters`` as a person types them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors.pubsub.channel import Channel
from tests.channels_here import ChannelsHere


class Order(msgspec.Struct, frozen=True):
    item: str
    amount: int = 1


class Refund(msgspec.Struct, frozen=True):
    order: int


ERROR = '{"type":"builtins.ValueError","message":"broken \\u001b[2J","names":[],"traceback":""}'


@pytest.fixture
def shop(typed) -> Iterator[Any]:
    """Twelve messages on ``orders``, of which ``shop.count`` has done ten and given up one; ``log`` is empty."""
    here = ChannelsHere(Path("dagger.db"), Channel("orders", Order | Refund, retain_count=7), Channel("log"))
    here.subscribe("shop.count", "orders", place="shop.py:7", settings='{"concurrency":4}')
    here.channels.publish_many("orders", [Order(f"tea {at}", at) for at in range(11)], key="k")
    here.channels.publish("orders", {"order": 3}, headers={"origin": "\x1b[2J"})
    here.give_up("orders", 0, error=ERROR)
    here.read_up_to("orders", 10)
    typed.here = here
    yield typed
    here.close()


def lines(typed, *words: str) -> list[str]:
    status, out, err = typed(*words)
    assert status == 0, err
    return out.splitlines()


# --- looking


def test_channels_are_a_table_and_json(shop):
    """Law: what each takes, holds and keeps, and how much of it the slowest subscription has not done."""
    _log, orders = lines(shop, "channels")[1:]
    assert orders.split()[:4] == ["orders", "Order,", "Refund", "12"]
    found = {one["name"]: one for one in shop.json("channels")}
    assert (found["orders"]["next_offset"], found["orders"]["floor"], found["orders"]["subscriptions"]) == (12, 10, 1)
    assert (found["log"]["types"], found["orders"]["types"]) == ([], ["Order", "Refund"])


def test_tail_prints_a_line_for_each_message(shop):
    """Law: without a place the last ten; offset, time, class, key and content, nothing that steers a terminal."""
    shown = lines(shop, "tail", "orders")
    assert [line.split()[0] for line in shown] == [str(at) for at in range(2, 12)]
    assert shown[0].endswith('Order [k] {"item":"tea 2","amount":2}')
    assert shown[-1].endswith('Refund {"order":3}')


@pytest.mark.parametrize(
    ("words", "offsets"),
    [
        (("--from", "earliest", "--limit", "2"), [0, 1]),
        (("--from", "11"), [11]),
        (("--from", "12"), []),
        (("--from", "latest"), []),
        (("--from", "1h", "--limit", "1"), [0]),
        (("--from", "2100-01-01"), []),
    ],
)
def test_tail_begins_where_it_is_told(shop, words: tuple[str, ...], offsets: list[int]):
    """Law: --from takes an end, an offset or a moment; --limit ends it."""
    assert [int(line.split()[0]) for line in lines(shop, "tail", "orders", *words)] == offsets


def test_tail_writes_one_json_object_a_line(shop):
    """Law: with --json each line is a whole message."""
    (last,) = [msgspec.json.decode(line) for line in lines(shop, "tail", "orders", "--from", "11", "--json")]
    assert (last["offset"], last["type"], last["message"]) == (11, "Refund", {"order": 3})
    assert last["headers"] == {"origin": "\x1b[2J"}


def test_tail_follows_until_it_is_interrupted(program):
    """Law: --follow prints what another process publishes, as it comes; Ctrl-C ends it with 130."""
    here = ChannelsHere(program.folder / "dagger.db", Channel("orders", Order))
    try:
        here.channels.publish("orders", Order("first"))
        process = program.start("tail", "orders", "--follow")
        assert process.stdout is not None
        assert '"first"' in process.stdout.readline()
        here.channels.publish("orders", Order("second"))
        assert '"second"' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        here.close()


def test_subscriptions_are_listed_and_shown(shop):
    """Law: lag, dead letters and members in the list; options and each channel on the page; what to type next."""
    (row,) = lines(shop, "subscriptions", "list")[1:]
    assert row.split() == ["shop.count", "orders", "2", "0", "1", "1"]
    status, out, err = shop("subscriptions", "show", "shop.count")
    assert status == 0
    for told in ("reads orders", "at shop.py:7", '"concurrency":4', "lag 2", "dead letters: 1", "@shop", "member"):
        assert told in out, told
    assert "next: dagger-actors dead-letters list --subscription shop.count" in err
    assert shop.json("subscriptions", "show", "shop.count")["lag"] == 2
    assert [one["name"] for one in shop.json("subscriptions", "list")] == ["shop.count"]


def test_dead_letters_are_listed_and_shown(shop):
    """Law: why each was given up, and the whole message; hostile text is escaped; redriven ones only when asked for."""
    (row,) = lines(shop, "dead-letters", "list")[1:]
    assert "\\x1b[2J" in row
    assert "\x1b" not in row
    status, out, err = shop("dead-letters", "show", "1")
    assert status == 0
    for told in ("dead letter 1 of shop.count: failed", "offset 0 of orders, key k", "ValueError", '"tea 0"'):
        assert told in out, told
    assert "next: dagger-actors dead-letters redrive 1" in err
    assert shop.json("dead-letters", "show", "1")["message"] == {"item": "tea 0", "amount": 0}
    assert [one["id"] for one in shop.json("dead-letters", "list", "--subscription", "shop.count")] == [1]
    shop.here.channels.redrive(1)
    assert shop.json("dead-letters", "list") == []
    assert len(shop.json("dead-letters", "list", "--redriven")) == 1


def test_nothing_there_is_said_with_what_makes_it(typed):
    """Law: empty lists exit with 0, say so on stderr and leave stdout alone."""
    ChannelsHere(Path("dagger.db")).close()
    for words, told in (
        (("channels",), "no channels yet; a system that publishes"),
        (("subscriptions", "list"), "no subscriptions yet; a system with subscribers"),
        (("dead-letters", "list"), "no dead letters"),
    ):
        assert typed(*words)[:2] == (0, "")
        assert told in typed(*words)[2]


# --- mistakes


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("tail", "ordes"), "there is no channel 'ordes'; did you mean 'orders'?"),
        (("tail", "orders", "--from", "13"), "has no offset 13 yet: its next message gets 12"),
        (("tail", "orders", "--from", "soon"), "'soon' is no place in a channel; give an offset"),
        (("tail", "orders", "--limit", "0"), "--limit 0 is out of range"),
        (("tail", "orders.*"), "stands for many channels"),
        (("subscriptions", "show", "shop.cuont"), "did you mean 'shop.count'?"),
        (("dead-letters", "show", "7"), "no dead letter 7"),
        (("dead-letters", "list", "--subscription", "x"), "there is no subscription 'x'"),
        (("channels", "--db", "none.db"), "there is no database 'none.db'"),
    ],
)
def test_every_mistake_is_told_in_a_sentence(shop, words: tuple[str, ...], told: str):
    """Law: exit status 2, nothing on stdout, and what to type instead."""
    status, out, err = shop(*words)
    assert (status, out) == (2, "")
    assert told in err
