"""Retry policies: data that builds tenacity's own strategies, asked once per failure and never slept on.

The supervisor's shell asks ``RetryPolicy.decide`` and puts the answer into the event it hands the machine; the due time
becomes a row. So a back-off holds no thread, survives a crash and needs no waiting in tests.
"""

from __future__ import annotations

from typing import assert_never

import msgspec
import tenacity

from dagger_actors.core.wording import as_written

__all__ = ["AttemptError", "Exponential", "Immediate", "Linear", "RetryPolicy", "RetryWait"]

NOT_RETRIED = (
    "TypeError",
    "NameError",
    "ImportError",
    "dagger_actors.errors.InputError",
    "dagger_actors.errors.SecretMissing",
    "msgspec.ValidationError",
    "pydantic_core._pydantic_core.ValidationError",
)
"""Mistakes in the code or the data: the same call fails the same way, so they are not retried unless listed."""


class Exponential(msgspec.Struct, frozen=True, kw_only=True, tag="exponential", forbid_unknown_fields=True):
    """Wait ``initial * multiplier ** (try - 1)``, at most ``max_delay_secs``, plus up to ``jitter`` seconds at random."""

    initial_delay_secs: float = 1.0
    max_delay_secs: float = 60.0
    multiplier: float = 2.0
    jitter: float = 0.0


class Linear(msgspec.Struct, frozen=True, kw_only=True, tag="linear", forbid_unknown_fields=True):
    """Wait ``delay_secs`` after the first failure and ``increment_secs`` more after each further one."""

    delay_secs: float
    increment_secs: float = 0.0
    max_delay_secs: float = 86_400.0


class Immediate(msgspec.Struct, frozen=True, kw_only=True, tag="immediate", forbid_unknown_fields=True):
    """Do not wait."""


RetryWait = Exponential | Linear | Immediate


class AttemptError(Exception):
    """A failure as it crossed the wire: its names instead of its class.

    Args:
        message: The error's text.
        names: Bare and dotted names of every class in its MRO.
    """

    def __init__(self, message: str, names: tuple[str, ...]) -> None:
        self.message = message
        self.names = frozenset(names)
        super().__init__(message, names)


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often, how long apart, and after what.

    Attributes:
        tries: Total tries, the first included; 1 or more.
        wait: How long to wait before the next try.
        retry_on: Exception names (builtin or dotted) worth another try; empty = all but programming mistakes.
        give_up_on: Exception names that end it at once; they win over ``retry_on``.
    """

    tries: int = 1
    wait: RetryWait = Immediate()
    retry_on: tuple[str, ...] = ()
    give_up_on: tuple[str, ...] = ()

    def is_retried(self, error: BaseException) -> bool:
        """Tell whether this error is worth another try, tries left or not."""
        names = error.names if isinstance(error, AttemptError) else frozenset(names_of(type(error)))
        if any(name in names for name in self.give_up_on):
            return False
        if self.retry_on:
            return any(name in names for name in self.retry_on)
        return not any(name in names for name in NOT_RETRIED)

    def stop(self) -> tenacity.stop.stop_base:
        """Build tenacity's stop strategy."""
        return tenacity.stop_after_attempt(self.tries)

    def retry(self) -> tenacity.retry_base:
        """Build tenacity's retry strategy."""
        return tenacity.retry_if_exception(self.is_retried)

    def waiting(self) -> tenacity.wait.wait_base:
        """Build tenacity's wait strategy."""
        match self.wait:
            case Exponential(initial_delay_secs=initial, max_delay_secs=longest, multiplier=multiplier, jitter=jitter):
                # tenacity clips the sum, so a jitter on top of the cap would vanish: clip the growth alone.
                growth = tenacity.wait_exponential(multiplier=initial, max=longest, exp_base=multiplier)
                return growth + tenacity.wait_random(0, jitter) if jitter else growth
            case Linear(delay_secs=delay, increment_secs=increment, max_delay_secs=longest):
                return tenacity.wait_incrementing(start=delay, increment=increment, max=longest)
            case Immediate():
                return tenacity.wait_none()
            case _:
                assert_never(self.wait)

    def decide(self, tries: int, error: AttemptError) -> float | None:
        """Ask tenacity whether to try again, and when.

        Args:
            tries: Tries made so far, the failed one included; 1 or more.
            error: The last failure.

        Returns:
            Seconds to wait before the next try, or None to give up.

        Source: tenacity, ``RetryCallState`` and the strategies' call protocol.
        """
        state = tenacity.RetryCallState(retry_object=tenacity.Retrying(), fn=None, args=(), kwargs={})
        state.attempt_number = tries
        state.set_exception((type(error), error, None))
        if not self.retry()(state) or self.stop()(state):
            return None
        return float(self.waiting()(state))


def names_of(kind: type[BaseException]) -> tuple[str, ...]:
    """List the bare and dotted names of a class and its bases, as ``retry_on`` may name them."""
    names: list[str] = []
    for base in kind.__mro__:
        if base is not object:
            names += (base.__qualname__, f"{as_written(base.__module__)}.{base.__qualname__}")
    return tuple(dict.fromkeys(names))
