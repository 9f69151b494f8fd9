"""The work of the benchmark of tasks: a small typed payload in, a small typed result out, no two alike.

It is so cheap that what is measured is the task system: a payload and a result stored, a claim and an end, each durable.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

__all__ = ["Answer", "Question", "Sizes", "answer", "check", "questions", "sample"]


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much work the figures of tasks do; targets hold for the default sizes only.

    Attributes:
        bare: Tasks whose bare rows are written.
        processed: Tasks that are enqueued and processed in one process, and in two.
        huey: Tasks of huey's, under each setting, and of ours beside it.
        dbos: Tasks of DBOS's, under each setting.
        rate: Tasks submitted a second while their delay is measured.
        rated: How many of them.
        few: Tasks stored in the file that costs are compared with.
        many: Tasks stored in the other one.
        slices: How often the two are measured, in turns.
        slice: Tasks of each turn.
        passed: Tasks that pass through one process while its memory is looked at.
    """

    bare: int = 100_000
    processed: int = 100_000
    huey: int = 3_000
    dbos: int = 500
    rate: int = 1_000
    rated: int = 4_000
    few: int = 1_000
    many: int = 1_000_000
    slices: int = 6
    slice: int = 2_000
    passed: int = 1_000_000


class Question(msgspec.Struct, frozen=True):
    """A payload."""

    number: int
    text: str


class Answer(msgspec.Struct, frozen=True):
    """A result."""

    square: int
    upper: str


def questions(count: int, first: int = 0) -> Iterator[Question]:
    """Yield so many payloads, numbered from ``first``."""
    return (Question(number, f"what to do with {number}") for number in range(first, first + count))


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
