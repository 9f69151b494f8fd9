"""References to stored artifacts, as actions take and return them, and what their names may be."""

from __future__ import annotations

import msgspec

from dagger_actors.core.messages import ArtifactRecord
from dagger_actors.errors import OutputError

__all__ = ["LONGEST_NAME", "ArtifactRef", "reference", "refuse_unprintable"]

LONGEST_NAME = 200
"""Characters of an artifact's name, or of its media type."""


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


def reference(record: ArtifactRecord) -> ArtifactRef:
    """The reference to a stored record."""
    return ArtifactRef(
        artifact_id=record.artifact_id,
        kind=record.kind,
        size_bytes=record.size_bytes,
        media_type=record.media_type,
        name=record.name,
    )


def refuse_unprintable(what: str, text: object) -> None:
    """Refuse what is no name; raises OutputError."""
    # A file's name may hold bytes that are no text (lone surrogates): neither SQLite nor a terminal takes those.
    if not isinstance(text, str) or not text.isprintable() or not 1 <= len(text) <= LONGEST_NAME:
        reason = f"{what} is text of 1 to {LONGEST_NAME} printable characters, not {text!r:.100}"
        raise OutputError(reason, "choose another", "the artifact")
