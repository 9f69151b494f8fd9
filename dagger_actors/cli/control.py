"""``pause`` and ``cancel``: stop a run, or a node of it, wherever it runs."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK
from dagger_actors.cli.options import DEFAULT_DATABASE, Database, RunId, existing
from dagger_actors.cli.text import one_line, printable
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.core.wording import counted
from dagger_actors.system import ActorSystem

__all__ = ["cancel", "pause"]


def pause(run_id: RunId, /, *, db: Database = DEFAULT_DATABASE) -> int:
    """Let a run begin nothing more, also while another process runs it; returns when that is recorded.

    What runs goes on to its end; then the run is paused, and its clock stands still until it is resumed.
    """
    with ActorSystem(existing(db), recover=False) as system:
        report = system.flows.pause(run_id)
    if report.state == "running":
        count = sum(node.state == "running" and node.size is None for node in report.nodes)
        sys.stderr.write(f"run {one_line(run_id)} is paused when what runs has ended ({counted(count, 'node')})\n")
    else:
        sys.stderr.write(f"run {one_line(run_id)} {report.state}\n")
    sys.stderr.write(printable(f"next: {command('resume', run_id, db=db)}\n"))
    return OK


def cancel(
    run_id: RunId,
    /,
    *,
    node: Annotated[str | None, Parameter(help="Id of a node to cancel instead; the rest of the run goes on.")] = None,
    db: Database = DEFAULT_DATABASE,
) -> int:
    """Cancel a run, or one node of it, also while another process runs it; returns when that is recorded."""
    with ActorSystem(existing(db), recover=False) as system:
        report = system.flows.cancel(run_id, node=node)
    if node is None and report.state not in FINAL_RUN:
        sys.stderr.write(
            printable(
                f"run {one_line(run_id)} is cancelled when what its end calls has been called\n"
                f"next: {command('resume', run_id, db=db)}, unless a worker that has its code is there\n"
            )
        )
    elif node is None:
        sys.stderr.write(f"run {one_line(run_id)} {report.state}\n")
    else:
        sys.stderr.write(f"node {one_line(node)} of run {one_line(run_id)} cancelled; the run is {report.state}\n")
    return OK
