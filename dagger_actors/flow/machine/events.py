"""What a run's machine is told, and what it answers: frozen values, so that a run can be replayed and compared."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from dagger_actors.core.awaits import Kind, Wanted
from dagger_actors.core.messages import ErrorDetail, Failed, Succeeded
from dagger_actors.flow.definition import Growth, NodeDefinition

__all__ = [
    "FOREVER",
    "AddedNode",
    "Answer",
    "ArmTimer",
    "AtRest",
    "Await",
    "BodyKey",
    "CancelVertex",
    "Cancelled",
    "Decision",
    "Detached",
    "Drain",
    "Effect",
    "Emit",
    "Ended",
    "Event",
    "Expand",
    "Expanded",
    "ExpansionFailed",
    "Finish",
    "Flushed",
    "Grant",
    "Judge",
    "Judged",
    "Leave",
    "Mode",
    "NodeRow",
    "Opened",
    "Order",
    "Ordered",
    "PassOn",
    "Pause",
    "Prepare",
    "Prepared",
    "Release",
    "Rested",
    "Resume",
    "RetryDue",
    "Revive",
    "Rewire",
    "RunEventRow",
    "Started",
    "Stop",
    "StopBody",
    "Stuck",
    "TimeUp",
    "TimedOut",
    "WaitOver",
    "Woken",
]

FOREVER: Final = 2**62

BodyKey = tuple[int, int, int]
"""(node, item, attempt): one attempt of a run; item -1 is the node itself."""

Mode = Literal["start", "recover", "resume", "retry"]


class NodeRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One row of ``node_runs``, in the order of ``node_runs.put``'s parameters.

    Attributes:
        seq: The number of what has happened to it, among the events of its run; its end has the next one.
    """

    run_key: int
    node: int
    item: int
    attempt: int
    run_id: str
    node_id: str
    invocation_key: str
    state: str
    try_no: int = 1
    crash_no: int = 0
    output: str | None = None
    output_artifact_id: str | None = None
    size: int | None = None
    reason: str | None = None
    error: str | None = None
    due_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    seq: int = 0


class RunEventRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What happens to a run and is no change of an attempt, in the order of ``run_events.put``'s parameters.

    Attributes:
        kind: ``run`` = its state is ``name`` now; ``added`` = it was given nodes; ``emitted`` = a hook says ``name``.
        data: More of it, as JSON text.
    """

    run_key: int
    seq: int
    kind: str
    node_id: str
    name: str
    data: str | None
    at: int


class AddedNode(msgspec.Struct, frozen=True):
    """A node that was added to a run, to be written with what led to it.

    Attributes:
        flow: The definition of the flow that it runs, as JSON text; empty = none, or that of a node before it.
    """

    run_key: int
    node: int
    definition: NodeDefinition
    flow: str = ""


# --- what hooks and people tell a run to do


class Rewire(msgspec.Struct, frozen=True):
    """Give a node that has not begun other inputs: JSON text by name."""

    node: int
    inputs: tuple[tuple[str, str], ...]


class Pause(msgspec.Struct, frozen=True):
    """Begin nothing more; the run is paused when what runs has ended.

    Attributes:
        is_held: Whether that is because the run above it pauses, and no longer than that does.
    """

    is_held: bool = False


class Resume(msgspec.Struct, frozen=True):
    """Go on, where the run is about to pause."""


class CancelVertex(msgspec.Struct, frozen=True):
    """Cancel a node with all its items.

    Attributes:
        node: Its position.
        reason: Why, as its row says.
    """

    node: int
    reason: str = "cancelled by a hook"


class Stop(msgspec.Struct, frozen=True):
    """Cancel the run."""


class Emit(msgspec.Struct, frozen=True):
    """Tell whoever watches the run; an effect too.

    Attributes:
        name: What happened.
        json: More of it.
        node_id: Who says so.
    """

    name: str
    json: str
    node_id: str = ""


Order = Growth | Rewire | Pause | Resume | CancelVertex | Stop | Emit


# --- events


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
    """

    node: int
    item: int
    attempt: int
    started_us: int
    finished_us: int
    outcome: Succeeded | Failed
    retry_after_us: int | None = None
    orders: tuple[Order, ...] = ()


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

# --- effects


class Grant(msgspec.Struct, frozen=True, gc=False):
    """Let this attempt through the gate as soon as there is a place."""

    node: int
    item: int
    attempt: int


class Release(msgspec.Struct, frozen=True):
    """Lift one hold of the gate: the end that caused it has been decided."""


class Drain(msgspec.Struct, frozen=True):
    """Take every attempt that has not started out of the gate."""


class ArmTimer(msgspec.Struct, frozen=True):
    """Come back with ``TimerFired(kind, node, item, attempt)`` after ``delay_us``."""

    kind: str
    delay_us: int
    node: int = 0
    item: int = -1
    attempt: int = 0


class StopBody(msgspec.Struct, frozen=True):
    """Its attempt has ended: cancel the coroutine, tell the thread, give back its place."""

    node: int
    item: int
    attempt: int


class Expand(msgspec.Struct, frozen=True):
    """Count the list a mapped node goes over."""

    node: int


class Judge(msgspec.Struct, frozen=True):
    """See whether the ``when`` of a node holds."""

    node: int


class Prepare(msgspec.Struct, frozen=True):
    """Put together what a node awaits from outside."""

    node: int
    item: int = -1


class Await(msgspec.Struct, frozen=True, gc=False):
    """Look outside for what this attempt awaits.

    Attributes:
        wanted: What that is, to be written down with the decision; None = it is written down already.
        kind: What kind of thing.
        is_held: Of a flow: whether its run begins nothing more, because this run pauses.
    """

    node: int
    item: int
    attempt: int
    wanted: Wanted | None = None
    kind: Kind = "message"
    is_held: bool = False


class Revive(msgspec.Struct, frozen=True, gc=False):
    """Mark the run of a flow, which this attempt awaits, to be resumed or retried, if it rests; written with the decision."""

    node: int
    item: int
    mode: Literal["resume", "retry"]


class PassOn(msgspec.Struct, frozen=True, gc=False):
    """Tell the run of a flow, which this attempt awaits, to pause, or to go on, as this run does."""

    node: int
    item: int
    attempt: int
    verb: Literal["pause", "resume"]


class Leave(msgspec.Struct, frozen=True, gc=False):
    """Cancel the run of a flow, which this attempt awaits no more."""

    node: int
    item: int
    attempt: int


class Finish(msgspec.Struct, frozen=True):
    """The run has come to rest in this state; its owner lets go of it.

    Attributes:
        until: Of a run that rests because people are awaited: when the first of them has been long enough (microseconds
            UTC, ``FOREVER`` when none has a limit); None = it does not go on by itself.
    """

    state: str
    until: int | None = None


Effect = (
    Grant
    | Release
    | Drain
    | ArmTimer
    | StopBody
    | Expand
    | Judge
    | Prepare
    | Await
    | PassOn
    | Revive
    | Leave
    | Emit
    | Finish
)


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What one event led to.

    Attributes:
        rows: Node rows to write; a later row for one attempt replaces an earlier one.
        effects: Let out only after the rows are committed, in this order.
        is_changed: The run's own row changed in more than its elapsed time.
        added: Nodes that the run has from now on.
        events: What has happened to the run besides.
    """

    rows: tuple[NodeRow, ...] = ()
    effects: tuple[Effect, ...] = ()
    is_changed: bool = False
    added: tuple[AddedNode, ...] = ()
    events: tuple[RunEventRow, ...] = ()
