"""What the schema of an agent elsewhere tells of a payload: never more than its type would."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagger_actors import Immediate, RetryPolicy, TaskContext, task_agent
from dagger_actors.bodies.action_schemas import schema_of_type
from dagger_actors.errors import PayloadRefused, TaskEnded
from dagger_actors.tasks.agents.schema_fit import filled, misfit


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(msgspec.Struct, tag=True):
    size: int
    at: dt.datetime | None = None


class Twig(msgspec.Struct, tag=True, rename="camel"):
    of_them: list[Leaf | Twig]
    weight: float = 0.0


class Pair(msgspec.Struct, array_like=True):
    first: int
    second: str


class Typed(TypedDict, total=False):
    word: Literal["a", "b"]


@dataclasses.dataclass
class Data:
    colours: dict[str, Colour]
    pair: Pair
    typed: Typed
    whole: Annotated[int, msgspec.Meta(ge=0, le=9)]
    either: int | str | None
    raw: bytes = b""


TYPES = [Leaf | Twig, Data, list[int], dict[str, list[Leaf]], int | None, tuple[int, str], Any, Pair, float, Typed]


def instances(hint: Any) -> st.SearchStrategy[Any]:
    if hint is Any:
        return st.recursive(
            st.none() | st.integers(0, 9) | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
        )
    return st.from_type(hint)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_the_type_takes_is_no_misfit(data: st.DataObject) -> None:
    """Law: with fields left out that have defaults, and all that msgspec takes: what the type decodes is never refused here."""
    st.register_type_strategy(dt.datetime, st.datetimes())
    hint = data.draw(st.sampled_from(TYPES))
    made = data.draw(instances(hint))
    plain = msgspec.json.decode(msgspec.json.encode(made))
    try:
        msgspec.json.decode(msgspec.json.encode(plain), type=hint)
    except msgspec.ValidationError:
        return
    assert misfit(schema_of_type(hint), plain) is None


@pytest.mark.parametrize(
    ("hint", "value", "told"),
    [
        (Leaf, {"type": "Leaf"}, "it has no field 'size' at $"),
        (Leaf, {"type": "Leaf", "size": "1"}, "integer is wanted, not string at $.size"),
        (Leaf, {"type": "Leaf", "size": True}, "integer is wanted, not boolean at $.size"),
        (Leaf, {"type": "Leaf", "size": 1, "siez": 2}, "there is no field 'siez' at $, did you mean 'size'?"),
        (Leaf | Twig, {"type": "Twig", "ofThem": [{"type": "Leaf"}]}, "it has no field 'size' at $.ofThem[0]"),
        (Twig, 7, "object is wanted, not integer at $"),
        (list[int], [1, 2.0], "integer is wanted, not number at $[1]"),
        (dict[str, int], {"a": None}, "integer is wanted, not null at $.a"),
        (Pair, {"first": 1}, "array is wanted, not object at $"),
        (Typed, {"word": "c"}, "it is none of 'a', 'b' at $.word"),
    ],
)
def test_what_does_not_fit_is_told_with_its_path(hint: Any, value: Any, told: str) -> None:
    assert misfit(schema_of_type(hint), value) == told


def test_a_value_that_is_deeper_than_anybody_looks_is_no_misfit() -> None:
    value: Any = {"type": "Leaf"}
    for _ in range(200):
        value = {"type": "Twig", "ofThem": [value]}
    assert misfit(schema_of_type(Twig), value) is None


class Topic(msgspec.Struct, frozen=True):
    text: Annotated[str, msgspec.Meta(max_length=3)]
    customer: str = "nobody"


def test_a_payload_for_an_agent_elsewhere_is_checked_by_its_schema_and_then_by_its_type(sim: Any) -> None:
    """Law: fields and plain types before anything is stored; the rest fails the task at its first try, whatever is retried."""
    retry = RetryPolicy(tries=5, wait=Immediate(), retry_on=("Exception",))
    research = task_agent(name="research", retry=retry, per_key=("customer", 1))(research_topic)
    worker, other = sim.system(agents=[research]), sim.system(agents=[spawner])
    for payload, told in (
        ({"text": 1}, r"string is wanted, not integer at \$.text; correct it"),
        ({"txt": ""}, r"it has no field 'text' at \$"),
        ({"text": "", "custmer": ""}, r"no field 'custmer' at \$, did you mean 'customer'"),
    ):
        with pytest.raises(PayloadRefused, match=told):
            other.tasks.submit("research", payload)
        with pytest.raises(TaskEnded, match=told):
            other.tasks.submit(spawner, payload).result()
    assert worker.tasks.tasks(agent="research") == []
    long = other.tasks.submit("research", {"text": "long"})
    assert (long.wait().attempt, long.report().error.type) == (1, "dagger_actors.errors.InputError")
    # A field that is left out has its default there too: the limit is the same whoever submits.
    for system in (worker, other):
        assert system.tasks.submit("research", {"text": "a"}).report().limit_key == "nobody"
    child = other.tasks.submit(spawner, {"text": "x", "customer": "c"}).result()
    assert worker.tasks.report(child).limit_key == "c"
    assert worker.tasks.get(child).result() == "x"


def research_topic(task: Topic) -> str:
    return task.text


@task_agent(retry=RetryPolicy(tries=1))
def spawner(task: dict[str, Any], ctx: TaskContext) -> int:
    return ctx.spawn("research", task).id


class Inner(msgspec.Struct):
    who: str = "me"


class Outer(msgspec.Struct):
    inner: Inner = msgspec.field(default_factory=Inner)
    bare: int = 3


@pytest.mark.parametrize(
    ("value", "path", "wanted"),
    [
        ({}, ("bare",), {"bare": 3}),
        ({"bare": 4}, ("bare",), {"bare": 4}),
        ({"inner": {}}, ("inner", "who"), {"inner": {"who": "me"}}),
        ({"inner": None}, ("inner", "who"), {"inner": None}),
        ({}, ("unknown",), {}),
        (7, ("bare",), 7),
        ({}, (), {}),
    ],
)
def test_the_defaults_on_a_path_are_those_of_the_schema(value: Any, path: tuple[str, ...], wanted: Any) -> None:
    assert filled(schema_of_type(Outer), value, path) == wanted
