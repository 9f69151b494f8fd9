"""``system.channels``: every verb does what it says, and every mistake has an error that says what to do."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors.core.declarations import ChannelRow, Declare
from dagger_actors.errors import (
    BlockingCall,
    ChannelFull,
    DeadLetterNotFound,
    OffsetRefused,
    PublicationRefused,
    RequestError,
    SubscriptionInUse,
    SystemClosed,
    UnknownChannel,
    UnknownGroup,
    UnknownSubscription,
)
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.outgoing import doors
from dagger_actors.pubsub.reports.looking import ChannelArchive
from dagger_actors.pubsub.reports.report import Published, StoredMessage
from dagger_actors.pubsub.verbs import following as following_
from dagger_actors.pubsub.verbs import sending
from dagger_actors.pubsub.verbs.channels import Channels
from dagger_actors.store import channel_redriving
from dagger_actors.store.look import Look
from tests.channels_here import ChannelsHere


class Page(msgspec.Struct, frozen=True):
    url: str
    number: int = 0


class Note(msgspec.Struct, frozen=True):
    body: str


def opened(folder: Path) -> ChannelsHere:
    return ChannelsHere(
        folder / "x.db",
        Channel("pages", Page | Note),
        Channel("notes", Note, capacity=2),
        Channel("strict", Note, capacity=2, overflow="reject"),
        Channel("raw.*", Page),
        Channel("live", Note, ephemeral=True),
    )


@pytest.fixture
def here(tmp_path: Path) -> Iterator[ChannelsHere]:
    made = opened(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChannelsHere]:
    """With a subscription, and nothing else, for what leaves it so."""
    made = opened(tmp_path_factory.mktemp("unchanged"))
    made.subscribe("g.h", "pages")
    yield made
    made.close()


@pytest.fixture
def channels(here: ChannelsHere) -> Channels:
    return here.channels


def offsets(messages: list[StoredMessage]) -> list[int]:
    return [one.offset for one in messages]


# --- publishing and reading


def test_what_is_published_is_read_as_it_was(channels: Channels):
    """Law: the message, its id, key and headers come back, in the order of the commits, with the time of publication."""
    first = channels.publish(
        "pages", Page("u", 1), key="k", id="i", headers={"origin": "shop"}, correlation_id="c", timeout=5
    )
    second = channels.publish("pages", {"body": "b"})
    assert (first, second) == (Published("pages", 0, True), Published("pages", 1, True))  # noqa: FBT003
    page, note = channels.read("pages")
    assert (page.channel, page.offset, page.type, page.message) == ("pages", 0, "Page", Page("u", 1))
    assert (page.id, page.key, page.headers) == ("i", "k", {"origin": "shop", "correlation_id": "c"})
    assert (note.type, note.message, note.id, note.key, note.headers) == ("Note", Note("b"), None, None, {})
    assert page.published_us <= note.published_us
    assert msgspec.json.decode(msgspec.json.encode(page))["message"] == {"url": "u", "number": 1}


def test_a_second_message_of_an_id_is_the_first_one(channels: Channels):
    """Law: publishing is idempotent by id: the earlier offset, and nothing is written."""
    channels.publish("pages", Note("a"), id="same")
    again = channels.publish("pages", Note("other"), id="same")
    assert (again.offset, again.is_new, str(again)) == (0, False, "pages: offset 0, where it was already")
    assert [one.message for one in channels.read("pages")] == [Note("a")]


def test_many_messages_are_judged_all_before_the_first_is_stored(channels: Channels):
    """Law: what is wrong with one is told with its place, and nothing of them is in the file."""
    with pytest.raises(PublicationRefused, match=r"Expected `str`, got `int` - at `\$\.body`") as refused:
        channels.publish_many("pages", [Note("a"), Note(3), Note("c")])  # type: ignore[arg-type]
    assert refused.value.__notes__ == ["it is message 1 of 3, counted from 0; nothing was published"]
    assert channels.read("pages") == []


def test_many_messages_keep_their_order_over_several_commits(channels: Channels, monkeypatch):
    """Law: publish_many gives the offsets in order, however many parcels it takes; ids are one for each."""
    monkeypatch.setattr(sending, "PARCEL", 7)
    found = channels.publish_many("pages", [Page("u", at) for at in range(100)], ids=map(str, range(100)), key="k")
    assert [one.offset for one in found] == list(range(100))
    assert [(one.message.number, one.id, one.key) for one in channels.read("pages", limit=1000)] == [
        (at, str(at), "k") for at in range(100)
    ]
    assert channels.publish_many("pages", []) == []


def test_a_list_that_stops_halfway_says_how_far_it_came(here: ChannelsHere, monkeypatch):
    """Law: the error of a full channel counts what was published all the same; that is in the file, in order."""
    monkeypatch.setattr(sending, "PARCEL", 2)
    here.subscribe("g.h", "strict")
    with pytest.raises(ChannelFull) as refused:
        here.channels.publish_many("strict", [Note(str(at)) for at in range(5)])
    assert "2 messages of 5 were published all the same" in refused.value.__notes__
    assert [one.message.body for one in here.channels.read("strict")] == ["0", "1"]


def test_who_does_not_wait_is_back_at_once_and_it_is_published_in_order(channels: Channels):
    """Law: wait=False answers without an offset; what is published behind it, with waiting, comes behind it."""
    found = channels.publish("pages", Note("a"), wait=False)
    assert (found.offset, found.is_new, str(found)) == (None, None, "pages: on its way")
    channels.publish_many("pages", [Note("b")], wait=False)
    channels.publish("pages", Note("c"))
    assert [one.message.body for one in channels.read("pages")] == ["a", "b", "c"]


def test_a_delayed_message_is_kept_until_it_is_due(here: ChannelsHere):
    """Law: delay= answers without an offset, and tells when to look; the channel does not have it yet."""
    found = here.channels.publish("pages", Note("later"), delay=60)
    assert (found.offset, found.is_new, str(found)) == (None, True, "pages: kept until it is due")
    assert here.channels.read("pages") == []
    assert len(here.due) == 1
    assert here.channels.channels()[1].delayed == 1


def test_a_pattern_makes_its_channel_with_the_first_message(here: ChannelsHere, monkeypatch):
    """Law: no declaration of each is needed; until then it is empty; there is a limit to how many are made so."""
    channels = here.channels
    assert channels.read("raw.a") == []
    assert channels.publish("raw.a", Page("u")).offset == 0
    assert channels.publish("raw.a", Page("v")).offset == 1
    assert [one.message.url for one in channels.read("raw.a")] == ["u", "v"]
    assert "raw.a" in [one.name for one in channels.channels()]
    monkeypatch.setattr(doors, "MAX_CHANNELS", 4)
    with pytest.raises(PublicationRefused, match="has 4 channels, which is the most there may be"):
        channels.publish("raw.b", Page("u"))


def test_a_channel_of_another_process_is_known_by_the_names_of_its_classes(here: ChannelsHere, tmp_path: Path):
    """Law: without the classes, type names are checked and plain data is what is read."""
    other = ChannelsHere(tmp_path / "x.db")
    try:
        with pytest.raises(PublicationRefused, match="it takes Page, Note, and which it is, is not said"):
            other.channels.publish("pages", {"body": "b"})
        with pytest.raises(PublicationRefused, match="did you mean 'Note'"):
            other.channels.publish("pages", {"body": "b"}, type="Noet")
        assert other.channels.publish("pages", {"body": "b"}, type="Note").offset == 0
        assert other.channels.read("pages")[0].message == {"body": "b"}
    finally:
        other.close()
    assert here.channels.read("pages")[0].message == Note("b")


def test_ephemeral_channels_are_memory(here: ChannelsHere):
    """Law: what is published to one is judged and handed over, and nothing of it is in the file."""
    assert here.channels.publish("live", Note("a")).offset == 0
    assert [one.offset for one in here.channels.publish_many("live", [Note("b"), Note("c")])] == [1, 2]
    with pytest.raises(ChannelFull):
        here.channels.publish("live", Note("d"))
    with pytest.raises(PublicationRefused, match="keeps nothing for later"):
        here.channels.publish("live", Note("d"), delay=1)
    with pytest.raises(PublicationRefused, match="knows no message by its id"):
        here.channels.publish("live", Note("d"), id="d")
    with pytest.raises(RequestError, match="ephemeral, and nothing of it is stored"):
        here.channels.read("live")
    assert "live" not in [one.name for one in here.channels.channels()]


# --- full channels


def test_a_publisher_waits_until_the_slowest_subscription_has_moved(here: ChannelsHere):
    """Law: overflow="block" holds the publisher, not for longer than there is no room."""
    here.subscribe("g.h", "notes")
    here.channels.publish_many("notes", [Note("a"), Note("b")])
    told: list[Published] = []
    thread = threading.Thread(target=lambda: told.append(here.channels.publish("notes", Note("c"))))
    thread.start()
    assert here.channels.publish("pages", Note("other")).offset == 0
    assert not told
    here.read_up_to("notes", 1)
    thread.join(30)
    assert [one.offset for one in told] == [2]


def test_a_publisher_gives_up_at_its_time_out(here: ChannelsHere):
    """Law: ChannelFull names the channel, its capacity and what to do."""
    here.subscribe("g.h", "notes")
    here.channels.publish_many("notes", [Note("a"), Note("b")])
    with pytest.raises(ChannelFull, match=r"the channel 'notes' has 2 messages before it, .* raise the capacity"):
        here.channels.publish("notes", Note("c"), timeout=0)


# --- following


def test_who_follows_gets_what_is_there_and_what_comes(here: ChannelsHere, monkeypatch):
    """Law: from a place on, each message once, in order; it wakes for what is committed here; who stops can go on."""
    monkeypatch.setattr(following_, "POLL_S", 1000)
    here.channels.publish_many("pages", [Note("0"), Note("1")])
    following = here.channels.tail("pages", 1)
    assert next(following).message == Note("1")
    thread = threading.Thread(target=lambda: here.channels.publish("pages", Note("2")))
    thread.start()
    assert next(following).offset == 2
    thread.join(30)
    assert offsets(list(here.channels.tail("pages", "earliest", timeout=0))) == [0, 1, 2]
    assert offsets(list(here.channels.tail("pages", 2, timeout=0))) == [2]
    assert list(here.channels.tail("pages", timeout=0.01)) == []


def test_a_channel_that_is_not_there_yet_can_be_followed(here: ChannelsHere, monkeypatch):
    """Law: of a pattern, the first message comes too."""
    monkeypatch.setattr(following_, "POLL_S", 1000)
    following = here.channels.tail("raw.new")
    thread = threading.Thread(target=lambda: here.channels.publish("raw.new", Page("u")))
    thread.start()
    assert next(following).message == Page("u")
    thread.join(30)


def test_what_another_process_appends_is_found_by_looking(here: ChannelsHere, tmp_path: Path, monkeypatch):
    """Law: a look at a changed file wakes all who follow; without one it is found all the same, some time later."""
    other = ChannelsHere(tmp_path / "x.db")
    following = here.channels.tail("pages")
    waits = threading.Event()
    here.arrivals.on_watched = waits.set
    for poll_s, look in ((1000, here.arrivals.look), (0.001, lambda: None)):
        monkeypatch.setattr(following_, "POLL_S", poll_s)
        waits.clear()
        found: list[StoredMessage] = []
        thread = threading.Thread(target=lambda found=found: found.append(next(following)))
        thread.start()
        assert waits.wait(30)
        other.channels.publish("pages", Note("a"), type="Note")
        look()
        thread.join(30)
        assert [one.message for one in found] == [Note("a")]
    other.close()


def test_following_ends_when_the_system_is_left(here: ChannelsHere, monkeypatch):
    """Law: who waits for the next message is let go, without an error."""
    monkeypatch.setattr(following_, "POLL_S", 1000)
    waits = threading.Event()
    here.arrivals.on_watched = waits.set
    found: list[StoredMessage] = []
    thread = threading.Thread(target=lambda: found.extend(here.channels.tail("pages")))
    thread.start()
    assert waits.wait(30)
    here.channels.close()
    thread.join(30)
    assert not thread.is_alive()
    with pytest.raises(SystemClosed):
        here.channels.publish("pages", Note("a"))
    with pytest.raises(SystemClosed):
        here.channels.tail("pages")


def test_event_loops_have_twins_and_are_never_blocked(here: ChannelsHere):
    """Law: blocking verbs on a running loop raise, with what to write instead; the twins do the same."""
    channels = here.channels
    here.subscribe("g.h", "pages")

    async def main() -> list[int]:
        blocking: dict[str, Callable[[], Any]] = {
            "await channels.apublish(...)": lambda: channels.publish("pages", Note("a")),
            "await channels.apublish_many(...)": lambda: channels.publish_many("pages", [Note("a")]),
            "channels.atail(...)": lambda: channels.tail("pages"),
            "await channels.apause(...)": lambda: channels.pause("g.h"),
            "await channels.aresume(...)": lambda: channels.resume("g.h"),
            "await channels.aseek(...)": lambda: channels.seek("g.h", to="latest"),
            "await channels.aredrive(...)": lambda: channels.redrive(subscription="g.h"),
            "await channels.aprune()": channels.prune,
        }
        for instead, verb in blocking.items():
            with pytest.raises(BlockingCall) as refused:
                verb()
            assert instead in str(refused.value)
        assert channels.publish("pages", Note("first"), wait=False).offset is None
        assert (await channels.apublish("pages", Note("0"))).offset == 1
        assert len(await channels.apublish_many("pages", [Note(str(at)) for at in range(300)])) == 300
        assert await channels.apause("g.h")
        assert await channels.aresume("g.h")
        assert await channels.aseek("g.h", to="latest") == 1
        assert await channels.aredrive(subscription="g.h") == 0
        assert await channels.aprune() >= 0
        return [one.offset async for one in channels.atail("pages", 299, timeout=0.01)]

    assert asyncio.run(main()) == [299, 300, 301]


# --- places


def test_a_place_is_an_offset_an_end_or_a_moment(channels: Channels):
    """Law: each way of saying where gives the messages from there on."""
    channels.publish_many("pages", [Note(str(at)) for at in range(5)])
    assert offsets(channels.read("pages", 3)) == [3, 4]
    assert offsets(channels.read("pages", 5)) == []
    assert offsets(channels.read("pages", limit=2)) == [0, 1]
    assert offsets(channels.read("pages", "latest")) == []
    assert offsets(channels.read("pages", "1h")) == [0, 1, 2, 3, 4]
    assert offsets(channels.read("pages", timedelta(hours=1))) == [0, 1, 2, 3, 4]
    moment = channels.read("pages")[0].published_us
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)
    assert offsets(channels.read("pages", at)) == [0, 1, 2, 3, 4]
    assert offsets(channels.read("pages", at + timedelta(hours=1))) == []


# --- mistakes


@pytest.mark.parametrize(
    ("call", "kind", "told"),
    [
        (lambda it: it.publish("pagse", Note("a")), UnknownChannel, "no channel 'pagse'; did you mean 'pages'?"),
        (lambda it: it.read("pagse"), UnknownChannel, "did you mean 'pages'?"),
        (lambda it: it.channels("pagse"), UnknownChannel, "did you mean 'pages'?"),
        (lambda it: it.tail("zzz"), UnknownChannel, "declare it with ActorSystem"),
        (lambda it: it.publish("raw.*", Page("u")), RequestError, "stands for many channels, and one is wanted"),
        (lambda it: it.publish("@g", Note("a")), RequestError, "is no channel's name; write letters"),
        (lambda it: it.publish(3, Note("a")), RequestError, "3 is no channel's name"),
        (lambda it: it.publish("pages", Note(3)), PublicationRefused, "Expected `str`, got `int` - at `$.body`"),
        (lambda it: it.publish("pages", Note("a"), keey="k"), RequestError, "'keey'; did you mean key?"),
        (lambda it: it.publish("pages", Note("a"), key=""), RequestError, "key is 1 to 200 printable characters"),
        (lambda it: it.publish("pages", Note("a"), id="\n"), RequestError, "id is 1 to 200 printable characters"),
        (lambda it: it.publish("pages", Note("a"), delay=-1), RequestError, "delay is seconds, from 0 to"),
        (lambda it: it.publish("pages", Note("a"), timeout=None), RequestError, "timeout is seconds, from 0 to"),
        (lambda it: it.publish("pages", Note("a"), headers={"a": 1}), RequestError, "headers are texts by name"),
        (lambda it: it.publish("pages", Note("a"), headers="a=1"), RequestError, "headers are texts by name"),
        (lambda it: it.publish("pages", Note("a"), headers={"a": "\ud800"}), RequestError, "half a surrogate pair"),
        (
            lambda it: it.publish("pages", Note("a"), headers={"a": "x" * 20_000}),
            RequestError,
            "64 with 16,384 are allowed; put them into the message",
        ),
        (
            lambda it: it.publish("pages", Note("a"), headers={"correlation_id": "x"}, correlation_id="y"),
            RequestError,
            "correlation_id is given twice",
        ),
        (lambda it: it.publish_many("pages", Note("a")), RequestError, "messages are a list of messages"),
        (lambda it: it.publish_many("pages", [Note("a")] * 2, id="i"), RequestError, "id names one message"),
        (lambda it: it.publish_many("pages", [Note("a")], ids=["1", "2"]), RequestError, "2 ids for 1 message"),
        (lambda it: it.publish_many("pages", [Note("a")], ids="1"), RequestError, "ids are a list"),
        (lambda it: it.read("pages", 1), OffsetRefused, "has no offset 1 yet: its next message gets 0"),
        (lambda it: it.tail("pages", 7), OffsetRefused, "give that one or less, or 'latest'"),
        (lambda it: it.read("pages", -1), RequestError, "an offset is 0 or more"),
        (lambda it: it.read("pages", "newest"), RequestError, "is no place in a channel; give an offset"),
        (lambda it: it.read("pages", 1.5), RequestError, "is no place in a channel"),
        (lambda it: it.read("pages", limit=0), RequestError, "limit is a whole number, 1 or more"),
        (lambda it: it.tail("pages", timeout=-1), RequestError, "timeout is seconds, 0 or more"),
        (lambda it: it.subscriptions("g.x"), UnknownSubscription, "no subscription 'g.x'; did you mean 'g.h'?"),
        (lambda it: it.pause("g.x"), UnknownSubscription, "did you mean 'g.h'?"),
        (lambda it: it.pause("g.h", reason="x" * 1001), RequestError, "at most 1,000 characters"),
        (lambda it: it.resume("nothing"), UnknownSubscription, "its name is GROUP.HANDLER"),
        (lambda it: it.seek("g.x", to="latest"), UnknownSubscription, "did you mean 'g.h'?"),
        (lambda it: it.seek("g.h"), RequestError, "seek goes to one place"),
        (lambda it: it.seek("g.h", to="latest", offset=0), RequestError, "seek goes to one place"),
        (lambda it: it.seek("g.h", to="newest"), RequestError, "to is 'earliest' or 'latest'"),
        (lambda it: it.seek("g.h", offset=-1), RequestError, "an offset is a whole number, 0 or more"),
        (lambda it: it.seek("g.h", offset=99), OffsetRefused, "has no offset 99 yet"),
        (lambda it: it.seek("g.h", to="latest", channel="notes"), UnknownChannel, "no channel 'notes'"),
        (lambda it: it.redrive(), RequestError, "name the dead letters by their ids"),
        (lambda it: it.redrive(7), DeadLetterNotFound, "no dead letter 7"),
        (lambda it: it.redrive(["7"]), RequestError, "a dead letter's id is a whole number"),
        (lambda it: it.redrive(subscription="g.x"), UnknownSubscription, "did you mean 'g.h'?"),
        (lambda it: it.dead_letters("g.x"), UnknownSubscription, "did you mean 'g.h'?"),
        (lambda it: it.dead_letter(7), DeadLetterNotFound, "list them with: dagger-actors dead-letters list"),
        (lambda it: it.state("gg", "k"), UnknownGroup, "no group 'gg'; did you mean 'g'?"),
        (lambda it: it.state("g", 3), RequestError, "a group and a key are texts"),
    ],
)
def test_every_mistake_says_what_to_do(
    unchanged: ChannelsHere, call: Callable[[Channels], object], kind: type, told: str
):
    """Law: what cannot be is refused by its own error, and nothing of it is in the file."""
    with pytest.raises(kind) as refused:
        call(unchanged.channels)
    assert type(refused.value) is kind
    assert told in str(refused.value)
    assert sum(one.count for one in unchanged.channels.channels()) == 0


# --- subscriptions


def test_a_subscription_that_is_in_use_here_is_not_forgotten(here: ChannelsHere):
    """Law: whoever has its code would make it anew; on an event loop there is a twin."""
    here.subscribe("g.h", "pages")
    with pytest.raises(SubscriptionInUse) as refused:
        here.channels.forget("g.h")
    assert refused.value.pids == (os.getpid(),)
    with pytest.raises(SubscriptionInUse):
        asyncio.run(here.channels.aforget("g.h", discard=True))


def test_a_subscription_that_is_forgotten_while_it_is_looked_up_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Law: its name was there a moment before; who asked for one gets one, or is told that there is none."""
    first = opened(tmp_path)
    first.subscribe("g.h", "pages")
    first.close()
    here = opened(tmp_path)
    check, forgotten = ChannelArchive._check_subscription, []

    def forgotten_behind(channels: ChannelArchive, name: object) -> None:
        check(channels, name)
        if not forgotten:
            forgotten.append(name)
            here.channels.forget("g.h", discard=True)

    monkeypatch.setattr(ChannelArchive, "_check_subscription", forgotten_behind)
    with pytest.raises(UnknownSubscription, match=r"no subscription 'g\.h'"):
        here.channels.subscriptions("g.h")
    here.close()


