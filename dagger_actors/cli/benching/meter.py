"""The meter inside a system: its telemetry, which times the handlers of every message that the bench has caused.

In the place of a trace context a letter holds when the message that caused it was due. So an agent behind the one that is
sent to has a latency, too: from the due time at the entrance to the end of its own handler. What no sender has caused, as
the messages of an agent's own timers, is not counted. A message of a channel carries the same in its ``traceparent``, so a
subscription further on is measured in the same way.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import msgspec

from dagger_actors.actors.telemetry import NOBODY, AttemptSpan, Depth, Handling, Receiver, TurnFacts
from dagger_actors.cli.benching.histogram import Histogram
from dagger_actors.core.messages import ErrorDetail, StartAttempt
from dagger_actors.core.protocols import Clock
from dagger_actors.supervised.undelivered import Undelivered

__all__ = ["Asked", "Meter", "Sample", "cause"]

cause: ContextVar[int] = ContextVar("cause", default=0)
"""When the message was due that the code which runs now is a consequence of; 0 = it is of none."""


class Asked(int):
    """The due time of an ask, whose latency ends with the answer, and not with the handler as that of a ``tell``.

    Attributes:
        is_handled: Whether its handler has been called.
    """

    is_handled = False


class Sample:
    """What is known of one agent; any thread.

    Attributes:
        latency: Of each message.
        failed: Messages whose handler raised; part of ``latency``.
        restarts: So many.
        undelivered: Messages that it never handled, by reason.
        last_ns: When the last message was handled; 0 = none was.
    """

    def __init__(self) -> None:
        self.latency = Histogram()
        self.failed = 0
        self.restarts = 0
        self.undelivered: Counter[str] = Counter()
        self.last_ns = 0
        self.lock = threading.Lock()

    def record(self, due_ns: Iterable[int], now_ns: int, *, has_failed: bool) -> None:
        """Count messages that have been handled."""
        with self.lock:
            for one in due_ns:
                self.latency.record(now_ns - one)
                self.failed += has_failed
                self.last_ns = max(self.last_ns, now_ns)


class Headers(msgspec.Struct, frozen=True):
    """What is read of a message's headers; empty = no sender has caused it."""

    traceparent: str = ""


_headers = msgspec.json.Decoder(Headers)


