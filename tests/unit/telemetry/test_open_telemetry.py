"""Traces and figures, as OpenTelemetry's own kit sees them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceState

from dagger_actors import (
    Actor,
    ActorContext,
    ActorSystem,
    ChildSpec,
    Immediate,
    RetryPolicy,
    TaskContext,
    action,
    handler,
    task_agent,
)
from dagger_actors.telemetry import OpenTelemetry
from dagger_actors.telemetry.carrier import stored, text_of
from dagger_actors.testing import simulate
from tests.unit.telemetry.kit import Kit

PATIENCE_S = 20.0


@pytest.fixture
def kit() -> Iterator[Kit]:
    made = Kit()
    yield made
    made.provider.shutdown()
    made.meters.shutdown()


class Begin(msgspec.Struct, frozen=True):
    pass


class Question(msgspec.Struct, frozen=True):
    text: str = ""


class Later(msgspec.Struct, frozen=True):
    pass


class Again(msgspec.Struct, frozen=True):
    pass


class Rows(msgspec.Struct, frozen=True):
    number: int


class Clerk(Actor):
    """Answers; slowly, and with a coroutine."""

    @handler
    async def answer(self, question: Question) -> str:
        await asyncio.sleep(2.0)
        return question.text.upper()


class Boss(Actor):
    @handler
    def begin(self, message: Begin, ctx: ActorContext) -> None:
        ctx.timers.once("later", 5.0, Later())
        ctx.ask(ctx.find("clerk"), Question("why")).then(lambda _answer: ctx.find("plain").tell(Begin()))

    @handler
    async def later(self, message: Later, ctx: ActorContext) -> None:
        await ctx.find("clerk").ask(Question("when"))
        ctx.find("plain").tell(Later())


class Turns(msgspec.Struct):
    number: int = 0


class DurableBoss(Boss, durable=True):
    """What it does to others waits for a commit, which is no code of its."""

    state: Turns

    @handler
    def begin(self, message: Begin, ctx: ActorContext) -> None:
        self.state.number += 1
        super().begin(message, ctx)


class Plain(Actor):
    @handler
    def take(self, message: Begin | Later) -> None: ...


class Ticking(Actor):
    @handler
    def begin(self, message: Begin, ctx: ActorContext) -> None:
        ctx.timers.every("again", 1.0, Again())

    @handler
    def again(self, message: Again) -> None: ...


class Failing(Actor):
    @handler
    def begin(self, message: Begin) -> None:
        raise ValueError("no such thing")


class Batched(Actor):
    @handler(batch=3, within_s=1.0)
    def take(self, rows: list[Rows]) -> None: ...


@pytest.mark.parametrize("boss", [Boss, DurableBoss])
def test_a_trace_follows_tells_asks_answers_and_timers_in_virtual_time(kit: Kit, boss: type[Actor]) -> None:
    """Law: whatever a handler causes is part of its trace, each span beneath that of its sender, on the system's clock."""
    with simulate(1) as sim:
        children = [ChildSpec(boss, "boss"), ChildSpec(Clerk, "clerk"), ChildSpec(Plain, "plain")]
        system = sim.system(agents=children, telemetry=kit.telemetry)
        with kit.tracer.start_as_current_span("outside"):
            system.actors["boss"].tell(Begin())
        sim.run()
    outside = kit.span("outside")
    begin, later = kit.spans("handle boss")
    why, when = kit.spans("handle clerk")
    answered = kit.span("continue boss")
    told, told_later = kit.spans("handle plain")
    for child, parent in ((begin, outside), (why, begin), (answered, begin), (told, answered), (later, begin), (when, later),
                          (told_later, later)):  # fmt: skip
        assert kit.is_child(child, parent), (child.name, parent.name)
    assert len(kit.spans()) == 8
    assert {span.context.trace_id for span in kit.spans()} == {outside.context.trace_id}
    assert why.end_time is not None
    assert why.start_time is not None
    assert why.end_time - why.start_time == 2_000_000_000
    assert later.start_time is not None
    assert begin.start_time is not None
    assert later.start_time - begin.start_time == 5_000_000_000


def test_a_span_says_who_handled_what_by_the_conventions(kit: Kit) -> None:
    """Law: messaging's names where there are some; what comes and goes is named after its class."""
    with simulate(1) as sim:
        system = sim.system(agents=[ChildSpec(Plain, "plain")], telemetry=kit.telemetry)
        system.actors["plain"].tell(Begin())
        system.actors.spawn(Plain, name="guest").tell(Begin())
        sim.run()
    span, guest = kit.span("handle plain"), kit.span("handle Plain")
    assert span.kind is SpanKind.CONSUMER
    assert span.attributes == {
        "messaging.system": "dagger_actors",
        "messaging.operation.name": "handle",
        "messaging.operation.type": "process",
        "messaging.destination.name": "plain",
        "dagger_actors.message.type": "Begin",
        "code.function.name": "Plain.take",
    }
    assert guest.attributes is not None
    assert guest.attributes["messaging.destination.name"] == "guest"
    assert guest.attributes["messaging.destination.template"] == "Plain"
    assert guest.attributes["messaging.destination.temporary"] is True


