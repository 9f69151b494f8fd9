"""The task machine of one worker against a model: every lease it is given ends once, legally, and nothing else does."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dagger_actors.core.messages import ErrorDetail, Failed, Inline, Succeeded, Suspended, Turn
from dagger_actors.core.protocols import Now
from dagger_actors.core.task_leases import ClaimAnswer, Claimed
from dagger_actors.core.task_rows import Wait
from dagger_actors.core.task_states import FINAL_TASK, TASK_TRANSITIONS
from dagger_actors.tasks.machine.appetite import MOST_AHEAD
from dagger_actors.tasks.machine.events import (
    AgentTerms,
    Answered,
    Decision,
    Detached,
    Ended,
    Flushed,
    Grant,
    Started,
    StopBody,
    Stopped,
    Stuck,
    TimedOut,
    Unanswered,
    Woken,
)
from dagger_actors.tasks.machine.machine import TaskMachine

OWNER = 7
TOTAL = 5
TERMS = {
    "plain": AgentTerms(name="plain", concurrency=3),
    "once": AgentTerms(name="once", concurrency=2, is_at_most_once=True),
}
BOOM = ErrorDetail("builtins.ValueError", "boom", ("ValueError",))


class TaskMachineRules(RuleBasedStateMachine):
    """The model keeps, for each lease, what has become of it; the machine must agree at every step."""

    @initialize()
    def begin(self) -> None:
        self.machine = TaskMachine(OWNER, TERMS, TOTAL)
        self.twin = TaskMachine(OWNER, TERMS, TOTAL)
        self.now_us = 1_000_000
        self.keys = 0
        self.leases: dict[tuple[int, int], Claimed] = {}
        self.begun: set[tuple[int, int]] = set()
        self.late: set[tuple[int, int]] = set()
        self.ended: set[tuple[int, int]] = set()
        self.asked: list = []  # claims under way, in order
        self.is_leaving = False

    # --- what is done to it

    def apply(self, event) -> Decision:
        now = Now(self.now_us, self.now_us)
        decision = self.machine.apply(event, now)
        assert self.twin.apply(event, now) == decision, "the same events give the same decisions"
        for end in decision.ends:
            ref = (end.row.task_key, end.row.epoch)
            assert ref in self.leases, "only a lease in hand ends"
            assert ref not in self.ended, "a lease ends once"
            self.ended.add(ref)
            assert end.row.owner == OWNER
            assert end.row.state in TASK_TRANSITIONS["running"]
            assert (end.row.finished_at is not None) == (end.row.state in FINAL_TASK)
            assert end.row.state == "ready" or end.row.due_at is None
            assert (end.attempt is None) == (end.row.state in ("completed", "blocked"))
            self.forget(ref)
        for ref in decision.released:
            assert ref in self.leases, "only a lease in hand is given back"
            assert ref not in self.begun, "what has begun is not given back as if it had not"
            self.forget(ref)
        return decision

    def forget(self, ref) -> None:
        del self.leases[ref]
        self.begun.discard(ref)
        self.late.discard(ref)

    @rule(elapsed_us=st.integers(0, 100_000))
    def claim(self, elapsed_us) -> None:
        self.claim_now(elapsed_us)

    def claim_now(self, elapsed_us) -> None:
        self.now_us += elapsed_us
        now = Now(self.now_us, self.now_us)
        claims = self.machine.wanted(now)
        assert self.twin.wanted(now) == claims
        if self.is_leaving:
            assert not claims, "nothing is claimed while it leaves"
        for one in claims:
            held = sum(1 for task in self.leases.values() if task.agent == one.agent)
            held += sum(claim.count for asked in self.asked for claim in asked if claim.agent == one.agent)
            places = TERMS[one.agent].concurrency
            assert one.count >= (0 if one.is_doubtful else 1)
            assert not one.count or held + one.count <= places + (0 if one.starts else MOST_AHEAD)
            assert one.starts == (one.agent == "once")
        assert not self.machine.wanted(now), "all that there is room for is claimed at once"
        assert not self.twin.wanted(now)
        if claims:
            self.asked.append(claims)

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def answer(self, data) -> None:
        self.answer_now(data)

    def answer_now(self, data) -> None:
        tasks, drained = [], set()
        claims = self.asked.pop(0)
        for one in claims:
            count = data.draw(st.integers(0, one.count))
            for _ in range(count):
                self.keys += 1
                tasks.append(Claimed(self.keys, 1, one.agent, 0, self.now_us, int(one.starts), 1, 0, "null"))
            if count < one.count or (one.is_doubtful and data.draw(st.booleans())):
                drained.add(one.agent)
        for task in tasks:
            self.leases[task.task_key, task.epoch] = task
        decision = self.apply(Answered(ClaimAnswer(tuple(tasks), frozenset(drained), {}), claims))
        grants = [effect for effect in decision.effects if isinstance(effect, Grant)]
        if self.is_leaving:
            assert not grants, "nothing begins while it leaves"
        else:
            assert [grant.task for grant in grants] == tasks, "what is leased is granted, in order"
            assert all(grant.attempt == 1 for grant in grants)

    @precondition(lambda self: self.asked)
    @rule()
    def deny(self) -> None:
        assert self.apply(Unanswered(self.asked.pop(0))) == Decision()

    @precondition(lambda self: not self.asked)
    @rule(data=st.data(), elapsed_us=st.integers(0, 100_000))
    def take(self, data, elapsed_us) -> None:
        """Hear of work, claim it, get some of it, and begin that: what mostly happens."""
        assert self.apply(Woken()) == Decision()
        was_idle = not self.leases
        self.claim_now(elapsed_us)
        assert self.asked or self.is_leaving or not was_idle, "whoever has nothing and hears of work asks for it"
        if self.asked:
            self.answer_now(data)
        for ref in sorted(set(self.leases) - self.begun)[: data.draw(st.integers(0, 9))]:
            self.begin_one(ref)

    def begin_one(self, ref) -> None:
        self.begun.add(ref)
        self.apply(Started(((*ref, self.now_us),)))

    @rule()
    def flush(self) -> None:
        for row in self.apply(Flushed()).runs:
            assert (row.task_key, row.epoch) in self.begun, "only what has begun, and is in hand, is marked as running"

    @precondition(lambda self: self.begun)
    @rule(data=st.data(), how=st.sampled_from(["good", "bad", "given up", "waits", "snooze", "cancel"]))
    def end(self, data, how) -> None:
        ref = data.draw(st.sampled_from(sorted(self.begun)))
        was_late = ref in self.late
        outcome = Succeeded(Inline(b"1")) if how == "good" else Failed(BOOM)
        if how == "waits":
            outcome = Suspended(Turn(waits=(Wait((99,), "end"),)))
        event = Ended(
            *ref,
            self.now_us,
            self.now_us + 1,
            outcome,
            retry_after_us=10 if how == "bad" else None,
            snooze_us=5 if how == "snooze" else None,
            cancel="no" if how == "cancel" else None,
        )
        (end,) = self.apply(event).ends
        wanted = {"good": "completed", "bad": "ready", "given up": "failed", "waits": "blocked"}
        wanted |= {"snooze": "ready", "cancel": "cancelled"}
        assert end.row.state == ("ready" if was_late else wanted[how])
        assert end.row.try_no == (2 if was_late or how == "bad" else 1), "neither a snooze nor a wait is a try"
        assert self.apply(event) == Decision(), "what is told twice counts once"

    @precondition(lambda self: self.begun - self.late)
    @rule(data=st.data(), retry_us=st.none() | st.integers(0, 100))
    def time_out(self, data, retry_us) -> None:
        ref = data.draw(st.sampled_from(sorted(self.begun - self.late)))
        agent = self.leases[ref].agent
        self.late.add(ref)
        decision = self.apply(TimedOut(*ref, msgspec.json.encode(BOOM).decode(), retry_us))
        assert StopBody(*ref) in decision.effects, "its body is told"
        if agent == "once":
            assert decision.ends[0].row.state == "paused", "nobody knows what it has done"
        elif retry_us is None:
            assert decision.ends[0].row.state == "failed"
        else:
            assert not decision.ends, "the next try waits for the old body"

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def get_stuck(self, data) -> None:
        ref = data.draw(st.sampled_from(sorted(self.late)))
        (end,) = self.apply(Stuck(*ref)).ends
        assert (end.row.state, end.row.reason) == ("failed", "stuck")

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def be_stopped(self, data) -> None:
        ref = data.draw(st.sampled_from(sorted(self.leases)))
        decision = self.apply(Stopped((ref,)))
        assert decision == Decision(effects=(StopBody(*ref),)), "the lease is gone: nothing is written"
        self.ended.add(ref)
        self.forget(ref)

    @rule(is_last=st.booleans(), data=st.data())
    @precondition(lambda self: self.keys > 20)
    def leave(self, is_last, data) -> None:
        self.is_leaving = True
        leases = sorted(self.leases)
        unbegun = data.draw(st.frozensets(st.sampled_from(leases))) if is_last and leases else frozenset()
        self.begun -= unbegun  # a place alone is no beginning
        decision = self.apply(Detached(is_last=is_last, unbegun=unbegun))
        assert unbegun <= set(decision.released), "what has not begun is no attempt"
        assert all(end.row.state in ("ready", "paused") for end in decision.ends)
        assert is_last or not decision.ends
        if is_last:
            assert not self.leases, "every lease is given back"

    # --- what holds at every step

    @invariant()
    def it_has_the_leases_that_it_was_given_and_no_other(self) -> None:
        if not hasattr(self, "machine"):
            return
        assert self.machine.in_hand == len(self.leases)
        assert all(self.machine.is_held(*ref) for ref in self.leases)


FEW = settings(max_examples=100, stateful_step_count=50, suppress_health_check=list(HealthCheck), deadline=None)
MANY = settings(max_examples=3000, stateful_step_count=120, suppress_health_check=list(HealthCheck), deadline=None)


def test_every_lease_ends_once_and_legally() -> None:
    """Law: whatever order things happen in, each lease ends once, by a step of the table, or is given back unbegun."""
    _run(FEW)


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_every_lease_ends_once_and_legally_over_many_histories() -> None:
    """Law: the same, over thousands of histories."""
    _run(MANY)


def _run(chosen: settings) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(TaskMachineRules, settings=chosen)
