"""How much a worker leases: what it hears while a claim is under way is not lost."""

from __future__ import annotations

import pytest

from dagger_actors.core.protocols import Now
from dagger_actors.core.tasks import ClaimAnswer
from dagger_actors.tasks.machine.appetite import Appetite
from dagger_actors.tasks.machine.events import AgentTerms

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
