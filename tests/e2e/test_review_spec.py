"""The review board of ``specs/review.yaml``: on drafts whose faults are known, on the standard library, killed in its middle."""

from __future__ import annotations

import ast
import io
import itertools
import os
import re
import sysconfig
import tokenize
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

SPECS = Path(__file__).parents[2] / "specs"
SPEC = str(SPECS / "review.yaml")
IMPORT = ("--import", str(SPECS / "review_agents.py"))

DRAFTS = {
    "messy/__init__.py": "from os import *\ndef BadName(): pass\nclass bad_name: pass\n",
    "messy/a<b>.py": '"""Tidy, but for its name."""\n',
    "tidy.py": '"""Tidy."""\n' * 4,
    "knot/__init__.py": '"""A knot."""\n\n\ndef tie(a):\n    """Tie."""\n    return ' + " or ".join("a" * 12) + "\n",
}
FAULTS = {
    "messy": {"complexity": 0, "docstrings": 3, "naming": 2, "imports": 1},
    "knot": {"complexity": 1, "docstrings": 0, "naming": 0, "imports": 0},
    "tidy": {"complexity": 0, "docstrings": 0, "naming": 0, "imports": 0},
}
POISON = "poison.py"
MENDED = '"""Mended."""\n\n\ndef mended():\n    pass\n'


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def ranks(folder: Path) -> list[tuple[int, str]]:
    """The places and names of a page."""
    page = (folder / "review.html").read_text()
    return [(int(place), name) for place, name in re.findall(r'"rank">(\d+)</span><span class="name">([^<]+)<', page)]


@pytest.fixture
def board(typed, monkeypatch):
    """Commands in a folder of their own, where the page is written too."""
    monkeypatch.chdir(typed.folder)

    def run(*words: str) -> str:
        status, out, err = typed(*words)
        assert status == 0, err
        return out

    def review(**request: Any) -> dict[str, Any]:
        run("publish", "requests", msgspec.json.encode(request).decode(), *IMPORT)
        run("up", SPEC, "--db", "dagger.db", "--until-rest")
        return editions()[-1]

    def editions() -> list[dict[str, Any]]:
        lines = run("tail", "editions", "--from", "earliest", "--json").splitlines()
        return [msgspec.json.decode(line)["message"] for line in lines]

    def counts() -> dict[str, dict[str, int]]:
        lines = run("tail", "standings", "--from", "earliest", "--json").splitlines()
        messages = [msgspec.json.decode(line)["message"] for line in lines]
        return {one["package"]: one["counts"] for one in messages}

    run.review, run.counts, run.editions, run.folder = review, counts, editions, typed.folder
    return run


def test_packages_are_ranked_by_what_is_wrong_with_them_and_a_poison_is_judged_when_it_is_mended(board) -> None:
    """Law: what is known to be wrong is counted; what cannot be parsed is each critic's dead letter, and redriven completes the page."""
    drafts = write(board.folder / "drafts", {**DRAFTS, POISON: "def broken(:\n"})
    edition = board.review(folder=str(drafts))
    assert (edition["ranking"], edition["missing"]) == (["messy", "knot", "poison", "tidy"], 1)
    assert ranks(board.folder) == list(enumerate(edition["ranking"], start=1))
    found = board.counts()
    assert {name: found[name] for name in FAULTS} == FAULTS
    page = (board.folder / "review.html").read_text()
    assert "1 not judged" in page
    assert "bad_name is not in CapWords" in page

    letters = msgspec.json.decode(board("dead-letters", "list", "--json"))
    subscriptions = [f"{critic}.review" for critic in ("complexity", "docstrings", "imports", "naming")]
    assert sorted(one["subscription"] for one in letters) == subscriptions
    assert all("poison.py cannot be parsed: invalid syntax" in one["error"]["message"] for one in letters)
    write(drafts, {POISON: MENDED})
    board("dead-letters", "redrive", *(str(one["id"]) for one in letters))
    board("up", SPEC, "--db", "dagger.db", "--until-rest")
    edition = board.editions()[-1]
    assert (edition["ranking"], edition["missing"]) == (["messy", "poison", "knot", "tidy"], 0)
    assert board.counts()["poison"] == {"complexity": 0, "docstrings": 1, "naming": 0, "imports": 0}
    page = (board.folder / "review.html").read_text()
    assert "1 not judged" not in page
    assert [path.name for path in board.folder.iterdir() if "review.html" in path.name] == ["review.html"]


def test_names_from_outside_are_text_on_the_page(board) -> None:
    """Law: neither a package, nor a module, nor what is said of it is markup."""
    files = {"<em>x/a<q>.py": "def f(): pass\n", "<em>x/<u>.py": "def broken(:\n"}
    board.review(folder=str(write(board.folder / "drafts", files)))
    page = (board.folder / "review.html").read_text()
    for text in ("&lt;em&gt;x/a&lt;q&gt;.py:1", "&lt;em&gt;x/&lt;u&gt;.py", "&lt;em&gt;x<"):
        assert text in page
    assert not any(tag in page for tag in ("<em>", "<q>", "<u>"))


