"""Death watch: told once, of an end for good, to the incarnation that asked for it."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from dagger_actors.errors import ActorStopped
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.context import ActorContext, Terminated
from dagger_actors.supervised.handlers import handler
from dagger_actors.supervised.ref import Ref
from tests.unit.supervised.conftest import PATIENCE_S, Stage, VirtualStage


class Do(msgspec.Struct, frozen=True):
    """Watch, unwatch, fail, stop."""

    what: str
    name: str = ""


class NoText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Watcher(Actor):
    """Does what it is told, and writes down whose end it hears of."""

    heard: list[tuple[str, str, str]] = []  # noqa: RUF012
    spawned: list[Ref] = []  # noqa: RUF012
    end = threading.Event()

    def started(self, ctx: ActorContext) -> None:
        self.ctx = ctx

    @handler
    def do(self, order: Do, ctx: ActorContext) -> None:
        match order.what:
            case "watch":
                ctx.watch(ctx.find(order.name))
            case "unwatch":
                ctx.unwatch(ctx.find(order.name))
            case "fail":
                raise ValueError(order.name)
            case "fail without text":
                raise NoText
            case "stop":
                ctx.stop()

    @handler
    def hear(self, end: Terminated, ctx: ActorContext) -> None:
        self.heard.append((ctx.name, end.name, end.error))
        self.end.set()
        if ctx.name == "heir":
            self.spawned.append(ctx.spawn(Watcher, name=end.name))


@pytest.fixture(autouse=True)
def heard() -> list[tuple[str, str, str]]:
    Watcher.heard.clear()
    Watcher.spawned.clear()
    Watcher.end.clear()
    return Watcher.heard


def two(stage: Stage) -> tuple[Ref, Ref]:
    return stage.spawn(Watcher, name="a"), stage.spawn(Watcher, name="b")


def test_a_watcher_is_told_once_why_an_actor_is_gone(stage: VirtualStage, heard: list[Any]) -> None:
    """Law: with the failure of its last incarnation, or without one when it ended well; watching twice is watching."""
    a, b = two(stage)
    for order in (Do("watch", "b"), Do("watch", "b")):
        a.ask(order)
    b.tell(Do("fail", "no luck"))
    stage.settle()
    assert heard == [("a", "b", "ValueError: no luck")]
    c = stage.spawn(Watcher, name="c")
    a.ask(Do("watch", "c"))
    c.tell(Do("stop"))
    stage.settle()
    assert heard[1:] == [("a", "c", "")]


def test_watching_what_has_stopped_already_tells_at_once(stage: VirtualStage, heard: list[Any]) -> None:
    """Law: no end is missed, whenever the watch begins."""
    b = stage.spawn(Watcher, name="b")
    b.stop()

    class Late(Watcher):
        def started(self, ctx: ActorContext) -> None:
            ctx.watch(b)

    stage.spawn(Late, name="late")
    stage.settle()
    assert heard == [("late", "b", "")]


@pytest.mark.parametrize("first", ["a", "b"])
def test_two_that_watch_each_other_are_each_told(stage: VirtualStage, heard: list[Any], first: str) -> None:
    """Law: one that stops watches nobody any more, and is still watched."""
    refs = dict(zip("ab", two(stage), strict=True))
    refs["a"].ask(Do("watch", "b"))
    refs["b"].ask(Do("watch", "a"))
    refs[first].stop()
    stage.settle()
    assert heard == [("b" if first == "a" else "a", first, "")]


def test_unwatching_is_one_sided_and_catches_an_end_that_is_queued(stage: VirtualStage, heard: list[Any]) -> None:
    """Law: after ``unwatch`` nothing is told, and the other's own watch goes on."""
    a, b = two(stage)
    a.ask(Do("watch", "b"))
    b.ask(Do("watch", "a"))
    a.ask(Do("unwatch", "b"))
    a.stop()
    stage.settle()
    assert heard == [("b", "a", "")]
    c = stage.spawn(Watcher, name="c")
    b.ask(Do("watch", "c"))
    b.tell(Do("unwatch", "c"))  # queued before the end is
    c.cell.kill(1)
    stage.settle()
    assert len(heard) == 1


def test_an_end_is_not_told_to_a_later_incarnation(stage: VirtualStage, heard: list[Any]) -> None:
    """Law: watching lasts as long as the incarnation, even when the message is queued already."""
    kept = stage.keep(Watcher)
    b = stage.spawn(Watcher, name="b")
    kept.ask(Do("watch", "b"))
    kept.tell(Do("fail"))
    b.cell.kill(1)
    stage.settle()
    kept.cell.begin(2)
    stage.settle()
    assert heard == []
    assert stage.events == []


def test_who_hears_of_an_end_finds_the_name_free(threads: Stage, heard: list[Any]) -> None:
    """Law: an actor is forgotten before its end is told."""
    heir = threads.spawn(Watcher, name="heir")
    for _ in range(200):
        mortal = Watcher.spawned[-1] if Watcher.spawned else threads.spawn(Watcher, name="mortal")
        heir.ask(Do("watch", "mortal"))
        Watcher.end.clear()
        mortal.tell(Do("stop"))
        assert Watcher.end.wait(PATIENCE_S)
        heir.ask(Do("nothing"))
    assert len(heard) == len(Watcher.spawned) == 200


def test_an_error_without_text_is_told_too(stage: VirtualStage, heard: list[Any]) -> None:
    """Law: an exception whose ``str`` raises ends its actor and nothing else."""
    a, b = two(stage)
    a.ask(Do("watch", "b"))
    b.tell(Do("fail without text"))
    stage.settle()
    assert heard == [("a", "b", "NoText, whose text could not be had: RuntimeError")]


def test_a_full_mailbox_gets_no_end_and_it_is_told_as_undelivered(stage: VirtualStage, heard: list[Any]) -> None:
    """Law: whoever closes an actor never waits for its watchers' room."""
    a = stage.spawn(Watcher, name="a", mailbox=MailboxSpec(capacity=1))
    b = stage.spawn(Watcher, name="b")
    a.ask(Do("watch", "b"))
    a.tell(Do("nothing"))
    b.cell.kill(1)
    assert stage.reasons() == [("Terminated", "full")]
    stage.settle()
    assert heard == []


def test_a_watch_begun_from_another_thread_is_not_lost(threads: Stage, heard: list[Any]) -> None:
    """Law: what an actor seldom needs is made once, whoever needs it first."""
    cells = [threads.spawn(Watcher, name=f"w{number}").cell for number in range(200)]
    started = threading.Barrier(3)
    made: list[list[Any]] = [[], []]

    def make(to: list[Any]) -> None:
        started.wait(PATIENCE_S)
        to.extend(cell.more() for cell in cells)

    for cell in cells:
        cell.extra = None
    workers = [threading.Thread(target=make, args=(to,)) for to in made]
    for worker in workers:
        worker.start()
    started.wait(PATIENCE_S)
    for worker in workers:
        worker.join(PATIENCE_S)
    assert all(one is other is cell.extra for one, other, cell in zip(*made, cells, strict=True))


def test_an_incarnation_that_is_over_watches_nobody(stage: VirtualStage) -> None:
    """Law: what is left of it (a thread, a callback of somebody else's) is refused."""
    kept, b = stage.keep(Watcher), stage.spawn(Watcher, name="b")
    stage.settle()
    ctx = kept.cell.actor.ctx
    kept.tell(Do("fail"))
    stage.settle()
    kept.cell.begin(2)
    stage.settle()
    with pytest.raises(ActorStopped):
        ctx.watch(b)
    assert b.cell.extra is None or not b.cell.extra.watchers
