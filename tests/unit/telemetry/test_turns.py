"""Traces and figures of channels: turns beneath who published, whatever is between them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from dagger_actors import (
    ActorSystem,
    Channel,
    Immediate,
    RetryPolicy,
    Subscriber,
    TaskContext,
    TurnContext,
    handler,
    subscribe,
    task_agent,
)
from dagger_actors.telemetry import OpenTelemetry
from dagger_actors.testing import simulate
from tests.unit.telemetry.kit import Kit

PATIENCE_S = 60.0
TWICE = RetryPolicy(tries=2, wait=Immediate())


@pytest.fixture
def kit() -> Iterator[Kit]:
    made = Kit()
    yield made
    made.provider.shutdown()
    made.meters.shutdown()


class Page(msgspec.Struct, frozen=True):
    who: str
    number: int = 0


class Note(msgspec.Struct, frozen=True):
    who: str


class Due(msgspec.Struct, frozen=True):
    pass


@task_agent(name="clerk")
def clerk(task: str, ctx: TaskContext) -> str:
    if task == "publishes":
        ctx.publish("notes", Note("task"))
    return task


class Reader(Subscriber):
    @subscribe("pages", key="who", publishes="notes", retry=TWICE)
    def read(self, page: Page, ctx: TurnContext) -> Note | None:
        if page.who == "poison" or (page.who == "again" and ctx.attempt == 1):
            raise ValueError("no such page")
        if page.who == "spawns":
            ctx.spawn(clerk, "spawned")
        if page.who == "timer":
            ctx.set_timer("later", 10, Due())
        if page.who == "published":
            ctx.publish("notes", Note("published"), headers={"origin": "reader"})
        return Note(page.who)

    @handler
    def due(self, due: Due) -> None: ...


class Writer(Subscriber):
    @subscribe("notes")
    async def write(self, note: Note) -> None:
        await asyncio.sleep(0.5)


PAGES = [Channel("pages", Page)]
MIXED = [*PAGES, Channel("notes", Note)]


def said(span: ReadableSpan, name: str) -> Any:
    return (span.attributes or {}).get(name)


def test_a_trace_goes_from_who_publishes_through_turns_and_what_they_publish_in_virtual_time(kit: Kit) -> None:
    """Law: each turn beneath who published its message; results and what ``ctx.publish`` is given alike."""
    with simulate(1) as sim:
        system = sim.system(agents=[Reader, Writer], channels=PAGES, telemetry=kit.telemetry)
        with kit.tracer.start_as_current_span("outside"):
            system.channels.publish("pages", Page("published"))
        system.channels.publish("pages", Page("no trace"))
        system.run_until()
        notes = system.channels.read("notes")
    outside = kit.span("outside")
    read, alone = sorted(
        kit.spans("turn reader.read"), key=lambda one: said(one, "dagger_actors.turn.key"), reverse=True
    )
    beneath = [one for one in kit.spans("turn writer.write") if kit.is_child(one, read)]
    assert kit.is_child(read, outside)
    assert len(beneath) == 2
    assert alone.parent is None
    assert [kit.is_child(one, alone) for one in kit.spans("turn writer.write") if one not in beneath] == [True]
    assert len(kit.spans()) == 6
    assert {one.context.trace_id for one in (*beneath, read)} == {outside.context.trace_id}
    assert beneath[0].end_time is not None
    assert beneath[0].start_time is not None
    assert beneath[0].end_time - beneath[0].start_time == 500_000_000
    headers = [set(one.headers) for one in notes if one.message != Note("no trace")]
    assert sorted(headers, key=len) == [{"traceparent"}, {"traceparent", "origin"}]


def test_a_turn_says_what_it_is_by_the_conventions(kit: Kit) -> None:
    """Law: messaging's names where there are some; a timer's turn is beneath the one that has set it."""
    with simulate(1) as sim:
        system = sim.system(agents=[Reader], channels=MIXED, telemetry=kit.telemetry)
        system.channels.publish("pages", Page("timer"))
        system.run_until()
    read, due = kit.spans("turn reader.read")
    assert read.kind is SpanKind.CONSUMER
    assert read.attributes == {
        "messaging.system": "dagger_actors",
        "messaging.operation.name": "turn",
        "messaging.operation.type": "process",
        "messaging.destination.name": "pages",
        "messaging.destination.subscription.name": "reader.read",
        "messaging.consumer.group.name": "reader",
        "messaging.message.id": "pages/0",
        "dagger_actors.message.type": "Page",
        "dagger_actors.turn.attempt": 1,
        "dagger_actors.turn.key": "timer",
        "code.function.name": "Reader.read",
    }
    assert kit.is_child(due, read)
    assert said(due, "dagger_actors.message.type") == "Due"


def test_each_try_is_a_span_beneath_the_publisher_and_tells_its_failure(kit: Kit) -> None:
    """Law: failures as they are stored; what is committed is counted by its state, lag and time are measured."""
    with simulate(1) as sim:
        system = sim.system(agents=[Reader], channels=MIXED, telemetry=kit.telemetry)
        with kit.tracer.start_as_current_span("outside"):
            system.channels.publish_many("pages", [Page("again"), Page("poison"), Page("fine")])
        lag = kit.figures("dagger_actors.subscription.lag")
        assert {dict(key)["messaging.destination.subscription.name"]: one.value for key, one in lag.items()} == {
            "reader.read": 3
        }
        system.run_until()
        ((_, point),) = kit.figures("dagger_actors.subscription.lag").items()
        assert point.value == 0
    spans = kit.spans("turn reader.read")
    assert all(kit.is_child(one, kit.span("outside")) for one in spans)
    tries = [(said(one, "dagger_actors.turn.key"), said(one, "dagger_actors.turn.attempt")) for one in spans]
    assert sorted(tries) == [("again", 1), ("again", 2), ("fine", 1), ("poison", 1), ("poison", 2)]
    failed = [one for one in spans if one.status.status_code is StatusCode.ERROR]
    assert {one.status.description for one in failed} == {"no such page"}
    assert len(failed) == 3
    assert (
        (failed[0].events[0].attributes or {})["exception.type"]
        == said(failed[0], "error.type")
        == "builtins.ValueError"
    )
    counts = {
        dict(key)["dagger_actors.state"]: one.value for key, one in kit.figures("dagger_actors.deliveries").items()
    }
    assert counts == {"handled": 2, "retried": 2, "dead": 1}
    for name in ("messaging.client.consumed.messages", "messaging.process.duration"):
        found = {dict(key).get("error.type", "ok"): one for key, one in kit.figures(name).items()}
        assert set(found) == {"ok", "builtins.ValueError"}
        counted = [getattr(found[one], "value", None) or found[one].count for one in ("ok", "builtins.ValueError")]
        assert counted == [2, 3]


class Batched(Subscriber):
    @subscribe("pages", batch=10, publishes="notes")
    def take(self, pages: list[Page]) -> Note:
        return Note(str(len(pages)))


def test_a_batch_is_linked_to_each_publisher_once_and_what_it_publishes_is_beneath_it(kit: Kit) -> None:
    """Law: many publishers are no parent."""
    with simulate(1) as sim:
        outside = sim.system(channels=MIXED, telemetry=kit.telemetry)
        for name in ("first", "second"):
            with kit.tracer.start_as_current_span(name):
                outside.channels.publish_many("pages", [Page("a"), Page("b")])
        sim.system(agents=[Batched, Writer], channels=PAGES, telemetry=kit.telemetry).run_until()
    batch = kit.span("turn batched.take")
    assert batch.parent is None
    publishers = {kit.span(name).context.span_id for name in ("first", "second")}
    assert {link.context.span_id for link in batch.links} == publishers
    assert len(batch.links) == 2
    assert said(batch, "messaging.batch.message_count") == 4
    assert kit.is_child(kit.span("turn writer.write"), batch)


def test_a_task_that_a_turn_spawns_is_beneath_it_and_so_is_the_turn_of_what_a_task_publishes(kit: Kit) -> None:
    """Law: a trace goes through tasks and out of them again."""
    with simulate(1) as sim:
        system = sim.system(agents=[Reader, Writer, clerk], channels=MIXED, telemetry=kit.telemetry)
        with kit.tracer.start_as_current_span("outside"):
            system.channels.publish("pages", Page("spawns"))
            system.tasks.submit(clerk, "publishes").result()
        system.run_until()
        sim.run()
    spawned, publishing = sorted(kit.spans("task clerk"), key=lambda one: kit.is_child(one, kit.span("outside")))
    assert kit.is_child(spawned, kit.span("turn reader.read"))
    assert any(kit.is_child(one, publishing) for one in kit.spans("turn writer.write"))


class Fast(Subscriber):
    @subscribe("now")
    def take(self, page: Page) -> None: ...


class Streaming(Subscriber):
    @subscribe("now", publishes="pages")
    async def take(self, page: Page) -> AsyncIterator[Page]:
        yield page


def test_turns_of_ephemeral_channels_are_traced_too_also_the_quickest(kit: Kit) -> None:
    """Law: what is not stored is traced as what is."""
    channels = [Channel("now", Page, ephemeral=True), *PAGES, Channel("notes", Note)]
    with simulate(1) as sim:
        system = sim.system(agents=[Fast, Streaming, Reader], channels=channels, telemetry=kit.telemetry)
        for name in ("first", "second"):
            with kit.tracer.start_as_current_span(name):
                system.channels.publish("now", Page(name))
            system.run_until()
    outsides = [kit.span("first"), kit.span("second")]
    streaming = kit.spans("turn streaming.take")
    for found, above in (
        (kit.spans("turn fast.take"), outsides), (streaming, outsides), (kit.spans("turn reader.read"), streaming)
    ):  # fmt: skip
        assert len(found) == 2
        assert all(any(kit.is_child(one, parent) for one in found) for parent in above)
    counts = {dict(key)["messaging.destination.subscription.name"]: one.value for key, one in
              kit.figures("dagger_actors.deliveries").items()}  # fmt: skip
    assert counts == {"fast.take": 2, "streaming.take": 2, "reader.read": 2}


def test_who_gives_a_traceparent_of_another_program_is_believed(kit: Kit) -> None:
    """Law: the header is W3C's, so a trace may come from anywhere; one that is none begins a trace of its own."""
    theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with simulate(1) as sim:
        system = sim.system(agents=[Reader], channels=MIXED, telemetry=kit.telemetry)
        with kit.tracer.start_as_current_span("outside"):
            system.channels.publish("pages", Page("a"), headers={"traceparent": theirs, "tracestate": "v=1"})
            system.channels.publish("pages", Page("b"), headers={"traceparent": "what's this"})
        system.run_until()
        (note,) = [one for one in system.channels.read("notes") if one.message.who == "a"]
    spans = {said(one, "dagger_actors.turn.key"): one for one in kit.spans("turn reader.read")}
    assert spans["a"].parent is not None
    assert f"{spans['a'].parent.span_id:016x}" == "b7ad6b7169203331"
    assert spans["b"].parent is None
    own = spans["a"].context
    assert note.headers == {"traceparent": f"00-{own.trace_id:032x}-{own.span_id:016x}-01", "tracestate": "v=1"}


