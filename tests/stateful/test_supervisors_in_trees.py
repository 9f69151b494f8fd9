"""Supervisors under supervisors: each beside its own model, and what one ends with is what its parent hears.

OTP: "if more than MaxR number of restarts occur in the last MaxT seconds, the supervisor terminates all the child processes and
then itself", and "when the supervisor terminates, then the next higher-level supervisor takes some action. It either restarts
the terminated supervisor or terminates itself."
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dagger_actors.core.supervision import (
    Begin,
    Child,
    Command,
    Ended,
    Event,
    Exited,
    KillChild,
    Ready,
    ShutDown,
    StartChild,
    Started,
    StartFailed,
    StopChild,
    Supervision,
    SupervisionMachine,
    TimerKey,
)
from tests.stateful.otp_model import OtpModel
from tests.stateful.shell import Process, Shell, fire
from tests.stateful.test_supervision_against_otp import chances, children, kinds, supervisions

DEPTH = 3


class Plan:
    """A supervisor's specification, with those of the supervisors among its children."""

    def __init__(self, supervision: Supervision, specs: list[Child], below: dict[str, Plan]) -> None:
        self.supervision = supervision
        self.specs = specs
        self.below = below


@st.composite
def plans(draw: Any, depth: int = 1) -> Plan:
    supervision = draw(supervisions())
    specs: list[Child] = []
    below: dict[str, Plan] = {}
    for id in "abc"[: draw(st.integers(1, 3))]:
        specs.append(draw(children(id, supervision.auto_shutdown != "never")))
        if depth < DEPTH and draw(st.sampled_from([True, False] if depth > 1 else [True, True, False])):
            below[id] = draw(plans(depth + 1))
    return Plan(supervision, specs, below)


class Post:
    """One supervisor that lives: its shell, which compares machine and model, and the supervisors under it."""

    def __init__(self, plan: Plan, parent: Post | None = None, process: Process = ("root", 1)) -> None:
        self.plan = plan
        self.parent = parent
        self.process = process
        self.shell = Shell(SupervisionMachine(plan.supervision, plan.specs), OtpModel(plan.supervision, plan.specs))
        self.below: dict[str, Post] = {}

    def tree(self) -> Iterator[Post]:
        yield self
        for post in self.below.values():
            yield from post.tree()

    def workers(self, processes: list[Process]) -> list[Process]:
        return [one for one in processes if one[0] not in self.plan.below]


