"""``tell_all``: one message to many actors, encoded once, and each of them on its own."""

from __future__ import annotations

import msgspec
import pytest

from dagger_actors import ActorContext, ChildSpec
from dagger_actors.errors import MailboxFull, MessageRefused
from dagger_actors.supervised import wire
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.handlers import handler
from dagger_actors.supervised.ref import tell_all
from dagger_actors.testing.simulation import Simulation
from tests.unit.supervised.conftest import VirtualStage


class Notes(msgspec.Struct):
    """A message that can be changed."""

    texts: list[str]


class Pile(msgspec.Struct):
    taken: list[list[str]] = []


class Reader(Actor):
    """Changes what it takes."""

    state: Pile

    @handler
    def read(self, notes: Notes) -> list[list[str]]:
        notes.texts.append("read")
        self.state.taken.append(notes.texts)
        return self.state.taken


def taken(stage: VirtualStage, ref: object) -> list[list[str]]:
    return ref.cell.actor.state.taken


def test_each_gets_the_message_for_itself_and_it_is_encoded_once(
    stage: VirtualStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: no two actors share an object; the cost of encoding does not grow with their number."""
    encoded = []
    monkeypatch.setattr(stage.house, "encode", lambda message: encoded.append(message) or wire.encode(message))
    refs = [stage.spawn(Reader) for _ in range(5)]
    tell_all(refs, Notes(["a"]))
    stage.settle()
    assert [taken(stage, ref) for ref in refs] == [[["a", "read"]]] * 5
    assert len(encoded) == 1


def test_who_has_no_room_does_not_stop_the_others(stage: VirtualStage) -> None:
    """Law: the first that had no room is told when all others have got it."""
    refs = [
        stage.spawn(Reader, name=str(at), mailbox=MailboxSpec(capacity=1 if at % 2 else 9, overflow="reject"))
        for at in range(5)
    ]
    tell_all(refs, Notes(["first"]))
    with pytest.raises(MailboxFull, match="mailbox of 1 "):
        tell_all(refs, Notes(["second"]))
    stage.settle()
    assert [len(taken(stage, ref)) for ref in refs] == [2, 1, 2, 1, 2]


def test_to_one_that_has_stopped_it_is_undelivered_and_nobody_pays_for_that(stage: VirtualStage) -> None:
    """Law: as ``tell``."""
    refs = [stage.spawn(Reader) for _ in range(3)]
    refs[1].stop(block=False)
    stage.settle()
    tell_all(iter(refs), Notes(["a"]))
    stage.settle()
    assert stage.reasons() == [("Notes", "stopped")]
    assert [len(taken(stage, ref)) for ref in (refs[0], refs[2])] == [1, 1]


def test_what_cannot_be_encoded_reaches_nobody(stage: VirtualStage) -> None:
    """Law: refused in the sender's hand."""
    refs = [stage.spawn(Reader) for _ in range(3)]
    with pytest.raises(MessageRefused):
        tell_all(refs, Notes([object()]))
    stage.settle()
    assert [ref.cell.actor for ref in refs] == [None] * 3


def test_nobody_is_many_too(stage: VirtualStage) -> None:
    """Law: an empty list is no error."""
    tell_all([], Notes(["a"]))
    stage.settle()
    assert stage.reasons() == []


class Sum(msgspec.Struct):
    total: int = 0


class Publisher(Actor, durable=True):
    """Tells all of its readers, and fails when it is to publish nothing."""

    state: Sum

    @handler
    def publish(self, texts: list, ctx: ActorContext) -> None:
        self.state.total += 1
        tell_all(ctx.find("readers").refs(), Notes(texts))
        if not texts:
            raise ValueError("nothing")


def test_each_of_a_pool_gets_what_is_told_to_all(sim: Simulation) -> None:
    """Law: whatever the route is."""
    system = sim.system(agents=[ChildSpec(Reader, "readers", instances=3, route="key", key="texts")])
    pool = system.actors["readers"]
    pool.tell_all(Notes(["a"]))
    sim.settle()
    assert [ref.ask(Notes(["b"])) for ref in pool.refs()] == [[["a", "read"], ["b", "read"]]] * 3


def test_what_a_durable_turn_tells_all_waits_for_its_commit(sim: Simulation) -> None:
    """Law: of a turn that raises nobody hears."""
    system = sim.system(agents=[ChildSpec(Reader, "readers", instances=2), ChildSpec(Publisher, "publisher")])
    publisher = system.actors["publisher"]
    with pytest.raises(ValueError, match="nothing"):
        publisher.ask([])
    publisher.ask(["a"])
    sim.settle()
    assert [ref.ask(Notes(["b"])) for ref in system.actors["readers"].refs()] == [[["a", "read"], ["b", "read"]]] * 2
