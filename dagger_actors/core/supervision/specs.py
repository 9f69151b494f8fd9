"""What a supervisor is told about itself and its children, in the words of OTP's ``supervisor``.

Every rule here is one of the manual's, but the back-off, which OTP does not have, and two defaults: the manual's intensity
of 1 stops on the second mishap, so it is 3; and whether a child is a supervisor is not asked, so one needs
``shutdown_us=None``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, assert_never, get_args

import msgspec

from dagger_actors.core.backoff import BackOff
from dagger_actors.errors import InvalidSupervision, Problem

__all__ = [
    "AutoShutdown",
    "Child",
    "ExitKind",
    "Restart",
    "Strategy",
    "Supervision",
    "check",
    "is_restarted",
    "problems_of",
]

Restart = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
ExitKind = Literal["normal", "shutdown", "error"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]

SHUTDOWN_US: Final = 5_000_000
"""How long a child has to stop."""


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """The specification of one child.

    Attributes:
        id: Its name among its siblings; not empty.
        restart: ``permanent``: always restarted; ``transient``: only when it ended with an error; ``temporary``: never.
        shutdown_us: How long it has to stop before it is killed; 0 = it is killed at once, None = it is waited for, for
            ever: right for a child that is a supervisor.
        significant: Whether its own end may end its supervisor (``Supervision.auto_shutdown``); not for a permanent child.
        back_off: How long it waits before a restart; None = not at all. Not for a temporary child, which has none.

    Raises:
        InvalidSupervision: The fields contradict each other.
    """

    id: str
    restart: Restart = "permanent"
    shutdown_us: int | None = SHUTDOWN_US
    significant: bool = False
    back_off: BackOff | None = None

    def __post_init__(self) -> None:
        problems = []
        if not self.id:
            problems.append(Problem("a child has no id", "give each child an id of its own"))
        if self.restart not in get_args(Restart):
            problems.append(self._problem(f"restart is {self.restart!r}", _one_of(Restart)))
        if self.shutdown_us is not None and self.shutdown_us < 0:
            problems.append(
                self._problem(f"its shutdown time is {self.shutdown_us} us", "it must be 0 or more, or None")
            )
        if self.significant and self.restart == "permanent":
            problems.append(
                self._problem("it is significant and permanent", "make it transient or temporary, or not significant")
            )
        if self.back_off is not None:
            problems += [self._problem(f"back_off: {wrong}") for wrong in self.back_off.complaints()]
            if self.restart == "temporary":
                problems.append(
                    self._problem(
                        "a temporary child is never restarted, so its back_off has no meaning", "leave it out"
                    )
                )
        if problems:
            raise InvalidSupervision(problems)

    def _problem(self, what: str, advice: str = "") -> Problem:
        return Problem(f"child {self.id!r}: {what}", advice)


class Supervision(msgspec.Struct, frozen=True, kw_only=True):
    """What a supervisor does about the ends of its children.

    Attributes:
        strategy: Who is restarted when one child is: it alone, all of them, or it and the ones that were started after it.
        intensity: Restarts tolerated inside one period; 0 or more.
        period_us: Length of the sliding window, both ends included; more than 0.
        auto_shutdown: Whether the supervisor ends when a significant child has ended by itself (and was not restarted), or
            when the last one that was active has.

    Raises:
        InvalidSupervision: A field is out of its range.
    """

    strategy: Strategy = "one_for_one"
    intensity: int = 3
    period_us: int = 5_000_000
    auto_shutdown: AutoShutdown = "never"

    def __post_init__(self) -> None:
        problems = []
        if self.strategy not in get_args(Strategy):
            problems.append(Problem(f"the strategy is {self.strategy!r}", _one_of(Strategy)))
        if self.intensity < 0:
            problems.append(Problem(f"the restart intensity is {self.intensity}", "it must be 0 or more"))
        if self.period_us < 1:
            problems.append(Problem(f"the period is {self.period_us} us", "it must be more than 0"))
        if self.auto_shutdown not in get_args(AutoShutdown):
            problems.append(Problem(f"auto_shutdown is {self.auto_shutdown!r}", _one_of(AutoShutdown)))
        if problems:
            raise InvalidSupervision(problems)


def problems_of(supervision: Supervision, child: Child) -> list[Problem]:
    """Say what is wrong with having this child under this supervisor."""
    if child.significant and supervision.auto_shutdown == "never":
        advice = "set the supervisor's auto_shutdown to any_significant or all_significant, or make it not significant"
        return [Problem(f"child {child.id!r}: it is significant, and its supervisor's auto_shutdown is never", advice)]
    return []


def check(supervision: Supervision, children: Sequence[Child]) -> None:
    """Check a supervisor's children against it and each other.

    Raises:
        InvalidSupervision: With every problem found, in the children's order.
    """
    problems = []
    seen: set[str] = set()
    for child in children:
        problems += problems_of(supervision, child)
        if child.id in seen:
            problems.append(Problem(f"two children have the id {child.id!r}", "give each child an id of its own"))
        seen.add(child.id)
    if problems:
        raise InvalidSupervision(problems)


def is_restarted(child: Child, kind: ExitKind) -> bool:
    """Tell whether a child that has ended so is started again."""
    match child.restart:
        case "permanent":
            return True
        case "transient":
            return kind == "error"
        case "temporary":
            return False
        case _:
            assert_never(child.restart)


def _one_of(words: object) -> str:
    return f"it must be one of {', '.join(get_args(words))}"
