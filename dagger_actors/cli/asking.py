"""Staying with runs until they rest; what they ask people then is asked on the terminal, where there is one."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import Any, Final

from dagger_actors.cli.exits import UsageError, complain
from dagger_actors.cli.inputs import parse_answer
from dagger_actors.cli.progress import Display, Voice, display_for
from dagger_actors.cli.text import one_line, printable
from dagger_actors.cli.watch import Interrupts, wait_for
from dagger_actors.errors import IllegalTransition, RequestError, RunOwned
from dagger_actors.flow.reports.questions import Question
from dagger_actors.flow.reports.report import Report
from dagger_actors.flow.running.run_events import RunEvent
from dagger_actors.flow.verbs.run import Run
from dagger_actors.system import ActorSystem

__all__ = ["Shown", "stay_with"]

LOOK_S: Final = 0.25
"""How often a run that rests is looked at, for the answer of another process."""


class _NoAnswer(Exception):
    """Nothing was said, or a signal came."""


class Shown:
    """What is shown of the progress of runs: one display until they rest, and the next when they go on.

    Args:
        voice: What the command says.
    """

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self.display: Display = display_for(voice)

    def observe(self, events: Sequence[RunEvent]) -> None:
        """Take events; never blocks."""
        self.display.observe(events)

    def tell(self, text: str) -> None:
        """Show a line of the log, at any time."""
        self.display.tell(text)

    def begin_anew(self, reports: Sequence[Report]) -> None:
        """Show the next display, which knows what is behind."""
        self.display = display_for(self.voice)
        for report in reports:
            self.display.begin(report)


def stay_with(
    system: ActorSystem, runs: Sequence[Run], interrupts: Interrupts, shown: Shown, *, waits: bool
) -> list[Report] | None:
    """Stay with runs until they have ended, or rest and a person at the terminal leaves open what they ask.

    Args:
        system: Runs them.
        runs: The runs.
        interrupts: Entered.
        shown: Shows their progress.
        waits: Whether to stay while nothing but people are awaited.

    Returns:
        How they rest; None when a signal came first.
    """
    while True:
        with shown.display:
            reports = wait_for(lambda: [_rest_of(system, one, interrupts, waits=waits) for one in runs], interrupts)
        if reports is None or not shown.voice.has_person:
            return reports
        answered = [_ask(system, report, interrupts) for report in reports if report.state == "paused"]
        if not any(answered):
            return reports
        shown.begin_anew(reports)


def _rest_of(system: ActorSystem, run: Run, interrupts: Interrupts, *, waits: bool) -> Report:
    """Wait until a run has ended, or rests; not while an answer is there that nobody has taken."""
    while True:
        report = run.wait()
        if report.state != "paused" or interrupts.first is not None:
            return report
        if system.flows.has_news(run.id):
            # Another process goes on with it, or has cancelled it: the next wait tells.
            with contextlib.suppress(RunOwned, IllegalTransition):
                system.flows.resume(run.id)
        elif not waits or not system.flows.questions(run.id):
            return report
        else:
            interrupts.rest(LOOK_S)


def _ask(system: ActorSystem, report: Report, interrupts: Interrupts) -> bool:
    """Ask a person at the terminal what a run asks; tells whether anything was answered."""
    was_answered = False
    for question in system.flows.questions(report.run_id):
        try:
            answer = _answer_to(question, report.run_id, interrupts)
        except _NoAnswer:
            continue
        try:
            system.flows.signal(question.run_id, question.node_id, answer)
        except RequestError as error:
            complain(error)  # somebody elsewhere was faster
        was_answered = True
    return was_answered


def _answer_to(question: Question, run_id: str, interrupts: Interrupts) -> Any:
    wanted = "y or n" if question.type == "bool" else question.type
    where = "" if question.run_id == run_id else f"{one_line(question.run_id)}: "
    text = f"{where}{one_line(question.node_id)}" + (f" asks: {question.message}" if question.message else "")
    while True:
        sys.stderr.write(printable(f"{text} ({wanted}; Enter leaves it open) "))
        sys.stderr.flush()
        said = None if interrupts.first is not None else wait_for(sys.stdin.readline, interrupts)
        word = (said or "").strip()
        if not word:
            raise _NoAnswer
        try:
            return parse_answer(word, question.type)
        except UsageError as error:
            complain(error)
