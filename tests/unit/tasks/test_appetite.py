"""How much a worker leases: what it hears while a claim is under way is not lost."""

from __future__ import annotations

import pytest

from dagger_actors.core.messages import ErrorDetail, Failed
from dagger_actors.core.protocols import Now
from dagger_actors.core.task_leases import Claim, ClaimAnswer, Claimed
from dagger_actors.tasks.machine.appetite import MOST_AHEAD, Appetite
from dagger_actors.tasks.machine.events import AgentTerms, Answered, Ended, Refused
from dagger_actors.tasks.machine.machine import TaskMachine

NOW = Now(0, 0)
NOTHING = ClaimAnswer((), frozenset({"a"}), {})


@pytest.mark.parametrize("woken", [None, frozenset({"a"})])
def test_what_is_heard_while_a_claim_is_under_way_is_claimed_for_again(woken: frozenset[str] | None) -> None:
    """Law: an answer that had nothing says nothing of what became ready after it was asked for."""
    appetite = Appetite({"a": AgentTerms(name="a", concurrency=1)}, 1)
    claims = appetite.wanted(NOW)
    assert claims
    appetite.wake(woken)
    appetite.answered(NOTHING, claims)
    claims = appetite.wanted(NOW)
    assert claims
    appetite.answered(NOTHING, claims)
    assert not appetite.wanted(NOW), "nothing was heard since"


def test_a_refused_end_may_make_others_ready_as_any_end() -> None:
    """Law: the failure that stands in for what was refused is followed by a look for tasks."""
    machine = TaskMachine(1, {"a": AgentTerms(name="a", concurrency=1)}, 1)
    machine.apply(Answered(NOTHING, machine.wanted(NOW)), NOW)
    assert not machine.wanted(NOW)
    task = Claimed(1, 1, "a", 0, 0, 0, 1, 0)
    error = ErrorDetail("builtins.ValueError", "no")
    machine.apply(Refused(task=task, attempt=1, started_us=0, finished_us=0, error=error, retry_after_us=None), NOW)
    assert machine.wanted(NOW)


def drained(concurrency: int = 4) -> Appetite:
    """Of one agent, of which nothing is ready."""
    appetite = Appetite({"a": AgentTerms(name="a", concurrency=concurrency)}, 64)
    appetite.answered(NOTHING, appetite.wanted(NOW))
    return appetite


def leased(*keys: int) -> ClaimAnswer:
    return ClaimAnswer(tuple(Claimed(key, 1, "a", 0, 0, 0, 1, 0) for key in keys), frozenset(), {})


def test_after_an_end_a_drained_agent_claims_on_condition_and_is_drained_still_when_nobody_had_waited() -> None:
    """Law: ends cost no look for tasks, unless there is something to be found."""
    appetite = drained()
    appetite.doubt()
    (claim,) = appetite.wanted(NOW)
    assert claim.is_doubtful
    assert not appetite.wanted(NOW), "one end is doubted once"
    appetite.answered(NOTHING, (claim,))
    assert not appetite.wanted(NOW)


def test_without_room_it_is_asked_all_the_same_whether_an_end_was_waited_for() -> None:
    """Law: what becomes ready while all places are taken is claimed as soon as there is room."""
    appetite = Appetite({"a": AgentTerms(name="a", concurrency=2)}, 64)
    appetite.answered(leased(1, 2), appetite.wanted(NOW))
    appetite.wake(None)
    appetite.end("a")
    appetite.answered(NOTHING, appetite.wanted(NOW))
    appetite.wake(None)
    appetite.answered(leased(3), appetite.wanted(NOW))
    appetite.end("a")
    appetite.answered(NOTHING, appetite.wanted(NOW))
    appetite.adopt("a")
    appetite.doubt()
    (claim,) = appetite.wanted(NOW)
    assert (claim.count, claim.is_doubtful) == (0, True)
    appetite.answered(ClaimAnswer((), frozenset(), {}), (claim,))
    appetite.end("a")
    (claim,) = appetite.wanted(NOW)
    assert (claim.count, claim.is_doubtful) == (1, False)


def test_the_claim_of_one_agent_keeps_no_other_from_claiming() -> None:
    """Law: of two agents, the one that has nothing to do does not hold up the other."""
    terms = {name: AgentTerms(name=name, concurrency=2) for name in "ab"}
    appetite = Appetite(terms, 64)
    first = appetite.wanted(NOW)
    assert {claim.agent for claim in first} == {"a", "b"}
    appetite.answered(ClaimAnswer((), frozenset({"a", "b"}), {}), first)
    appetite.wake(frozenset({"a"}))
    assert [claim.agent for claim in appetite.wanted(NOW)] == ["a"]
    appetite.wake(frozenset({"b"}))
    assert [claim.agent for claim in appetite.wanted(NOW)] == ["b"]


def test_who_starves_leases_ahead_as_much_as_who_is_busy() -> None:
    """Law: what is leased ahead follows from how long attempts take, not from how many there were to be done."""
    appetite = drained(2)
    for took_us in (100, 100, 5_000):
        appetite.adopt("a")
        appetite.end("a", took_us)
    appetite.wake(None)
    assert appetite.wanted(Now(60_000_000, 60_000_000))[0].count > MOST_AHEAD // 2, (
        "one that was held up is one of many"
    )


def test_one_long_attempt_is_enough_to_lease_nothing_ahead() -> None:
    """Law: work that has become long is not kept from other workers by what was leased while it was short."""
    appetite = drained(2)
    for took_us in (100, 100, 1_000_000):
        appetite.adopt("a")
        appetite.end("a", took_us)
    appetite.wake(None)
    assert appetite.wanted(NOW)[0].count == 2


def test_an_end_that_leaves_its_task_ready_is_followed_by_a_look_without_condition() -> None:
    """Law: what an end makes ready by itself is claimed, though nobody had waited for it."""
    machine = TaskMachine(1, {"a": AgentTerms(name="a", concurrency=1)}, 1)
    (asked,) = machine.wanted(NOW)
    machine.apply(Answered(ClaimAnswer(leased(1).tasks, frozenset({"a"}), {}), (asked,)), NOW)
    error = Failed(ErrorDetail("builtins.ValueError", "no"))
    machine.apply(Ended(1, 1, 0, 1, error, retry_after_us=0), NOW)
    (claim,) = machine.wanted(NOW)
    assert not claim.is_doubtful


def test_an_answer_is_moot_only_when_it_changes_nothing() -> None:
    claim = Claim("a", 1, is_doubtful=True)
    assert Answered(NOTHING, (claim,)).is_moot
    assert not Answered(NOTHING, (Claim("a", 1),)).is_moot
    assert not Answered(leased(1), (claim,)).is_moot
    assert not Answered(ClaimAnswer((), frozenset(), {}), (claim,)).is_moot
