"""Exit statuses, and how an error a person can cause becomes one sentence on stderr."""

from __future__ import annotations

import sys
from typing import Final

from dagger_actors.cli.text import printable

__all__ = ["FAILED", "INTERRUPTED", "OK", "PAUSED", "REFUSED", "UsageError", "complain", "worst"]

OK: Final = 0
FAILED: Final = 1
"""The run failed, was cancelled or timed out."""
REFUSED: Final = 2
"""A bad definition, a bad command line, or a database that cannot be used."""
PAUSED: Final = 3
"""The run is paused, or some of its work is parked."""
INTERRUPTED: Final = 130
"""Ctrl-C or SIGTERM; what the shell reports for SIGINT, 128 + 2."""


class UsageError(Exception):
    """The command line asks for something that cannot be.

    Args:
        message: What is wrong, naming the culprit.
        advice: What to type instead; may be empty.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        self.message = message
        self.advice = advice
        super().__init__(message, advice)

    def __str__(self) -> str:
        return f"{self.message}\n  {self.advice}" if self.advice else self.message


def complain(problem: object) -> None:
    """Say on stderr what is wrong."""
    sys.stderr.write(printable(f"dagger-actors: {problem}") + "\n")


def worst(codes: list[int]) -> int:
    """Choose the status of several runs: a failure before a pause before a success."""
    for code in (REFUSED, FAILED, PAUSED):
        if code in codes:
            return code
    return OK
