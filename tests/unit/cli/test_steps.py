"""What is suggested next is a command that can be copied, and the right one."""

from __future__ import annotations

import pytest

from dagger_actors.cli.command_line import advising, database_of, with_database
from dagger_actors.cli.exits import UsageError
from dagger_actors.cli.steps import asked, next_steps
from dagger_actors.errors import DefinitionError, IllegalTransition, Problem, RunNotFound
from dagger_actors.flow.reports.questions import Question
from dagger_actors.flow.reports.report import NodeReport, Report


def report(state: str, *nodes: NodeReport) -> Report:
    return Report(
        run_id="r1", flow_name="f", state=state, error=None, inputs={}, outputs={}, created_us=0, started_us=0,
        finished_us=None, elapsed_us=0, nodes=nodes,
    )  # fmt: skip


def node(state: str, reason: str | None = None, key: str = "") -> NodeReport:
    return NodeReport(node_id="n", invocation_key=key, state=state, reason=reason, output=None, attempts=())


@pytest.mark.parametrize(
    ("one", "verbs"),
    [
        (report("succeeded"), []),
        (report("running"), []),
        (report("failed", node("failed")), ["retry r1", "why r1 n"]),
        (report("failed", node("failed", key="k 1")), ["retry r1", "why r1 n --item 'k 1'"]),
        (report("cancelled"), ["retry r1"]),
        (report("timed_out"), ["retry r1"]),
        (report("paused", node("failed")), ["resume r1", "why r1 n"]),
        (report("paused", node("waiting", "poison")), ["retry r1", "why r1 n"]),
        (report("paused", node("waiting", "interrupted")), ["retry r1", "why r1 n"]),
        (report("paused", node("waiting", "retry")), ["resume r1"]),
    ],
)
def test_the_next_command_follows_from_the_state(one, verbs) -> None:
    """Law: what ended is retried, what paused is resumed, what is parked is released by retry."""
    assert next_steps(one, "x.db") == [f"dagger-actors {verb} --db x.db" for verb in verbs]


@pytest.mark.parametrize(
    ("kind", "verb"), [("bool", "approve r1 n"), ("any", "approve r1 n"), ("int", "signal r1 n VALUE")]
)
def test_who_is_asked_is_shown_how_to_answer(kind, verb) -> None:
    """Law: the first command gives an answer of the type that the node asks for."""
    asked = Question(run_id="r1", node_id="n", message="", type=kind, since_us=0, due_us=None, on_timeout="pause")
    told = next_steps(report("paused", node("waiting", "human")), "x.db", questions=[asked])
    assert told == [f"dagger-actors {step} --db x.db" for step in (verb, "why r1 n", "resume r1")]


def test_what_is_asked_is_told_in_words() -> None:
    """Law: a line for each question, with its text and the type of the answer, on one line whatever it holds; many are counted."""

    def question(node_id: str, message: str, kind: str, run_id: str = "r1") -> Question:
        return Question(
            run_id=run_id, node_id=node_id, message=message, type=kind, since_us=0, due_us=None, on_timeout="pause"
        )

    given = [question("ok", "Send\nit?", "bool"), question("n", "", "int"), question("ok", "Why?", "str", "r1/sub")]
    assert asked(given, "r1") == [
        "ok asks: Send\\nit? (yes or no)",
        "n asks a person (int)",
        "r1/sub: ok asks: Why? (str)",
    ]
    assert asked(given * 5, "r1")[-1] == "... and 5 more questions; `questions` lists them"
    assert len(asked(given * 5, "r1")) == 11
    assert asked(given[:1] * 1_000, "r1")[-1] == "... and at least 990 more questions; `questions` lists them"


def test_a_run_inside_another_is_gone_on_with_by_the_one_above() -> None:
    """Law: what is suggested is not refused: retry and resume are given the run above, why and answers the one inside."""
    told = next_steps(report("failed", node("failed")), "x.db", goes_on="r")
    assert told == ["dagger-actors retry r --db x.db", "dagger-actors why r1 n --db x.db"]


def test_a_stranded_run_is_resumed() -> None:
    """Law: it says `running`, and its process is gone."""
    assert next_steps(report("running"), "x.db", is_stranded=True) == ["dagger-actors resume r1 --db x.db"]


def test_what_a_death_has_left_inside_a_run_that_is_over_is_cancelled() -> None:
    """Law: by the run above, which was cancelled."""
    told = next_steps(report("running"), "x.db", is_stranded=True, is_left=True, goes_on="r")
    assert told == ["dagger-actors cancel r --db x.db"]


@pytest.mark.parametrize(
    "error",
    [
        RunNotFound("r", "x.db"),
        IllegalTransition("r", "failed", "resumed", "try it again with: dagger-actors retry r"),
        IllegalTransition("r", "running", "retried", "go on with it: dagger-actors resume r"),
    ],
)
def test_an_errors_command_names_the_database_when_it_is_not_the_default(error) -> None:
    """Law: what is copied from an error acts on the database that the error is about."""
    assert with_database(str(error), "dagger.db") == str(error)
    assert with_database(str(error), "a b.db") == f"{error} --db 'a b.db'"
    assert with_database("no command here", "x.db") == "no command here"
    assert with_database("see: dagger-actors runs --db y", "x.db") == "see: dagger-actors runs --db y"


@pytest.mark.parametrize(
    ("words", "db"),
    [(["runs"], "dagger.db"), (["runs", "--db", "a"], "a"), (["runs", "--db=b"], "b"), (["runs", "--db"], "dagger.db")],
)
def test_the_database_is_found_in_the_words_of_a_command(words, db) -> None:
    """Law: both spellings count, none is the default."""
    assert database_of(words) == db


def test_a_bad_flow_file_is_told_with_how_to_check_it_again() -> None:
    """Law: the mistakes first, unchanged, then the command."""
    with pytest.raises(UsageError) as caught, advising("my flow.yaml", ["a.py"]):
        raise DefinitionError([Problem("it has no nodes")])
    assert str(caught.value) == (
        "it has no nodes\n  next: mend it, then: dagger-actors validate 'my flow.yaml' --import a.py"
    )