def test_what_comes_again_and_again_makes_no_trace_without_end(kit: Kit) -> None:
    """Law: each message of a repeating timer begins a trace of its own, whoever lets the time pass."""
    with simulate(1) as sim:
        system = sim.system(agents=[ChildSpec(Ticking, "ticking")], telemetry=kit.telemetry)
        with kit.tracer.start_as_current_span("outside"):
            system.actors["ticking"].tell(Begin())
            sim.advance(3.5)
    _, *ticks = kit.spans("handle ticking")
    assert len(ticks) == 3
    assert all(one.parent is None for one in ticks)
    assert len({one.context.trace_id for one in ticks}) == 3


def test_a_batch_is_linked_to_each_of_its_senders(kit: Kit) -> None:
    """Law: many senders are no parent; one is."""
    with simulate(1) as sim:
        system = sim.system(agents=[ChildSpec(Batched, "batched")], telemetry=kit.telemetry)
        for number in range(4):
            with kit.tracer.start_as_current_span(f"sender {number}"):
                system.actors["batched"].tell(Rows(number))
        sim.run()
    batch, single = kit.spans("handle batched")
    senders = [kit.span(f"sender {number}").context.span_id for number in range(4)]
    assert batch.parent is None
    assert [link.context.span_id for link in batch.links] == senders[:3]
    assert batch.attributes is not None
    assert batch.attributes["messaging.batch.message_count"] == 3
    assert single.parent is not None
    assert single.parent.span_id == senders[3]


def test_a_failure_is_in_the_span_and_in_the_figures(kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
    """Law: error, restart, what was undelivered, how deep a mailbox is; counted exactly, whatever is logged."""
    caplog.set_level("CRITICAL", "dagger_actors")
    with simulate(1) as sim:
        system = sim.system(agents=[ChildSpec(Failing, "failing"), ChildSpec(Clerk, "clerk")], telemetry=kit.telemetry)
        system.actors["failing"].tell(Begin())
        system.actors["clerk"].tell(Begin())
        for _ in range(3):
            system.actors["clerk"].tell(Question())
        sim.settle()
        depths = {dict(key).get("messaging.destination.name"): point.value for key, point in
                  kit.figures("dagger_actors.mailbox.depth").items()}  # fmt: skip
        assert depths == {"failing": 0, "clerk": 2}
        sim.run()
    span = kit.span("handle failing")
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]
    assert span.attributes is not None
    assert span.attributes["error.type"] == "ValueError"
    counts = {dict(key).get("error.type", "ok"): point.value for key, point in
              kit.figures("messaging.client.consumed.messages").items()}  # fmt: skip
    assert counts == {"ValueError": 1, "ok": 3}
    (took,) = [
        point for key, point in kit.figures("messaging.process.duration").items() if "error.type" not in dict(key)
    ]
    assert (took.count, took.sum) == (3, 6.0)
    ((key, point),) = kit.figures("dagger_actors.actor.restarts").items()
    assert (dict(key), point.value) == ({"messaging.destination.name": "failing"}, 1)
    ((key, point),) = kit.figures("dagger_actors.undelivered.messages").items()
    assert dict(key) == {"dagger_actors.message.type": "Begin", "dagger_actors.undelivered.reason": "unhandled"}
    assert kit.figures("dagger_actors.mailbox.depth") == {}, "the system has been left"


def test_on_real_threads_a_handler_s_own_spans_are_beneath_its_own(kit: Kit) -> None:
    """Law: what user code traces inside a handler, plain or async, is beneath the handler's span; an asker gets its answer."""
    tracer = kit.tracer

    class Own(Actor):
        @handler
        def plain(self, message: Begin) -> str:
            with tracer.start_as_current_span("inside plain"):
                return "plain"

        @handler
        async def coroutine(self, message: Later) -> str:
            await asyncio.sleep(0)
            with tracer.start_as_current_span("inside async"):
                return "async"

    with ActorSystem(agents=[ChildSpec(Own, "own")], telemetry=kit.telemetry) as system:
        with tracer.start_as_current_span("outside"):
            assert system.actors["own"].ask(Begin(), timeout=PATIENCE_S) == "plain"
            assert system.actors["own"].ask(Later(), timeout=PATIENCE_S) == "async"
        assert trace.get_current_span() is trace.INVALID_SPAN
    first, second = kit.spans("handle own")
    assert kit.is_child(kit.span("inside plain"), first)
    assert kit.is_child(kit.span("inside async"), second)
    assert kit.is_child(first, kit.span("outside"))
    assert kit.is_child(second, kit.span("outside"))


