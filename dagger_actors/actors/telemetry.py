"""What a system tells whoever traces and measures it; ``dagger_actors.telemetry`` tells it on to OpenTelemetry.

A system without any asks nobody: its actors are then of a class that knows nothing of tracing. Nothing here may raise or
block, and any thread may call it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from dagger_actors.core.messages import ErrorDetail, StartAttempt
from dagger_actors.core.protocols import Clock

__all__ = [
    "NOBODY",
    "AttemptSpan",
    "Depth",
    "Handling",
    "Receiver",
    "Telemetry",
    "TelemetrySource",
    "TurnFacts",
]

NOBODY = False
"""In an envelope in the place of a trace context: nobody's handler has sent this, so it belongs to no trace."""


class Receiver(NamedTuple):
    """An actor, as spans and figures name it.

    Attributes:
        name: Its name in the system.
        kind: Name of its class.
        is_temporary: Whether it is one of many that come and go, so that figures are by class.
    """

    name: str
    kind: str
    is_temporary: bool


class Handling(NamedTuple):
    """A handler that is about to be called.

    Attributes:
        receiver: Its actor.
        message_type: Name of the message's class.
        handler: The method, with its class.
        contexts: The senders' trace contexts, of those who have one.
        size: How many messages it is called with.
    """

    receiver: Receiver
    message_type: str
    handler: str
    contexts: tuple[Any, ...]
    size: int


class Depth(NamedTuple):
    """How many messages are queued.

    Attributes:
        name: For which actor; empty = for all temporary ones of that class together.
        kind: Name of the class.
        queued: So many.
    """

    name: str
    kind: str
    queued: int


class TurnFacts(NamedTuple):
    """A turn of a subscriber that is about to be taken.

    Attributes:
        subscription: ``GROUP.HANDLER``.
        group: The group's name.
        handler: The method, with its class.
        channel: The channel of its message, of a batch that of the first.
        offset: Its place there; the same.
        message_type: Name of the message's class; the same.
        key: Whose turn it is; empty = no key.
        try_no: Which try it is, from 1.
        headers: Those of each of its messages, as JSON texts; None = it has none.
    """

    subscription: str
    group: str
    handler: str
    channel: str
    offset: int
    message_type: str
    key: str
    try_no: int
    headers: tuple[str | None, ...]


class AttemptSpan(Protocol):
    """An attempt of a node or a task, or a turn, while its body runs."""

    @property
    def carrier(self) -> tuple[tuple[str, str], ...]:
        """Its trace context as text, for another process."""
        ...

    @property
    def text(self) -> str | None:
        """The same in the form of ``Telemetry.carrier``."""
        ...

    def end(self, error: ErrorDetail | None) -> None:
        """The body has ended; in the context in which it was begun."""
        ...


class Telemetry(Protocol):
    """One system's."""

    def context(self) -> Any:
        """The trace context of the code that calls, to lie in an envelope."""
        ...

    def carrier(self) -> str | None:
        """The same as text, to lie in the file with what is to be done later by whichever process; None = there is none."""
        ...

    def handling(self, what: Handling) -> AbstractContextManager[object]:
        """Around a handler; what the handler sends is part of its trace."""
        ...

    def continued(self, receiver: Receiver, function: Callable[[Any], object]) -> Callable[[Any], object]:
        """Have a function run later in the trace of the code that calls now."""
        ...

    def restarted(self, actor: str) -> None:
        """A supervised actor has failed and is restarted."""
        ...

    def undelivered(self, message_type: str, reason: str) -> None:
        """A message will never be handled."""
        ...

    def stuck(self, receiver: Receiver) -> None:
        """A handler does not come back."""
        ...

    def run_opened(self, run_id: str, flow: str) -> None:
        """A run is open here; part of the trace of the code that calls."""
        ...

    def run_rested(self, run_id: str, state: str) -> None:
        """A run is open here no more: it has come to rest in that state, or was ``lost``."""
        ...

    def attempt(self, start: StartAttempt) -> AttemptSpan:
        """The body of an attempt is about to begin, in the context of the code that calls."""
        ...

    def attempt_ended(self, run_id: str, node_id: str, state: str) -> None:
        """It is committed in which state an attempt has ended."""
        ...

    def turn(self, what: TurnFacts) -> AttemptSpan:
        """A turn is about to be taken, in the context of the code that calls; part of the trace that its message's headers tell."""
        ...

    def delivered(self, subscription: str, state: str, count: int) -> None:
        """It is committed what became of so many messages: ``handled``, ``retried``, ``snoozed``, ``dead`` or ``lost``."""
        ...

    def watch_lags(self, lags: Callable[[], Mapping[str, int]]) -> None:
        """Ask this for what subscriptions have not done, by their names, whenever somebody wants to know."""
        ...

    def watch_depths(self, depths: Callable[[], Iterable[Depth]]) -> None:
        """Ask this for what is queued, whenever somebody wants to know."""
        ...

    def close(self) -> None:
        """The system has been left."""
        ...


class TelemetrySource(Protocol):
    """Where a system gets its telemetry; may serve several."""

    def open(self, clock: Clock) -> Telemetry | None:
        """Begin with a system, whose time this is; None = nobody would hear of it, and the system goes without."""
        ...