def test_subscriptions_show_how_far_they_are(here: ChannelsHere):
    """Law: lag, dead letters, members, pause, channel by channel; the same for whoever only looks at the file."""
    here.subscribe("g.h", "pages", "notes", settings='{"concurrency":4}', place="shop.py:7")
    here.channels.publish_many("pages", [Note(str(at)) for at in range(5)])
    here.read_up_to("pages", 3)
    (found,) = here.channels.subscriptions()
    assert (found.name, found.group, found.place, found.settings) == ("g.h", "g", "shop.py:7", {"concurrency": 4})
    assert [(one.channel, one.floor, one.lag) for one in found.positions] == [
        ("notes", 0, 0), ("pages", 3, 2), ("@g", 0, 0),
    ]  # fmt: skip
    assert (found.lag, found.dead_letters, found.waiting, found.is_paused) == (2, 0, 0, False)
    assert [(one.name, one.ranges, one.pid is not None) for one in found.members] == [("member", 64, True)]
    assert str(found) == "g.h: lag 2, 1 member"
    look = Look(here.store.path)
    try:
        assert here.channels.channels("pages")[0].floor == 3
        archive = ChannelArchive(look, lambda: 0)
        assert archive.subscriptions("g.h") == [found]
        assert archive.channels() == here.channels.channels()
        assert [one.message for one in archive.read("pages", 4)] == [{"body": "4"}]
    finally:
        look.close()


