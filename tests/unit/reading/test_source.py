"""What is read once and taken for different things; and what messages call it."""

from __future__ import annotations

import pytest

from dagger_actors.errors import DefinitionError
from dagger_actors.reading.kind import FileKind
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.source import read_source
from dagger_actors.reading.tree import Scalar, to_data

RECIPE = FileKind(noun="recipe", least="A recipe needs `salt`.", split="Cook twice.")


def refused(source):
    with pytest.raises(DefinitionError) as caught:
        read_source(source, RECIPE)
    return [(problem.message, problem.advice) for problem in caught.value.problems]


def test_a_file_and_data_are_one_tree(tmp_path):
    """Law: what is read already is given back as it is, so that nothing is read twice."""
    path = tmp_path / "a.yaml"
    path.write_text("salt: [1, {a: null}]\n")
    by_file, by_data = read_source(path, RECIPE), read_source({"salt": [1, {"a": None}]}, RECIPE)
    assert to_data(by_file.tree) == to_data(by_data.tree) == {"salt": [1, {"a": None}]}
    assert (by_file.file, by_file.folder) == (str(path), tmp_path)
    assert by_data.file == ""
    assert read_source(by_file, RECIPE) is by_file


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", [("the file is empty", "A recipe needs `salt`.")]),
        ("a: 1\n---\nb: 1\n", [("a second document in the file", "Write one recipe to a file; remove the second `---`.")]),
        (
            "%YAML 1.1\n---\na: 1\n",
            [("a %YAML or %TAG directive that is not supported", "Remove it; recipe files are YAML 1.2 without tags.")],
        ),
        ("[" + "1," * 1_000_000 + "]", [("more than 1,000,000 values in one file", "Cook twice.")]),
    ],
    ids=["empty", "two documents", "directive", "too many"],
)  # fmt: skip
def test_messages_call_a_file_what_it_is_taken_for(tmp_path, text, told):
    """Law: each kind of file has its own words."""
    path = tmp_path / "a.yaml"
    path.write_text(text)
    assert refused(path) == told


def test_messages_call_data_what_it_is_taken_for():
    assert refused({"a": [0] * 1_000_000}) == [("a[999998]: more than 1,000,000 values in one recipe", "")]
    source = read_source({"a": {1, 2}}, RECIPE)
    assert [problem.message for problem in source.problems] == ["a: a value of type set cannot be in a recipe"]


def test_a_complaint_begins_with_what_is_read():
    """Law: the noun and the id of the subject, if there is one."""
    source = read_source({"a": 1}, RECIPE)
    reader = Reader(source.document)
    reader.complain(1, "too salty")
    reader.noun, reader.subject = "spice", "pepper"
    reader.complain(1, "too hot")
    with pytest.raises(DefinitionError) as caught:
        reader.refuse()
    assert [problem.message for problem in caught.value.problems] == ["a: too salty", "a: spice 'pepper': too hot"]


def test_the_advice_about_a_word_or_a_time_is_the_keys_own():
    """Law: what leaving a key out means is for its reader to say."""
    source = read_source({"a": 1}, RECIPE)
    reader = Reader(source.document)
    assert reader.choice(Scalar("zzz", 1), "colour", ("red", "blue"), "Write red.") is None
    assert reader.seconds(Scalar(0, 1), "time", absent="for a minute") is None
    assert reader.seconds(Scalar(20, 1), "time", 10) is None
    with pytest.raises(DefinitionError) as caught:
        reader.refuse()
    colour, _, time = sorted(caught.value.problems)
    assert colour.advice == "Write red."
    assert time.advice == "Write seconds as a number: 5, or 0.5; for a minute leave the key out."