@action
def double(number: int) -> int:
    with trace.get_tracer("user").start_as_current_span("ignored: no provider is set for the process"):
        return 2 * number


@action
async def halve(number: int) -> float:
    return number / 2


tries: list[int] = []


@action
def fail_once(number: int) -> int:
    tries.append(number)
    if len(tries) == 1:
        raise ValueError("not yet")
    return number


@action
def carried() -> dict[str, str]:
    from opentelemetry import context

    from dagger_actors.telemetry.carrier import carrier_of

    return {"trace": dict(carrier_of(context.get_current())).get("traceparent", "")}


FLOW = {
    "name": "sums",
    "inputs": {"number": 4},
    "nodes": [
        {"id": "twice", "action": "double", "inputs": {"number": "inputs.number"}},
        {"id": "half", "action": "halve", "inputs": {"number": "twice"}},
        {
            "id": "again",
            "action": "fail_once",
            "inputs": {"number": "twice"},
            "try_count": 2,
            "retry_strategy": "immediate",
        },
    ],
}


def test_a_run_is_a_span_with_its_attempts_beneath_and_all_is_counted(kit: Kit) -> None:
    """Law: the run beneath who started it; each attempt beneath the run; failures told as they are stored; figures by state."""
    tries.clear()
    with simulate(1) as sim:
        system = sim.system(actions=[double, halve, fail_once], telemetry=kit.telemetry)
        with kit.tracer.start_as_current_span("outside"):
            run = system.flows.start(FLOW)
        run.result()
    span = kit.span("run sums")
    assert kit.is_child(span, kit.span("outside"))
    assert span.attributes == {
        "dagger_actors.run.id": run.id, "dagger_actors.flow.name": "sums", "dagger_actors.state": "succeeded"
    }  # fmt: skip
    attempts = [one for one in kit.spans() if one.name.startswith("node ")]
    assert sorted(one.name for one in attempts) == ["node again", "node again", "node half", "node twice"]
    assert all(kit.is_child(one, span) for one in attempts)
    failed, _ = sorted(kit.spans("node again"), key=lambda one: (one.attributes or {})["dagger_actors.node.attempt"])
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.events[0].attributes or {})["exception.message"] == "not yet"
    counts = {(dict(key)["dagger_actors.node.id"], dict(key)["dagger_actors.state"]): point.value for key, point in
              kit.figures("dagger_actors.node.attempts").items()}  # fmt: skip
    assert counts == {
        ("twice", "succeeded"): 1,
        ("half", "succeeded"): 1,
        ("again", "failed"): 1,
        ("again", "succeeded"): 1,
    }
    ((key, point),) = kit.figures("dagger_actors.run.duration").items()
    assert (dict(key), point.count) == ({"dagger_actors.flow.name": "sums", "dagger_actors.state": "succeeded"}, 1)


def test_the_trace_goes_on_in_a_worker_process(kit: Kit) -> None:
    """Law: what a body in another process traces is beneath its attempt's span."""
    spec = {"name": "far", "nodes": [{"id": "n", "action": "carried", "isolation": "process", "outputs": ["trace"]}]}
    with ActorSystem(actions=[carried], telemetry=kit.telemetry, processes=1) as system:
        outputs = system.flows.start(spec).result(timeout=60)
    context = kit.span("node n").context
    assert outputs["n"]["trace"].startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")


@task_agent(name="leaf", retry=RetryPolicy(tries=2, wait=Immediate()))
def leaf(task: str, ctx: TaskContext) -> str:
    if task == "again" and ctx.try_no == 1:
        raise ValueError("not yet")
    return task


@task_agent(name="tree")
async def tree(task: str, ctx: TaskContext) -> list[Any]:
    return ctx.gather([ctx.spawn(leaf, task), ctx.spawn(leaf, "again")])


@task_agent(name="far", isolation="process")
def far(task: str, ctx: TaskContext) -> str:
    ctx.spawn(leaf, task)
    return carried()["trace"]


