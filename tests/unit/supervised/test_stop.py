"""``ref.stop()`` and ``ctx.stop()``: after what was sent before, past every bound, answered when it is done."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from dagger_actors.errors import ActorStopped, AskInsideHandler
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.handlers import handler
from tests.unit.supervised.conftest import Stage, VirtualStage


class Note(msgspec.Struct, frozen=True):
    text: str


class Writer(Actor):
    """Writes down what it takes."""

    written: list[str] = []  # noqa: RUF012

    @handler
    def write(self, note: Note) -> None:
        self.written.append(note.text)

    def stopping(self, ctx: ActorContext) -> None:
        self.written.append("stopping")


class Gatherer(Writer):
    @handler(batch=10, within_s=60.0)
    def write_all(self, notes: list[str]) -> str:
        self.written.append("+".join(notes))
        return "written"


class AsyncGatherer(Writer):
    @handler(batch=10, within_s=60.0)
    async def write_all(self, notes: list[str]) -> str:
        await asyncio.sleep(1.0)
        self.written.append("+".join(notes))
        return "written"


@pytest.fixture(autouse=True)
def written() -> list[str]:
    Writer.written.clear()
    return Writer.written


def test_what_was_sent_before_is_handled_and_what_comes_behind_is_told(stage: VirtualStage, written: list[str]) -> None:
    """Law: the stop has its place in the queue like any message."""
    ref = stage.spawn(Writer)
    for text in "ab":
        ref.tell(Note(text))
    stopped = ref.stop(block=False)
    ref.tell(Note("c"))
    late = ref.ask(Note("d"), block=False)
    stage.settle()
    assert written == ["a", "b", "stopping"]
    assert stopped.get(timeout=0) is True
    assert stage.reasons() == [("Note", "stopped")] * 2
    with pytest.raises(ActorStopped):
        late.get(timeout=0)


def test_when_stop_returns_the_name_is_free(threads: Stage) -> None:
    """Law: it waits until the actor has stopped, not only until it has been told to."""
    for _ in range(300):
        ref = threads.spawn(Writer, name="writer")
        assert ref.stop() is True
        assert not ref.is_alive()


@pytest.mark.parametrize("overflow", ["block", "reject", "drop_oldest"])
def test_a_full_mailbox_is_no_hindrance(stage: VirtualStage, written: list[str], overflow: Any) -> None:
    """Law: a stop is never refused, never waits for room, and is not dropped for newer messages."""
    ref = stage.spawn(Writer, mailbox=MailboxSpec(capacity=2, overflow=overflow))
    ref.tell(Note("a"))
    ref.tell(Note("b"))
    stopped = ref.stop(block=False)
    if overflow == "drop_oldest":
        for text in "cde":
            ref.tell(Note(text))
    stage.settle()
    assert stopped.get(timeout=0) is True
    assert written == (["stopping"] if overflow == "drop_oldest" else ["a", "b", "stopping"])


@pytest.mark.parametrize("cls", [Gatherer, AsyncGatherer])
def test_a_gathered_batch_is_handled_before_the_stop(
    stage: VirtualStage, written: list[str], cls: type[Writer]
) -> None:
    """Law: the stop is behind the batch that waits to fill; both are answered."""
    ref = stage.spawn(cls)
    replies = [ref.ask(text, block=False) for text in "ab"]
    stopped = ref.stop(block=False)
    stage.advance(2.0)
    assert written == ["a+b", "stopping"]
    assert [reply.get(timeout=0) for reply in replies] == ["written", "written"]
    assert stopped.get(timeout=0) is True


@pytest.mark.parametrize("cls", [Gatherer, AsyncGatherer])
def test_an_order_to_end_comes_behind_a_gathered_batch_too(
    stage: VirtualStage, written: list[str], cls: type[Writer]
) -> None:
    """Law: what is in hand when the owner or the supervisor ends an incarnation is finished."""
    ref = stage.keep(cls)
    stage.settle()
    reply = ref.ask("a", block=False)
    stage.settle()
    ref.cell.end(1)
    stage.advance(2.0)
    assert written == ["a", "stopping"]
    assert reply.get(timeout=0) == "written"
    assert stage.keeper.has_heard()[-1][1:] == ("exited", 1, "shutdown")


def test_stopping_what_has_stopped_is_no_error_and_no_undelivered_mail(stage: VirtualStage) -> None:
    """Law: True whoever was first."""
    ref = stage.spawn(Writer)
    replies = [ref.stop(block=False) for _ in range(3)]
    stage.settle()
    assert [reply.get(timeout=0) for reply in replies] == [True] * 3
    assert ref.stop() is True
    assert stage.events == []


def test_a_stop_that_waits_is_refused_inside_a_plain_handler_and_sends_nothing(stage: VirtualStage) -> None:
    """Law: as for asks, on the threads and on the event loop alike."""
    victim = stage.spawn(Writer)

    class Hasty(Actor):
        @handler
        def stop(self, note: Note) -> None:
            victim.stop()

    class HastyOnTheLoop(Actor):
        dispatcher = "io"

        @handler
        def stop(self, note: Note) -> None:
            victim.stop()

    for cls in (Hasty, HastyOnTheLoop):
        with pytest.raises(AskInsideHandler):
            stage.spawn(cls).ask(Note("now"))
    assert victim.is_alive()
    assert victim.cell.lane is None


def test_a_coroutine_awaits_a_stop(stage: VirtualStage, written: list[str]) -> None:
    """Law: on the event loop a stop is something to await."""
    victim = stage.spawn(Writer)

    class Patient(Actor):
        @handler
        async def stop(self, note: Note) -> bool:
            stopped: bool = await victim.stop()
            return stopped and not victim.is_alive()

    assert stage.spawn(Patient).ask(Note("now")) is True


def test_an_actor_stops_itself_after_the_message_in_hand(stage: VirtualStage) -> None:
    """Law: ``ctx.stop()`` is a normal end; the message is answered, what is queued is not handled by this incarnation."""

    class Mortal(Actor):
        @handler
        def die(self, note: Note, ctx: ActorContext) -> str:
            ctx.stop()
            ctx.stop()
            return f"last words {note.text}"

    ref = stage.keep(Mortal)
    first, second = (ref.ask(Note(text), block=False) for text in "ab")
    stage.settle()
    assert first.get(timeout=0) == "last words a"
    assert [what[1:] for what in stage.keeper.has_heard()] == [("started", 1, None), ("exited", 1, "normal")]
    ref.cell.begin(2)
    stage.settle()
    assert second.get(timeout=0) == "last words b"
