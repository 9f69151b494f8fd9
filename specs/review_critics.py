"""What the critics of ``review_agents.py`` look for, as plain functions of a syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import msgspec

__all__ = ["Remark", "complexity", "docstrings", "imports", "naming"]

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
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
FUNCTION_NAME = re.compile(r"_*[a-z0-9][a-z0-9_]*|_+")
CLASS_NAME = re.compile(r"_*[A-Z][A-Za-z0-9]*")


class Remark(msgspec.Struct, frozen=True):
    """One thing that is not as it should be, and the line where it is."""

    line: int
    text: str


def complexity(tree: ast.Module, most: int) -> Iterator[Remark]:
    """Remark on each function that has more ways through it than ``most``: McCabe's number, nested functions apart."""
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            ways = 1 + sum(map(decisions, inside(node)))
            if ways > most:
                yield Remark(node.lineno, f"{node.name} has {ways} ways through it")


def decisions(node: ast.AST) -> int:
    """How many more ways there are for a node; each condition of a comprehension is one, too."""
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    return isinstance(node, DECISIONS) + len(getattr(node, "ifs", ()))


def inside(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, without those of functions and classes in it."""
    todo = [*ast.iter_child_nodes(function)]
    while todo:
        node = todo.pop()
        if not isinstance(node, DEFINITIONS):
            yield node
            todo += ast.iter_child_nodes(node)


def docstrings(tree: ast.Module) -> Iterator[Remark]:
    """Remark on the module, each public class and function, and each public method of these classes, without a docstring."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop(0)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = getattr(node, "name", "the module")
            if ast.get_docstring(node, clean=False) is None:
                yield Remark(getattr(node, "lineno", 1), f"{name} has no docstring")
        if not isinstance(node, FUNCTIONS):
            todo += [child for child in ast.iter_child_nodes(node) if is_looked_into(child)]


def is_looked_into(node: ast.AST) -> bool:
    """Whether a node is public, or may hold what is."""
    if isinstance(node, DEFINITIONS):
        return not node.name.startswith("_")
    return isinstance(node, ast.If | ast.Try)


def naming(tree: ast.Module) -> Iterator[Remark]:
    """Remark on functions that are not in ``lower_case``, and classes that are not in ``CapWords``. Source: PEP 8."""
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS) and not FUNCTION_NAME.fullmatch(node.name):
            yield Remark(node.lineno, f"the function {node.name} is not in lower_case")
        elif isinstance(node, ast.ClassDef) and not CLASS_NAME.fullmatch(node.name):
            yield Remark(node.lineno, f"the class {node.name} is not in CapWords")


def imports(tree: ast.Module, *, is_package: bool) -> Iterator[Remark]:
    """Remark on ``import *``, and, outside of a package's ``__init__``, on what is imported and used nowhere in the file."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            if name == "*":
                yield Remark(node.lineno, f"everything is imported from {getattr(node, 'module', None) or '.'}")
            elif not is_package and name not in used:
                yield Remark(node.lineno, f"{name} is imported and not used")
