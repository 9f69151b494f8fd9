"""Bad input to channels: each has an error of its own at the publisher, or a dead letter, and disturbs nobody else."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, RetryPolicy, Subscriber, TurnContext, subscribe
from dagger_actors.core.retry import Immediate
from dagger_actors.errors import (
    ActorClassError,
    DefinitionError,
    OffsetRefused,
    PublicationRefused,
    RequestError,
    UnknownChannel,
)
from dagger_actors.testing import simulate

PATIENCE_S = 60.0
TWICE = RetryPolicy(tries=2, wait=Immediate())


class Note(msgspec.Struct, frozen=True):
    who: str
    number: int = 0
    tags: list[str] = []


class Answer(msgspec.Struct, frozen=True):
    number: int


class Book(msgspec.Struct):
    numbers: list[int] = []


class Fine(Subscriber):
    """The other one, who is not to be disturbed."""

    state: Book

    @subscribe("notes", key="who")
    def take(self, note: Note) -> None:
        self.state.numbers.append(note.number)


CHANNELS = [Channel("notes", Note), Channel("answers", Answer), Channel("any")]

AT_THE_PUBLISHER: dict[str, tuple[type[Exception], str, object, str]] = {
    "ill-typed": (
        PublicationRefused,
        "notes",
        {"who": "a", "number": "1"},
        "Expected `int`, got `str` - at `$.number`",
    ),
    "ill-typed inside": (PublicationRefused, "notes", {"who": "a", "tags": ["x", 3]}, "got `int` - at `$.tags[1]`"),
    "an instance that lies": (PublicationRefused, "notes", Note(who=1), "got `int` - at `$.who`"),  # type: ignore[arg-type]
    "without a field": (PublicationRefused, "notes", {"number": 1}, "missing required field `who`"),
    "with a misspelt field": (
        PublicationRefused,
        "notes",
        {"who": "a", "nmber": 1},
        "unknown key 'nmber' at `$`; Note has",
    ),
    "of another class": (PublicationRefused, "notes", Answer(1), "it takes Note, not an instance of"),
    "over the limit": (
        PublicationRefused,
        "any",
        "x" * 1_048_575,
        "1,048,577 bytes of JSON, and 1,048,576 are allowed",
    ),
    "bytes": (PublicationRefused, "any", b"x", "keep the content with system.artifacts.put(...)"),
    "misspelt channel": (UnknownChannel, "ntoes", Note("a"), "there is no channel 'ntoes'; did you mean 'notes'?"),
    "undeclared channel": (
        UnknownChannel,
        "elsewhere",
        Note("a"),
        "declare it with ActorSystem(channels=[Channel(...)])",
    ),
    "no channel at all": (RequestError, "a b", Note("a"), "is no channel's name; write letters"),
}


@pytest.mark.parametrize("case", AT_THE_PUBLISHER)
def test_what_is_the_publishers_is_refused_there_and_nothing_is_stored(case: str, tmp_path: Path) -> None:
    """Law: by the one that publishes, whichever way, before anything is written; what is published with it is not either."""
    kind, channel, message, told = AT_THE_PUBLISHER[case]
    with ActorSystem(tmp_path / "a.db", agents=[Fine], channels=CHANNELS) as system:
        good = Note("a") if channel == "notes" else "good"
        for publish in (
            lambda: system.channels.publish(channel, message),
            lambda: system.channels.publish(channel, message, wait=False),
            lambda: system.channels.publish_many(channel, [good, message]),
            lambda: asyncio.run(system.channels.apublish(channel, message)),
        ):
            with pytest.raises(kind) as refused:
                publish()
            assert type(refused.value) is kind
            assert told in str(refused.value)
        assert system.run_until(timeout=PATIENCE_S).handled == 0
        assert [one.count for one in system.channels.channels()] == [0, 0, 0]


def test_the_largest_message_is_taken(tmp_path: Path) -> None:
    """Law: the limit itself is allowed."""
    with ActorSystem(tmp_path / "a.db", channels=CHANNELS) as system:
        assert system.channels.publish("any", "x" * 1_048_574).offset == 0


def test_an_offset_in_the_future_is_refused_wherever_it_is_given(tmp_path: Path) -> None:
    """Law: it names the channel, what there is, and whose it is; nothing of the system that begins there is written."""
    with ActorSystem(tmp_path / "a.db", agents=[Fine], channels=CHANNELS) as system:
        system.channels.publish("notes", Note("a"))
        told = "the channel 'notes' has no offset 2 yet: its next message gets 1; give that one or less, or 'latest'"
        with pytest.raises(OffsetRefused, match=told):
            system.channels.read("notes", 2)
        with pytest.raises(OffsetRefused, match=told):
            system.channels.seek("fine.take", offset=2)
        assert system.run_until(timeout=PATIENCE_S).handled == 1
    late = Fine.configured(name="late", subscriptions={"take": {"start": 2}})
    with pytest.raises(OffsetRefused, match=f"late.take starts at offset 2: {told}"):
        ActorSystem(tmp_path / "a.db", agents=[Fine, late], channels=CHANNELS)
    with ActorSystem(tmp_path / "a.db", agents=[Fine], channels=CHANNELS) as system:
        assert [one.name for one in system.channels.subscriptions()] == ["fine.take"]


def key_of_a_type() -> None:
    class Wrong(Subscriber):
        @subscribe("notes", key="whom")
        def take(self, note: Note) -> None: ...

    ActorSystem(agents=[Wrong], channels=CHANNELS)


def filter_of_a_type() -> None:
    class Wrong(Subscriber):
        @subscribe("notes", filter={"field": "nmber", "gt": 1})
        def take(self, note: Note) -> None: ...

    ActorSystem(agents=[Wrong], channels=CHANNELS)


def key_of_a_channel() -> None:
    class Wrong(Subscriber):
        @subscribe("notes", key="whom")
        def take(self, note: Any) -> None: ...

    ActorSystem(agents=[Wrong], channels=CHANNELS)


def filter_of_a_channel() -> None:
    class Wrong(Subscriber):
        @subscribe("notes", filter={"field": "nmber", "gt": 1})
        def take(self, note: Any) -> None: ...

    ActorSystem(agents=[Wrong], channels=CHANNELS)


@pytest.mark.parametrize(
    ("define", "kind", "told"),
    [
        (key_of_a_type, ActorClassError, "take: key: Note has no field 'whom'; did you mean who?"),
        (filter_of_a_type, ActorClassError, "take: filter: Note has no field 'nmber'; did you mean number?"),
        (key_of_a_channel, DefinitionError, "key: Note has no field 'whom'"),
        (filter_of_a_channel, DefinitionError, "filter: Note has no field 'nmber'"),
    ],
)
def test_a_path_that_the_type_lacks_is_refused_before_anything_begins(define: Any, kind: Any, told: str) -> None:
    """Law: with its nearest; of the handler's own type where it is defined, of the channel's when the system is opened."""
    with pytest.raises(kind) as refused:
        define()
    assert told in str(refused.value)


class Raising(Subscriber):
    @subscribe("notes", key="who", retry=TWICE)
    def take(self, note: Note) -> None:
        raise ValueError("the handler's own words")


class GivingWrong(Subscriber):
    @subscribe("notes", key="who", retry=TWICE, publishes="answers")
    def take(self, note: Note) -> Answer:
        return Answer("one")  # type: ignore[arg-type]


class GivingOther(Subscriber):
    @subscribe("notes", key="who", retry=TWICE, publishes="answers")
    def take(self, note: Note) -> Answer:
        return note  # type: ignore[return-value]


class GivingUndeclared(Subscriber):
    @subscribe("notes", key="who", retry=TWICE)
    def take(self, note: Note) -> None:
        return note  # type: ignore[return-value]


class Publishing(Subscriber):
    @subscribe("notes", key="who", retry=TWICE, publishes="answers")
    def take(self, note: Note, ctx: TurnContext) -> None:
        ctx.publish("answers", Answer(1))
        ctx.publish("answrs", Answer(2))


class PublishingWrong(Subscriber):
    @subscribe("notes", key="who", retry=TWICE, publishes="answers")
    def take(self, note: Note, ctx: TurnContext) -> None:
        ctx.publish("answers", Answer(1))
        ctx.publish("answers", {"number": "two"})


class PublishingLarge(Subscriber):
    @subscribe("notes", key="who", retry=TWICE, publishes="any")
    def take(self, note: Note) -> list[str]:
        return ["small", "x" * 1_048_575]


class Endless(Subscriber):
    @subscribe("notes", key="who", retry=TWICE, timeout_s=0.2)
    async def take(self, note: Note) -> None:
        await asyncio.Event().wait()


class EndlessOnAThread(Subscriber):
    over = threading.Event()

    @subscribe("notes", key="who", retry=TWICE, timeout_s=0.2)
    def take(self, note: Note) -> None:
        assert self.over.wait(PATIENCE_S)


class StateThatIsNone(Subscriber):
    state: Book

    @subscribe("notes", key="who", retry=TWICE)
    def take(self, note: Note) -> None:
        self.state.numbers = "none"  # type: ignore[assignment]


DEAD: list[tuple[type[Subscriber], str, int, str]] = [
    (Raising, "failed", 2, "ValueError: the handler's own words"),
    (
        GivingWrong,
        "fatal",
        1,
        "the channel 'answers' does not take this message: Expected `int`, got `str` - at `$.number`",
    ),
    (GivingOther, "fatal", 1, "the channel 'answers' does not take this message: it takes Answer, not an instance of "),
    (GivingUndeclared, "fatal", 1, "gave a Note to be published: it is annotated to give nothing"),
    (Publishing, "failed", 2, "publishes to 'answrs', and it declares 'answers'; did you mean 'answers'?"),
    (
        PublishingWrong,
        "failed",
        2,
        "the channel 'answers' does not take this message: Expected `int`, got `str` - at `$.num",
    ),
    (PublishingLarge, "fatal", 1, "the channel 'any' does not take this message: it has 1,048,577 bytes of JSON"),
    (
        Endless,
        "failed",
        2,
        "TimeoutError: timed out: the turn was not done after 0.2 s, the timeout_s of its subscription",
    ),
    (EndlessOnAThread, "failed", 2, "TimeoutError: timed out: the turn was not done after 0.2 s"),
    (
        StateThatIsNone,
        "fatal",
        1,
        "its state cannot be stored: ValidationError: Expected `array`, got `str` - at `$.numbers`",
    ),
]


def test_what_a_handler_does_wrong_is_a_dead_letter_of_its_own_and_no_other_subscriber_is_disturbed(
    tmp_path: Path,
) -> None:
    """Law: each says what was wrong; nothing of the turn stays; the other subscriber has all, and each is one letter alone."""
    EndlessOnAThread.over.clear()
    agents = [Fine, *(kind for kind, *_ in DEAD)]
    with ActorSystem(tmp_path / "a.db", agents=agents, channels=CHANNELS) as system:
        system.channels.publish("notes", Note("a", 1))
        report = system.run_until(timeout=PATIENCE_S)
        assert (report.reason, report.of("fine.take").handled) == ("quiescent", 1)
        assert system.channels.state("fine", "a") == {"numbers": [1]}
        for kind, reason, tries, told in DEAD:
            (letter,) = system.channels.dead_letters(f"{kind.__name__.lower()}.take")
            assert (letter.reason, letter.tries) == (reason, tries), kind
            assert told in letter.why, letter.why
        assert system.channels.read("answers") == system.channels.read("any") == []
        assert system.channels.state("statethatisnone", "a") is None
        EndlessOnAThread.over.set()


def test_a_message_that_is_not_what_its_handler_takes_is_a_dead_letter_without_another_try(tmp_path: Path) -> None:
    """Law: where a channel takes anything, its reader says what does not fit, and where; its batch mates are handled."""

    class Strict(Subscriber):
        @subscribe("any", batch=10)
        def take(self, notes: list[Note]) -> None: ...

    with ActorSystem(tmp_path / "a.db", channels=CHANNELS) as system:
        system.channels.publish_many("any", [{"who": "a"}, {"who": "a", "tags": [1]}, {"who": "b"}])
    with ActorSystem(tmp_path / "a.db", agents=[Strict], channels=CHANNELS) as system:
        report = system.run_until(timeout=PATIENCE_S)
        (letter,) = system.channels.dead_letters()
        assert (letter.offset, letter.reason, letter.tries) == (1, "refused", 1)
        assert "does not fit what strict.take takes: Expected `str`, got `int` - at `$.tags[0]`" in letter.why
        assert report.of("strict.take").lag == 0


class Changed(msgspec.Struct):
    numbers: dict[str, int] = {}


class Writer(Subscriber, name="writer"):
    state: Book

    @subscribe("notes", key="who")
    def take(self, note: Note) -> None:
        self.state.numbers.append(note.number)


class WriterAsItIsNow(Subscriber, name="writer"):
    state: Changed

    @subscribe("notes", key="who")
    def take(self, note: Note) -> None:
        self.state.numbers[note.who] = note.number


def test_a_state_that_no_longer_decodes_pauses_its_subscription_loses_nothing_and_disturbs_no_other() -> None:
    """Law: no try is counted and nothing dies; it says what does not fit and what to do; the old class goes on with all."""
    with simulate(1) as sim:
        system = sim.system(agents=[Writer], channels=CHANNELS)
        system.channels.publish("notes", Note("a", 1))
        system.run_until()
        system.stop()
        system = sim.system(agents=[WriterAsItIsNow, Fine], channels=CHANNELS)
        system.channels.publish_many("notes", [Note("a", 2), Note("b", 3)])
        report = system.run_until()
        assert report.reason == "quiescent"
        assert system.channels.state("fine", "b") == {"numbers": [3]}
        (writer,) = system.channels.subscriptions("writer.take")
        assert writer.is_paused
        assert "the stored state of the key 'a' of the group 'writer' does not fit its class" in str(writer.reason)
        assert "at `$.numbers`" in str(writer.reason)
        assert "give new fields defaults, or the class a `migrate(cls, old)`, and resume" in str(writer.reason)
        assert system.channels.dead_letters() == []
        assert system.channels.state("writer", "a") == {"numbers": [1]}
        system.stop()
        system = sim.system(agents=[Writer, Fine], channels=CHANNELS)
        system.channels.resume("writer.take")
        system.run_until()
        assert system.channels.state("writer", "a") == {"numbers": [1, 2]}
