"""The supervisor's machine against a small executable model of OTP's manual, in lockstep, whatever happens in whatever order."""

from __future__ import annotations

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
    AddChild,
    BackOff,
    Begin,
    Child,
    Command,
    DeleteChild,
    Event,
    Exited,
    RestartChild,
    ShutDown,
    Started,
    StartFailed,
    Supervision,
    SupervisionMachine,
    TerminateChild,
)
from tests.stateful.otp_model import OtpModel
from tests.stateful.shell import Shell, fire, late

IDS = "abcde"
ids = st.sampled_from(IDS)
kinds = st.sampled_from(["normal", "shutdown", "error", "error", "error"])
chances = st.sampled_from([0.0, 0.25, 0.875])
back_offs = st.builds(
    BackOff,
    min_us=st.integers(1, 8),
    max_us=st.integers(8, 40),
    factor=st.sampled_from([1.0, 1.5, 2.0]),
    jitter=st.sampled_from([0.0, 0.5, 1.0]),
    reset_us=st.sampled_from([0, 5, 20]),
)


@st.composite
def supervisions(draw: Any) -> Supervision:
    return Supervision(
        strategy=draw(st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])),
        intensity=draw(st.sampled_from([3, 20, 1, 2, 5, 0])),
        period_us=draw(st.sampled_from([30, 1000, 5, 1])),
        auto_shutdown=draw(st.sampled_from(["never", "never", "any_significant", "all_significant"])),
    )


@st.composite
def children(draw: Any, id: str, may_be_significant: bool) -> Child:
    restart = draw(st.sampled_from(["permanent", "permanent", "transient", "temporary"]))
    return Child(
        id=id,
        restart=restart,
        shutdown_us=draw(st.sampled_from([10, 0, None, 3])),
        significant=may_be_significant and restart != "permanent" and draw(st.booleans()),
        back_off=draw(st.none() | back_offs) if restart != "temporary" else None,
    )


