"""What a body may ask of the attempt it runs in, whoever ordered it.

Who orders attempts derives a context of its own from ``BodyContext``: a body that declares a parameter of such a type is
given one, made in the process that runs it.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import msgspec

from dagger_actors.bodies.artifact_ref import ArtifactRef, reference, refuse_unprintable
from dagger_actors.bodies.artifact_source import ArtifactSource
from dagger_actors.bodies.attempt_end import AttemptEnd
from dagger_actors.bodies.backends import Backends, StepPlace
from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.bodies.secret import NO_MASK, Mask
from dagger_actors.bodies.steps import Steps
from dagger_actors.bodies.tables import Tables
from dagger_actors.core.messages import ArtifactRecord, Progressed, SqlValue, StartAttempt, Turn
from dagger_actors.core.protocols import Clock
from dagger_actors.core.wording import indefinite
from dagger_actors.errors import OutputError

__all__ = ["BodyContext", "Surroundings"]

PROGRESS_EVERY_US = 100_000
"""Progress is told at most ten times a second; the last call always counts."""

T = TypeVar("T")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a context is made with besides its start; differs between this process and a worker process.

    Attributes:
        artifacts: Stores and finds artifacts.
        clock: The time.
        report: Takes a message to whoever ordered the attempt.
        write: Takes a line of the log, behind its level.
        backends: What is asked of the process.
        mask: What must not be seen.
    """

    artifacts: ArtifactSource
    clock: Clock
    report: Callable[[msgspec.Struct], None]
    write: Callable[[int, str], None]
    backends: Backends
    mask: Mask = NO_MASK


