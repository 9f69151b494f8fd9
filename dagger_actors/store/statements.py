"""The statements of the store: texts in ``sql/``, and for those that write the facts group commit needs."""

from __future__ import annotations

import functools
import importlib.resources
from typing import Final

import msgspec

__all__ = ["MEETS", "WRITES", "Statement", "sql"]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What group commit must know of one writing statement.

    Attributes:
        table: The table it changes.
        key_width: How many of a row's first cells name the row it changes; 0 = rows never collide.
        is_wide: Its rows are few and may be megabytes long, so each is bound as it is: inside one JSON array its text
            would be escaped, parsed and copied once a column (36 ms for 3 MB, against 2).
        only_after: The statement without whose changes, in the same unit or group, this one has nothing to do.
    """

    table: str
    key_width: int
    is_wide: bool = False
    only_after: str | None = None


MEETS: Final = "task_dependencies.meet"
"""The statement that changes a row for each task that waited for one that has ended."""

# A group executes each statement once, in this order: parents before children, deletions before what replaces them.
WRITES: Final[dict[str, Statement]] = {
    "workers.delete": Statement(table="workers", key_width=1),
    "workers.insert": Statement(table="workers", key_width=1),
    "workers.beat": Statement(table="workers", key_width=1),
    "definitions.put": Statement(table="definitions", key_width=1, is_wide=True),
    "flow_runs.insert": Statement(table="flow_runs", key_width=1),
    "flow_runs.nest": Statement(table="flow_runs", key_width=1),
    "flow_runs.claim": Statement(table="flow_runs", key_width=1),
    "flow_runs.claim_inside": Statement(table="flow_runs of a root", key_width=1),
    "flow_runs.put": Statement(table="flow_runs", key_width=1),
    "artifacts.put": Statement(table="artifacts", key_width=0),
    "kept_artifacts.put": Statement(table="kept_artifacts", key_width=2),
    "added_nodes.put": Statement(table="added_nodes", key_width=2),
    "run_events.put": Statement(table="run_events", key_width=2),
    "node_runs.unskip": Statement(table="node_runs of a run", key_width=1),
    "node_runs.put": Statement(table="node_runs", key_width=4),
    "node_runs.hash": Statement(table="node_runs", key_width=4),
    "cache_entries.put": Statement(table="cache_entries", key_width=0),
    "steps.forget": Statement(table="steps of a node", key_width=2),
    "steps.put": Statement(table="steps", key_width=0),
    "awaits.forget": Statement(table="awaits of a node", key_width=2),
    "awaits.put": Statement(table="awaits", key_width=4),
    "awaits.advance": Statement(table="awaits", key_width=4),
    "awaits.answer": Statement(table="awaits", key_width=4),
    "awaits.lapse": Statement(table="awaits", key_width=4),
    # What is answered in a group is seen by the runs that come to rest in it.
    "answers.put": Statement(table="answers", key_width=4),
    "answers.take": Statement(table="answers", key_width=4),
    "flow_runs.rest": Statement(table="flow_runs at rest", key_width=1),
    "flow_runs.revive": Statement(table="flow_runs that are revived", key_width=0),
    "flow_runs.wake": Statement(table="flow_runs that are woken", key_width=0),
    "flow_runs.hush": Statement(table="flow_runs that are hushed", key_width=0),
    "attempt_logs.put": Statement(table="attempt_logs", key_width=4),
    "artifact_names.put": Statement(table="artifact_names", key_width=5),
    "run_values.fork": Statement(table="run_values of a run", key_width=1),
    "commands.insert": Statement(table="commands", key_width=0),
    "commands.consume": Statement(table="commands", key_width=1),
    "commands.clear": Statement(table="commands of a run", key_width=1),
    "agent_states.put": Statement(table="agent_states", key_width=1),
    "agent_states.release": Statement(table="agent_states", key_width=1),
    "task_agents.put": Statement(table="task_agents", key_width=1),
    "task_agent_workers.put": Statement(table="task_agent_workers", key_width=0),
    "jobs.insert": Statement(table="jobs", key_width=1),
    "jobs.tell": Statement(table="jobs", key_width=1),
    "tasks.insert": Statement(table="tasks", key_width=0),
    # A lease is marked and ended once each, and a commit lies before the next one: its rows never meet in a group.
    "tasks.run": Statement(table="tasks", key_width=0),
    "tasks.end": Statement(table="tasks", key_width=0),
    MEETS: Statement(table="task_dependencies", key_width=0),
    # Each statement less is a change of hands of the GIL less, and most tasks have nobody who waits for them.
    "tasks.unblock": Statement(table="tasks that depend", key_width=0, only_after=MEETS),
    "task_attempts.put": Statement(table="task_attempts", key_width=0),
    "task_logs.put": Statement(table="task_logs", key_width=0),
    "task_steps.put": Statement(table="task_steps", key_width=0),
    "task_steps.mark": Statement(table="task_steps", key_width=0),
    "task_artifacts.put": Statement(table="task_artifacts", key_width=0),
    "task_stops.clear": Statement(table="task_stops", key_width=0),
    # Rows of these may meet in a group: they are put in the order of the units, and the last one stays.
    "cursors.put": Statement(table="cursors", key_width=0),
    # A message waits, or is done: what is cleared is put no more.
    "deliveries.put": Statement(table="deliveries", key_width=0),
    "deliveries.clear": Statement(table="deliveries", key_width=0),
    "dead_letters.put": Statement(table="dead_letters", key_width=0),
    "subscriber_states.put": Statement(table="subscriber_states", key_width=0),
    "subscriber_steps.put": Statement(table="subscriber_steps", key_width=0),
    "subscriber_steps.forget": Statement(table="subscriber_steps", key_width=0),
}

RANK: Final[dict[str, int]] = {name: rank for rank, name in enumerate(WRITES)}


@functools.cache
def sql(name: str) -> str:
    """The text of a statement; its file's comments say what its parameters are."""
    file = importlib.resources.files("dagger_actors.store") / "sql" / f"{name}.sql"
    return file.read_text(encoding="utf-8")
