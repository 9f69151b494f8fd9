"""How the commands that only look open a database: without what running takes, whose loading would double their time."""

from __future__ import annotations

import time

from dagger_actors.cli.options import existing
from dagger_actors.flow.reports.archive import Archive
from dagger_actors.flow.reports.interrupted import interrupted
from dagger_actors.flow.reports.report import Report
from dagger_actors.inspection import Inspection

__all__ = ["as_it_stands", "look"]


def look(db: str) -> Inspection:
    """Look at a database.

    Raises:
        UsageError: It is not there.
        StoreError: It cannot be read.
    """
    return Inspection(existing(db), now_us=lambda: time.time_ns() // 1000)


def as_it_stands(flows: Archive, run_id: str) -> Report:
    """Report a run without its outputs, as people are shown it: ``interrupted`` where its process is gone.

    Raises:
        RunNotFound: There is no such run.
    """
    report = flows.report(run_id, outputs=False)
    return interrupted(report) if flows.is_interrupted(run_id) else report
