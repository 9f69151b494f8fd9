"""Wire messages come back as they went, and nothing else comes in."""

from __future__ import annotations

import msgspec
import pytest

from dagger_actors.core.flow_messages import CancelRun, Detach, ExpandMap, Reopen, TimerFired, decode_message
from dagger_actors.core.messages import (
    ArtifactRecord,
    AttemptEnded,
    ErrorDetail,
    Failed,
    Gathered,
    Inline,
    Progressed,
    StartAttempt,
    Stored,
    Succeeded,
    Turn,
    decode_ended,
    decode_start,
    encode,
)

STORED = Stored("ab" * 32, "json", 2048, key="k")
RECORD = ArtifactRecord("ab" * 32, "bytes", "image/png", 3, "inline", data=b"\0\xff1", name="picture")
START = StartAttempt(
    run_key=2**40,
    node=3,
    item=-1,
    attempt=2,
    run_id="r/1 é",
    node_id="a.b",
    invocation_key="",
    action="act",
    inputs=(("x", Inline(b"[1]")), ("y", STORED), ("z", Gathered((Inline(b"1"), STORED)))),
    outputs=("total",),
    problem="why",
    owner=7,
    epoch=2,
)
ENDS = [
    AttemptEnded(1, 2, 3, 4, 5, 6, Succeeded(Inline(b'{"a":1}'), Turn((RECORD,)))),
    AttemptEnded(1, 2, -1, 4, 5, 6, Succeeded(STORED)),
    AttemptEnded(1, 2, 3, 4, 5, 6, Failed(ErrorDetail("m.E", "text", ("E", "m.E"), "line"))),
]
MESSAGES = [
    *ENDS,
    Progressed(1, 2, -1, 0.5, None),
    TimerFired("attempt", 1, 2, 3),
    TimerFired("flush"),
    ExpandMap(4),
    CancelRun(9),
    CancelRun(),
    Detach(),
    Detach(now=True),
    Reopen("why"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_supervisor_is_told_what_was_sent(message: msgspec.Struct) -> None:
    """Encoded once, decoded once, equal; hashable, so nobody can change it on the way."""
    assert decode_message(encode(message)) == message
    assert hash(message) == hash(decode_message(encode(message)))


def test_a_node_actor_is_told_what_was_sent() -> None:
    """Inputs keep their JSON text byte for byte."""
    assert decode_start(encode(START)) == START


@pytest.mark.parametrize("message", ENDS)
def test_a_completion_is_read_from_a_slot_as_it_was_told(message: AttemptEnded) -> None:
    """The slot file holds the message itself."""
    assert decode_ended(encode(message)) == message


def test_what_is_not_for_its_reader_is_refused_at_the_door() -> None:
    """A typed error, not a surprise deep inside."""
    for message in MESSAGES:
        with pytest.raises(msgspec.ValidationError):
            decode_start(encode(message))
    for message in (START, *MESSAGES[len(ENDS) :]):
        with pytest.raises(msgspec.ValidationError):
            decode_ended(encode(message))
    with pytest.raises(msgspec.ValidationError):
        decode_message(encode(START))


def test_a_field_of_another_type_is_refused() -> None:
    """Strictly: no number from text."""
    raw = msgspec.msgpack.encode({"type": "expand", "node": "4"})
    with pytest.raises(msgspec.ValidationError, match="node"):
        decode_message(raw)
