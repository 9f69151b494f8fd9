"""Where things of a flow in Python were declared: problems name the line of the call."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Mapping, Sequence

from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.reading.data_tree import DataDocument

__all__ = ["BuiltDocument", "Place", "calling_place", "refusal"]

Place = tuple[str, int]
"""File and line of a call."""


def calling_place() -> Place:
    """The place of the call of the method that asks."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame and frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else ("", 0)


class BuiltDocument(DataDocument):
    """Knows the calls that declared the parts of a flow.

    Args:
        flow: The call that made the flow.
        nodes: Those of its nodes, in order.
        parts: Those that said its inputs, outputs, hooks and settings, by section and key.
    """

    def __init__(self, flow: Place, nodes: Sequence[Place], parts: Mapping[tuple[str, str], Place]) -> None:
        super().__init__()
        self._flow = flow
        self._nodes = nodes
        self._parts = parts

    def problem(self, at: int, message: str, advice: str = "") -> Problem:
        """Word a problem with its path, and the place of the call that declared it."""
        path = self.path(at)
        return _problem(self._place(self.steps(at)), f"{path}: {message}" if path else message, advice)

    def with_default(self, reference: str, node: str, key: str | None) -> str:
        """How it is written in Python."""
        del reference
        return f"{node}.default(None)" if key is None else f"{node}[{key!r}].default(None)"

    def _place(self, steps: tuple[str | int, ...]) -> Place:
        match steps:
            case ("nodes", int(position), *_):
                return self._nodes[position]
            case (str(section), str(key), *_):
                return self._parts.get((section, key), self._flow)
        return self._flow


def refusal(place: Place, message: str, advice: str) -> DefinitionError:
    """Make the error of one call."""
    return DefinitionError([_problem(place, message, advice)])


def _problem(place: Place, message: str, advice: str) -> Problem:
    file, line = place
    source = linecache.getline(file, line).rstrip()
    column = len(source) - len(source.lstrip()) + 1
    return Problem(message, advice, file, line, column, source)
