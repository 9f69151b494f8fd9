"""``publish``, ``tail``, ``channels``, ``subscriptions`` and ``dead-letters`` as a person types them."""

from __future__ import annotations

import io
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors.core.declarations import ChannelRow, Declare
from dagger_actors.pubsub.declared.channel import Channel
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
        (("--limit", "2"), [10, 11]),
        (("--limit", "100"), list(range(12))),
    ],
)
def test_tail_begins_where_it_is_told(shop, words: tuple[str, ...], offsets: list[int]):
    """Law: --from takes an end, an offset or a moment; --limit ends it there, and without it is how many of the last."""
    assert [int(line.split()[0]) for line in lines(shop, "tail", "orders", *words)] == offsets


def test_tail_writes_one_json_object_a_line(shop):
    """Law: with --json each line is a whole message."""
    (last,) = [msgspec.json.decode(line) for line in lines(shop, "tail", "orders", "--from", "11", "--json")]
    assert (last["offset"], last["type"], last["message"]) == (11, "Refund", {"order": 3})
    assert last["headers"] == {"origin": "\x1b[2J"}


@pytest.mark.parametrize("words", [("--limit", "1"), ("--from", "1")])
def test_tail_follows_until_it_is_interrupted(program, words: tuple[str, ...]):
    """Law: --follow prints what another process publishes, as it comes; Ctrl-C ends it with 130."""
    here = ChannelsHere(program.folder / "dagger.db", Channel("orders", Order))
    try:
        here.channels.publish_many("orders", [Order("zeroth"), Order("first")])
        process = program.start("tail", "orders", "--follow", *words)
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


# --- publishing

SHOP = """
from typing import Any
import msgspec
from dagger_actors import Channel, Subscriber, subscribe

class Order(msgspec.Struct, frozen=True):
    item: str
    amount: int = 1

class Refund(msgspec.Struct, frozen=True):
    order: int

class Count(Subscriber, name="count", group="shop"):
    @subscribe("orders")
    def count(self, order: Order | Refund) -> None:
        pass

channels = [Channel("live", Order, ephemeral=True)]
live = channels[0]
"""


@pytest.fixture
def coded(shop) -> Any:
    (shop.folder / "shop.py").write_text(SHOP)
    return shop


def messages(typed, *words: str) -> list[Any]:
    """The messages of ``orders`` behind those that were there."""
    shown = lines(typed, "tail", "orders", "--from", "12", "--json", *words)
    return [msgspec.json.decode(line) for line in shown]


def test_what_is_published_is_there_when_the_command_ends(shop):
    """Law: its offset is on stdout, what it was published with goes with it, and what to type next is on stderr."""
    words = ("--type", "Order", "--key", "k", "--id", "i", "--header", "a=1=2", "--header", "b=")
    status, out, err = shop("publish", "orders", '{"item": "milk"}', *words)
    assert (status, out) == (0, "12\n")
    assert err == "next: dagger-actors tail orders --from 12 --db dagger.db\n"
    (one,) = messages(shop)
    assert (one["type"], one["message"], one["key"], one["id"]) == ("Order", {"item": "milk"}, "k", "i")
    assert one["headers"] == {"a": "1=2", "b": ""}
    status, out, err = shop("publish", "orders", '{"item": "milk"}', *words)
    assert (out, err.splitlines()[0]) == ("12\n", "orders: offset 12, where it was already")
    assert shop.json("publish", "log", "[1]") == {"channel": "log", "offset": 0, "is_new": True}
    assert shop("publish", "log", "2", "--quiet") == (0, "1\n", "")
    assert shop("publish", "log", "2", "--delay", "60") == (0, "", "log: kept until it is due\n")


def test_a_message_comes_from_a_file_too(shop):
    """Law: @FILE is one message, of .jsonl each line is one."""
    (shop.folder / "one.json").write_text('{"item":\n"tea"}')
    assert shop("publish", "orders", "@one.json", "--type", "Order")[:2] == (0, "12\n")
    (shop.folder / "many.jsonl").write_text('{"item":"a"}\n\n{"item":"b"}')
    status, out, err = shop("publish", "orders", "@many.jsonl", "--type", "Order")
    assert (status, out, err.splitlines()[0]) == (0, "", "2 messages published to orders, offsets 13 to 14")


