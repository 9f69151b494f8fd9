"""What an action may ask of the attempt it runs in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from dagger_actors.core.messages import ArtifactRecord, Progressed, StartAttempt
from dagger_actors.core.protocols import Clock
from dagger_actors.errors import OutputError

__all__ = ["ArtifactRef", "ArtifactSource", "Context", "write_log"]

PROGRESS_EVERY_US = 100_000
"""Progress is told at most ten times a second; the last call always counts."""

LONGEST_NAME = 200
"""Characters of an artifact's name, or of its media type."""

logger = logging.getLogger("dagger_actors.run")


class ArtifactRef(msgspec.Struct, frozen=True, kw_only=True):
    """Points at a stored artifact; may be returned by an action and taken by the next.

    Attributes:
        artifact_id: SHA-256 of its content, as 64 hexadecimal digits.
        kind: ``json`` or ``bytes``.
        size_bytes: Length of its content.
        media_type: What it is, as in ``application/json``.
        name: The name it was saved under; empty for an output.
    """

    artifact_id: str
    kind: str
    size_bytes: int
    media_type: str = "application/octet-stream"
    name: str = ""


class ArtifactSource(Protocol):
    """Stores and finds artifacts."""

    def prepare(self, data: bytes, *, kind: str, media_type: str, name: str = "") -> ArtifactRecord:
        """Make an artifact safe: large ones are a file on disk when this returns, small ones travel in the record."""
        ...

    def load(self, artifact_id: str) -> bytes:
        """Read an artifact's content, verified."""
        ...

    def content(self, record: ArtifactRecord) -> bytes:
        """Read the content of what ``prepare`` made and nobody has committed yet."""
        ...


class Context:
    """Given to an action that declares a parameter of this type.

    Attributes:
        run_id: The run's id.
        node_id: The node's id.
        invocation_key: The map item's key; empty when the node is not mapped.
        attempt: Which attempt this is, from 1; repeats after a crash count.
        idempotency_key: The same for every attempt of this invocation: hand it to services that understand one.
    """

    def __init__(
        self,
        start: StartAttempt,
        *,
        artifacts: ArtifactSource,
        clock: Clock,
        report: Callable[[msgspec.Struct], None],
        write: Callable[[int, str], None],
    ) -> None:
        self.run_id = start.run_id
        self.node_id = start.node_id
        self.invocation_key = start.invocation_key
        self.attempt = start.attempt
        self._start = start
        self._artifacts = artifacts
        self._clock = clock
        self._report = report
        self._write = write
        self._saved: dict[str, ArtifactRecord] = {}
        self._is_cancelled = False
        self._told_us = -PROGRESS_EVERY_US

    @property
    def idempotency_key(self) -> str:
        """Run, node and invocation; unchanged by retries."""
        return _idempotency_key(self._start)

    @property
    def cancelled(self) -> bool:
        """Whether this attempt is over (a cancel, a time-out): long bodies look now and then, and return."""
        return self._is_cancelled

    def progress(self, done: float, total: float | None = None) -> None:
        """Tell how far the body is; shown live, never stored, and passed on at most ten times a second.

        Raises:
            TypeError, ValueError: One of the two is no number.
        """
        done, total = float(done), None if total is None else float(total)
        now_us = self._clock.now().mono_us
        if now_us - self._told_us < PROGRESS_EVERY_US and done != total:
            return
        self._told_us = now_us
        self._report(Progressed(self._start.run_key, self._start.node, self._start.item, done, total))

    def log(self, message: str, *, level: int = logging.INFO) -> None:
        """Write to the logger ``dagger_actors.run``, with the ids of this attempt as fields of the record."""
        self._write(level, str(message))

    def save(self, name: str, data: bytes | str, media_type: str = "application/octet-stream") -> ArtifactRef:
        """Store data as an artifact of this attempt; it becomes part of the run when the attempt succeeds.

        Args:
            name: For people, unique within the attempt; saving it again replaces it. Not empty.
            data: The content; text is stored as UTF-8.
            media_type: What it is.

        Returns:
            A reference that may be returned and handed on.

        Raises:
            OutputError: The content is neither bytes nor text; or the name or the media type is no text of 1 to 200
                printable characters.
            StoreError: The disk refused.
        """
        _refuse_unprintable("an artifact's name", name)
        _refuse_unprintable("a media type", media_type)
        if not isinstance(data, bytes | bytearray | memoryview | str):
            raise OutputError(f"an artifact's content is bytes or text, not a {type(data).__name__}")
        content = data.encode() if isinstance(data, str) else bytes(data)
        record = self._artifacts.prepare(content, kind="bytes", media_type=media_type, name=name)
        self._saved[name] = record
        return reference(record)

    def load(self, artifact: ArtifactRef) -> bytes:
        """Read an artifact's content.

        Raises:
            ArtifactMissing, ArtifactCorrupt: It is not there, or no longer what it was.
        """
        for record in self._saved.values():
            if record.artifact_id == artifact.artifact_id:
                return self._artifacts.content(record)
        return self._artifacts.load(artifact.artifact_id)

    def saved(self) -> tuple[ArtifactRecord, ...]:
        """What ``save`` stored so far; for the node actor."""
        return tuple(self._saved.values())

    def cancel(self) -> None:
        """Mark the attempt as over; for the node actor."""
        self._is_cancelled = True


def _idempotency_key(start: StartAttempt) -> str:
    key = f"{start.run_id}/{start.node_id}"
    return f"{key}/{start.invocation_key}" if start.invocation_key else key


def write_log(start: StartAttempt, level: int, message: str) -> None:
    """Write what an attempt logged to the logger ``dagger_actors.run``."""
    fields = {
        "run_id": start.run_id,
        "node_id": start.node_id,
        "invocation_key": start.invocation_key,
        "attempt": start.attempt,
    }
    logger.log(level, "%s: %s", _idempotency_key(start), message, extra=fields)


def _refuse_unprintable(what: str, text: object) -> None:
    # A file's name may hold bytes that are no text (lone surrogates): neither SQLite nor a terminal takes those.
    if not isinstance(text, str) or not text.isprintable() or not 1 <= len(text) <= LONGEST_NAME:
        raise OutputError(f"{what} is text of 1 to {LONGEST_NAME} printable characters, not {text!r:.100}")


def reference(record: ArtifactRecord) -> ArtifactRef:
    """The reference to a stored record."""
    return ArtifactRef(
        artifact_id=record.artifact_id,
        kind=record.kind,
        size_bytes=record.size_bytes,
        media_type=record.media_type,
        name=record.name,
    )
