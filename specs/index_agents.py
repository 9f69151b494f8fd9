"""The task agents of ``index.yaml``: they read the docstrings of installed packages into a full-text index, and search it.

``index`` spawns a ``read`` for each package, and a ``merge`` that depends on all of them. ``read`` spawns a ``parse`` for each
module that has changed since the last time. What ``parse`` finds is committed with its own end, what ``merge`` does with its:
whenever a process dies, the index is whole, and nothing is parsed twice that was.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors import Fatal, TaskAgent, TaskContext, TaskEnded, task_agent

BEHIND = -1
"""The priority of what makes the index, so that searches go before it."""

MOST_HITS = 100
MOST_TOLD = 50
LONGEST = 20_000
"""Characters of one docstring that are indexed."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be indexed.

    Attributes:
        packages: Only these distributions, and nothing is forgotten of others; empty = all, and what is gone is forgotten.
        folders: Where they are installed; empty = this interpreter's ``sys.path``.
    """

    packages: list[str] = []
    folders: list[str] = []


class Package(msgspec.Struct, frozen=True):
    """One installed distribution, and the folder it is in."""

    name: str
    version: str
    folder: str


class Module(msgspec.Struct, frozen=True):
    """One file of a package, as it was when it was listed."""

    package: str
    path: str
    mtime_ns: int
    size_bytes: int


class Problem(msgspec.Struct, frozen=True):
    """A module that was skipped, and why."""

    path: str
    problem: str


class Changes(msgspec.Struct, frozen=True):
    """What is to be done about one package.

    Attributes:
        modules: How many it has.
        changed: Those that are to be parsed.
        gone: Paths that are in the index and no more in the package.
        broken: Those that could not be parsed the last time, and are what they were.
    """

    modules: int
    changed: list[Module]
    gone: list[str]
    broken: list[Problem]


class Parsed(msgspec.Struct, frozen=True):
    """What was found in one module.

    Attributes:
        docstrings: How many.
        problem: Why it was skipped; empty = it was not.
    """

    docstrings: int
    problem: str = ""


class Found(msgspec.Struct, frozen=True):
    """What was done about one package."""

    package: str
    modules: int
    parsed: int
    docstrings: int
    forgotten: int
    skipped: list[Problem]


class Merging(msgspec.Struct, frozen=True):
    """What a merge is told: which packages there are; None = others are none of its business."""

    packages: list[str] | None


class Summary(msgspec.Struct, frozen=True):
    """What one indexing did.

    Attributes:
        packages: How many were looked at.
        modules: How many they have.
        parsed: Those of them that had changed.
        docstrings: How many these hold.
        forgotten: Modules that are gone.
        skipped: Modules that cannot be parsed, the first 50.
        skipped_count: How many they are.
    """

    packages: int
    modules: int
    parsed: int
    docstrings: int
    forgotten: int
    skipped: list[Problem]
    skipped_count: int


class Query(msgspec.Struct, frozen=True):
    """What is searched.

    Attributes:
        query: Words, all of which a docstring must have, in whatever form (``wait`` finds ``waiting``); ``back*`` is the
            beginning of one, ``"two words"`` stand together.
        hits: How many are told, 1 to 100.
    """

    query: str
    hits: int = 10


class Hit(msgspec.Struct, frozen=True):
    """One docstring: whose it is, where it stands, and the part of it that fits, with the words in brackets."""

    name: str
    package: str
    place: str
    snippet: str


class Answer(msgspec.Struct, frozen=True):
    """The best hits, best first, and how many there are in all."""

    total: int
    hits: list[Hit]


class Ranking(msgspec.Struct, frozen=True):
    """How hits are ranked: a word in a name weighs so much more than one in a text."""

    name_weight: float = 5.0


@task_agent
def index(task: Wanted, ctx: TaskContext) -> Summary:
    """Bring the index up to date."""
    # As a step, for the body runs again when `merge` is done: what is installed may have changed until then.
    packages = msgspec.convert(ctx.step("packages", installed, task), list[Package])
    ctx.log(f"{len(packages)} packages")
    readers = [ctx.spawn(read, package, package.name, priority=BEHIND) for package in packages]
    names = None if task.packages else [package.name for package in packages]
    merger = ctx.spawn(merge, Merging(names), depends_on=readers)
    (summary,) = ctx.gather([merger])
    assert isinstance(summary, Summary)
    return summary


@task_agent
def read(package: Package, ctx: TaskContext) -> Found:
    """Have every module of a package parsed that has changed, and forget those that are gone."""
    changes = msgspec.convert(ctx.step("changes", changes_of, package, ctx), Changes)
    parsers = [ctx.spawn(parse, module, priority=BEHIND) for module in changes.changed]
    ends = ctx.gather(parsers, return_errors=True)  # no slot is held until they have all ended
    # Of those that failed nothing is kept, so the next indexing tries them again.
    failed = [isinstance(end, TaskEnded) for end in ends]
    parsed = [Parsed(0, str(end)) if isinstance(end, TaskEnded) else end for end in ends]
    skipped = [
        Problem(module.path, one.problem) for module, one in zip(changes.changed, parsed, strict=True) if one.problem
    ]
    if changes.gone:
        gone = msgspec.json.encode(changes.gone).decode()
        ctx.execute("DELETE FROM modules WHERE path IN (SELECT value FROM json_each(?))", (gone,))
    return Found(
        package=package.name,
        modules=changes.modules,
        parsed=len(parsed) - sum(failed),
        docstrings=sum(one.docstrings for one in parsed),
        forgotten=len(changes.gone),
        skipped=[*changes.broken, *skipped],
    )


@task_agent
def parse(module: Module, ctx: TaskContext) -> Parsed:
    """Find the docstrings of a module, without importing it; one that cannot be parsed has none, and says why."""
    problem, rows = "", []
    try:
        rows = list(docstrings(ast.parse(Path(module.path).read_bytes(), module.path)))
    except FileNotFoundError:
        problem = "it is gone"
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        problem = f"{type(error).__name__}: {error}"
    ctx.execute(
        "REPLACE INTO modules (path, package, mtime_ns, size_bytes, problem) VALUES (?, ?, ?, ?, ?)",
        (module.path, module.package, module.mtime_ns, module.size_bytes, problem),
    )
    ctx.execute("DELETE FROM found WHERE path = ?", (module.path,))
    ctx.execute(
        "INSERT INTO found SELECT ?, ?, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)",
        (module.path, module.package, msgspec.json.encode(rows).decode()),
    )
    return Parsed(len(rows), problem)


@task_agent
def merge(task: Merging, ctx: TaskContext) -> Summary:
    """Put into the index what was found, and take out what has changed or is gone; all of it at once."""
    found = ctx.results()  # of every `read`, which this depends on
    if task.packages is not None:
        there = msgspec.json.encode(task.packages).decode()
        ctx.execute("DELETE FROM modules WHERE package NOT IN (SELECT value FROM json_each(?))", (there,))
    ctx.execute("DELETE FROM docstrings WHERE path NOT IN (SELECT path FROM modules WHERE is_merged)")
    ctx.execute(
        "INSERT INTO docstrings (name, text, path, package, line) SELECT name, text, path, package, line FROM found"
        " WHERE path IN (SELECT path FROM modules WHERE NOT is_merged) ORDER BY path, line"
    )
    ctx.execute("DELETE FROM found")
    ctx.execute("UPDATE modules SET is_merged = 1 WHERE NOT is_merged")
    skipped = [problem for one in found for problem in one.skipped]
    return Summary(
        packages=len(found),
        modules=sum(one.modules for one in found),
        parsed=sum(one.parsed for one in found),
        docstrings=sum(one.docstrings for one in found),
        forgotten=sum(one.forgotten for one in found),
        skipped=skipped[:MOST_TOLD],
        skipped_count=len(skipped),
    )


class Search(TaskAgent, name="search"):
    """Answers queries from the index as the last merge left it."""

    config: Ranking

    def execute(self, task: Query, ctx: TaskContext) -> Answer:
        """Search."""
        wanted = match(task.query)
        if not wanted:
            return Answer(0, [])
        counted: list[tuple[Any, ...]] = ctx.query(
            "SELECT count(*) FROM docstrings WHERE docstrings MATCH ?", (wanted,)
        )
        rows: list[tuple[Any, ...]] = ctx.query(
            "SELECT name, package, path, line, snippet(docstrings, 1, '[', ']', '…', 16) FROM docstrings"
            " WHERE docstrings MATCH ? ORDER BY bm25(docstrings, ?, 1.0), path, line LIMIT ?",
            (wanted, self.config.name_weight, max(1, min(task.hits, MOST_HITS))),
        )
        hits = [
            Hit(name, package, f"{path}:{line}", " ".join(snippet.split()))
            for name, package, path, line, snippet in rows
        ]
        return Answer(counted[0][0], hits)


def installed(task: Wanted) -> list[Package]:
    """List the distributions that are wanted, sorted; of two of one name the first, as an import would have it.

    Raises:
        Fatal: A package or a folder that was named is not there, and no later try would find it.
    """
    if missing := [folder for folder in task.folders if not Path(folder).is_dir()]:
        raise Fatal(f"there is no folder {', '.join(missing)}")
    wanted = {normal(name) for name in task.packages}
    found: dict[str, Package] = {}
    for one in importlib.metadata.distributions(path=task.folders or sys.path):
        name = one.metadata["Name"]
        if name and normal(name) not in found and (not wanted or normal(name) in wanted):
            found[normal(name)] = Package(name, one.version, str(one.locate_file("")))
    if missing := sorted(wanted - found.keys()):
        raise Fatal(f"not installed: {', '.join(missing)}")
    return [found[name] for name in sorted(found)]


def normal(name: str) -> str:
    """A distribution's name as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def changes_of(package: Package, ctx: TaskContext) -> Changes:
    """Compare a package's files with what the index knows of them."""
    modules = list(modules_of(package))
    paths = msgspec.json.encode([module.path for module in modules]).decode()
    rows = ctx.query(  # by their paths too: a file that two packages have is the one's whose task was last
        "SELECT path, mtime_ns, size_bytes, problem FROM modules"
        " WHERE package = ? OR path IN (SELECT value FROM json_each(?))",
        (package.name, paths),
    )
    known = {path: (mtime_ns, size_bytes, problem) for path, mtime_ns, size_bytes, problem in rows}
    changed, broken = [], []
    for at, module in enumerate(modules, start=1):
        mtime_ns, size_bytes, problem = known.pop(module.path, (0, 0, ""))
        if (mtime_ns, size_bytes) != (module.mtime_ns, module.size_bytes):
            changed.append(module)
        elif problem:
            broken.append(Problem(module.path, str(problem)))
        ctx.progress(at, len(modules))
    return Changes(len(modules), changed, [str(path) for path in known], broken)


