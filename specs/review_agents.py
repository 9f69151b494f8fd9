"""The subscribers of ``review.yaml``: they read modules, judge them, and rank their packages on a page.

``Reader`` turns a request into packages, and each of these into modules. Four critics take every module beside one another and
publish a finding each. ``Editor`` has a state for each package, ``Press`` one for the page. What a turn takes, keeps and
publishes is one commit: whenever a process dies, the page comes out the same, and no module is counted twice.
"""

from __future__ import annotations

import ast
import os
import platform
import sysconfig
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import msgspec
from review_critics import Remark, complexity, docstrings, imports, naming
from review_page import page_of

from dagger_actors import Fatal, Subscriber, TurnContext, subscribe

CRITICS = ("complexity", "docstrings", "naming", "imports")
LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})
"""Folders that are no part of the library, at any depth."""

MOST_REMARKS = 3
"""Of one critic about one module, and of one critic about a package, so many are told; all are counted."""

MOST_MISSING = 10


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be reviewed.

    Attributes:
        packages: Names of packages or single modules; empty = those of the reader's config.
        everything: All that is there.
        folder: Where they are, with all that is there; empty = the standard library.
    """

    packages: list[str] = []
    everything: bool = False
    folder: str = ""


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A package that is to be reviewed.

    Attributes:
        review: Which review this is of: the offset of its request. A later one takes the place of those before.
        folder: Where its modules' paths begin.
        modules: Their paths, with slashes.
    """

    name: str
    review: int
    folder: str
    modules: list[str]


class Module(msgspec.Struct, frozen=True, kw_only=True):
    """One module of a package; its text is read when it is judged, so that one that was mended is judged as it is then."""

    package: str
    review: int
    folder: str
    path: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one critic says about one module.

    Attributes:
        lines: Of its text.
        count: Remarks in all.
        remarks: The first few of them.
    """

    package: str
    review: int
    module: str
    critic: str
    lines: int
    count: int
    remarks: list[Remark]


class Note(msgspec.Struct, frozen=True):
    """A remark, and where it belongs."""

    critic: str
    place: str
    text: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a package stands.

    Attributes:
        modules: How many it has.
        missing: Those that some critic has not judged; at most ten.
        missing_count: How many these are.
        lines: Of those that were judged.
        counts: Remarks, by critic.
        notes: A few of them.
    """

    package: str
    review: int
    modules: int
    missing: list[str]
    missing_count: int
    lines: int
    counts: dict[str, int]
    notes: list[Note]


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """A page that was written.

    Attributes:
        ranking: Packages, the one with most remarks for its lines first.
        missing: Modules that some critic has not judged (yet).
    """

    page: str
    review: int
    ranking: list[str]
    missing: int


class Shelf(msgspec.Struct, frozen=True):
    """What is reviewed when a request names nothing; empty = everything."""

    packages: list[str] = []


class Reader(Subscriber, name="reader"):
    """Finds packages and their modules."""

    config: Shelf

    @subscribe("requests", publishes="packages")
    def open(self, request: Request, ctx: TurnContext) -> Iterator[Package]:
        """Publish the packages that are wanted: all of them, or, when one is not there, none."""
        root = Path(request.folder or sysconfig.get_path("stdlib")).absolute()
        wanted = request.packages or ([] if request.everything or request.folder else self.config.packages)
        found = packages_in(root)
        if missing := sorted(set(wanted) - found.keys()):
            raise Fatal(f"{root} has no {', '.join(missing)}")
        for name in sorted(set(wanted) or found):
            yield Package(name=name, review=ctx.offset, folder=str(root), modules=found[name])

    @subscribe("packages", publishes="modules", order="none")
    def read(self, package: Package) -> Iterator[Module]:
        """Publish the modules of a package."""
        for path in package.modules:
            yield Module(package=package.name, review=package.review, folder=package.folder, path=path)


class Critic(Subscriber):
    """Judges modules, in any order, several at once; what it says about them is in ``remarks``."""

    @subscribe("modules", publishes="findings", order="none", concurrency=4, try_count=3, timeout_s=60)
    def review(self, module: Module) -> Finding:
        """Judge a module. A disk that fails is tried again; a text that does not parse would not do so the next time."""
        source = Path(module.folder, module.path).read_bytes()
        try:
            tree = parsed(source, module.path)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise Fatal(f"{module.path} cannot be parsed: {error}") from error
        remarks = list(self.remarks(module, tree))
        return Finding(
            package=module.package,
            review=module.review,
            module=module.path,
            critic=type(self).__name__.lower(),
            lines=len(source.splitlines()),
            count=len(remarks),
            remarks=remarks[:MOST_REMARKS],
        )

    def remarks(self, module: Module, tree: ast.Module) -> Iterator[Remark]:
        """What there is to say about it."""
        raise NotImplementedError


class Measure(msgspec.Struct, frozen=True):
    """How many ways through a function are well; more are remarked on."""

    most: int = 10


class Complexity(Critic):
    """Remarks on functions with too many ways through them."""

    config: Measure

    def remarks(self, module: Module, tree: ast.Module) -> Iterator[Remark]:
        """See ``Critic``."""
        del module
        return complexity(tree, self.config.most)


