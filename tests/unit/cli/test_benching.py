"""What ``bench`` measures with: the histogram, the schedule, the meter in a real system."""

from __future__ import annotations

import math
import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from dagger_actors import Actor, ActorContext, ActorSystem, ChildSpec, handler
from dagger_actors.actors.telemetry import Handling, Receiver
from dagger_actors.cli.benching.histogram import LONGEST_NS, Histogram
from dagger_actors.cli.benching.meter import Asked, Meter, cause
from dagger_actors.cli.benching.schedule import Plan, Schedule

TIMES = st.integers(0, 300) | st.integers(0, 10**7) | st.integers(0, LONGEST_NS)
PATIENCE_S = 20.0


@given(st.lists(TIMES, min_size=1, max_size=200), st.sampled_from([0.1, 50.0, 90.0, 99.0, 99.9, 100.0]))
def test_a_percentile_is_within_one_per_cent_of_the_true_one(times: list[int], percent: float) -> None:
    """Law: against the sorted list itself; the longest is exact, and no percentile is beyond it."""
    histogram = Histogram()
    for one in times:
        histogram.record(one)
    true = sorted(times)[math.ceil(len(times) * percent / 100) - 1]
    found = histogram.percentile_ns(percent)
    assert found is not None
    assert abs(found - true) <= true / 100
    assert found <= histogram.longest_ns == max(times)
    assert histogram.total() == len(times)


@given(st.lists(st.integers(-(10**20), 10**20), max_size=50))
def test_a_histogram_takes_any_time_in_bounded_memory(times: list[int]) -> None:
    """Law: what is out of range counts as the nearest that is not; buckets are few."""
    histogram = Histogram()
    for one in times:
        histogram.record(one)
    assert histogram.total() == len(times)
    assert 0 <= histogram.longest_ns <= LONGEST_NS
    assert all(0 <= bucket < 2_688 for bucket in histogram._counts)
    assert (histogram.percentile_ns(50) is None) == (not times)


@given(st.floats(0.1, 1e6), st.integers(1, 50), st.floats(0.0, 1.0), st.lists(st.integers(0, 10**12), min_size=60))
def test_with_a_rate_messages_are_due_whatever_the_time_is(
    rate: float, count: int, warmup_s: float, asked_at: list[int]
) -> None:
    """Law: the k-th is due k/rate after the start, late senders or not; ``count`` of those past the warm-up."""
    schedule = Schedule(Plan(rate=rate, count=count, warmup_s=min(warmup_s, 5 / rate)), 1_000)
    due = [schedule.next_ns(now) for now in asked_at]
    given_out = [one for one in due if one is not None]
    assert given_out == [1_000 + round(at / rate * 1e9) for at in range(len(given_out))]
    assert due[len(given_out) :] == [None] * (len(due) - len(given_out))
    assert sum(one >= schedule.from_ns for one in given_out) == schedule.counted == count
    assert schedule.ended == "count"


@given(st.integers(1, 1_000), st.integers(1, 200))
def test_a_duration_gives_as_many_messages_as_the_rate_says(rate: int, hundredths: int) -> None:
    """Law: rate times seconds, rounded up: the first is due at once; and then no more."""
    schedule = Schedule(Plan(rate=float(rate), duration_s=hundredths / 100), 0)
    sent = 0
    while schedule.next_ns(0) is not None:
        sent += 1
    assert abs(sent - rate * hundredths / 100) < 1
    assert (schedule.ended, schedule.next_ns(0)) == ("duration", None)


def test_without_a_rate_a_message_is_due_when_it_is_asked_for() -> None:
    """Law: as fast as it goes, until the time is over."""
    schedule = Schedule(Plan(duration_s=1.0, warmup_s=1.0), 0)
    assert [schedule.next_ns(now) for now in (0, 999_999_999, 1_999_999_999, 2_000_000_000)] == [
        0, 999_999_999, 1_999_999_999, None
    ]  # fmt: skip
    assert schedule.counted == 1


class Front(Actor):
    """Passes a text on."""

    @handler
    def take(self, text: str, ctx: ActorContext) -> None:
        ctx.find("back").tell(text)


class Back(Actor):
    """Fails at one text; awaits, so that the cause has to survive that."""

    @handler
    async def take(self, text: str) -> None:
        if text == "bad":
            raise ValueError(text)


def test_an_agent_further_on_counts_from_what_caused_its_message() -> None:
    """Law: both latencies begin when the first message was due; what nothing has caused is not counted, nor what was due earlier."""
    meter = Meter({"front": "front", "back": "back"})
    agents = [ChildSpec(Front, "front"), ChildSpec(Back, "back")]
    with ActorSystem(agents=agents, telemetry=meter, stuck_after_s=None) as system:
        meter.from_ns = time.perf_counter_ns() - 10**9
        front = system.actors["front"]
        front.tell("nobody's")
        for due_ns, text in ((meter.from_ns - 1, "too early"), (meter.from_ns, "good"), (meter.from_ns, "bad")):
            before = cause.set(due_ns)
            front.tell(text)
            cause.reset(before)
        front.ask("nobody's, too")
        system.actors["back"].ask("behind all of them")
    for name in ("front", "back"):
        latency = meter.samples[name].latency
        assert latency.total() == 2
        assert (latency.percentile_ns(1) or 0) > 0.99e9
    assert (meter.samples["front"].failed, meter.samples["back"].failed, meter.samples["back"].restarts) == (0, 1, 1)


def test_an_ask_is_counted_with_its_answer_and_only_if_it_was_handled() -> None:
    """Law: one that never came to a handler is undelivered, which is told elsewhere; the handler's end is not the answer."""
    meter = Meter({"one": "one"})
    meter.from_ns = 1
    asked = Asked(1)
    meter.answered("one", asked, has_failed=True)
    assert not meter.samples
    what = Handling(Receiver("one", "One", False), "str", "take", (asked,), 1)  # noqa: FBT003 - a NamedTuple
    with meter.handling(what):
        assert cause.get() == 1
        assert type(cause.get()) is int  # what it causes is no ask of a sender's
    assert not meter.samples
    meter.answered("one", asked, has_failed=True)
    meter.answered("one", asked, has_failed=False)
    assert (meter.samples["one"].latency.total(), meter.samples["one"].failed) == (2, 1)


def test_what_is_continued_later_is_still_a_consequence() -> None:
    """Law: the answer of ``ctx.ask(...).then(...)`` comes in another turn."""
    meter = Meter({})
    before = cause.set(7)
    later = meter.continued(Receiver("one", "One", False), lambda _value: cause.get())  # noqa: FBT003 - a NamedTuple
    cause.reset(before)
    found: list[object] = []
    other = threading.Thread(target=lambda: found.append((cause.get(), later(None), cause.get())))
    other.start()
    other.join(PATIENCE_S)
    assert found == [(0, 7, 0)]
