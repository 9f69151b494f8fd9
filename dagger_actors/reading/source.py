"""Where a definition comes from: a file or data, read into a tree once, whatever it turns out to define."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from dagger_actors.core.wording import quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.reading.data_tree import read_data
from dagger_actors.reading.kind import FileKind
from dagger_actors.reading.near_files import near_file
from dagger_actors.reading.text_document import MAX_BYTES
from dagger_actors.reading.tree import Document, Tree
from dagger_actors.reading.yaml_tree import read_yaml

__all__ = ["Source", "read_source"]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A definition as it was read, before anything is known of its meaning.

    Attributes:
        tree: What it says.
        document: Knows the places.
        problems: The faults of single values.
        file: The file's name as the caller gave it; empty for data.
        folder: What names in it are relative to.
    """

    tree: Tree
    document: Document
    problems: list[Problem]
    file: str
    folder: Path


def read_source(source: str | Path | Mapping[str, object] | Source, kind: FileKind) -> Source:
    """Read a file or data; what was read already is given back.

    Args:
        source: The path of a YAML file, the same structure as data, or what this function gave.
        kind: What it is taken for, in messages.

    Raises:
        DefinitionError: It cannot be read at all; carries one problem, and what was wrong before it.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, Mapping):
        tree, data, problems = read_data(source, kind)
        return Source(tree=tree, document=data, problems=problems, file="", folder=Path.cwd())
    path = Path(source)
    return read_content(read_file(path), str(source), path.parent, kind)


def read_content(content: bytes, file: str, folder: Path, kind: FileKind) -> Source:
    """Read what is in a file.

    Raises:
        DefinitionError: It is no YAML that is accepted.
    """
    tree, text, problems = read_yaml(content, file, kind)
    return Source(tree=tree, document=text, problems=problems, file=file, folder=folder)


def read_file(path: Path) -> bytes:
    """Read a file that may be hostile: a pipe or a device would hang or never end.

    Raises:
        DefinitionError: It cannot be read, or is too large.
    """
    try:
        if path.exists() and not path.is_file():
            raise DefinitionError([Problem("this is not a file", "Give the path of a YAML file.", str(path))])
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        near = near_file(str(path), [Path()]) if isinstance(error, FileNotFoundError) else None
        advice = f"Did you mean {quoted(near)}?" if near else "Check the path."
        raise DefinitionError([Problem(f"the file cannot be read: {reason}", advice, str(path))]) from None
