"""What a system tells, told on to OpenTelemetry: spans of handlers, runs, attempts and turns, and what ``instruments`` lists.

A system that is opened while no provider is set has no telemetry at all, and so nothing to pay. Times are the system's own, so
under simulation they are virtual.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter_provider
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer, TracerProvider

from dagger_actors.actors.telemetry import Depth, Handling, Receiver, TurnFacts
from dagger_actors.core.messages import A_TASK, StartAttempt
from dagger_actors.core.protocols import Clock
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.telemetry.attempts import AttemptSpan, Attributes, TurnSpan, of_node, of_task
from dagger_actors.telemetry.carrier import stored, text_of
from dagger_actors.telemetry.instruments import Instruments

__all__ = ["OpenTelemetry"]

NAME = "dagger_actors"
SYSTEM = {"messaging.system": NAME, "messaging.operation.name": "handle"}


class OpenTelemetry:
    """Give this to ``ActorSystem(telemetry=...)``; one may serve several systems.

    Args:
        tracer_provider: Where spans go; None = the process's, as it is set when a system is opened.
        meter_provider: Where figures go; None = the process's, likewise.
    """

    def __init__(
        self, *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._providers = tracer_provider, meter_provider
        self._tracer = trace.get_tracer(NAME, tracer_provider=tracer_provider)
        self._systems: weakref.WeakSet[_System] = weakref.WeakSet()
        meter = (meter_provider or get_meter_provider()).get_meter(NAME)
        self._instruments = Instruments(meter, self._depths, self._lags)

    def open(self, clock: Clock) -> _System | None:
        """Begin with a system, which calls this itself; None = nobody would hear of it."""
        tracers, meters = self._providers
        if not _is_set(tracers or trace.get_tracer_provider()) and not _is_set(meters or get_meter_provider()):
            return None
        system = _System(self._tracer, self._instruments, clock, self._systems.discard)
        self._systems.add(system)
        return system

    def _depths(self, _options: CallbackOptions) -> Iterator[Observation]:
        for system in tuple(self._systems):
            for name, kind, queued in system.depths():
                yield Observation(queued, _destination(Receiver(name, kind, not name)))

    def _lags(self, _options: CallbackOptions) -> Iterator[Observation]:
        for system in tuple(self._systems):
            for subscription, lag in system.lags().items():
                yield Observation(lag, {"messaging.destination.subscription.name": subscription})


class _System:
    """One system's; see ``actors.telemetry.Telemetry``."""

    def __init__(
        self,
        tracer: Tracer,
        instruments: Instruments,
        clock: Clock,
        closed: Callable[[_System], None],
    ) -> None:
        self.tracer = tracer
        self.instruments = instruments
        self.clock = clock
        self.depths: Callable[[], Iterable[Depth]] = lambda: ()
        self.lags: Callable[[], Mapping[str, int]] = dict
        self._closed = closed
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}

    # --- actors

    def context(self) -> Context:
        """The trace context of the code that calls."""
        return contexts.get_current()

    def carrier(self) -> str | None:
        """The same as text, for a file."""
        return text_of(contexts.get_current())

    def handling(self, what: Handling) -> _Handled:
        """Around a handler."""
        return _Handled(self, what)

    def continued(self, receiver: Receiver, function: Callable[[Any], object]) -> Callable[[Any], object]:
        """Have a function run later in the trace of the code that calls now."""
        context = contexts.get_current()
        if not context:
            return function

        def call(answer: Any) -> object:
            now = self.clock.now()
            attributes: Attributes = {**_destination(receiver), **_named(receiver)}
            span = self.tracer.start_span(
                f"continue {_title(receiver)}", context, attributes=attributes, start_time=now.wall_us * 1_000
            )
            with self.current(span, context):
                return function(answer)

        return call

    @contextmanager
    def current(self, span: Span, context: Context) -> Iterator[None]:
        """Run code in a span, and end it with it."""
        token = contexts.attach(trace.set_span_in_context(span, context))
        try:
            yield
        except BaseException as error:
            _fail(span, error)
            raise
        finally:
            contexts.detach(token)
            span.end(self.clock.now().wall_us * 1_000)

    def restarted(self, actor: str) -> None:
        """A supervised actor has failed and is restarted."""
        self.instruments.restarts.add(1, {"messaging.destination.name": actor})

    def undelivered(self, message_type: str, reason: str) -> None:
        """A message will never be handled."""
        self.instruments.undelivered.add(
            1, {"dagger_actors.message.type": message_type, "dagger_actors.undelivered.reason": reason}
        )

    def stuck(self, receiver: Receiver) -> None:
        """A handler does not come back."""
        self.instruments.stuck.add(1, _destination(receiver))

    # --- flows

    def run_opened(self, run_id: str, flow: str) -> None:
        """A run is open here; it is part of the trace of the code that calls."""
        now = self.clock.now()
        attributes: Attributes = {"dagger_actors.run.id": run_id, "dagger_actors.flow.name": flow}
        context = contexts.get_current()
        span = self.tracer.start_span(f"run {flow}", context, attributes=attributes, start_time=now.wall_us * 1_000)
        with self._lock:
            self._runs[run_id] = _Run(flow, span, trace.set_span_in_context(span, context), now.mono_us)

    def run_rested(self, run_id: str, state: str) -> None:
        """A run is open here no more."""
        with self._lock:
            run = self._runs.pop(run_id, None)
        if run is None:
            return
        now = self.clock.now()
        run.span.set_attribute("dagger_actors.state", state)
        if state in FINAL_RUN:
            attributes = {"dagger_actors.flow.name": run.flow, "dagger_actors.state": state}
            self.instruments.run_duration.record((now.mono_us - run.opened_us) / 1e6, attributes)
        if state in FINAL_RUN and state != "succeeded":
            run.span.set_status(StatusCode.ERROR, state)
        run.span.end(now.wall_us * 1_000)

    def attempt(self, start: StartAttempt) -> AttemptSpan:
        """The body of an attempt is about to begin."""
        if start.node == A_TASK:
            trace = None if start.task is None else start.task.trace
            return AttemptSpan(self.tracer, self.clock, f"task {start.action}", of_task(start), stored(trace))
        run = self._runs.get(start.run_id)
        context = Context() if run is None else run.context
        return AttemptSpan(self.tracer, self.clock, f"node {start.node_id}", of_node(start), context)

    def attempt_ended(self, run_id: str, node_id: str, state: str) -> None:
        """It is committed in which state an attempt has ended."""
        run = self._runs.get(run_id)
        attributes = {"dagger_actors.node.id": node_id, "dagger_actors.state": state}
        if run is not None:
            attributes["dagger_actors.flow.name"] = run.flow
        self.instruments.attempts.add(1, attributes)

    # --- channels

    def turn(self, what: TurnFacts) -> TurnSpan:
        """A turn is about to be taken."""
        return TurnSpan(self.tracer, self.clock, self.instruments, what)

    def delivered(self, subscription: str, state: str, count: int) -> None:
        """It is committed what became of messages."""
        attributes = {"messaging.destination.subscription.name": subscription, "dagger_actors.state": state}
        self.instruments.deliveries.add(count, attributes)

    def watch_lags(self, lags: Callable[[], Mapping[str, int]]) -> None:
        """Ask this for what subscriptions have not done."""
        self.lags = lags

    def watch_depths(self, depths: Callable[[], Iterable[Depth]]) -> None:
        """Ask this for what is queued."""
        self.depths = depths

    def close(self) -> None:
        """The system has been left: what is open is another process's now."""
        self._closed(self)
        for run_id in list(self._runs):
            self.run_rested(run_id, "left")


