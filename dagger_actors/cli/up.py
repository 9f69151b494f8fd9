"""``up``: run the actors of a system file, with a live table, until they are stopped or at rest."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dagger_actors.cli.command_line import advising
from dagger_actors.cli.exits import INTERRUPTED, OK
from dagger_actors.cli.options import Database
from dagger_actors.cli.progress import LogLines, say
from dagger_actors.cli.render import plain
from dagger_actors.cli.task_board import TaskBoard
from dagger_actors.cli.text import one_line, printable
from dagger_actors.cli.watch import GRACE_S, Interrupts
from dagger_actors.core.wording import counted
from dagger_actors.supervised.tree import Branch
from dagger_actors.system import ActorSystem

__all__ = ["up"]

LOOK_S = 0.5
"""Between two looks."""

LINES_S = 10.0
"""Between two lines, where there is no terminal."""

ROWS = 40
STYLES = {"busy": "green", "restarting": "yellow", "stuck": "red", "absent": "red", "held": "red"}


def up(
    spec: Annotated[str, Parameter(name="SPEC", help="The system file.")],
    /,
    *,
    db: Database | None = None,
    until_rest: Annotated[
        bool,
        Parameter(help="End when nothing is queued or handled, no timer is set, and no task is open.", negative=()),
    ] = False,
) -> int:
    """Run the actors and task agents of a system file until Ctrl-C or SIGTERM, or with --until-rest until nothing happens.

    Without --db their durable state is in a temporary file, and gone with it. Exits with 0 at rest, 1 when the root
    supervisor gives up, 2 when the file cannot run, 130 when it was stopped.
    """
    with Interrupts() as interrupts, LogLines(say):
        with advising(spec):
            system = ActorSystem.from_spec(spec, db)
        with system:
            watch = Watch(system, spec)
            with watch.shown():
                while interrupts.first is None and system.actors.failure is None:
                    if watch.look() and until_rest:
                        break
                    interrupts.pause(LOOK_S)
                else:
                    watch.look()
            if interrupts.first is not None:
                grace_s = GRACE_S[interrupts.first]
                sys.stderr.write(f"stopping: what is in hand has {grace_s:g} s to end; once more to leave at once\n")
                system.stop(grace_s=grace_s)
    watch.tell()
    return INTERRUPTED if interrupts.first is not None else OK


class Watch:
    """What is seen of a running system: a table that moves on a terminal, a line now and then elsewhere."""

    def __init__(self, system: ActorSystem, title: str) -> None:
        self._system = system
        self._title = title
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._board = TaskBoard(system.tasks, is_shown=self._console.is_terminal) if system.tasks.own else None
        self._rows: list[tuple[Branch, int]] = []
        self._handled: dict[str, int] = {}
        self._rates: dict[str, float] = {}
        self._looked = time.monotonic()
        self._told = self._looked

    def shown(self) -> Live:
        """Show it while this is entered."""
        return Live(console=self._console, get_renderable=self._tables, refresh_per_second=4, transient=True)

    def look(self) -> bool:
        """Look once; True when nothing happens any more."""
        now = time.monotonic()
        span, self._looked = now - self._looked, now
        self._rows = list(_flat(self._system.actors.tree(), 0))
        self._rows += [(one, 0) for one in self._system.actors.temporary()]
        before = sum(self._handled.values())
        for one, _ in self._rows:
            self._rates[one.name] = (one.handled - self._handled.get(one.name, 0)) / span if span else 0.0
            self._handled[one.name] = one.handled
        if not self._console.is_terminal and now - self._told >= LINES_S:
            self.tell()
        if self._board is not None:
            self._board.look()
        is_quiet = self._system.actors.is_at_rest() and sum(self._handled.values()) == before
        return is_quiet and (self._board is None or self._system.tasks.is_at_rest())

    def tell(self) -> None:
        """Write how it stands, as one line."""
        self._told = self._looked
        actors = [one for one, _ in self._rows if one.kind != "supervisor"]
        tasks = "" if self._board is None else f"; tasks: {self._board.line()}"
        undelivered = sum(self._system.actors.undelivered_counts.values())
        sys.stderr.write(
            printable(
                f"{self._title}: {counted(len(actors), 'actor')}, {counted(sum(self._handled.values()), 'message')} handled, "
                f"{sum(one.queued for one in actors):,} queued, {undelivered:,} undelivered, "
                f"{counted(sum(one.restarts for one, _ in self._rows), 'restart')}{tasks}\n"
            )
        )

    def _tables(self) -> Group:
        if not self._console.is_terminal:
            return Group()
        tasks = () if self._board is None else self._board.tables()
        return Group(*([self._table()] if self._rows or not tasks else ()), *tasks)

    def _table(self) -> Table:
        table = plain(
            "actor", "class", "state", "queued", "messages/s", "restarts", right=("queued", "messages/s", "restarts")
        )
        for one, depth in self._rows[:ROWS]:
            name = "  " * depth + one_line(one.name.rpartition("/")[2])
            numbers = (
                ("", "") if one.kind == "supervisor" else (f"{one.queued:,}", f"{self._rates.get(one.name, 0):,.0f}")
            )
            table.add_row(
                Text(name),
                Text(one_line(one.kind)),
                Text(one.state, style=STYLES.get(one.state, "")),
                *numbers,
                str(one.restarts),
            )
        if len(self._rows) > ROWS:
            table.add_row(Text(f"... and {len(self._rows) - ROWS} more"))
        return table


def _flat(branch: Branch, depth: int) -> Iterator[tuple[Branch, int]]:
    for one in branch.children:
        yield one, depth
        yield from _flat(one, depth + 1)
