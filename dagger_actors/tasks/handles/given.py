"""What may be said with a task that is submitted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from dagger_actors.tasks.handles.task import Task

__all__ = ["GivenToJobs"]


class GivenToJobs(TypedDict, total=False):
    """Options of ``job.submit``, all of them optional.

    Attributes:
        priority: Higher goes first, then age; 0 by default, from -2,147,483,647 to 2,147,483,647.
        depends_on: Tasks, or their ids, that must succeed before; 100,000 at most.
        delay: Seconds until it may begin, 0 to a year; not together with ``run_at``.
        run_at: When it may begin; a time without a zone is UTC.
        key: 1 to 200 printable characters, unique among the tasks of its agent as long as they are stored.
        on_conflict: What is done when another task has the key: ``existing`` gives that one, ``reject`` raises
            ``TaskConflict``, ``replace`` cancels that one unless it runs. Only together with ``key``.
        expires: Seconds, or a time; when it has not begun by then, it is cancelled.
        try_count: Total tries, 1 to 10,000, instead of what the agent's ``retry`` says. ``at_most_once`` work has one, unless
            its ``retry_on`` lists errors after which a repeat is safe.
    """

    priority: int
    depends_on: Sequence[Task | int]
    delay: float | None
    run_at: datetime | None
    key: str | None
    on_conflict: Literal["existing", "reject", "replace"]
    expires: float | datetime | None
    try_count: int | None
