"""What the supervisor of a run is told: by bodies, by timers, by itself, by people, and by whoever leaves the system."""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.core.messages import AttemptEnded, Failed, Progressed, Succeeded

__all__ = [
    "Answered",
    "CancelRun",
    "ChildRests",
    "ChildWakes",
    "Control",
    "ControlRun",
    "Detach",
    "ExpandMap",
    "FlowMessage",
    "JudgeNode",
    "Overdue",
    "PrepareWait",
    "Reopen",
    "TimerFired",
    "decode_message",
]


Control = Literal["pause", "hold", "resume", "cancel_node"]
"""What a run is told; ``hold``: to pause as long as the run above it does."""


class TimerFired(msgspec.Struct, frozen=True, gc=False, tag="timer"):
    """A timer of the supervisor has fired.

    Attributes:
        kind: ``attempt`` (its time-out), ``retry`` (its wait is over), ``stuck`` (the old body still runs), ``await`` (the time
            of what it awaits is up), ``run``, ``flush``.
    """

    kind: str
    node: int = 0
    item: int = -1
    attempt: int = 0


class ExpandMap(msgspec.Struct, frozen=True, tag="expand"):
    """The list of a mapped node is committed: fan out."""

    node: int


class JudgeNode(msgspec.Struct, frozen=True, tag="judge"):
    """Everything that a node waited for is committed: see whether its ``when`` holds."""

    node: int


class PrepareWait(msgspec.Struct, frozen=True, tag="prepare"):
    """Everything that a node waited for is committed: put together what it awaits from outside."""

    node: int
    item: int = -1


class Answered(msgspec.Struct, frozen=True, gc=False, tag="answered"):
    """What an attempt awaits from outside has come.

    Attributes:
        outcome: The output that it makes, or the failure.
        source: Where it came from, as a JSON object, for whoever looks later. Of a message: its channel and offset.
    """

    node: int
    item: int
    attempt: int
    outcome: Succeeded | Failed
    source: str


class Overdue(msgspec.Struct, frozen=True, gc=False, tag="overdue"):
    """What an attempt awaits from outside has not come in time."""

    node: int
    item: int
    attempt: int


class ChildRests(msgspec.Struct, frozen=True, gc=False, tag="child_rests"):
    """The run of a flow that an attempt awaits has paused.

    Attributes:
        until: When it is to be looked at, because people are asked in it (microseconds UTC); None = never by itself.
    """

    node: int
    item: int
    attempt: int
    until: int | None = None


class ChildWakes(msgspec.Struct, frozen=True, gc=False, tag="child_wakes"):
    """The run of a flow that an attempt awaits rests, and is to be looked at."""

    node: int
    item: int
    attempt: int


class CancelRun(msgspec.Struct, frozen=True, tag="cancel"):
    """Somebody cancels the run.

    Attributes:
        command_id: The row of the commands table that says so; 0 when it came from inside this process.
        is_left: Whether it is so only because the run above awaits it no more: where its end is decided, what that calls goes on.
    """

    command_id: int = 0
    is_left: bool = False


class ControlRun(msgspec.Struct, frozen=True, tag="control"):
    """Somebody tells the run what to do, short of its end.

    Attributes:
        verb: What.
        node: Position of the node that it is about; -1 = it is about the run.
        command_id: As in ``CancelRun``.
    """

    verb: Control
    node: int = -1
    command_id: int = 0


class Detach(msgspec.Struct, frozen=True, tag="detach"):
    """The system is being left: start nothing new, and give the run back when told for good.

    Attributes:
        now: False = only stop starting; True = give it back, whatever still runs.
    """

    now: bool = False


class Reopen(msgspec.Struct, frozen=True, tag="reopen"):
    """The supervisor's last unit was refused, or it crashed: rebuild from the file."""

    reason: str = ""


FlowMessage = (
    AttemptEnded
    | Progressed
    | TimerFired
    | ExpandMap
    | JudgeNode
    | PrepareWait
    | Answered
    | Overdue
    | ChildRests
    | ChildWakes
    | CancelRun
    | ControlRun
    | Detach
    | Reopen
)

_message = msgspec.msgpack.Decoder(FlowMessage)


def decode_message(data: bytes) -> FlowMessage:
    """Decode what a flow supervisor is told."""
    message: FlowMessage = _message.decode(data)
    return message
