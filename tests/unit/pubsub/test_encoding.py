"""What is published fits its channel, or its publisher is told; what is stored comes back as it was."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.errors import PublicationRefused
from dagger_actors.pubsub.outgoing.encoding import MAX_MESSAGE_BYTES, NamedMessages, TypedMessages


class Line(msgspec.Struct, frozen=True):
    text: str
    number: int = 0


class Page(msgspec.Struct, frozen=True):
    url: str
    score: float | None = None
    lines: tuple[Line, ...] = ()


class Note(msgspec.Struct):
    body: str
    extra: dict[str, Any] = {}


@dataclasses.dataclass
class Order:
    item: str
    amount: int


class Draft(TypedDict):
    title: str


class Loose(msgspec.Struct, eq=False):
    text: str


def refusal(messages: TypedMessages | NamedMessages, message: object, type_name: str | None = None) -> str:
    with pytest.raises(PublicationRefused) as refused:
        messages.encode(message, type_name)
    assert refused.value.channel == "raw"
    return str(refused.value)


lines = st.builds(Line, text=st.text(max_size=20), number=st.integers(-(2**63), 2**63 - 1))
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
pages = st.builds(Page, url=st.text(max_size=20), score=numbers, lines=st.lists(lines, max_size=3).map(tuple))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
notes = st.builds(Note, body=st.text(max_size=20), extra=st.dictionaries(st.text(max_size=5), plain, max_size=3))
orders = st.builds(Order, item=st.text(max_size=20), amount=st.integers(0, 1000))


@given(pages | notes | orders)
def test_what_is_stored_comes_back_as_it_was(message):
    """Law: decode(encode(m)) == m, under the name of its class, whether it is given as an instance or as plain data."""
    messages = TypedMessages("raw", {"Page": Page, "Note": Note, "Order": Order})
    name, payload = messages.encode(message)
    assert name == type(message).__name__
    assert messages.decode(name, payload) == message
    if isinstance(message, Page):
        # Each of its keys is of one class alone, so plain data says which.
        assert messages.encode(msgspec.to_builtins(message)) == (name, payload)
    assert messages.encode(msgspec.to_builtins(message), name) == (name, payload)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (Page(url=1), "Expected `str`, got `int` - at `$.url`"),  # type: ignore[arg-type]
        (Page("u", lines=(Line("a"), Line("b", "c"))), "Expected `int`, got `str` - at `$.lines[1].number`"),  # type: ignore[arg-type]
        ({"url": "u", "lines": [{"text": 3}]}, "Expected `str`, got `int` - at `$.lines[0].text`"),
        ({"url": "u", "lines": [{"text": "a", "nubmer": 3}]}, "unknown key 'nubmer' at `$.lines[0]`"),
        ({"score": 1.0}, "Object missing required field `url`"),
        (Page("u", score=math.nan), "it holds nan, which JSON has no word for"),
        (Page(url=b"u"), "it holds a bytes inside another value"),  # type: ignore[arg-type]
        (Note("n"), "it takes Page, not an instance of"),
        ("text", "Expected `object`, got `str`"),
        (object(), "it holds an object"),
    ],
)
def test_an_ill_typed_message_is_refused_with_the_path_to_what_does_not_fit(message, told):
    """Law: instances and plain data are judged alike, and the error names the channel, the field and what was there."""
    text = refusal(TypedMessages("raw", {"Page": Page}), message)
    assert "the channel 'raw' does not take this message" in text
    assert told in text


def test_plain_data_must_fit_exactly_one_class():
    """Law: what fits several is refused with their names, what fits none with the reason of each; a name given decides."""

    class Memo(msgspec.Struct):
        body: str

    messages = TypedMessages("raw", {"Page": Page, "Note": Note, "Memo": Memo})
    assert "it fits Note, Memo; publish an instance of one of them, or name it with type=" in refusal(
        messages, {"body": "b"}
    )
    assert messages.encode({"body": "b"}, "Memo") == ("Memo", '{"body":"b"}')
    assert messages.encode({"body": "b", "extra": {}})[0] == "Note"
    none = refusal(messages, {"body": 3})
    assert "it fits none of its 3 classes" in none
    assert "Note: Expected `str`, got `int` - at `$.body`" in none
    assert "did you mean 'Memo'?" in refusal(messages, {"body": "b"}, "Mem")


def test_a_class_is_known_by_its_name_wherever_it_was_imported_from():
    """Law: an instance of another class of the same name is judged as plain data would be."""
    Twin = msgspec.defstruct("Page", [("url", str), ("score", float | None, None)])  # noqa: N806
    Other = msgspec.defstruct("Page", [("url", int)])  # noqa: N806
    messages = TypedMessages("raw", {"Page": Page})
    assert messages.encode(Twin("u"))[0] == "Page"
    assert "Expected `str`, got `int` - at `$.url`" in refusal(messages, Other(1))
    assert "it is an instance of Page, not of Note" in refusal(messages, Page("u"), "Note")


def test_dicts_and_scalars_and_typed_dicts_are_classes_too():
    """Law: a channel of plain values takes them by the names of their types."""
    assert TypedMessages("raw", {"str": str, "int": int}).encode("a") == ("str", '"a"')
    assert TypedMessages("raw", {"str": str, "int": int}).encode(3) == ("int", "3")
    assert "it fits none" in refusal(TypedMessages("raw", {"str": str, "int": int}), True)  # noqa: FBT003
    assert TypedMessages("raw", {"dict": dict, "Page": Page}).encode({"url": "u"})[0] == "dict"
    assert TypedMessages("raw", {"Draft": Draft}).encode({"title": "t"})[0] == "Draft"
    assert "unknown key 'titel'" in refusal(TypedMessages("raw", {"Draft": Draft}), {"title": "t", "titel": "t"})
    assert TypedMessages("raw", {"Loose": Loose}).encode(Loose("t")) == ("Loose", '{"text":"t"}')


@pytest.mark.parametrize("types", [{}, {"": Any}])
def test_a_channel_without_classes_takes_anything_that_json_can_hold(types):
    """Law: an instance goes under the name of its class, plain data without one."""
    messages = TypedMessages("raw", types)
    assert messages.encode({"a": [1, None]}) == ("", '{"a":[1,null]}')
    assert messages.encode(Page("u"))[0] == "Page"
    assert "keys of JSON are text" in refusal(messages, {1: 2})


@pytest.mark.parametrize("messages", [TypedMessages("raw", {"Note": Note}), NamedMessages("raw", ("Note",))])
def test_a_message_over_the_limit_is_refused_and_one_at_it_is_not(messages):
    """Law: 1 MiB of JSON, whatever kind of channel; the advice is to pass a reference."""
    room = MAX_MESSAGE_BYTES - len(messages.encode(Note(""))[1])
    assert len(messages.encode(Note("x" * room))[1]) == MAX_MESSAGE_BYTES
    assert "keep the content with system.artifacts.put" in refusal(messages, Note("x" * (room + 1)))


def test_where_the_classes_are_not_known_their_names_are_checked():
    """Law: a stored channel takes the names it was declared with; plain data is of the only one, or must be named."""
    both = NamedMessages("raw", ("Page", "Note"))
    assert both.encode({"any": 1}, "Note") == ("Note", '{"any":1}')
    assert both.encode(Page("u"))[0] == "Page"
    assert "which it is, is not said; name it with type=" in refusal(both, {"any": 1})
    assert "did you mean 'Note'?" in refusal(both, {"any": 1}, "Noet")
    assert "it takes Note, Page, not 'Order'" in refusal(both, Order("i", 1))
    assert NamedMessages("raw", ("Page",)).encode([1])[0] == "Page"
    assert NamedMessages("raw", ()).encode([1])[0] == ""
    assert NamedMessages("raw", ("str", "int")).encode(3)[0] == "int"


def test_what_no_longer_decodes_is_shown_as_plain_data():
    """Law: looking at a stored message never fails because of its class."""
    messages = TypedMessages("raw", {"Page": Page})
    assert messages.decode("Page", '{"url":3}') == {"url": 3}
    assert messages.decode("Gone", '{"a":1}') == {"a": 1}
    assert NamedMessages("raw", ()).decode("Page", '{"url":3}') == {"url": 3}
