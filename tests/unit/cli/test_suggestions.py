"""Every command that the program suggests is one that it takes: each is read by the parser of the command line itself."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example as also
from hypothesis import given, settings
from hypothesis import strategies as st

import dagger_actors
from dagger_actors import errors
from dagger_actors.cli.app import app
from dagger_actors.cli.command_line import WITHOUT_DATABASE, advising, command, with_database
from dagger_actors.cli.exits import UsageError
from dagger_actors.cli.steps import next_steps
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.errors.commands import command_line
from dagger_actors.flow.reports.report import NodeReport, Report
from tests.command_options import flat, names_of
from tests.unit.test_errors import EXAMPLES, example

PACKAGE = Path(dagger_actors.__file__).parent
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12) | st.sampled_from(
    ["-x", "--", "--db", "-", "--all", "a b", "'", "--from=b", "{}", "[1]", "$HOME", "*", "#"]
)
NO_COMMANDS = {"dagger-actors flow", "dagger-actors system", "dagger-actors when a version supports it"}
"""Titles of schemas, and the program's name within a sentence."""


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """The first look at a command imports it, which no example has the time for."""
    for name in app:
        if not name.startswith("-"):
            app.parse_args([name, "--help"], print_error=False, exit_on_error=False)


def parsed(line: str) -> tuple[str, dict[str, Any]]:
    """The function that a command line calls, and what with; fails when the program would not take it."""
    program, *words = shlex.split(line)
    assert program == "dagger-actors"
    called, bound, _ = app.parse_args(words, print_error=False, exit_on_error=False)
    return called.__name__, flat(bound.arguments)


def report(run_id: str, node: str, key: str, state: str) -> Report:
    one = NodeReport(node_id=node, invocation_key=key, state="failed", reason=None, output=None, attempts=())
    return Report(
        run_id=run_id, flow_name="f", state=state, error=None, inputs={}, outputs={}, created_us=0, started_us=0,
        finished_us=None, elapsed_us=0, nodes=(one,),
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(WORDS, WORDS, WORDS | st.just(""), WORDS, st.lists(WORDS, max_size=2), st.sampled_from(["failed", "paused"]))
def test_the_next_steps_of_a_run_are_taken_whatever_it_is_called(
    run_id: str, node: str, key: str, db: str, imports: list[str], state: str
) -> None:
    """Law: ids, keys, databases and files that begin with a dash, or hold what shells read, arrive as they are."""
    verb, why = map(parsed, next_steps(report(run_id, node, key, state), db, imports))
    given_imports = {"imports": tuple(imports)} if imports else {}
    assert verb == ("retry" if state == "failed" else "resume", {"run_id": run_id, "db": db, **given_imports})
    assert why == ("why", {"run_id": run_id, "node": node, "db": db, **({"item": key} if key else {})})
    assert parsed(next_steps(report(run_id, node, key, "running"), db, is_stranded=True)[0])[1]["run_id"] == run_id


@settings(max_examples=40, deadline=None)
@also(":", ["x"], "a b")
@given(WORDS, st.lists(WORDS, max_size=2), WORDS)
def test_how_to_check_a_flow_again_is_taken(spec: str, imports: list[str], db: str) -> None:
    """Law: `validate` has no --db, and is given none."""
    with pytest.raises(UsageError) as caught, advising(spec, imports):
        raise DefinitionError([Problem("it has no nodes")])
    line = with_database(str(caught.value), db).partition(" then: ")[2]
    given_imports = {"imports": tuple(imports)} if imports else {}
    assert parsed(line) == ("validate", {"spec": spec, **given_imports})


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(EXAMPLES)), WORDS)
def test_the_command_in_an_error_is_taken_with_its_database(name: str, db: str) -> None:
    """Law: what an error suggests is a command, also when main has added the database."""
    for line in with_database(str(example(name)), db).splitlines():
        _, found, rest = line.partition(": dagger-actors ")
        if found:
            assert parsed(f"dagger-actors {rest}")[1].get("db", "dagger.db") == db


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["retry", "resume"]), WORDS, WORDS)
def test_the_library_suggests_for_any_run(verb: str, run_id: str, db: str) -> None:
    """Law: the texts of ``flows.resume`` and ``flows.retry``, with the database that main adds."""
    text = with_database(f"it is over; go on with: {command_line(verb, run_id)}", db)
    if ": dagger-actors" not in run_id + db:
        assert parsed(text.partition("with: ")[2]) == (
            verb,
            {"run_id": run_id, **({"db": db} if db != "dagger.db" else {})},
        )


