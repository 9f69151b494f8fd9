"""The actions of ``census.yaml``: measure every module of the standard library of the interpreter that runs them.

The same interpreter gives the same numbers, whatever ran in parallel or was interrupted: paths are sorted, relative to
the library's folder, and no time or machine name is part of an output.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import sysconfig
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dagger_actors import Context, action

TABLE_ROWS = 10
LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})
"""Folders that are no part of the library, at any depth: what was installed into it, and its tests."""

DECISIONS = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.Assert,
    ast.comprehension,
    ast.match_case,
)


@dataclass(frozen=True)
class Measure:
    """What one module holds.

    Attributes:
        module: Its path in the library, with slashes.
        lines: Lines of text, blank ones and comments too.
        functions: ``def`` and ``async def``, methods and nested ones too.
        classes: ``class`` statements.
        imports: Names imported, wherever the statement stands.
        complexity: McCabe's cyclomatic number of the whole module: 1, and 1 for each function and each decision.
        unparsed: Why the parser refused it; empty = it did not. The counts but for ``lines`` are then 0.
    """

    module: str
    lines: int
    functions: int = 0
    classes: int = 0
    imports: int = 0
    complexity: int = 0
    unparsed: str = ""


def library() -> Path:
    """Find the folder of this interpreter's standard library."""
    return Path(sysconfig.get_path("stdlib"))


@action
def discover(limit: int = 0) -> dict[str, list[str]]:
    """List the modules of the standard library, sorted.

    Args:
        limit: Take only so many, from the beginning; 0 = all.

    Returns:
        ``modules``: paths relative to the library's folder, with slashes.
    """
    if limit < 0:
        message = f"limit must be 0 (all) or more, not {limit}"
        raise ValueError(message)
    root = library()
    found = sorted(path.relative_to(root).as_posix() for path in _python_files(root))
    return {"modules": found[:limit] if limit else found}


def _python_files(root: Path) -> Iterator[Path]:
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in LEFT_OUT]
        yield from (Path(folder, name) for name in files if name.endswith(".py"))


@action
def measure(path: str) -> Measure:
    """Measure one module.

    Args:
        path: As ``discover`` gave it.

    Returns:
        Its measure; a file that does not parse has one too, which says so.
    """
    source = (library() / path).read_bytes()
    lines = len(source.splitlines())
    try:
        tree = ast.parse(source, path)
    except (SyntaxError, ValueError, RecursionError) as error:
        return Measure(module=path, lines=lines, unparsed=f"{type(error).__name__}: {error}")
    functions = classes = imports = decisions = 0
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                functions += 1
            case ast.ClassDef():
                classes += 1
            case ast.Import() | ast.ImportFrom():
                imports += len(node.names)
            case ast.BoolOp():
                decisions += len(node.values) - 1
        # A condition in a comprehension is one more way through it.
        decisions += isinstance(node, DECISIONS) + len(getattr(node, "ifs", ()))
    return Measure(
        module=path,
        lines=lines,
        functions=functions,
        classes=classes,
        imports=imports,
        complexity=1 + functions + decisions,
    )


@action
def report(measures: list[Measure], ctx: Context) -> dict[str, Any]:
    """Total the measures and save them all as the artifact ``census.json``.

    Returns:
        ``python``, ``totals``, ``most_complex`` (ten rows, the most complex first) and ``unparsed`` (paths).
    """
    totals: Counter[str] = Counter(modules=len(measures))
    for one in measures:
        totals.update(
            lines=one.lines,
            functions=one.functions,
            classes=one.classes,
            imports=one.imports,
            complexity=one.complexity,
        )
    rows = [asdict(one) for one in measures]
    census = {"python": platform.python_version(), "totals": dict(totals), "modules": rows}
    ctx.save("census.json", json.dumps(census, indent=1).encode(), media_type="application/json")
    ranked = sorted(measures, key=lambda one: (-one.complexity, one.module))
    columns = ("module", "complexity", "lines", "functions", "classes", "imports")
    return {
        "python": census["python"],
        "totals": census["totals"],
        "most_complex": [{name: getattr(one, name) for name in columns} for one in ranked[:TABLE_ROWS]],
        "unparsed": [one.module for one in measures if one.unparsed],
    }
