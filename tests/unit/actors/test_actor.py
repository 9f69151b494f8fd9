"""Pooled actors on real threads: what they promise beyond pykka's own suite."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pykka
import pytest
from pykka import ActorDeadError, ActorRegistry

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.dispatcher import ThreadDispatcher
from dagger_actors.errors import ActorError, AskInsideHandler

PATIENCE_S = 20


@pytest.fixture
def pool() -> Iterator[ThreadDispatcher]:
    dispatcher = ThreadDispatcher("pool", 4)
    yield dispatcher
    assert dispatcher.close(PATIENCE_S)


class Echo(Actor):
    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message


class BatchEcho(Actor):
    def receive_batch(self, envelopes: list[Any]) -> None:
        for envelope in envelopes:
            if isinstance(envelope.message, BaseException):
                raise envelope.message
            if envelope.reply_to is not None:
                envelope.reply_to.set(envelope.message)


@pytest.mark.parametrize("kind", [Echo, BatchEcho])
def test_no_ask_is_lost_when_it_races_a_stop(kind: type[Actor], pool: ThreadDispatcher) -> None:
    """Law: every ask ends, with its reply or with ActorDeadError, whatever moment the actor stops at."""
    rounds, askers = 1500, 2
    gate = threading.Barrier(askers + 1)
    current: list[Any] = [None]
    asked: list[list[Any]] = [[] for _ in range(askers)]

    def ask(futures: list[Any]) -> None:
        for _ in range(rounds):
            gate.wait(PATIENCE_S)
            futures += [current[0].ask(number, block=False) for number in range(3)]
            gate.wait(PATIENCE_S)

    threads = [threading.Thread(target=ask, args=(futures,)) for futures in asked]
    for thread in threads:
        thread.start()
    for _ in range(rounds):
        current[0] = kind.spawn(dispatcher=pool)
        gate.wait(PATIENCE_S)
        current[0].stop(block=False)
        gate.wait(PATIENCE_S)
    for thread in threads:
        thread.join(PATIENCE_S)
    ends: dict[str, int] = defaultdict(int)
    for futures in asked:
        for position, future in enumerate(futures):
            try:
                assert future.get(timeout=PATIENCE_S) == position % 3
                ends["answered"] += 1
            except ActorDeadError:
                ends["dead"] += 1
    assert sum(ends.values()) == rounds * askers * 3


@pytest.mark.parametrize("takes_batches", [False, True])
def test_each_senders_messages_come_in_their_order_one_at_a_time(
    *, takes_batches: bool, pool: ThreadDispatcher
) -> None:
    """Law: per-sender order, nothing lost, and never two turns of one actor at once."""
    senders, each = 4, 3000
    done = threading.Event()

    class Ordered(Actor):
        def __init__(self) -> None:
            super().__init__()
            self.seen: dict[int, list[int]] = defaultdict(list)
            self.busy = 0
            self.overlaps = 0
            self.total = 0

        def on_receive(self, message: tuple[int, int]) -> None:
            self.busy += 1
            self.overlaps += self.busy != 1
            self.seen[message[0]].append(message[1])
            self.total += 1
            self.busy -= 1
            if self.total == senders * each:
                done.set()

    class OrderedBatches(Ordered):
        def receive_batch(self, envelopes: list[Any]) -> None:
            for envelope in envelopes:
                self.on_receive(envelope.message)

    ref = (OrderedBatches if takes_batches else Ordered).spawn(dispatcher=pool)
    actor: Any = ref._actor_weakref()

    def send(sender: int) -> None:
        for number in range(each):
            ref.tell((sender, number))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert done.wait(PATIENCE_S)
    assert actor.overlaps == 0
    assert dict(actor.seen) == {sender: list(range(each)) for sender in range(senders)}


def test_spawned_actors_stay_out_of_pykkas_registry_and_started_ones_are_in_it(pool: ThreadDispatcher) -> None:
    """Law: spawn costs no O(n) registry; start is pykka's."""

    class Started(Echo):
        dispatcher = pool

    spawned, started = Echo.spawn(dispatcher=pool), Started.start()
    assert spawned not in ActorRegistry.get_all()
    assert started in ActorRegistry.get_all()
    assert (spawned.ask(1, timeout=PATIENCE_S), started.ask(2, timeout=PATIENCE_S)) == (1, 2)
    assert (spawned.stop(), started.stop()) == (True, True)
    assert ActorRegistry.get_all() == []


def test_a_ref_alone_keeps_its_actor_alive_and_a_stopped_actor_is_freed_at_once(pool: ThreadDispatcher) -> None:
    """Law: an ActorRef is weak, so the mailbox holds the actor; after the stop nothing does, without a collection."""
    ref = Echo.spawn(dispatcher=pool)
    actor = weakref.ref(ref._actor_weakref())
    gc.collect()
    assert ref.ask("still there", timeout=PATIENCE_S) == "still there"
    freed = threading.Event()
    weakref.finalize(actor(), freed.set)
    gc.disable()
    try:
        ref.stop(timeout=PATIENCE_S)
        assert freed.wait(PATIENCE_S)
    finally:
        gc.enable()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