@settings(max_examples=40, deadline=None)
@given(WORDS, WORDS, WORDS)
def test_an_unreadable_artifact_is_made_again_by_its_node(run_id: str, node: str, path: str) -> None:
    """Law: ids that begin with a dash, too."""
    for kind in (errors.ArtifactMissing, errors.ArtifactCorrupt):
        line = str(kind(path, "ab12", run_id, node)).rpartition("compute it again: ")[2]
        if "compute it again: " not in run_id + node:
            assert parsed(line) == ("retry", {"run_id": run_id, "start_from": (node,)})


def parts(*words: str) -> Iterator[tuple[Path, ast.AST]]:
    """What the modules of the package that have one of these words consist of."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        if any(word in text for word in words):
            yield from ((path, one) for one in ast.walk(ast.parse(text)))


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every place of the package that writes a command."""
    for path, one in parts("command(", "command_line("):
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id in ("command", "command_line"):
            yield f"{path.relative_to(PACKAGE)}:{one.lineno}", one


def spelled(one: ast.Call, verb: str) -> str:
    """The command of such a place, with stand-ins for what is known only when it is written; 7 is a text and a task's id."""
    arguments = ["7" for part in one.args[1:] if not isinstance(part, ast.Starred)]
    named: dict[str, Any] = {"db": "x.db", "imports": ["x.py"]}
    options = [
        tuple(part.value if isinstance(part, ast.Constant) else "x" for part in pair.elts)
        for keyword in one.keywords
        if keyword.arg == "options"
        for pair in ast.walk(keyword.value)
        if isinstance(pair, ast.Tuple)
    ]
    if any(isinstance(part, ast.Starred) for part in one.args[1:]):
        arguments.append("7")
    return command(verb, *arguments, options=options, **{k.arg: named[k.arg] for k in one.keywords if k.arg in named})  # type: ignore[arg-type, misc]


PLACES = list(calls())


@pytest.mark.parametrize(("place", "one"), PLACES, ids=[place for place, _ in PLACES])
def test_every_place_that_writes_a_command_writes_one_that_is_taken(place: str, one: ast.Call) -> None:
    """Law: the verb exists and has the options; a new suggestion with a wrong one is noticed here."""
    verb = one.args[0]
    verbs = [verb.value] if isinstance(verb, ast.Constant) else ["retry", "resume"]
    if place.startswith(("cli/command_line.py", "errors/commands.py")) and isinstance(verb, ast.Name):
        return  # the helper itself
    for name in verbs:
        assert isinstance(name, str)
        parsed(spelled(one, name))


def written() -> Iterator[str]:
    """Every command that stands in a text of the package, code aside."""
    for _, one in parts("dagger-actors "):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield from (
                line.rstrip() for line in re.findall(r"dagger-actors [a-z](?:'[^'\n]*'|[^`\n;:.(>|'])*", one.value)
            )


@pytest.mark.parametrize("line", sorted(set(written()) - NO_COMMANDS))
def test_every_command_in_a_text_of_the_package_is_taken(line: str) -> None:
    """Law: help texts and messages name only what there is, with what it needs."""
    parsed(line)


def test_the_commands_without_a_database_are_those_that_have_no_such_option() -> None:
    """Law: the list is the truth of the parser."""
    names = {
        name
        for name in app
        if not name.startswith("-") and name not in ("artifacts", "tasks", "jobs", "subscriptions", "dead-letters")
    }
    without = {name for name in names if "db" not in names_of(app[name].default_command)}
    assert without == WITHOUT_DATABASE
