"""Subscribers and channels are wired, or every mistake is told at once, each with its place."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.core.channel_names import is_name, is_pattern, matches, meet
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.subscriber import Subscriber
from dagger_actors.pubsub.declared.wired import Wiring
from dagger_actors.pubsub.declared.wiring import wire, wire_all
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.pubsub.subscribers.subscribe import subscribe


class Page(msgspec.Struct, frozen=True):
    """A message."""

    url: str


class Note(msgspec.Struct, frozen=True):
    """Another."""

    question: str


class Answer(msgspec.Struct, frozen=True):
    """A third."""

    text: str


OtherNote = msgspec.defstruct("Note", [("question", int)])
LikeNote = msgspec.defstruct("Note", [("question", str), ("more", int, 0)])


class Reader(Subscriber):
    """Pages become notes."""

    @subscribe("raw.*", publishes="notes", order="none")
    async def read(self, page: Page) -> AsyncIterator[Note]:
        yield Note(page.url)


class Writer(Subscriber):
    """Notes become answers."""

    @subscribe("notes", key="question", publishes=("answers", "log"))
    def add(self, note: Note) -> Answer | None: ...


class Printer(Subscriber):
    """Answers end here."""

    @subscribe("answers", "log")
    def show(self, answer: Answer) -> None: ...


def members(*agents: Any) -> Members:
    """The members that classes are."""
    found = Members()
    for one in agents:
        found.add(one)
    return found


def problems(*agents: Any, channels: tuple[Channel, ...] = ()) -> list[str]:
    """What is wrong with a wiring, each mistake as message and advice."""
    return [f"{one.message} | {one.advice}" for one in wire_all(members(*agents), channels)[1]]


def of(
    hint: Any, gives: Any, *channels: str, name: str = "taker", is_async: bool = True, **options: Any
) -> type[Subscriber]:
    """Make a subscriber class with one handler."""

    async def take(self: Any, message: Any) -> Any: ...
    def plain(self: Any, message: Any) -> Any: ...

    made = take if is_async else plain
    made.__name__ = "take"
    made.__annotations__ = {"message": hint, "return": gives}
    return type(name.title(), (Subscriber,), {"take": subscribe(*channels, **options)(made)}, name=name)


def test_a_system_is_wired() -> None:
    """Law: each channel knows its types, who publishes and who reads; a pattern makes channels."""
    wiring = wire(members(Reader, Writer, Printer), [Channel("raw.*", Page, capacity=5), Channel("raw.eu.*")])
    assert [*wiring.channels] == ["notes", "answers", "log"]
    notes = wiring.channels["notes"]
    assert (notes.types, notes.publishers, notes.readers, notes.is_declared) == (
        {"Note": Note},
        ("reader.read",),
        ("writer.add",),
        False,
    )
    assert (notes.capacity, notes.overflow, notes.retain_age_us, notes.ephemeral) == (
        100_000,
        "block",
        604_800_000_000,
        False,
    )
    assert wiring.channels["log"].types == {"Answer": Answer}
    raw = wiring.channel("raw.news")
    assert raw is not None
    assert (raw.name, raw.types, raw.capacity, raw.readers) == ("raw.news", {"Page": Page}, 5, ("reader.read",))
    assert wiring.channel("raw.news") is raw
    assert [one.name for one in wiring.read_by("reader.read")] == ["raw.news"]
    assert [one.name for one in wiring.readers("raw.x")] == ["reader.read"]
    assert wiring.channel("raw") is wiring.channel("raw.a.b") is None
    assert wiring.warnings == ()


def test_a_channel_has_what_is_said_of_it_else_what_is_said_of_the_closest_pattern() -> None:
    """Law: its own declaration, then the longest pattern."""
    channels = [
        Channel("a.*", capacity=1),
        Channel("a.b*", capacity=2),
        Channel("a.bc", capacity=3),
        Channel("*.*", capacity=4),
    ]
    wiring = wire(members(of(Page, None, "a.bd")), channels)
    found = {name: wiring.channel(name) for name in ("a.bc", "a.bd", "a.bx", "a.x", "x.x")}
    assert {name: one.capacity for name, one in found.items() if one} == {
        "a.bc": 3,
        "a.bd": 2,
        "a.bx": 2,
        "a.x": 1,
        "x.x": 4,
    }


def test_what_is_published_to_a_pattern_is_made_by_it() -> None:
    """Law: no declaration is needed where both sides are there."""
    publisher = of(Page, None, "in", name="publisher", publishes="out.*")
    wiring = wire(members(publisher, of(Note, None, "out.a*", name="reader")), [Channel("in", Page)])
    assert [one.name for one in wiring.patterns] == ["out.*"]
    made = wiring.channel("out.abc")
    assert made is not None
    assert (made.types, made.publishers, made.readers) == ({"Note": Note}, ("publisher.take",), ("reader.take",))
    other = wiring.channel("out.b")
    assert other is not None
    assert other.readers == ()


def test_a_declaration_that_probably_was_to_be_of_a_channel_that_is_used_is_warned_of() -> None:
    """Law: else its bounds would silently be the defaults; what is declared for others alone is no mistake."""
    agents = members(of(Page, Note, "pages", publishes="notes"), of(Note, None, "notes", name="reader"))
    channels = [Channel("pages", Page), Channel("ntoes", capacity=5), Channel("orders"), Channel("notes.*")]
    (warning,) = wire(agents, channels, loops_acknowledged=True).warnings
    assert (
        "Channel('ntoes'): it is declared, and no subscriber publishes to it or reads it; notes has the defaults"
        in str(warning)
    )
    assert "Did you mean 'notes'?" in str(warning)
    assert wire(agents, [Channel("pages", Page), Channel("notes"), Channel("ntoes")]).warnings == ()
    assert wire(members(), channels).warnings == ()


def test_members_of_one_group_are_one_subscription() -> None:
    """Law: they share it."""
    wiring = wire(members(Printer, Printer.configured(name="b", group="printer")), [Channel("answers"), Channel("log")])
    assert [*wiring.subscriptions] == ["printer.show"]


DECLARED = (Channel("pages", Page), Channel("notes", Note), Channel("any"), Channel("both", Page | Note))

MISTAKES: dict[str, tuple[tuple[Any, ...], tuple[Channel, ...], list[str]]] = {
    "nobody publishes": (
        (of(Page, None, "lost"),),
        (),
        [
            "no subscriber publishes to lost, and it is not declared | Declare it, Channel('lost'), for whoever else publishes to it, or let a subscriber publish to it."
        ],
    ),
    "nobody publishes to a pattern": (
        (of(Page, None, "lost.*"),),
        (),
        [
            "no subscriber publishes to lost.*, and it is not declared | Declare it, Channel('lost.*'), for whoever else publishes to it, or let a subscriber publish to it."
        ],
    ),
    "misspelt where it is read": (
        (of(Page, None, "pagse"),),
        DECLARED,
        ["channels: no subscriber publishes to pagse, and it is not declared | Did you mean 'pages'?"],
    ),
    "nobody reads": (
        (of(Page, Note, "pages", publishes="nots"),),
        DECLARED,
        ["publishes: no subscriber reads nots, and it is not declared | Did you mean 'notes'?"],
    ),
    "nobody reads, nothing near": (
        (of(Page, None, "pages", publishes="zzz"),),
        DECLARED,
        [
            "publishes: no subscriber reads zzz, and it is not declared | Declare it, Channel('zzz'), for whoever else reads it, or let a subscriber read it."
        ],
    ),
    "takes another class": (
        (of(Answer, None, "pages"),),
        DECLARED,
        ["channels: it takes Answer, which no channel carries that it reads; they carry Page | Change its annotation"],
    ),
    "takes a class too many": (
        (of(Page | Answer, None, "pages", "notes"),),
        DECLARED,
        ["channels: it takes Answer, which no channel carries that it reads; they carry Note, Page"],
    ),
    "takes a class that is misspelt": (
        (of(msgspec.defstruct("Pge", []), None, "pages"),),
        DECLARED,
        ["channels: it takes Pge, which no channel carries that it reads; they carry Page | Did you mean 'Page'?"],
    ),
    "takes what its publishers never give": (
        (of(Page, Note, "pages", publishes="x", name="first"), of(Answer, None, "x", name="second")),
        DECLARED,
        ["channels: it takes Answer, which no channel carries that it reads; they carry Note"],
    ),
    "gives another class": (
        (of(Page, Answer, "pages", publishes="notes"),),
        DECLARED,
        [
            "publishes: it publishes Answer to notes, which takes Note | Change its annotation, or what the channel takes."
        ],
    ),
    "takes a class of that name that never fits": (
        (of(OtherNote, None, "notes"),),
        DECLARED,
        ["channels: the Note that notes carries is never the Note that it takes: str is never int (at $.question)"],
    ),
    "gives a class of that name that never fits": (
        (of(Page, OtherNote, "pages", publishes="notes"),),
        DECLARED,
        ["publishes: the Note that it gives is never the Note that notes takes: int is never str (at $.question)"],
    ),
    "a key that no message has": (
        (of(Any, None, "notes", key="customer"),),
        DECLARED,
        ["key: Note has no field 'customer' | It has question."],
    ),
    "a key that one of two messages lacks": (
        (of(Any, None, "both", key="question"),),
        DECLARED,
        ["key: Page has no field 'question' | It has url."],
    ),
    "a filter that no message has": (
        (of(Any, None, "both", filter={"field": "text", "equals": "a"}),),
        DECLARED,
        ["filter: Page has no field 'text' | It has url."],
    ),
    "tries of what is tried once": (
        (of(Page, None, "e", try_count=3, start="latest"),),
        (Channel("e", Page, ephemeral=True),),
        [
            "try_count: it does nothing: e is ephemeral, and nothing is tried again",
            "start: it does nothing: e is ephemeral",
        ],
    ),
    "declared twice": (
        (),
        (Channel("a", Page), Channel("a", Note)),
        [f"it is declared otherwise at {__file__}:"],
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_the_wiring_is_told(case: str) -> None:
    """Law: each with what to do."""
    agents, channels, told = MISTAKES[case]
    found = problems(*agents, channels=channels)
    assert len(found) == len(told)
    for one, wanted in zip(found, told, strict=True):
        assert wanted in one


FINE: dict[str, tuple[tuple[Any, ...], tuple[Channel, ...]]] = {
    "anything is published": ((of(Page, Any, "pages", publishes="notes"),), DECLARED),
    "anything is taken": ((of(Any, None, "both", key=None, filter={"field": "url", "exists": True}),), DECLARED),
    "a channel of anything": ((of(Answer, None, "any", key="text"),), DECLARED),
    "some of its classes": ((of(Page, None, "both"),), DECLARED),
    "a class of that name that fits": (
        (of(LikeNote, None, "notes"), of(Page, LikeNote, "pages", publishes="notes", name="b")),
        DECLARED,
    ),
    "ctx.publish": ((of(Page, None, "pages", publishes="x"), of(Answer, None, "x", name="b")), DECLARED),
    "one of two is durable": ((of(Any, None, "e", "any", try_count=3),), (*DECLARED, Channel("e", ephemeral=True))),
    "declared twice alike": ((), (Channel("a", Page), Channel("a", Page))),
}


@pytest.mark.parametrize("case", FINE)
def test_what_may_meet_is_no_mistake(case: str) -> None:
    """Law: only what can never fit is complained of."""
    agents, channels = FINE[case]
    assert problems(*agents, channels=channels) == []


def test_every_mistake_is_told_at_once_with_file_and_line() -> None:
    """Law: in the order of the subscribers, each at its handler."""

    class Lost(Subscriber):
        @subscribe("nowhere")
        def first(self, page: Page) -> None: ...

        @subscribe("notes", publishes="void")
        def second(self, note: Answer) -> Note: ...

    with pytest.raises(DefinitionError) as caught:
        wire(members(Lost), DECLARED)
    told = caught.value.problems
    assert [one.message.partition(": ")[0] for one in told] == ["Lost.first", "Lost.second", "Lost.second"]
    lines = Path(__file__).read_text().splitlines()
    for one, decorator in zip(
        told, ('@subscribe("nowhere")', *['@subscribe("notes", publishes="void")'] * 2), strict=True
    ):
        assert one.file == __file__
        assert lines[one.line - 1].strip() == decorator
        assert str(one).splitlines()[2].index("^") == str(one).splitlines()[1].index("@")


def test_a_system_of_too_many_mistakes_tells_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: bounded."""
    monkeypatch.setattr("dagger_actors.pubsub.declared.wiring_check.MAX_TOLD", 5)
    agents = [of(Page, None, f"c{n}", name=f"a{n}") for n in range(9)]
    assert len(wire_all(members(*agents))[1]) == 5


