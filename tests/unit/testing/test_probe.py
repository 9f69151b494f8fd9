"""Probes: what they wait for, what they say when it does not come, how they answer; in virtual time and on threads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagger_actors import Actor, ActorContext, ActorSystem, ChildSpec, handler
from dagger_actors.errors import ActorStopped, MessageRefused, NameTaken, RequestError
from dagger_actors.testing import NotAsExpected, Probe, simulate

SECOND = 1.0
PATIENCE_S = 60.0
"""Of real seconds only a failing test waits so many."""
"""What nothing waits for in vain unless it is to: only a failing test takes so long on threads."""


class Note(msgspec.Struct, frozen=True):
    text: str = ""


class Other(msgspec.Struct, frozen=True):
    number: int = 0


class Later(msgspec.Struct, frozen=True):
    to: str
    after_s: float
    text: str = ""


class Question(msgspec.Struct, frozen=True):
    text: str = ""


class Die(msgspec.Struct, frozen=True):
    text: str = ""


class Relay(Actor):
    """Passes notes to ``out``, asks ``out`` what it is asked, echoes what it answers."""

    @handler
    def note(self, note: Note, ctx: ActorContext) -> str:
        ctx.find("out").tell(note)
        return note.text

    @handler
    def other(self, other: Other) -> int:
        raise ValueError(f"no {other.number}")

    @handler
    def die(self, die: Die, ctx: ActorContext) -> None:
        if die.text:
            raise LookupError(die.text)
        ctx.stop()

    @handler
    def question(self, question: Question, ctx: ActorContext) -> None:
        out = ctx.find("out")
        ctx.ask(out, question).then(
            lambda answer: out.tell(Note(f"answered {answer!r}")),
            lambda error: out.tell(Note(f"failed {type(error).__name__}: {error}")),
        )


class Bell(Actor):
    """Rings after a while."""

    @handler
    def later(self, later: Later, ctx: ActorContext) -> None:
        ctx.timers.once(later.text, later.after_s, Note(later.text))
        self.to = later.to

    @handler
    def note(self, note: Note, ctx: ActorContext) -> None:
        ctx.find(self.to).tell(note)


@pytest.fixture(params=["simulated", "real"])
def system(request: pytest.FixtureRequest) -> Iterator[ActorSystem]:
    if request.param == "real":
        with ActorSystem() as real:
            yield real
    else:
        with simulate(3) as sim:
            yield sim.system()


@pytest.fixture
def out(system: ActorSystem) -> Probe:
    return Probe(system, "out", within_s=PATIENCE_S)


@pytest.fixture
def relay(system: ActorSystem) -> Any:
    return system.actors.spawn(Relay)


def refusal(call: Any) -> str:
    with pytest.raises(NotAsExpected) as caught:
        call()
    return str(caught.value)


def test_a_message_is_expected_by_class_by_predicate_or_as_it_is(out: Probe, relay: Any) -> None:
    """Law: it is given back as what it was sent as."""
    for text in ("a", "b", "c"):
        relay.tell(Note(text))
    assert out.expect(Note) == Note("a")
    assert out.expect(Note, lambda note: note.text == "b").text == "b"
    assert out.expect(Note("c")) == Note("c")
    assert out.received == ()
    out.ref.tell(1.0)
    assert "expected 1; got instead:\n  1.0" in refusal(lambda: out.expect(1))


def test_another_message_than_the_next_one_fails_at_once_and_is_shown(out: Probe, relay: Any) -> None:
    """Law: nobody waits for a message when another one is there, and nothing is lost by that."""
    relay.tell(Note("first"))
    relay.tell(Note("second"))
    out.expect(Note("first"))
    text = refusal(lambda: out.expect(Other, within_s=1e6))
    assert "the probe out expected Other" in text
    assert "got instead:\n  Note(text='second')" in text
    assert "expected before:\n  Note(text='first')" in text
    assert "`where`" in refusal(lambda: out.expect(Note, lambda note: note.text == "third", within_s=1e6))
    assert out.expect(Note).text == "second"


def test_others_can_be_skipped_and_keep_their_place(out: Probe) -> None:
    """Law: what is skipped is expected later, in its order."""
    for message in (Note("1"), Other(2), Note("3"), Other(4)):
        out.ref.tell(message)
    assert out.expect(Other, lambda other: other.number == 4, skip_others=True) == Other(4)
    assert out.expect_in_order(Note("1"), Other, Note) == (Note("1"), Other(2), Note("3"))
    text = refusal(lambda: out.expect(Other, within_s=0, skip_others=True))
    assert "expected Other; got: nothing" in text


def test_several_in_order_fail_at_the_first_that_differs(out: Probe) -> None:
    """Law: the order is that in which they came."""
    for message in (Note("1"), Other(2), Note("3")):
        out.ref.tell(message)
    out.answers(str, "yes")
    assert out.ref.ask("are they all there?", timeout=PATIENCE_S) == "yes"
    text = refusal(lambda: out.expect_in_order(Note, Note, Other))
    assert "expected Note; got instead:\n  Other(number=2)\n  Note(text='3')" in text


def test_whoever_is_slower_than_a_wait_is_not_received() -> None:
    """Law: a wait lasts its virtual seconds, to the microsecond, and no longer; the failure says what was still to come."""
    with simulate(1) as sim:
        system = sim.system()
        out, bell = Probe(system, "out"), system.actors.spawn(Bell, name="bell")
        bell.tell(Later("out", 60, "ding"))
        text = refusal(lambda: out.expect(Note, within_s=59.999999))
        assert sim.now_s == 59.999999
        assert "got: nothing" in text
        assert "timer" in text
        assert out.expect(Note, within_s=0.000001) == Note("ding")
        bell.tell(Later("out", 60, "dong"))
        out.expect_silence(59)
        assert sim.now_s == 119
        text = refusal(lambda: out.expect_silence(2))
        assert "expected nothing for 2 s; got instead:\n  Note(text='dong')" in text
        assert sim.now_s == 120


def test_what_is_there_already_is_no_silence_and_nothing_is_waited_for(out: Probe) -> None:
    """Law: the oldest unexpected message is shown, without a wait."""
    out.ref.tell(Note("x"))
    assert out.expect(Note)
    out.expect_silence(0)
    out.ref.tell(Note("y"))
    assert "Note(text='y')" in refusal(lambda: out.expect_silence(SECOND * 1000))


def test_the_end_of_a_watched_actor_comes_with_its_reason(system: ActorSystem, out: Probe) -> None:
    """Law: how it ended is expected by the error's class, by its text, as none, or not at all."""
    ends = [("", ""), ("gone", LookupError), ("gone", "gone"), ("", None), ("gone", None)]
    for text, error in ends:
        ref = system.actors.spawn(Relay)
        out.watch(ref)
        out.tell(ref, Die(text))
        ended = out.expect_terminated(ref, error)
        assert (ended.name, bool(ended.error)) == (ref.name, bool(text))
    ref = system.actors.spawn(Relay, name="late")
    out.watch(ref)
    out.tell(ref, Die("of old age"))
    assert "the end of late without an error; got instead" in refusal(lambda: out.expect_terminated("late", ""))
    assert "the end of late with KeyError" in refusal(lambda: out.expect_terminated(ref, KeyError))
    assert "the end of other; got" in refusal(lambda: out.expect_terminated("other"))
    assert out.expect_terminated("late", "old age").error == "LookupError: of old age"


