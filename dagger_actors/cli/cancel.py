"""``cancel``: end a run, wherever it runs."""

from __future__ import annotations

import sys

from dagger_actors.cli.exits import OK
from dagger_actors.cli.options import DEFAULT_DATABASE, Database, RunId, existing
from dagger_actors.cli.text import one_line
from dagger_actors.system import ActorSystem

__all__ = ["cancel"]


def cancel(run_id: RunId, /, *, db: Database = DEFAULT_DATABASE) -> int:
    """Cancel a run, also while another process runs it; returns when that is recorded."""
    with ActorSystem(existing(db), recover=False) as system:
        report = system.flows.cancel(run_id)
    sys.stderr.write(f"run {one_line(run_id)} {report.state}\n")
    return OK
