"""What a subscriber takes and gives is read when its class is made; what cannot be is told then, with what to write."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import msgspec
import pytest

import dagger_actors
from dagger_actors import (
    ActorClassError,
    ActorSystem,
    Channel,
    ConfigRefused,
    Secret,
    Snooze,
    Subscriber,
    TaskContext,
    UnknownAgent,
    handler,
    subscribe,
)
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind
from dagger_actors.pubsub.subscribers.kind import SubscriberKind, kind_of
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.pubsub.turns.context import TurnContext


class Page(msgspec.Struct, frozen=True):
    """A message."""

    url: str


class Note(msgspec.Struct, frozen=True):
    """Another."""

    question: str
    text: str = ""


class Due(msgspec.Struct, frozen=True):
    """A timer's."""


class Draft(msgspec.Struct):
    """A state."""

    notes: list[str] = []


class Settings(msgspec.Struct, frozen=True):
    """A config."""

    width: int


@dataclass
class Line:
    """A message that is no Struct."""

    text: str


class Row(TypedDict):
    """One that is a dict."""

    text: str


def kind(cls: type) -> SubscriberKind:
    """What is known of a class."""
    found = kind_of(cls)
    assert found is not None
    return found


def read(function: Callable[..., Any], **options: Any) -> HandlerKind:
    """The handler that a function is, of a class of its own."""

    class One(Subscriber):
        take = subscribe("pages", **options)(function)

    return kind(One).handlers["take"]


class Writer(Subscriber, group="writers"):
    """One with all there is."""

    config: Settings
    state: Draft

    @subscribe("notes", key="question", publishes=("answers", "log"))
    def add(self, note: Note, ctx: TurnContext) -> Page | None:
        """Take one."""

    @handler
    def flush(self, due: Due) -> None:
        """Take a timer."""


def test_the_public_names_are_there() -> None:
    """Law: what users write is imported from the package."""
    for name in ("Channel", "Subscriber", "subscribe"):
        assert name in dagger_actors.__all__
        assert getattr(dagger_actors, name)


def test_a_class_knows_its_handlers_its_timers_its_config_and_its_state() -> None:
    """Law: name in lower case, handlers by method, timers by the class of the message."""
    known = kind(Writer)
    assert (known.name, known.group, known.source) == ("writer", "writers", Writer)
    assert (known.config, known.state) == (Settings, Draft)
    assert (list(known.handlers), list(known.timers)) == (["add"], ["Due"])
    assert known.timers["Due"].name == "flush"
    assert known.make_config({"width": 3}) == Settings(3)
    add = known.handlers["add"]
    assert (add.takes, add.gives, add.publishes) == ({"Note": Note}, {"Page": Page}, ("answers", "log"))
    assert (add.is_async, add.is_generator, add.is_batch, add.has_context) == (False, False, False, True)
    assert add.function is Writer.add
    assert add.place.startswith(__file__)


def test_what_a_handler_gives_is_read_from_its_annotation_without_what_is_nothing() -> None:
    """Law: None and Snooze are nothing to publish; of lists and iterators the items are."""

    def both(self: Any, page: Page) -> Note | Page | Snooze | None: ...
    def many(self: Any, page: Page) -> list[Note]: ...
    def yielding(self: Any, page: Page) -> Iterator[Note | Page]:
        yield Note("")

    async def flowing(self: Any, page: Page) -> AsyncIterator[Note]:
        yield Note("")

    async def plain(self: Any, page: Page) -> Note: ...
    def nothing(self: Any, page: Page) -> None: ...
    def unsaid(self: Any, page: Page): ...

    assert read(both, publishes="notes").gives == {"Note": Note, "Page": Page}
    assert read(many, publishes="notes").gives == {"Note": Note}
    found = read(yielding, publishes="notes")
    assert (found.gives, found.is_generator, found.is_async) == ({"Note": Note, "Page": Page}, True, False)
    found = read(flowing, publishes="notes")
    assert (found.gives, found.is_generator, found.is_async) == ({"Note": Note}, True, True)
    found = read(plain, publishes="notes")
    assert (found.is_generator, found.is_async, found.is_certain) == (False, True, True)
    assert read(nothing).gives == {}
    assert read(unsaid).gives == {}
    assert read(unsaid, publishes="notes").gives == {"": Any}
    assert [read(one, publishes="notes").is_certain for one in (both, many, yielding, flowing, unsaid)] == [False] * 5


