"""What a system file says of channels and subscriptions goes before what classes say; every mistake is told at its place."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dagger_actors.cli.specs import validate
from dagger_actors.core.retry import Exponential, Immediate, RetryPolicy
from dagger_actors.errors import ActorClassError, ConfigRefused, DefinitionError
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.from_file import wired_by_file
from dagger_actors.pubsub.declared.splitting import add_file, split_members
from dagger_actors.pubsub.declared.wiring import wire
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.files.file_format import system_schema
from dagger_actors.supervised.files.from_file import load_supervisor
from dagger_actors.supervised.files.resolving import load_and_resolve
from dagger_actors.tasks.agents.splitting import split_agents

NEWS = """
from collections.abc import AsyncIterator

import msgspec

from dagger_actors import Actor, Subscriber, TaskAgent, handler, subscribe


class Page(msgspec.Struct):
    url: str
    size: int = 0


class Note(msgspec.Struct):
    question: str


class Width(msgspec.Struct):
    width: int = 1


class Reader(Subscriber):
    config: Width

    @subscribe("raw.*", publishes="notes", order="none")
    async def read(self, page: Page) -> AsyncIterator[Note]:
        yield Note(page.url)


class Writer(Subscriber):
    state: Width

    @subscribe("notes", key="question", try_count=7)
    def add(self, note: Note) -> None: ...


class Ring(Subscriber):
    @subscribe("ring", publishes="ring", echo=True)
    def turn(self, page: Page) -> Page: ...


class Needy(Subscriber):
    def __init__(self, width): ...

    @subscribe("raw.*")
    def take(self, page: Page) -> None: ...


class Empty(Subscriber):
    pass


class Till(Actor):
    @handler
    def pay(self, page: Page) -> None: ...


class Doer(TaskAgent):
    def execute(self, task: Page) -> None: ...


NO_TYPE = 5
OtherPage = msgspec.defstruct("Page", [])
"""

GOOD = """\
system: news
channels:
  raw.*:
    type: news.py:Page
    capacity: 10
    overflow: reject
    retain: {age: 60, count: 5, size: 1000}
  log: {ephemeral: true, overflow: drop_oldest}
  for.ever: {type: [news.py:Page, news.py:Note], retain: {age: infinity}}
