"""What a subscription says about how its messages are taken is judged when its class is made, all mistakes at once."""

from __future__ import annotations

import datetime as dt
import enum
import re
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.core.comparisons import OPERATORS
from dagger_actors.core.retry import Exponential, Immediate, Linear, RetryPolicy
from dagger_actors.errors import ActorClassError, KeyRefused
from dagger_actors.pubsub.declared.subscriber import Subscriber
from dagger_actors.pubsub.subscribers.filters import Compared
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind
from dagger_actors.pubsub.subscribers.kind import kind_of
from dagger_actors.pubsub.subscribers.option_values import OPTIONS
from dagger_actors.pubsub.subscribers.options import SubscribeOptions, make_options
from dagger_actors.pubsub.subscribers.subscribe import subscribe


class Colour(enum.Enum):
    """Text."""

    RED = "red"


class Customer(msgspec.Struct, rename="camel"):
    """A part of a message."""

    id: int
    full_name: str = ""
    is_known: bool | None = None


class Order(msgspec.Struct, frozen=True, tag=True):
    """A message."""

    item: str
    price: float
    customer: Customer
    colour: Colour = Colour.RED
    number: uuid.UUID | None = None
    lines: list[str] = []
    extra: dict[str, Any] = {}


class Refund(msgspec.Struct):
    """Another, with one field in common."""

    item: str


def handler_of(hint: Any = Order, **given: Any) -> HandlerKind:
    """A handler that was given these options."""

    async def take(self: Any, order: Any) -> None: ...

    take.__annotations__["order"] = hint

    class Taker(Subscriber):
        pass

    cls = type("Taker", (Subscriber,), {"take": subscribe(*given.pop("channels", ("orders",)), **given)(take)})
    found = kind_of(cls)
    assert found is not None
    return found.handlers["take"]


def options_of(hint: Any = Order, **given: Any) -> SubscribeOptions:
    """Its options."""
    return handler_of(hint, **given).options


def refused(hint: Any = Order, **given: Any) -> str:
    """What is told of options that cannot be."""
    with pytest.raises(ActorClassError) as caught:
        handler_of(hint, **given)
    return str(caught.value)


def test_without_options_every_one_has_the_documented_default() -> None:
    """Law: in order, one at a time, 5 tries, 1 s doubling to 60 s with up to 1 s by chance, from the earliest message."""
    retry = RetryPolicy(tries=5, wait=Exponential(initial_delay_secs=1, max_delay_secs=60, multiplier=2, jitter=1))
    assert options_of() == SubscribeOptions(
        channels=("orders",),
        publishes=(),
        key="",
        group=None,
        start="earliest",
        order="all",
        concurrency=1,
        batch=1,
        filter=None,
        retry=retry,
        timeout_s=None,
        max_in_flight=1_000,
        echo=False,
    )
    assert options_of().timeout_us is None
    assert (options_of(key="item").concurrency, options_of(order="none").concurrency) == (16, 16)


NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)

GIVEN: list[tuple[str, Any, Any]] = [
    ("channels", ("a", "b.*"), ("a", "b.*")),
    ("publishes", "log", ("log",)),
    ("publishes", ["log", "more.*"], ("log", "more.*")),
    ("key", "item", "item"),
    ("key", "customer.id", "customer.id"),
    ("group", "audit", "audit"),
    ("group", None, None),
    ("start", "latest", "latest"),
    ("start", 17, "offset:17"),
    ("start", NOON, "time:1767268800000000"),
    ("start", NOON.replace(tzinfo=None), "time:1767268800000000"),
    ("start", "2026-01-01T13:00+01:00", "time:1767268800000000"),
    ("start", "2026-01-01", "time:1767225600000000"),
    ("start", dt.datetime(1900, 1, 1, tzinfo=dt.UTC), "time:0"),
    ("order", "all", "all"),
    ("order", "none", "none"),
    ("filter", {"field": "price", "gt": 5}, Compared("price", "gt", "5")),
    ("filter", None, None),
    ("retry", RetryPolicy(tries=9, wait=Linear(delay_secs=2)), RetryPolicy(tries=9, wait=Linear(delay_secs=2))),
    ("timeout_s", 30, 30.0),
    ("timeout_s", None, None),
    ("max_in_flight", 7, 7),
    ("echo", True, True),
]


@pytest.mark.parametrize(("option", "value", "kept"), GIVEN)
def test_what_is_given_is_kept(option: str, value: Any, kept: Any) -> None:
    """Law: each option as it is documented."""
    assert getattr(options_of(**{option: value}), option) == kept


