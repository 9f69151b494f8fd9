"""The mailbox against a model, and its refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule
from pykka import ActorDeadError
from pykka.messages import _ActorStop

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.inside import inside
from dagger_actors.actors.mailbox import CLOSED, IDLE, SCHEDULED, SUSPENDED, TURN, Mailbox
from dagger_actors.core.protocols import Runnable
from dagger_actors.errors import SystemClosed


class Hand:
    """A dispatcher whose turns are given by hand."""

    is_loop = False

    def __init__(self) -> None:
        self.queue: list[Runnable] = []
        self.is_closed = False

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        if self.is_closed:
            raise SystemClosed
        self.queue.append(runnable)

    def turn(self) -> None:
        runnable = self.queue.pop(0)
        if runnable.run_turn():
            self.queue.append(runnable)

    def run(self) -> None:
        while self.queue:
            self.turn()


class Recorder(Actor):
    def __init__(self, handled: list[Any], undelivered: list[Any]) -> None:
        super().__init__()
        self.handled = handled
        self.undelivered = undelivered

    def on_receive(self, message: Any) -> Any:
        self.handled.append(message)
        if message == "raise":
            raise ValueError(message)
        return message

    def on_undelivered(self, envelope: Any) -> None:
        self.undelivered.append(envelope.message)


class MailboxMachine(RuleBasedStateMachine):
    """Law: envelopes are handled once, in order, by one turn at a time, or refused; asks are always answered."""

    replies = Bundle("replies")

    def __init__(self) -> None:
        super().__init__()
        self.hand = Hand()
        self.handled: list[Any] = []
        self.undelivered: list[Any] = []
        self.ref = Recorder.spawn(self.handled, self.undelivered, dispatcher=self.hand)
        self.mailbox: Mailbox = self.ref.actor_inbox
        self.is_closed = False
        self.queued: list[tuple[Any, Any]] = []
        self.expected: list[Any] = []
        self.refused: list[Any] = []
        self.answers: dict[Any, Any] = {}
        self.count = 0

    def put(self, message: Any, future: Any) -> None:
        if not self.is_closed:
            self.queued.append((message, future))
        elif future is not None:
            self.answers[future] = ActorDeadError

    def name(self) -> int:
        self.count += 1
        return self.count

    @rule(count=st.sampled_from([1, 2, 5, TURN, TURN + 1]))
    def tell(self, count: int) -> None:
        for _ in range(count):
            message = self.name()
            if self.is_closed:
                with pytest.raises(ActorDeadError):
                    self.ref.tell(message)
            else:
                self.ref.tell(message)
                self.put(message, None)

    @rule(target=replies)
    def ask(self) -> Any:
        message = self.name()
        future = self.ref.ask(message, block=False)
        self.put(message, future)
        return future

    @rule(target=replies)
    def ask_for_an_error(self) -> Any:
        future = self.ref.ask("raise", block=False)
        self.put("raise", future)
        return future

    @rule()
    @precondition(lambda self: not self.is_closed)
    def tell_what_kills(self) -> None:
        self.ref.tell("raise")
        self.put("raise", None)

    @rule(told=st.sampled_from([0, 1, TURN + 1]))
    def do_it_here(self, told: int) -> None:
        """Only when it is idle; what is told meanwhile waits for the turn that it asks for afterwards."""
        message, is_idle = self.name(), not self.queued and not self.is_closed

        def action(argument: Any) -> None:
            assert inside.turn is self.mailbox
            self.handled.append(argument)
            assert not self.mailbox.run_here(action, "one turn at a time")
            for _ in range(told):
                self.tell(1)
            assert not self.hand.queue

        assert self.mailbox.run_here(action, message) is is_idle
        assert inside.turn is None
        if is_idle:
            self.expected.append(message)

    @rule()
    def stop(self) -> None:
        future = self.ref.ask(_ActorStop(), block=False)
        self.put("stop", future)

    @rule()
    @precondition(lambda self: self.hand.queue)
    def turn(self) -> None:
        self.hand.turn()
        for _ in range(min(TURN, len(self.queued))):
            message, future = self.queued.pop(0)
            if message != "stop":
                self.expected.append(message)
            if message == "raise" and future is not None:
                self.answers[future] = ValueError
            elif future is not None:
                self.answers[future] = None if message == "stop" else message
            if message == "stop" or (message == "raise" and future is None):
                self.is_closed = True
                for left, waiting in self.queued:
                    if left != "stop":
                        self.refused.append(left)
                    if waiting is not None:
                        self.answers[waiting] = None if left == "stop" else ActorDeadError
                self.queued = []
                break

    @rule(future=consumes(replies))
    @precondition(lambda self: not self.hand.queue)
    def read(self, future: Any) -> None:
        answer = self.answers[future]
        if isinstance(answer, type):
            with pytest.raises(answer):
                future.get(timeout=0)
        else:
            assert future.get(timeout=0) == answer

    @invariant()
    def the_state_says_what_is_so(self) -> None:
        assert len(self.hand.queue) <= 1
        if self.is_closed:
            assert self.mailbox.state is CLOSED
            assert not self.hand.queue
        else:
            assert self.mailbox.state is (SCHEDULED if self.queued else IDLE)
            assert bool(self.hand.queue) == bool(self.queued)
            assert self.mailbox.empty() == (not self.queued)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert self.handled == self.expected
        assert self.undelivered == self.refused

    def teardown(self) -> None:
        while self.hand.queue:
            self.turn()
        self.nothing_is_lost_or_doubled()
        for future, answer in self.answers.items():
            assert future.is_done(), answer


TestMailbox = MailboxMachine.TestCase
TestMailbox.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_what_is_put_before_the_start_waits_for_it() -> None:
    """Law: an actor that has not started is suspended; nothing is lost by that."""
    handled: list[Any] = []
    actor = Recorder(handled, [])
    actor.actor_ref.tell(1)
    assert actor.actor_inbox.state is SUSPENDED
    hand = Hand()
    actor.actor_inbox.bind(actor, hand, at_once=False)
    hand.run()
    assert handled == [1]


def test_an_actor_without_on_start_asks_for_no_turn_before_its_first_message() -> None:
    """Law: whoever hands turns out (a gate) is asked once for one message, not for the start too."""
    hand = Hand()
    ref = Recorder.spawn([], [], dispatcher=hand)
    assert hand.queue == []
    ref.tell(1)
    assert len(hand.queue) == 1


def test_on_start_runs_before_the_first_message_and_without_one() -> None:
    """Law: an on_start is not put off until somebody writes."""

    class Starting(Recorder):
        def on_start(self) -> None:
            self.handled.append("start")

    handled: list[Any] = []
    hand = Hand()
    ref = Starting.spawn(handled, [], dispatcher=hand)
    hand.run()
    assert handled == ["start"]
    ref.tell(1)
    hand.run()
    assert handled == ["start", 1]


def test_a_closed_dispatcher_makes_asks_fail_instead_of_wait() -> None:
    """Law: no ask waits for a turn that nobody will ever give."""
    hand = Hand()
    undelivered: list[Any] = []
    ref = Recorder.spawn([], undelivered, dispatcher=hand)
    hand.is_closed = True
    ref.tell(1)
    with pytest.raises(ActorDeadError):
        ref.ask(2, timeout=5)
    assert undelivered == [1, 2]


def test_an_error_in_on_undelivered_is_logged_and_spares_the_sender(caplog: pytest.LogCaptureFixture) -> None:
    """Law: whoever writes to a dead actor never pays for its hook."""

    class Clumsy(Recorder):
        def on_undelivered(self, envelope: Any) -> None:
            raise RuntimeError("clumsy")

    hand = Hand()
    ref = Clumsy.spawn([], [], dispatcher=hand)
    ref.tell(1)
    ref.stop(block=False)
    ref.tell(2)
    hand.run()
    assert "on_undelivered of Clumsy" in caplog.text
    assert not ref.is_alive()
