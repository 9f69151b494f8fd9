"""What a task agent says about how its tasks are done is judged when its class is made, all mistakes at once."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.core.retry import Exponential, Immediate, Linear, RetryPolicy
from dagger_actors.errors import ActorClassError
from dagger_actors.tasks.agents.agent import TaskAgent, task_agent
from dagger_actors.tasks.agents.kind import kind_of
from dagger_actors.tasks.agents.options import OPTIONS, AgentOptions, PerKey, make_options


class Topic(msgspec.Struct, frozen=True):
    """A payload."""

    text: str
    customer: str = ""
    lines: list[str] = []


def options_of(**given: Any) -> AgentOptions:
    """The options of an agent that was given these."""

    class Agent(TaskAgent, **given):
        async def execute(self, task: Topic) -> None: ...

    kind = kind_of(Agent)
    assert kind is not None
    return kind.options


def test_without_options_every_one_has_the_documented_default() -> None:
    """Law: 3 tries, 1 s doubling to 60 s with up to 1 s by chance; 16 at once, 100,000 open, repeated after a crash."""
    retry = RetryPolicy(tries=3, wait=Exponential(initial_delay_secs=1, max_delay_secs=60, multiplier=2, jitter=1))
    assert options_of() == AgentOptions(
        concurrency=16,
        retry=retry,
        timeout_s=None,
        rate=None,
        burst=1,
        per_key=None,
        capacity=100_000,
        overflow="block",
        isolation=None,
        durability="at_least_once",
    )


GIVEN: list[tuple[str, Any, Any]] = [
    ("concurrency", 4, 4),
    ("retry", RetryPolicy(tries=9, wait=Linear(delay_secs=2)), RetryPolicy(tries=9, wait=Linear(delay_secs=2))),
    ("timeout_s", 30, 30.0),
    ("rate", "600/min", 10.0),
    ("rate", "5/h", 5 / 3600),
    ("rate", " 2.5 / s ", 2.5),
    ("per_key", ("customer", 2), PerKey(("customer",), 2)),
    ("capacity", 7, 7),
    ("overflow", "reject", "reject"),
    ("isolation", "async", "async"),
    ("durability", "at_most_once", "at_most_once"),
    ("durability", "best_effort", "at_least_once"),
]


@pytest.mark.parametrize(("option", "value", "made"), GIVEN)
def test_an_option_that_is_given_is_the_agents(option: str, value: Any, made: Any) -> None:
    """Law: no option is accepted and ignored."""
    assert getattr(options_of(**{option: value}), option) == made
    assert {one for one, _, _ in GIVEN} | {"burst"} == set(OPTIONS) == set(AgentOptions.__struct_fields__)


def test_a_burst_is_a_tenth_of_a_second_unless_it_is_given() -> None:
    """Law: a slow rate is spread evenly, a fast one needs no claim for each task."""
    assert options_of(rate="10/s").burst == 1
    assert options_of(rate="1000/s").burst == 100
    assert options_of(rate="10/s", burst=7).burst == 7


def test_work_that_may_happen_once_is_tried_once_unless_errors_are_listed() -> None:
    """Law: tries after which a repeat is not known to be safe are refused, and the default has one."""
    assert options_of(durability="at_most_once").retry.tries == 1
    listed = RetryPolicy(tries=3, retry_on=("ConnectionError",))
    assert options_of(durability="at_most_once", retry=listed).retry is listed
    with pytest.raises(ActorClassError, match="one try, not 3, unless retry_on lists errors"):
        options_of(durability="at_most_once", retry=RetryPolicy(tries=3))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"concurrency": 0}, "concurrency: it is a whole number from 1 to 10,000, not 0"),
    ({"concurrency": True}, "concurrency: it is a whole number"),
    ({"concurrncy": 4}, "concurrncy: there is no such option; did you mean concurrency"),
    ({"retry": 3}, "retry: it is a RetryPolicy, not 3; write RetryPolicy"),
    ({"retry": RetryPolicy(tries=0)}, "its tries are a whole number from 1"),
    ({"retry": RetryPolicy(wait=Exponential(multiplier=0.5))}, "its multiplier is a number from 1"),
    ({"retry": RetryPolicy(wait=Linear(delay_secs=-1))}, "its delay_secs is a number from 0"),
    ({"retry": RetryPolicy(retry_on=("ValueEror",))}, 'did you mean "ValueError"'),
    ({"retry": RetryPolicy(give_up_on=(ValueError,))}, 'lists names, not classes; write "ValueError"'),  # type: ignore[arg-type]
    ({"retry": RetryPolicy(retry_on=(ActorClassError,))}, 'write "dagger_actors.errors.ActorClassError"'),  # type: ignore[arg-type]
    ({"retry": RetryPolicy(retry_on="ValueError")}, "its retry_on is a tuple of exception names"),  # type: ignore[arg-type]
    ({"timeout_s": 0}, "timeout_s: it is a number of seconds, more than 0"),
    ({"timeout_s": float("nan")}, "timeout_s: it is a number"),
    ({"rate": 10}, 'rate: 10 is no rate; write how many in what time, "10/s"'),
    ({"rate": "0/s"}, "rate: '0/s' is no rate"),
    ({"rate": "10/day"}, "rate: '10/day' is no rate"),
    ({"burst": 3}, "burst: it does nothing without a rate"),
    ({"per_key": "customer"}, "per_key: it is a pair"),
    ({"per_key": ("a..b", 1)}, "per_key: 'a..b' is no path of fields"),
    ({"per_key": ("customer", 0)}, "per_key: its limit is a whole number from 1"),
    ({"per_key": ("custmer", 1)}, "per_key: the payload has no field 'custmer'; did you mean customer"),
    ({"per_key": ("lines", 1)}, "per_key: lines is no text and no number"),
    ({"per_key": ("customer.name", 1)}, "per_key: customer has no fields"),
    ({"capacity": 0}, "capacity: it is a whole number"),
    ({"overflow": "rejct"}, "overflow: it is block or reject, not 'rejct'; did you mean reject"),
    ({"isolation": "fork"}, "isolation: it is thread or async or process"),
    ({"isolation": "thread"}, "isolation: `isolation: thread` needs a plain function"),
    ({"durability": "exactly_once"}, "durability: it is at_least_once or"),
    ({"durable": True}, "every task is durable"),
]


@pytest.mark.parametrize(("options", "text"), WRONG)
def test_an_option_that_cannot_be_is_refused_with_the_class(options: dict[str, Any], text: str) -> None:
    """Law: the error names the option and says what to do."""
    with pytest.raises(ActorClassError, match=re.escape(text)):
        options_of(**options)


def test_more_plain_functions_at_once_than_there_are_threads_are_refused() -> None:
    """Law: a width that threads cannot give is told at once, with what would."""

    def shout(task: Topic) -> None: ...

    with pytest.raises(ActorClassError, match=r"64 plain functions at once.*async def"):
        task_agent(concurrency=65)(shout)
    task_agent(concurrency=64)(shout)


def test_all_mistakes_are_told_at_once() -> None:
    """Law: an author corrects them together."""
    with pytest.raises(ActorClassError, match=r"capacity: .*; overflow: "):
        options_of(capacity=0, overflow="never")


def test_options_are_inherited_and_what_a_subclass_gives_goes_before() -> None:
    """Law: what is given is judged together, also when a base gave a part of it; the name is each class's own."""

    class Slow(TaskAgent, rate="10/s", burst=5, timeout_s=3, name="slow"):
        """A base without a body."""

    class Slower(Slow, timeout_s=None, durability="at_most_once"):
        async def execute(self, task: Topic) -> None: ...

    class Sure(Slower, durability="at_least_once"):
        """As it was."""

    slower, sure = kind_of(Slower), kind_of(Sure)
    assert slower is not None
    assert sure is not None
    assert (slower.name, slower.options.rate, slower.options.burst, slower.options.timeout_s) == ("slower", 10, 5, None)
    assert (slower.options.retry.tries, sure.options.retry.tries) == (1, 3)


@given(
    st.dictionaries(
        st.sampled_from(sorted(OPTIONS)), st.none() | st.integers() | st.text("0123456789./sminh") | st.floats()
    )
)
def test_whatever_is_given_is_made_or_told(options: dict[str, Any]) -> None:
    """Law: judging raises nothing, and each problem is about something that was given."""
    made, problems = make_options(options)
    assert {problem.option for problem in problems} <= set(options)
    assert problems or made.retry.wait != Immediate()
