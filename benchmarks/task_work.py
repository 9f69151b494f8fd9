"""The work of the benchmark of tasks: a small typed payload in, a small typed result out, no two alike.

It is so cheap that what is measured is the task system: a payload and a result stored, a claim and an end, each durable.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

__all__ = ["Answer", "Question", "answer", "check", "questions", "sample"]


class Question(msgspec.Struct, frozen=True):
    """A payload."""

    number: int
    text: str


class Answer(msgspec.Struct, frozen=True):
    """A result."""

    square: int
    upper: str


def questions(count: int) -> Iterator[Question]:
    """Yield so many payloads, numbered from 0."""
    return (Question(number, f"what to do with {number}") for number in range(count))


def answer(question: Question) -> Answer:
    """Do the work."""
    return Answer(question.number**2, question.text.upper())


def check(question: Question, result: object) -> None:
    """Compare a stored result, as it was read back, with what it must be.

    Raises:
        SystemExit: It is another one.
    """
    if result != answer(question):
        raise SystemExit(f"{question} was answered with {result!r}")


def sample(count: int) -> list[int]:
    """Choose the tasks whose results are read back: a hundred, evenly spread, the last one among them."""
    return list(range(count - 1, -1, -max(1, count // 100)))
