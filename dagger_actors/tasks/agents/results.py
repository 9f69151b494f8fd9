"""What a task's body may return instead of a result, and what a job does when nothing moves any more.

``Snooze`` and ``Cancel`` are results for users; on the way to the supervisor they are failures of an own kind, so that
nothing of what the attempt has executed or spawned is committed, wherever the body runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from dagger_actors.bodies.snooze import MAX_SECONDS, Snooze, is_seconds
from dagger_actors.core.messages import ErrorDetail

__all__ = ["Asked", "Cancel", "Stall", "asked_of", "settled"]

LONGEST_REASON = 1_000


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Returned by a task's body: the task is not to be done.

    It is cancelled, and nothing that the attempt executed or spawned is committed.

    Attributes:
        reason: For people, up to 1,000 characters.

    Raises:
        ValueError: It is something else.
    """

    reason: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.reason, str) or len(self.reason) > LONGEST_REASON:
            raise ValueError(f"Cancel takes a reason, text of up to {LONGEST_REASON:,} characters")


class Stall(msgspec.Struct, frozen=True):
    """What is done when none of a job's open tasks has changed its state for some time; once until something moves again.

    Attributes:
        after_s: That time in seconds, more than 0.
        action: ``fail``: the job's open tasks are cancelled, and it has failed; ``notify``: somebody is told.
        agent: For ``notify``: the task agent (class, function or name) that gets a task with the job's progress.
        callback: For ``notify``: a function that is called with the ``JobReport``, in the process that made the job.

    Raises:
        ValueError: The parts do not fit together; says what to write.
    """

    after_s: float
    action: Literal["fail", "notify"] = "notify"
    agent: Any = None
    callback: Callable[..., object] | None = None

    def __post_init__(self) -> None:
        if not is_seconds(self.after_s) or self.after_s == 0:
            raise ValueError(f"Stall takes after_s, seconds from more than 0 to {MAX_SECONDS:,}, not {self.after_s!r}")
        if self.action not in ("fail", "notify"):
            raise ValueError(f"the action of a Stall is 'fail' or 'notify', not {self.action!r}")
        told = (self.agent is not None) + (self.callback is not None)
        if self.action == "fail" and told:
            raise ValueError(
                "a Stall that fails the job tells nobody: leave out agent and callback, or write action='notify'"
            )
        if self.action == "notify" and told != 1:
            raise ValueError("a Stall that notifies has an agent or a callback, one of them")
        if self.callback is not None and not callable(self.callback):
            raise ValueError(f"the callback of a Stall is a function, not {self.callback!r}")

    @property
    def after_us(self) -> int:
        """The same in microseconds, 1 or more."""
        return max(1, round(self.after_s * 1e6))


class Asked(Exception):
    """Carries what was returned instead of a result out of the body's call, over whatever border."""

    def __init__(self, wanted: Snooze | Cancel) -> None:
        self.wanted = wanted
        super().__init__(wanted)

    def __str__(self) -> str:
        # What is kept of an error's text is cut, and rid of what cannot be stored: this can be read all the same.
        if isinstance(self.wanted, Snooze):
            return f"{SNOOZE} {self.wanted.delay_us}"
        return f"{CANCEL} {self.wanted.reason}"


ASKABLE = (Snooze, Cancel)
"""A tuple, for a union would be made anew for each result."""

ASKED = f"{Asked.__module__}.{Asked.__qualname__}"

SNOOZE, CANCEL = "snooze", "cancel"


def settled(result: Any) -> Any:
    """Give a body's result, or raise what it asks for instead.

    Raises:
        Asked: It is a ``Snooze`` or a ``Cancel``.
    """
    if isinstance(result, ASKABLE):
        raise Asked(result)
    return result


def asked_of(error: ErrorDetail) -> Snooze | Cancel | None:
    """Tell what a body asked for by what it returned, from the failure that this became; None = it is a real failure."""
    if error.type != ASKED:
        return None
    word, _, rest = error.message.partition(" ")
    if word == SNOOZE and rest.isdecimal():
        return Snooze(int(rest) / 1e6)
    return Cancel(rest[:LONGEST_REASON]) if word == CANCEL else None
