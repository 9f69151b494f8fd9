"""Stays with the runs that a command has begun until they rest, and prints what came of them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence

from dagger_actors.cli.asking import Shown, stay_with
from dagger_actors.cli.exits import FAILED, INTERRUPTED, OK, PAUSED, UsageError, complain, worst
from dagger_actors.cli.json_report import write_reports
from dagger_actors.cli.leaving import leaving, saying
from dagger_actors.cli.log_lines import LogLines
from dagger_actors.cli.place import Place
from dagger_actors.cli.progress import Display, Voice
from dagger_actors.cli.render import failures, outputs, stdout
from dagger_actors.cli.steps import asked, next_steps
from dagger_actors.cli.text import duration, one_line, printable
from dagger_actors.cli.watch import GRACE_S, Interrupts
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.errors import ReadOnlyDatabase, StoreBroken, StoreFull
from dagger_actors.flow.reports.questions import Question
from dagger_actors.flow.reports.report import Report
from dagger_actors.flow.verbs.run import Run
from dagger_actors.system import ActorSystem

__all__ = ["stay"]


def stay(
    begin: Callable[[ActorSystem, Display], list[Run]], place: Place, voice: Voice, *, is_list: bool = False
) -> int:
    """Begin runs, show their progress, wait, and print what came of them.

    Args:
        begin: Begins them.
        place: Where.
        voice: How they are spoken of.
        is_list: Whether they are all that can go on: JSON is a list then, and so is what is suggested.

    Returns:
        The exit code.
    """
    as_json = voice.as_json
    shown = Shown(voice)
    with (
        # What an action prints would stand between a reader and the one document.
        contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext(),
        Interrupts() as interrupts,
        LogLines(shown.tell),  # before anything has begun: a body may have logged before this thread gets on
        place.open(shown.observe) as system,
        leaving(system, interrupts),
    ):
        runs = begin(system, shown.display)
        if runs:
            ids, options = ((), [("--all", "")]) if is_list else ((runs[0].id,), [])
            step = place.again("resume", *ids, options=options)
            interrupts.parting = f"left at once, what is committed is safe; go on with: {step}"
        if not (as_json or voice.quiet):
            for one in runs:
                sys.stderr.write(printable(f"run {one_line(one.id)} in {place.db}{voice.pinned}\n"))
        try:
            ended = stay_with(system, runs, interrupts, shown, waits=place.wait)
        except (StoreFull, StoreBroken, ReadOnlyDatabase) as error:
            raise UsageError(str(error), f"then go on with: {step}") from error
        # The display is closed by now: a second signal leaves the terminal as it was.
        reports = _leave(system, runs, interrupts) if ended is None else ended
        if interrupts.first is not None and not all(report.state in FINAL_RUN for report in reports):
            _say_how_to_resume(runs, reports, place)
            return INTERRUPTED
        if not as_json:
            for report in reports:
                open_ones = system.flows.questions(report.run_id) if report.state == "paused" else ()
                _tell(report, open_ones, place)
            interrupts.parting = "left at once, what is committed is safe"
            if not reports:
                complain("nothing to resume")
    if as_json:
        write_reports(reports, is_list=is_list)
    return worst([_status(report) for report in reports])


def _leave(system: ActorSystem, runs: Sequence[Run], interrupts: Interrupts) -> list[Report]:
    """Stop the system in order, and read what it left."""
    assert interrupts.first is not None
    grace_s = GRACE_S[interrupts.first]
    sys.stderr.write(f"stopping: running nodes have {grace_s:g} s to end; once more to leave at once\n")
    with saying(system.bodies, interrupts):
        system.stop(grace_s=grace_s)
    with ActorSystem.look(system.path) as reader:
        return [reader.flows.report(one.id) for one in runs]


def _say_how_to_resume(runs: Sequence[Run], reports: Sequence[Report], place: Place) -> None:
    for one, report in zip(runs, reports, strict=True):
        if report.state not in FINAL_RUN:
            step = place.again("resume", one.id)
            sys.stderr.write(printable(f"interrupted; go on with: {step}\n"))


def _tell(report: Report, questions: Sequence[Question], place: Place) -> None:
    """Print a run's outputs on stdout, what went wrong and what to do next on stderr."""
    if report.outputs:
        outputs(stdout(), report.outputs)
    for line in failures(report):
        sys.stderr.write(f"{line}\n")
    verdict = f"run {one_line(report.run_id)} {report.state.replace('_', ' ')} after {duration(report.elapsed_us)}"
    if report.error and report.state != "failed":
        verdict += f": {one_line(report.error)}"
    reused = sum((node.reason or "").startswith("cached") for node in report.nodes if node.state == "succeeded")
    if reused:
        verdict += f"; {reused:,} of {len(report.nodes):,} outputs were cached"
    sys.stderr.write(verdict + "\n")
    for line in asked(questions, report.run_id):
        sys.stderr.write(printable(f"{line}\n"))
    for step in next_steps(report, place.db, place.imports, needs=place.needs, questions=questions):
        sys.stderr.write(printable(f"next: {step}\n"))


def _status(report: Report) -> int:
    match report.state:
        case "succeeded":
            return OK
        case "paused":
            return PAUSED
        case _:
            return FAILED