class BodyContext(ABC):
    """Given to a body that declares a parameter of this type.

    A class of these is found by its import path in worker processes, so it stands at the top of a module. Its instances are
    made with the same two arguments.

    Args:
        start: The attempt.
        around: What it is made with besides.

    Attributes:
        may_suspend: Whether ``Suspend`` ends a body of this kind for now; else it is a failure like any other.
        attempt: Which attempt this is, from 1; repeats after a crash count.
        idempotency_key: The same for every attempt at the same work: hand it to services that understand one.
    """

    may_suspend: ClassVar[bool] = False

    _made_tables: Tables | None = None
    _made_steps: Steps | None = None

    def __init__(self, start: StartAttempt, around: Surroundings) -> None:
        self.attempt = start.attempt
        self._start = start
        self._artifacts = around.artifacts
        self._clock = around.clock
        self._report = around.report
        self._write = around.write
        self._backends = around.backends
        self._mask = around.mask
        self._saved: dict[str, ArtifactRecord] = {}
        self._end = AttemptEnd()
        self._is_cancelled = False
        self._told_us = -PROGRESS_EVERY_US

    # Made when they are needed; setdefault, so that threads of one body that are the first at once have the same ones.

    @property
    def _tables(self) -> Tables:
        return self._made_tables or self.__dict__.setdefault(
            "_made_tables", Tables(self._backends.tables, self._mask, self._end)
        )

    @property
    def _steps(self) -> Steps:
        if self._made_steps is None:
            made = Steps(self._step_place(), source=self._backends.steps, artifacts=self._artifacts, mask=self._mask)
            self.__dict__.setdefault("_made_steps", made)
        assert self._made_steps is not None
        return self._made_steps

    def _step_place(self) -> StepPlace:
        start = self._start
        return StepPlace(run_key=start.run_key, node=start.node, item=start.item, owner=start.owner, epoch=start.epoch)

    @staticmethod
    @abstractmethod
    def write_log(start: StartAttempt, level: int, message: str) -> None:
        """Write what an attempt logged to the logger ``dagger_actors.run``, with what names the attempt as fields."""

    @property
    @abstractmethod
    def idempotency_key(self) -> str:
        """The same for every attempt at the same work."""

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
        self._write(level, self._mask.text(str(message)))

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
            AttemptOver: The attempt is over.
            StoreError: The disk refused.
        """
        refuse_unprintable("an artifact's name", name)
        refuse_unprintable("a media type", media_type)
        if not isinstance(data, bytes | bytearray | memoryview | str):
            reason = f"an artifact's content is bytes or text, not {indefinite(type(data).__name__)}"  # type: ignore[unreachable]
            raise OutputError(reason, "encode it first", "the artifact")
        what = "what ctx.save is given"
        self._end.refuse(what)
        content = data.encode() if isinstance(data, str) else bytes(data)
        record = self._artifacts.prepare(content, kind="bytes", media_type=media_type, name=name)
        self._end.keep(what, self._saved.__setitem__, name, record)
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

    def step(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a function once for this invocation, whatever happens: its result is committed before this returns.

        A later attempt, a repeat after a crash and a ``retry`` of the run get the stored result and do not call it. The
        same name is the same step, also within one attempt. What raises stores nothing and is called again.

        Args:
            name: Names the step within the invocation; 1 to 200 printable characters.
            function: A plain function.
            *args: What it is called with; a later call may give something else and still gets the stored result.
            **kwargs: The same by name.

        Returns:
            What is stored, always as it comes out of the store: a tuple as a list, a Struct or dataclass as a dict, the
            content of a ``Path`` as bytes.

        Raises:
            BlockingCall: On a running event loop; use ``await ctx.astep(...)``.
            StepRefused: The name is no name or is being taken by another thread, the function is a coroutine function,
                or these are more than 10,000 steps.
            OutputError: The result cannot be stored.
            AttemptOver: The run has ended or is another process's: nothing more of this attempt is stored.
            StoreError: The disk refused.
        """
        return self._steps.take(name, function, args, kwargs)

    async def astep(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """``step``, without blocking the loop.

        Args:
            name: As in ``step``.
            function: A coroutine function; a plain one runs on the loop, so a long one is
                ``await ctx.astep(name, asyncio.to_thread, function, ...)``.
            *args: As in ``step``.
            **kwargs: As in ``step``.
        """
        return await self._steps.atake(name, function, args, kwargs)

    def execute(self, sql: str, args: Sequence[SqlValue] = ()) -> None:
        """Change rows of your own tables, in the very transaction that records this attempt's success: exactly once.

        An attempt that fails, is cancelled, times out or is cut off changes nothing. The tables come from
        ``ActorSystem(schema="file.sql")``. What the statement does is seen by nobody before the attempt has succeeded.

        Args:
            sql: One INSERT, UPDATE, DELETE or REPLACE, with ``?`` for each argument.
            args: int, float, str, bytes, bool or None each.

        Raises:
            StatementRefused: It is something else, touches tables that are not yours, or these are more than 10,000
                statements or 16 MiB. What only the transaction can tell, such as a constraint, fails the attempt with
                ``StatementFailed`` when it has returned; its retry policy applies.
            AttemptOver: The attempt is over.
        """
        self._tables.execute(sql, args)

    def query(self, sql: str, args: Sequence[SqlValue] = ()) -> list[tuple[SqlValue, ...]]:
        """Read the last commit; what this attempt executes is not in it.

        Args:
            sql: One query, with ``?`` for each argument.
            args: As in ``execute``.

        Returns:
            At most 100,000 rows.

        Raises:
            StatementRefused: It is no single query, or gives more rows.
            BlockingCall: On a running event loop; use ``await ctx.aquery(...)``.
        """
        refuse_on_loop("ctx.query()", "await ctx.aquery(...)")
        return self._tables.query(sql, args)

    async def aquery(self, sql: str, args: Sequence[SqlValue] = ()) -> list[tuple[SqlValue, ...]]:
        """``query``, without blocking the loop."""
        return await asyncio.to_thread(self._tables.query, sql, args)

    def resource(self, kind: type[T]) -> T:
        """Give this process's object of a type, as ``ActorSystem(resources={Type: factory})`` made it.

        Raises:
            UnknownResource: There is none; lists those there are.
        """
        found: T = self._backends.resources.get(kind)
        return found

    def turn(self, artifacts: tuple[ArtifactRecord, ...]) -> Turn:
        """All that is committed with the end, unless that is a failure; ``artifacts`` of its output first; for the body actor."""
        self._end.come()
        tables = self._made_tables
        return Turn(artifacts + tuple(self._saved.values()), () if tables is None else tuple(tables.statements))

    def cancel(self) -> None:
        """The attempt is over, whatever the body does; for the body actor."""
        self._is_cancelled = True
        self._end.come()

    def close(self) -> None:
        """The attempt has ended, and its body with it; for the body actor."""
        self._end.come()
