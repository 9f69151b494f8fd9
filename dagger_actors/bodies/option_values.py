"""Reads the values of options that users give in classes and decorators, each by itself; wrong ones are told with advice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard

import msgspec

from dagger_actors.core.retry import Exponential, Immediate, Linear, RetryPolicy
from dagger_actors.core.task_options import MAX_TASK_SECONDS
from dagger_actors.core.wording import as_written, nearest, quoted
from dagger_actors.reading.retry_keys import DOTTED, EXCEPTIONS, MAX_TRIES

__all__ = [
    "Misfit",
    "OptionProblem",
    "complain",
    "is_number",
    "read_options",
    "read_retry",
    "read_timeout",
    "whole",
    "word",
]


class Misfit(Exception):
    """What is wrong with a value, and what to do."""


class OptionProblem(msgspec.Struct, frozen=True):
    """An option that cannot be.

    Attributes:
        option: Its name.
        message: What is wrong with it.
        advice: What to do.
    """

    option: str
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.option}: {self.message}; {self.advice}"


def complain(problems: Iterable[OptionProblem]) -> str:
    """Word all problems as one text."""
    return "; ".join(map(str, problems))


def read_options(
    given: Mapping[str, object], readers: Mapping[str, Callable[[object], object]]
) -> tuple[dict[str, Any], list[OptionProblem]]:
    """Read options, each by itself.

    Args:
        given: By name.
        readers: All that there are; one raises ``Misfit`` for a value that cannot be.

    Returns:
        What was read, by name, and the problems, in the order given.
    """
    problems: list[OptionProblem] = []
    made: dict[str, Any] = {}
    for name, value in given.items():
        read = readers.get(name)
        if read is None:
            near = nearest(name, readers)
            advice = f"did you mean {near}?" if near else f"there are {', '.join(readers)}"
            problems.append(OptionProblem(name, "there is no such option", advice))
            continue
        try:
            made[name] = read(value)
        except Misfit as error:
            message, advice = error.args
            problems.append(OptionProblem(name, message, advice))
    return made, problems


def whole(most: int) -> Callable[[object], int]:
    """Make the reader of a whole number from 1."""

    def read(value: object) -> int:
        if type(value) is not int or not 1 <= value <= most:
            raise Misfit(f"it is a whole number from 1 to {most:,}, not {quoted(value)}", "write one")
        return value

    return read


def word(words: tuple[str, ...]) -> Callable[[object], str]:
    """Make the reader of one of a few words."""

    def read(value: object) -> str:
        if value not in words:
            near = nearest(value, words) if isinstance(value, str) else None
            raise Misfit(
                f"it is {' or '.join(words)}, not {quoted(value)}",
                f"did you mean {near}?" if near else "write one of them",
            )
        return str(value)

    return read


def read_timeout(value: object) -> float | None:
    """Read a time-out."""
    if value is None:
        return None
    if not is_number(value) or not 0 < value <= MAX_TASK_SECONDS:
        raise Misfit(
            f"it is a number of seconds, more than 0 and at most {MAX_TASK_SECONDS:,}, not {quoted(value)}",
            "write seconds, or None for no limit",
        )
    return float(value)


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def read_retry(value: object) -> RetryPolicy:
    """Read a retry policy, every field of it: the Struct itself checks none."""
    advice = "write RetryPolicy(tries=3, wait=Exponential(initial_delay_secs=1.0, max_delay_secs=60.0))"
    if not isinstance(value, RetryPolicy):
        raise Misfit(f"it is a RetryPolicy, not {quoted(value)}", advice)
    if type(value.tries) is not int or not 1 <= value.tries <= MAX_TRIES:
        raise Misfit(f"its tries are a whole number from 1 to {MAX_TRIES:,}, not {quoted(value.tries)}", advice)
    wait = value.wait
    if not isinstance(wait, Exponential | Linear | Immediate):
        raise Misfit(f"its wait is an Exponential, a Linear or Immediate(), not {quoted(wait)}", advice)
    for field in wait.__struct_fields__:
        least = 1 if field == "multiplier" else 0
        number = getattr(wait, field)
        if not is_number(number) or not least <= number <= MAX_TASK_SECONDS:
            raise Misfit(f"its {field} is a number from {least} to {MAX_TASK_SECONDS:,}, not {quoted(number)}", advice)
    for field in ("retry_on", "give_up_on"):
        check_names(field, getattr(value, field))
    return value


def check_names(field: str, names: object) -> None:
    """Check the exception names of a retry policy.

    Raises:
        Misfit: One could never be met.
    """
    if not isinstance(names, tuple | list):
        raise Misfit(f"its {field} is a tuple of exception names, not {quoted(names)}", 'write ("ValueError",)')
    for name in names:
        if isinstance(name, type) and issubclass(name, BaseException):
            dotted = (
                name.__name__ if name.__name__ in EXCEPTIONS else f"{as_written(name.__module__)}.{name.__qualname__}"
            )
            raise Misfit(f"its {field} lists names, not classes", f'write "{dotted}"')
        if not isinstance(name, str) or not is_exception(name):
            near = nearest(name, EXCEPTIONS) if isinstance(name, str) else None
            advice = f'did you mean "{near}"?' if near else 'write "ValueError", or "package.module.Error"'
            raise Misfit(f"its {field} lists {quoted(name)}, which is no builtin and no dotted exception name", advice)


def is_exception(name: str) -> bool:
    """Tell whether a name may be that of an exception: of a builtin one, or dotted."""
    return name in EXCEPTIONS or ("." in name and DOTTED.fullmatch(name) is not None)
