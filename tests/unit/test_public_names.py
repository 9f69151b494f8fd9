"""What the package gives to its users: every name, for programs and for type checkers alike."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dagger_actors
from dagger_actors.flow.verbs.flows import Flows

TREE = ast.parse(Path(dagger_actors.__file__).read_text(encoding="utf-8"))


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    """Law: no name without a documentation of its own, and ``dir`` shows them all."""
    assert dir(dagger_actors) == sorted(dagger_actors.__all__)
    for name in dagger_actors.__all__:
        assert inspect.getdoc(getattr(dagger_actors, name)), name


def test_a_type_checker_knows_the_same_names_and_no_others() -> None:
    """Law: a misspelt import is an error before the program runs: nothing answers for every name while types are checked."""
    checked = [node for node in TREE.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [one for block in checked for one in block.body if isinstance(one, ast.ImportFrom)]
    assert sorted(alias.name for one in imports for alias in one.names) == sorted(dagger_actors.__all__)
    assert not [node for node in TREE.body if isinstance(node, ast.FunctionDef) and node.name == "__getattr__"]


def test_what_is_missing_is_told_by_its_name() -> None:
    """Law: a name that is not public is an ``AttributeError``, and ``import`` of it an ``ImportError``."""
    with pytest.raises(AttributeError, match="no attribute 'Contxt'"):
        dagger_actors.Contxt  # noqa: B018 - it is the access that raises


def _classes(hint: Any) -> Iterator[type]:
    for part in typing.get_args(hint):
        yield from _classes(part)
    if isinstance(hint, type):
        yield hint


@pytest.mark.parametrize("owner", [Flows, dagger_actors.Run, dagger_actors.Flow], ids=lambda owner: owner.__name__)
def test_what_the_verbs_of_flows_give_can_be_named(owner: type) -> None:
    """Law: whatever a verb returns may stand in the annotation of a user's function."""
    inner = {"FlowDefinition", "ActionSchema", "Source"}  # told by their attributes, read by tools
    public = {getattr(dagger_actors, name) for name in dagger_actors.__all__}
    for name, verb in inspect.getmembers(owner, inspect.isfunction):
        if name.startswith("_"):
            continue
        for one in _classes(typing.get_type_hints(verb).get("return")):
            if one.__module__.startswith("dagger_actors") and one.__name__ not in inner:
                assert one in public, f"{owner.__name__}.{name} gives {one.__name__}"


def test_what_the_verbs_of_flows_raise_can_be_caught_by_name() -> None:
    """Law: an error that the documentation of a verb promises is imported from the package itself."""
    told = [inspect.getdoc(verb) or "" for name, verb in inspect.getmembers(Flows) if not name.startswith("_")]
    raised = {name for one in told for name in re.findall(r"^    (\w+):", one.partition("Raises:\n")[2], re.MULTILINE)}
    assert {"RunNotFound", "AnswerMisfit", "ForkRefused"} <= raised
    assert raised <= {*dagger_actors.__all__, *dir(builtins)}
