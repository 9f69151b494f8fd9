"""What actions need of the artifact store."""

from __future__ import annotations

from typing import Protocol

from dagger_actors.core.messages import ArtifactRecord

__all__ = ["ArtifactSource"]


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
