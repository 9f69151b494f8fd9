"""The indexes of faults and of promises cannot go stale: every test that they name is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROWS = {
    "FAULTS.md": {"5", "6", "7", "12", "15", "16", "18", "19", "20", "21", "22", "25"},
    "CLAUSES.md": {*(f"A0{at}" for at in range(5, 10)), "A15"},
}
IDS = re.compile(r"`([\w/.]+\.py)::([\w:]+)`")


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


@pytest.mark.parametrize("index", ROWS)
def test_every_test_that_an_index_names_exists(index: str) -> None:
    ids = IDS.findall((TESTS / index).read_text())
    missing = [f"{file}::{name}" for file, name in ids if not (TESTS / file).is_file() or name not in names_in(file)]
    assert missing == []


@pytest.mark.parametrize("index", ROWS)
def test_every_row_names_tests_and_nothing_else_looks_like_one(index: str) -> None:
    """Law: each section has a table, and each line of a table has a test; a misspelt id is not just text."""
    text = (TESTS / index).read_text()
    sections = re.split(r"^## (\w+) ", text, flags=re.MULTILINE)[1:]
    assert set(sections[::2]) >= ROWS[index]
    for name, section in zip(sections[::2], sections[1::2], strict=True):
        lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
        assert lines, name
        for line in lines:
            assert IDS.search(line), line
    assert text.count(".py::") == len(IDS.findall(text))
