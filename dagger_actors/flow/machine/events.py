"""What a run's machine is told: frozen values, so that a run can be replayed and compared; ``decisions`` are its answers."""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.core.awaits import Wanted
from dagger_actors.core.messages import ErrorDetail, Failed, Succeeded
from dagger_actors.flow.machine.orders import CancelVertex, Order, Pause, Resume

__all__ = [
    "Answer",
    "AtRest",
    "BodyKey",
    "Cancelled",
    "Detached",
    "Ended",
    "Event",
    "Expanded",
    "ExpansionFailed",
    "Flushed",
    "Judged",
    "Mode",
    "Opened",
    "Ordered",
    "Prepared",
    "Rested",
    "RetryDue",
    "Started",
    "Stuck",
    "TimeUp",
    "TimedOut",
    "WaitOver",
    "Woken",
]


BodyKey = tuple[int, int, int]
"""(node, item, attempt): one attempt of a run; item -1 is the node itself."""

Mode = Literal["start", "recover", "resume", "retry"]


class AtRest(msgspec.Struct, frozen=True):
    """How the run of a flow rests that an attempt awaits.

    Attributes:
        node: The attempt's node.
        item: Its item.
        attempt: Its number.
        until: When the run is to be looked at, because people are asked in it (microseconds UTC); None = never by itself.
        is_stuck: Whether it, or a run inside it, rests for something else: then a resume wakes it.
        is_held: Whether it has paused because the run above it had: it goes on as soon as that does.
    """

    node: int
    item: int
    attempt: int
    until: int | None
    is_stuck: int
    is_held: int

    @property
    def key(self) -> BodyKey:
        """The attempt."""
        return self.node, self.item, self.attempt


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The run's supervisor is ready.

    Attributes:
        mode: ``start`` a new run, ``recover`` one whose owner is gone (or crashed), ``resume`` a paused one, ``retry`` an
            ended one.
        crashed: Attempts whose body had begun when their owner died.
        unbegun: Attempts that had a place and whose body had not begun.
        is_forced: The former owner is stalled, not dead: it may still begin what it was granted, so those numbers are
            not used again.
        answered: Attempts whose answer of a person is in the file, not taken yet.
        resting: Attempts whose run of a flow rests; of the others it goes on, or has ended.
        live: Attempts whose bodies run on in this very process (after a supervisor's crash).
        drained: Attempts that were granted in this very process and are known never to have begun.
        is_bare: Without the run's code, so that nothing is granted: what was cut off is written down, and orders obeyed.
        was_asking: Whether it rested because people are asked: then whoever has its code looks at what became of it.
    """

    mode: Mode
    crashed: frozenset[BodyKey] = frozenset()
    unbegun: frozenset[BodyKey] = frozenset()
    is_forced: bool = False
    live: frozenset[BodyKey] = frozenset()
    drained: frozenset[BodyKey] = frozenset()
    is_bare: bool = False
    was_asking: bool = False
    answered: frozenset[BodyKey] = frozenset()
    resting: tuple[AtRest, ...] = ()


class Started(msgspec.Struct, frozen=True, gc=False):
    """These attempts have passed the gate: (node, item, attempt, started_us)."""

    attempts: tuple[tuple[int, int, int, int], ...]


class Flushed(msgspec.Struct, frozen=True):
    """It is time to write down what is running."""


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A body has ended.

    Attributes:
        retry_after_us: When it failed: how long to wait before the next try; None = no more tries.
        orders: When it succeeded: what the run is to do, which ``commands.why_not`` lets through. Where there are any but
            growth, the gate is held, and lets go with the decision.
        holds_gate: Whether the gate is held for it, as it is for whatever fails; also for what comes too late: who stopped the
            attempt cannot know that its body had failed by then.
    """

    node: int
    item: int
    attempt: int
    started_us: int
    finished_us: int
    outcome: Succeeded | Failed
    retry_after_us: int | None = None
    orders: tuple[Order, ...] = ()
    holds_gate: bool = False


class TimedOut(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt has used up its time; its body may run on."""

    node: int
    item: int
    attempt: int
    retry_after_us: int | None = None


class RetryDue(msgspec.Struct, frozen=True):
    """A retry wait is over."""

    node: int
    item: int
    attempt: int


class Stuck(msgspec.Struct, frozen=True):
    """The body of the attempt before has not ended in its second time-out either."""

    node: int
    item: int
    attempt: int


class Expanded(msgspec.Struct, frozen=True):
    """The list a mapped node goes over has ``size`` items.

    Attributes:
        keys: Their invocation keys; empty = their positions.
    """

    node: int
    size: int
    keys: tuple[str, ...] = ()


class ExpansionFailed(msgspec.Struct, frozen=True):
    """There is no list to go over, or its items have no keys."""

    node: int
    error: ErrorDetail


class Judged(msgspec.Struct, frozen=True):
    """Whether the ``when`` of a node holds; an error when that cannot be told."""

    node: int
    verdict: bool | ErrorDetail


class Prepared(msgspec.Struct, frozen=True):
    """What a node awaits from outside is put together; an error when it cannot be."""

    node: int
    found: Wanted | ErrorDetail
    item: int = -1


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What an attempt awaits from outside has come: the output that it makes, or the failure."""

    node: int
    item: int
    attempt: int
    outcome: Succeeded | Failed


class Rested(msgspec.Struct, frozen=True):
    """The run of a flow that an attempt awaits has paused.

    Attributes:
        until: As ``AtRest`` has it.
    """

    node: int
    item: int
    attempt: int
    until: int | None = None


class Woken(msgspec.Struct, frozen=True):
    """The run of a flow that an attempt awaits rests, and is to be looked at."""

    node: int
    item: int
    attempt: int


class WaitOver(msgspec.Struct, frozen=True):
    """What an attempt awaits from outside has not come in time."""

    node: int
    item: int
    attempt: int


class Cancelled(msgspec.Struct, frozen=True):
    """Somebody cancels the run.

    Attributes:
        opened: Of a run that nobody had, and that is opened for this: how it was found; None = it goes on here.
        calls: Whether its code is at hand: otherwise what its end calls is left to whoever opens it next.
    """

    opened: Opened | None = None
    calls: bool = True


class Ordered(msgspec.Struct, frozen=True):
    """Somebody tells the run what to do, short of its end; the gate is held."""

    order: Pause | Resume | CancelVertex


class TimeUp(msgspec.Struct, frozen=True):
    """The run has used up its ``timeout_seconds``."""


class Detached(msgspec.Struct, frozen=True):
    """The system is being left; what still runs is cut off, what has not begun stays for the next owner."""


Event = (
    Opened
    | Started
    | Flushed
    | Ended
    | TimedOut
    | RetryDue
    | Stuck
    | Expanded
    | ExpansionFailed
    | Judged
    | Prepared
    | Answer
    | Rested
    | Woken
    | WaitOver
    | Cancelled
    | Ordered
    | TimeUp
    | Detached
)
