"""Retry policies are data; tenacity's own strategies decide, and nothing sleeps."""

from __future__ import annotations

import random
import types
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.core.retry import (
    AttemptError,
    Exponential,
    Immediate,
    Linear,
    RetryPolicy,
    RetryWait,
    names_of,
)


class Overloaded(ConnectionError):
    """A user's own error."""


def failure(kind: type[BaseException] = ValueError) -> AttemptError:
    return AttemptError("it failed", names_of(kind))


def waits(wait: RetryWait, count: int) -> list[float | None]:
    policy = RetryPolicy(tries=count + 1, wait=wait)
    return [policy.decide(tries, failure()) for tries in range(1, count + 1)]


def test_the_exponential_wait_doubles_up_to_its_longest() -> None:
    """Initial delay times multiplier to the power of the tries before, capped."""
    assert waits(Exponential(initial_delay_secs=1, max_delay_secs=4), 5) == [1, 2, 4, 4, 4]
    assert waits(Exponential(initial_delay_secs=0.5, multiplier=3, max_delay_secs=100), 4) == [0.5, 1.5, 4.5, 13.5]


def test_the_linear_wait_grows_by_its_increment_up_to_its_longest() -> None:
    """The delay after the first failure, and an increment more after each further one."""
    assert waits(Linear(delay_secs=2), 3) == [2, 2, 2]
    assert waits(Linear(delay_secs=1, increment_secs=0.5), 4) == [1, 1.5, 2, 2.5]
    assert waits(Linear(delay_secs=1, increment_secs=5, max_delay_secs=7), 4) == [1, 6, 7, 7]


def test_immediate_does_not_wait() -> None:
    """Again at once, as often as there are tries."""
    assert waits(Immediate(), 3) == [0, 0, 0]


@pytest.fixture
def seeded() -> Iterator[None]:
    """tenacity draws from the global generator."""
    state = random.getstate()
    random.seed(7)
    yield
    random.setstate(state)


@pytest.mark.usefixtures("seeded")
def test_jitter_comes_on_top_of_the_growth_even_at_the_longest() -> None:
    """Waits that have reached their cap are still spread, so that a herd does not come back as one."""
    drawn = [waits(Exponential(initial_delay_secs=1, max_delay_secs=4, jitter=2), 5) for _ in range(200)]
    for grown, column in zip([1, 2, 4, 4, 4], zip(*drawn, strict=True), strict=True):
        seconds = [one for one in column if one is not None]
        assert grown <= min(seconds) < grown + 0.2
        assert grown + 1.8 < max(seconds) <= grown + 2
        assert len(set(seconds)) > 100


@given(tries=st.integers(1, 20), made=st.integers(1, 40))
def test_the_total_of_tries_includes_the_first(tries: int, made: int) -> None:
    """``tries`` is how often the body may run, not how often it may run again."""
    assert (RetryPolicy(tries=tries).decide(made, failure()) is None) == (made >= tries)


@given(made=st.integers(1, 10_000))
def test_a_wait_never_exceeds_its_longest_however_many_tries_there_were(made: int) -> None:
    """No overflow: 2 to the power of ten thousand is still one minute."""
    policy = RetryPolicy(tries=20_000, wait=Exponential())
    assert 0 < (policy.decide(made, failure()) or 0) <= 60


def test_mistakes_in_the_code_are_not_retried_unless_listed() -> None:
    """The same call would fail the same way; whoever lists one means it."""
    mistakes: list[type[Exception]] = [
        TypeError,
        NameError,
        UnboundLocalError,
        ModuleNotFoundError,
        msgspec.ValidationError,
    ]
    for kind in mistakes:
        assert RetryPolicy(tries=3).decide(1, failure(kind)) is None, kind
        assert RetryPolicy(tries=3, retry_on=(kind.__name__, names_of(kind)[1])).decide(1, failure(kind)) == 0, kind
    for other in (ValueError, AttributeError, KeyError, OSError, RuntimeError):
        assert RetryPolicy(tries=3).decide(1, failure(other)) == 0, other


