"""Writes what a run stored into a folder: one file for each artifact that it named, and a manifest.

File names are made from node, item and name, of which any may be hostile: what is no plain character is written as
``%XX``, so no name leads out of the folder, none is hidden, and two that a file system might take for one (case, composed
and decomposed letters, 5 kB that differ at the end) stay two.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from dagger_actors.errors import ExportRefused
from dagger_actors.flow.artifacts.artifact_library import ArtifactEntry
from dagger_actors.flow.artifacts.writing_out import write_out

__all__ = ["MANIFEST", "ExportedFile", "export_run", "file_names"]

MANIFEST = "manifest.json"
LONGEST_PART = 60
"""Bytes of each of node, item and name that a file name keeps: three of them, and a hash, fit into 255."""

HOSTILE = re.compile(rb"[^A-Za-z0-9_.\-]")
ENDINGS = {"application/json": ".json", "text/plain": ".txt"}


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the manifest.

    Attributes:
        file: Its name in the folder.
        artifact: What it holds, and where that comes from.
    """

    file: str
    artifact: ArtifactEntry


def file_names(entries: Sequence[ArtifactEntry]) -> list[str]:
    """Name a file for each entry: safe anywhere, and no two alike, on file systems that ignore case neither.

    Args:
        entries: Of one run.

    Returns:
        The names, in order.
    """
    plain = [_plain(entry) for entry in entries]
    count: dict[str, int] = {MANIFEST: 1}
    for name in plain:
        count[name.lower()] = count.get(name.lower(), 0) + 1
    return [
        name if count[name.lower()] == 1 else _told_apart(name, entry)
        for name, entry in zip(plain, entries, strict=True)
    ]


def export_run(
    entries: Sequence[ArtifactEntry], folder: Path, load: Callable[[ArtifactEntry], bytes], *, overwrite: bool
) -> tuple[ExportedFile, ...]:
    """Write the artifacts of one run into a folder, and a manifest last: once that is there, everything is.

    Args:
        entries: Of one run.
        folder: Made when it is missing; its parent must exist.
        load: Reads an artifact's content, verified.
        overwrite: Whether to replace files that are there.

    Returns:
        What the manifest lists.

    Raises:
        ExportRefused: A file of that name is there already, or the system refused.
        ArtifactMissing, ArtifactCorrupt: An artifact is gone, or no longer what it was.
    """
    names = file_names(entries)
    _make(folder)
    if not overwrite:
        # Before anything is written: an export that is refused in its middle would leave half of it.
        for name in (MANIFEST, *names):
            if (folder / name).exists() or (folder / name).is_symlink():
                raise ExportRefused(
                    str(folder / name),
                    "something is there already",
                    "choose an empty folder, or give --overwrite (in Python: overwrite=True)",
                )
    done = tuple(ExportedFile(file=name, artifact=one) for name, one in zip(names, entries, strict=True))
    for one in done:
        write_out(folder / one.file, load(one.artifact), overwrite=overwrite)
    manifest = msgspec.json.format(msgspec.json.encode(done), indent=2) + b"\n"
    write_out(folder / MANIFEST, manifest, overwrite=overwrite)
    return done


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ExportRefused(str(folder), reason) from error


def _plain(entry: ArtifactEntry) -> str:
    parts = [entry.node_id]
    if entry.invocation_key:
        parts.append(entry.invocation_key)
    parts.append(entry.name if entry.role == "saved" else f"{entry.role}{f' {entry.name}' if entry.name else ''}")
    text = "--".join(_encoded(part) for part in parts)
    if entry.role == "output":
        text += ENDINGS.get(entry.media_type if entry.kind == "json" else "", "")
    return text


def _encoded(part: str) -> str:
    """A part of a file name; a leading dot would hide it, a leading dash be an option, and a cut one gets its hash."""
    data = part.encode("utf-8", "surrogatepass")
    text = HOSTILE.sub(lambda found: b"%%%02X" % found.group()[0], data).decode()
    if text[:1] in (".", "-"):
        text = f"%{ord(text[0]):02X}{text[1:]}"
    if len(text) > LONGEST_PART:
        text = f"{text[: LONGEST_PART - 9]}~{hashlib.sha256(data).hexdigest()[:8]}"
    return text or "%"


def _told_apart(name: str, entry: ArtifactEntry) -> str:
    """Another name: what the plain one says no longer (attempts, case) as a hash, before the ending."""
    place = (entry.node_id, entry.invocation_key, entry.attempt, entry.role, entry.name)
    mark = hashlib.sha256(repr(place).encode("utf-8", "backslashreplace")).hexdigest()[:12]
    stem, dot, ending = name.rpartition(".")
    return f"{stem}~{mark}.{ending}" if dot and stem and len(ending) <= 8 else f"{name}~{mark}"
