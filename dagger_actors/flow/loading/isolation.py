"""Reads ``isolation`` and checks it against the action."""

from __future__ import annotations

from typing import cast

from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.isolation import misfit
from dagger_actors.flow.definition import Isolation
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Fields, Scalar

__all__ = ["ISOLATION", "check_isolation", "read_isolation"]

ISOLATION = ("thread", "async", "process")


def read_isolation(reader: Reader, fields: Fields) -> Isolation:
    """Read where a node's code is to run; empty without the key."""
    if "isolation" not in fields:
        return ""
    return cast("Isolation", reader.choice(fields["isolation"].value, "isolation", ISOLATION) or "")


def check_isolation(reader: Reader, action: Action, fields: Fields) -> None:
    """Complain of an action that cannot run there."""
    if "isolation" not in fields:
        return
    tree = fields["isolation"].value
    if isinstance(tree, Scalar) and tree.value in ISOLATION:
        wrong = misfit(cast("Isolation", tree.value), action)
        if wrong is not None:
            reader.complain(tree.at, *wrong)