def test_channels_show_what_they_keep(channels: Channels):
    """Law: where each begins and ends, its bytes, what it takes and who reads it; private ones are not among them."""
    channels.publish_many("pages", [Note("a"), Page("u")])
    found = {one.name: one for one in channels.channels()}
    assert sorted(found) == ["notes", "pages", "strict"]
    pages = found["pages"]
    assert (pages.types, pages.first_offset, pages.next_offset, pages.count) == (("Page", "Note"), 0, 2, 2)
    assert (pages.size_bytes, pages.overflow, found["strict"].overflow) == (34, "block", "reject")
    assert str(pages) == "pages: 2 messages, next offset 2, 0 subscriptions"


def test_a_subscription_is_paused_and_goes_on(here: ChannelsHere):
    """Law: pause and resume tell whether they changed anything; the members hear of each; the reason is kept."""
    here.subscribe("g.h", "pages")
    assert here.channels.pause("g.h", reason="upgrade")
    assert here.changes == 1
    (found,) = here.channels.subscriptions("g.h")
    assert (found.is_paused, found.reason, str(found)) == (True, "upgrade", "g.h: lag 0, paused: upgrade, 1 member")
    assert not here.channels.pause("g.h")
    assert here.channels.resume("g.h")
    assert not here.channels.resume("g.h")
    assert not here.channels.subscriptions("g.h")[0].is_paused


