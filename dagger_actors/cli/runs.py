"""``runs``, ``show`` and ``cancel``: look at a database, and cancel a run, without running anything."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter

from dagger_actors.cli.exits import OK
from dagger_actors.cli.json_report import write_json, write_reports
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, RunId, existing
from dagger_actors.cli.render import next_step, report_page, runs_table, stdout
from dagger_actors.cli.text import invocation, one_line, printable, suggestion
from dagger_actors.system import ActorSystem

__all__ = ["cancel", "runs", "show"]


def runs(*, db: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> int:
    """List the runs of a database, the newest first; takes nothing over."""
    with ActorSystem(existing(db), recover=False) as system:
        summaries = system.flows.runs()
        resumable = system.flows.resumable()
    if as_json:
        write_json(summaries)
    elif summaries:
        stdout().print(runs_table(summaries, resumable))
    else:
        sys.stderr.write("no runs yet; start one with: dagger-actors run SPEC\n")
    return OK


def show(
    run_id: RunId,
    /,
    *,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
    logs: Annotated[bool, Parameter(help="Show what each attempt logged and printed.", negative=())] = False,
) -> int:
    """Show one run: its nodes, attempts, errors and outputs; takes nothing over."""
    with ActorSystem(existing(db), recover=False) as system:
        report = system.flows.report(run_id)
        told = system.flows.logs(run_id) if logs else ()
        if as_json:
            if logs:
                write_json({**msgspec.structs.asdict(report), "logs": told})
            else:
                write_reports([report], is_list=False)
            return OK
        is_stranded = report.state == "running" and run_id in system.flows.resumable()
    report_page(stdout(), report)
    for log in told:
        title = one_line(f"{invocation(log.node_id, log.invocation_key)} attempt {log.attempt} {log.state}")
        sys.stdout.write(f"\n--- {title}\n{printable(log.text.rstrip())}\n")
    step = suggestion("resume", run_id, db) if is_stranded else next_step(report, db)
    if step:
        sys.stderr.write(printable(f"next: {step}\n"))
    return OK


def cancel(run_id: RunId, /, *, db: Database = DEFAULT_DATABASE) -> int:
    """Cancel a run, also while another process runs it; returns when that is recorded."""
    with ActorSystem(existing(db), recover=False) as system:
        report = system.flows.cancel(run_id)
    sys.stderr.write(f"run {one_line(run_id)} {report.state}\n")
    return OK
