"""Errors of a file or a definition: its author's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dagger_actors.errors.base import DaggerError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Problem(NamedTuple):
    """One mistake in a definition: what, what to do, and where.

    Attributes:
        message: What is wrong, naming the culprit.
        advice: What to do about it; may be empty.
        file: The file's name as the caller gave it, or ``<dict>``.
        line: Line in the file, from 1; 0 when there is no place.
        column: Column in the line, from 1; 0 when there is no place.
        source: The source line without its line end; empty when there is no place.
    """

    message: str
    advice: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    source: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else (f"{self.file}: " if self.file else "")
        text = f"{place}{self.message}"
        if self.source:
            # A minified or hostile line must not flood the terminal: show a window around the place.
            start = max(0, self.column - 81)
            window = self.source[start : start + 120]
            text += f"\n    {window}\n    {' ' * (self.column - 1 - start)}^"
        if self.advice:
            text += f"\n  {self.advice}"
        return text


class DefinitionError(DaggerError):
    """A flow file that cannot run; carries every problem found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class InvalidSupervision(DefinitionError):
    """Supervisors and children that contradict themselves or each other; carries every problem found."""