class AgainstOtp(RuleBasedStateMachine):
    """One supervisor; ``Shell.tell`` compares it with the model after every event.

    Hypothesis takes each rule as often as any other, so what is of little consequence shares one.
    """

    is_sound = False

    @initialize(data=st.data(), count=st.integers(0, 5), begins=st.sampled_from(["no", "yes", "up", "up", "up"]))
    def make(self, data: Any, count: int, begins: str) -> None:
        self.supervision = data.draw(supervisions())
        self.can_be_significant = self.supervision.auto_shutdown != "never"
        specs = [data.draw(children(id, self.can_be_significant)) for id in IDS[:count]]
        self.shell = Shell(SupervisionMachine(self.supervision, specs), OtpModel(self.supervision, specs))
        self.now = 0
        self.last_call = 0
        self.is_sound = True
        if begins != "no":
            self.tell(Begin())
        if begins == "up":
            self.settle()

    def tell(self, event: Event) -> tuple[Command, ...]:
        self.is_sound = False
        commands = self.shell.tell(event, self.now)
        self.is_sound = True
        return commands

    def settle(self) -> None:
        """Everyone does what is asked, until only back-offs are awaited."""
        while self.shell.starting or self.shell.told:
            for id, number in sorted(self.shell.told):
                self.tell(Exited(id=id, incarnation=number, kind="shutdown"))
            for id, number in list(self.shell.starting):
                self.tell(Started(id=id, incarnation=number))

    def call(self) -> int:
        self.last_call += 1
        return self.last_call

    # --- the children's doing

    @precondition(lambda self: self.shell.starting)
    @rule(
        data=st.data(),
        how=st.sampled_from(["starts", "starts", "starts", "fails", "exits"]),
        kind=kinds,
        chance=chances,
    )
    def one_starts_or_does_not(self, data: Any, how: str, kind: Any, chance: float) -> None:
        id, number = data.draw(st.sampled_from(self.shell.starting))
        if how == "starts":
            self.tell(Started(id=id, incarnation=number))
        elif how == "fails":
            self.tell(StartFailed(id=id, incarnation=number, reason="no", chance=chance))
        else:
            self.tell(Exited(id=id, incarnation=number, kind=kind, reason="at once", chance=chance))

    @precondition(lambda self: self.shell.up)
    @rule(data=st.data(), kind=kinds, chance=chances)
    def one_exits(self, data: Any, kind: Any, chance: float) -> None:
        id, number = data.draw(st.sampled_from(self.shell.up))
        self.tell(Exited(id=id, incarnation=number, kind=kind, reason="why", chance=chance))

    @precondition(lambda self: self.shell.up and not self.shell.starting and not self.shell.told)
    @rule(data=st.data(), chance=chances)
    def one_fails_and_all_do_as_they_are_told(self, data: Any, chance: float) -> None:
        id, number = data.draw(st.sampled_from(self.shell.up))
        self.tell(Exited(id=id, incarnation=number, kind="error", reason="why", chance=chance))
        self.settle()

    @precondition(lambda self: self.shell.told)
    @rule(data=st.data(), kind=kinds)
    def one_stops_as_it_was_told(self, data: Any, kind: Any) -> None:
        id, number = data.draw(st.sampled_from(sorted(self.shell.told)))
        self.tell(Exited(id=id, incarnation=number, kind=kind))

    @precondition(lambda self: self.shell.starting or self.shell.told)
    @rule()
    def all_do_as_they_are_told(self) -> None:
        self.settle()

    # --- time

    @precondition(lambda self: self.shell.timers)
    @rule(data=st.data(), late_us=st.sampled_from([0, 0, 2, 60]))
    def a_timer_fires(self, data: Any, late_us: int) -> None:
        key = data.draw(st.sampled_from(self.shell.due()))
        self.now = max(self.now, self.shell.timers[key]) + late_us
        self.tell(fire(key))

    @precondition(lambda self: self.shell.dead or self.shell.up)
    @rule(data=st.data(), us=st.sampled_from([1, 4, 15, 60]))
    def time_passes_and_reports_come_late_or_twice(self, data: Any, us: int) -> None:
        """A killed child may still say how it ended, a cancelled timer may have been on its way: nothing follows."""
        self.now += us
        if self.shell.dead:
            id, number = data.draw(st.sampled_from(self.shell.dead))
            assert self.tell(Started(id=id, incarnation=number)) == ()
            assert self.tell(StartFailed(id=id, incarnation=number, reason="late")) == ()
            assert self.tell(Exited(id=id, incarnation=number, kind="error")) == ()
        if self.shell.up:
            id, number = data.draw(st.sampled_from(self.shell.up))
            assert self.tell(Started(id=id, incarnation=number)) == ()
        for key in late(self.shell):
            assert self.tell(fire(key)) == ()

    # --- calls

    @rule(
        data=st.data(),
        what=st.sampled_from(["add", "terminate", "terminate", "restart", "delete", "begin", "shut down"]),
        id=ids,
        is_rare=st.integers(0, 9),
        may_be_significant=st.booleans(),
    )
    def somebody_asks(self, data: Any, what: str, id: str, is_rare: int, may_be_significant: bool) -> None:
        if what == "add":
            self.tell(AddChild(call=self.call(), child=data.draw(children(id, may_be_significant))))
        elif what == "terminate":
            self.tell(TerminateChild(call=self.call(), id=id))
        elif what == "restart":
            self.tell(RestartChild(call=self.call(), id=id))
        elif what == "delete":
            self.tell(DeleteChild(call=self.call(), id=id))
        elif what == "begin":
            self.tell(Begin())
        elif is_rare == 9 or self.shell.end is not None:  # there is not much to see afterwards
            self.tell(ShutDown(reason="asked"))

    @invariant()
    def a_child_is_counted_once(self) -> None:
        if self.is_sound:
            shown = [view.id for view in self.shell.machine.which_children()]
            assert len(shown) == len(set(shown))

    def teardown(self) -> None:
        """However it was left, it can be shut down: everything ends, and everyone is answered."""
        if not self.is_sound:
            return
        self.tell(ShutDown(reason="asked"))
        while self.shell.end is None:
            if self.shell.timers:
                key = self.shell.due()[0]
                self.now = max(self.now, self.shell.timers[key])
                self.tell(fire(key))
            else:
                id, number = min(self.shell.told)
                self.tell(Exited(id=id, incarnation=number, kind="shutdown"))
        assert not self.shell.alive
        assert not self.shell.calls


QUICK = settings(max_examples=200, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
FULL = settings(QUICK, max_examples=5_000, stateful_step_count=60)


def test_the_machine_does_what_the_manual_says() -> None:
    """After every event: the same children in the same order and state, the same commands, counts, answers and end."""
    run_state_machine_as_test(AgainstOtp, settings=QUICK)


@pytest.mark.full
@pytest.mark.timeout(3_600)
def test_the_machine_does_what_the_manual_says_in_full() -> None:
    """The same, with many more histories."""
    run_state_machine_as_test(AgainstOtp, settings=FULL)
