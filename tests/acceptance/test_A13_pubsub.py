"""A13: channels and their subscribers; on virtual time, over many interleavings, and on real threads and processes."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import (
    ActorSystem,
    Channel,
    RetryPolicy,
    RunReport,
    Subscriber,
    TurnContext,
    handler,
    subscribe,
)
from dagger_actors.core.retry import Immediate, Linear
from dagger_actors.errors import (
    DefinitionError,
    PublicationRefused,
    RequestError,
    SystemClosed,
    UnknownChannel,
)
from dagger_actors.pubsub.members.seats import Seats
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation, simulate

SEEDS = range(5)
PATIENCE_S = 60.0
TWICE = RetryPolicy(tries=2, wait=Immediate())


# --- a news pipeline


class Source(msgspec.Struct, frozen=True):
    name: str
    articles: int


class Article(msgspec.Struct, frozen=True):
    source: str
    number: int
    of: int


class Digest(msgspec.Struct, frozen=True):
    source: str
    words: int
    of: int


class NewsReport(msgspec.Struct, frozen=True):
    source: str
    words: int


class Summary(msgspec.Struct, frozen=True):
    sources: list[str]
    words: int


class Fetch(Subscriber):
    @subscribe("sources", publishes="articles", order="none", concurrency=3)
    async def fetch(self, source: Source) -> AsyncIterator[Article]:
        for number in range(source.articles):
            await asyncio.sleep(0.01)
            yield Article(source.name, number, source.articles)


class Process(Subscriber):
    @subscribe("articles", key="source", publishes="digests")
    def process(self, article: Article) -> Digest:
        return Digest(article.source, 10 + article.number, article.of)


class Totals(msgspec.Struct):
    words: int = 0
    digests: int = 0


class Reporting(Subscriber):
    state: Totals

    @subscribe("digests", key="source", publishes="reports")
    def report(self, digest: Digest) -> NewsReport | None:
        self.state.words += digest.words
        self.state.digests += 1
        return NewsReport(digest.source, self.state.words) if self.state.digests == digest.of else None


class Collected(msgspec.Struct):
    reports: list[NewsReport] = []


class Collect(Subscriber):
    state: Collected

    @subscribe("reports", publishes="summaries")
    def collect(self, report: NewsReport) -> Summary | None:
        self.state.reports.append(report)
        if len(self.state.reports) < len(SOURCES):
            return None
        reports = self.state.reports
        return Summary(sorted(one.source for one in reports), sum(one.words for one in reports))


SOURCES = [Source("herald", 2), Source("times", 3), Source("post", 4)]
NEWSROOM: dict[str, Any] = {
    "agents": [Fetch, Process, Reporting, Collect],
    "channels": [Channel("sources", Source), Channel("summaries", Summary)],
}


def messages(system: ActorSystem, channel: str) -> list[Any]:
    return [one.message for one in system.channels.read(channel, limit=20_000)]


def check_reports(system: ActorSystem, sources: list[Source]) -> None:
    words = {one.name: sum(10 + number for number in range(one.articles)) for one in sources}
    reports = messages(system, "reports")
    assert sorted((one.source, one.words) for one in reports) == sorted(words.items())
    assert messages(system, "summaries") == [Summary(["herald", "post", "times"], sum(words.values()))]
    assert system.channels.dead_letters() == []


def check_news(system: ActorSystem, report: RunReport) -> None:
    check_reports(system, SOURCES)
    assert report.reason == "quiescent"
    told = {one.subscription: (one.handled, one.published, one.lag) for one in report.subscriptions}
    assert told == {
        "collect.collect": (3, 1, 0),
        "fetch.fetch": (3, 9, 0),
        "process.process": (9, 9, 0),
        "reporting.report": (9, 3, 0),
    }


def test_a_news_pipeline_of_three_sources_gives_exactly_its_three_reports_and_one_summary(tmp_path: Path) -> None:
    with ActorSystem(tmp_path / "news.db", **NEWSROOM) as system:
        system.channels.publish_many("sources", SOURCES)
        check_news(system, system.run_until(timeout=PATIENCE_S))


@pytest.mark.parametrize("articles", [(1, 1, 1), pytest.param((2, 3, 4), marks=pytest.mark.full)])
def test_it_does_so_whichever_commit_its_worker_dies_at(articles: tuple[int, ...]) -> None:
    """Each source is published once, for its id; whoever goes on finds the rest in the file."""

    sources = [Source(name, count) for name, count in zip(("herald", "times", "post"), articles, strict=True)]

    def story(sim: Simulation) -> None:
        def work(system: ActorSystem) -> None:
            for source in sources:
                system.channels.publish("sources", source, id=source.name)
            system.run_until()
            check_reports(system, sources)

        sim.keep_going(work, **NEWSROOM)

    assert explore(story, 1, crash="every_commit").commits >= 10


def test_it_does_so_in_whatever_order_its_turns_come() -> None:
    for seed in SEEDS:
        with simulate(seed=seed) as sim:
            system = sim.system(**NEWSROOM)
            system.channels.publish_many("sources", SOURCES)
            check_news(system, system.run_until())


# --- what is refused


class Note(msgspec.Struct, frozen=True):
    who: str
    number: int


class Book(msgspec.Struct):
    numbers: list[int] = []


class Taker(Subscriber):
    state: Book

    @subscribe("notes", key="who", retry=TWICE)
    def take(self, note: Note) -> None:
        self.state.numbers.append(note.number)


NOTES = [Channel("notes", Note)]


def test_an_ill_typed_message_is_refused_at_its_publication_with_the_path_to_what_is_wrong(tmp_path: Path) -> None:
    with ActorSystem(tmp_path / "a.db", agents=[Taker], channels=NOTES) as system:
        for wrong in ({"who": "a", "number": "one"}, {"who": "a"}, Source("a", 1), 7):
            with pytest.raises(PublicationRefused, match="notes") as refused:
                system.channels.publish("notes", wrong)
            if isinstance(wrong, dict):
                assert "number" in str(refused.value)
        with pytest.raises(PublicationRefused):
            system.channels.publish_many("notes", [Note("a", 1), {"who": 2, "number": 2}])
        assert system.run_until(timeout=PATIENCE_S).handled == 0
        assert messages(system, "notes") == []


class Mistaken(Subscriber):
    @subscribe("notes", publishes="answers", retry=TWICE)
    def take(self, note: Note, ctx: TurnContext) -> None:
        if note.number == 1:
            ctx.publish("answers", {"source": note.number})
        elif note.number == 2:
            ctx.publish("elsewhere", Source("a", 1))
        else:
            ctx.publish("answers", Source("a", 1))


def test_a_turn_that_publishes_what_is_ill_typed_or_undeclared_fails_and_leaves_nothing(tmp_path: Path) -> None:
    channels = [*NOTES, Channel("answers", Source), Channel("elsewhere", Source)]
    with ActorSystem(tmp_path / "a.db", agents=[Mistaken], channels=channels) as system:
        system.channels.publish_many("notes", [Note("a", 1), Note("a", 2), Note("a", 3)])
        report = system.run_until(timeout=PATIENCE_S)
        assert (report.of("mistaken.take").handled, report.of("mistaken.take").dead) == (1, 2)
        whys = [one.why for one in reversed(system.channels.dead_letters())]
        assert "source" in whys[0]
        assert "elsewhere" in whys[1]
        assert messages(system, "answers") == [Source("a", 1)]


def test_publishing_to_an_undeclared_channel_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    with (
        ActorSystem(tmp_path / "a.db", agents=[Taker], channels=NOTES) as system,
        pytest.raises(UnknownChannel, match="'notes'"),
    ):
        system.channels.publish("note", Note("a", 1))


def test_a_subscriber_to_a_channel_that_nobody_publishes_or_declares_is_refused_at_opening(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="notes"):
        ActorSystem(tmp_path / "a.db", agents=[Taker])


# --- one's own messages


class Hop(msgspec.Struct, frozen=True):
    who: str
    to: str
    left: int


class Heard(msgspec.Struct):
    left: list[int] = []


class Hopper(Subscriber):
    state: Heard

    @subscribe("hops", key="who", publishes="hops")
    def hop(self, hop: Hop) -> Hop | None:
        self.state.left.append(hop.left)
        return Hop(hop.to, hop.to, hop.left - 1) if hop.left else None


class Listener(Subscriber):
    state: Heard

    @subscribe("hops")
    def hear(self, hop: Hop) -> None:
        self.state.left.append(hop.left)


def test_a_subscriber_does_not_hear_itself_in_the_same_key_but_in_another_and_others_do(tmp_path: Path) -> None:
    agents = [Hopper, Listener]
    with ActorSystem(tmp_path / "a.db", agents=agents, channels=[Channel("hops", Hop)], loops="acknowledged") as system:
        system.channels.publish("hops", Hop("a", "a", 5))  # its echo
        system.channels.publish("hops", Hop("b", "c", 5))  # another key, whose own echo is the next
        system.run_until(timeout=PATIENCE_S)
        assert system.channels.state("hopper", "a") == {"left": [5]}
        assert system.channels.state("hopper", "b") == {"left": [5]}
        assert system.channels.state("hopper", "c") == {"left": [4]}
        assert sorted(system.channels.state("listener")["left"]) == [3, 4, 4, 5, 5]


def test_echo_lifts_that(tmp_path: Path) -> None:
    agents = [Hopper.configured(subscriptions={"hop": {"echo": True}}), Listener]
    with ActorSystem(tmp_path / "a.db", agents=agents, channels=[Channel("hops", Hop)], loops="acknowledged") as system:
        system.channels.publish("hops", Hop("a", "a", 5))
        system.run_until(timeout=PATIENCE_S)
        assert system.channels.state("hopper", "a") == {"left": [5, 4, 3, 2, 1, 0]}


# --- failing subscribers, poison


class Grumbler(Subscriber):
    """Fails at all it gets, until it is mended."""

    mended = False

    @subscribe("notes", key="who", retry=TWICE)
    def grumble(self, note: Note) -> None:
        if not self.mended:
            raise ValueError(f"no {note.number}")


def test_a_failing_subscriber_harms_no_other_and_what_is_poison_to_it_is_redriven_when_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ActorSystem(tmp_path / "a.db", agents=[Taker, Grumbler], channels=NOTES) as system:
        system.channels.publish_many("notes", [Note("ab"[number % 2], number) for number in range(20)])
        report = system.run_until(timeout=PATIENCE_S)
        assert (report.of("taker.take").handled, report.of("taker.take").dead) == (20, 0)
        assert system.channels.state("taker", "b") == {"numbers": list(range(1, 20, 2))}
        grumbled = report.of("grumbler.grumble")
        assert (grumbled.handled, grumbled.retried, grumbled.dead, grumbled.lag) == (0, 20, 20, 0)
        letters = system.channels.dead_letters("grumbler.grumble")
        assert {(one.reason, one.tries) for one in letters} == {("failed", 2)}
        assert "no 3" in system.channels.dead_letter(next(one.id for one in letters if one.offset == 3)).why
        monkeypatch.setattr(Grumbler, "mended", True)
        assert system.channels.redrive(subscription="grumbler.grumble") == 20
        report = system.run_until(timeout=PATIENCE_S)
        assert (report.of("grumbler.grumble").handled, report.of("taker.take").handled) == (20, 0)
        assert system.channels.dead_letters() == []


# --- a bounded channel


class Counter(Subscriber):
    state: Book

    @subscribe("notes", key="who", batch=100)
    def count(self, notes: list[Note]) -> None:
        self.state.numbers += [note.number for note in notes]


def test_ten_thousand_messages_through_a_bounded_channel_all_arrive_in_the_order_of_their_keys(tmp_path: Path) -> None:
    bounded = [Channel("notes", Note, capacity=500)]
    with ActorSystem(tmp_path / "a.db", agents=[Counter], channels=bounded, synchronous="normal") as system:
        sent = system.channels.publish_many("notes", [Note(str(number % 7), number) for number in range(10_000)])
        assert [one.offset for one in sent] == list(range(10_000))
        report = system.run_until(timeout=PATIENCE_S)
        assert (report.reason, report.handled) == ("quiescent", 10_000)
        for key in range(7):
            assert system.channels.state("counter", str(key))["numbers"] == list(range(key, 10_000, 7))


# --- late subscribers


class Late(Subscriber):
    state: Book

    @subscribe("notes")
    def take(self, note: Note) -> None:
        self.state.numbers.append(note.number)


def test_a_late_subscriber_replays_from_the_beginning_an_offset_a_time_or_begins_at_the_end(tmp_path: Path) -> None:
    with simulate(seed=1) as sim:
        system = sim.system(agents=[Taker], channels=NOTES)
        for number in range(6):
            system.channels.publish("notes", Note("a", number))
            sim.advance(2)
        system.run_until()
        since = system.channels.read("notes", start=4)[0].published_us
        at = datetime.fromtimestamp(since / 1e6, UTC)
        system.stop()
        starts: dict[str, Any] = {"beginning": "earliest", "offset": 2, "time": at, "end": "latest"}
        late = [Late.configured(name=name, subscriptions={"take": {"start": it}}) for name, it in starts.items()]
        system = sim.system(agents=[Taker, *late], channels=NOTES)
        system.channels.publish("notes", Note("a", 6))
        report = system.run_until()
        assert system.channels.state("beginning")["numbers"] == [0, 1, 2, 3, 4, 5, 6]
        assert system.channels.state("offset")["numbers"] == [2, 3, 4, 5, 6]
        assert system.channels.state("time")["numbers"] == [4, 5, 6]
        assert system.channels.state("end")["numbers"] == [6]
        assert report.of("taker.take").handled == 1, "replay disturbs no other"


# --- competing consumers


class Name(msgspec.Struct, frozen=True):
    name: str = "shared"


class Shared(Subscriber, group="shared"):
    config: Name
    state: Book

    @subscribe("notes", key="who", publishes="done")
    def take(self, note: Note) -> Note:
        self.state.numbers.append(note.number)
        return Note(self.config.name, note.number)


DONE = [*NOTES, Channel("done", Note)]


def test_competing_consumers_share_a_group_each_message_once_and_in_the_order_of_its_key(tmp_path: Path) -> None:
    agents = [Shared.configured(Name(name), name=name) for name in ("first", "second", "third")]
    with ActorSystem(tmp_path / "a.db", agents=agents, channels=DONE, synchronous="normal") as system:
        system.run_until(timeout=PATIENCE_S)  # until all have their ranges
        system.channels.publish_many("notes", [Note(f"key{number % 50}", number) for number in range(1000)])
        report = system.run_until(timeout=PATIENCE_S)
        assert report.of("shared.take").handled == 1000
        assert report.of("shared.take").agents == ("first", "second", "third")
        for key in range(50):
            assert system.channels.state("shared", f"key{key}")["numbers"] == list(range(key, 1000, 50))
        done = messages(system, "done")
        assert sorted(one.number for one in done) == list(range(1000))
        assert {one.who for one in done} == {"first", "second", "third"}


def test_members_join_and_leave_while_it_runs_and_every_message_is_handled_once_and_in_order() -> None:
    for seed in SEEDS:
        with simulate(seed=seed) as sim:
            options: dict[str, Any] = {"agents": [Shared], "channels": DONE}
            first = sim.system(**options)
            first.channels.publish_many("notes", [Note(f"key{number % 9}", number) for number in range(60)])
            first.run_until(count=5)
            second = sim.system(**options)
            first.channels.publish_many("notes", [Note(f"key{number % 9}", number) for number in range(60, 120)])
            first.run_until(count=20, timeout=1)
            first.stop()
            third = sim.system(**options)
            third.channels.publish_many("notes", [Note(f"key{number % 9}", number) for number in range(120, 180)])
            assert second.run_until().reason == "quiescent"
            for key in range(9):
                assert third.channels.state("shared", f"key{key}")["numbers"] == list(range(key, 180, 9))
            assert sorted(one.number for one in messages(third, "done")) == list(range(180))


MEMBER = """
import os, sys
import msgspec
from dagger_actors import ActorSystem, Channel, Subscriber, subscribe

