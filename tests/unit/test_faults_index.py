"""The index of faults cannot go stale: every test that it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
INDEX = (TESTS / "FAULTS.md").read_text()
IDS = re.findall(r"`([\w/.]+\.py)::([\w:]+)`", INDEX)
ROWS = {5, 6, 7, 12, 15, 16, 18, 19, 20, 21, 22, 25}


@cache
def names_in(file: str) -> frozenset[str]:
    """The ids of a file's tests, without the file and without parameters."""
    found: set[str] = set()
    for part in ast.parse((TESTS / file).read_text()).body:
        owner = f"{part.name}::" if isinstance(part, ast.ClassDef) else ""
        for one in part.body if isinstance(part, ast.ClassDef) else [part]:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test_"):
                found.add(owner + one.name)
    return frozenset(found)


def test_every_test_that_the_index_names_exists() -> None:
    missing = [f"{file}::{name}" for file, name in IDS if not (TESTS / file).is_file() or name not in names_in(file)]
    assert missing == []


def test_every_row_names_tests_and_nothing_else_looks_like_one() -> None:
    """Law: each section has a table, and each line of a table has a test; a misspelt id is not just text."""
    sections = re.split(r"^## (\d+) ", INDEX, flags=re.MULTILINE)[1:]
    assert {int(number) for number in sections[::2]} >= ROWS
    for number, text in zip(sections[::2], sections[1::2], strict=True):
        lines = [line for line in text.splitlines() if line.startswith("| ")][2:]
        assert lines, number
        for line in lines:
            assert re.search(r"`[\w/.]+\.py::[\w:]+`", line), line
    assert INDEX.count(".py::") == len(IDS)