def test_only_what_is_listed_is_retried() -> None:
    """A list is the whole list."""
    policy = RetryPolicy(tries=3, retry_on=("ValueError",))
    assert policy.decide(1, failure(ValueError)) == 0
    assert policy.decide(1, failure(OSError)) is None


@pytest.mark.parametrize(
    "name", ["Overloaded", f"{__name__}.Overloaded", "ConnectionError", "builtins.OSError", "Exception"]
)
def test_a_name_means_the_class_and_all_that_derive_from_it(name: str) -> None:
    """Bare or dotted, the error's own or that of a base: as an ``except`` clause would take it."""
    assert RetryPolicy(tries=2, retry_on=(name,)).is_retried(failure(Overloaded))
    assert RetryPolicy(tries=2, retry_on=(name,)).is_retried(Overloaded())
    assert not RetryPolicy(tries=2, give_up_on=(name,)).is_retried(failure(Overloaded))


def test_names_are_compared_whole() -> None:
    """Neither a prefix nor another module's class of that name."""
    for name in ("Over", "other.Overloaded", "ConnectionErro", "object"):
        assert not RetryPolicy(tries=2, retry_on=(name,)).is_retried(failure(Overloaded)), name


@given(listed=st.sampled_from(["Overloaded", "ConnectionError", "Exception"]))
def test_giving_up_beats_retrying(listed: str) -> None:
    """An error in both lists ends it at once, whichever list names it more closely."""
    policy = RetryPolicy(tries=5, retry_on=(listed, "OSError"), give_up_on=("ConnectionError",))
    assert policy.decide(1, failure(Overloaded)) is None
    assert policy.decide(1, failure(FileNotFoundError)) == 0


def test_a_wait_of_no_known_kind_is_no_wait_at_all() -> None:
    """A kind that ``waiting`` forgot is a mistake of ours, not a retry without a delay."""
    stranger: Any = "soon"
    with pytest.raises(AssertionError):
        RetryPolicy(tries=2, wait=stranger).decide(1, failure())


def test_the_strategies_are_tenacitys_own() -> None:
    """So its users' strategies and ours are of one kind, and its loop behaves as the supervisor does."""
    policy = RetryPolicy(tries=3, wait=Linear(delay_secs=1, increment_secs=1), retry_on=("ValueError",))
    slept: list[float] = []
    retrying = tenacity.Retrying(
        stop=policy.stop(), wait=policy.waiting(), retry=policy.retry(), sleep=slept.append, reraise=True
    )
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise ValueError

    with pytest.raises(ValueError):
        retrying(fail)
    assert len(calls) == 3
    assert slept == [1, 2] == [policy.decide(tries, failure()) for tries in (1, 2)]


def test_names_of_lists_the_mro_bare_and_dotted_without_doubles() -> None:
    """What crosses the wire instead of the class."""
    assert names_of(Overloaded) == (
        "Overloaded",
        f"{__name__}.Overloaded",
        "ConnectionError",
        "builtins.ConnectionError",
        "OSError",
        "builtins.OSError",
        "Exception",
        "builtins.Exception",
        "BaseException",
        "builtins.BaseException",
    )
    nameless = types.new_class("Twice", (Overloaded,), exec_body=lambda body: body.update(__module__="a"))
    twice = types.new_class("Twice", (nameless,), exec_body=lambda body: body.update(__module__="a"))
    assert names_of(twice).count("Twice") == 1


def test_a_failure_keeps_its_text() -> None:
    """What a user's own strategy may look at."""
    assert failure().message == "it failed"


@given(
    st.builds(
        RetryPolicy,
        tries=st.integers(1, 9),
        wait=st.one_of(
            st.builds(Exponential, jitter=st.floats(0, 9)),
            st.builds(Linear, delay_secs=st.floats(0, 9)),
            st.builds(Immediate),
        ),
        retry_on=st.lists(st.text(), max_size=2).map(tuple),
    )
)
def test_a_policy_is_data(policy: RetryPolicy) -> None:
    """It is stored with the definition and comes back equal."""
    assert msgspec.json.decode(msgspec.json.encode(policy), type=RetryPolicy) == policy