class Note(msgspec.Struct, frozen=True):
    who: str
    number: int

class Book(msgspec.Struct):
    numbers: list[int] = []

class Shared(Subscriber, group="shared"):
    state: Book

    @subscribe("notes", key="who", publishes="done")
    def take(self, note: Note) -> Note:
        self.state.numbers.append(note.number)
        return Note(str(os.getpid()), note.number)

with ActorSystem(sys.argv[1], agents=[Shared], channels=[Channel("notes", Note), Channel("done", Note)]):
    print(os.getpid(), flush=True)
    sys.stdin.readline()
"""


@contextlib.contextmanager
def member(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that takes part until it is told to leave."""
    words = [sys.executable, "-c", MEMBER, str(folder / "a.db")]
    with subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == str(process.pid)
        try:
            yield process
        finally:
            process.kill()


def wait_until_shared(path: Path, *members: subprocess.Popen[str]) -> None:
    """Wait until each of them has ranges of the group, and nobody else."""
    owners = "SELECT DISTINCT pid FROM group_ranges LEFT JOIN workers ON worker_id = owner"
    with contextlib.closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as file:
        file.set_busy_timeout(10_000)
        while {pid for (pid,) in file.execute(owners)} != {one.pid for one in members}:
            threading.Event().wait(0.01)


