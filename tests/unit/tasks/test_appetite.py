"""How much a worker leases: what it hears while a claim is under way is not lost."""

from __future__ import annotations

import pytest

from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.protocols import Now
from dagger_actors.core.tasks import ClaimAnswer, Claimed
from dagger_actors.tasks.machine.appetite import Appetite
from dagger_actors.tasks.machine.events import AgentTerms, Answered, Refused
from dagger_actors.tasks.machine.machine import TaskMachine

NOW = Now(0, 0)
NOTHING = ClaimAnswer((), frozenset({"a"}), {})


@pytest.mark.parametrize("woken", [None, frozenset({"a"})])
def test_what_is_heard_while_a_claim_is_under_way_is_claimed_for_again(woken: frozenset[str] | None) -> None:
    """Law: an answer that had nothing says nothing of what became ready after it was asked for."""
    appetite = Appetite({"a": AgentTerms(name="a", concurrency=1)}, 1)
    assert appetite.wanted(NOW)
    appetite.wake(woken)
    appetite.answered(NOTHING)
    assert appetite.wanted(NOW)
    appetite.answered(NOTHING)
    assert not appetite.wanted(NOW), "nothing was heard since"


def test_a_refused_end_may_make_others_ready_as_any_end() -> None:
    """Law: the failure that stands in for what was refused is followed by a look for tasks."""
    machine = TaskMachine(1, {"a": AgentTerms(name="a", concurrency=1)}, 1)
    assert machine.wanted(NOW)
    machine.apply(Answered(NOTHING), NOW)
    assert not machine.wanted(NOW)
    task = Claimed(1, 1, "a", 0, 0, 0, 1, 0)
    error = ErrorDetail("builtins.ValueError", "no")
    machine.apply(Refused(task=task, attempt=1, started_us=0, finished_us=0, error=error, retry_after_us=None), NOW)
    assert machine.wanted(NOW)
