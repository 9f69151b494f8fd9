"""``up``: run all that a system file has, with a live table, until it is stopped or at rest."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dagger_actors.cli.channel_board import ChannelBoard
from dagger_actors.cli.command_line import advising, command
from dagger_actors.cli.exits import INTERRUPTED, OK, PAUSED
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.log_lines import LogLines, say
from dagger_actors.cli.options import AsJson, Database, Resources
from dagger_actors.cli.place import resources_at
from dagger_actors.cli.render import plain
from dagger_actors.cli.task_board import TaskBoard
from dagger_actors.cli.text import one_line, printable
from dagger_actors.cli.watch import GRACE_S, Interrupts
from dagger_actors.core.wording import counted
from dagger_actors.pubsub.verbs.at_work import SubscriptionStanding
from dagger_actors.supervised.tree import Branch
from dagger_actors.system import ActorSystem
from dagger_actors.tasks.verbs.at_work import AgentStanding

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
    resources: Resources = None,
    until_rest: Annotated[
        bool,
        Parameter(
            help="End when nothing is queued or handled, no timer is set, no task is open, and no message is unread or waits "
            "for another try; what is paused is not waited for.",
            negative=(),
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Run the actors, task agents and subscribers of a system file until Ctrl-C or SIGTERM, or with --until-rest until rest.

    Without --db their durable state, tasks and channels are in a temporary file, and gone with it. At the end it reports what
    each agent and subscription did. Exits with 0 at rest, 1 when something gives up, 2 when the file cannot run, 3 at rest
    with messages of paused subscriptions left, 130 when it was stopped.
    """
    with Interrupts() as interrupts, LogLines(say):
        made = resources_at(resources)
        with advising(spec):
            system = ActorSystem.from_spec(spec, db, resources=made)
        with system:
            watch = Watch(system, spec)
            with watch.shown():
                while interrupts.first is None and system.actors.failure is None and system.channels.failure is None:
                    if watch.look() and until_rest and _rests(system):
                        watch.has_rested = True
                        break
                    interrupts.pause(LOOK_S)
                watch.look()
            if interrupts.first is not None:
                grace_s = GRACE_S[interrupts.first]
                sys.stderr.write(f"stopping: what is in hand has {grace_s:g} s to end; once more to leave at once\n")
                system.stop(grace_s=grace_s)
    watch.tell()
    if as_json:
        write_json(watch.report())
    else:
        watch.print_report()
    if system.channels.failure is not None:
        raise system.channels.failure
    if interrupts.first is not None:
        return INTERRUPTED
    return watch.tell_paused(db)


def _rests(system: ActorSystem) -> bool:
    """Whether no message is left to be taken; looks for a moment, and tells at once when it is so."""
    return not system.channels.own or system.run_until(timeout=LOOK_S).reason == "quiescent"


class UpReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, for ``--json``.

    Attributes:
        system: The system file.
        ended: ``rest``; ``stopped``: by somebody, or because something gave up.
        seconds: How long it ran.
        actors: Actors and supervisors as they were at the end.
        agents: Task agents.
        subscriptions: Those of this process.
    """

    system: str
    ended: Literal["rest", "stopped"]
    seconds: float
    actors: tuple[Branch, ...]
    agents: tuple[AgentStanding, ...]
    subscriptions: tuple[SubscriptionStanding, ...]


class Watch:
    """What is seen of a running system: a table that moves on a terminal, a line now and then elsewhere."""

    def __init__(self, system: ActorSystem, title: str) -> None:
        self._system = system
        self._title = title
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._board = TaskBoard(system.tasks, is_shown=self._console.is_terminal) if system.tasks.own else None
        self._channels = ChannelBoard(system.channels) if system.channels.own else None
        self.has_rested = False
        self._rows: list[tuple[Branch, int]] = []
        self._handled: dict[str, int] = {}
        self._rates: dict[str, float] = {}
        self._began = self._looked = self._told = time.monotonic()

    def shown(self) -> Live:
        """Show it while this is entered."""
        return Live(console=self._console, get_renderable=self._tables, refresh_per_second=4, transient=True)

    def look(self) -> bool:
        """Look once; True when actors and task agents have nothing to do any more."""
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
        if self._channels is not None:
            self._channels.look()
        is_quiet = self._system.actors.is_at_rest() and sum(self._handled.values()) == before
        return is_quiet and (self._board is None or self._system.tasks.is_at_rest())

    def tell(self) -> None:
        """Write how it stands, as one line."""
        self._told = self._looked
        actors = [one for one, _ in self._rows if one.kind != "supervisor"]
        tasks = "" if self._board is None else f"; tasks: {self._board.line()}"
        messages = "" if self._channels is None else f"; channels: {self._channels.line()}"
        undelivered = sum(self._system.actors.undelivered_counts.values())
        sys.stderr.write(
            printable(
                f"{self._title}: {counted(len(actors), 'actor')}, {counted(sum(self._handled.values()), 'message')} handled, "
                f"{sum(one.queued for one in actors):,} queued, {undelivered:,} undelivered, "
                f"{counted(sum(one.restarts for one, _ in self._rows), 'restart')}{tasks}{messages}\n"
            )
        )

    def report(self) -> UpReport:
        """What came of it."""
        return UpReport(
            system=self._title,
            ended="rest" if self.has_rested else "stopped",
            seconds=time.monotonic() - self._began,
            actors=tuple(msgspec.structs.replace(one, children=()) for one, _ in self._rows),
            agents=() if self._board is None else tuple(self._board.agents),
            subscriptions=() if self._channels is None else tuple(self._channels.rows),
        )

    def print_report(self) -> None:
        """Print what each task agent and subscription did, if there are any."""
        for table in self._tables_of_work(is_last=True):
            self._console.print(table, soft_wrap=not self._console.is_terminal)

    def tell_paused(self, db: str | None) -> int:
        """Say which subscriptions have messages left because they are paused; gives the status to exit with."""
        held = [] if self._channels is None else self._channels.held()
        for name in held:
            step = command("subscriptions resume", name, db=db or "DATABASE")
            sys.stderr.write(printable(f"{name} is paused, and has messages left\nnext: {step}\n"))
        return PAUSED if held else OK

    def _tables(self) -> Group:
        if not self._console.is_terminal:
            return Group()
        work = [*self._tables_of_work()]
        return Group(*([self._table()] if self._rows or not work else ()), *work)

    def _tables_of_work(self, *, is_last: bool = False) -> Iterator[Table]:
        if self._board is not None:
            yield from self._board.tables()
        if self._channels is not None:
            yield self._channels.table(is_last=is_last)

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
