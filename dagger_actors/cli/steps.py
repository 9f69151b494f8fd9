"""What to type next: the commands that go on from where a run stands, ready to be copied into a shell."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.bodies.artifact_ref import ArtifactRef
from dagger_actors.cli.command_line import command
from dagger_actors.cli.text import one_line
from dagger_actors.core.wording import counted
from dagger_actors.flow.reports.questions import Question
from dagger_actors.flow.reports.report import NodeReport, Report
from dagger_actors.reading.filters import LISTED

__all__ = ["YES_OR_NO", "answer_step", "asked", "lost", "next_steps", "parked"]

UNREADABLE = frozenset({"ArtifactMissing", "ArtifactCorrupt"})
PARKED = frozenset({"interrupted", "poison"})
YES_OR_NO = frozenset({"bool", "any"})
"""Types of questions that ``approve`` answers."""
ASKED = 10
"""Questions that are told; the rest is counted."""


def next_steps(
    report: Report,
    db: str,
    imports: Sequence[str] = (),
    *,
    needs: Sequence[tuple[str, str]] = (),
    questions: Sequence[Question] = (),
    is_stranded: bool = False,
    is_left: bool = False,
    goes_on: str = "",
) -> list[str]:
    """The commands that go on from here, the likeliest first; none when there is nothing to do.

    Args:
        report: The run.
        db: The database, as it was given.
        imports: Where its actions are, as they were given.
        needs: Options that its code needs whenever it runs.
        questions: What people are asked in it.
        is_stranded: It says ``running``, and its process is gone.
        is_left: The run that it is inside of is over, and its process died before it could cancel it.
        goes_on: The run that ``resume`` and ``retry`` are given, when it is inside of that; empty = itself.
    """
    run_id = goes_on or report.run_id
    if is_left:
        return [command("cancel", run_id, db=db)]
    if is_stranded:
        return [command("resume", run_id, options=needs, db=db, imports=imports)]
    match report.state:
        case "failed" | "cancelled" | "timed_out":
            again = [("--from", node) for node in lost(report)] if run_id == report.run_id else []
            return [command("retry", run_id, options=[*again, *needs], db=db, imports=imports), *_why(report, db)]
        case "paused" if questions:
            one = questions[0]  # its run may be one of a flow inside this one
            return [
                answer_step(one, db),
                command("why", one.run_id, one.node_id, db=db),
                command("resume", run_id, options=needs, db=db, imports=imports),
            ]
        case "paused":
            verb = "retry" if any(parked(node) for node in report.nodes) else "resume"
            return [command(verb, run_id, options=needs, db=db, imports=imports), *_why(report, db)]
        case _:
            return []


def answer_step(question: Question, db: str) -> str:
    """The command that answers a question."""
    if question.type in YES_OR_NO:
        return command("approve", question.run_id, question.node_id, db=db)
    return command("signal", question.run_id, question.node_id, "VALUE", db=db)


def asked(questions: Sequence[Question], run_id: str = "") -> list[str]:
    """Tell what people are asked, a line each.

    Args:
        questions: The questions.
        run_id: The run that was looked at; others are named. Empty = all are.
    """
    told = [f"{_question(one, run_id)} ({_wanted(one)})" for one in questions[:ASKED]]
    if len(questions) > ASKED:
        least = "at least " if len(questions) >= LISTED else ""
        told.append(f"... and {least}{counted(len(questions) - ASKED, 'more question')}; `questions` lists them")
    return told


def _wanted(question: Question) -> str:
    """What the answer must be, in words."""
    return "yes or no" if question.type == "bool" else question.type


def _question(question: Question, run_id: str) -> str:
    where = "" if question.run_id == run_id else f"{question.run_id}: "
    return one_line(f"{where}{question.node_id} asks" + (f": {question.message}" if question.message else " a person"))


def parked(node: NodeReport) -> bool:
    """Tell whether an invocation waits for a person to release it."""
    return node.state == "waiting" and node.reason in PARKED


def lost(report: Report) -> list[str]:
    """Name the nodes whose outputs others could not read: without them a retry would fail once more."""
    errors = [node.attempts[-1].error for node in report.nodes if node.state == "failed" and node.attempts]
    told = [error.message for error in errors if error is not None and error.type.rpartition(".")[2] in UNREADABLE]
    makers = [
        node.node_id
        for node in (report.nodes if told else ())
        for one in (node.output, *node.artifacts)
        if isinstance(one, ArtifactRef) and any(one.artifact_id in message for message in told)
    ]
    return list(dict.fromkeys(makers))


def _why(report: Report, db: str) -> list[str]:
    """Ask why of the first node that failed or waits, if any."""
    for node in report.nodes:
        if node.state in ("failed", "timed_out") or parked(node):
            options = [("--item", node.invocation_key)] if node.invocation_key else []
            return [command("why", report.run_id, node.node_id, options=options, db=db)]
    return []
