"""``-i KEY=VALUE``: the declared type decides how the text is read."""

from typing import Any

import pytest

from dagger_actors.cli.exits import UsageError
from dagger_actors.cli.inputs import advising_inputs, parse_answer, parse_inputs
from dagger_actors.errors import InvalidInputs
from dagger_actors.flow.definition import InputSpec

DECLARED = {kind: InputSpec(type=kind) for kind in ("int", "float", "str", "bool", "list", "dict", "any")}


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("int=10", 10),
        ("int=-3", -3),
        ("int=010", 10),
        ("int=0x1f", 31),
        ("float=2.5", 2.5),
        ("float=2", 2),
        ("float=1e3", 1000.0),
        ("str=10", "10"),
        ("str=", ""),
        ("str=a=b", "a=b"),
        ("str=true", "true"),
        ("bool=true", True),
        ("bool=False", False),
        ('list=[1, "two"]', [1, "two"]),
        ('dict={"a": [1]}', {"a": [1]}),
        ("any=1", 1),
        ("any=yes", "yes"),
        ("any=null", None),
        ("any=[1]", [1]),
        ('any={"a": 1}', {"a": 1}),
    ],
)
def test_text_becomes_a_value_of_the_declared_type(pair: str, value: object) -> None:
    """Law: each declared type has one reading, the YAML 1.2 core schema's for scalars and JSON's for collections."""
    parsed = parse_inputs([pair], DECLARED)[pair.partition("=")[0]]
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "pair",
    [
        "int=ten", "int=1.5", "int=true", "int=", "float=x", "bool=1", "bool=yes", "list={}", "list=1,2", "dict=[]", "dict=a",
        "any=[1", "int=" + "9" * 5000, "list=" + "[" * 100_000,
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_by_the_inputs_name(pair: str) -> None:
    """Law: a wrong value is a sentence that names the input, shows an example and stays short."""
    name = pair.partition("=")[0]
    with pytest.raises(UsageError) as caught:
        parse_inputs([pair], DECLARED)
    assert repr(name) in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_flow_without_declared_inputs_reads_every_value_as_any() -> None:
    """Law: with no declarations, or for a key that is not declared, the text decides."""
    assert parse_inputs(["a=1", "b=x", "c=[]"], None) == {"a": 1, "b": "x", "c": []}


@pytest.mark.parametrize("pair", ["limit", "", "=5"])
def test_an_argument_without_a_key_and_a_value_is_refused(pair: str) -> None:
    """Law: -i takes KEY=VALUE and nothing else."""
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_inputs([pair], DECLARED)


def test_what_is_missing_is_shown_as_it_is_given() -> None:
    """Law: the example has every missing input once, in the order of the flow, and none that has a value."""
    declared = {
        "n": InputSpec(type="int"),
        "text": InputSpec(type="str"),
        "given": InputSpec(type="str"),
        "has": InputSpec(type="int", default="1"),
        "token": InputSpec(secret=True),
    }
    with pytest.raises(UsageError) as caught, advising_inputs(declared, ["given"]):
        raise InvalidInputs("f", ["the input 'n' (int) is missing"])
    assert caught.value.advice == "for example: -i n=10 -i text=text -i token=env:NAME"
    with pytest.raises(InvalidInputs), advising_inputs(declared, declared):
        raise InvalidInputs("f", ["there is no input 'x'"])


def test_a_key_given_twice_is_refused_instead_of_one_winning() -> None:
    """Law: nothing that was typed is ignored."""
    with pytest.raises(UsageError, match="'int' is given twice"):
        parse_inputs(["int=1", "int=2"], DECLARED)


@pytest.mark.parametrize(
    ("text", "wanted", "answer"),
    [("yes", "bool", True), ("Y", "bool", True), ("No", "bool", False), ("true", "bool", True), ("yes", "str", "yes")],
)
def test_yes_and_no_are_answered_in_the_words_they_are_asked_for(text: str, wanted: Any, answer: object) -> None:
    """Law: where yes or no is asked, in these words as well as true and false; elsewhere they are text."""
    assert parse_answer(text, wanted) == answer


def test_what_is_neither_yes_nor_no_is_refused() -> None:
    """Law: nothing is guessed."""
    with pytest.raises(UsageError, match="the answer must be of type bool, not 'maybe'"):
        parse_answer("maybe", "bool")