def test_tries_may_be_given_alone_or_beside_a_policy() -> None:
    """Law: `try_count` is the tries of the policy."""
    assert options_of(try_count=2).retry == msgspec.structs.replace(options_of().retry, tries=2)
    assert options_of(try_count=2, retry=RetryPolicy(wait=Immediate())).retry == RetryPolicy(tries=2)
    assert "try_count: try_count=2 and a retry with tries=3 disagree" in refused(
        try_count=2, retry=RetryPolicy(tries=3)
    )


def test_a_batch_raises_what_may_be_in_flight() -> None:
    """Law: a batch can fill."""
    assert options_of(list[Order], batch=5_000).max_in_flight == 5_000
    assert "max_in_flight: a batch of 10 never fills" in refused(list[Order], batch=10, max_in_flight=9)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"ordr": "none"}, "ordr: there is no such option; did you mean order?"),
    ({"colour": "red"}, "colour: there is no such option; there are channels, publishes, key"),
    ({"publishes": 5}, "publishes: a channel is text, not 5"),
    ({"publishes": "a b"}, "publishes: 'a b' is no channel"),
    ({"publishes": [f"c{n}" for n in range(101)]}, "publishes: it names 101 channels, and 100 may be"),
    ({"channels": ("a", 5)}, "channels: 5 is no channel"),
    ({"key": lambda order: order.item}, "key: it is a function; write the path of a field as text"),
    ({"key": ""}, "key: '' is no path of fields"),
    ({"key": "customer..id"}, "key: 'customer..id' is no path of fields"),
    ({"key": 5}, "key: 5 is no path of fields"),
    ({"key": "itm"}, "key: Order has no field 'itm'; did you mean item?"),
    ({"key": "customer.nme"}, "key: Order.customer has no field 'nme'; it has full_name, id, is_known"),
    ({"key": "item.length"}, "key: Order.item is a str, which has no fields"),
    ({"key": "price"}, "key: price of Order is float, which is no key; name a field that holds text, a whole number"),
    ({"key": "lines"}, "key: lines of Order is list[str], which is no key"),
    ({"key": "customer"}, "key: customer of Order is Customer, which is no key"),
    ({"key": "item", "order": "none"}, "order: with a key, messages of one key are handled in their order"),
    ({"key": "item", "order": "all"}, "order: with a key, only messages of one key are handled in their order"),
    ({"order": "key"}, "order: order='key' needs a key"),
    ({"order": "non"}, "order: it is all or key or none, not 'non'; did you mean none?"),
    ({"concurrency": 2}, "concurrency: messages without a key are handled in their order, one at a time; 2 at once"),
    ({"concurrency": 0, "order": "none"}, "concurrency: it is a whole number from 1 to 10,000, not 0"),
    ({"concurrency": True, "order": "none"}, "concurrency: it is a whole number"),
    ({"batch": 0}, "batch: it is a whole number from 1 to 10,000, not 0"),
    ({"batch": 5}, "batch: the handler takes one message; annotate it `messages: list[SomeStruct]`"),
    ({"group": "a,b"}, "group: 'a,b' is no name"),
    ({"group": ""}, "group: '' is no name"),
    (
        {"start": "erliest"},
        "start: it is earliest, latest, an offset from 0 or a time, not 'erliest'; did you mean",
    ),
    ({"start": -1}, "start: it is earliest, latest"),
    ({"start": "2026-13-01"}, "start: it is earliest, latest, an offset from 0 or a time, not '2026-13-01'"),
    ({"try_count": 0}, "try_count: it is a whole number from 1 to 10,000, not 0"),
    ({"retry": 3}, "retry: it is a RetryPolicy, not 3"),
    ({"retry": RetryPolicy(retry_on=("Nope",))}, "retry: its retry_on lists 'Nope'"),
    ({"timeout_s": 0}, "timeout_s: it is a number of seconds, more than 0"),
    ({"timeout_s": float("nan")}, "timeout_s: it is a number of seconds"),
    ({"max_in_flight": 0}, "max_in_flight: it is a whole number from 1 to 100,000, not 0"),
    ({"echo": "yes"}, "echo: it is True or False, not 'yes'"),
    ({"filter": "price > 5"}, "filter: it is a mapping, not 'price > 5'"),
    ({"filter": {}}, "filter: a part of it is a mapping, not {}"),
    ({"filter": {"feld": "price"}}, "filter: it has no key 'feld'; did you mean field?"),
    ({"filter": {"gt": 5}}, "filter: it names no field"),
    ({"filter": {"field": "price"}}, "filter: it compares price with nothing"),
    ({"filter": {"field": "a..b", "gt": 5}}, "filter: 'a..b' is no path of fields"),
    ({"filter": {"field": "prise", "gt": 5}}, "filter: Order has no field 'prise'; did you mean price?"),
    ({"filter": {"field": "item", "gt": 5}}, "filter: item is never compared with a number (gt), as its type has it"),
    ({"filter": {"field": "lines", "gt": 5}}, "filter: lines is never compared with a number (gt)"),
    ({"filter": {"field": "item", "equals": 5}}, "filter: item is never a number, as its type has it"),
    ({"filter": {"field": "item", "in": ["a", None]}}, "filter: item is never null, as its type has it"),
    ({"filter": {"field": "item", "in": "a"}}, "filter: in is a list of values, not 'a'"),
    ({"filter": {"field": "item", "exists": 1}}, "filter: exists is True or False, not 1"),
    ({"filter": {"field": "price", "gt": True}}, "filter: gt takes a number or text, not True"),
    ({"filter": {"field": "price", "equals": object}}, "filter: equals takes a JSON value, and this is none"),
    ({"filter": {"all": []}}, "filter: all is a list of parts, not []"),
    ({"filter": {"all": [{"field": "price", "gt": 5}], "not": {}}}, "filter: all stands alone"),
    ({"filter": {"not": [1]}}, "filter: a part of it is a mapping, not [1]"),
]