def test_a_later_review_takes_the_place_of_an_earlier_one(board) -> None:
    """Law: the page is that of the newest request; a package that is not there fails the request, and changes nothing."""
    drafts = write(board.folder / "drafts", DRAFTS)
    board.review(folder=str(drafts))
    write(drafts, {"tidy.py": "def x(): pass\n"})
    edition = board.review(folder=str(drafts), packages=["tidy", "knot"])
    assert (edition["review"], edition["ranking"]) == (1, ["tidy", "knot"])
    assert board.counts()["tidy"]["docstrings"] == 2
    assert board.review(packages=["json", "no_such"]) == edition
    (letter,) = msgspec.json.decode(board("dead-letters", "list", "--json"))
    assert "has no no_such" in letter["error"]["message"]


def test_whoever_is_killed_in_the_middle_leaves_nothing_twice_and_nothing_undone(board, program) -> None:
    """Law: a process is killed while critics read a module; the next one writes the page that an undisturbed one writes."""
    drafts = write(board.folder / "drafts", DRAFTS)
    held = drafts / "messy" / "held.py"
    os.mkfifo(held)  # whoever reads it waits for what is written
    board("publish", "requests", msgspec.json.encode({"folder": str(drafts)}).decode(), *IMPORT)
    process = program.start("up", SPEC, "--db", "dagger.db")
    writer = os.open(held, os.O_WRONLY)  # waits until a critic reads
    process.kill()
    process.wait()
    os.close(writer)
    held.unlink()
    held.write_text(MENDED)
    board("up", SPEC, "--db", "dagger.db", "--until-rest")
    page = (board.folder / "review.html").read_bytes()
    assert board.counts()["messy"] == {**FAULTS["messy"], "docstrings": 4}
    assert board("dead-letters", "list", "--json").strip() == "[]"
    (board.folder / "dagger.db").unlink()
    board.review(folder=str(drafts))
    assert (board.folder / "review.html").read_bytes() == page


# --- the standard library


class Judge(ast.NodeVisitor):
    """Counts the same faults on a way of its own."""

    def __init__(self, source: bytes, *, is_package: bool) -> None:
        self.counts: Counter[str] = Counter()
        self.functions = [-1_000_000]
        self.bound: list[str] = []
        self.used: set[str] = set()
        self.count_names(source)
        tree = ast.parse(source)
        self.public(tree.body, tree)
        self.visit(tree)
        if not is_package:
            self.counts["imports"] += sum(name not in self.used for name in self.bound)

    def count_names(self, source: bytes) -> None:
        tokens = [one.string for one in tokenize.tokenize(io.BytesIO(source).readline) if one.string.strip()]
        for word, name in itertools.pairwise(tokens):
            core = name.strip("_")
            if word == "def":
                self.counts["naming"] += core != core.lower()
            elif word == "class":
                self.counts["naming"] += "_" in core or not core[:1].isupper()

    def public(self, body: list[ast.stmt], owner: ast.AST | None = None) -> None:
        if owner is not None:
            self.counts["docstrings"] += ast.get_docstring(owner) is None
        for one in body:
            if isinstance(one, ast.If | ast.Try):
                for part in ("body", "orelse", "finalbody"):
                    self.public(getattr(one, part, []))
            elif isinstance(one, ast.ClassDef) and one.name[0] != "_":
                self.public(one.body, one)
            elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name[0] != "_":
                self.public([], one)

    def visit(self, node: Any) -> None:
        functions = self.functions
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                functions.append(int(not isinstance(node, ast.ClassDef)))
                self.generic_visit(node)
                self.counts["complexity"] += functions.pop() > 10
                return
            case ast.BoolOp():
                functions[-1] += len(node.values) - 1
            case ast.comprehension():
                functions[-1] += 1 + len(node.ifs)
            case ast.If() | ast.IfExp() | ast.For() | ast.AsyncFor() | ast.While() | ast.ExceptHandler() | ast.Assert():
                functions[-1] += 1
            case ast.match_case():
                functions[-1] += 1
            case ast.Name():
                self.used.add(node.id)
            case ast.Constant(value=str()):
                self.used.add(node.value)
            case ast.Import() | ast.ImportFrom() if getattr(node, "module", "") != "__future__":
                names = [one.asname or one.name.split(".")[0] for one in node.names]
                self.counts["imports"] += names.count("*")
                self.bound += [name for name in names if name != "*"]
        self.generic_visit(node)


FEW = ["concurrent", "html", "json"]
CONFIGURED = re.findall(r"\w+", re.search(r"packages: \[(.*)\]", (SPECS / "review.yaml").read_text())[1])


@pytest.mark.parametrize("packages", [FEW, pytest.param(CONFIGURED, marks=pytest.mark.full)])
def test_the_standard_library_is_ranked_as_an_independent_count_says(board, packages: list[str]) -> None:
    """Law: each critic's count of each package, and their order, are what another way of counting finds."""
    edition = board.review(packages=packages)
    root, counted, rates = Path(sysconfig.get_path("stdlib")), {}, {}
    for package in packages:
        files = [
            one for one in (root / package).rglob("*.py") if not {"test", "tests"} & {*one.relative_to(root).parts}
        ]
        sources = {one: one.read_bytes() for one in files}
        found = [Judge(text, is_package=one.name == "__init__.py").counts for one, text in sources.items()]
        counted[package] = {critic: sum(one[critic] for one in found) for critic in FAULTS["messy"]}
        rates[package] = sum(counted[package].values()) / sum(len(one.splitlines()) for one in sources.values())
    assert board.counts() == counted
    assert edition["ranking"] == sorted(packages, key=lambda name: -rates[name])
    assert edition["missing"] == 0
    assert [name for _, name in ranks(board.folder)] == edition["ranking"]