# --- loops


def ring(*gives: Any, **options: Any) -> list[type[Subscriber]]:
    """Subscribers in a ring, each giving the next one's message."""
    size = len(gives)
    return [
        of(Page, one, f"c{n}", publishes=f"c{(n + 1) % size}", name=f"s{n}", **(options if n == 0 else {}))
        for n, one in enumerate(gives)
    ]


def warned(*agents: Any, channels: tuple[Channel, ...] = ()) -> tuple[Problem, ...]:
    """The warnings of a wiring."""
    return wire(members(*agents), channels).warnings


def test_a_loop_without_an_exit_is_warned_of() -> None:
    """Law: once, with its way, at the first of its handlers; not when it is meant."""
    (warning,) = warned(*ring(Page, Page, Page))
    assert (
        "publishes: messages go round for ever: s0.take -> c1 -> s1.take -> c2 -> s2.take -> c0 -> s0.take"
        in warning.message
    )
    assert "loops: acknowledged" in warning.advice
    assert wire(members(*ring(Page, Page)), loops_acknowledged=True).warnings == ()


def test_a_loop_with_an_exit_is_none() -> None:
    """Law: None, a list, a filter, another class, or nobody knows."""
    for exit_ in (Page | None, list[Page], Iterator[Page], Any, None):
        if exit_ is Iterator[Page]:
            continue
        assert warned(*ring(Page, exit_)) == ()
    assert warned(*ring(Page, Page, filter={"field": "url", "equals": "a"})) == ()
    first, second = ring(Page | Note, Page)
    assert warned(first, second, channels=(Channel("c0", Page), Channel("c1", Page | Note))) == ()


