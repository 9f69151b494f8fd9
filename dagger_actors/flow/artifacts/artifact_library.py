"""``system.artifacts``: what is stored, by its content; looked up, put, listed and written out.

An artifact's id is the SHA-256 of its content, so the same content is one artifact, whoever stored it. Each place that
names it is a root for collection: an attempt's output, what it saved, a stored step, and what ``put`` keeps for nobody's run.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from dagger_actors.bodies.artifact_ref import LONGEST_NAME, ArtifactRef
from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.core.protocols import Clock, Write
from dagger_actors.core.wording import indefinite
from dagger_actors.errors import AmbiguousArtifact, RequestError, SystemClosed, UnknownArtifact
from dagger_actors.flow.artifacts.writing_out import write_out
from dagger_actors.reading.filters import check_limit
from dagger_actors.store.artifacts import ArtifactStore
from dagger_actors.store.reader import Readers

__all__ = ["ArtifactEntry", "ArtifactLibrary", "ArtifactReader"]

LISTED = 1000
SHORTEST_PREFIX = 6
"""Digits of an id that may stand for the whole, as in git."""

PREFIX = re.compile(rf"[0-9a-f]{{{SHORTEST_PREFIX},64}}")
KINDS = ("json", "bytes")
ANY_RUN = (0, 2**62)


class ArtifactEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One place that names an artifact; one that is named in several places has an entry for each.

    Attributes:
        artifact_id: SHA-256 of its content, as 64 hexadecimal digits.
        kind: ``json`` or ``bytes``.
        media_type: What it is, as in ``application/json``.
        size_bytes: Length of its content.
        location: ``inline``: in the database; ``file``: in the folder beside it.
        role: ``output`` of an attempt, ``saved`` by one, a ``step`` of one, or ``put`` for no run.
        name: The name it was saved, stepped or put under; empty for an output.
        run_id: The run; None for ``put``.
        node_id: The node; empty for ``put``.
        invocation_key: The map item's key; empty when the node is not mapped.
        attempt: The attempt, from 1; 0 for ``put``.
    """

    artifact_id: str
    kind: str
    media_type: str
    size_bytes: int
    location: str
    role: str
    name: str
    run_id: str | None
    node_id: str
    invocation_key: str
    attempt: int


class ArtifactHome(Protocol):
    """What is read from; ``store.look.Look`` and ``store.store.Store`` are such."""

    path: Path
    readers: Readers

    def load_artifact(self, artifact_id: str) -> bytes:
        """Read an artifact's content, verified."""
        ...