@pytest.mark.parametrize("kind", [Echo, BatchEcho])
def test_an_exit_in_a_spawned_actor_stops_only_that_actor(
    kind: type[Actor], error: BaseException, pool: ThreadDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: a SystemExit in one handler is its failure, not the end of every actor of the process."""
    victim, bystander = kind.spawn(dispatcher=pool), Echo.spawn(dispatcher=pool)
    victim.tell(error)
    assert victim.actor_stopped.wait(PATIENCE_S)
    assert bystander.ask("alive", timeout=PATIENCE_S) == "alive"
    assert "nhandled exception" in caplog.text


def test_an_exit_answers_the_ask_that_caused_it(pool: ThreadDispatcher) -> None:
    """Law: pykka leaves such an ask waiting for ever; here it fails and says why."""
    ref = Echo.spawn(dispatcher=pool)
    with pytest.raises(ActorError, match=r"SystemExit\(3\)"):
        ref.ask(SystemExit(3), timeout=PATIENCE_S)
    assert ref.ask("alive", timeout=PATIENCE_S) == "alive"


def test_an_exit_in_a_started_actor_stops_every_started_one_even_on_one_thread() -> None:
    """Law: what start registers follows pykka, but does not wait for the others on the thread that they need."""
    one = ThreadDispatcher("one", 1)

    class Started(Echo):
        dispatcher = one

    victim, *others = [Started.start() for _ in range(4)]
    with pytest.raises(ActorError):
        victim.ask(SystemExit(), timeout=PATIENCE_S)
    assert all(other.actor_stopped.wait(PATIENCE_S) for other in others)
    assert ActorRegistry.get_all() == []
    assert one.close(PATIENCE_S)


def test_a_failing_on_start_calls_on_failure_and_refuses_what_is_queued(
    pool: ThreadDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: pykka calls no hook there; here on_failure hears of it, and asks do not wait."""
    told: list[Any] = []

    class Stillborn(Echo):
        def on_start(self) -> None:
            raise RuntimeError("stillborn")

        def on_failure(self, *exc_info: Any) -> None:
            told.append(exc_info[1])

    ref = Stillborn.spawn(dispatcher=pool)
    with pytest.raises(ActorDeadError):
        ref.ask(1, timeout=PATIENCE_S)
    assert [str(error) for error in told] == ["stillborn"]


def test_a_blocking_ask_inside_a_handler_is_refused_before_anything_is_sent(pool: ThreadDispatcher) -> None:
    """Law: it could starve the pool; the error says what to do, and nobody was asked."""
    handled: list[Any] = []

    class Target(Actor):
        def on_receive(self, message: Any) -> None:
            handled.append(message)

    class Asking(Actor):
        def on_receive(self, message: Any) -> Any:
            return message.ask("from inside")

    target = Target.spawn(dispatcher=pool)
    with pytest.raises(AskInsideHandler, match=r"Target.*use tell"):
        Asking.spawn(dispatcher=pool).ask(target, timeout=PATIENCE_S)
    target.stop(timeout=PATIENCE_S)
    assert handled == []


def test_waiting_for_a_future_inside_a_handler_is_refused_too(pool: ThreadDispatcher) -> None:
    """Law: ask(block=False).get() holds the thread just the same; a poll with timeout 0 does not."""

    class Polling(Actor):
        def on_receive(self, message: Any) -> Any:
            future = self.actor_ref.ask("me", block=False)
            with pytest.raises(pykka.Timeout):
                future.get(timeout=0)
            return future.get(timeout=1)

    ref = Polling.spawn(dispatcher=pool)
    with pytest.raises(AskInsideHandler):
        ref.ask("go", timeout=PATIENCE_S)
    ref.stop(block=False)


def test_a_class_without_dispatcher_says_how_to_get_one() -> None:
    """Law: the mistake is named at the start, with what to do."""
    with pytest.raises(ActorError, match=r"Echo has no dispatcher; set .*spawn"):
        Echo.start()
    assert ActorRegistry.get_all() == []


def test_a_batch_holds_all_that_is_queued_up_to_a_bound_and_specials_come_alone() -> None:
    """Law: receive_batch gets the plain messages, in order, at most 512 at once; stops and proxies go pykka's way."""
    one = ThreadDispatcher("one", 1)
    batches: list[list[Any]] = []
    entered, go = threading.Event(), threading.Event()

    class Batches(Actor):
        attribute = "an attribute"

        def receive_batch(self, envelopes: list[Any]) -> None:
            batches.append([envelope.message for envelope in envelopes])
            entered.set()
            assert go.wait(PATIENCE_S)

    ref = Batches.spawn(dispatcher=one)
    ref.tell("first")
    assert entered.wait(PATIENCE_S)
    for number in range(700):
        ref.tell(number)
    attribute = ref.ask(pykka.messages.ProxyGetAttr(("attribute",)), block=False)
    ref.tell("behind")
    stopped = ref.stop(block=False)
    ref.tell("never")
    go.set()
    assert attribute.get(timeout=PATIENCE_S) == "an attribute"
    assert stopped.get(timeout=PATIENCE_S) is True
    assert one.close(PATIENCE_S)
    assert batches == [["first"], list(range(512)), list(range(512, 700)), ["behind"]]


def test_a_crash_of_a_batch_answers_its_asks_and_stops_the_actor(
    pool: ThreadDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: no ask of a crashed batch is left waiting."""
    failed: list[Any] = []

    class Crashing(Actor):
        def receive_batch(self, envelopes: list[Any]) -> None:
            raise ValueError("crash")

        def on_failure(self, *exc_info: Any) -> None:
            failed.append(exc_info[1])

    ref = Crashing.spawn(dispatcher=pool)
    with pytest.raises(ValueError, match="crash"):
        ref.ask(1, timeout=PATIENCE_S)
    assert ref.actor_stopped.wait(PATIENCE_S)
    ref.stop(timeout=PATIENCE_S)
    assert [str(error) for error in failed] == ["crash"]


def test_on_crash_may_keep_the_actor_with_its_ref_and_mailbox(pool: ThreadDispatcher) -> None:
    """Law: a restart in place loses nothing that was queued behind the crash."""

    class Restarting(Actor):
        crashes = 0

        def receive_batch(self, envelopes: list[Any]) -> None:
            for envelope in envelopes:
                if envelope.message == "crash":
                    raise ValueError("crash")
                envelope.reply_to.set((envelope.message, self.crashes))

        def on_crash(self, error: BaseException, envelopes: list[Any]) -> None:
            self.crashes += 1
            self.actor_inbox.give_back([envelope for envelope in envelopes if envelope.message != "crash"])

    ref = Restarting.spawn(dispatcher=pool)
    ref.tell("crash")
    futures = [ref.ask(number, block=False) for number in range(3)]
    assert pykka.get_all(futures, timeout=PATIENCE_S) == [(0, 1), (1, 1), (2, 1)]
    ref.stop(timeout=PATIENCE_S)


def test_an_on_crash_that_crashes_stops_the_actor(pool: ThreadDispatcher, caplog: pytest.LogCaptureFixture) -> None:
    """Law: nobody is left to decide, so it stops, and the ask hears of it."""

    class Hopeless(Actor):
        def receive_batch(self, envelopes: list[Any]) -> None:
            raise ValueError("first")

        def on_crash(self, error: BaseException, envelopes: list[Any]) -> None:
            raise RuntimeError("second")

    ref = Hopeless.spawn(dispatcher=pool)
    with pytest.raises(RuntimeError, match="second"):
        ref.ask(1, timeout=PATIENCE_S)
    assert ref.actor_stopped.wait(PATIENCE_S)
    assert "on_crash of Hopeless" in caplog.text


def test_a_failing_hook_is_logged_and_the_actor_stops_all_the_same(
    pool: ThreadDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: as in pykka, an error in on_stop or on_failure neither hangs nor kills a thread."""

    class Clumsy(Echo):
        def on_stop(self) -> None:
            raise RuntimeError("in on_stop")

        def on_failure(self, *exc_info: Any) -> None:
            raise RuntimeError("in on_failure")

    stopped, failed = Clumsy.spawn(dispatcher=pool), Clumsy.spawn(dispatcher=pool)
    with caplog.at_level(logging.ERROR):
        assert stopped.stop(timeout=PATIENCE_S)
        failed.tell(ValueError("first"))
        assert failed.actor_stopped.wait(PATIENCE_S)
        assert pool.close(PATIENCE_S)
    assert {str(record.exc_info[1]) for record in caplog.records if record.exc_info} == {
        "in on_stop",
        "first",
        "in on_failure",
    }


def test_a_stop_behind_a_batch_that_crashes_is_answered_too(pool: ThreadDispatcher) -> None:
    """Law: no ask is lost, a stop's neither: whoever waits for it hears that the actor is gone."""
    begun, go = threading.Event(), threading.Event()

    class Crashes(Actor):
        def receive_batch(self, envelopes: list[Any]) -> None:
            begun.set()
            assert go.wait(PATIENCE_S)
            if envelopes[0].message == "boom":
                raise RuntimeError("boom")

    ref = Crashes.spawn(dispatcher=pool)
    ref.tell("first")
    assert begun.wait(PATIENCE_S)
    ref.tell("boom")
    future = ref.stop(block=False)
    go.set()
    assert future.get(timeout=PATIENCE_S) in (True, False)
    assert ref.actor_stopped.wait(PATIENCE_S)