def test_who_publishes_to_itself_goes_round_only_with_the_echo() -> None:
    """Law: a publisher never receives its own message back on the same subscription and key."""
    (alone,) = ring(Page)
    assert warned(alone) == ()
    (echoing,) = ring(Page, echo=True)
    assert len(warned(echoing)) == 1


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), max_size=7))
def test_a_loop_is_found_exactly_when_there_is_one(edges: list[tuple[int, int, bool]]) -> None:
    """Law: against a search of all ways."""
    agents = [
        of(Page, Page if certain else Page | None, f"c{source}", publishes=f"c{target}", name=f"s{n}")
        for n, (source, target, certain) in enumerate(edges)
    ]
    channels = [Channel(f"c{n}", Page) for n in range(5)]
    assert bool(wire(members(*agents), channels).warnings) is _has_loop(edges)


def _has_loop(edges: list[tuple[int, int, bool]]) -> bool:
    """Whether some subscriptions, each another, pass a message on in a ring of two or more."""
    certain = [(source, target) for source, target, is_certain in edges if is_certain]
    for size in range(2, len(certain) + 1):
        for way in itertools.permutations(certain, size):
            if all(one[1] == other[0] for one, other in zip(way, (*way[1:], way[0]), strict=True)):
                return True
    return False


# --- names and patterns