def test_what_a_probe_tells_and_asks_arrives_in_its_order_and_answers_come_to_it(out: Probe, relay: Any) -> None:
    """Law: an answer is a message, an error too; the next message is not overtaken."""
    out.ask(relay, Note("a"))
    out.tell(relay, Note("b"))
    out.ask(relay, Other(7))
    assert out.expect(Note, skip_others=True) == Note("a")
    assert out.expect(Note, skip_others=True) == Note("b")
    assert out.expect(str, skip_others=True) == "a"
    assert str(out.expect(ValueError)) == "no 7"


def test_a_pool_is_told_and_asked_as_one_actor_is(out: Probe, system: ActorSystem) -> None:
    """Law: what has a name to others has it to a probe: each message goes to one of the pool."""
    system.actors.start(ChildSpec(Relay, "pool", instances=2))
    pool = system.actors["pool"]
    out.tell(pool, Note("a"))
    assert out.expect(Note).text == "a"
    for number in (1, 2):
        out.ask(pool, Other(number))
    assert {str(out.expect(ValueError)) for _ in range(2)} == {"no 1", "no 2"}


def test_an_ask_is_answered_by_the_test_with_a_result_or_an_error(out: Probe, relay: Any) -> None:
    """Law: who asks gets what the test gives, when it gives it; messages behind the ask come meanwhile."""
    relay.tell(Question("how many?"))
    assert out.expect(Question) == Question("how many?")
    relay.tell(Note("meanwhile"))
    out.expect(Note)
    with pytest.raises(RequestError, match="has answered; that was Note"):
        out.answer(1)
    relay.tell(Question("again?"))
    out.expect(Question)
    out.answer(5)
    assert out.expect(Note) == Note("answered 5")
    relay.tell(Question("and now?"))
    out.expect(Question)
    out.fail(KeyError("lost"))
    assert out.expect(Note) == Note("failed KeyError: 'lost'")


def test_an_ask_is_answered_once_and_only_when_it_was_one(out: Probe, relay: Any) -> None:
    """Law: an answer that nobody gets is an error of the test."""
    with pytest.raises(RequestError, match="none has been expected"):
        out.answer(1)
    relay.tell(Question())
    out.expect(Question)
    with pytest.raises(MessageRefused):
        out.answer(object())
    relay.tell(Question())
    out.expect(Question)
    out.answer(1)
    with pytest.raises(RequestError, match=r"probe\.fail"):
        out.fail(ValueError())