def test_processes_share_a_group_and_join_and_leave_and_die_while_it_runs(tmp_path: Path) -> None:
    """Each message once, each key in its order, by whoever is there; who dies is followed at once."""
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(member(tmp_path)) for _ in range(2))
        system = stack.enter_context(ActorSystem(tmp_path / "a.db", synchronous="normal"))
        done = system.channels.tail("done", "earliest", timeout=PATIENCE_S)
        takers: dict[int, str] = {}

        def publish(begin: int, end: int) -> None:
            notes = [{"who": f"key{number % 30}", "number": number} for number in range(begin, end)]
            system.channels.publish_many("notes", notes, wait=False)

        def see(count: int) -> set[str]:
            new = [next(done).message for _ in range(count)]
            assert not takers.keys() & {one["number"] for one in new}, "each is handled once"
            takers.update((one["number"], one["who"]) for one in new)
            return {one["who"] for one in new}

        wait_until_shared(system.path, first, second)
        publish(0, 300)
        assert see(300) == {str(first.pid), str(second.pid)}
        third = stack.enter_context(member(tmp_path))
        publish(300, 600)
        first.communicate("leave", timeout=PATIENCE_S)
        assert first.returncode == 0
        see(200)
        publish(600, 900)
        second.kill()
        see(400)
        publish(900, 1000)
        assert see(100) == {str(third.pid)}, "who is there alone takes all"
        assert set(takers.values()) == {str(one.pid) for one in (first, second, third)}
        assert sorted(takers) == list(range(1000))
        for key in range(30):
            assert system.channels.state("shared", f"key{key}")["numbers"] == list(range(key, 1000, 30))