class Trees(RuleBasedStateMachine):
    """A tree of supervisors; only workers, timers and the one who asks the root to stop act by themselves."""

    is_sound = False

    @initialize(plan=plans(), settles=st.sampled_from([True, True, False]))
    def make(self, plan: Plan, settles: bool) -> None:
        self.now = 0
        self.root = Post(plan)
        self.is_sound = True
        self.tell(self.root, Begin())
        if settles:
            self.settle()

    # --- how supervisors hear of each other

    def tell(self, post: Post, event: Event) -> None:
        """Everything that follows of an event in the whole tree, in the order in which it is said."""
        self.is_sound = False
        waiting = [(post, event)]
        while waiting:
            post, event = waiting.pop(0)
            if post not in self.root.tree():
                continue  # it was killed meanwhile
            for command in post.shell.tell(event, self.now):
                waiting += self.follow(post, command)
        self.is_sound = True

    def follow(self, post: Post, command: Command) -> Iterator[tuple[Post, Event]]:
        id, number = post.process
        match command:
            case StartChild(id=child, incarnation=nth) if child in post.plan.below:
                assert child not in post.below, "the former one is gone with all that was under it"
                post.below[child] = Post(post.plan.below[child], post, (child, nth))
                yield post.below[child], Begin()
            case StopChild(id=child) if child in post.below:
                yield post.below[child], ShutDown(reason="asked")
            case KillChild(id=child) if child in post.below:
                del post.below[child]
            case Ready() if post.parent is not None:
                yield post.parent, Started(id=id, incarnation=number)
            case Ended(kind=kind, reason=reason) if post.parent is not None:
                del post.parent.below[id]
                if post.shell.is_ready:
                    yield post.parent, Exited(id=id, incarnation=number, kind=kind, reason=reason)
                else:
                    yield post.parent, StartFailed(id=id, incarnation=number, reason=reason)

    def posts(self, which: str) -> list[tuple[Post, Process]]:
        return [
            (post, process) for post in self.root.tree() for process in post.workers(sorted(getattr(post.shell, which)))
        ]

    def due(self) -> list[tuple[Post, TimerKey]]:
        every = [(post, key) for post in self.root.tree() for key in post.shell.due()]
        return sorted(every, key=lambda one: one[0].shell.timers[one[1]])

    def settle(self) -> None:
        """Every worker does as it is told, until only back-offs are awaited."""
        while told := self.posts("told") or self.posts("starting"):
            post, (id, number) = told[0]
            is_told = (id, number) in post.shell.told
            self.tell(
                post,
                Exited(id=id, incarnation=number, kind="shutdown") if is_told else Started(id=id, incarnation=number),
            )

    # --- what happens

    @precondition(lambda self: self.posts("starting"))
    @rule(data=st.data(), starts=st.sampled_from([True, True, False]), chance=chances)
    def a_worker_starts_or_does_not(self, data: Any, starts: bool, chance: float) -> None:
        post, (id, number) = data.draw(st.sampled_from(self.posts("starting")))
        if starts:
            self.tell(post, Started(id=id, incarnation=number))
        else:
            self.tell(post, StartFailed(id=id, incarnation=number, reason="no", chance=chance))

    @precondition(lambda self: self.posts("up"))
    @rule(data=st.data(), kind=kinds, chance=chances, settles=st.booleans())
    def a_worker_ends(self, data: Any, kind: Any, chance: float, settles: bool) -> None:
        post, (id, number) = data.draw(st.sampled_from(self.posts("up")))
        self.tell(post, Exited(id=id, incarnation=number, kind=kind, reason="why", chance=chance))
        if settles:
            self.settle()

    @precondition(lambda self: self.posts("up"))
    @rule(data=st.data(), us=st.sampled_from([0, 1, 15]))
    def one_supervisor_has_bad_luck(self, data: Any, us: int) -> None:
        """The workers under it fail until it is gone, or nothing of it is left to fail: this is what escalates."""
        post, _ = data.draw(st.sampled_from(self.posts("up")))
        for _ in range(2 + post.plan.supervision.intensity):
            up = post.workers(sorted(post.shell.up))
            if not up or post not in self.root.tree():
                return
            self.now += us
            self.tell(post, Exited(id=up[0][0], incarnation=up[0][1], kind="error", reason="why"))
            self.settle()

    @precondition(lambda self: self.posts("told") or self.posts("starting"))
    @rule()
    def all_do_as_they_are_told(self) -> None:
        self.settle()

    @precondition(lambda self: self.due())
    @rule(late_us=st.sampled_from([0, 0, 2, 60]))
    def a_timer_fires(self, late_us: int) -> None:
        post, key = self.due()[0]
        self.now = max(self.now, post.shell.timers[key]) + late_us
        self.tell(post, fire(key))

    @rule(us=st.sampled_from([1, 15, 60, 2_000]))
    def time_passes(self, us: int) -> None:
        self.now += us  # a timer that is due meanwhile fires late

    @precondition(lambda self: self.root.shell.end is None)
    @rule(is_rare=st.integers(0, 9))
    def the_root_is_asked_to_stop(self, is_rare: int) -> None:
        if is_rare == 9:
            self.tell(self.root, ShutDown(reason="asked"))

    # --- what holds

    @invariant()
    def whoever_lives_has_a_parent_that_knows(self) -> None:
        if self.is_sound:
            for post in self.root.tree():
                assert set(post.below) == {id for id, _ in post.shell.alive if id in post.plan.below}
                for sub in post.below.values():
                    assert sub.process in post.shell.alive
                    assert sub.shell.is_ready == (sub.process in post.shell.up)

    @invariant()
    def at_rest_every_permanent_child_runs(self) -> None:
        """Whatever failed below has been restarted, or has taken the supervisor above with it."""
        if not self.is_sound or self.due() or self.posts("told") or self.posts("starting"):
            return
        for post in self.root.tree():
            if post.shell.end is None:
                up = {id for id, _ in post.shell.up}
                assert {child.id for child in post.plan.specs if child.restart == "permanent"} <= up

    @invariant()
    def an_end_leaves_nobody_behind(self) -> None:
        if self.is_sound and self.root.shell.end is not None:
            assert [post.process for post in self.root.tree()] == [("root", 1)]
            assert not self.root.shell.alive

    def teardown(self) -> None:
        """From wherever it was left, the tree can be shut down from its root."""
        if not self.is_sound:
            return
        self.tell(self.root, ShutDown(reason="asked"))
        self.settle()
        while self.root.shell.end is None:
            post, key = self.due()[0]
            self.now = max(self.now, post.shell.timers[key])
            self.tell(post, fire(key))
            self.settle()
        self.an_end_leaves_nobody_behind()


QUICK = settings(max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
FULL = settings(QUICK, max_examples=3_000, stateful_step_count=60)


def test_supervisors_in_trees_do_what_the_manual_says() -> None:
    """Each supervisor does what its model does; failures climb by one supervisor at a time, and ends leave nobody behind."""
    run_state_machine_as_test(Trees, settings=QUICK)


@pytest.mark.full
@pytest.mark.timeout(3_600)
def test_supervisors_in_trees_do_what_the_manual_says_in_full() -> None:
    """The same, with many more histories."""
    run_state_machine_as_test(Trees, settings=FULL)