def test_canned_answers_are_values_or_made_of_the_message(out: Probe, relay: Any) -> None:
    """Law: every ask of the class gets one, and can be expected all the same."""
    out.answers(Question, 12)
    relay.tell(Question("a"))
    assert out.expect(Question).text == "a"
    assert out.expect(Note) == Note("answered 12")
    out.answers(Question, lambda question: question.text * 2)
    relay.tell(Question("b"))
    assert out.expect_in_order(Question, Note("answered 'bb'"))

    def refuses(question: Question) -> str:
        raise OverflowError(question.text)

    out.answers(Question, refuses)
    relay.tell(Question("c"))
    assert out.expect_in_order(Question, Note("failed OverflowError: c"))
    out.answers(Question, object())
    relay.tell(Question("d"))
    assert "MessageRefused" in out.expect_in_order(Question, Note)[1].text


def test_a_probe_that_is_stopped_lets_nobody_wait(out: Probe, system: ActorSystem) -> None:
    """Law: its open asks fail as those of any actor that stops, and what is expected of it fails at once."""
    reply = out.ref.ask(Question(), block=False)
    out.expect(Question)
    out.ref.stop()
    with pytest.raises(ActorStopped):
        reply.get(timeout=0)
    assert "has been stopped" in refusal(lambda: out.expect(Note, within_s=1e6))
    again = Probe(system, "out")
    again.ref.tell(Note("new"))
    assert again.expect(Note).text == "new"


def test_a_name_that_is_taken_is_an_error_until_its_actor_is_stopped(system: ActorSystem) -> None:
    """Law: a probe takes the place of a supervised actor when that has been stopped."""
    system.actors.start(ChildSpec(Relay, "audit"))
    with pytest.raises(NameTaken):
        Probe(system, "audit")
    system.actors.stop("audit")
    probe = Probe(system, "audit")
    system.actors["audit"].tell(Note("here"))
    assert probe.expect(Note).text == "here"


def test_more_than_a_probe_keeps_is_refused(system: ActorSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a probe that nobody looks at does not grow for ever."""
    monkeypatch.setattr("dagger_actors.testing.inbox.MOST_KEPT", 3)
    out, end = Probe(system, "out"), Probe(system)
    end.watch(out.ref)
    for number in range(4):
        out.ref.tell(Other(number))
    assert "which is all a probe keeps" in end.expect_terminated("out", RequestError).error
    assert len(out.received) == 3


def test_a_wait_that_is_none_is_refused(system: ActorSystem) -> None:
    """Law: as every argument of the kit."""
    out = Probe(system)
    for wrong in (-1, float("nan"), "3", float("inf")):
        with pytest.raises(RequestError, match="number of seconds"):
            out.expect(Note, within_s=wrong)
        with pytest.raises(RequestError, match="number of seconds"):
            Probe(system, within_s=wrong)


def test_in_a_coroutine_it_waits_on_a_thread() -> None:
    """Law: what the documentation says of coroutines works."""

    async def body() -> Note:
        async with ActorSystem() as system:
            out, relay = Probe(system, "out"), system.actors.spawn(Relay)
            relay.tell(Note("async"))
            return await asyncio.to_thread(out.expect, Note)

    assert asyncio.run(body()).text == "async"


@pytest.mark.parametrize("seed", range(3))
def test_the_death_of_its_worker_ends_whatever_a_probe_waits_for(seed: int) -> None:
    """Law: a test written with ``keep_going`` has a new probe with each worker, and is not told of time-outs of the dead."""
    with simulate(seed) as sim:

        def body(system: ActorSystem) -> Note:
            out, bell = Probe(system, "out"), system.actors.spawn(Bell)
            bell.tell(Later("out", 10, "ding"))
            if not sim.deaths:
                sim.world.timers["killer", 0] = (5_000_000, 0, lambda: sim.kill(system))
            return out.expect(Note, within_s=1e6)

        assert sim.keep_going(body) == Note("ding")
        assert sim.deaths == ["w1"]
        assert sim.now_s == 15


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    sent=st.lists(st.tuples(st.floats(0, 50), st.integers(0, 9)), max_size=12),
    wanted=st.lists(st.integers(0, 9), max_size=6),
)
def test_selective_expectations_are_those_of_a_list(
    seed: int, sent: list[tuple[float, int]], wanted: list[int]
) -> None:
    """Law: skipping takes the oldest that fits out of all that come, whenever they come; the rest stays in order."""
    with simulate(seed) as sim:
        system = sim.system()
        out = Probe(system, "out", within_s=100)
        for at, (after_s, number) in enumerate(sent):
            bell = system.actors.spawn(Bell)
            bell.tell(Later("out", round(after_s, 3) + at * 1e-5, str(number)))
        model = [
            str(number)
            for _, (_, number) in sorted(enumerate(sent), key=lambda one: round(one[1][0], 3) + one[0] * 1e-5)
        ]
        for number in wanted:
            if str(number) in model:
                assert out.expect(Note(str(number)), skip_others=True)
                model.remove(str(number))
            else:
                with pytest.raises(NotAsExpected):
                    out.expect(Note(str(number)), within_s=200, skip_others=True)
        sim.run()
        assert [note.text for note in out.received] == model