@pytest.mark.parametrize(("given", "told"), BAD, ids=[next(iter(given)) + f"-{n}" for n, (given, _) in enumerate(BAD)])
def test_an_option_that_cannot_be_is_told_with_what_to_do(given: dict[str, Any], told: str) -> None:
    """Law: each option broken, the message names it."""
    assert f"take: {told}" in refused(**given)


def test_each_option_is_broken_above() -> None:
    """Law: no option goes untested."""
    assert {name for given, _ in BAD for name in given} >= set(OPTIONS)


def test_all_mistakes_are_told_at_once() -> None:
    """Law: those of every option of every handler."""

    class Fine(Subscriber):
        pass

    async def take(self: Any, order: Order) -> None: ...

    parts = {"one": subscribe("a", ordr=1, echo=5)(take)}  # type: ignore[call-arg,misc]
    with pytest.raises(ActorClassError, match=re.escape("one: ordr: there is no such option")) as caught:
        type("Taker", (Subscriber,), parts)
    assert "echo: it is True or False" in str(caught.value)


def test_a_plain_function_runs_on_the_threads_of_the_system() -> None:
    """Law: more at once than threads cannot be; a coroutine function may."""

    def plain(self: Any, order: Order) -> None: ...

    with pytest.raises(ActorClassError, match="concurrency: a system runs 64 plain functions at once"):
        type("Taker", (Subscriber,), {"take": subscribe("a", order="none", concurrency=65)(plain)})
    assert options_of(order="none", concurrency=65).concurrency == 65


def keyed(path: str, hint: Any = Order) -> Any:
    """The function that gives keys."""
    found = handler_of(hint, key=path).key_of
    assert found is not None
    return found


def text(**changed: Any) -> bytes:
    """An order's JSON text."""
    fields: dict[str, Any] = {"item": "tea", "price": 2.5, "customer": Customer(7, "Ann"), **changed}
    return msgspec.json.encode(Order(**fields))


def test_a_key_is_the_text_of_a_field() -> None:
    """Law: text as it is, whole numbers and truth values as JSON has them; a renamed field by either name."""
    assert keyed("item")(text()) == "tea"
    assert keyed("customer.id")(text()) == "7"
    assert keyed("customer.full_name")(text()) == keyed("customer.fullName")(text()) == "Ann"
    assert keyed("customer.is_known")(text(customer=Customer(1, is_known=True))) == "true"
    assert keyed("customer.is_known")(text(customer=Customer(1, is_known=False))) == "false"
    assert keyed("colour")(text()) == "red"
    assert keyed("number")(text(number=uuid.UUID(int=1))) == str(uuid.UUID(int=1))
    assert keyed("extra.a", Order)(text(extra={"a": "b"})) == "b"
    assert keyed("a.b", Any)(b'{"a": {"b": -3}}') == "-3"
    assert keyed("item", Order | Refund)(b'{"item": "\\u00e9"}') == "\u00e9"
    assert handler_of().key_of is None


