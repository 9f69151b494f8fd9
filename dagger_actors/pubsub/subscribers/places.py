"""Where what is declared stands, for what is found wrong only when everything is known."""

from __future__ import annotations

import linecache
from typing import Protocol

from dagger_actors.errors import Problem

__all__ = ["InCode", "Placed"]


class Placed(Protocol):
    """Words what is wrong with something, with its place."""

    def problem(self, option: str, message: str, advice: str) -> Problem:
        """Word one thing.

        Args:
            option: Of what is said of it; empty = it itself.
            message: What is wrong.
            advice: What to do, as a sentence.
        """
        ...


class InCode:
    """Something that stands in Python code.

    Args:
        place: File and line: ``file:line``.
        label: What it is, for the message: begins it.
    """

    def __init__(self, place: str, label: str) -> None:
        self._place = place
        self._label = label

    def problem(self, option: str, message: str, advice: str) -> Problem:
        """See ``Placed``."""
        told = f"{self._label}: {option}: {message}" if option else f"{self._label}: {message}"
        file, _, number = self._place.rpartition(":")
        line = int(number) if number.isdecimal() else 0
        source = linecache.getline(file, line).rstrip("\r\n") if line else ""
        column = len(source) - len(source.lstrip()) + 1
        return Problem(told, advice, file, line, column if line else 0, source)
