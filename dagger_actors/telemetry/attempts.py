"""Spans of what bodies do: attempts of nodes and tasks, and turns of subscribers."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, StatusCode, Tracer

from dagger_actors.actors.telemetry import TurnFacts
from dagger_actors.core.messages import ErrorDetail, StartAttempt
from dagger_actors.core.protocols import Clock
from dagger_actors.telemetry.carrier import carrier_of, stored, text_of
from dagger_actors.telemetry.instruments import Instruments

__all__ = ["AttemptSpan", "Attributes", "TurnSpan", "of_node", "of_task"]

Attributes = dict[str, str | int | bool]

SYSTEM = {"messaging.system": "dagger_actors", "messaging.operation.name": "turn"}


class AttemptSpan:
    """An attempt of a node or a task; see ``actors.telemetry.AttemptSpan``."""

    __slots__ = ("_context", "_span", "_token", "clock")

    def __init__(
        self,
        tracer: Tracer,
        clock: Clock,
        name: str,
        attributes: Attributes,
        parent: Context,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        links: Sequence[Link] = (),
    ) -> None:
        self.clock = clock
        began_ns = clock.now().wall_us * 1_000
        self._span = tracer.start_span(name, parent, kind, attributes, links, began_ns)
        self._context = trace.set_span_in_context(self._span, parent)
        self._token = contexts.attach(self._context)

    @property
    def carrier(self) -> tuple[tuple[str, str], ...]:
        """Its context as text."""
        return carrier_of(self._context)

    @property
    def text(self) -> str | None:
        """The same, for a file."""
        return text_of(self._context)

    def end(self, error: ErrorDetail | None) -> None:
        """The body has ended."""
        contexts.detach(self._token)
        ended_ns = self.clock.now().wall_us * 1_000
        if error is not None:  # told as it is stored, without the secrets that are masked there
            self._span.add_event(
                "exception",
                {
                    "exception.type": error.type,
                    "exception.message": error.message,
                    "exception.stacktrace": error.traceback,
                },
                ended_ns,
            )
            self._span.set_attribute("error.type", error.type)
            self._span.set_status(StatusCode.ERROR, error.message)
        self._span.end(ended_ns)


class TurnSpan(AttemptSpan):
    """A turn: beneath who published its message; of a batch linked to each of those who did."""

    __slots__ = ("_began_us", "_instruments", "_what")

    def __init__(self, tracer: Tracer, clock: Clock, instruments: Instruments, what: TurnFacts) -> None:
        self._began_us = clock.now().mono_us
        self._instruments = instruments
        self._what = what
        sources = [stored(headers) for headers in what.headers]
        is_batch = len(sources) > 1
        super().__init__(
            tracer,
            clock,
            f"turn {what.subscription}",
            _of_turn(what),
            Context() if is_batch else sources[0],
            kind=SpanKind.CONSUMER,
            links=_links(sources) if is_batch else (),
        )

    def end(self, error: ErrorDetail | None) -> None:
        """It has been taken, and is not committed yet."""
        super().end(error)
        what = self._what
        attributes = {**SYSTEM, **_destination(what)}
        if error is not None:
            attributes["error.type"] = error.type
        self._instruments.handled.add(len(what.headers), attributes)
        self._instruments.duration.record((self.clock.now().mono_us - self._began_us) / 1e6, attributes)


def of_node(start: StartAttempt) -> Attributes:
    """What the span of a node's attempt says."""
    attributes: Attributes = {
        "dagger_actors.run.id": start.run_id,
        "dagger_actors.node.id": start.node_id,
        "dagger_actors.node.attempt": start.attempt,
        "code.function.name": start.action,
    }
    if start.invocation_key:
        attributes["dagger_actors.node.invocation_key"] = start.invocation_key
    return attributes


def of_task(start: StartAttempt) -> Attributes:
    """What the span of a task's attempt says."""
    return {
        "dagger_actors.task.id": start.run_key,
        "dagger_actors.task.agent": start.action,
        "dagger_actors.task.attempt": start.attempt,
    }


def _of_turn(what: TurnFacts) -> Attributes:
    attributes: Attributes = {
        **SYSTEM,
        **_destination(what),
        "messaging.operation.type": "process",
        "messaging.destination.name": what.channel,
        "messaging.consumer.group.name": what.group,
        "messaging.message.id": f"{what.channel}/{what.offset}",
        "dagger_actors.turn.attempt": what.try_no,
        "code.function.name": what.handler,
    }
    if what.message_type:
        attributes["dagger_actors.message.type"] = what.message_type
    if what.key:
        attributes["dagger_actors.turn.key"] = what.key
    if len(what.headers) > 1:
        attributes["messaging.batch.message_count"] = len(what.headers)
    return attributes


def _destination(what: TurnFacts) -> dict[str, str]:
    """A subscription as figures know it; not by its channels, of which a pattern may read any number."""
    return {"messaging.destination.subscription.name": what.subscription}


def _links(sources: Sequence[Context]) -> list[Link]:
    """To each publisher once."""
    spans = {one.span_id: one for one in (trace.get_current_span(source).get_span_context() for source in sources)}
    return [Link(one) for one in spans.values() if one.is_valid]