class ArtifactReader:
    """The artifacts of one database, to look at.

    Args:
        home: The database.
        run_key: Finds a run's key by its id; raises ``RunNotFound``.
    """

    def __init__(self, home: ArtifactHome, run_key: Callable[[str], int]) -> None:
        self._home = home
        self._run_key = run_key

    def find(self, artifact: str | ArtifactRef | ArtifactEntry) -> str:
        """The whole id of an artifact.

        Args:
            artifact: Its id, the first 6 or more digits of it, or what points at it.

        Raises:
            RequestError: That is no id.
            UnknownArtifact: There is none.
            AmbiguousArtifact: There are several.
        """
        wanted = artifact if isinstance(artifact, str) else artifact.artifact_id
        if not PREFIX.fullmatch(wanted):
            advice = "list them with: dagger-actors artifacts list"
            raise RequestError(
                f"{wanted[:80]!r} is no artifact's id: that is 64 hexadecimal digits, or the first "
                f"{SHORTEST_PREFIX} or more of them; {advice}"
            )
        found = [row[0] for row in self._home.readers.query("read.artifact_ids", wanted, f"{wanted}g")]
        if not found:
            raise UnknownArtifact(wanted, str(self._home.path))
        if len(found) > 1:
            raise AmbiguousArtifact(wanted, found)
        return str(found[0])

    def get(self, artifact: str | ArtifactRef | ArtifactEntry) -> bytes:
        """Read an artifact's content; its hash is verified.

        Args:
            artifact: Its id, the first 6 or more digits of it, or what points at it.

        Raises:
            UnknownArtifact, AmbiguousArtifact: None, or several, are meant.
            ArtifactMissing, ArtifactCorrupt: Its file is gone, or no longer what it was.
            BlockingCall: On a running event loop; use ``await artifacts.aget(...)``.
        """
        refuse_on_loop("artifacts.get()", "await artifacts.aget(...)")
        return self._home.load_artifact(self.find(artifact))

    def list(
        self, *, run: str | None = None, node: str | None = None, kind: str | None = None, limit: int = LISTED
    ) -> tuple[ArtifactEntry, ...]:
        """What is stored, and where it comes from; the newest runs first, then what belongs to no run.

        Args:
            run: Only of the run of this id.
            node: Only of nodes of this id.
            kind: Only ``json`` or only ``bytes``.
            limit: At most so many entries; 1 or more.

        Raises:
            RunNotFound: There is no such run.
            RequestError: A filter has a value that it cannot have.
            BlockingCall: On a running event loop; use ``await artifacts.alist(...)``.
        """
        refuse_on_loop("artifacts.list()", "await artifacts.alist(...)")
        if kind is not None and kind not in KINDS:
            raise RequestError(f"an artifact's kind is {' or '.join(KINDS)}, not {kind!r:.80}")
        if node is not None and not node:
            raise RequestError("node is the id of a node, which is never empty")
        check_limit(limit)
        first, last = ANY_RUN if run is None else (self._run_key(run),) * 2
        with_put = int(run is None and node is None)
        found = self._home.readers.query("read.artifact_uses", first, last, node or "", kind or "", with_put, limit)
        return tuple(_entry(row) for row in found)

    def export(self, artifact: str | ArtifactRef | ArtifactEntry, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write an artifact's content to a file: whole or not at all, and durable on return.

        Args:
            artifact: Its id, the first 6 or more digits of it, or what points at it.
            path: The file; its folder must exist. A link there is replaced, never followed.
            overwrite: Whether to replace what is there.

        Returns:
            The file.

        Raises:
            ExportRefused: Something is there already, or the system refused.
            UnknownArtifact, AmbiguousArtifact: None, or several, are meant.
            ArtifactMissing, ArtifactCorrupt: Its file is gone, or no longer what it was.
            BlockingCall: On a running event loop; use ``await artifacts.aexport(...)``.
        """
        refuse_on_loop("artifacts.export()", "await artifacts.aexport(...)")
        return write_out(Path(path), self._home.load_artifact(self.find(artifact)), overwrite=overwrite)

    # --- on an event loop

    async def aget(self, artifact: str | ArtifactRef | ArtifactEntry) -> bytes:
        """``get``, without blocking the loop."""
        return await asyncio.to_thread(self.get, artifact)

    async def alist(
        self, *, run: str | None = None, node: str | None = None, kind: str | None = None, limit: int = LISTED
    ) -> tuple[ArtifactEntry, ...]:
        """``list``, without blocking the loop."""
        return await asyncio.to_thread(self.list, run=run, node=node, kind=kind, limit=limit)

    async def aexport(
        self, artifact: str | ArtifactRef | ArtifactEntry, path: str | Path, *, overwrite: bool = False
    ) -> Path:
        """``export``, without blocking the loop."""
        return await asyncio.to_thread(self.export, artifact, path, overwrite=overwrite)


class ArtifactLibrary(ArtifactReader):
    """The artifacts of a system.

    Args:
        home: The database.
        run_key: Finds a run's key by its id; raises ``RunNotFound``.
        store: Makes content safe.
        commit: Writes one unit; it is durable when that returns.
        clock: For times in rows.
    """

    def __init__(
        self,
        home: ArtifactHome,
        run_key: Callable[[str], int],
        *,
        store: ArtifactStore,
        commit: Callable[[Sequence[Write]], None],
        clock: Clock,
    ) -> None:
        super().__init__(home, run_key)
        self._store = store
        self._commit = commit
        self._clock = clock
        self._is_closed = False

    def put(self, data: bytes | str, *, name: str = "", media_type: str = "application/octet-stream") -> ArtifactRef:
        """Store content that belongs to no run; it is durable when this returns, and kept until somebody drops it.

        Args:
            data: The content; text is stored as UTF-8.
            name: For people; up to 200 printable characters, empty = none. One artifact may have several.
            media_type: What it is; 1 to 200 printable characters.

        Returns:
            A reference that ``get`` and ``ctx.load`` take.

        Raises:
            RequestError: The content is neither bytes nor text, or a name cannot be.
            StoreError: The disk refused.
            BlockingCall: On a running event loop; use ``await artifacts.aput(...)``.
        """
        refuse_on_loop("artifacts.put()", "await artifacts.aput(...)")
        if self._is_closed:
            raise SystemClosed
        if not isinstance(data, bytes | bytearray | memoryview | str):
            raise RequestError(f"an artifact's content is bytes or text, not {indefinite(type(data).__name__)}")
        if name:
            _refuse_unprintable("an artifact's name", name)
        _refuse_unprintable("a media type", media_type)
        content = data.encode() if isinstance(data, str) else bytes(data)
        one = self._store.prepare(content, kind="bytes", media_type=media_type)
        now = self._clock.now().wall_us
        inline = None if one.data is None else one.data.hex()
        row = (one.artifact_id, one.kind, media_type, one.size_bytes, one.location, inline, one.file_path, now)
        keep = (one.artifact_id, name, media_type, now)
        self._commit([Write("artifacts.put", (row,), None), Write("kept_artifacts.put", (keep,), 1)])
        return ArtifactRef(
            artifact_id=one.artifact_id, kind=one.kind, size_bytes=one.size_bytes, media_type=media_type, name=name
        )

    async def aput(
        self, data: bytes | str, *, name: str = "", media_type: str = "application/octet-stream"
    ) -> ArtifactRef:
        """``put``, without blocking the loop."""
        return await asyncio.to_thread(self.put, data, name=name, media_type=media_type)

    def close(self) -> None:
        """Take nothing new."""
        self._is_closed = True


def _entry(row: tuple[object, ...]) -> ArtifactEntry:
    return msgspec.convert(dict(zip(ArtifactEntry.__struct_fields__, row, strict=False)), ArtifactEntry)


def _refuse_unprintable(what: str, text: object) -> None:
    if not isinstance(text, str) or not text.isprintable() or not 1 <= len(text) <= LONGEST_NAME:
        raise RequestError(f"{what} is text of 1 to {LONGEST_NAME} printable characters, not {text!r:.100}")
