"""``artifacts list``, ``get`` and ``export``: what runs stored, to look at and to take away."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK, UsageError
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, RunId
from dagger_actors.cli.render import plain, stdout
from dagger_actors.cli.text import invocation, one_line, printable, shorten
from dagger_actors.core.wording import counted
from dagger_actors.flow.artifacts.artifact_library import ArtifactEntry
from dagger_actors.flow.artifacts.run_export import MANIFEST, export_run
from dagger_actors.reading.filters import LISTED

__all__ = ["export", "get", "list_artifacts"]

EXPORTED = 1_000_000
"""Artifacts of one run that are exported at most: as many as a flow has nodes."""

SHOWN_DIGITS = 12


def list_artifacts(
    *,
    run: Annotated[str | None, Parameter(help="Only those of this run.")] = None,
    node: Annotated[str | None, Parameter(help="Only those of nodes of this id.")] = None,
    kind: Annotated[str | None, Parameter(help="Only `json` or only `bytes`.")] = None,
    limit: Annotated[int, Parameter(help="At most so many.", show_default=True)] = LISTED,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """List what is stored and where it comes from; changes nothing, and works on a read-only folder."""
    with look(db) as here:
        found = here.artifacts.list(run=run, node=node, kind=kind, limit=limit)
    if as_json:
        write_json(found)
        return OK
    if found:
        _print(found)
    else:
        sys.stderr.write("no artifacts here; outputs up to 1 KiB lie in their rows: `dagger-actors show RUN`\n")
    if len(found) == limit:
        sys.stderr.write(f"the first {limit}; --limit N shows more\n")
    return OK


def get(
    artifact: Annotated[str, Parameter(name="ID", help="The artifact's id, or its first 6 or more digits.")],
    /,
    *,
    output: Annotated[str | None, Parameter(name=("--output", "-o"), help="A file instead of stdout.")] = None,
    overwrite: Annotated[bool, Parameter(help="Replace the file if it is there.")] = False,
    db: Database = DEFAULT_DATABASE,
) -> int:
    """Write an artifact's content to stdout or to a file; its hash is verified first.

    Bytes that a terminal would obey are not written to one: name a file, or pipe them.
    """
    if overwrite and output is None:
        raise UsageError("--overwrite needs a file", "name it with --output FILE")
    with look(db) as here:
        if output is not None:
            path = here.artifacts.export(artifact, output, overwrite=overwrite)
            sys.stderr.write(printable(f"written: {path}\n"))
            return OK
        content = here.artifacts.get(artifact)
    if sys.stdout.isatty() and not _is_text(content):
        raise UsageError(
            "this artifact is no text, and stdout is a terminal",
            f"name a file: {command('artifacts get', artifact, options=[('--output', 'FILE')], db=db)}",
        )
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    return OK


def export(
    run_id: RunId,
    folder: Annotated[str, Parameter(name="DIR", help="Where to; made when it is missing.")],
    /,
    *,
    overwrite: Annotated[bool, Parameter(help="Replace files that are there.")] = False,
    db: Database = DEFAULT_DATABASE,
) -> int:
    """Write what a run stored into a folder, a file each, and a manifest.json that says what is what.

    Nothing is ever written outside the folder, whatever nodes and artifacts are called.
    """
    with look(db) as here:
        found = here.artifacts.list(run=run_id, limit=EXPORTED)
        done = export_run(found, Path(folder), here.artifacts.get, overwrite=overwrite)
    sys.stderr.write(printable(f"{counted(len(done), 'file')} and {MANIFEST} in {folder}\n"))
    return OK


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    return printable(text) == text


def _print(found: tuple[ArtifactEntry, ...]) -> None:
    table = plain("artifact", "size", "kind", "media type", "run", "node", "attempt", "name", right=("size", "attempt"))
    for one in found:
        place = invocation(one.node_id, one.invocation_key)
        told = one.name or f"({one.role})"
        cells = (f"{one.size_bytes:,}", one.kind, one.media_type, one.run_id or "", place, str(one.attempt or ""), told)
        table.add_row(one.artifact_id[:SHOWN_DIGITS], *(Text(shorten(one_line(cell), 80)) for cell in cells))
    stdout().print(table)
