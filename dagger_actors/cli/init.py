"""``init``: a first flow, its actions, their tests, and the schema that editors read."""

from __future__ import annotations

import keyword
import re
import shlex
import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK, UsageError
from dagger_actors.cli.first_flow import ACTIONS, FLOW, SCHEMA_FILE, TEST
from dagger_actors.cli.text import printable
from dagger_actors.flow.loading.json_schema import flow_schema

__all__ = ["init"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")


def init(
    folder: Annotated[str, Parameter(name="DIR", help="Where to write; made if it is not there.")] = ".",
    /,
    *,
    name: Annotated[str, Parameter(help="The flow's name; its files begin with it.", show_default=True)] = "hello",
) -> int:
    """Write a first flow, its actions and their tests."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise UsageError(
            f"the name {name!r} cannot begin the name of a Python file", "use letters, digits and _, a letter first"
        )
    files = {
        f"{name}.yaml": FLOW.replace("NAME", name),
        f"{name}_actions.py": ACTIONS.replace("NAME", name),
        f"test_{name}.py": TEST.replace("NAME", name),
        SCHEMA_FILE: msgspec.json.format(msgspec.json.encode(flow_schema()), indent=2).decode() + "\n",
    }
    target = Path(folder)
    try:
        _write(target, files)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{folder!r} cannot be written to: {reason}", "name another folder") from None
    spec, test = str(target / f"{name}.yaml"), str(target / f"test_{name}.py")
    sys.stdout.write(printable("".join(f"wrote {target / file}\n" for file in files)))
    sys.stdout.write(
        printable(
            f"run it:   {command('run', spec)}\n"
            f"test it:  {shlex.join(['python', '-m', 'pytest', test])}\n"
            f"then change {target / f'{name}_actions.py'} and see: {command('validate', spec)}\n"
        )
    )
    return OK


def _write(target: Path, files: dict[str, str]) -> None:
    """Write all files, or none when one of them is there and says something else."""
    schema = target / SCHEMA_FILE
    if schema.is_file() and schema.read_text(encoding="utf-8", errors="replace") == files[SCHEMA_FILE]:
        del files[SCHEMA_FILE]  # of an earlier flow in this folder
    there = [str(target / file) for file in files if (target / file).is_symlink() or (target / file).exists()]
    if there:
        raise UsageError(
            f"nothing was written, for {', '.join(there)} {'is' if len(there) == 1 else 'are'} there already",
            "choose another folder or --name",
        )
    target.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        with (target / file).open("x", encoding="utf-8") as out:
            out.write(text)