def modules_of(package: Package) -> Iterator[Module]:
    """List the Python files of a distribution, as its installer has recorded them."""
    for one in importlib.metadata.distributions(name=package.name, path=[package.folder]):
        for file in sorted({Path(str(one.locate_file(file))) for file in one.files or () if file.suffix == ".py"}):
            if file.is_file():
                status = file.stat()
                yield Module(package.name, str(file), status.st_mtime_ns, status.st_size)
        return


def docstrings(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    """Give the qualified name (empty = the module), the line and the docstring of whatever has one."""
    todo: list[tuple[str, ast.AST]] = [("", tree)]
    for name, node in todo:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield name, getattr(node, "lineno", 1), text[:LONGEST].encode("utf-8", "replace").decode()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                inner = (
                    getattr(child, "name", None)
                    if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                    else None
                )
                todo.append((f"{name}.{inner}".lstrip(".") if inner else name, child))


def match(query: str) -> str:
    """Put a query into FTS5's words: nothing that a person types is an error of syntax."""
    words = [
        (phrase or word, star)
        for phrase, word, star in re.findall(r'"([^"]*)"|([^\s"*]+)(\*?)', query.replace("\0", " "))
    ]
    return " ".join(f'"{word}"{star}' for word, star in words if any(letter.isalnum() for letter in word))
