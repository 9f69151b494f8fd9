"""What travels between bodies and whoever orders them: frozen tagged Structs, encoded once, decoded strictly.

Values of user code travel as JSON text inside them, so an output is encoded once, in the action's own thread, and the
same bytes reach the row, the next node and the reader. They hold no cycles, so the collector need not look at them
(``gc=False``): there are thousands at any moment.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.run_rows import NewRun
from dagger_actors.core.task_rows import NewTask, SharedChange, Wait

__all__ = [
    "A_DELIVERY",
    "A_TASK",
    "ArtifactRecord",
    "AttemptEnded",
    "CacheUse",
    "CacheWish",
    "ErrorDetail",
    "Failed",
    "Gathered",
    "Inline",
    "Outcome",
    "Output",
    "Progressed",
    "RunValue",
    "SecretName",
    "SqlValue",
    "StartAttempt",
    "StartAttempts",
    "Statement",
    "Stored",
    "Succeeded",
    "Suspended",
    "TaskFacts",
    "Turn",
    "Value",
    "decode_ended",
    "decode_from_body",
    "decode_start",
    "decode_starts",
    "encode",
    "is_end",
]


class Inline(msgspec.Struct, frozen=True, gc=False, tag="inline"):
    """A value as JSON text."""

    json: bytes


class Stored(msgspec.Struct, frozen=True, gc=False, tag="stored"):
    """A value in the artifact store.

    Attributes:
        artifact_id: SHA-256 of its content, as 64 hexadecimal digits.
        kind: ``json`` (content is JSON text) or ``bytes``.
        size_bytes: Length of its content.
        key: Name within the JSON object; None for the whole.
    """

    artifact_id: str
    kind: str
    size_bytes: int
    key: str | None = None


Output = Inline | Stored


class Gathered(msgspec.Struct, frozen=True, gc=False, tag="gathered"):
    """The outputs of a mapped node's items, in order."""

    items: tuple[Output, ...]


class SecretName(msgspec.Struct, frozen=True, gc=False, tag="secret"):
    """Where a secret is: the name of an environment variable of the process that runs the action."""

    variable: str


Value = Inline | Stored | Gathered | SecretName


class CacheWish(msgspec.Struct, frozen=True, gc=False):
    """The output of an attempt may come from the cache, and goes there.

    Attributes:
        flow_name: With the node's id, whose last key a new one is compared with.
        ttl_us: How old an output may be; None = any age.
        is_reused: False = compute anew, whatever is stored.
    """

    flow_name: str
    ttl_us: int | None
    is_reused: bool


A_TASK = -1
"""In the place of a node: the attempt is one of a task, not of a run's node, and its other keys are the task's."""


A_DELIVERY = -2
"""In the place of a node: a turn of a subscriber; the run's place has the cursor_key, the item's the offset."""