# --- how a run ends


class Slow(Subscriber):
    """Waits until it is let go."""

    gate = threading.Event()

    @subscribe("notes", order="none", concurrency=1)
    def take(self, note: Note) -> None:
        assert self.gate.wait(PATIENCE_S) or note.number


class Later(msgspec.Struct, frozen=True):
    number: int


class Alarm(Subscriber):
    state: Book

    @subscribe("notes", key="who", retry=RetryPolicy(tries=3, wait=Linear(delay_secs=5)))
    def take(self, note: Note, ctx: TurnContext) -> None:
        if note.number == 2 and ctx.attempt < 3:
            raise ValueError("not yet")
        ctx.set_timer("later", 20, Later(note.number))

    @handler
    def later(self, due: Later) -> None:
        self.state.numbers.append(due.number)


def test_timers_delayed_messages_and_retries_that_wait_are_something_to_do() -> None:
    with simulate(seed=3) as sim:
        system = sim.system(agents=[Alarm], channels=NOTES)
        system.channels.publish("notes", Note("a", 1))
        assert system.run_until(timeout=5).reason == "timeout", "a timer is set"
        report = system.run_until()
        assert (report.reason, report.of("alarm.take").handled, sim.now_s >= 20) == ("quiescent", 1, True)
        system.channels.publish("notes", Note("b", 2))
        assert system.run_until(timeout=1).of("alarm.take").lag == 1, "another try is due"
        report = system.run_until()
        assert (report.of("alarm.take").retried, report.of("alarm.take").lag) == (1, 0)
        system.channels.publish("notes", Note("c", 3), delay=90)
        report = system.run_until()
        assert (report.of("alarm.take").handled, sim.now_s >= 90) == (2, True)
        assert [system.channels.state("alarm", key)["numbers"] for key in "abc"] == [[1], [2], [3]]