def test_messages_are_named_by_their_classes() -> None:
    """Law: a Struct, a dataclass, a TypedDict, a container and plain values by the name of their class, anything by none."""

    def any_of(self: Any, one: Page | Line | Row | dict[str, int] | int | Literal["a", "b"]) -> None: ...
    def anything(self: Any, one: Any) -> None: ...
    def annotated(self: Any, one: typing.Annotated[Page, "a page"]) -> None: ...

    names = {"Page": Page, "Line": Line, "Row": Row, "dict": dict[str, int], "int": int, "str": Literal["a", "b"]}
    found = read(any_of)
    assert found.takes == names
    assert found.hint_of("Line") is Line
    assert found.hint_of("Other") is None
    assert found.hint_of("") is None
    assert read(anything).takes == {"": Any}
    assert read(anything).hint_of("Other") is Any
    assert list(read(annotated).takes) == ["Page"]
    assert read(annotated).hint_of("") == typing.Annotated[Page, "a page"]


def test_a_handler_with_a_batch_takes_a_list() -> None:
    """Law: the type of the message is that of the items."""

    def add(self: Any, notes: list[Note]) -> None: ...

    found = read(add, batch=10)
    assert (found.is_batch, found.takes, found.options.batch) == (True, {"Note": Note}, 10)


def test_a_subclass_has_the_handlers_of_its_base_and_none_of_its_names() -> None:
    """Law: a base may be a subscriber too, or none by itself."""

    class Late(Writer):
        @subscribe("pages")
        def page(self, page: Page) -> None: ...

    assert list(kind(Late).handlers) == ["add", "page"]
    assert (kind(Late).name, kind(Late).group) == ("late", None)

    class Base(Subscriber):
        pass

    with pytest.raises(ActorClassError, match=re.escape('write one: @subscribe("orders")')):
        Base.configured()


def refused_class(body: Callable[[], object]) -> str:
    """What is told of a class that cannot be."""
    with pytest.raises(ActorClassError) as caught:
        body()
    return str(caught.value)


def made(function: Callable[..., Any] | None = None, /, mark: Any = None, **attributes: Any) -> Callable[[], object]:
    """Make a class with one handler."""

    def make() -> object:
        members: dict[str, Any] = dict(attributes)
        if function is not None:
            code = types.FunctionType(function.__code__, function.__globals__, function.__name__)
            code.__annotations__ = function.__annotations__
            members["take"] = (subscribe("pages") if mark is None else mark)(code)
        return type("Bad", (Subscriber,), {"__module__": __name__, **members})

    return make


