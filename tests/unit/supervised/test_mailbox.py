"""The mailbox of a user's actor: its bound, its three overflows, who waits for room and who is parked."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import msgspec
import pytest

from dagger_actors.errors import ActorClassError, MailboxFull
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.handlers import handler
from dagger_actors.supervised.mailbox import SUSPENDED
from dagger_actors.supervised.overflow import BLOCK_S, FAR_OVER
from dagger_actors.supervised.ref import Ref
from tests.unit.supervised.conftest import PATIENCE_S, Stage, VirtualStage


class Note(msgspec.Struct, frozen=True):
    number: int


class Wait(msgspec.Struct, frozen=True):
    seconds: float


class Send(msgspec.Struct, frozen=True):
    """Send so many notes to that one."""

    to: str
    count: int


class Clerk(Actor):
    """Takes notes, waits, and sends notes to others."""

    notes: list[tuple[str, int]] = []  # noqa: RUF012

    @handler
    def take(self, note: Note, ctx: ActorContext) -> int:
        self.notes.append((ctx.name, note.number))
        return note.number

    @handler
    async def wait(self, wait: Wait) -> None:
        await asyncio.sleep(wait.seconds)

    @handler
    def send(self, send: Send, ctx: ActorContext) -> None:
        for number in range(send.count):
            ctx.find(send.to).tell(Note(number))


class AsyncClerk(Clerk):
    @handler
    async def send(self, send: Send, ctx: ActorContext) -> None:
        for number in range(send.count):
            ctx.find(send.to).tell(Note(number))
            await asyncio.sleep(0)


class PatientClerk(Clerk):
    @handler
    async def send(self, send: Send, ctx: ActorContext) -> None:
        for number in range(send.count):
            await ctx.find(send.to).atell(Note(number))


@pytest.fixture(autouse=True)
def notes() -> list[tuple[str, int]]:
    Clerk.notes.clear()
    return Clerk.notes


def clerk(stage: Stage, name: str, capacity: int, overflow: Any = "block", cls: type[Clerk] = Clerk) -> Ref:
    return stage.spawn(cls, name=name, mailbox=MailboxSpec(capacity=capacity, overflow=overflow))


def busy(stage: VirtualStage, ref: Ref, seconds: float = 1.0) -> None:
    """Have an actor await, so that its mailbox fills."""
    ref.tell(Wait(seconds))
    stage.settle()


@pytest.mark.parametrize(
    "bad", [{"capacity": 0}, {"capacity": 1_000_001}, {"capacity": 1.5}, {"capacity": True}, {"overflow": "drop"}]
)
def test_a_bound_that_cannot_be_is_refused(bad: dict[str, Any]) -> None:
    """Law: 1 to 1,000,000 messages, and one of the three overflows."""
    with pytest.raises(ActorClassError, match="mailbox"):
        MailboxSpec(**bad)


def test_without_a_bound_of_its_own_an_actor_has_its_classes(stage: VirtualStage) -> None:
    """Law: 1,000 and ``block`` by default; the class may say otherwise, and who spawns it."""

    class Small(Clerk):
        mailbox = MailboxSpec(capacity=3, overflow="reject")

    assert (stage.spawn(Clerk).cell.capacity, stage.spawn(Clerk).cell.overflow) == (1_000, "block")
    assert (stage.spawn(Small).cell.capacity, stage.spawn(Small).cell.overflow) == (3, "reject")
    assert stage.spawn(Small, mailbox=MailboxSpec(capacity=7)).cell.capacity == 7


@pytest.mark.parametrize("send", [Ref.tell, lambda ref, note: ref.ask(note, block=False), Ref.ask])
def test_a_mailbox_that_rejects_tells_the_sender_at_once(stage: VirtualStage, send: Any, notes: list[Any]) -> None:
    """Law: nothing of the message is left behind, and no mail counts as undelivered."""
    ref = clerk(stage, "a", 2, "reject")
    busy(stage, ref)
    for number in range(2):
        ref.tell(Note(number))
    with pytest.raises(MailboxFull, match=r"the mailbox of a is full \(2 messages\); send slower"):
        send(ref, Note(9))
    stage.advance(2.0)
    assert notes == [("a", 0), ("a", 1)]
    assert stage.events == []


def test_the_oldest_is_dropped_and_told_and_its_ask_answered(stage: VirtualStage, notes: list[Any]) -> None:
    """Law: the newest are kept."""
    ref = clerk(stage, "a", 2, "drop_oldest")
    busy(stage, ref)
    reply = ref.ask(Note(0), block=False)
    for number in (1, 2, 3):
        ref.tell(Note(number))
    with pytest.raises(MailboxFull):
        reply.get(timeout=0)
    stage.advance(2.0)
    assert notes == [("a", 2), ("a", 3)]
    assert stage.reasons() == [("Note", "dropped")] * 2


def test_an_outside_caller_waits_until_half_of_it_is_free(stage: VirtualStage, notes: list[Any]) -> None:
    """Law: ``block``: the caller goes on when there is room, with nothing lost and nothing out of order."""
    ref = clerk(stage, "a", 4)
    busy(stage, ref, 2.0)
    for number in range(5):
        ref.tell(Note(number))  # the last one waits
    assert stage.world.mono_us == 2_000_000
    stage.settle()
    assert notes == [("a", number) for number in range(5)]


def test_an_outside_caller_waits_no_longer_than_its_time_and_leaves_no_trace(stage: VirtualStage) -> None:
    """Law: 5 s, then ``MailboxFull`` says so; who gave up is in nobody's list."""
    ref = clerk(stage, "a", 1)
    busy(stage, ref, 60.0)
    ref.tell(Note(0))
    for _ in range(3):
        began_us = stage.world.mono_us
        with pytest.raises(MailboxFull, match="no room came in 5 s"):
            ref.tell(Note(1))
        assert stage.world.mono_us - began_us == BLOCK_S * 1e6
    assert not ref.cell.waiting


