"""What ``census.yaml`` measures: every module of the standard library of the interpreter that runs it.

The same interpreter gives the same numbers, whatever ran in parallel or was interrupted: paths are sorted, relative to
the library's folder, and no time or machine name is part of an output.
"""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dagger_actors import action

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
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)


@dataclass(frozen=True)
class Module:
    """One file of the library.

    Attributes:
        path: Relative to the library's folder, with slashes.
        sha256: Of its content; with it, its measure is found in the cache as long as it stays the same.
    """

    path: str
    sha256: str


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
        public: The module itself, and its public classes, functions and methods.
        documented: Those of them that have a docstring.
        imported: Modules it imports when it is imported itself, absolute dotted names, sorted.
        unparsed: Why the parser refused it; empty = it did not. The counts but for ``lines`` are then 0.
    """

    module: str
    lines: int
    functions: int = 0
    classes: int = 0
    imports: int = 0
    complexity: int = 0
    public: int = 0
    documented: int = 0
    imported: list[str] = field(default_factory=list)
    unparsed: str = ""


def library() -> Path:
    """Find the folder of this interpreter's standard library."""
    return Path(sysconfig.get_path("stdlib"))


@action
def discover(limit: int = 0) -> dict[str, str | list[Module]]:
    """List the modules of the standard library, sorted.

    Args:
        limit: Take only so many, from the beginning; 0 = all.

    Returns:
        ``python``: the interpreter's version; ``modules``: each with the hash of its content.
    """
    if limit < 0:
        message = f"limit must be 0 (all) or more, not {limit}"
        raise ValueError(message)
    root = library()
    found = sorted(path.relative_to(root).as_posix() for path in _python_files(root))
    chosen = found[:limit] if limit else found
    modules = [Module(path, hashlib.sha256((root / path).read_bytes()).hexdigest()) for path in chosen]
    return {"python": platform.python_version(), "modules": modules}


def _python_files(root: Path) -> Iterator[Path]:
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in LEFT_OUT]
        yield from (Path(folder, name) for name in files if name.endswith(".py"))


@action
def measure(module: Module, python: str) -> Measure:
    """Measure one module.

    Args:
        module: As ``discover`` gave it.
        python: The interpreter's version; another one may parse another grammar.

    Returns:
        Its measure; a file that does not parse has one too, which says so.
    """
    del python  # part of the cache's key
    source = (library() / module.path).read_bytes()
    lines = len(source.splitlines())
    try:
        tree = ast.parse(source, module.path)
    except (SyntaxError, ValueError, RecursionError) as error:
        return Measure(module=module.path, lines=lines, unparsed=f"{type(error).__name__}: {error}")
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
    public = list(_public(tree))
    return Measure(
        module=module.path,
        lines=lines,
        functions=functions,
        classes=classes,
        imports=imports,
        complexity=1 + functions + decisions,
        public=len(public),
        documented=sum(ast.get_docstring(one, clean=False) is not None for one in public),
        imported=sorted(set(_imported(tree, dotted(module.path), is_package=module.path.endswith("__init__.py")))),
    )


def dotted(path: str) -> str:
    """The import name of a path: ``asyncio/__init__.py`` is ``asyncio``."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _public(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """The module, its public classes and functions, and the public methods of those classes."""
    yield tree
    todo: list[ast.AST] = [tree]
    while todo:
        for node in ast.iter_child_nodes(todo.pop()):
            if isinstance(node, DEFINITIONS):
                if not node.name.startswith("_"):
                    yield node
                    if isinstance(node, ast.ClassDef):
                        todo.append(node)
            elif isinstance(node, ast.If | ast.Try):
                todo.append(node)


def _imported(tree: ast.Module, name: str, *, is_package: bool) -> Iterator[str]:
    """What is imported together with the module: statements inside of functions wait until they are called."""
    todo: list[ast.AST] = [tree]
    while todo:
        for node in ast.iter_child_nodes(todo.pop()):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = _base(node, name, is_package=is_package)
                yield base
                # `from package import module` imports the module too; what is no module is left out later.
                yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
            elif not isinstance(node, FUNCTIONS):
                todo.append(node)


def _base(node: ast.ImportFrom, name: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])
