"""What travels between the supervisor of a group's member and those who take turns for it: shifts of turns, and their ends.

A turn is one call of a handler with one message (or one batch). A shift is some turns of one subscription that one body
takes one after the other: quick handlers would otherwise cost less than their way to a thread and back.
"""

from __future__ import annotations

import msgspec

from dagger_actors.core.channel_rows import NewMessage, NewTimer
from dagger_actors.core.messages import ErrorDetail, Progressed, Turn

__all__ = [
    "NO_EFFECTS",
    "Delivered",
    "Handled",
    "Misfit",
    "NotTaken",
    "ShiftEnded",
    "Snoozed",
    "StartShift",
    "StartTurn",
    "TurnEffects",
    "TurnEnded",
    "TurnFailed",
    "TurnOutcome",
    "decode_shift",
    "decode_shift_ended",
    "decode_told",
    "encode_turns",
]


class Delivered(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One message as a handler is given it.

    Attributes:
        cursor_key: The subscription on the channel.
        offset: On the channel.
        channel: Its name.
        type: The name of the message's class; empty = none.
        payload: JSON text.
        published_at: Wall microseconds.
        try_no: The user's count, from 1.
        headers: A JSON object; None = none.
    """

    cursor_key: int
    offset: int
    channel: str
    type: str
    payload: bytes
    published_at: int
    try_no: int = 1
    headers: str | None = None


class StartTurn(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One call of the handler.

    Attributes:
        key: Whose turn it is; empty = no key.
        deliveries: One message; of a subscription with ``batch`` up to so many.
    """

    key: str
    deliveries: tuple[Delivered, ...]


class StartShift(msgspec.Struct, frozen=True, gc=False, tag="shift"):
    """Take these turns, in this order; turns of one key see what the earlier ones did.

    Attributes:
        shift: Its number, unique for the member.
        subscription: The name of the subscription.
        turns: One or more.
        is_ephemeral: Whether its messages are those of an ephemeral channel: then no change of a state is kept.
    """

    shift: int
    subscription: str
    turns: tuple[StartTurn, ...]
    is_ephemeral: bool = False


class Misfit(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A message of a batch that does not fit what the handler takes: a dead letter, ``refused``.

    Attributes:
        cursor_key: The subscription on the channel.
        offset: On the channel.
        error: What does not fit.
    """

    cursor_key: int
    offset: int
    error: ErrorDetail


class TurnEffects(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a turn did, all of it to be committed with its acknowledgement.

    Attributes:
        state: The state it leaves behind, as MessagePack; None = unchanged, or there is none.
        published: In order.
        timers: In order.
        turn: Statements, artifacts, spawned tasks, shared values.
        has_steps: Whether results of ``ctx.step`` are kept for its messages, to be forgotten with the acknowledgement.
        misfits: Messages of its batch that the handler was not given, to be given up with the commit of the others.
    """

    state: bytes | None = None
    published: tuple[NewMessage, ...] = ()
    timers: tuple[NewTimer, ...] = ()
    turn: Turn | None = None
    has_steps: bool = False
    misfits: tuple[Misfit, ...] = ()


NO_EFFECTS = TurnEffects()


class Handled(msgspec.Struct, frozen=True, gc=False, tag="handled"):
    """The handler returned."""

    effects: TurnEffects = NO_EFFECTS


class TurnFailed(msgspec.Struct, frozen=True, gc=False, tag="failed"):
    """The handler raised, or what it gave cannot be taken; nothing of the turn stays.

    Attributes:
        error: What was raised.
        is_fatal: Whether no other try is wanted.
        is_refused: Whether the message does not fit what the handler takes: it is tried no more.
        is_unreadable: Whether the state of its key cannot be read: the subscription is paused, and no try is counted.
        is_of_disk: Whether the disk has refused what it wanted: it is tried again until that is better, and no try is counted.
    """

    error: ErrorDetail
    is_fatal: bool = False
    is_refused: bool = False
    is_unreadable: bool = False
    is_of_disk: bool = False


class Snoozed(msgspec.Struct, frozen=True, gc=False, tag="snoozed"):
    """The handler wants the message again later; no try is counted, and nothing of the turn stays."""

    delay_us: int


class NotTaken(msgspec.Struct, frozen=True, gc=False, tag="not_taken"):
    """The turn was not begun: one of its key failed before it in the shift, or the shift was ended."""


TurnOutcome = Handled | TurnFailed | Snoozed | NotTaken


class TurnEnded(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """How one turn of a shift ended.

    Attributes:
        started_us: Wall microseconds.
        finished_us: Wall microseconds; not before.
        outcome: What became of it.
    """

    started_us: int
    finished_us: int
    outcome: TurnOutcome


class ShiftEnded(msgspec.Struct, frozen=True, gc=False, tag="shift_ended"):
    """A shift has ended.

    Attributes:
        shift: Its number.
        ends: One for each of its turns, in their order.
    """

    shift: int
    ends: tuple[TurnEnded, ...]


_encoder = msgspec.msgpack.Encoder()
_shift = msgspec.msgpack.Decoder(StartShift)
_shift_ended = msgspec.msgpack.Decoder(ShiftEnded)
_told = msgspec.msgpack.Decoder(ShiftEnded | Progressed)


def encode_turns(message: StartShift | ShiftEnded) -> bytes:
    """Encode one of the two."""
    return _encoder.encode(message)


def decode_shift(data: bytes) -> StartShift:
    """Decode what a body is told; raises ``msgspec.ValidationError`` for anything else."""
    return _shift.decode(data)


def decode_shift_ended(data: bytes) -> ShiftEnded:
    """Decode what a body tells; raises ``msgspec.ValidationError`` for anything else."""
    return _shift_ended.decode(data)


def decode_told(data: bytes) -> ShiftEnded | Progressed:
    """Decode what a body tells while it works and when it has ended; raises ``msgspec.ValidationError`` for anything else."""
    message: ShiftEnded | Progressed = _told.decode(data)
    return message