def test_waiting_ends_when_the_actor_stops(stage: VirtualStage) -> None:
    """Law: nobody waits for what is gone; the message is undelivered."""
    ref = clerk(stage, "a", 1)
    busy(stage, ref, 60.0)
    ref.tell(Note(0))
    stage.runtime.timers.set("kill", 1_000_000, lambda: ref.cell.kill(1))
    ref.tell(Note(1))
    assert stage.world.mono_us == 1_000_000
    assert stage.reasons() == [("Note", "stopped")] * 2


def test_a_woken_caller_that_finds_it_full_again_waits_for_the_rest_of_its_time(
    stage: VirtualStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: of many that wait for one place, one gets it."""
    ref, waits = clerk(stage, "a", 1), []
    busy(stage, ref, 60.0)
    ref.tell(Note(0))

    def wait(_room: Any, timeout_s: float) -> None:
        waits.append(timeout_s)
        stage.world.mono_us += 1_000_000
        if len(waits) == 3:
            ref.cell.lane.clear()

    monkeypatch.setattr(stage.house, "wait", wait)
    ref.tell(Note(1))
    assert waits == [5.0, 4.0, 3.0]


@pytest.mark.parametrize("cls", [Clerk, AsyncClerk])
def test_a_handler_that_sends_over_a_full_mailbox_is_parked_and_never_waits(
    stage: VirtualStage, cls: type[Clerk], notes: list[Any]
) -> None:
    """Law: what it sends is taken, its own mail waits until there is room where it sent to; its thread is free."""
    sender, receiver = clerk(stage, "s", 100, cls=cls), clerk(stage, "r", 2)
    busy(stage, receiver, 1.0)
    sender.tell(Send("r", 5))
    sender.tell(Note(7))
    stage.advance(0.5)
    assert len(receiver.cell.lane or ()) == 5
    assert sender.cell.parked_on is receiver.cell
    assert sender.cell.state is SUSPENDED
    assert len(receiver.cell.waiting or ()) == 1
    assert notes == []
    stage.advance(1.0)
    assert sender.cell.parked_on is None
    assert sorted(notes) == sorted([("r", number) for number in range(5)] + [("s", 7)])


def test_a_handler_far_over_a_full_mailbox_is_refused(stage: VirtualStage) -> None:
    """Law: memory is bounded even against a handler that never ends."""
    sender, receiver = clerk(stage, "s", 100), clerk(stage, "r", 2)
    busy(stage, receiver, 1.0)
    reply = sender.ask(Send("r", 1_000), block=False)
    stage.settle()
    with pytest.raises(MailboxFull):
        reply.get(timeout=0)
    assert len(receiver.cell.lane or ()) == 2 * FAR_OVER
    assert not sender.is_alive()


def test_those_that_would_be_parked_behind_each_other_are_not(stage: VirtualStage, notes: list[Any]) -> None:
    """Law: in a circle the bound gives way, so that none of them waits for itself."""
    names = ("a", "b", "c")
    for name in names:
        clerk(stage, name, 1)
    refs = [stage.house.find(name) for name in names]
    for ref in refs:
        busy(stage, ref, 1.0)
    for ref, to in zip(refs, ("b", "c", "a"), strict=True):
        ref.tell(Send(to, 3))
    stage.advance(5.0)
    assert sorted(notes) == [(name, number) for name in names for number in range(3)]
    assert [ref.cell.parked_on for ref in refs] == [None] * 3


def test_one_that_sends_to_itself_is_not_parked_behind_itself(stage: VirtualStage, notes: list[Any]) -> None:
    """Law: the shortest circle."""
    ref = clerk(stage, "a", 1)
    ref.tell(Send("a", 5))
    stage.settle()
    assert notes == [("a", number) for number in range(5)]


@pytest.mark.parametrize("end", ["kill", "close by stop"])
def test_who_is_parked_behind_one_that_ends_goes_on(stage: VirtualStage, notes: list[Any], end: str) -> None:
    """Law: nobody stays parked behind what is gone."""
    sender, receiver = clerk(stage, "s", 100), clerk(stage, "r", 1)
    busy(stage, receiver, 1.0)
    sender.tell(Send("r", 3))
    sender.tell(Note(7))
    stage.settle()
    assert sender.cell.parked_on is receiver.cell
    if end == "kill":
        receiver.cell.kill(1)
    else:
        receiver.cell.end(1)
        stage.advance(1.5)
    stage.settle()
    assert notes == [("s", 7)]
    assert stage.reasons() == [("Note", "stopped")] * 3


def test_a_parked_actor_still_starts_ends_and_hears_answers(stage: VirtualStage) -> None:
    """Law: parked is only its mail; an order to end is done at once."""
    sender, receiver = stage.keep(Clerk), clerk(stage, "r", 1)
    busy(stage, receiver, 60.0)
    sender.tell(Send("r", 3))
    stage.settle()
    assert sender.cell.parked_on is receiver.cell
    sender.cell.end(1)
    stage.settle()
    assert stage.keeper.has_heard()[-1][1] == "exited"


def test_a_coroutine_that_tells_with_await_waits_its_turn(stage: VirtualStage, notes: list[Any]) -> None:
    """Law: ``atell`` holds up this one message, its actor is not parked, the bound holds."""
    sender, receiver = clerk(stage, "s", 100, cls=PatientClerk), clerk(stage, "r", 2)
    busy(stage, receiver, 1.0)
    sender.tell(Send("r", 5))
    stage.advance(0.5)
    assert len(receiver.cell.lane or ()) == 2
    stage.advance(5.0)
    assert notes == [("r", number) for number in range(5)]


def test_a_coroutine_that_waits_for_room_in_vain_or_is_cancelled_leaves_the_line(stage: VirtualStage) -> None:
    """Law: 5 s, then ``MailboxFull``; and nothing of it is left."""
    sender, receiver = clerk(stage, "s", 100, cls=PatientClerk), clerk(stage, "r", 1)
    busy(stage, receiver, 60.0)
    receiver.tell(Note(0))
    reply = sender.ask(Send("r", 1), block=False)
    stage.settle()
    assert len(receiver.cell.waiting or ()) == 1
    stage.advance(6.0)
    with pytest.raises(MailboxFull, match="no room came in 5 s"):
        reply.get(timeout=0)
    assert not receiver.cell.waiting
    second = clerk(stage, "s2", 100, cls=PatientClerk)
    second.tell(Send("r", 1))
    stage.settle()
    assert len(receiver.cell.waiting or ()) == 1
    second.cell.kill(1)
    stage.settle()
    assert not receiver.cell.waiting


def test_on_an_event_loop_that_is_no_actors_a_tell_does_not_block(threads: Stage) -> None:
    """Law: a full mailbox refuses it with the advice to await; ``atell`` waits."""
    entered, go = threading.Event(), threading.Event()

    class Slow(Actor):
        dispatcher = "blocking"

        @handler
        def take(self, note: Note) -> None:
            entered.set()
            assert go.wait(PATIENCE_S)

    async def main() -> None:
        ref = threads.spawn(Slow, mailbox=MailboxSpec(capacity=1))
        await ref.atell(Note(0))
        assert await asyncio.to_thread(entered.wait, PATIENCE_S)  # else it takes one from what is to be full
        await ref.atell(Note(0))
        with pytest.raises(MailboxFull, match=r"`await ref.atell\(...\)` waits for room"):
            ref.tell(Note(1))
        waiting = asyncio.create_task(ref.atell(Note(2)))
        await asyncio.sleep(0)
        go.set()
        await waiting
        await ref.stop()

    asyncio.run(main())