def test_each_line_of_stdin_is_a_message(shop, monkeypatch):
    """Law: thousands of lines are published in order; what is wrong with one is told with its number, after those before it."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f'{{"item":"{at}"}}\n' for at in range(2500))))
    assert shop.json("publish", "orders", "-", "--type", "Order") == {
        "channel": "orders", "count": 2500, "new": 2500, "first_offset": 12, "last_offset": 2511,
    }  # fmt: skip
    assert [one["message"]["item"] for one in messages(shop)] == [str(at) for at in range(2500)]
    monkeypatch.setattr("sys.stdin", io.StringIO('{"item":"a"}\n{"item":"b"}\nno\n{"item":"c"}\n'))
    status, out, err = shop("publish", "orders", "-", "--type", "Order")
    assert (status, out) == (2, "")
    assert "line 3 is not JSON" in err
    assert "2 messages before it were published" in err
    assert [one["message"]["item"] for one in messages(shop)[2500:]] == ["a", "b"]


def test_a_stream_that_pauses_keeps_no_message_back(program):
    """Law: a line is published when it has come, though the stream goes on."""
    ChannelsHere(program.folder / "dagger.db", Channel("log")).close()
    process = program.start("tail", "log", "--follow", "--json")
    assert process.stdout is not None
    with subprocess.Popen(
        program.command("publish", "log", "-"), cwd=program.folder, env=program.environment, text=True,
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as feeding:  # fmt: skip
        assert feeding.stdin is not None
        for number in range(2):
            feeding.stdin.write(f"{number}\n")
            feeding.stdin.flush()
            assert msgspec.json.decode(process.stdout.readline())["message"] == number
    assert feeding.returncode == 0


def test_with_its_classes_a_message_is_checked_before_it_is_stored(coded):
    """Law: --import names what does not fit, with its path; plain data that fits one class needs no --type."""
    assert coded("publish", "orders", '{"order": 3}', "--import", "shop.py")[:2] == (0, "12\n")
    assert messages(coded)[0]["type"] == "Refund"
    status, out, err = coded("publish", "orders", '{"item": 3}', "--import", "shop.py", "--type", "Order")
    assert (status, out) == (2, "")
    assert "Expected `str`, got `int` - at `$.item`" in err
    status, _out, err = coded("publish", "live", '{"item": "a"}', "--import", "shop.py")
    assert (status, "is ephemeral" in err) == (2, True)


def test_a_channel_of_which_the_database_has_never_heard_is_made_by_import(coded):
    """Law: who publishes first declares it, as its module says."""
    assert coded("publish", "orders", '{"order": 3}', "--import", "shop.py", "--db", "new.db")[:2] == (0, "0\n")
    (found,) = coded.json("channels", "--db", "new.db")
    assert (found["name"], sorted(found["types"])) == ("orders", ["Order", "Refund"])


# --- deciding


def test_a_subscription_is_paused_resumed_and_moved(shop):
    """Law: each verb says what came of it, also that there was nothing to do; --json gives the subscription."""
    assert (
        shop("subscriptions", "pause", "shop.count", "--reason", "upgrade")[2] == "subscription shop.count is paused\n"
    )
    assert shop("subscriptions", "pause", "shop.count")[2] == "subscription shop.count was paused already\n"
    assert "paused: upgrade" in shop("subscriptions", "list")[1]
    assert "next: dagger-actors subscriptions resume shop.count" in shop("subscriptions", "show", "shop.count")[2]
    assert shop("subscriptions", "resume", "shop.count")[2] == "subscription shop.count goes on\n"
    assert shop("subscriptions", "resume", "shop.count")[2] == "subscription shop.count was not paused\n"
    assert shop.json("subscriptions", "seek", "shop.count", "--offset", "5")["lag"] == 7
    told = shop("subscriptions", "seek", "shop.count", "--to", "latest", "--channel", "orders")[2]
    assert told == "moved on 1 channel\nsubscription shop.count goes on from there\n"
    assert shop.json("subscriptions", "show", "shop.count")["lag"] == 0
    assert shop.json("subscriptions", "seek", "shop.count", "--since", "1h")["lag"] == 12


def test_dead_letters_are_redriven(shop):
    """Law: by their ids or all of a subscription; once."""
    assert shop("dead-letters", "redrive", "1") == (0, "", "1 dead letter redriven\n")
    assert shop("dead-letters", "redrive", "1") == (0, "", "0 dead letters redriven\n")
    assert shop.json("dead-letters", "redrive", "--subscription", "shop.count") == {"redriven": 0}


def test_a_subscription_whose_code_is_gone_is_forgotten_and_it_is_said_what_goes_with_it(shop):
    """Law: not while a process has its code; with unread messages or dead letters only when that is said to be meant."""
    status, _, err = shop("subscriptions", "forget", "shop.count", "--yes")
    assert status == 2
    assert "its code is in process" in err
    shop.here.leave()
    assert "nobody takes its turns" in shop("subscriptions", "list")[1]
    status, _, err = shop("subscriptions", "forget", "shop.count")
    assert status == 2
    assert "go 2 unread messages and 1 dead letters; if that is meant, say so: discard=True, or --yes" in err
    assert shop("subscriptions", "forget", "shop.count", "--yes") == (
        0,
        "",
        (
            "subscription shop.count is forgotten, with 2 unread messages, 1 dead letter and 0 timers\n"
            "it was the last one of group shop: 0 states deleted\n"
        ),
    )
    assert shop.json("subscriptions", "list") == []
    assert [one["name"] for one in shop.json("channels")] == ["log", "orders"]


def test_what_fills_a_channel_without_code_is_shown_with_the_command_that_ends_it(shop):
    """Law: from half of the capacity on; how much, and what to type."""
    shop.here.do(Declare((ChannelRow(name="orders", capacity=4, retain_count=7),), (), 0))
    shop.here.leave()
    status, out, err = shop("subscriptions", "list")
    assert status == 0
    assert "nobody takes its turns, and it fills orders to 50%" in out
    assert "next: dagger-actors subscriptions forget shop.count" in err


# --- mistakes


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("tail", "ordes"), "there is no channel 'ordes'; did you mean 'orders'?"),
        (("tail", "ordes"), "nor is there such a run: `dagger-actors runs` lists them"),
        (("tail", "orders", "--from", "13"), "has no offset 13 yet: its next message gets 12"),
        (("tail", "orders", "--from", "soon"), "'soon' is no place in a channel; give an offset"),
        (("tail", "orders", "--limit", "0"), "--limit 0 is out of range"),
        (("tail", "orders.*"), "stands for many channels"),
        (("subscriptions", "show", "shop.cuont"), "did you mean 'shop.count'?"),
        (("dead-letters", "show", "7"), "no dead letter 7"),
        (("dead-letters", "list", "--subscription", "x"), "there is no subscription 'x'"),
        (("channels", "--db", "none.db"), "there is no database 'none.db'"),
        (("publish", "ordes", "1"), "there is no channel 'ordes'; did you mean 'orders'?"),
        (("publish", "orders", "{"), "the message is not JSON"),
        (
            ("publish", "orders", "{}"),
            "which it is, is not said; name it with --type, or give their module with --import",
        ),
        (("publish", "orders", "{}", "--type", "Oder"), "did you mean 'Order'?"),
        (("publish", "orders", "@none.json"), "the file 'none.json' cannot be read: No such file"),
        (("publish", "orders", "-", "--id", "i"), "--id names one message"),
        (("publish", "log", "1", "--header", "a"), "--header 'a' is no NAME=TEXT"),
        (("publish", "log", "1", "--key", ""), "key is 1 to 200 printable characters"),
        (("publish", "log", "1", "--delay", "-1"), "delay is seconds"),
        (("publish", "log", "1", "--db", "none.db"), "there is no database 'none.db'"),
        (("subscriptions", "pause", "shop.cuont"), "did you mean 'shop.count'?"),
        (("subscriptions", "forget", "shop.cuont"), "did you mean 'shop.count'?"),
        (("subscriptions", "seek", "shop.count"), "seek goes to one place, and none is given"),
        (("subscriptions", "seek", "shop.count", "--to", "latest", "--offset", "1"), "not --to and --offset"),
        (("subscriptions", "seek", "shop.count", "--offset", "99"), "has no offset 99 yet"),
        (("dead-letters", "redrive"), "redrive takes ids of dead letters, or --subscription"),
        (("dead-letters", "redrive", "7"), "no dead letter 7"),
    ],
)
def test_every_mistake_is_told_in_a_sentence(shop, words: tuple[str, ...], told: str):
    """Law: exit status 2, nothing on stdout, and what to type instead."""
    status, out, err = shop(*words)
    assert (status, out) == (2, "")
    assert told in err
