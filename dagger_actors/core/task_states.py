"""The states of tasks and of jobs; an illegal transition of a task is a missing pair."""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["FINAL_TASK", "REOPENED_TASK", "TASK_TRANSITIONS", "JobState", "TaskState"]


TaskState = Literal[
    "pending", "blocked", "ready", "running", "paused", "completed", "failed", "cancelled", "accepted", "rejected"
]


JobState = Literal["running", "paused", "succeeded", "failed", "cancelled"]


FINAL_TASK: Final[frozenset[str]] = frozenset({"completed", "failed", "cancelled", "accepted", "rejected"})


TASK_TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "pending": frozenset({"blocked", "ready", "cancelled"}),
    "blocked": frozenset({"ready", "failed", "cancelled"}),
    # A leased task is ready until it has run for a moment; so what a running one may become, it may too.
    "ready": frozenset({"running", "completed", "failed", "blocked", "paused", "cancelled"}),
    "running": frozenset({"completed", "failed", "blocked", "ready", "paused", "cancelled"}),
    "paused": frozenset({"ready", "cancelled"}),
    "completed": frozenset({"accepted", "rejected"}),
    "rejected": frozenset({"ready"}),
    "accepted": frozenset(),
    # `retry` opens these again.
    "failed": frozenset({"ready", "blocked"}),
    "cancelled": frozenset({"ready", "blocked"}),
}


REOPENED_TASK: Final[frozenset[str]] = frozenset({"failed", "cancelled", "paused"})
"""States that ``retry`` takes a task out of."""
