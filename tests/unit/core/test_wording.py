"""Names in messages: the nearest that is known, and how they are shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dagger_actors
from dagger_actors.core.wording import LONGEST_SHOWN, MAX_COMPARED, counted, indefinite, nearest, quoted


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("fecth", ["fetch", "store"], "fetch"),
        ("FETCH", ["fetch", "store"], "fetch"),
        ("zzz", ["fetch", "store"], None),
        ("fetch", [], None),
        ("x" * 201, ["x" * 200], None),
        ("fecth", ["y" * 201, "fetch"], "fetch"),
    ],
)
def test_the_nearest_name_is_found_or_none(name, known, found):
    """Law: another case is near, another word is not, and what is too long is not compared."""
    assert nearest(name, known) == found


def test_of_many_names_those_that_begin_or_end_alike_are_compared():
    """Law: a typo in the middle is found among 100,000 names."""
    known = [f"{number:05} node" for number in range(100_000)]
    assert nearest("70001 nodde", known) == "70001 node"
    assert nearest("entirely other", known[: MAX_COMPARED + 1]) is None


@given(st.text())
def test_a_quoted_name_is_short_and_cannot_steer_a_terminal(name):
    """Law: whatever it holds, it is printable and not long."""
    shown = quoted(name)
    assert shown.isprintable()
    assert len(shown) <= LONGEST_SHOWN + 5


@pytest.mark.parametrize(("value", "shown"), [("it's", '"it\'s"'), (5, "5"), ("x" * 100, f"'{'x' * 79}...'")])
def test_what_is_quoted_looks_as_in_python(value, shown):
    assert quoted(value) == shown


@pytest.mark.parametrize("noun", ["int", "Order", "object", "item", "UnknownThing", "array"])
def test_an_stands_before_a_vowel(noun):
    """Law: as it is spoken."""
    assert indefinite(noun) == f"an {noun}"


@pytest.mark.parametrize("noun", ["list", "UUID", "Unit", "User", "union", "European", "set", ""])
def test_a_stands_before_anything_else(noun):
    """Law: a u that is spoken as in you is no vowel."""
    assert indefinite(noun) == f"a {noun}"


def test_a_count_has_its_noun_in_the_right_number():
    """Law: one alone is singular."""
    assert [counted(0, "node"), counted(1, "node"), counted(2000, "node")] == ["0 nodes", "1 node", "2,000 nodes"]


ARTICLE = re.compile(r"\b(?:a|an) \{(?!self\._kind\.noun)")


def test_no_message_puts_an_article_before_what_is_filled_in():
    """Law: `a {kind}` says "a int" one day; ``indefinite`` does not."""
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in Path(dagger_actors.__file__).parent.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if ARTICLE.search(line) and not line.lstrip().startswith("#") and '"' in line
    ]
    assert found == []