def test_patterns_stand_for_text_without_a_dot() -> None:
    """Law: `*` is any text without a dot, the empty one too."""
    for pattern, name, is_one in [
        ("raw.*", "raw.a", True),
        ("raw.*", "raw", False),
        ("raw.*", "raw.a.b", False),
        ("*", "a", True),
        ("*", "a.b", False),
        ("a*c.*", "abc.x", True),
        ("a*c.*", "ac.x", True),
        ("a*c.*", "ab.x", False),
        ("a", "a", True),
    ]:
        assert matches(pattern, name) is is_one
    for good in ("a", "a.b", "a_b-c.9", "\u00e4"):
        assert is_name(good)
    for bad in ("", ".", "a.", ".a", "a..b", "a b", "@a", "a*", "a/b", "a\n", 5, None, "x" * 201):
        assert not is_name(bad)
    assert is_pattern("a.*")
    assert not is_pattern("a")
    assert not is_pattern("*a b")


PARTS = st.lists(st.text("ab*", min_size=1, max_size=3), min_size=1, max_size=2).map(".".join)
NAMES = ["".join(part) for size in range(1, 5) for part in itertools.product("ab.", repeat=size)]


@given(PARTS, PARTS)
def test_patterns_meet_when_some_name_is_of_both(one: str, other: str) -> None:
    """Law: against all short names; and both ways alike."""
    assert meet(one, other) is meet(other, one)
    if any(matches(one, name) and matches(other, name) for name in NAMES if is_name(name)):
        assert meet(one, other)
    elif "*" not in one:
        assert meet(one, other) is matches(other, one)


def test_the_channels_that_patterns_make_are_bounded_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: more are made again when they are asked for."""
    monkeypatch.setattr("dagger_actors.pubsub.declared.wired.MAX_MADE", 3)
    wiring: Wiring = wire(members(), [Channel("a.*", Page)])
    for n in range(10):
        assert wiring.channel(f"a.{n}") is not None
    assert re.fullmatch("a.9", wiring.read_by.__self__._made.popitem()[0])  # type: ignore[attr-defined]
    assert len(wiring._made) < 3