class Meter:
    """A system's telemetry and the source of it.

    Args:
        agents: The agent that each supervised actor belongs to, by the actor's name.

    Attributes:
        samples: By agent; temporary actors by their class, in parentheses.
        turns: By subscription.
        rejected: Messages for which a channel had no room, by its name.
        from_ns: From then on is measured, on ``time.perf_counter_ns``.
    """

    def __init__(self, agents: Mapping[str, str]) -> None:
        self.samples: dict[str, Sample] = {}
        self.turns: dict[str, Sample] = {}
        self.rejected: Counter[str] = Counter()
        self.from_ns = sys.maxsize  # nothing, until there is a load
        self._agents = agents
        self._lock = threading.Lock()

    def sample(self, agent: str) -> Sample:
        """What is known of an agent."""
        return self.samples.get(agent) or self.samples.setdefault(agent, Sample())

    def answered(self, agent: str, ask: Asked, *, has_failed: bool) -> None:
        """An ask has its answer; one that no handler has seen is undelivered, and ``listen`` is told."""
        if ask >= self.from_ns and ask.is_handled:
            self.sample(agent).record((ask,), time.perf_counter_ns(), has_failed=has_failed)

    def not_delivered(self, agent: str, reason: str) -> None:
        """A message will never be handled."""
        if time.perf_counter_ns() >= self.from_ns:
            sample = self.sample(agent)
            with sample.lock:
                sample.undelivered[reason] += 1

    def refused(self, channel: str, due_ns: int, count: int) -> None:
        """A channel had no room for messages."""
        if due_ns >= self.from_ns:
            with self._lock:
                self.rejected[channel] += count

    def listen(self, event: Undelivered) -> None:
        """Take what the system tells of its undelivered mail."""
        self.not_delivered(self._agents.get(event.to, "(others)"), event.reason)

    # --- what a system asks of its telemetry

    def open(self, clock: Clock) -> Meter:
        """Begin."""
        del clock
        return self

    def context(self) -> Any:
        """Give what a letter holds."""
        return cause.get() or NOBODY

    def carrier(self) -> str | None:
        """Give what a message of a channel holds, and a task, whose attempts are not measured."""
        return carried(cause.get())

    @contextlib.contextmanager
    def handling(self, what: Handling) -> Iterator[None]:
        """Time a handler."""
        if not what.contexts:
            yield
            return
        before = cause.set(int(min(what.contexts)))
        has_failed = True
        try:
            yield
            has_failed = False
        finally:
            cause.reset(before)
            self._handled(what, has_failed=has_failed)

    def _handled(self, what: Handling, *, has_failed: bool) -> None:
        told = []
        for due_ns in what.contexts:
            if isinstance(due_ns, Asked):
                due_ns.is_handled = True
            elif due_ns >= self.from_ns:
                told.append(due_ns)
        if told:
            self._sample_of(what.receiver).record(told, time.perf_counter_ns(), has_failed=has_failed)

    def continued(self, receiver: Receiver, function: Callable[[Any], object]) -> Callable[[Any], object]:
        """Have a function run later as a consequence of what this code is one of."""
        del receiver
        due_ns = cause.get()

        def go_on(value: Any) -> object:
            before = cause.set(due_ns)
            try:
                return function(value)
            finally:
                cause.reset(before)

        return go_on

    def restarted(self, actor: str) -> None:
        """Count a restart."""
        if time.perf_counter_ns() >= self.from_ns:
            sample = self.sample(self._agents.get(actor, "(others)"))
            with sample.lock:
                sample.restarts += 1

    def undelivered(self, message_type: str, reason: str) -> None:
        """Nothing: ``listen`` is told more."""

    def stuck(self, receiver: Receiver) -> None:
        """Nothing: the log says so."""

    def run_opened(self, run_id: str, flow: str) -> None:
        """Nothing: flows are not measured."""

    def run_rested(self, run_id: str, state: str) -> None:
        """Nothing: flows are not measured."""

    def attempt(self, start: StartAttempt) -> AttemptSpan:
        """Nothing: flows are not measured."""
        del start
        return _Unmeasured()

    def attempt_ended(self, run_id: str, node_id: str, state: str) -> None:
        """Nothing: flows are not measured."""

    def turn(self, what: TurnFacts) -> AttemptSpan:
        """Time a turn of a subscriber."""
        due_ns = tuple(due for headers in what.headers if (due := due_of(headers)))
        return Turn(self, what.subscription, due_ns)

    def turned(self, subscription: str, due_ns: Iterable[int], *, has_failed: bool) -> None:
        """A turn has been taken; one that failed is no end of its messages, which come again or are given up."""
        now_ns = time.perf_counter_ns()
        told = [one for one in due_ns if self.from_ns <= one <= now_ns]  # what lay in the file may be another time's
        if not told:
            return
        sample = self.turns.get(subscription) or self.turns.setdefault(subscription, Sample())
        if not has_failed:
            sample.record(told, now_ns, has_failed=False)
            return
        with sample.lock:
            sample.failed += len(told)

    def delivered(self, subscription: str, state: str, count: int) -> None:
        """Count what was given up."""
        if state in ("dead", "lost") and time.perf_counter_ns() >= self.from_ns:
            sample = self.turns.get(subscription) or self.turns.setdefault(subscription, Sample())
            with sample.lock:
                sample.undelivered[state] += count

    def watch_lags(self, lags: Callable[[], Mapping[str, int]]) -> None:
        """Nothing: the report says what is left."""

    def watch_depths(self, depths: Callable[[], Iterable[Depth]]) -> None:
        """Nothing: the tree says so."""

    def close(self) -> None:
        """Nothing is held."""

    def _sample_of(self, receiver: Receiver) -> Sample:
        agent = f"({receiver.kind})" if receiver.is_temporary else self._agents.get(receiver.name, "(others)")
        return self.sample(agent)


class _Unmeasured:
    """The attempt of a flow."""

    carrier: tuple[tuple[str, str], ...] = ()
    text: str | None = None

    def end(self, error: ErrorDetail | None) -> None:
        """It has ended."""


class Turn:
    """A turn while it is taken; what it publishes has the same cause."""

    carrier: tuple[tuple[str, str], ...] = ()

    def __init__(self, meter: Meter, subscription: str, due_ns: tuple[int, ...]) -> None:
        self.text = carried(min(due_ns, default=0))
        self._meter = meter
        self._subscription = subscription
        self._due_ns = due_ns

    def end(self, error: ErrorDetail | None) -> None:
        """It has been taken."""
        self._meter.turned(self._subscription, self._due_ns, has_failed=error is not None)


def carried(due_ns: int) -> str | None:
    """Write down a cause, as headers."""
    return f'{{"traceparent":"{due_ns:d}"}}' if due_ns else None


def due_of(headers: str | None) -> int:
    """Read it; 0 = no sender of this process has caused it."""
    text = "" if headers is None else _headers.decode(headers).traceparent
    return int(text) if text.isascii() and text.isdigit() else 0