agents:
  - id: reader
    class: news.py:Reader
    config: {width: 3}
    group: readers
    subscriptions:
      read:
        pattern: raw.*
        publishes: [notes, log]
        start: latest
        concurrency: 2
        filter: {field: size, gt: 5}
        retry: {exponential: {initial_delay_secs: 2}}
        timeout: 9
        max_in_flight: 50
        echo: true
  - id: writer
    class: news.py:Writer
    subscriptions:
      add: {try_count: 2, group: scribes, start: 17}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with classes, which are imported once."""
    found = tmp_path_factory.mktemp("news")
    (found / "news.py").write_text(NEWS)
    return found


def write(folder: Path, text: str) -> Path:
    """Write a system file."""
    path = folder / "system.yaml"
    path.write_text(text)
    return path


def told(folder: Path, text: str) -> list[tuple[str, str, str]]:
    """What is told of a file: line and column, message, advice."""
    try:
        load_and_resolve(write(folder, text), Actor, lambda *found: wired_by_file(*found) and None)
    except DefinitionError as error:
        return [(f"{one.line}:{one.column}", one.message, one.advice) for one in error.problems]
    return []


def members_of(path: Path) -> tuple[Members, tuple[Channel, ...]]:
    """The members and channels of a file."""
    members = Members()
    channels = add_file(load_supervisor(path), members)
    return members, channels


def test_what_the_file_says_goes_before_the_decorator(folder: Path) -> None:
    """Law: what it does not say stays."""
    members, channels = members_of(write(folder, GOOD))
    read = members.get("reader").handlers["read"].options
    assert (read.channels, read.publishes, read.start, read.order) == (("raw.*",), ("notes", "log"), "latest", "none")
    assert (read.concurrency, read.timeout_s, read.max_in_flight, read.echo) == (2, 9, 50, True)
    assert read.retry == RetryPolicy(tries=5, wait=Exponential(initial_delay_secs=2))
    filter_of = members.get("reader").handlers["read"].filter_of
    assert filter_of is not None
    assert [filter_of(b'{"size": 6}'), filter_of(b'{"size": 5}')] == [True, False]
    add = members.get("writer").handlers["add"]
    assert (add.options.key, add.options.retry.tries, add.options.start) == ("question", 2, "offset:17")
    assert [*members.subscriptions()] == ["readers.read", "scribes.add"]
    assert members.get("reader").config.width == 3
    assert [(one.name, one.capacity, one.overflow, one.ephemeral) for one in channels] == [
        ("raw.*", 10, "reject", False),
        ("log", 100_000, "drop_oldest", True),
        ("for.ever", 100_000, "block", False),
    ]
    assert [(one.retain_age_s, one.retain_count, one.retain_bytes) for one in channels] == [
        (60, 5, 1000),
        (604_800, None, None),
        (None, None, None),
    ]
    assert [list(one.types or ()) for one in channels] == [["Page"], [], ["Page", "Note"]]
    assert channels[0].place == f"{folder / 'system.yaml'}:3"
    assert wire(members, channels).channels["notes"].readers == ("scribes.add",)


def test_what_is_said_of_tries_goes_before_a_policy_of_the_decorator(folder: Path) -> None:
    """Law: tries and strategy each by itself."""
    text = GOOD.replace("try_count: 2, group", "retry: immediate, group")
    members, _ = members_of(write(folder, text))
    assert members.get("writer").handlers["add"].options.retry == RetryPolicy(tries=7, wait=Immediate())


def test_a_file_that_is_right_is_valid(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Law: for the reader, for editors and for `validate`."""
    assert told(folder, GOOD) == []
    assert validate(str(write(folder, GOOD))) == 0
    assert "system 'news' is valid: 2 agents" in capsys.readouterr().out


