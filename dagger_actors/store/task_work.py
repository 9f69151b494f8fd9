"""How the store carries out each operation on tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import apsw

from dagger_actors.core.task_leases import ReleaseTasks, TakeTasks
from dagger_actors.core.task_stalls import StallJobs
from dagger_actors.core.tasks import (
    AddDependencies,
    AdmitHeld,
    CancelJob,
    CancelTasks,
    DecideTask,
    PromoteDue,
    PruneTasks,
    RetryTasks,
    SettleEnded,
    SettleSuspended,
    ShareValues,
    StopJob,
    SubmitTasks,
)
from dagger_actors.store.task_claims import admit, promote, release
from dagger_actors.store.task_ends import cancel, settle_ended
from dagger_actors.store.task_graph import depend, settle_suspended
from dagger_actors.store.task_jobs import cancel_job, stall, stop_job
from dagger_actors.store.task_pruning import prune
from dagger_actors.store.task_reopening import decide, retry
from dagger_actors.store.task_shared import share
from dagger_actors.store.task_submission import submit
from dagger_actors.store.task_takeover import take

__all__ = ["TASK_RUNS"]

TASK_RUNS: Final[dict[type, Callable[[apsw.Connection, Any], Any]]] = {
    SubmitTasks: submit,
    ReleaseTasks: release,
    TakeTasks: take,
    PromoteDue: promote,
    AddDependencies: depend,
    SettleSuspended: settle_suspended,
    SettleEnded: settle_ended,
    AdmitHeld: admit,
    CancelTasks: cancel,
    CancelJob: cancel_job,
    StopJob: stop_job,
    RetryTasks: retry,
    DecideTask: decide,
    ShareValues: share,
    StallJobs: stall,
    PruneTasks: prune,
}