def test_a_run_ends_after_so_many_messages_which_are_counted_from_the_report_before(tmp_path: Path) -> None:
    with simulate(seed=4) as sim:
        system = sim.system(agents=[Taker], channels=NOTES)
        system.channels.publish_many("notes", [Note("a", number) for number in range(100)])
        first, second = system.run_until(count=10), system.run_until(count=20)
        assert (first.reason, second.reason) == ("count", "count")
        assert first.handled >= 10
        assert second.handled >= 20
        last = system.run_until(count=1000)
        assert (last.reason, first.handled + second.handled + last.handled) == ("quiescent", 100)


def test_a_run_ends_when_its_time_is_over_and_goes_on_all_the_same(tmp_path: Path) -> None:
    Slow.gate.clear()
    with ActorSystem(tmp_path / "a.db", agents=[Slow], channels=NOTES) as system:
        system.channels.publish_many("notes", [Note("a", number) for number in range(3)])
        report = system.run_until(timeout=0.05)
        assert (report.reason, report.handled, report.of("slow.take").lag) == ("timeout", 0, 3)
        assert report.elapsed_s >= 0.05
        Slow.gate.set()
        assert system.run_until(timeout=PATIENCE_S).handled == 3


def test_a_run_ends_when_the_system_is_stopped_and_tells_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Slow.gate.clear()
    system = ActorSystem(tmp_path / "a.db", agents=[Slow], channels=NOTES)
    system.channels.publish_many("notes", [Note("a", number) for number in range(100)])
    reports: list[RunReport] = []
    hub, begun = system._paradigms.channel_hub, threading.Event()
    watch, begin_leaving = hub.tally.watch, hub.begin_leaving

    def watch_and_tell(ring: Callable[[], None]) -> None:
        watch(ring)
        begun.set()

    def leave_and_let_go() -> Any:
        left = begin_leaving()
        Slow.gate.set()  # what has begun ends, and nothing else begins any more
        return left

    monkeypatch.setattr(hub.tally, "watch", watch_and_tell)
    monkeypatch.setattr(hub, "begin_leaving", leave_and_let_go)
    running = threading.Thread(target=lambda: reports.append(system.run_until()))
    running.start()
    assert begun.wait(PATIENCE_S)
    system.stop()
    running.join(PATIENCE_S)
    (report,) = reports
    slow = report.of("slow.take")
    assert report.reason == "stopped"
    assert slow.lag > 0
    assert slow.handled + slow.lag == 100
    with pytest.raises(SystemClosed):
        system.run_until()