def test_an_attempt_at_a_task_is_beneath_who_submitted_it_whichever_process_does_it(kit: Kit) -> None:
    """Law: each attempt, a repeated one too; submitted one by one, many, or with a key, while nobody was there to do it."""
    with simulate(1) as sim:
        other = sim.system(telemetry=kit.telemetry)
        with kit.tracer.start_as_current_span("outside"):
            tasks = [other.tasks.submit(leaf, "a"), *other.tasks.submit_many(leaf, ["b", "again"])]
            tasks.append(other.tasks.submit(leaf, "c", key="k", job="j"))
        tasks.append(other.tasks.submit(leaf, "no trace"))
        worker = sim.system(agents=[leaf], telemetry=kit.telemetry)
        for task in tasks:
            worker.tasks.get(task.id).result()
    outside, spans = kit.span("outside"), kit.spans("task leaf")
    beneath = [(one.attributes or {})["dagger_actors.task.id"] for one in spans if kit.is_child(one, outside)]
    assert sorted(beneath) == sorted([task.id for task in tasks[:-1]] + [tasks[2].id])
    (alone,) = [one for one in spans if one.parent is None]
    assert alone.attributes == {
        "dagger_actors.task.id": tasks[-1].id, "dagger_actors.task.agent": "leaf", "dagger_actors.task.attempt": 1
    }  # fmt: skip
    failed = [one for one in spans if one.status.status_code is StatusCode.ERROR]
    assert [(one.attributes or {})["dagger_actors.task.id"] for one in failed] == [tasks[2].id]


def test_what_a_body_spawns_is_beneath_its_attempt(kit: Kit) -> None:
    """Law: beneath the attempt that ended with it, though the body runs again."""
    with simulate(1) as sim:
        system = sim.system(agents=[tree, leaf], telemetry=kit.telemetry)
        with kit.tracer.start_as_current_span("outside"):
            assert system.tasks.submit(tree, "x").result() == ["x", "again"]
    first, second = kit.spans("task tree")
    assert kit.is_child(first, kit.span("outside"))
    assert kit.is_child(second, kit.span("outside"))
    assert [kit.is_child(one, first) for one in kit.spans("task leaf")] == [True] * 3


def test_a_trace_of_tasks_goes_through_worker_processes(kit: Kit) -> None:
    with ActorSystem(agents=[far, leaf], telemetry=kit.telemetry, processes=1) as system:
        with kit.tracer.start_as_current_span("outside"):
            traced = system.tasks.submit(far, "x").result(timeout=60)
        context = kit.span("task far").context
        assert traced.startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")
        for task in system.tasks.tasks(agent="leaf"):
            system.tasks.get(task.id).wait(60)
    assert kit.is_child(kit.span("task leaf"), kit.span("task far"))


def test_what_is_stored_of_a_trace_is_bounded_and_has_no_baggage(kit: Kit) -> None:
    """Law: the state that others put into it is passed on up to 512 characters; baggage is nobody's who looks into the file."""
    span = kit.tracer.start_span("outside").get_span_context()
    for letters, is_kept in ((10, True), (600, False)):
        state = TraceState([("vendor", "x" * letters)] if letters < 256 else [(f"v{at}", "x" * 100) for at in range(6)])
        context = trace.set_span_in_context(
            NonRecordingSpan(SpanContext(span.trace_id, span.span_id, is_remote=True, trace_state=state))
        )
        text = text_of(baggage.set_baggage("secret", "s", context)) or ""
        assert ("tracestate" in text, "baggage" in text, len(text) < 1000) == (is_kept, False, True)
        found = trace.get_current_span(stored(text)).get_span_context()
        assert (found.trace_id, found.span_id) == (span.trace_id, span.span_id)
    assert (text_of(Context()), stored(None)) == (None, Context())


def test_a_system_that_is_opened_while_no_provider_is_set_goes_without() -> None:
    """Law: decided once, when it is opened; either provider is enough."""
    with simulate(1) as sim:
        assert sim.system(telemetry=OpenTelemetry())._base.telemetry is None
        assert sim.system(telemetry=OpenTelemetry(meter_provider=NoOpMeterProvider()))._base.telemetry is None
        assert sim.system(telemetry=OpenTelemetry(tracer_provider=TracerProvider()))._base.telemetry is not None
        assert sim.system(telemetry=OpenTelemetry(meter_provider=MeterProvider()))._base.telemetry is not None


def test_without_the_extra_everything_else_works_and_the_error_says_what_to_install() -> None:
    """Law: the package imports, runs, and names the extra only when telemetry is asked for."""
    code = """
import sys
sys.modules["opentelemetry"] = None
from dagger_actors import ActorSystem
with ActorSystem():
    pass
try:
    import dagger_actors.telemetry
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "telemetry needs opentelemetry-api: pip install 'dagger-actors[otel]'\n"


def test_a_system_without_telemetry_loads_nothing_of_it() -> None:
    """Law: what is not asked for costs nothing."""
    code = """
import sys
from dagger_actors import ActorSystem
with ActorSystem():
    print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
