"""States and steps of turns are read from the file and kept there, behind the lease of the range."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.channel_rows import range_of
from dagger_actors.core.declarations import Declare, Declared, SubscriptionRow
from dagger_actors.core.member_rows import StateRow
from dagger_actors.core.protocols import Unit, Write
from dagger_actors.core.range_leases import ReleaseRanges, ShareRanges
from dagger_actors.core.turns import Handled, StartTurn, TurnFailed
from dagger_actors.pubsub.declared.subscriber import Subscriber
from dagger_actors.pubsub.subscribers.subscribe import subscribe
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.pubsub.turns.steps import TurnSteps
from dagger_actors.pubsub.turns.stored_states import StoredStates
from tests.unit.pubsub.taking import AtWork, Draft, Note, delivered, effects, published, state


class OnFile:
    """A system with a group and its leases."""

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        row = SubscriptionRow(group="payer", name="payer.add", pattern="notes", channels=())
        declared: Declared = self.run(Declare((), (row,), 0))
        ((self.cursor_key, _, _),) = declared.cursors
        self.group_key = declared.groups["payer"]

    def run(self, *work: Any, writes: Sequence[Write] = ()) -> Any:
        future: ReplyFuture[Any] = ReplyFuture()
        answers: list[Any] = []
        done = Unit(
            writes,
            lambda: future.set(answers[-1] if answers else None),
            lambda error: future.set_exception((type(error), error, None)),
            work,
            answered=answers.extend,
        )
        self.system._store.journal.submit(done)
        return future.get(timeout=30)

    @property
    def worker(self) -> int:
        return self.system._store.worker_id

    def share(self) -> None:
        self.run(ShareRanges(self.group_key, self.worker, "payer", 0))

    def release(self) -> None:
        self.run(ReleaseRanges(self.group_key, self.worker, "payer", None))

    def rows(self, query: str, *given: Any) -> list[tuple[Any, ...]]:
        return list(self.system._store.readers.query(query, *given))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[OnFile]:
    with ActorSystem(tmp_path / "x.db") as system:
        yield OnFile(system)


class Payer(Subscriber, name="payer"):
    paid: list[int] = []  # noqa: RUF012 - for the test

    @subscribe("notes", key="question", publishes="log")
    def add(self, note: Note, ctx: TurnContext) -> str:
        def pay() -> int:
            self.paid.append(ctx.offset)
            return ctx.offset

        found = str(ctx.step("pay", pay))
        if note.stars:
            raise ValueError
        return found


class AsyncPayer(Subscriber, name="payer"):
    paid: list[int] = []  # noqa: RUF012 - for the test

    @subscribe("notes", key="question", publishes="log")
    async def add(self, note: Note, ctx: TurnContext) -> str:
        async def pay() -> int:
            await asyncio.sleep(0)
            self.paid.append(ctx.offset)
            return ctx.offset

        found = str(await ctx.astep("pay", pay))
        if note.stars:
            raise ValueError
        return found


@pytest.mark.parametrize("agent", [Payer, AsyncPayer])
def test_a_step_is_paid_once_for_a_message_until_it_is_acknowledged_and_by_nobody_who_has_lost_the_range(
    agent: Any, file: OnFile
) -> None:
    """Law: it is committed at once, found by the next try and by another process, and forgotten with the acknowledgement."""
    agent.paid.clear()
    system = file.system
    steps = TurnSteps(system._store, clock=system._runtime.clock, wait=system._runtime.wait_in_body)
    work = AtWork(system, agent, group_key=file.group_key, steps=steps, worker=file.worker)

    def message(offset: int, stars: int) -> StartTurn:
        one = delivered(Note("a", stars), offset)
        fields = {name: getattr(one, name) for name in one.__struct_fields__}
        return StartTurn("a", (type(one)(**{**fields, "cursor_key": file.cursor_key}),))

    (alone,) = work.take(message(3, 0))
    assert isinstance(alone, TurnFailed)
    assert alone.error.type == "dagger_actors.errors.AttemptOver"
    file.share()
    agent.paid.clear()
    (failed,) = work.take(message(3, 1))
    assert isinstance(failed, TurnFailed)
    again = AtWork(system, agent, group_key=file.group_key, steps=steps, worker=file.worker)
    (handled,) = again.take(message(3, 0))
    assert published(handled) == [("log", "str", "3")]
    assert agent.paid == [3]
    assert effects(handled).has_steps
    file.run(writes=[Write("subscriber_steps.forget", ((file.cursor_key, 3),), None)])
    assert not file.rows("read.subscriber_step", file.cursor_key, 3, "pay")
    file.release()
    (lost,) = work.take(message(3, 0))
    assert isinstance(lost, TurnFailed)
    assert not file.rows("read.subscriber_step", file.cursor_key, 3, "pay")


class Robbed(Subscriber, name="payer"):
    """While it pays, somebody has stored the result of its step."""

    meanwhile: Callable[[], None]

    @subscribe("notes", key="question", publishes="log")
    def add(self, note: Note, ctx: TurnContext) -> str:
        def pay() -> int:
            other = threading.Thread(target=Robbed.meanwhile)
            other.start()
            other.join()
            return 1

        return str(ctx.step("pay", pay))


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_step_that_is_stored_meanwhile_is_taken_from_who_has_the_range_and_not_by_who_has_lost_it(
    file: OnFile, *, is_lost: bool
) -> None:
    """Law: two tries of one owner agree on the first result; who has lost the range is told that it is over, result or not."""
    system = file.system
    steps = TurnSteps(system._store, clock=system._runtime.clock, wait=system._runtime.wait_in_body)
    work = AtWork(system, Robbed, group_key=file.group_key, steps=steps, worker=file.worker)
    one = delivered(Note("a"), 3)
    fields = {name: getattr(one, name) for name in one.__struct_fields__} | {"cursor_key": file.cursor_key}
    lane = range_of("a")

    def store() -> None:
        fence = (file.group_key, lane, file.worker, "payer")
        row = (file.cursor_key, 3, *fence, "pay", "2", None, 0)
        file.run(writes=[Write("subscriber_steps.put", (row,), 1)])
        if is_lost:
            file.release()

    Robbed.meanwhile = staticmethod(store)
    file.share()
    (outcome,) = work.take(StartTurn("a", (type(one)(**fields),)))
    if is_lost:
        assert isinstance(outcome, TurnFailed)
        assert outcome.error.type == "dagger_actors.errors.AttemptOver"
        assert "the result of step 'pay'" in outcome.error.message
    else:
        assert published(outcome) == [("log", "str", "2")]


class Keeper(Subscriber, name="payer"):
    state: Draft

    @subscribe("notes", key="question")
    def add(self, note: Note) -> None:
        self.state.notes.append(note.question)


def test_a_state_goes_into_the_file_and_comes_back(file: OnFile) -> None:
    """Law: whatever the key is, and whatever the others are."""
    file.share()
    work = AtWork(file.system, Keeper, group_key=file.group_key, source=StoredStates(file.system._store))
    keys = ["", "a", "é\x00'\"", "x" * 200]
    turns = [StartTurn(key, (delivered(Note(key)),)) for key in keys]
    rows = [
        StateRow(file.group_key, key, (effects(one).state or b"").hex(), 0)
        for key, one in zip(keys, work.take(*turns), strict=True)
    ]
    file.run(writes=[Write("subscriber_states.put", tuple(rows), None)])
    again = AtWork(file.system, Keeper, group_key=file.group_key, source=StoredStates(file.system._store))
    outcomes = again.take(*turns)
    assert all(isinstance(one, Handled) for one in outcomes)
    assert [state(one) for one in outcomes] == [{"notes": [key, key]} for key in keys]
