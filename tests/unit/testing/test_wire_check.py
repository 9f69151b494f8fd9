"""The check of the wire: what comes out as it went in passes, what does not is named, with its place and what to do."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import logging
import math
import pickle
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagger_actors import Actor, ActorContext, ChildSpec, handler
from dagger_actors.errors import MessageRefused
from dagger_actors.testing import ChangedOnTheWire, Simulation, explore, simulate
from dagger_actors.testing.wire_check import WireCheck, difference


class Item(msgspec.Struct):
    name: str
    tags: dict[str, list[int]] = {}


class Special(Item):
    price: float = 0.0


@dataclasses.dataclass
class Place:
    shelf: int
    what: Any = None


class Box(msgspec.Struct):
    anything: Any = None
    item: Item | None = None
    items: list[Item] = []
    place: Place | None = None
    numbers: list[int] = []
    ratio: float = 0.0


class Padded(msgspec.Struct, frozen=True):
    text: str

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "text", self.text + ".")


class Go(msgspec.Struct, frozen=True):
    pass


class Shelf(Actor):
    def __init__(self) -> None:
        self.boxes: list[Box] = []

    @handler
    def put(self, box: Box) -> Any:
        self.boxes.append(box)
        return box.anything

    @handler
    def go(self, go: Go, ctx: ActorContext) -> Any:
        return self.boxes


class Sender(Actor):
    """Sends what it has been made to, in its own turn."""

    what: Any = None
    how = "tell"

    @handler
    def go(self, go: Go, ctx: ActorContext) -> None:
        shelf = ctx.find("shelf")
        if self.how == "tell":
            shelf.tell(self.what)
        elif self.how == "ask":
            ctx.ask(shelf, self.what).then(lambda _answer: None)
        elif self.how == "timer":
            ctx.timers.once("t", 1, self.what)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("dagger_actors.actors")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


BAD = [
    (Box(anything=(1, 2)), "Box.anything", "sent as tuple (1, 2) and comes out as list [1, 2]. Annotate it with tuple"),
    (Box(anything=Item("x")), "Box.anything", "sent as Item"),
    (Box(item=Special("x", price=2.0)), "Box.item", "Annotate it with Special"),
    (Box(items=[Item("a"), Special("b")]), "Box.items[1]", "comes out as Item"),
    (Box(place=Place(3, what=dt.date(2020, 1, 1))), "Box.place.what", "sent as date"),
    (Box(anything={"a": {"b": {7}}}), "Box.anything['a']['b']", "comes out as list"),
    (Box(numbers=(1, 2)), "Box.numbers", "sent as tuple"),
    (Box(numbers=[1, "2"]), "Box.numbers[1]", "Expected `int`, got `str`"),
    (Box(ratio="much"), "Box.ratio", "Expected `float`, got `str`"),
    (Padded("x"), "Padded.text", "__post_init__"),
]


@pytest.mark.parametrize(("message", "place", "detail"), BAD)
def test_what_changes_is_refused_where_it_is_sent_with_its_place_and_advice(
    message: Any, place: str, detail: str, sim: Simulation
) -> None:
    """Law: the sender learns of it, and nothing is sent."""
    ref = sim.system().actors.spawn(Shelf)
    for send in (ref.tell, ref.ask):
        with pytest.raises(ChangedOnTheWire) as caught:
            send(message)
        assert caught.value.place == place
        assert str(caught.value).startswith(f"{place} would not arrive as it was sent: ")
        assert detail in str(caught.value)
        assert "sim.check_wire = False" in str(caught.value)
    assert ref.ask(Go()) == []


GOOD = [
    Box(),
    Box(
        anything={"a": [1, "x", None, b"y", 2.5]},
        item=Item("x", {"t": [1]}),
        items=[Item("y")],
        place=Place(1),
        ratio=2,
    ),
    Box(ratio=math.nan, anything=math.nan, numbers=[2**40]),
    ["a", 1],
    5,
    "text",
]


@pytest.mark.parametrize("message", GOOD)
def test_what_comes_out_equal_passes(message: Any) -> None:
    """Law: numbers that are equal are, and NaN is NaN; only what a receiver would see otherwise is told."""
    WireCheck(lambda: True).look(message)


@pytest.mark.parametrize("how", ["tell", "ask", "timer"])
def test_what_an_actor_sends_in_its_turn_fails_the_simulation_at_its_end(how: str) -> None:
    """Law: a failure that a supervisor takes care of is not lost on the test."""

    class Wrong(Sender):
        pass

    Wrong.what, Wrong.how = Box(anything=(1,)), how

    def body(sim: Simulation) -> None:
        system = sim.system(agents=[ChildSpec(Shelf, "shelf"), ChildSpec(Wrong, "sender")])
        system.actors["sender"].tell(Go())
        sim.run()

    def played() -> None:
        with simulate(1) as sim:
            body(sim)

    with pytest.raises(ChangedOnTheWire, match=r"Box\.anything"):
        played()
    with pytest.raises(ChangedOnTheWire, match=r"Box\.anything"):
        explore(body, seeds=1)
    with simulate(1, check_wire=False) as sim:
        body(sim)


def test_an_answer_that_changes_is_the_askers_error_and_the_simulations() -> None:
    """Law: answers go over the wire too; what stands in plain containers is copied by itself, and keeps its class."""

    def played(answer: Any) -> None:
        class Answers(Actor):
            @handler
            def go(self, go: Go) -> Any:
                return answer

        with simulate(1) as sim:
            ref = sim.system().actors.spawn(Answers)
            if isinstance(answer, tuple):
                assert ref.ask(Go()) == answer
            else:
                with pytest.raises(ChangedOnTheWire):
                    ref.ask(Go())

    played((1, [Item("x")], {"k": Special("y")}))
    with pytest.raises(ChangedOnTheWire, match=r"Box\.anything"):
        played([Box(anything=(1,))])


def test_the_check_can_be_turned_off_in_the_middle(sim: Simulation) -> None:
    """Law: then it is as with a real system: the receiver gets what its class says."""
    ref = sim.system().actors.spawn(Shelf)
    sim.check_wire = False
    assert ref.ask(Box(anything=(1, 2))) == [1, 2]
    with pytest.raises(MessageRefused, match="cannot read it"):
        ref.ask(Box(ratio="much"))
    sim.check_wire = True
    with pytest.raises(ChangedOnTheWire):
        ref.tell(Box(anything=(1, 2)))


def test_the_error_pickles_and_is_a_refused_message() -> None:
    """Law: as every error of the package; who catches the real one catches this."""
    error = ChangedOnTheWire("Box", "Box.item", "it differs")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.args) == (ChangedOnTheWire, str(error), error.args)
    assert isinstance(error, MessageRefused)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
BOXES = st.builds(
    Box,
    anything=PLAIN,
    items=st.lists(st.builds(Item, st.text(max_size=3), st.dictionaries(st.text(max_size=2), st.lists(st.integers(0, 9)))), max_size=3),
    numbers=st.lists(st.integers(-5, 5), max_size=4),
)  # fmt: skip


@given(BOXES)
def test_no_well_typed_message_is_refused(box: Box) -> None:
    """Law: the check has no false alarm: plain data and what is annotated comes out as it went in."""
    WireCheck(lambda: True).look(box)
    assert difference(box, copy.deepcopy(box), "Box") is None


@settings(max_examples=15, deadline=None)
@given(box=BOXES, seed=st.integers(0, 99))
def test_what_a_sender_does_to_a_message_later_its_receiver_never_sees(box: Box, seed: int) -> None:
    """Law: no two actors share an object, however deep it lies, before the message is handled and after."""
    box = Box(anything=[box.anything], items=[*box.items, Item("last", {"k": [1]})], numbers=box.numbers)
    as_sent = copy.deepcopy(box)
    with simulate(seed) as sim:
        ref = sim.system().actors.spawn(Shelf)
        ref.tell(box)
        mutate(box)
        (kept,) = ref.ask(Go())
        assert difference(kept, as_sent, "Box") is None
        mutate(kept)
        assert difference(ref.ask(Go())[0], as_sent, "Box") is None


def mutate(box: Box) -> None:
    box.anything.append("more")
    box.items[-1].tags["k"].append(2)
    box.items.append(Item("new"))
    box.numbers.clear()
    box.ratio = 9.0
