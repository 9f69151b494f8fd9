"""What a stub does, call by call: its results, its duration, its failures; checked when it is written."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Mapping
from typing import Any

from dagger_actors.errors import RequestError
from dagger_actors.testing.world import World

__all__ = ["Failure", "Failures", "Outcomes", "Script"]

Failure = BaseException | type[BaseException]
Failures = Failure | list[Any] | tuple[Any, ...] | None


class Outcomes:
    """One outcome for each call, the last one for all that follow: for ``returns`` of a stub, and ``answers`` of a probe.

    >>> from dagger_actors.testing import Outcomes
    >>> price = Outcomes(1.5, TimeoutError("busy"), 2.0)
    >>> price("tea"), price.calls
    (1.5, 1)

    Args:
        outcomes: Values to return; exceptions, or their classes, to raise. 1 or more.

    Attributes:
        calls: How many have been made.

    Raises:
        RequestError: There is none, or an exception's class needs arguments.
    """

    def __init__(self, *outcomes: Any) -> None:
        if not outcomes:
            raise RequestError("`Outcomes` needs one outcome or more")
        for one in outcomes:
            if _is_failure(one):
                _refuse_unraisable(one)
        self.calls = 0
        self._outcomes = outcomes
        self._lock = threading.Lock()

    def __call__(self, *_given: Any, **_inputs: Any) -> Any:
        """Give the next one, whatever is given."""
        with self._lock:
            outcome = self._outcomes[min(self.calls, len(self._outcomes) - 1)]
            self.calls += 1
        if _is_failure(outcome):
            raise _fresh(outcome)
        return outcome


class Script:
    """What a stub was written to do.

    Args:
        world: Where its time passes.
        returns: The result, or a plain function that makes it.
        takes_s: Virtual seconds that each call takes; 0 or more.
        fails: What calls raise.
        times: How many calls raise the one exception.

    Raises:
        RequestError: One of these is none of what it can be.
    """

    def __init__(self, world: World, *, returns: Any, takes_s: float, fails: Failures, times: int | None) -> None:
        self.takes_s = _checked_duration(takes_s)
        self._world = world
        self._returns = returns
        self._fails, self._times = _checked_failures(fails, times)
        if inspect.iscoroutinefunction(returns):
            raise RequestError(
                "`returns` of a stub is a value or a plain function of the inputs, not a coroutine function"
            )
        if takes_s:
            world.lends_stacks = True

    @property
    def required(self) -> int:
        """How many arguments the function that makes the result needs by their place; 0 when it is none."""
        try:
            parameters = inspect.signature(self._returns).parameters.values()
        except (TypeError, ValueError):
            return 0
        places = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
        return sum(1 for one in places if one.default is one.empty)

    def failure(self, number: int) -> Failure | None:
        """What a call raises, by its number from 0; None = it succeeds."""
        if self._times is None or number < self._times:
            return self._fails[number % len(self._fails)] if self._fails else None
        return None

    def pass_time(self, worker: str, name: str) -> None:
        """Let the time of a call pass, inside of the turn of a plain function."""
        if self.takes_s:
            self._world.sleep(worker, self.takes_s, name)

    def end(self, failure: Failure | None, inputs: Mapping[str, Any], *given: Any) -> Any:
        """Return or raise what the call ends with."""
        if failure is None:
            return self._returns(*given, **inputs) if callable(self._returns) else self._returns
        raise _fresh(failure)


def _fresh(failure: Failure) -> Failure:
    # The same one may be raised time and again, and would grow by the frames of each.
    return failure.with_traceback(None) if isinstance(failure, BaseException) else failure


def _checked_duration(takes_s: float) -> float:
    if not isinstance(takes_s, int | float) or not math.isfinite(takes_s) or takes_s < 0:
        raise RequestError(f"`takes_s` of a stub is a number of seconds, 0 or more, not {takes_s!r:.100}")
    return takes_s


def _checked_failures(fails: Failures, times: int | None) -> tuple[tuple[Failure | None, ...], int | None]:
    """Give what the calls raise in turn, and how many calls that goes for; None = all of them."""
    is_one = _is_failure(fails)
    if times is not None and (not is_one or type(times) is not int or times < 1):
        raise RequestError("`times` of a stub says how often its one exception is raised: a whole number, 1 or more")
    if fails is None:
        return (), None
    if is_one:
        found: tuple[Any, ...] = (fails,)
    elif isinstance(fails, list | tuple):
        found, times = tuple(fails), len(fails)
    else:
        raise RequestError(f"`fails` of a stub is an exception, or a list of them by call, not {fails!r:.100}")
    for failure in found:
        if failure is not None:
            _refuse_unraisable(failure)
    return found, times


def _refuse_unraisable(failure: object) -> None:
    if not _is_failure(failure):
        raise RequestError(
            f"`fails` of a stub lists exceptions, or None for a call that succeeds, not {failure!r:.100}"
        )
    if isinstance(failure, type):
        try:
            failure()
        except Exception as error:  # noqa: BLE001 - it is the user's class
            name = failure.__name__
            raise RequestError(f"`fails` of a stub: {name} needs arguments ({error}); give {name}(...)") from None


def _is_failure(candidate: object) -> bool:
    return isinstance(candidate, BaseException) or (
        isinstance(candidate, type) and issubclass(candidate, BaseException)
    )
