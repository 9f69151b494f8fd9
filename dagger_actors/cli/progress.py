"""What a person sees while a run goes on: one moving line on a terminal, one line per state change elsewhere.

The runtime calls the observer on the thread that commits, so an observer only counts or queues; a thread of its own
does the writing, and a reader that has stopped reading stops nothing else.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, Self, TextIO, assert_never

import msgspec
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dagger_actors.cli.tally import Standing, Tally
from dagger_actors.cli.text import duration, invocation, one_line, printable, shorten
from dagger_actors.core.states import FINAL_NODE
from dagger_actors.flow.reports.report import Report
from dagger_actors.flow.running.run_events import (
    HookEmitted,
    NodeChanged,
    NodeCount,
    NodeProgress,
    RunChanged,
    RunEvent,
)

__all__ = ["Display", "Lines", "LogLines", "Moving", "Silent", "Voice", "display_for", "say"]

LONGEST_LINE = 400


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


def say(text: str) -> None:
    """Write a line to stderr; while a live table is shown, rich puts it above that."""
    sys.stderr.write(f"{printable(text)}\n")


class LogLines(logging.Handler):
    """Shows what actions say with ``ctx.log``, at INFO and above, and what the package warns of, while it is entered.

    Args:
        tell: Shows some lines.
    """

    ACTIONS = "dagger_actors.run"
    ALL = "dagger_actors"

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        text = self.format(record)
        self._tell(text if record.name == self.ACTIONS else f"{record.levelname.lower()}: {text}")

    def __enter__(self) -> Self:
        logging.getLogger(self.ACTIONS).setLevel(logging.INFO)
        logging.getLogger(self.ALL).addHandler(self)
        return self

    def __exit__(self, *exc: object) -> None:
        logging.getLogger(self.ALL).removeHandler(self)


class ItemCounts:
    """The items of maps in lines: counted while they go well, so that a map of thousands does not flood a log.

    Nodes of the run that was seen first go by their name alone, those of others (that run inside it) by run and name.
    """

    EVERY_S = 1.0

    def __init__(self) -> None:
        self._first: str | None = None
        self._done: Counter[tuple[str, str]] = Counter()
        self._told: dict[tuple[str, str], int] = {}
        self._told_at: dict[tuple[str, str], float] = {}

    def lines(self, event: RunEvent, at: float) -> Iterator[str]:
        """Write an event as lines, none when it is only counted.

        Args:
            event: The event.
            at: When it was observed, in seconds.
        """
        self._first = self._first or event.run_id
        if not isinstance(event, NodeChanged):
            yield describe(event)
            return
        node = event.run_id, event.node_id
        if not event.invocation_key:
            if event.state in FINAL_NODE and self._done[node] > self._told.get(node, 0):
                yield self._count(node, at)
            yield self._where(event.run_id) + describe(event)
        elif event.state in ("succeeded", "skipped"):
            self._done[node] += 1
            if at - self._told_at.setdefault(node, at) >= self.EVERY_S:
                yield self._count(node, at)
        elif event.error is not None or event.reason or event.state not in ("ready", "running"):
            yield self._where(event.run_id) + describe(event)

    def _where(self, run_id: str) -> str:
        return "" if run_id == self._first else f"{one_line(run_id)}: "

    def _count(self, node: tuple[str, str], at: float) -> str:
        self._told[node] = self._done[node]
        self._told_at[node] = at
        return self._where(node[0]) + one_line(f"{node[1]} {self._done[node]} items done")


class Lines:
    """One line per state change of a node, and of an item that does not go well, for a pipe or a log file.

    Args:
        stream: Where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._words: queue.SimpleQueue[tuple[float, Sequence[RunEvent] | str] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="progress lines", daemon=True)
        self._started = time.monotonic()
        self._items = ItemCounts()
        self._is_over = False
        self._door = threading.Lock()
        """Held while a line is queued, so that none is queued behind the end."""

    def begin(self, report: Report) -> None:
        """Take no notice: what is behind was told when it happened."""

    def observe(self, events: Sequence[RunEvent]) -> None:
        """Queue them for the writer."""
        self._words.put((time.monotonic() - self._started, events))

    def tell(self, text: str) -> None:
        """Queue it for the writer; write it, once that has ended."""
        word = (time.monotonic() - self._started, text)
        with self._door:
            if not self._is_over:
                self._words.put(word)
                return
        self._writer.join()
        self._write_down(*word)

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._door:
            self._is_over = True
            self._words.put(None)
        self._writer.join()

    def _write(self) -> None:
        while (word := self._words.get()) is not None and self._write_down(*word):
            pass

    def _write_down(self, at: float, what: Sequence[RunEvent] | str) -> bool:
        if isinstance(what, str):
            told = [printable(what)]
        else:
            told = [line for event in what for line in self._items.lines(event, at) if line]
        lines = [f"{at:9.3f} {line}\n" for line in told]
        try:
            self._stream.write("".join(lines))
            self._stream.flush()
        except (OSError, ValueError):
            return False  # the reader is gone; the run does not depend on being watched
        return True


def describe(event: RunEvent) -> str:
    """Write an event as one line; "" for those that are no change of state."""
    match event:
        case RunChanged(run_id=run_id, state=state, error=why):
            line = f"run {run_id} {state}"
        case NodeChanged(node_id=node_id, invocation_key=key, attempt=attempt, state=state, error=error):
            line = f"{invocation(node_id, key)} {state}" + (f" (attempt {attempt})" if attempt > 1 else "")
            why = f"{error.type.removeprefix('builtins.')}: {error.message}" if error else event.reason
        case HookEmitted(node_id=node_id, name=name, data=data):
            line, why = f"{node_id} emitted {name}", "" if data == "null" else data
        case NodeProgress() | NodeCount():
            return ""
        case _:
            assert_never(event)
    return shorten(one_line(line + (f": {why}" if why else "")), LONGEST_LINE)


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