def test_without_telemetry_the_headers_of_a_trace_go_on_as_they_are(tmp_path: Path) -> None:
    """Law: a process that traces nothing does not break the traces of those that do."""
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "v=1"}
    with ActorSystem(tmp_path / "a.db", agents=[Reader], channels=MIXED) as system:
        system.channels.publish("pages", Page("a"), headers=headers)
        system.run_until(timeout=PATIENCE_S)
        assert [one.headers for one in system.channels.read("notes")] == [headers]


class Within(Subscriber):
    """Traces inside its turns, on a thread and on the loop."""

    @subscribe("pages", key="who")
    def plain(self, page: Page) -> None:
        inside(f"plain {page.who}")

    @subscribe("pages", key="who")
    async def coroutine(self, page: Page) -> None:
        await asyncio.sleep(0)
        inside(f"async {page.who}")


def inside(name: str) -> None:
    KITS[-1].tracer.start_span(name).end()


KITS: list[Kit] = []


def test_on_real_threads_what_a_handler_traces_is_beneath_its_turn_and_no_turn_is_beneath_another(
    kit: Kit, tmp_path: Path
) -> None:
    """Law: a thread, or the loop, that takes one turn after the other carries nothing from one to the next."""
    KITS.append(kit)
    with ActorSystem(tmp_path / "a.db", agents=[Within], channels=PAGES, telemetry=kit.telemetry) as system:
        for number in range(20):
            system.channels.publish("pages", Page(f"k{number}"), wait=False)
        assert system.run_until(timeout=PATIENCE_S).handled == 40
        assert trace.get_current_span() is trace.INVALID_SPAN
    KITS.pop()
    turns = {one.context.span_id: one for one in kit.spans() if one.name.startswith("turn ")}
    assert len(turns) == 40
    assert all(one.parent is None for one in turns.values())
    for span in kit.spans():
        if span.name.startswith(("plain", "async")):
            assert span.parent is not None
            assert said(turns[span.parent.span_id], "dagger_actors.turn.key") == span.name.split()[1]


def test_with_figures_alone_no_trace_is_made_up(tmp_path: Path) -> None:
    """Law: who only measures passes on the trace that is there, and makes none."""
    telemetry = OpenTelemetry(meter_provider=MeterProvider())
    with ActorSystem(tmp_path / "a.db", agents=[Reader], channels=MIXED, telemetry=telemetry) as system:
        system.channels.publish("pages", Page("a"))
        system.run_until(timeout=PATIENCE_S)
        assert [json.dumps(one.headers) for one in system.channels.read("notes")] == ["{}"]
