"""What a task agent says about how its tasks are done: every option with its default, and what is wrong with a given one.

Options are given as class keywords, to ``@task_agent``, to ``configured`` and in system files; what is given last goes
before what was given earlier, and all that is given is judged together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypedDict

import msgspec

from dagger_actors.bodies.option_values import (
    OptionProblem,
    read_options,
    read_retry,
    read_timeout,
    whole,
    word,
)
from dagger_actors.core.retry import Exponential, RetryPolicy
from dagger_actors.core.task_options import MAX_CONCURRENCY, MAX_OPEN, OVERFLOWS, Durability, Isolation, Overflow
from dagger_actors.tasks.agents.option_values import (
    PerKey,
    read_burst,
    read_durability,
    read_isolation,
    read_per_key,
    read_rate,
)

__all__ = ["OPTIONS", "AgentOptions", "GivenOptions", "PerKey", "make_options"]

RETRY = RetryPolicy(tries=3, wait=Exponential(initial_delay_secs=1.0, max_delay_secs=60.0, multiplier=2.0, jitter=1.0))
ONE_TRY = msgspec.structs.replace(RETRY, tries=1)


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

    @property
    def has_one_try(self) -> bool:
        """Whether no task is tried again, whatever is said with it: no error is listed after which a repeat is safe."""
        return self.is_careful and not self.retry.retry_on

    def retry_of(self, try_count: int | None) -> RetryPolicy:
        """The policy for a task with which so many tries were given; None = none were."""
        if try_count is None:
            return self.retry
        return msgspec.structs.replace(self.retry, tries=1 if self.has_one_try else try_count)


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


def make_options(given: Mapping[str, object]) -> tuple[AgentOptions, list[OptionProblem]]:
    """Judge what was given, and fill in the rest.

    Args:
        given: Options by name, of ``GivenOptions``; others are problems too.

    Returns:
        The options, to be used only if there are no problems; and the problems, in the order given.
    """
    made, problems = read_options(given, OPTIONS)
    problems += disagreements(given, made)
    if problems:
        return AgentOptions(), problems
    if made.get("burst") is None:
        made["burst"] = max(1, math.ceil((made.get("rate") or 0.0) / 10))
    if made.get("durability") == "at_most_once" and "retry" not in made:
        made["retry"] = ONE_TRY
    return AgentOptions(**made), problems


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
