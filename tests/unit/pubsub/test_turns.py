"""A turn is one call of a handler, and all that it did is in its effects or nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import ActorSystem, Fatal, Snooze, handler
from dagger_actors.core.channel_rows import NO_KEY
from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.turns import Handled, NotTaken, Snoozed, StartTurn, TurnFailed
from dagger_actors.errors import DaggerError
from dagger_actors.pubsub.declared.subscriber import Subscriber
from dagger_actors.pubsub.subscribers.subscribe import subscribe
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.pubsub.turns.outgoing import MOST_PUBLISHED
from dagger_actors.pubsub.turns.sources import Bridges, Spawned, SpawnOptions
from tests.unit.pubsub.taking import (
    Answer,
    AtWork,
    Draft,
    Flush,
    Note,
    delivered,
    effects,
    published,
    state,
    turn,
)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActorSystem]:
    folder: Path = tmp_path_factory.mktemp("turns")
    (folder / "schema.sql").write_text("CREATE TABLE IF NOT EXISTS seen (question TEXT) STRICT;")
    with ActorSystem(folder / "x.db", schema=folder / "schema.sql", resources={dict: lambda: {"till": 7}}) as one:
        yield one


# --- what is taken, what is given


class Plain(Subscriber):
    @subscribe("notes", publishes="answers")
    def add(self, note: Note) -> Answer | None:
        return Answer(note.question) if note.stars else None


class Listing(Subscriber):
    @subscribe("notes", publishes="answers")
    def add(self, note: Note) -> list[Answer]:
        return [Answer(note.question)] * note.stars


class Yielding(Subscriber):
    @subscribe("notes", publishes="answers")
    def add(self, note: Note) -> Iterator[Answer]:
        for _ in range(note.stars):
            yield Answer(note.question)


class Coroutine(Subscriber):
    @subscribe("notes", publishes="answers")
    async def add(self, note: Note) -> tuple[Answer, ...]:
        await asyncio.sleep(0)
        return (Answer(note.question),) * note.stars


class AsyncYielding(Subscriber):
    @subscribe("notes", publishes="answers")
    async def add(self, note: Note) -> AsyncIterator[Answer]:
        for _ in range(note.stars):
            await asyncio.sleep(0)
            yield Answer(note.question)


EACH = pytest.mark.parametrize("agent", [Listing, Yielding, Coroutine, AsyncYielding])


@EACH
def test_whatever_a_handler_gives_is_published_item_by_item_and_none_is_nothing(
    agent: type[Subscriber], system: ActorSystem
) -> None:
    """Law: a list, a tuple, a generator and an async one give the same messages, in order."""
    work = AtWork(system, agent)
    three, none = work.take(turn(Note("a", 3)), turn(Note("b", 0), offset=1))
    assert published(three) == [("answers", "Answer", {"text": "a"})] * 3
    assert none == Handled()
    assert {one.source for one in effects(three).published} == {f"{agent.__name__.lower()}.add"}


def test_one_result_is_one_message_and_what_has_no_class_is_read_as_the_only_one(system: ActorSystem) -> None:
    work = AtWork(system, Plain)
    given, nothing = work.take(turn(Note("a", 1)), turn(Note("b", 1), kind=""))
    assert published(given) == [("answers", "Answer", {"text": "a"})]
    assert published(nothing) == [("answers", "Answer", {"text": "b"})]


@pytest.mark.parametrize(
    ("message", "kind", "reason"),
    [
        ({"question": 3}, "Note", "Expected `str`, got `int` - at `$.question`"),
        ({"question": "a", "stars": "3"}, "Note", "Expected `int`, got `str` - at `$.stars`"),
        (b"{", "Note", "Input data was truncated"),
        (b'"' + b"\xff" + b'"', "Note", ""),
        ({"text": "a"}, "Answer", "it is an Answer, not Note"),
    ],
)
def test_what_does_not_fit_the_handler_is_refused_and_named(
    message: Any, kind: str, reason: str, system: ActorSystem
) -> None:
    """Law: messages are decoded strictly, and the handler is not called with what is none."""
    (outcome,) = AtWork(system, Plain).take(turn(message, offset=7, kind=kind))
    assert isinstance(outcome, TurnFailed)
    assert outcome.is_refused
    assert outcome.error.type == "dagger_actors.errors.DeliveryRefused"
    assert "notes/7" in outcome.error.message
    assert reason in outcome.error.message


def test_a_message_without_the_key_that_is_wanted_is_refused_with_the_reason(system: ActorSystem) -> None:
    class Keyed(Subscriber):
        @subscribe("notes", key="question")
        def add(self, note: Note) -> None:
            raise AssertionError

    (outcome,) = AtWork(system, Keyed).take(turn(Note(""), NO_KEY))
    assert isinstance(outcome, TurnFailed)
    assert outcome.is_refused
    assert "it is empty" in outcome.error.message


class Wrong(Subscriber):
    @subscribe("notes", publishes=("answers", "log"))
    def add(self, note: Note) -> Answer | str | list[Answer]:
        wrong: Any = {"a": Note("x"), "b": [Answer("x"), 3], "c": "for the log", "d": 3, "e": [Snooze(1)]}
        return wrong[note.question]  # type: ignore[no-any-return]


@pytest.mark.parametrize("question", ["a", "b", "d", "e"])
def test_a_result_that_is_not_what_the_annotation_says_fails_the_turn_for_good(
    question: str, system: ActorSystem
) -> None:
    """Law: nothing of it is published, not even the items before the wrong one."""
    (outcome,) = AtWork(system, Wrong).take(turn(Note(question)))
    assert isinstance(outcome, TurnFailed)
    assert outcome.is_fatal
    assert outcome.error.type == "dagger_actors.errors.GivenRefused"


def test_a_result_goes_to_the_first_channel_that_takes_it(system: ActorSystem) -> None:
    (outcome,) = AtWork(system, Wrong).take(turn(Note("c")))
    assert published(outcome) == [("log", "str", "for the log")]


def test_a_list_is_one_message_where_the_annotation_says_so(system: ActorSystem) -> None:
    class Whole(Subscriber):
        @subscribe("notes", publishes="many")
        def add(self, note: Note) -> Iterator[list[int]]:
            yield [1, 2]

    (outcome,) = AtWork(system, Whole).take(turn(Note("a")))
    assert published(outcome) == [("many", "list", [1, 2])]


class Asking(Subscriber):
    @subscribe("notes", publishes="answers")
    def add(self, note: Note) -> Answer | Snooze:
        if note.question == "snooze":
            return Snooze(1.5)
        if note.question == "fatal":
            raise Fatal("never")
        return Answer("x")


class AsyncAsking(Subscriber):
    @subscribe("notes", publishes="answers")
    async def add(self, note: Note) -> AsyncIterator[Answer | Snooze]:
        yield Answer("lost")
        if note.question == "snooze":
            yield Snooze(1.5)
        if note.question == "fatal":
            raise Fatal("never")


@pytest.mark.parametrize("agent", [Asking, AsyncAsking])
def test_a_handler_may_put_a_message_off_or_give_it_up(agent: type[Subscriber], system: ActorSystem) -> None:
    """Law: a snooze keeps nothing of the turn, and a ``Fatal`` is said to be one."""
    work = AtWork(system, agent)
    assert work.take(turn(Note("snooze"))) == [Snoozed(1_500_000)]
    (fatal,) = work.take(turn(Note("fatal")))
    assert isinstance(fatal, TurnFailed)
    assert fatal.is_fatal
    assert fatal.error.message == "never"


# --- failures


RAISED = [
    ValueError("x"),
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    StopIteration(4),
]


def _raise(number: int) -> None:
    raise RAISED[number]


class Raising(Subscriber):
    @subscribe("notes", key="question", publishes="answers")
    def add(self, note: Note) -> Answer | None:
        if note.stars >= 0:
            _raise(note.stars)
        return Answer("fine")


class AsyncRaising(Subscriber):
    @subscribe("notes", key="question", publishes="answers")
    async def add(self, note: Note) -> Answer | None:
        if note.stars >= 0:
            if note.stars == 4:
                running = asyncio.current_task()
                assert running is not None
                running.cancel()
                await asyncio.sleep(0)
            _raise(note.stars)
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        return Answer("fine")


class Dying(Subscriber):
    def __init__(self) -> None:
        _raise(1)

    @subscribe("notes", key="question", publishes="answers")
    def add(self, note: Note) -> Answer | None:
        raise AssertionError


@pytest.mark.parametrize("agent", [Raising, AsyncRaising])
@pytest.mark.parametrize("number", range(len(RAISED)))
def test_whatever_a_handler_raises_is_an_outcome_and_keeps_back_its_own_key_alone(
    agent: type[Subscriber], number: int, system: ActorSystem
) -> None:
    """Law: no exception ends the shift, the thread or the loop; later turns of the key are not taken, others are."""
    work = AtWork(system, agent)
    turns = [turn(Note("a", number), "a"), turn(Note("b", -1), "b"), turn(Note("a", -1), "a"), turn(Note("c", -1), "c")]
    failed, other, same, third = work.take(*turns)
    assert isinstance(failed, TurnFailed)
    assert not failed.is_fatal
    assert failed.error.type.rpartition(".")[2] in (type(RAISED[number]).__name__, "RuntimeError")
    assert published(other) == published(third) == [("answers", "Answer", {"text": "fine"})]
    assert same == NotTaken()
    assert published(work.take(turn(Note("a", -1), "a"))[0])


def test_an_instance_that_cannot_be_made_fails_the_turn(system: ActorSystem) -> None:
    (outcome,) = AtWork(system, Dying).take(turn(Note("a"), "a"))
    assert isinstance(outcome, TurnFailed)
    assert outcome.error.type == "builtins.SystemExit"


def test_without_an_order_a_failure_keeps_nothing_back(system: ActorSystem) -> None:
    class Loose(Subscriber):
        @subscribe("notes", order="none")
        def add(self, note: Note) -> None:
            if note.stars:
                raise ValueError

    failed, fine = AtWork(system, Loose).take(turn(Note("a", 1)), turn(Note("b")))
    assert isinstance(failed, TurnFailed)
    assert fine == Handled()


def test_a_generator_without_end_ends_at_the_limit_and_is_closed(system: ActorSystem) -> None:
    """Law: a turn publishes at most 10,000 messages; one that has too much publishes none."""
    closed = []

    class Endless(Subscriber):
        @subscribe("notes", publishes="log")
        def add(self, note: Note) -> Iterator[str]:
            try:
                while True:
                    yield "x"
            finally:
                closed.append(note)

    (outcome,) = AtWork(system, Endless).take(turn(Note("a")))
    assert isinstance(outcome, TurnFailed)
    assert f"{MOST_PUBLISHED:,}" in outcome.error.message
    assert closed


def test_what_a_turn_publishes_has_a_limit_of_bytes(system: ActorSystem) -> None:
    class Fat(Subscriber):
        @subscribe("notes", publishes="log")
        def add(self, note: Note) -> list[str]:
            return ["x" * 1_000_000] * note.stars

    work = AtWork(system, Fat)
    assert len(published(work.take(turn(Note("a", 16)))[0])) == 16
    (outcome,) = work.take(turn(Note("a", 17)))
    assert isinstance(outcome, TurnFailed)
    assert "16,777,216 bytes" in outcome.error.message


def test_a_shift_that_has_gathered_much_leaves_the_rest_to_the_next(system: ActorSystem) -> None:
    class Fat(Subscriber):
        @subscribe("notes", publishes="log")
        def add(self, note: Note) -> list[str]:
            return ["x" * 1_000_000] * 10

    first, second, third = AtWork(system, Fat).take(*[turn(Note("a"), offset=at) for at in range(3)])
    assert len(published(first)) == len(published(second)) == 10
    assert third == NotTaken()


# --- batches


class Batched(Subscriber):
    @subscribe("notes", publishes="log", batch=100)
    def add(self, notes: list[Note]) -> str:
        return ",".join(note.question for note in notes)


def test_a_batch_is_one_call_and_what_does_not_fit_is_put_aside(system: ActorSystem) -> None:
    """Law: one ill-typed message spoils no other; alone it is refused."""
    work = AtWork(system, Batched)
    messages = [delivered(Note("a"), 0), delivered({"question": 1}, 1, kind="Note"), delivered(Note("b"), 2)]
    (outcome,) = work.take(StartTurn("", tuple(messages)))
    assert published(outcome) == [("log", "str", "a,b")]
    (misfit,) = effects(outcome).misfits
    assert (misfit.cursor_key, misfit.offset) == (9, 1)
    assert "notes/1" in misfit.error.message
    (alone,) = work.take(StartTurn("", (messages[1],)))
    assert isinstance(alone, TurnFailed)
    assert alone.is_refused


# --- the context


class Telling(Subscriber):
    @subscribe("notes", key="question", publishes=("answers", "log"))
    def add(self, note: Note, ctx: TurnContext) -> None:
        ctx.publish("answers", Answer(ctx.idempotency_key), key="k", id="one", delay=2, headers={"lang": "en"})
        ctx.publish("log", f"{ctx.subscription} {ctx.group} {ctx.key} {ctx.channel} {ctx.offset} {ctx.published_at}")
        ctx.publish("log", f"{ctx.attempt} {ctx.message_ids} {ctx.correlation_id} {ctx.headers['x']}")
        ctx.publish("log", f"{ctx.step('paid', lambda: 3)} {ctx.resource(dict)['till']} {ctx.cancelled}")
        ctx.execute("INSERT INTO seen VALUES (?)", (note.question,))
        ctx.progress(1, 2)
        ctx.log("here")


def test_a_context_tells_of_the_message_and_gathers_what_the_turn_does(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    work = AtWork(system, Telling)
    headers = '{"correlation_id":"c1","traceparent":"t1","x":"y"}'
    with caplog.at_level("INFO", "dagger_actors.run"):
        (outcome,) = work.take(turn(Note("a"), "a", 7, headers=headers, try_no=2))
    done = effects(outcome)
    answer, who, what, rest = done.published
    assert published(outcome) == [
        ("answers", "Answer", {"text": "delivery/telling.add/notes/7"}),
        ("log", "str", "telling.add telling a notes 7 1000"),
        ("log", "str", "2 ('notes/7',) c1 y"),
        ("log", "str", "3 7 False"),
    ]
    assert (answer.key, answer.message_id, answer.source, answer.source_key) == ("k", "one", "telling.add", "a")
    assert answer.due_at is not None
    assert msgspec.json.decode(answer.headers or "") == {"correlation_id": "c1", "traceparent": "t1", "lang": "en"}
    assert msgspec.json.decode(who.headers or "") == {"correlation_id": "c1", "traceparent": "t1"}
    assert (what.key, what.due_at, rest.headers) == (None, None, who.headers)
    assert done.turn is not None
    assert [(one.sql, one.args) for one in done.turn.statements] == [("INSERT INTO seen VALUES (?)", ("a",))]
    assert done.has_steps
    assert list(work.steps.kept) == [(9, 7, "paid")]
    assert [(one.run_key, one.node, one.item, one.done) for one in work.progress] == [(9, -2, 7, 1.0)]
    (record,) = caplog.records
    assert record.getMessage() == "message notes/7 of telling.add: here"
    assert (record.subscription, record.channel, record.offset) == ("telling.add", "notes", 7)  # type: ignore[attr-defined]


def test_headers_go_on_from_a_batch_only_where_all_its_messages_agree(system: ActorSystem) -> None:
    messages = [delivered(Note("a"), at, headers=f'{{"correlation_id":"c{at}","traceparent":"t"}}') for at in range(2)]
    (outcome,) = AtWork(system, Batched).take(StartTurn("", tuple(messages)))
    assert [one.headers for one in effects(outcome).published] == ['{"traceparent":"t"}']


def test_steps_of_an_earlier_try_are_forgotten_too(system: ActorSystem) -> None:
    """Law: a try that takes no step may be the second one, so the acknowledgement forgets what the first one kept."""

    class Quiet(Subscriber):
        @subscribe("notes")
        def add(self, note: Note, ctx: TurnContext) -> None: ...

    work = AtWork(system, Quiet)
    assert [effects(one).has_steps for one in work.take(turn(Note("a")), turn(Note("a"), try_no=2))] == [False, True]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda ctx: ctx.publish("log", "x"), "PublicationUndeclared"),
        (lambda ctx: ctx.publish("@refused", Answer("x")), "PublicationUndeclared"),
        (lambda ctx: ctx.publish(3, Answer("x")), "PublicationUndeclared"),
        (lambda ctx: ctx.publish("answers", Note("x")), "PublicationRefused"),
        (lambda ctx: ctx.publish("answers", Answer("x" * 1_048_576)), "PublicationRefused"),
        (lambda ctx: ctx.publish("answers", Answer("x"), key=""), "PublicationRefused"),
        (lambda ctx: ctx.publish("answers", Answer("x"), key="\ud800"), "PublicationRefused"),
        (lambda ctx: ctx.publish("answers", Answer("x"), id="x" * 201), "PublicationRefused"),
        (lambda ctx: ctx.publish("answers", Answer("x"), delay=-1), "PublicationRefused"),
        (lambda ctx: ctx.publish("answers", Answer("x"), delay=float("nan")), "PublicationRefused"),
        (lambda ctx: ctx.publish("answers", Answer("x"), headers={"a": 1}), "PublicationRefused"),
        (lambda ctx: ctx.publish("answers", Answer("x"), headers={"a": "\ud800"}), "PublicationRefused"),
        (lambda ctx: ctx.publish("answers", Answer("x"), headers={"a": "x" * 20_000}), "PublicationRefused"),
        (lambda ctx: ctx.set_timer("", 1, Flush()), "TimerRefused"),
        (lambda ctx: ctx.set_timer("a", -1, Flush()), "TimerRefused"),
        (lambda ctx: ctx.set_timer("a", 1, Note("x")), "TimerRefused"),
        (lambda ctx: ctx.set_timer("a", 1, Flush(3)), "TimerRefused"),
        (lambda ctx: ctx.cancel_timer("x\n"), "TimerRefused"),
        (lambda ctx: ctx.spawn("agent", {}), "SpawnRefused"),
    ],
)
def test_what_cannot_be_is_told_at_the_call_and_the_handler_may_go_on(
    call: Any, error: str, system: ActorSystem
) -> None:
    """Law: each has its named error, raised where it was asked for, and leaves nothing behind."""

    class Refused(Subscriber):
        @subscribe("notes", publishes="answers")
        def add(self, note: Note, ctx: TurnContext) -> Answer:
            with pytest.raises(DaggerError) as told:
                call(ctx)
            assert told.type.__name__ == error, told.value
            return Answer("fine")

        @handler
        def flush(self, due: Flush) -> None: ...

    (outcome,) = AtWork(system, Refused).take(turn(Note("a")))
    assert published(outcome) == [("answers", "Answer", {"text": "fine"})]
    assert not effects(outcome).timers


def test_an_undeclared_publication_fails_the_turn_that_lets_it_pass(system: ActorSystem) -> None:
    class Undeclared(Subscriber):
        @subscribe("notes", publishes="raw.*")
        def add(self, note: Note, ctx: TurnContext) -> None:
            ctx.publish("log", "x")

    (outcome,) = AtWork(system, Undeclared).take(turn(Note("a")))
    assert isinstance(outcome, TurnFailed)
    assert outcome.error.type == "dagger_actors.errors.PublicationUndeclared"
    assert "'raw.*'" in outcome.error.message


def test_after_its_turn_a_context_takes_nothing(system: ActorSystem) -> None:
    kept = []

    class Leaky(Subscriber):
        @subscribe("notes", publishes="log")
        def add(self, note: Note, ctx: TurnContext) -> None:
            kept.append(ctx)

    (outcome,) = AtWork(system, Leaky).take(turn(Note("a")))
    with pytest.raises(Exception, match="is not stored, for this attempt is over"):
        kept[0].publish("log", "late")
    assert outcome == Handled()


class Tasks:
    """Makes tasks by hand."""

    def make(self, agent: Any, payload: object, options: SpawnOptions) -> Spawned:
        text = msgspec.json.encode(payload).decode()
        return Spawned(NewTask(70 + options.priority, str(agent), text, key=options.key))


def test_tasks_are_made_with_the_turn_and_there_is_a_limit_of_them(system: ActorSystem) -> None:
    class Making(Subscriber):
        @subscribe("notes")
        def add(self, note: Note, ctx: TurnContext) -> None:
            if note.stars:
                for _ in range(note.stars):
                    ctx.spawn("fetch", 1)
            else:
                assert ctx.spawn("fetch", {"a": 1}, key="k", priority=2) == 72

    work = AtWork(system, Making, bridges=Bridges(tasks=Tasks()))
    made, many = work.take(turn(Note("a")), turn(Note("b", 10_001)))
    done = effects(made).turn
    assert done is not None
    assert done.spawned == (NewTask(72, "fetch", '{"a":1}', key="k"),)
    assert isinstance(many, TurnFailed)
    assert "10,000 tasks" in many.error.message


# --- timers


class Timed(Subscriber):
    state: Draft

    @subscribe("notes", key="question", publishes="log")
    def add(self, note: Note, ctx: TurnContext) -> None:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        self.state.notes.append(note.question)
        ctx.set_timer("flush", 60, Flush("soon"))
        ctx.cancel_timer("other")

    @handler
    async def flush(self, due: Flush, ctx: TurnContext) -> str:
        await asyncio.sleep(0)
        return f"{due.why} {ctx.key} {self.state.notes}"


def test_a_timer_comes_on_the_private_channel_to_its_handler_with_the_state_of_its_key(system: ActorSystem) -> None:
    """Law: what it gives goes where the subscription publishes; a redriven message of the subscription goes to its own
    handler, a plain one too, though it is on the loop then."""
    work = AtWork(system, Timed)
    headers = '{"correlation_id":"c"}'
    (set_,) = work.take(turn(Note("a"), "a", headers=headers))
    timer, cancelled = effects(set_).timers
    message = timer.message
    assert message is not None
    assert (timer.group_key, timer.key, timer.name) == (5, "a", "flush")
    assert (message.channel, message.type, message.key, message.target) == ("@timed", "Flush", "a", "timed.add")
    assert message.due_at is not None
    assert msgspec.json.decode(message.headers or "") == {"correlation_id": "c", "timer": "flush"}
    assert (cancelled.name, cancelled.message) == ("other", None)
    due = turn(message.payload.encode(), "a", channel="@timed", kind="Flush", headers=message.headers)
    again = turn(Note("a"), "a", 1, channel="@timed")
    first, second = work.take(due, again)
    assert published(first) == [("log", "str", "soon a ['a']")]
    assert state(second) == {"notes": ["a", "a"]}


class Both(Subscriber):
    state: Draft

    @subscribe("notes", key="question", publishes="log", batch=10)
    def add(self, notes: list[Note], ctx: TurnContext) -> str:
        self.state.notes += [str(note.stars) for note in notes]
        ctx.execute("INSERT INTO seen VALUES (?)", (str(len(notes)),))
        return f"{len(notes)} {ctx.offset}"

    @handler
    def flush(self, due: Flush, ctx: TurnContext) -> str | Snooze:
        self.state.notes.append(due.why)
        ctx.execute("INSERT INTO seen VALUES (?)", (due.why,))
        return Snooze(1) if due.why == "snooze" else f"flush {ctx.offset}"


def test_timers_among_the_messages_of_a_batch_come_one_by_one_in_their_place(system: ActorSystem) -> None:
    """Law: the turn is one commit of all its calls; a message that does not fit is put aside, a snooze is that of the turn."""
    work = AtWork(system, Both)
    notes = [delivered(Note("a", at), at) for at in range(3)]
    due = delivered(Flush("due"), 7, channel="@both", headers='{"timer":"t"}')
    misfit = delivered({"why": 3}, 8, channel="@both", headers='{"timer":"t"}', kind="Flush")
    (outcome,) = work.take(StartTurn("a", (notes[0], notes[1], due, misfit, notes[2])))
    assert [text for _, _, text in published(outcome)] == ["2 0", "flush 7", "1 2"]
    assert state(outcome) == {"notes": ["0", "1", "due", "2"]}
    done = effects(outcome)
    assert [one.offset for one in done.misfits] == [8]
    assert done.turn is not None
    assert [one.args for one in done.turn.statements] == [("2",), ("due",), ("1",)]
    snooze = delivered(Flush("snooze"), 7, channel="@both", headers='{"timer":"t"}')
    assert work.take(StartTurn("a", (notes[0], snooze))) == [Snoozed(1_000_000)]
    (refused,) = work.take(StartTurn("a", (misfit, misfit)))
    assert isinstance(refused, TurnFailed)
    assert refused.is_refused
    (alone,) = work.take(StartTurn("a", (notes[0],)))
    assert [text for _, _, text in published(alone)] == ["1 0"]
    assert state(alone) == {"notes": ["0", "1", "due", "2", "0"]}
