"""What a task agent says about how its tasks are done: every option with its default, and what is wrong with a given one.

Options are given as class keywords, to ``@task_agent``, to ``configured`` and in system files; what is given last goes
before what was given earlier, and all that is given is judged together.
"""

from __future__ import annotations

import builtins
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypedDict, TypeGuard

import msgspec

from dagger_actors.core.retry import Exponential, Immediate, Linear, RetryPolicy
from dagger_actors.core.task_options import (
    DURABILITIES,
    ISOLATIONS,
    MAX_BURST,
    MAX_CONCURRENCY,
    MAX_OPEN,
    MAX_PATH,
    MAX_PER_KEY,
    MAX_RATE,
    MAX_TASK_SECONDS,
    OVERFLOWS,
    Durability,
    Isolation,
    Overflow,
    rate_of,
)
from dagger_actors.core.wording import as_written, nearest, quoted

__all__ = ["OPTIONS", "AgentOptions", "GivenOptions", "OptionProblem", "PerKey", "complain", "make_options"]

MAX_TRIES = 10_000

EXCEPTIONS = frozenset(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
)
DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")

RETRY = RetryPolicy(tries=3, wait=Exponential(initial_delay_secs=1.0, max_delay_secs=60.0, multiplier=2.0, jitter=1.0))
ONE_TRY = msgspec.structs.replace(RETRY, tries=1)


class PerKey(msgspec.Struct, frozen=True):
    """How many tasks of one key may be leased at once.

    Attributes:
        path: Where the key is in a payload: the names of fields, from the outside in; 1 or more.
        limit: Tasks of one key at once; 1 or more.
    """

    path: tuple[str, ...]
    limit: int


class AgentOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one agent, judged and complete.

    Attributes:
        concurrency: Tasks that one process does at once, 1 to 10,000. (16, as the nodes of a run.)
        retry: How often a task is tried, how long apart, after what; 3 tries, 1 s doubling to 60 s, up to 1 s more by chance.
            With ``at_most_once`` and no ``retry`` given: one try.
        timeout_s: Seconds for one attempt, more than 0; None = as long as it likes.
        rate: Tasks that are begun a second, over all processes, more than 0; None = any number.
        burst: How many of them may come at once after a pause, 1 or more; without being given, what a tenth of a second
            allows, at least 1. In any ``t`` seconds at most ``burst + rate * t`` tasks are begun.
        per_key: How many tasks whose payloads agree in a field may be leased at once; None = any number.
        capacity: Tasks that may be open (made and not ended) at once, 1 to 10,000,000; see ``overflow``.
        overflow: Who submits one more: waits (``block``), or gets ``TaskQueueFull`` (``reject``).
        isolation: Where its code runs: ``thread``, ``async``, ``process``; None = on the loop for a coroutine function,
            else on a thread.
        durability: ``at_least_once``: an attempt whose end is unknown is repeated; ``at_most_once``: its task is paused.
    """

    concurrency: int = 16
    retry: RetryPolicy = RETRY
    timeout_s: float | None = None
    rate: float | None = None
    burst: int = 1
    per_key: PerKey | None = None
    capacity: int = 100_000
    overflow: Overflow = "block"
    isolation: Isolation | None = None
    durability: Literal["at_least_once", "at_most_once"] = "at_least_once"

    @property
    def timeout_us(self) -> int | None:
        """Microseconds for one attempt, 1 or more; None = as long as it likes."""
        return None if self.timeout_s is None else max(1, round(self.timeout_s * 1e6))

    @property
    def is_careful(self) -> bool:
        """Whether an attempt whose end is unknown must not be repeated."""
        return self.durability == "at_most_once"


class GivenOptions(TypedDict, total=False):
    """The options as they are given: class keywords, arguments of ``@task_agent`` and ``configured``."""

    concurrency: int
    retry: RetryPolicy
    timeout_s: float | None
    rate: str | None
    burst: int | None
    per_key: tuple[str, int] | None
    capacity: int
    overflow: Overflow
    isolation: Isolation | None
    durability: Durability


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


class Misfit(Exception):
    """What is wrong with a value, and what to do."""


def make_options(given: Mapping[str, object]) -> tuple[AgentOptions, list[OptionProblem]]:
    """Judge what was given, and fill in the rest.

    Args:
        given: Options by name, of ``GivenOptions``; others are problems too.

    Returns:
        The options, to be used only if there are no problems; and the problems, in the order given.
    """
    problems: list[OptionProblem] = []
    made: dict[str, Any] = {}
    for name, value in given.items():
        read = OPTIONS.get(name)
        if read is None:
            near = nearest(name, OPTIONS)
            advice = f"did you mean {near}?" if near else f"there are {', '.join(OPTIONS)}"
            problems.append(OptionProblem(name, "there is no such option", advice))
            continue
        try:
            made[name] = read(value)
        except Misfit as error:
            message, advice = error.args
            problems.append(OptionProblem(name, message, advice))
    problems += disagreements(given, made)
    if problems:
        return AgentOptions(), problems
    if made.get("burst") is None:
        made["burst"] = max(1, math.ceil((made.get("rate") or 0.0) / 10))
    if made.get("durability") == "at_most_once" and "retry" not in made:
        made["retry"] = ONE_TRY
    return AgentOptions(**made), problems


def complain(problems: Iterable[OptionProblem]) -> str:
    """Word all problems as one text."""
    return "; ".join(map(str, problems))


def disagreements(given: Mapping[str, object], made: Mapping[str, Any]) -> list[OptionProblem]:
    """Find what is wrong only together."""
    found = []
    if made.get("burst") is not None and given.get("rate") is None:
        found.append(
            OptionProblem("burst", "it does nothing without a rate", 'give a rate too ("10/s"), or leave it out')
        )
    retry = made.get("retry")
    if retry is not None and made.get("durability") == "at_most_once" and retry.tries > 1 and not retry.retry_on:
        message = f"at_most_once work has one try, not {retry.tries}, unless retry_on lists errors after which a repeat is safe"
        found.append(OptionProblem("retry", message, "list them in its retry_on, or give it tries=1"))
    return found


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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


def read_rate(value: object) -> float | None:
    """Read a rate as tasks a second."""
    if value is None:
        return None
    rate = rate_of(value.strip()) if isinstance(value, str) else None
    if rate is None:
        advice = f'write how many in what time, "10/s", "600/min" or "5/h", at most {MAX_RATE:,}/s'
        raise Misfit(f"{quoted(value)} is no rate", advice)
    return rate


def read_burst(value: object) -> int | None:
    """Read a burst."""
    return None if value is None else whole(MAX_BURST)(value)


def read_per_key(value: object) -> PerKey | None:
    """Read a limit for each key: the path of a field, and the limit."""
    if value is None:
        return None
    advice = 'write the field and the limit: ("customer", 1), or ("order.customer", 1)'
    if not isinstance(value, tuple) or len(value) != 2:
        raise Misfit(f"it is a pair, not {quoted(value)}", advice)
    path, limit = value
    if not isinstance(path, str) or not 1 <= len(path) <= MAX_PATH or "" in (parts := path.split(".")):
        raise Misfit(f"{quoted(path)} is no path of fields", advice)
    if type(limit) is not int or not 1 <= limit <= MAX_PER_KEY:
        raise Misfit(f"its limit is a whole number from 1 to {MAX_PER_KEY:,}, not {quoted(limit)}", advice)
    return PerKey(tuple(parts), limit)


def read_isolation(value: object) -> str | None:
    """Read where its code runs."""
    return None if value is None else word(ISOLATIONS)(value)


def read_durability(value: object) -> str:
    """Read what happens to an attempt whose end is unknown."""
    found = word(DURABILITIES)(value)
    return "at_least_once" if found == "best_effort" else found


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
        if not isinstance(name, str) or not (name in EXCEPTIONS or DOTTED.fullmatch(name)):
            near = nearest(name, EXCEPTIONS) if isinstance(name, str) else None
            advice = f'did you mean "{near}"?' if near else 'write "ValueError", or "package.module.Error"'
            raise Misfit(f"its {field} lists {quoted(name)}, which is no builtin and no dotted exception name", advice)


OPTIONS: dict[str, Callable[[object], object]] = {
    "concurrency": whole(MAX_CONCURRENCY),
    "retry": read_retry,
    "timeout_s": read_timeout,
    "rate": read_rate,
    "burst": read_burst,
    "per_key": read_per_key,
    "capacity": whole(MAX_OPEN),
    "overflow": word(OVERFLOWS),
    "isolation": read_isolation,
    "durability": read_durability,
}