class TaskFacts(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What an attempt at a task may know besides; most have none of it.

    Attributes:
        try_no: The user's count of it, from 1.
        job_key: The task's job.
        parent: Id of the task that spawned it.
        has_children: Whether an earlier attempt has spawned tasks.
        trace: The trace that the task is part of, as text of the telemetry; None = of none.
    """

    try_no: int = 1
    job_key: int | None = None
    parent: int | None = None
    has_children: bool = False
    trace: str | None = None


class StartAttempt(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="start"):
    """Run one attempt.

    Attributes:
        run_key: The run's integer key.
        node: Position of the node in the definition; ``A_TASK`` = whoever owns tasks has ordered it.
        item: Position of the map item; -1 for the node itself.
        attempt: From 1.
        run_id: The run's id.
        node_id: The node's id.
        invocation_key: The item's key; empty for the node itself.
        action: Name of the action.
        inputs: Arguments by parameter name.
        outputs: Names its result must hold.
        problem: Why the inputs could not be put together; the attempt then fails with it. Empty = they could.
        lacking: The parameter for which that is so.
        cache: How the cache serves it; None = not at all.
        owner: The worker that owns the run; with ``epoch`` the fence of what the attempt itself stores.
        epoch: Counts the run's owners.
        has_secrets: Whether some of its inputs are secrets.
        task: What else is known of a task; None = nothing out of the ordinary.
    """

    run_key: int
    node: int
    item: int
    attempt: int
    run_id: str
    node_id: str
    invocation_key: str
    action: str
    inputs: tuple[tuple[str, Value], ...] = ()
    outputs: tuple[str, ...] = ()
    problem: str = ""
    lacking: str = ""
    cache: CacheWish | None = None
    owner: int = 0
    epoch: int = 0
    has_secrets: bool = False
    task: TaskFacts | None = None


class StartAttempts(msgspec.Struct, frozen=True, gc=False, tag="starts"):
    """Run attempts one after the other."""

    starts: tuple[StartAttempt, ...]


class ArtifactRecord(msgspec.Struct, frozen=True, gc=False):
    """An artifact to be written with the completion.

    Attributes:
        name: The name ``ctx.save`` gave it; empty for an output.
        location: ``inline``, ``file``, or ``stored``: it has its row already, and only its name is new.
        data: Its content when inline; empty when it is a file already.
    """

    artifact_id: str
    kind: str
    media_type: str
    size_bytes: int
    location: str
    file_path: str = ""
    data: bytes = b""
    name: str = ""


class CacheUse(msgspec.Struct, frozen=True, gc=False):
    """What the cache had to do with an output.

    Attributes:
        input_hash: The key.
        parts: Its parts by name, as JSON.
        is_hit: Whether the output came from the cache; else it goes there.
    """

    input_hash: str
    parts: str
    is_hit: bool


SqlValue = int | float | str | bytes | bool | None
"""What a statement may be given."""


class Statement(msgspec.Struct, frozen=True, gc=False):
    """One statement of an attempt on a user's own tables.

    Attributes:
        args: ``SqlValue`` each; msgspec knows no union of text and bytes, but MessagePack keeps them apart.
    """

    sql: str
    args: tuple[Any, ...] = ()


class RunValue(msgspec.Struct, frozen=True, gc=False):
    """One value an attempt writes into its run's namespace.

    Attributes:
        json: The value, as JSON text.
        is_append: Whether it is an item for the list at that key, not the value itself.
    """

    key: str
    json: bytes
    is_append: bool = False


class Turn(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What an attempt did besides returning: all of it is committed with its end, or none.

    Attributes:
        reason: A word on how it came to its output, for its row; empty = none.
        spawned: Tasks that it has made; of tasks and of turns of subscribers.
        started: Runs that it has started; of turns of subscribers.
        shared: What it changes of the shared state; of tasks and of actions of flows.
        waits: Whom it waits for; for tasks that are suspended.
        mark: What keeps the body, when it runs again, from repeating its shared changes; for tasks that are suspended.
        published: Messages for channels; of tasks and of actions of flows.
        growth: Nodes that it adds to its run, encoded as flows do; for actions of flows.
    """

    artifacts: tuple[ArtifactRecord, ...] = ()
    statements: tuple[Statement, ...] = ()
    values: tuple[RunValue, ...] = ()
    cache: CacheUse | None = None
    reason: str = ""
    spawned: tuple[NewTask, ...] = ()
    shared: tuple[SharedChange, ...] = ()
    waits: tuple[Wait, ...] = ()
    mark: str = ""
    published: tuple[NewMessage, ...] = ()
    started: tuple[NewRun, ...] = ()
    growth: bytes = b""


class ErrorDetail(msgspec.Struct, frozen=True, gc=False):
    """A failure of user code.

    Attributes:
        type: Dotted name of the exception's class.
        message: Its text, at most 4 KiB.
        names: Names of its class and bases, for ``retry_on``.
        traceback: The user's frames, at most 8 KiB.
    """

    type: str
    message: str
    names: tuple[str, ...] = ()
    traceback: str = ""


class Succeeded(msgspec.Struct, frozen=True, gc=False, tag="succeeded"):
    """The body returned."""

    output: Output
    turn: Turn = Turn()


class Failed(msgspec.Struct, frozen=True, gc=False, tag="failed"):
    """The body raised."""

    error: ErrorDetail


class Suspended(msgspec.Struct, frozen=True, gc=False, tag="suspended"):
    """The body waits for something, and holds nothing meanwhile: it will be run again from its beginning."""

    turn: Turn = Turn()


Outcome = Succeeded | Failed | Suspended


class AttemptEnded(msgspec.Struct, frozen=True, gc=False, tag="ended"):
    """A body has ended; sent by its body actor to whoever ordered the attempt."""

    run_key: int
    node: int
    item: int
    attempt: int
    started_us: int
    finished_us: int
    outcome: Outcome


class Progressed(msgspec.Struct, frozen=True, gc=False, tag="progress"):
    """A body tells how far it is; never stored."""

    run_key: int
    node: int
    item: int
    done: float
    total: float | None


_encoder = msgspec.msgpack.Encoder()
_start = msgspec.msgpack.Decoder(StartAttempt)
_starts = msgspec.msgpack.Decoder(StartAttempts)
_ended = msgspec.msgpack.Decoder(AttemptEnded)
_from_body = msgspec.msgpack.Decoder(AttemptEnded | Progressed)


def encode(message: msgspec.Struct) -> bytes:
    """Encode any message."""
    return _encoder.encode(message)


def decode_start(data: bytes) -> StartAttempt:
    """Decode what a body actor is told; raises ``msgspec.ValidationError`` for anything else."""
    return _start.decode(data)


def decode_starts(data: bytes) -> StartAttempts:
    """Decode what the body of a shift is told; raises ``msgspec.ValidationError`` for anything else."""
    return _starts.decode(data)


def decode_ended(data: bytes) -> AttemptEnded:
    """Decode a completion, as a slot file kept it."""
    return _ended.decode(data)


def is_end(data: bytes) -> bool:
    """Tell whether this is an encoded completion."""
    try:
        _ended.decode(data)
    except msgspec.DecodeError:
        return False
    return True


def decode_from_body(data: bytes) -> AttemptEnded | Progressed:
    """Decode what a body tells whoever ordered its attempt; raises ``msgspec.ValidationError`` for anything else."""
    message: AttemptEnded | Progressed = _from_body.decode(data)
    return message
