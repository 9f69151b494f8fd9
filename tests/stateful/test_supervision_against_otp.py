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
        intensity=draw(st.sampled_from([0, 1, 2, 3, 5, 20])),
        period_us=draw(st.sampled_from([1, 5, 30, 1000])),
        auto_shutdown=draw(st.sampled_from(["never", "never", "any_significant", "all_significant"])),
    )


@st.composite
def children(draw: Any, id: str, may_be_significant: bool) -> Child:
    restart = draw(st.sampled_from(["permanent", "transient", "temporary"]))
    return Child(
        id=id,
        restart=restart,
        shutdown_us=draw(st.sampled_from([0, 3, 10, None])),
        significant=may_be_significant and restart != "permanent" and draw(st.booleans()),
        back_off=draw(st.none() | back_offs) if restart != "temporary" else None,
    )


class AgainstOtp(RuleBasedStateMachine):
    """One supervisor; ``Shell.tell`` compares it with the model after every event."""

    is_sound = False

    @initialize(data=st.data(), count=st.integers(0, 5), begins=st.booleans())
    def make(self, data: Any, count: int, begins: bool) -> None:
        self.supervision = data.draw(supervisions())
        self.has_significant = self.supervision.auto_shutdown != "never"
        specs = [data.draw(children(id, self.has_significant)) for id in IDS[:count]]
        self.shell = Shell(SupervisionMachine(self.supervision, specs), OtpModel(self.supervision, specs))
        self.now = 0
        self.last_call = 0
        self.is_sound = True
        if begins:
            self.tell(Begin())

    def tell(self, event: Event) -> tuple[Command, ...]:
        self.is_sound = False
        commands = self.shell.tell(event, self.now)
        self.is_sound = True
        return commands

    def call(self) -> int:
        self.last_call += 1
        return self.last_call

    @rule()
    def begin(self) -> None:
        self.tell(Begin())

    # --- the children's doing

    @precondition(lambda self: self.shell.starting)
    @rule(data=st.data())
    def one_has_started(self, data: Any) -> None:
        id, number = data.draw(st.sampled_from(self.shell.starting))
        self.tell(Started(id=id, incarnation=number))

    @precondition(lambda self: self.shell.starting)
    @rule(data=st.data(), chance=chances)
    def one_fails_to_start(self, data: Any, chance: float) -> None:
        id, number = data.draw(st.sampled_from(self.shell.starting))
        self.tell(StartFailed(id=id, incarnation=number, reason="no", chance=chance))

    @precondition(lambda self: self.shell.alive)
    @rule(data=st.data(), kind=kinds, chance=chances)
    def one_exits(self, data: Any, kind: Any, chance: float) -> None:
        id, number = data.draw(st.sampled_from(self.shell.alive))
        self.tell(Exited(id=id, incarnation=number, kind=kind, reason="why", chance=chance))

    @precondition(lambda self: self.shell.told)
    @rule(data=st.data())
    def one_stops_as_it_was_told(self, data: Any) -> None:
        id, number = data.draw(st.sampled_from(sorted(self.shell.told)))
        self.tell(Exited(id=id, incarnation=number, kind="shutdown"))

    @precondition(lambda self: self.shell.dead)
    @rule(data=st.data(), what=st.integers(0, 2))
    def one_that_is_gone_reports(self, data: Any, what: int) -> None:
        """A killed child may still say how it ended; nothing follows from it."""
        id, number = data.draw(st.sampled_from(self.shell.dead))
        event = [
            Started(id=id, incarnation=number),
            StartFailed(id=id, incarnation=number, reason="late"),
            Exited(id=id, incarnation=number, kind="error"),
        ][what]
        assert self.tell(event) == ()

    @precondition(lambda self: self.shell.up)
    @rule(data=st.data())
    def one_says_twice_that_it_is_up(self, data: Any) -> None:
        id, number = data.draw(st.sampled_from(self.shell.up))
        assert self.tell(Started(id=id, incarnation=number)) == ()

    @precondition(lambda self: self.shell.starting or self.shell.told)
    @rule()
    def all_do_as_they_are_told(self) -> None:
        """Quiet returns, unless a back-off or a deadline is awaited."""
        while self.shell.starting or self.shell.told:
            for id, number in sorted(self.shell.told):
                self.tell(Exited(id=id, incarnation=number, kind="shutdown"))
            for id, number in list(self.shell.starting):
                self.tell(Started(id=id, incarnation=number))

    # --- time

    @rule(us=st.sampled_from([1, 4, 15, 60]))
    def time_passes(self, us: int) -> None:
        """Timers may fire late, so it may pass them."""
        self.now += us

    @precondition(lambda self: self.shell.timers)
    @rule(data=st.data(), late_us=st.sampled_from([0, 0, 2]))
    def a_timer_fires(self, data: Any, late_us: int) -> None:
        key = data.draw(st.sampled_from(self.shell.due()))
        self.now = max(self.now, self.shell.timers[key]) + late_us
        self.tell(fire(key))

    @precondition(lambda self: late(self.shell))
    @rule(data=st.data())
    def a_timer_fires_that_was_cancelled(self, data: Any) -> None:
        """It may have been on its way."""
        key = data.draw(st.sampled_from(late(self.shell)))
        assert self.tell(fire(key)) == ()

    # --- calls

    @rule(data=st.data(), id=ids, may_be_significant=st.booleans())
    def add(self, data: Any, id: str, may_be_significant: bool) -> None:
        self.tell(AddChild(call=self.call(), child=data.draw(children(id, may_be_significant))))

    @rule(id=ids)
    def terminate(self, id: str) -> None:
        self.tell(TerminateChild(call=self.call(), id=id))

    @rule(id=ids)
    def restart(self, id: str) -> None:
        self.tell(RestartChild(call=self.call(), id=id))

    @rule(id=ids)
    def delete(self, id: str) -> None:
        self.tell(DeleteChild(call=self.call(), id=id))

    @rule(really=st.integers(0, 9))
    def shut_down(self, really: int) -> None:
        """Rarely: there is not much to see afterwards."""
        if really == 9 or self.shell.end is not None:
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
                id, number = sorted(self.shell.told)[0]
                self.tell(Exited(id=id, incarnation=number, kind="shutdown"))
        assert not self.shell.alive
        assert not self.shell.calls


QUICK = settings(max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
FULL = settings(QUICK, max_examples=5_000, stateful_step_count=60)


def test_the_machine_does_what_the_manual_says() -> None:
    """After every event: the same children in the same order and state, the same commands, counts, answers and end."""
    run_state_machine_as_test(AgainstOtp, settings=QUICK)


@pytest.mark.full
def test_the_machine_does_what_the_manual_says_in_full() -> None:
    """The same, with many more histories."""
    run_state_machine_as_test(AgainstOtp, settings=FULL)
