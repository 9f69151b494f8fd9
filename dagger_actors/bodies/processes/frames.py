"""What parent and worker say to each other: MessagePack Structs, each behind its length."""

from __future__ import annotations

import socket
import struct

import msgspec

from dagger_actors.bodies.isolation import Home
from dagger_actors.core.messages import Outcome, StartAttempt

__all__ = ["Answer", "Ask", "Begin", "End", "Frames", "Logged", "Setup", "Step", "ToParent", "ToWorker", "send"]

HEAD = struct.Struct("<Q")
LARGEST_BYTES = 1 << 30
READ_BYTES = 1 << 16


class Setup(msgspec.Struct, frozen=True):
    """Given to a worker at birth, as JSON on its command line.

    Attributes:
        path: The parent's ``sys.path``.
        parent: The parent's process id.
        connection: Descriptor of its end of the socket pair.
        sentinel: Descriptor of the pipe that ends when the parent does.
        memory_bytes: Its address space at most; None = no limit.
        database: Where artifacts lie beside.
        artifact_threshold: Size in bytes from which an artifact is a file.
    """

    path: tuple[str, ...]
    parent: int
    connection: int
    sentinel: int
    memory_bytes: int | None
    database: str
    artifact_threshold: int


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """Run an attempt.

    Attributes:
        start: The attempt; its inputs are empty.
        home: Where its function is.
        context: Where the class of its context is.
        arguments: Each parameter's name and content; the flag says that it is bytes and no JSON.
        path: The parent's ``sys.path`` as it is now.
        secrets: Of each secret input its name, its variable and its text.
        trace: The trace context of the attempt; empty = nobody traces it.
    """

    start: StartAttempt
    home: Home
    context: Home
    arguments: tuple[tuple[str, bool, bytes], ...]
    path: tuple[str, ...]
    secrets: tuple[tuple[str, str, str], ...] = ()
    trace: tuple[tuple[str, str], ...] = ()


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """The answer to an ``Ask`` or a ``Logged``.

    Attributes:
        result: MessagePack.
        error: The exception that there is instead, pickled; empty = none.
    """

    result: bytes = b""
    error: bytes = b""


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """A request of the body, answered by the parent; the worker waits.

    Attributes:
        name: What is asked for.
        arguments: MessagePack.
    """

    name: str
    arguments: bytes


class Step(msgspec.Struct, frozen=True, tag="step"):
    """How far the body is."""

    done: float
    total: float | None


class Logged(msgspec.Struct, frozen=True, tag="log"):
    """A line of ``ctx.log``; answered, so that the order of what is told is kept."""

    level: int
    text: str


class End(msgspec.Struct, frozen=True, tag="end"):
    """The body has ended."""

    outcome: Outcome


ToWorker = Begin | Answer
ToParent = Ask | Step | Logged | End


def send(connection: socket.socket, message: msgspec.Struct) -> None:
    """Send one frame, whole."""
    data = msgspec.msgpack.encode(message)
    connection.sendall(HEAD.pack(len(data)))
    connection.sendall(data)


class Frames:
    """Puts what arrives together to frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Add what has arrived; the frames that are whole now are returned.

        Raises:
            ValueError: What arrives is no frame of ours.
        """
        buffer = self._buffer
        buffer += data
        whole: list[bytes] = []
        while len(buffer) >= HEAD.size:
            (size,) = HEAD.unpack_from(buffer)
            if size > LARGEST_BYTES:
                raise ValueError(f"a message of {size} bytes")
            if len(buffer) < HEAD.size + size:
                break
            whole.append(bytes(buffer[HEAD.size : HEAD.size + size]))
            del buffer[: HEAD.size + size]
        return whole