def no_message(self: Any) -> None: ...
def unannotated(self: Any, page) -> None: ...  # type: ignore[no-untyped-def]
def two_messages(self: Any, page: Page, note: Note) -> None: ...
def context_first(self: Any, ctx: TurnContext, page: Page) -> None: ...
def two_contexts(self: Any, page: Page, ctx: TurnContext, other: TurnContext) -> None: ...
def of_a_task(self: Any, page: Page, ctx: TaskContext) -> None: ...
def by_name(self: Any, *, page: Page) -> None: ...
def of_none(self: Any, page: Page | None) -> None: ...
def of_unknown(self: Any, page: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821
def of_secret(self: Any, page: Secret) -> None: ...
def of_function(self: Any, page: Callable[[], int]) -> None: ...
def of_two_named(self: Any, page: Page | TwinPage) -> None: ...
def of_list(self: Any, pages: list[Page]) -> None: ...
def giving(self: Any, page: Page) -> Note: ...
def yielding_one(self: Any, page: Page) -> Note:
    yield  # type: ignore[misc]


def right(self: Any, page: Page) -> None: ...


TwinPage = msgspec.defstruct("Page", [("other", int)])


class Frozen(msgspec.Struct, frozen=True):
    """No state."""


class Needy(msgspec.Struct):
    """Neither."""

    width: int


class Listed(msgspec.Struct, array_like=True):
    """Nor this one."""

    width: int = 0


async def started(self: Any, ctx: Any) -> None: ...


BAD_CLASSES: dict[str, tuple[Callable[[], object], str]] = {
    "takes nothing": (
        made(no_message),
        "it takes one message, and a context behind it if it likes; write def no_message(",
    ),
    "unannotated": (made(unannotated), "its parameter 'page' has no annotation; write def unannotated("),
    "two messages": (made(two_messages), "it takes one message"),
    "context first": (made(context_first), "it takes one message"),
    "two contexts": (made(two_contexts), "it takes one message"),
    "context of a task": (made(of_a_task), "ctx is a context of another kind; write ctx: TurnContext"),
    "by name": (made(by_name), "cannot be given by place"),
    "none": (made(of_none), "a message has a class of its own, such as a msgspec Struct; NoneType is none"),
    "unknown": (
        made(of_unknown),
        "its annotations cannot be read: name 'Nowhere' is not defined; import the types at run",
    ),
    "secret": (made(of_secret), "a message is a Secret, which is never sent; take it from a resource"),
    "function": (made(of_function), "no message of type collections.abc.Callable[[], int] can be sent"),
    "two of a name": (made(of_two_named), "two classes of a message are named Page"),
    "list": (made(of_list), "take: batch: the handler takes a list, and no batch is given; give batch=100, say"),
    "gives": (made(giving), "take: publishes: it gives Note, and no channel is named for that; name it: publishes=..."),
    "yields one": (made(yielding_one), "it yields, so it is annotated to: Iterator[SomeStruct]"),
    "channel is none": (
        made(right, subscribe("no channel")),
        "channels: 'no channel' is no channel; write letters, digits",
    ),
    "no channel": (made(right, subscribe()), "channels: it reads no channel"),
    "channel twice": (made(right, subscribe("a", "a")), "channels: it names 'a' twice"),
    "no method": (made(take=subscribe("a")(staticmethod(right))), "a handler is a plain or `async` method"),
    "both marks": (made(right, lambda one: handler(subscribe("a")(one))), "it has @subscribe and @handler"),
    "batch of timers": (made(right, handler(batch=5)), "timers come one by one"),
    "name": (lambda: type("Bad", (Subscriber,), {}, name="a/b"), "'a/b' is no name; write 1 to 200 printable"),
    "group": (lambda: type("Bad", (Subscriber,), {}, group=""), "'' is no name"),
    "keyword": (
        lambda: type("Bad", (Subscriber,), {}, concurrency=4),
        "no class keyword 'concurrency'; there are name and",
    ),
    "durable": (lambda: type("Bad", (Subscriber,), {}, durable=True), "its state is durable anyway"),
    "durable attribute": (made(durable=True), "it does nothing for a subscriber; leave it out"),
    "dispatcher": (made(dispatcher="io"), "Bad.dispatcher: it does nothing for a subscriber; make its handlers async"),
    "hook": (made(started=started), "Bad.started: it is never called"),
    "frozen state": (
        made(__annotations__={"state": Frozen}),
        "Bad.state: its handlers change it, and Frozen is frozen",
    ),
    "needy state": (made(__annotations__={"state": Needy}), "not every field has one"),
    "listed state": (made(__annotations__={"state": Listed}), "no array_like Struct"),
    "state is no Struct": (made(__annotations__={"state": dict}), "it is annotated with a msgspec Struct"),
    "state in any order": (
        made(right, subscribe("a", order="none"), __annotations__={"state": Draft}),
        "take: order: turns in any order cannot share the state; give a key, or leave out order='none'",
    ),
    "no parentheses": (lambda: subscribe(right), '@subscribe: it needs a channel: @subscribe("orders")'),  # type: ignore[arg-type]
    "marks a class": (lambda: subscribe("a")(Page), "@subscribe marks methods of a Subscriber"),
}


@pytest.mark.parametrize("case", BAD_CLASSES)
def test_a_class_that_cannot_be_is_told_when_it_is_made(case: str) -> None:
    """Law: ActorClassError, with what to write."""
    make, told = BAD_CLASSES[case]
    assert told in refused_class(make)


def test_a_handler_that_overrides_one_is_marked_too() -> None:
    """Law: it would be forgotten otherwise."""

    def override() -> object:
        class Other(Writer):
            def add(self, note: Note) -> None: ...  # type: ignore[override]

        return Other

    assert "it overrides a handler, so it needs @subscribe too" in refused_class(override)


def test_two_handlers_take_no_timer_of_one_class() -> None:
    """Law: a message has one handler."""

    def twice() -> object:
        class Other(Writer):
            @handler
            def also(self, due: Due) -> None: ...

        return Other

    assert "flush handles Due already" in refused_class(twice)


def test_handlers_that_share_a_state_are_in_one_group() -> None:
    """Law: state belongs to a group and a key."""

    def apart() -> object:
        class Other(Writer):
            @subscribe("notes", key="question", group="others")
            def also(self, note: Note) -> None: ...

        return Other

    assert "also: group: state belongs to one group, and its handlers are in other and others" in refused_class(apart)
    assert "also: group" in refused_class(apart)


def test_a_subscriber_is_no_actor_and_nobodys_child() -> None:
    """Law: it cannot be spawned, started, or asked for a ref."""
    with pytest.raises(ActorClassError, match=re.escape("use system.actors.spawn(Writer, config)")):
        Writer.start()
    with ActorSystem() as system, pytest.raises(ActorClassError, match="it takes the messages of channels"):
        system.actors.spawn(Writer, Settings(1))
    with pytest.raises(ActorClassError, match="nobody sends a subscriber messages"):
        _ = Writer().actor_ref


def test_members_have_names_and_groups() -> None:
    """Law: a group is the handler's, else what was configured, else the class's, else the agent's name."""
    members = Members()
    members.add(Writer.configured(Settings(1)))
    members.add(Writer.configured({"width": 2}, name="second", subscriptions={"add": {"concurrency": 3}}))
    members.add(Writer.configured({"width": 3}, name="third", group="others"))
    members.add(Writer.configured({"width": 3}, name="fourth", group="x", subscriptions={"add": {"group": "own"}}))
    assert members.names() == ("writer", "second", "third", "fourth")
    assert [one.groups["add"] for one in members] == ["writers", "writers", "others", "own"]
    assert [*members.subscriptions()] == ["writers.add", "others.add", "own.add"]
    assert [[one.name for one in group] for group in members.groups().values()] == [
        ["writer", "second"],
        ["third"],
        ["fourth"],
    ]
    assert members.get("second").handlers["add"].options.concurrency == 3
    assert members.get("second").config == Settings(2)
    with pytest.raises(UnknownAgent, match="second"):
        members.get("secnd")


def test_a_member_makes_subscribers_with_its_config_and_a_state() -> None:
    """Law: each key has an instance and a state of its own."""
    member = Members().add(Writer.configured(Settings(7)))
    first, second = member.make(), member.make(Draft(["a"]))
    assert (first.config, first.state, second.state) == (Settings(7), Draft(), Draft(["a"]))


class Plain(Subscriber):
    """A subscriber without a config."""

    @subscribe("pages")
    def take(self, page: Page) -> None:
        """Take one."""


BAD_MEMBERS: dict[str, tuple[Callable[[Members], object], type[Exception], str]] = {
    "no subscriber": (lambda one: one.add(Page), ActorClassError, "a Subscriber class is wanted"),
    "Subscriber itself": (lambda one: one.add(Subscriber), ActorClassError, "a Subscriber class is wanted"),
    "configured itself": (lambda _: Subscriber.configured(), ActorClassError, "write a class of your own"),
    "same name": (lambda one: (one.add(Plain), one.add(Plain)), ActorClassError, "two subscribers have this name"),
    "config lacks": (lambda one: one.add(Writer), ConfigRefused, "width"),
    "config unknown": (lambda _: Writer.configured({"width": 1, "with": 1}), ConfigRefused, "unknown key 'with'"),
    "no such handler": (
        lambda _: Plain.configured(subscriptions={"tak": {}}),
        ActorClassError,
        "Plain: it has no subscription 'tak'; it has take",
    ),
    "bad option": (
        lambda _: Plain.configured(subscriptions={"take": {"concurrency": 2}}),
        ActorClassError,
        "take: concurrency: messages without a key are handled in their order",
    ),
    "bad name": (lambda _: Plain.configured(name="a,b"), ActorClassError, "'a,b' is no name"),
    "bad group": (lambda _: Plain.configured(group="@x"), ActorClassError, "'@x' is no name"),
    "group of two classes": (
        lambda one: (one.add(Plain), one.add(Writer.configured({"width": 1}, group="plain"))),
        ActorClassError,
        "writer: it is in the group plain of Plain",
    ),
    "members disagree": (
        lambda one: (
            one.add(Plain),
            one.add(Plain.configured(name="b", group="plain", subscriptions={"take": {"echo": True}})),
        ),
        ActorClassError,
        "b: members of a group share plain.take, so its echo is the same for all",
    ),
}


@pytest.mark.parametrize("case", BAD_MEMBERS)
def test_a_member_that_cannot_be_is_told(case: str) -> None:
    """Law: nothing is accepted that would do nothing."""
    make, error, told = BAD_MEMBERS[case]
    with pytest.raises(error) as caught:
        make(Members())
    assert told in str(caught.value)


BAD_CHANNELS: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"name": "a b"}, "name: 'a b' is no channel"),
    "name of a group": ({"name": "@writers"}, "name: '@writers' is no channel"),
    "empty part": ({"name": "a..b"}, "is no channel"),
    "no text": ({"name": 5}, "name: 5 is no channel"),
    "ephemeral": ({"ephemeral": 1}, "ephemeral: it is True or False, not 1"),
    "capacity": ({"capacity": 0}, "capacity: it is a whole number from 1 to 10,000,000, not 0"),
    "overflow": (
        {"overflow": "blok"},
        "overflow: it is block or reject or drop_oldest, not 'blok'; did you mean block?",
    ),
    "drops": ({"overflow": "drop_oldest"}, "overflow: a durable channel loses nothing"),
    "age": ({"retain_age_s": -1}, "retain_age_s: it is a number of seconds from 0"),
    "count": ({"retain_count": 0}, "retain_count: it is a whole number"),
    "bytes": ({"retain_bytes": 1.5}, "retain_bytes: it is a whole number"),
    "keeps nothing": ({"ephemeral": True, "retain_count": 5}, "retain_count: an ephemeral channel keeps nothing"),
    "type": ({"type": None | Page}, "a message has a class of its own"),
    "two types": ({"type": Page | TwinPage}, "two classes of a message are named Page"),
}


@pytest.mark.parametrize("case", BAD_CHANNELS)
def test_a_channel_that_cannot_be_is_told(case: str) -> None:
    """Law: ActorClassError, with what to write."""
    given, told = BAD_CHANNELS[case]
    with pytest.raises(ActorClassError) as caught:
        Channel(**{"name": "a", **given})
    assert told in str(caught.value)


def test_a_channel_has_the_documented_defaults_and_knows_its_place() -> None:
    """Law: 100,000 messages, then block; done messages are kept for 7 days."""
    made = Channel("a.*", Page | Note)
    assert (made.capacity, made.overflow, made.retain_age_us) == (100_000, "block", 7 * 86_400_000_000)
    assert (made.retain_count, made.retain_bytes, made.ephemeral, made.is_pattern) == (None, None, False, True)
    assert made.types == {"Page": Page, "Note": Note}
    assert Channel("a").types is None
    assert made.place.startswith(__file__)