NO_KEYS = [
    ("number", text()),
    ("extra.a", text()),
    ("extra.a", text(extra={"a": None})),
    ("extra.a", text(extra={"a": 1.5})),
    ("extra.a", text(extra={"a": ["x"]})),
    ("extra.a", text(extra={"a": {}})),
    ("item", text(item="")),
    ("item", text(item="x" * 201)),
    ("item", text(item="a\0b")),
    ("item", b"no json"),
    ("item", b"[1]"),
    ("item", b"{}"),
]


@pytest.mark.parametrize(("path", "message"), NO_KEYS)
def test_a_message_without_its_key_is_refused(path: str, message: bytes) -> None:
    """Law: None, missing, empty, too long and what is no key; the error names the path."""
    with pytest.raises(KeyRefused, match=f"^the message has no key {path}: "):
        keyed(path)(message)


@given(st.text(min_size=1, max_size=200).filter(lambda one: "\0" not in one and one.isprintable()))
def test_any_text_is_its_own_key(value: str) -> None:
    """Law: a key is the text of the field, whatever it is."""
    assert KEY_OF(text(item=value)) == value


KEY_OF = keyed("item")


def test_the_types_of_one_handler_name_the_field_of_a_key_alike() -> None:
    """Law: a message's JSON text tells its key whichever type it is of."""

    class Renamed(msgspec.Struct, rename={"item": "thing"}):
        item: str

    assert "key: item has different names in JSON: item and thing" in refused(Order | Renamed, key="item")
    assert "key: Refund has no field 'price'" in refused(Refund | Order, key="price")


def taken(written: dict[str, Any], message: bytes, hint: Any = Order) -> bool:
    """Whether a filter takes a message."""
    found = handler_of(hint, filter=written).filter_of
    assert found is not None
    return found(message)


def test_a_filter_has_the_words_of_a_flows_when() -> None:
    """Law: several comparisons of one field all hold; all, any and not combine."""
    assert taken({"field": "price", "gt": 2, "le": 2.5}, text())
    assert not taken({"field": "price", "gt": 2, "lt": 2.5}, text())
    assert taken({"any": [{"field": "item", "equals": "x"}, {"field": "item", "in": ["tea"]}]}, text())
    assert not taken({"all": [{"field": "item", "equals": "tea"}, {"not": {"field": "price", "ge": 1}}]}, text())
    assert taken({"field": "customer.full_name", "not_equals": "Bob"}, text())
    assert taken({"field": "number", "equals": None}, text())
    assert taken({"field": "extra.a.b", "exists": True}, text(extra={"a": {"b": None}}))
    assert taken({"field": "extra.a.b", "exists": False}, text(extra={"a": 5}))


def test_what_is_not_there_or_has_no_order_does_not_hold() -> None:
    """Law: a message is data of others, and a filter never fails."""
    for word in OPERATORS:
        operand: Any = ["x"] if word == "in" else True if word == "exists" else "x"
        assert taken({"field": "extra.a", word: operand}, text()) is (word == "not_equals")
        assert not taken({"field": "extra.a", word: operand}, text(extra={"a": 5})) or word in ("not_equals", "exists")
    assert taken({"field": "price", "gt": 2}, b"no json")


@given(st.recursive(st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2), st.lists))
def test_no_value_breaks_a_filter(value: Any) -> None:
    """Law: any JSON value is compared, in any word."""
    message = text(extra={"a": value})
    for found in ANY_FILTERS:
        assert found(message) in (True, False)
    assert ANY_FILTERS[0](message) is (value == "a")


ANY_FILTERS = [
    handler_of(filter={"field": "extra.a", word: operand}).filter_of
    for word, operand in (
        ("equals", "a"),
        ("gt", 1),
        ("le", "a"),
        ("in", ["a", 1, None]),
        ("not_equals", 1),
        ("exists", True),
    )
]


def test_options_that_are_judged_again_keep_what_was_given_before() -> None:
    """Law: what is given last goes before."""
    first = handler_of(key="item", try_count=2)
    second, problems = first.judge({"concurrency": 3, "try_count": 4})
    assert not problems
    assert (second.options.key, second.options.concurrency, second.options.retry.tries) == ("item", 3, 4)
    unkeyed, problems = first.judge({"key": None})
    assert not problems
    assert (unkeyed.key_of, unkeyed.options.order) == (None, "all")


@given(
    st.dictionaries(st.sampled_from([*OPTIONS, "nope"]), st.none() | st.integers() | st.text() | st.lists(st.text()))
)
def test_whatever_is_given_is_judged(given_options: dict[str, Any]) -> None:
    """Law: no value of an option raises anything; each is taken or told."""
    options, problems = make_options(given_options)
    assert isinstance(options, SubscribeOptions)
    assert all(one.option in given_options or one.option == "order" for one in problems)