def test_what_a_paused_subscription_has_not_done_is_not_waited_for(tmp_path: Path) -> None:
    """Law: what is published here once ``pause`` has returned is not begun before ``resume``."""
    with ActorSystem(tmp_path / "a.db", agents=[Taker], channels=NOTES) as system:
        system.channels.pause("taker.take")
        system.channels.publish_many("notes", [Note("a", 1), Note("a", 2)])
        report = system.run_until(timeout=PATIENCE_S)
        assert (report.reason, report.handled, report.of("taker.take").lag) == ("quiescent", 0, 2)
        system.channels.resume("taker.take")
        report = system.run_until(timeout=PATIENCE_S)
        assert (report.reason, report.handled) == ("quiescent", 2)


def test_nobody_is_at_rest_before_all_that_was_done_is_counted(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: who waits for quiescence is told of what is in the file by then, though its writer has still to count it."""
    with sim.system(agents=[Taker], channels=NOTES) as system:
        hub, at_rest = system._paradigms.channel_hub, list[bool]()
        count = hub.tally.count

        def look_and_count(ends: Any) -> None:
            at_rest.extend(seat.supervisor.is_at_rest for seat in hub._seats)
            count(ends)

        monkeypatch.setattr(hub.tally, "count", look_and_count)
        system.channels.publish_many("notes", [Note("a", 1), Note("a", 2)])
        assert system.run_until().handled == 2
    assert at_rest
    assert not any(at_rest)


def test_who_joins_takes_nothing_of_what_is_paused(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a member knows what is paused before it takes anything, not from its next look at the file."""
    with sim.system(agents=[Taker], channels=NOTES) as system:
        system.channels.pause("taker.take")
        sim.advance(1)
        system.channels.publish("notes", Note("a", 1))
    monkeypatch.setattr(Seats, "look_at_groups", lambda _self: None)
    with sim.system(agents=[Taker], channels=NOTES) as system:
        sim.advance(5)
        (found,) = system.channels.subscriptions()
        assert (found.is_paused, found.lag) == (True, 1)


def test_an_event_loop_awaits_it_and_the_report_is_text_and_json(tmp_path: Path) -> None:
    async def main() -> RunReport:
        async with ActorSystem(tmp_path / "a.db", agents=[Taker], channels=NOTES) as system:
            await system.channels.apublish("notes", Note("a", 1))
            return await system.arun_until(timeout=PATIENCE_S)

    report = asyncio.run(main())
    assert str(report).splitlines()[0].endswith(": 1 message handled")
    assert str(report).splitlines()[1] == "  taker.take  1 handled"
    assert msgspec.json.decode(report.to_json(), type=RunReport) == report


def test_wrong_ends_are_refused(tmp_path: Path) -> None:
    with ActorSystem(tmp_path / "a.db", agents=[Taker], channels=NOTES) as system:
        for wrong in ({"count": 0}, {"count": True}, {"timeout": -1}, {"timeout": float("nan")}, {"quiescent": 1}):
            with pytest.raises(RequestError, match=next(iter(wrong))):
                system.run_until(**wrong)  # type: ignore[arg-type]
