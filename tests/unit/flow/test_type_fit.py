"""Comparing type hints: never a false alarm, and a clash for whatever can never fit."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import typing
import uuid
from pathlib import Path

import msgspec
import pytest

from dagger_actors.bodies.outputs import to_json
from dagger_actors.bodies.parameters import decode_custom
from dagger_actors.bodies.type_fit import clash, field_of, item_of
from dagger_actors.bodies.type_shape import hint_type, name_of, output_type


class Point(msgspec.Struct):
    x: int
    y: int = 0


class Named(msgspec.Struct, rename="camel"):
    full_name: str


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    y: int = 0


class Sparse(msgspec.Struct, omit_defaults=True):
    x: int
    y: str = ""


class Row(msgspec.Struct, array_like=True):
    x: int


class Cat(msgspec.Struct, tag=True):
    lives: int = 9


class Dog(msgspec.Struct, tag=True):
    lives: int = 1


class WithType(msgspec.Struct):
    type: str


class Perm(enum.IntFlag):
    R = 1
    W = 2


class Tree(msgspec.Struct):
    label: str
    kids: list[Tree] = []


@dataclasses.dataclass
class Pair:
    x: int
    y: int = 1


class Typed(typing.TypedDict):
    x: int
    note: typing.NotRequired[str]


class Tuple(typing.NamedTuple):
    x: int
    y: str


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


SAMPLES: list[tuple[typing.Any, list[typing.Any]]] = [
    (int, [1, -7, True]),
    (float, [1.5, 2.0, 3]),
    (str, ["", "aGk=", "red", "7", "2020-01-01"]),
    (bool, [True, False]),
    (type(None), [None]),
    (list[int], [[1]]),
    (list[str], [["a"]]),
    (set[int], [{1}]),
    (tuple[int, str], [(1, "a")]),
    (tuple[int, ...], [(1,), (1, 2)]),
    (dict[str, int], [{"x": 1}, {"fullName": 3}, {"y": 2}]),
    (dict[str, str], [{"x": "1"}, {"fullName": "a"}]),
    (Point, [Point(1)]),
    (Named, [Named("a")]),
    (Strict, [Strict()]),
    (Sparse, [Sparse(1), Sparse(1, "b")]),
    (Row, [Row(1)]),
    (Cat, [Cat()]),
    (Dog, [Dog()]),
    (WithType, [WithType("Cat")]),
    (Perm, [Perm.R, Perm.R | Perm.W]),
    (typing.Literal[3], [3]),
    (Tree, [Tree("a", [Tree("b")])]),
    (Pair, [Pair(1)]),
    (Typed, [{"x": 1}, {"x": 1, "note": "n"}]),
    (Tuple, [Tuple(1, "a")]),
    (Color, [Color.RED]),
    (Level, [Level.LOW]),
    (typing.Literal[1, "red"], [1, "red"]),
    (dt.datetime, [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)]),
    (dt.date, [dt.date(2020, 1, 1)]),
    (uuid.UUID, [uuid.UUID(int=1)]),
    (decimal.Decimal, [decimal.Decimal("1.5")]),
    (int | None, [1, None]),
    (typing.Any, [1, "a"]),
    (list[list[int]], [[[1]]]),
    (list[Point], [[Point(1)]]),
]


@pytest.mark.parametrize("source", SAMPLES, ids=lambda sample: name_of(hint_type(sample[0])))
def test_a_clash_is_told_only_when_strict_decoding_refuses_every_value(source):
    hint, values = source
    for target, _ in SAMPLES:
        if clash(output_type(hint), hint_type(target)) is None:
            assert target is not hint or any(decoded(value, target) for value in values)
            continue
        for value in values:
            assert not decoded(value, target), (value, target)


def decoded(value, target) -> bool:
    try:
        msgspec.json.decode(to_json(value), type=target, dec_hook=decode_custom)
    except msgspec.DecodeError:
        return False
    return True


@pytest.mark.parametrize("hint", [hint for hint, _ in SAMPLES], ids=lambda hint: name_of(hint_type(hint)))
def test_every_type_fits_itself(hint):
    assert clash(output_type(hint), hint_type(hint)) is None


@pytest.mark.parametrize(
    ("source", "target", "path", "reason"),
    [
        (int, str, "$", "int is never str"),
        (bool, int, "$", "bool is never int"),
        (str, Level, "$", "str is never Level"),
        (Color, typing.Literal["blue"], "$", "Color is never Literal['blue']"),
        (typing.Literal[1], bool, "$", "Literal[1] is never bool"),
        (type(None), int, "$", "None is never int"),
        (str | None, int, "$", "str | None is never int"),
        (list[int], list[str], "$[...]", "int is never str"),
        (list[Point], list[Named], "$[...]", "Point lacks the field 'fullName', which Named requires"),
        (tuple[int, str], tuple[int, int], "$[1]", "str is never int"),
        (tuple[int], tuple[int, int], "$", "tuple[int] has 1 item, tuple[int, int] 2"),
        (dict[str, int], Named, "$.fullName", "int is never str"),
        (dict[str, int], dict[str, str], "$....", "int is never str"),
        (Point, dict[str, str], "$.x", "int is never str"),
        (Pair, Sparse, "$.y", "int is never str"),
        (Point, Strict, "$", "Strict takes no field 'x'"),
        (Cat, Dog, "$", "Cat has the tag 'Cat', Dog has 'Dog'"),
        (Row, Point, "$", "Row is never Point"),
        (Tuple, Point, "$", "Tuple is never Point"),
        (Typed, Named, "$", "Typed lacks the field 'fullName', which Named requires"),
        (bytes, Point, "$", "bytes is never Point"),
        (Path, str, "$", "bytes is never str"),
        (Path, Path, "$", "bytes is never Path"),
        (int, Path, "$", "int is never Path"),
    ],
)
def test_a_clash_names_the_place_and_the_types(source, target, path, reason):
    found = clash(output_type(source), hint_type(target))
    assert found is not None
    assert (found.path, found.reason) == (path, reason)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (int, float),
        (float, int),
        (int, bool),
        (typing.Any, int),
        (int, typing.Any),
        (typing.Iterable[int], str),
        (int, typing.TypeVar("T")),
        (Point | Pair, Sparse | dict[str, int]),
        (typing.LiteralString, int),
        (bytes, bytes),
        (bytes, bytes | None),
        (bytes, object),
        (Path, bytearray),
        (str, bytes),
        (str, Path),
        (Sparse, Point),
        (Tree, Tree),
        (Tree, dict[str, typing.Any]),
        (dict, Point),
        (list, list[int]),
        (int | str, int),
        (typing.Annotated[int, msgspec.Meta(description="n")], int),
    ],
)
def test_what_may_fit_is_never_complained_of(source, target):
    assert clash(output_type(source), hint_type(target)) is None


def test_a_field_is_found_by_the_name_that_it_has_as_json():
    assert name_of(field_of(output_type(Named), "fullName")) == "str"
    assert field_of(output_type(Named), "full_name") == ["fullName"]
    assert field_of(output_type(int), "x") is None
    assert name_of(field_of(output_type(Cat), "type")) == "Literal['Cat']"
    assert name_of(field_of(output_type(Point | None), "x")) == "int"
    assert name_of(field_of(output_type(dict[str, int]), "anything")) == "int"
    assert name_of(field_of(output_type(dict), "anything")) == "Any"
    assert name_of(field_of(output_type(bytes), "anything")) == "Any"


def test_an_items_type_is_found_in_every_kind_of_list():
    assert name_of(item_of(output_type(list[int]))) == "int"
    assert name_of(item_of(output_type(tuple[int, str]))) == "int | str"
    assert name_of(item_of(output_type(Row))) == "Any"
    assert name_of(item_of(output_type(set[str] | None))) == "str"
    assert item_of(output_type(dict[str, int])) is None
    assert item_of(output_type(str)) is None


def test_a_long_name_is_cut():
    name = name_of(hint_type(typing.Literal[tuple(f"word{i}" for i in range(100))]))
    assert len(name) == 120
    assert name.endswith("...")
