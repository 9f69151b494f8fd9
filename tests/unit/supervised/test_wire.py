"""What lies in a mailbox, and what comes back: copies, of the class that was sent."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import threading
import uuid
from typing import Any, NamedTuple

import msgspec
import pytest

from dagger_actors.errors import MessageRefused
from dagger_actors.supervised import wire
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.handlers import handler
from dagger_actors.supervised.ref import Ref
from tests.unit.supervised.conftest import Stage, VirtualStage


class Colour(enum.Enum):
    RED = "red"


class Point(msgspec.Struct):
    x: int
    names: list[str]


class Unset(msgspec.Struct):
    x: int


class Pair(NamedTuple):
    left: int
    right: str


@dataclasses.dataclass
class Record:
    value: int


class Echo(Actor):
    """Answers with what it has been made to hold."""

    held: list[Any] = []  # noqa: RUF012

    @handler
    def echo(self, message: str) -> Any:
        return self.held[0]


ANSWERS = (
    None, True, 7, 2.5, "text", b"bytes", [1, [2]], (1, (2, 3)), {"a": (1,)}, {1, 2}, frozenset((1,)), {(1, 2): {3}},
    Point(1, ["a"]), [Point(1, []), Point(2, [])], {"p": (Point(1, []),)}, Record(1), Pair(1, "b"), Colour.RED,
    uuid.UUID(int=5), decimal.Decimal("1.5"), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), bytearray(b"x"),
)  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_an_answer_is_an_equal_copy_of_its_own_class(answer: Any) -> None:
    """Law: also inside of lists, tuples, sets and dicts, where a bare decoder would give dicts and lists."""
    copy = wire.copied(answer)
    assert copy == answer
    assert type(copy) is type(answer)
    assert repr(copy) == repr(answer)


@pytest.mark.parametrize("runs_here", [True, False])
def test_nothing_mutable_leaves_an_actor(threads: Stage, *, runs_here: bool) -> None:
    """Law: the same on the asking thread as on another one."""
    threads.house.runs_here = runs_here
    ref = threads.spawn(Echo)
    Echo.held[:] = [[Point(1, ["a"])]]
    for _ in range(2):
        answer = ref.ask("give")
        assert answer == [Point(1, ["a"])]
        answer[0].names.append("changed")
        answer.clear()
    assert Echo.held == [[Point(1, ["a"])]]


def cycle() -> list[Any]:
    one: list[Any] = []
    one.append(one)
    return one


def deep() -> list[Any]:
    one: list[Any] = []
    for _ in range(100_000):
        one = [one]
    return one


REFUSED = (
    object(), [object()], {"a": threading.Lock()}, lambda: None, cycle(), deep(), Ref, ValueError("no"),
)  # fmt: skip


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: type(value).__name__)
def test_what_cannot_be_encoded_is_refused_at_the_door(stage: VirtualStage, value: Any) -> None:
    """Law: a message before it is sent; an answer where it is given, and its actor goes on."""
    ref = stage.spawn(Echo)
    for send in (ref.tell, ref.ask, lambda message: ref.ask(message, block=False)):
        with pytest.raises(MessageRefused):
            send(value)
    assert ref.cell.lane is None
    Echo.held[:] = [value]
    with pytest.raises(MessageRefused):
        ref.ask("give")
    Echo.held[:] = ["fine"]
    assert ref.ask("give") == "fine"
    assert stage.events == []


def test_a_struct_with_a_field_that_was_never_set_is_refused(stage: VirtualStage) -> None:
    """Law: whatever the encoder says, it is said as MessageRefused."""
    broken = Unset(1)
    del broken.x
    with pytest.raises(MessageRefused, match="Unset"):
        stage.spawn(Echo).tell(broken)


def test_a_message_is_a_copy_from_the_moment_it_is_sent(stage: VirtualStage) -> None:
    """Law: what the sender does with it afterwards is its own affair."""
    seen: list[Point] = []

    class Keeping(Actor):
        @handler
        def keep(self, point: Point) -> None:
            seen.append(point)

    point = Point(1, ["a"])
    ref = stage.spawn(Keeping)
    ref.tell(point)
    point.names.append("b")
    ref.tell(point)
    stage.settle()
    assert seen == [Point(1, ["a"]), Point(1, ["a", "b"])]


def test_a_reply_can_be_answered_by_two_and_the_first_counts() -> None:
    """Law: a kill and the turn that it ends may both answer; neither is surprised."""
    reply = wire.Answer()
    wire.fail(reply, ValueError("first"))
    wire.resolve(reply, "second")
    wire.fail(reply, KeyError("third"))
    with pytest.raises(ValueError, match="first"):
        reply.get(timeout=0)


def test_text_of_an_error_is_had_even_when_it_cannot_be() -> None:
    """Law: whoever tells of an error is not its next victim."""

    class NoText(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert wire.text_of(KeyError("k")) == "KeyError: 'k'"
    assert wire.text_of(NoText()) == "NoText, whose text could not be had: ValueError"
