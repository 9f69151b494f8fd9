"""What a person sees while a run goes on: one moving line on a terminal, one line per state change elsewhere.

The runtime calls the observer on the thread that commits, so an observer only counts or queues; a thread of its own
does the writing, and a reader that has stopped reading stops nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Protocol, Self

import msgspec
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dagger_actors.cli.progress_lines import Lines
from dagger_actors.cli.tally import Standing, Tally
from dagger_actors.cli.text import duration, one_line, printable, shorten
from dagger_actors.flow.reports.report import Report
from dagger_actors.flow.running.run_events import RunEvent

__all__ = ["Display", "Moving", "Silent", "Voice", "display_for"]


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """What a command says.

    Attributes:
        title: What runs.
        as_json: One document on stdout, and nothing but errors and logs beside it.
        quiet: Nothing before there is an outcome.
        pinned: Said of each run as it begins.
    """

    title: str
    as_json: bool
    quiet: bool
    pinned: str = ""

    @property
    def has_person(self) -> bool:
        """Whether somebody sits there who can be asked."""
        return not (self.as_json or self.quiet) and sys.stdin.isatty() and sys.stderr.isatty()


class Display(Protocol):
    """Shows the progress of the runs of one command."""

    def begin(self, report: Report) -> None:
        """Learn what a resumed run has behind it."""
        ...

    def observe(self, events: Sequence[RunEvent]) -> None:
        """Take events; never blocks."""
        ...

    def tell(self, text: str) -> None:
        """Show a line that an action logged; may block the action."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Silent:
    """Shows no progress: stdout is JSON for a program, and stderr is kept for errors.

    Args:
        tells: Whether what actions log is shown all the same.
    """

    def __init__(self, *, tells: bool) -> None:
        self._tells = tells

    def begin(self, report: Report) -> None:
        """Take no notice."""

    def observe(self, events: Sequence[RunEvent]) -> None:
        """Take no notice."""

    def tell(self, text: str) -> None:
        """Write it on stderr, where errors go too."""
        if self._tells:
            sys.stderr.write(f"{printable(text)}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...


class Moving:
    """One line on a terminal: bar, done, running, failed, rate, elapsed; it stays, finished, when the run has ended.

    Args:
        console: The terminal.
        title: What runs; may hold anything.
    """

    def __init__(self, console: Console, title: str) -> None:
        self._title = shorten(one_line(title), 30)
        self._tally = Tally()
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def begin(self, report: Report) -> None:
        """Count what the run has behind it."""
        self._tally.begin(report)

    def observe(self, events: Sequence[RunEvent]) -> None:
        """Count them."""
        self._tally.apply(events)

    def tell(self, text: str) -> None:
        """Print it above the line."""
        self._live.console.print(Text(printable(text)), soft_wrap=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.stop()

    def _render(self) -> Table:
        return standing_line(self._title, self._tally.read())


def standing_line(title: str, now: Standing) -> Table:
    """Lay out one reading as a line."""
    row = Table.grid(padding=(0, 2))
    row.add_row(
        Text(title, style="bold"),
        ProgressBar(
            total=max(now.total, 1), completed=now.done, width=24, complete_style="green", finished_style="green"
        ),
        Text(f"{now.done}/{now.total} done"),
        Text(f"{now.running} running"),
        Text(f"{now.failed} failed", style="red" if now.failed else ""),
        Text(f"{now.rate:.0f}/s" if now.rate >= 10 else f"{now.rate:.1f}/s"),
        Text(duration(now.elapsed_us)),
        Text(shorten(one_line(now.detail), 40)),
    )
    return row


def display_for(voice: Voice) -> Display:
    """Choose the display: none beside JSON or when quiet, a moving line on a terminal, lines elsewhere."""
    if voice.as_json or voice.quiet:
        return Silent(tells=not voice.quiet)
    if sys.stderr.isatty():
        return Moving(Console(stderr=True, highlight=False, markup=False), voice.title)
    return Lines(sys.stderr)
