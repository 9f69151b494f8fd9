"""``worker``: a process that does tasks, with a live table, until it is stopped or nothing is left to do."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Console, Group
from rich.live import Live

from dagger_actors.actors.runtime import THREADS
from dagger_actors.cli.command_line import advising
from dagger_actors.cli.exits import INTERRUPTED, OK, UsageError
from dagger_actors.cli.leaving import leaving
from dagger_actors.cli.log_lines import LogLines, say
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, Database, Processes, Resources, Schema
from dagger_actors.cli.place import resources_at
from dagger_actors.cli.task_board import TaskBoard
from dagger_actors.cli.task_imports import imported_kinds
from dagger_actors.cli.text import printable
from dagger_actors.cli.watch import GRACE_S, Interrupts
from dagger_actors.core.wording import listed
from dagger_actors.errors import AgentsMissing
from dagger_actors.supervised.files.from_file import load_supervisor
from dagger_actors.system import ActorSystem
from dagger_actors.tasks.agents.kind import Configured
from dagger_actors.tasks.agents.splitting import configured_by_file

__all__ = ["worker"]

LOOK_S: Final = 0.5
LINES_S: Final = 10.0
"""Between two lines, where there is no terminal."""


def worker(
    specs: Annotated[
        tuple[str, ...],
        Parameter(name="SPEC", help="System files whose task agents it has; their actors are left out."),
    ] = (),
    /,
    *,
    db: Database = DEFAULT_DATABASE,
    imports: Annotated[
        tuple[str, ...],
        Parameter(
            name="--import", help="Where task agents live: module, module:name, file.py or file.py:name; repeatable."
        ),
    ] = (),
    concurrency: Annotated[
        int, Parameter(help="Tasks at once, of all agents; each agent's own limit holds too.", show_default=True)
    ] = THREADS,
    processes: Processes = None,
    schema: Schema = None,
    resources: Resources = None,
    until_rest: Annotated[
        bool,
        Parameter(help="End when no task that it could do is open, but for what is paused or stuck.", negative=()),
    ] = False,
) -> int:
    """Do the tasks of the agents that its modules and files have, and take over what dead workers left."""
    if concurrency < 1:
        raise UsageError(f"--concurrency {concurrency} is out of range", "give 1 or more")
    with advising(specs[0] if specs else "", imports):
        loaded = [load_supervisor(spec) for spec in specs]
        agents = [configured_by_file(name, made) for one in loaded for name, made in one.tasks.items()]
    made = resources_at(resources)
    schemas = {str(one.definition.schema_path) for one in loaded if one.definition.schema_path is not None}
    if len(schemas) > 1 and schema is None:
        raise UsageError("these files name different schemas", "give one with all their tables: --schema FILE")
    chosen = schema or next(iter(schemas), None)
    _check_agents(agents, imports, db)
    with Interrupts() as interrupts, LogLines(say):
        system = ActorSystem(
            db,
            agents=agents,
            imports=imports,
            resources=made,
            task_concurrency=concurrency,
            processes=processes,
            schema=chosen,
        )
        with leaving(system, interrupts):
            sys.stderr.write(printable(f"worker on {db}: {listed(system.tasks.own)}\n"))
            watch = Watch(system, db)
            with watch.shown():
                while interrupts.first is None and system.tasks.failure is None:
                    watch.look()
                    if until_rest and system.tasks.is_at_rest():
                        break
                    interrupts.pause(LOOK_S)
            if interrupts.first is not None:
                grace_s = GRACE_S[interrupts.first]
                sys.stderr.write(f"stopping: tasks in hand have {grace_s:g} s to end; once more to leave at once\n")
                system.stop(grace_s=grace_s)
            else:
                watch.look()
    watch.tell()
    if system.tasks.failure is not None:
        raise system.tasks.failure
    return INTERRUPTED if interrupts.first is not None else OK


def _check_agents(agents: Sequence[Configured], imports: Sequence[str], db: str) -> None:
    """Refuse a worker that can do nothing, before it joins; say what nobody does.

    Raises:
        UsageError: It has no agents at all, and nothing waits.
        AgentsMissing: Something waits that nobody does, and it has the agent of nothing that waits.
    """
    configured = {one.kind for one in agents}
    own = {one.name for one in agents} | {kind.name for kind in imported_kinds(imports) if kind not in configured}
    waiting: set[str] = set()
    missing: list[str] = []
    if Path(db).exists():
        with look(db) as here:
            for one in here.tasks.agents():
                if one.open and here.tasks.can_move([one.name]):
                    waiting.add(one.name)
                    if one.name not in own and not one.worker_pids:
                        missing.append(one.name)
    if missing and not own & waiting:
        raise AgentsMissing(tuple(missing))
    if not own:
        raise UsageError(
            "this worker has no agents", "name their modules with --import, or a system file that has some"
        )
    if missing:
        sys.stderr.write(
            printable(f"nobody does what waits for other agents: {listed(missing)}; name their modules with --import\n")
        )


class Watch:
    """Shows the tasks of a worker."""

    def __init__(self, system: ActorSystem, db: str) -> None:
        self._db = db
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._board = TaskBoard(system.tasks, is_shown=self._console.is_terminal)
        self._told = time.monotonic()

    def shown(self) -> Live:
        """Show the table while this is entered, on a terminal."""
        return Live(console=self._console, get_renderable=self._table, refresh_per_second=4, transient=True)

    def look(self) -> None:
        """Look once, and tell now and then."""
        self._board.look()
        if not self._console.is_terminal and time.monotonic() - self._told >= LINES_S:
            self.tell()

    def tell(self) -> None:
        """Write how it stands, as one line."""
        self._told = time.monotonic()
        sys.stderr.write(printable(f"worker on {self._db}: {self._board.line()}\n"))

    def _table(self) -> Group:
        return Group(*(self._board.tables() if self._console.is_terminal else ()))