class Docstrings(Critic):
    """Remarks on what is public and has no docstring."""

    def remarks(self, module: Module, tree: ast.Module) -> Iterator[Remark]:
        """See ``Critic``."""
        del module
        return docstrings(tree)


class Naming(Critic):
    """Remarks on names that are not as PEP 8 wants them."""

    def remarks(self, module: Module, tree: ast.Module) -> Iterator[Remark]:
        """See ``Critic``."""
        del module
        return naming(tree)


class Imports(Critic):
    """Remarks on imports of everything, and on those that nothing uses."""

    def remarks(self, module: Module, tree: ast.Module) -> Iterator[Remark]:
        """See ``Critic``. What a package's own ``__init__`` imports is for others."""
        return imports(tree, is_package=module.path.endswith("__init__.py"))


class Dossier(msgspec.Struct):
    """What the editor knows of one package: the findings by module, and of each by critic."""

    review: int = -1
    modules: list[str] = []
    findings: dict[str, dict[str, Finding]] = {}


class Editor(Subscriber, name="editor"):
    """Keeps what is known of each package; two channels bring it, in whatever order."""

    state: Dossier

    @subscribe("packages", key="name", publishes="standings")
    def open(self, package: Package) -> Standing | None:
        """Begin with a package, or learn which modules it has."""
        if not self._turn_to(package.review):
            return None
        self.state.modules = package.modules
        return self._standing(package.name)

    @subscribe("findings", key="package", publishes="standings", batch=100)
    def add(self, findings: list[Finding], ctx: TurnContext) -> Standing | None:
        """Put findings about one package down; one turn takes all that have come meanwhile."""
        newest = max(one.review for one in findings)
        if not self._turn_to(newest):
            return None
        for one in findings:
            if one.review == newest:
                self.state.findings.setdefault(one.module, {})[one.critic] = one
        return self._standing(ctx.key)

    def _turn_to(self, review: int) -> bool:
        """Forget what an earlier review has found; False = this one is older than what is known."""
        if review > self.state.review:
            self.state.review, self.state.modules, self.state.findings = review, [], {}
        return review == self.state.review

    def _standing(self, name: str) -> Standing:
        found = self.state.findings
        missing = [path for path in self.state.modules if len(found.get(path, ())) < len(CRITICS)]
        said = [
            by_critic[critic] for critic in CRITICS for _, by_critic in sorted(found.items()) if critic in by_critic
        ]
        counts: Counter[str] = Counter()
        notes: dict[str, list[Note]] = {critic: [] for critic in CRITICS}
        for one in said:
            counts[one.critic] += one.count
            notes[one.critic] += [Note(one.critic, f"{one.module}:{it.line}", it.text) for it in one.remarks]
        return Standing(
            package=name,
            review=self.state.review,
            modules=len(self.state.modules),
            missing=missing[:MOST_MISSING],
            missing_count=len(missing),
            lines=sum(next(iter(by_critic.values())).lines for by_critic in found.values()),
            counts={critic: counts[critic] for critic in CRITICS},
            notes=[note for some in notes.values() for note in some[:MOST_REMARKS]],
        )


class Paper(msgspec.Struct, frozen=True):
    """Where the page is written; relative to where the system runs."""

    page: str = "review.html"


class Table(msgspec.Struct):
    """The newest standing of each package of the newest review."""

    review: int = -1
    standings: dict[str, Standing] = {}


class Press(Subscriber, name="press"):
    """Writes the page anew when something has changed; of changes that come together, once."""

    config: Paper
    state: Table

    @subscribe("standings", publishes="editions", batch=1000)
    def print(self, standings: list[Standing]) -> Edition | None:
        """Write a page. It is written before the turn is committed: after a death between the two it is written again, the same."""
        newest = max(self.state.review, *(one.review for one in standings))
        if newest > self.state.review:
            self.state.review, self.state.standings = newest, {}
        fresh = {one.package: one for one in standings if one.review == newest}
        if not fresh:
            return None
        self.state.standings |= fresh
        ranking = ranked(list(self.state.standings.values()))
        page = page_of(f"Python {platform.python_version()}", CRITICS, msgspec.to_builtins(ranking))
        write(Path(self.config.page), page)
        return Edition(
            page=self.config.page,
            review=newest,
            ranking=[one.package for one in ranking],
            missing=sum(one.missing_count for one in ranking),
        )


def ranked(standings: list[Standing]) -> list[Standing]:
    """Sort them: first who has most remarks for its lines."""
    return sorted(standings, key=lambda one: (-sum(one.counts.values()) / max(1, one.lines), one.package))


def packages_in(root: Path) -> dict[str, list[str]]:
    """Find the packages of a folder and the paths of their modules; a module by itself is a package of its own name."""
    found: dict[str, list[str]] = {}
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if name not in LEFT_OUT)
        for name in sorted(files):
            if name.endswith(".py"):
                path = Path(folder, name).relative_to(root)
                found.setdefault(path.parts[0].removesuffix(".py"), []).append(path.as_posix())
    return found


@lru_cache(maxsize=16)
def parsed(source: bytes, path: str) -> ast.Module:
    """Parse a module; four critics want the same one at about the same time."""
    return ast.parse(source, path)


def write(path: Path, text: str) -> None:
    """Put a file in the place of the one before, whole: whoever reads it meanwhile sees the one or the other."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