@pytest.mark.parametrize(
    ("place", "floor"), [({"to": "earliest"}, 0), ({"to": "latest"}, 4), ({"offset": 1}, 1), ({"since": "1h"}, 0)]
)
def test_a_subscription_goes_on_from_another_place(here: ChannelsHere, place: dict[str, Any], floor: int):
    """Law: seek moves its floor, on one channel or all; nobody else's."""
    here.subscribe("other.h", "pages")
    here.subscribe("g.h", "pages", "notes")
    here.channels.publish_many("pages", [Note(str(at)) for at in range(4)])
    here.read_up_to("pages", 2)
    assert here.channels.seek("g.h", channel="pages", **place) == 1
    positions = {one.channel: one.floor for one in here.channels.subscriptions("g.h")[0].positions}
    assert positions["pages"] == floor
    assert {one.channel: one.floor for one in here.channels.subscriptions("other.h")[0].positions}["pages"] == 0


def test_dead_letters_are_listed_shown_and_redriven(here: ChannelsHere, monkeypatch):
    """Law: the message and the failure are kept; redriven ones are no longer listed, and never redriven twice."""
    here.subscribe("g.h", "pages")
    here.channels.publish("pages", Note("a"), headers={"origin": "shop"})
    here.channels.publish_many("pages", [Note("b"), Note("c")])
    error = '{"type":"builtins.ValueError","message":"no","names":[],"traceback":""}'
    for offset in range(3):
        here.give_up("pages", offset, error=error)
    newest, *_, oldest = here.channels.dead_letters()
    assert (newest.offset, oldest.offset, oldest.subscription, oldest.reason, oldest.tries) == (
        2,
        0,
        "g.h",
        "failed",
        5,
    )
    assert str(oldest) == f"dead letter {oldest.id} of g.h, pages 0: failed: ValueError: no"
    report = here.channels.dead_letter(oldest.id)
    assert (report.message, report.headers, report.type) == ({"body": "a"}, {"origin": "shop"}, "Note")
    assert [one.id for one in here.channels.dead_letters("g.h", limit=1)] == [newest.id]
    assert here.channels.redrive(oldest.id) == 1
    assert here.channels.redrive([oldest.id]) == 0
    assert len(here.channels.dead_letters()) == 2
    assert len(here.channels.dead_letters(redriven=True)) == 3
    monkeypatch.setattr(channel_redriving, "AT_ONCE", 1)
    assert here.channels.redrive(subscription="g.h") == 2
    assert here.channels.dead_letters() == []
    positions = {one.channel: one for one in here.channels.subscriptions("g.h")[0].positions}
    assert positions["@g"].lag == 3


def test_the_state_of_a_key_is_plain_data(here: ChannelsHere):
    """Law: as of the last commit; None where there is none."""
    here.subscribe("g.h", "pages")
    here.keep_state("k", {"count": 3})
    assert here.channels.state("g", "k") == {"count": 3}
    assert here.channels.state("g", "other") is None
    assert here.channels.state("g") is None


def test_pruning_deletes_what_is_done_and_kept_no_longer(here: ChannelsHere):
    """Law: prune tells how many, and what a subscription has not done stays; who reads from the beginning gets the rest."""
    here.do(Declare((ChannelRow(name="short", types=("Note",), retain_age_us=0),), (), 0))
    here.subscribe("g.h", "short")
    here.channels.publish_many("short", [{"body": str(at)} for at in range(10)])
    assert here.channels.prune() == 0
    here.read_up_to("short", 7)
    assert here.channels.prune() == 7
    assert offsets(here.channels.read("short")) == [7, 8, 9]
    assert offsets(here.channels.read("short", 2)) == [7, 8, 9]
