"""What a run's machine answers: rows to write, and effects that are let out when they are written."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from dagger_actors.core.awaits import Kind, Wanted
from dagger_actors.flow.definition import NodeDefinition
from dagger_actors.flow.machine.orders import Emit

__all__ = [
    "FOREVER",
    "AddedNode",
    "ArmTimer",
    "Await",
    "Decision",
    "Drain",
    "Effect",
    "Expand",
    "Finish",
    "Grant",
    "Judge",
    "Leave",
    "NodeRow",
    "PassOn",
    "Prepare",
    "Release",
    "Revive",
    "RunEventRow",
    "StopBody",
]


FOREVER: Final = 2**62


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
    """Mark the run of a flow, which this attempt awaits, to be resumed or retried, if it rests; written with the decision.

    One that rests only because people are asked, in it and at any depth, is not resumed.
    """

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