class _Run:
    """A run that is open.

    Attributes:
        flow: The flow's name.
        span: The run's.
        context: What its attempts are part of.
        opened_us: When, on the monotonic clock.
    """

    __slots__ = ("context", "flow", "opened_us", "span")

    def __init__(self, flow: str, span: Span, context: Context, opened_us: int) -> None:
        self.flow = flow
        self.span = span
        self.context = context
        self.opened_us = opened_us


class _Handled:
    """A handler's call: its span, its count, its time."""

    __slots__ = ("_began", "_span", "_system", "_token", "_what")

    def __init__(self, system: _System, what: Handling) -> None:
        self._system = system
        self._what = what

    def __enter__(self) -> None:
        what, system = self._what, self._system
        self._began = system.clock.now()
        senders = [trace.get_current_span(one).get_span_context() for one in what.contexts]
        is_batch = len(what.contexts) > 1
        context = what.contexts[0] if len(what.contexts) == 1 else Context()
        attributes: Attributes = {
            **SYSTEM,
            **_destination(what.receiver),
            **_named(what.receiver),
            "messaging.operation.type": "process",
            "dagger_actors.message.type": what.message_type,
            "code.function.name": what.handler,
        }
        if is_batch:
            attributes["messaging.batch.message_count"] = what.size
        self._span = system.tracer.start_span(
            f"handle {_title(what.receiver)}",
            context,
            SpanKind.CONSUMER,
            attributes,
            links=[Link(one) for one in senders if one.is_valid] if is_batch else None,
            start_time=self._began.wall_us * 1_000,
        )
        self._token = contexts.attach(trace.set_span_in_context(self._span, context))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        what, system, now = self._what, self._system, self._system.clock.now()
        contexts.detach(self._token)
        attributes = {**SYSTEM, **_destination(what.receiver), "dagger_actors.message.type": what.message_type}
        if error is not None:
            _fail(self._span, error)
            attributes["error.type"] = type(error).__qualname__
        self._span.end(now.wall_us * 1_000)
        system.instruments.handled.add(what.size, attributes)
        system.instruments.duration.record((now.mono_us - self._began.mono_us) / 1e6, attributes)


def _is_set(provider: TracerProvider | MeterProvider) -> bool:
    """Tell whether a provider is none of the API's own stand-ins, which drop everything."""
    return not type(provider).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics"))


def _fail(span: Span, error: BaseException) -> None:
    span.record_exception(error)
    span.set_attribute("error.type", type(error).__qualname__)
    span.set_status(StatusCode.ERROR, type(error).__qualname__)


def _title(receiver: Receiver) -> str:
    """What a span is named after: few, however many actors come and go."""
    return receiver.kind if receiver.is_temporary else receiver.name


def _destination(receiver: Receiver) -> dict[str, str]:
    """An actor as figures know it."""
    key = "messaging.destination.template" if receiver.is_temporary else "messaging.destination.name"
    return {key: _title(receiver)}


def _named(receiver: Receiver) -> Attributes:
    """An actor as spans know it besides."""
    if receiver.is_temporary:
        return {"messaging.destination.name": receiver.name, "messaging.destination.temporary": True}
    return {}
