"""How flows store and find artifacts: the store's two tiers as the records that travel in messages."""

from __future__ import annotations

from collections.abc import Callable

from dagger_actors.core.messages import ArtifactRecord
from dagger_actors.core.protocols import Cell
from dagger_actors.store.artifacts import ArtifactStore

__all__ = ["RunArtifacts", "artifact_row"]


def artifact_row(record: ArtifactRecord, created_us: int) -> tuple[Cell, ...]:
    """The row of a record, as ``artifacts.put`` takes it."""
    is_inline = record.location == "inline"
    return (
        record.artifact_id,
        record.kind,
        record.media_type,
        record.size_bytes,
        record.location,
        record.data.hex() if is_inline else None,
        None if is_inline else record.file_path,
        created_us,
    )


class RunArtifacts:
    """Implements ``bodies.context.ArtifactSource``.

    Args:
        store: Makes large artifacts safe at once.
        load: Reads a committed artifact's content, verified.
    """

    def __init__(self, store: ArtifactStore, load: Callable[[str], bytes]) -> None:
        self._store = store
        self.load = load

    def content(self, record: ArtifactRecord) -> bytes:
        """Read the content of what ``prepare`` made and nobody has committed yet."""
        return record.data if record.location == "inline" else self._store.load_file(record.artifact_id)

    def prepare(self, data: bytes, *, kind: str, media_type: str, name: str = "") -> ArtifactRecord:
        """Make an artifact safe: large ones are a file on disk when this returns, small ones travel in the record."""
        artifact = self._store.prepare(data, kind=kind, media_type=media_type)
        return ArtifactRecord(
            artifact.artifact_id,
            artifact.kind,
            artifact.media_type,
            artifact.size_bytes,
            artifact.location,
            artifact.file_path or "",
            artifact.data or b"",
            name,
        )