def test_data_in_place_of_a_file_is_wired_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: mistakes then have no lines."""
    monkeypatch.chdir(folder)
    agents = [{"id": "reader", "class": "news.py:Reader"}]
    data = {"system": "news", "channels": {"raw.*": {}, "notes": {}}, "agents": agents}
    loaded = load_supervisor(data)
    members = Members()
    assert [one.name for one in add_file(loaded, members)] == ["raw.*", "notes"]
    with pytest.raises(
        DefinitionError,
        match=re.escape("agent 'reader': subscriptions.read.channels: no subscriber publishes to raw.*"),
    ):
        wire(members)


def agent(name: str, *more: str) -> str:
    """One agent of a file."""
    return "".join(
        f"{'  - ' if not n else '    '}{line}\n"
        for n, line in enumerate((f"id: {name.lower()}", f"class: news.py:{name}", *more))
    )


HEAD = "system: news\nchannels: {raw.*: {}, notes: {}}\nagents:\n"

READER = agent("Reader")

BAD: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "channels as list": (
        HEAD.replace("{raw.*: {}, notes: {}}", "[raw]") + READER,
        [("2:11", "channels must be a mapping, not a list", "Write {NAME: ...}.")],
    ),
    "channel as text": (
        HEAD.replace("notes: {}", "notes: news.py:Note") + READER,
        [("2:30", "channel 'notes': what is said of it must be a mapping, not the text 'news.py:Note'", "Known keys")],
    ),
    "channel of no name": (
        HEAD.replace("notes", "'my notes'") + READER,
        [("2:23", "channel 'my notes': this is no channel's name", "Write letters, digits, _ and -, with dots")],
    ),
    "private channel": (
        HEAD.replace("notes", "'@notes'") + READER,
        [("2:23", "channel '@notes': this is no channel's name", "Write letters")],
    ),
    "unknown key of a channel": (
        HEAD.replace("notes: {}", "notes: {capcity: 5}") + READER,
        [("2:31", "channel 'notes': what is said of it: unknown key 'capcity'", "Did you mean 'capacity'?")],
    ),
    "key of retain outside": (
        HEAD.replace("notes: {}", "notes: {age: 5}") + READER,
        [("2:31", "channel 'notes': what is said of it: unknown key 'age'", "Write it as `retain.age`.")],
    ),
    "capacity": (
        HEAD.replace("notes: {}", "notes: {capacity: many}") + READER,
        [
            (
                "2:41",
                "channel 'notes': capacity must be a whole number from 1 to 10,000,000, not the text 'many'",
                "Write such",
            )
        ],
    ),
    "overflow": (
        HEAD.replace("notes: {}", "notes: {overflow: dropoldest}") + READER,
        [
            (
                "2:41",
                "channel 'notes': overflow must be one of block, reject, drop_oldest",
                "Did you mean 'drop_oldest'?",
            )
        ],
    ),
    "a durable channel drops": (
        HEAD.replace("notes: {}", "notes: {overflow: drop_oldest}") + READER,
        [
            (
                "2:41",
                "channel 'notes': overflow: a durable channel loses nothing, so it drops nothing",
                "Write block or reject",
            )
        ],
    ),
    "an ephemeral channel keeps": (
        HEAD.replace("notes: {}", "notes: {ephemeral: true, retain: {count: 5}}") + READER,
        [("2:48", "channel 'notes': retain: an ephemeral channel keeps nothing", "Remove it.")],
    ),
    "ephemeral as word": (
        HEAD.replace("notes: {}", "notes: {ephemeral: 'yes'}") + READER,
        [
            (
                "2:42",
                "channel 'notes': ephemeral must be true or false, not the text 'yes'",
                "Write true, without quotes.",
            )
        ],
    ),
    "retain": (
        HEAD.replace("notes: {}", "notes: {retain: {age: -1, count: 0, size: 1.5}}") + READER,
        [
            ("2:45", "channel 'notes': retain.age must be seconds from 0", "Write seconds as a number"),
            ("2:56", "channel 'notes': retain.count must be a whole number", "Write such a number"),
            ("2:65", "channel 'notes': retain.size must be a whole number", "Write such a number"),
        ],
    ),
    "type of no form": (
        HEAD.replace("notes: {}", "notes: {type: Note}") + READER,
        [
            (
                "2:37",
                "channel 'notes': type: 'Note' names a module, but no class",
                "Write module:Class or file.py:Class.",
            )
        ],
    ),
    "type of no module": (
        HEAD.replace("notes: {}", "notes: {type: nws.py:Note}") + READER,
        [("2:37", "channel 'notes': type: ", "")],
    ),
    "type that is not there": (
        HEAD.replace("notes: {}", "notes: {type: [news.py:Note, news.py:Pge]}") + READER,
        [("2:52", "channel 'notes': type: there is no 'Pge' in 'news.py'", "Did you mean 'Page'?")],
    ),
    "type that is none": (
        HEAD.replace("notes: {}", "notes: {type: news.py:NO_TYPE}") + READER,
        [("2:37", "channel 'notes': type: a message has a class of its own, such as a msgspec Struct; 5 is none", "")],
    ),
    "two types of one name": (
        HEAD.replace("notes: {}", "notes: {type: [news.py:Page, news.py:OtherPage]}") + READER,
        [("2:37", "channel 'notes': type: two classes of a message are named Page", "")],
    ),
    "loops": (
        HEAD.replace("agents:", "loops: fine\nagents:") + READER,
        [("3:8", "loops must be one of acknowledged, not the text 'fine'", "")],
    ),
    "subscriptions as list": (
        HEAD + agent("Reader", "subscriptions: [read]"),
        [("6:20", "agent 'reader': subscriptions must be a mapping, not a list", "Write {NAME: ...}.")],
    ),
    "subscription as text": (
        HEAD + agent("Reader", "subscriptions: {read: raw}"),
        [("6:27", "agent 'reader': subscriptions.read must be a mapping, not the text 'raw'", "Known keys: channels")],
    ),
    "unknown handler": (
        HEAD + agent("Reader", "subscriptions: {raed: {echo: true}}"),
        [
            (
                "6:21",
                "agent 'reader': subscriptions: Reader has no handler 'raed' with @subscribe",
                "Did you mean 'read'?",
            )
        ],
    ),
    "unknown key": (
        HEAD + agent("Reader", "subscriptions: {read: {concurency: 2}}"),
        [("6:28", "agent 'reader': subscriptions.read: unknown key 'concurency'", "Did you mean 'concurrency'?")],
    ),
    "key of retry outside": (
        HEAD + agent("Reader", "subscriptions: {read: {linear: {}}}"),
        [("6:28", "agent 'reader': subscriptions.read: unknown key 'linear'", "Write it as `retry.linear`.")],
    ),
    "channels and pattern": (
        HEAD + agent("Reader", "subscriptions: {read: {channels: [raw.a], pattern: raw.*}}"),
        [("6:47", "agent 'reader': subscriptions.read has both `channels` and `pattern`", "Remove one of them.")],
    ),
    "channel of no form": (
        HEAD + agent("Reader", "subscriptions: {read: {channels: [raw.a, 'raw b']}}"),
        [
            (
                "6:28",
                "agent 'reader': subscriptions.read.channels: 'raw b' is no channel",
                "Write letters, digits, _ and -",
            )
        ],
    ),
    "channel as number": (
        HEAD + agent("Reader", "subscriptions: {read: {channels: 5}}"),
        [
            (
                "6:38",
                "agent 'reader': subscriptions.read.channels must be text, not the number 5",
                "Put quotes around it.",
            )
        ],
    ),
    "publishes nowhere": (
        HEAD + agent("Reader", "subscriptions: {read: {publishes: []}}"),
        [
            (
                "6:28",
                "agent 'reader': subscriptions.read.publishes: it gives Note, and no channel is named for that",
                "Name it",
            )
        ],
    ),
    "key path": (
        HEAD + agent("Writer", "subscriptions: {add: {key: qestion}}"),
        [("6:27", "agent 'writer': subscriptions.add.key: Note has no field 'qestion'", "Did you mean question?")],
    ),
    "key of no form": (
        HEAD + agent("Writer", "subscriptions: {add: {key: a..b}}"),
        [("6:32", "agent 'writer': subscriptions.add.key: 'a..b' is no path of fields", "Write a message's field")],
    ),
    "group": (
        HEAD + agent("Writer", "group: 'a,b'"),
        [("4:5", "agent 'writer': 'a,b': 'a,b' is no name", "")],
    ),
    "group of a handler": (
        HEAD + agent("Writer", "subscriptions: {add: {group: 'a,b'}}"),
        [("6:27", "agent 'writer': subscriptions.add.group: 'a,b' is no name", "Write 1 to 200 printable characters")],
    ),
    "start": (
        HEAD + agent("Writer", "subscriptions: {add: {start: laetst}}"),
        [
            (
                "6:27",
                "agent 'writer': subscriptions.add.start: it is earliest, latest, an offset from 0 or a time",
                "Did you mean latest?",
            )
        ],
    ),
    "start as list": (
        HEAD + agent("Writer", "subscriptions: {add: {start: [1]}}"),
        [
            (
                "6:34",
                "agent 'writer': subscriptions.add.start must be earliest, latest, an offset or a time, not a list",
                "Write",
            )
        ],
    ),
    "order": (
        HEAD + agent("Writer", "subscriptions: {add: {order: nune}}"),
        [("6:34", "agent 'writer': subscriptions.add.order must be one of all, key, none", "Did you mean 'none'?")],
    ),
    "order with a key": (
        HEAD + agent("Writer", "subscriptions: {add: {order: none}}"),
        [
            (
                "6:27",
                "agent 'writer': subscriptions.add.order: with a key, messages of one key are handled in their order",
                "Leave",
            )
        ],
    ),
    "concurrency without a key": (
        HEAD + agent("Ring", "subscriptions: {turn: {channels: notes, concurrency: 2}}"),
        [
            (
                "6:45",
                "agent 'ring': subscriptions.turn.concurrency: messages without a key are handled in their order",
                "Give a key",
            )
        ],
    ),
    "concurrency": (
        HEAD + agent("Reader", "subscriptions: {read: {concurrency: 0}}"),
        [
            (
                "6:41",
                "agent 'reader': subscriptions.read.concurrency must be a whole number from 1 to 10,000",
                "Write such",
            )
        ],
    ),
    "plain functions": (
        HEAD + agent("Writer", "subscriptions: {add: {concurrency: 65}}"),
        [
            (
                "6:27",
                "agent 'writer': subscriptions.add.concurrency: a system runs 64 plain functions at once",
                "Write 64 or less",
            )
        ],
    ),
    "batch": (
        HEAD + agent("Reader", "subscriptions: {read: {batch: 5}}"),
        [("6:28", "agent 'reader': subscriptions.read.batch: the handler takes one message", "Annotate it")],
    ),
    "filter as text": (
        HEAD + agent("Reader", "subscriptions: {read: {filter: size}}"),
        [
            (
                "6:36",
                "agent 'reader': subscriptions.read.filter must be a mapping, not the text 'size'",
                "Write {field: price",
            )
        ],
    ),
    "filter path": (
        HEAD + agent("Reader", "subscriptions: {read: {filter: {field: siz, gt: 5}}}"),
        [("6:28", "agent 'reader': subscriptions.read.filter: Page has no field 'siz'", "Did you mean size?")],
    ),
    "filter of no form": (
        HEAD + agent("Reader", "subscriptions: {read: {filter: {size: 5}}}"),
        [("6:28", "agent 'reader': subscriptions.read.filter: it has no key 'size'", "")],
    ),
    "filter without JSON": (
        HEAD + agent("Reader", "subscriptions: {read: {filter: {field: size, gt: .inf}}}"),
        [("6:36", "agent 'reader': subscriptions.read.filter holds .inf or .nan", "Put quotes around it.")],
    ),
    "tries": (
        HEAD + agent("Reader", "subscriptions: {read: {try_count: 0}}"),
        [("6:39", "agent 'reader': subscriptions.read.try_count must be a whole number", "Write such")],
    ),
    "retry": (
        HEAD + agent("Reader", "subscriptions: {read: {retry: often}}"),
        [("6:35", "agent 'reader': subscriptions.read.retry must be `immediate` or a mapping", "")],
    ),
    "timeout": (
        HEAD + agent("Reader", "subscriptions: {read: {timeout: 0}}"),
        [("6:37", "agent 'reader': subscriptions.read.timeout must be more than 0", "Write seconds as a number")],
    ),
    "in flight": (
        HEAD + agent("Reader", "subscriptions: {read: {max_in_flight: 1000000}}"),
        [
            (
                "6:43",
                "agent 'reader': subscriptions.read.max_in_flight must be a whole number from 1 to 100,000",
                "Write such",
            )
        ],
    ),
    "echo": (
        HEAD + agent("Reader", "subscriptions: {read: {echo: 1}}"),
        [("6:34", "agent 'reader': subscriptions.read.echo must be true or false, not the number 1", "Write true")],
    ),
    "config": (
        HEAD + agent("Reader", "config: {with: 5}"),
        [("6:14", "agent 'reader': config: unknown key 'with'", "Did you mean 'width'?")],
    ),
    "config of none": (
        HEAD + agent("Writer", "config: {width: 5}"),
        [("6:13", "agent 'writer': config: class Writer takes none", "Remove it")],
    ),
    "supervision": (
        HEAD + agent("Reader", "instances: 4", "restart: transient", "mailbox: {capacity: 5}"),
        [
            (
                "6:5",
                "agent 'reader': `instances` does nothing, for Reader takes the messages of channels",
                "Remove it; write",
            ),
            ("7:5", "agent 'reader': `restart` does nothing", "Remove it; each turn is tried by itself"),
            ("8:5", "agent 'reader': `mailbox` does nothing", "Remove it; write channels: {NAME: {capacity: ...,"),
        ],
    ),
    "nested": (
        HEAD + "  - id: below\n    agents:\n      - {id: r, class: news.py:Reader}\n",
        [
            (
                "6:9",
                "agent 'r': Reader takes the messages of channels, and no supervisor has to do with that",
                "Write it under",
            )
        ],
    ),
    "tasks of a subscriber": (
        HEAD + agent("Reader", "tasks: {concurrency: 5}"),
        [
            (
                "6:5",
                "agent 'reader': `tasks` is for who does tasks, and class Reader takes the messages of channels",
                "Remove it",
            )
        ],
    ),
    "subscriptions of an actor": (
        HEAD + agent("Till", "group: a", "subscriptions: {}"),
        [
            (
                "6:5",
                "agent 'till': `group` is for subscribers, and Till is none",
                "Remove it; or let the class take messages",
            ),
            ("7:5", "agent 'till': `subscriptions` is for subscribers, and Till is none", "Remove it"),
        ],
    ),
    "subscriptions of a task agent": (
        HEAD + agent("Doer", "subscriptions: {}"),
        [("6:5", "agent 'doer': `subscriptions` is for subscribers, and Doer is none", "Remove it")],
    ),
    "a class without handlers": (
        HEAD + agent("Empty"),
        [("5:12", "agent 'empty': class: Empty can take no messages", "it has no subscription; write one")],
    ),
    "a class with parameters": (
        HEAD + agent("Needy"),
        [
            (
                "5:12",
                "agent 'needy': class: Needy can take no messages",
                "Needy.__init__: it is called without parameters",
            )
        ],
    ),
    "a group of two classes": (
        HEAD + agent("Reader", "group: all") + agent("Writer", "group: all"),
        [("7:5", "agent 'writer': it is in the group all of Reader", "")],
    ),
    "nobody publishes": (
        HEAD + agent("Writer", "subscriptions: {add: {channels: [notse]}}"),
        [
            (
                "6:27",
                "agent 'writer': subscriptions.add.channels: no subscriber publishes to notse, and it is not declared",
                "Did you mean 'notes'?",
            )
        ],
    ),
    "nobody publishes, as the class says": (
        HEAD.replace("notes", "nots") + agent("Writer"),
        [
            (
                "5:12",
                "agent 'writer': subscriptions.add.channels: no subscriber publishes to notes, and it is not declared (",
                "Did you mean 'nots'?",
            )
        ],
    ),
    "nobody reads": (
        HEAD + agent("Reader", "subscriptions:", "  read:", "    publishes: paper"),
        [
            (
                "8:9",
                "agent 'reader': subscriptions.read.publishes: no subscriber reads paper, and it is not declared",
                "Declare it",
            )
        ],
    ),
    "types that do not meet": (
        HEAD.replace("notes: {}", "notes: {type: news.py:Page}") + READER + agent("Writer"),
        [
            (
                "5:12",
                "agent 'reader': subscriptions.read.publishes: it publishes Note to notes, which takes Page (",
                "Change its",
            ),
            (
                "7:12",
                "agent 'writer': subscriptions.add.channels: it takes Note, which no channel carries that it reads",
                "",
            ),
        ],
    ),
    "tries of what is ephemeral": (
        HEAD.replace("notes: {}", "notes: {ephemeral: true}") + agent("Writer", "subscriptions: {add: {try_count: 3}}"),
        [
            (
                "6:21",
                "agent 'writer': subscriptions.add.channels: Writer has a state, and notes is ephemeral",
                "Make the",
            ),
            (
                "6:27",
                "agent 'writer': subscriptions.add.try_count: it does nothing: notes is ephemeral",
                "Leave it out",
            ),
        ],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_of_a_file_is_told_at_its_place(folder: Path, case: str) -> None:
    """Law: line and column, what is wrong, what to do; nothing else is told."""
    text, wanted = BAD[case]
    found = told(folder, text)
    for (place, message, advice), (where, begins, holds) in zip(found, wanted, strict=False):
        assert (place, message[: len(begins)]) == (where, begins)
        assert holds in advice
    assert len(found) == len(wanted), found


def test_mistakes_of_all_kinds_are_told_at_once(folder: Path) -> None:
    """Law: those of reading and those of resolving; wiring is checked when all that it is made of is right."""
    text = HEAD.replace("notes: {}", "notes: {capacity: 0, type: news.py:Nope}") + agent(
        "Reader",
        "subscriptions: {read: {echo: 1, filter: {field: nope, gt: 1}, channels: lost}, raed: {}}",
        "instances: 2",
    )
    found = told(folder, text)
    assert [place for place, _, _ in found] == ["2:41", "2:50", "6:34", "6:37", "6:84", "7:5"]
    assert not any("publishes to" in message for _, message, _ in found)


def test_what_is_wrong_elsewhere_hides_no_mistake_of_the_wiring(folder: Path) -> None:
    """Law: an actor's mailbox has nothing to do with it."""
    found = told(folder, HEAD.replace("notes", "nots") + agent("Writer") + agent("Till", "mailbox: {capacity: 0}"))
    assert [place for place, _, _ in found] == ["5:12", "8:25"]


def test_the_caret_stands_below_what_is_wrong(folder: Path) -> None:
    """Law: the line is shown."""
    with pytest.raises(DefinitionError) as caught:
        load_and_resolve(write(folder, HEAD + agent("Writer", "subscriptions: {add: {key: qestion}}")), Actor)
    shown = str(caught.value).splitlines()
    assert shown[1].endswith("subscriptions: {add: {key: qestion}}")
    assert shown[2].index("^") == shown[1].index("key")


def test_a_loop_is_warned_of_by_validate_unless_it_is_meant(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Law: a warning is no mistake."""
    assert validate(str(write(folder, HEAD + agent("Ring")))) == 0
    shown = capsys.readouterr()
    assert "warning: " in shown.err
    assert "messages go round for ever: ring.turn -> ring -> ring.turn" in shown.err
    assert "system.yaml:5:12" in shown.err
    assert validate(str(write(folder, HEAD.replace("agents:", "loops: acknowledged\nagents:") + agent("Ring")))) == 0
    assert capsys.readouterr().err == ""


def test_the_schema_for_editors_agrees(folder: Path) -> None:
    """Law: what is right is valid; a key that the reader does not know is not."""
    validator = jsonschema.Draft202012Validator(system_schema())
    validator.validate(yaml.safe_load(GOOD))
    for key in ("capcity", "pattern"):
        wrong = yaml.safe_load(GOOD)
        wrong["channels"]["log"][key] = 1
        assert list(validator.iter_errors(wrong))
    wrong = yaml.safe_load(GOOD)
    wrong["agents"][0]["subscriptions"]["read"]["order"] = "any"
    assert list(validator.iter_errors(wrong))
    wrong = yaml.safe_load(GOOD)
    wrong["channels"]["a b"] = {}
    assert list(validator.iter_errors(wrong))


def test_subscribers_are_split_from_the_other_agents(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: each to who starts it."""
    scope: dict[str, Any] = {"__name__": __name__}
    exec(textwrap.dedent(NEWS), scope)
    others, members = split_members([scope["Till"], scope["Writer"], scope["Doer"], scope["Reader"].configured()])
    children, tasks = split_agents(others)
    assert (children, members.names()) == ((scope["Till"],), ("writer", "reader"))
    assert tasks.get("doer").name == "doer"
    with pytest.raises(ActorClassError, match="they are a list"):
        split_members(scope["Till"])
    with pytest.raises(ActorClassError, match="two subscribers have this name"):
        split_members([scope["Writer"], scope["Writer"]])
    with pytest.raises(ActorClassError, match="it takes the messages of channels"):
        split_agents([scope["Empty"]])[0][0].traits.check()
    with pytest.raises(ConfigRefused):
        scope["Reader"].configured({"width": "x"})
