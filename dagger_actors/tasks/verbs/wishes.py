"""What whoever submits a task may say about it, and what is wrong with what was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dagger_actors.core.task_rows import Conflict
from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import RequestError
from dagger_actors.tasks.handles.given import GivenToJobs
from dagger_actors.tasks.handles.given_values import MAX_PRIORITY, MAX_TRIES, due_of, expires_of, ids_of, whole
from dagger_actors.tasks.verbs.job import Job

__all__ = ["OPTIONS", "GivenWishes", "Wishes", "judge"]

LONGEST_KEY = 200
CONFLICTS = ("existing", "reject", "replace")
OPTIONS = (*GivenToJobs.__annotations__, "job")


class GivenWishes(GivenToJobs, total=False):
    """Options of ``submit``, all of them optional: those of ``GivenToJobs``, and the job.

    Attributes:
        job: The job that it belongs to, or that one's id; a job of that id is made when there is none.
    """

    job: Job | str | None


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """The same, judged; times are wall microseconds."""

    priority: int = 0
    depends_on: tuple[int, ...] = ()
    job: Job | str | None = None
    due_at: int | None = None
    key: str | None = None
    on_conflict: Conflict = "existing"
    expires_at: int | None = None
    try_count: int | None = None


def judge(given: Mapping[str, Any], now_us: int, *, count: int = 1) -> Wishes:
    """Judge what was said.

    Args:
        given: Of ``GivenWishes``; anything else is refused.
        now_us: Wall microseconds.
        count: How many tasks it is about.

    Raises:
        RequestError: Something cannot be; says what to write.
    """
    for name in given:
        if name not in OPTIONS:
            near = nearest(name, OPTIONS)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(OPTIONS)}"
            raise RequestError(f"tasks have no option {quoted(name)}; {hint}")
    due_at = due_of(given.get("delay"), given.get("run_at"), now_us)
    expires_at = expires_of(given.get("expires"), now_us)
    if expires_at is not None and expires_at <= max(now_us, due_at or 0):
        raise RequestError("expires is before the task may begin, so it would never run; give a later time")
    return Wishes(
        priority=whole("priority", given.get("priority", 0), -MAX_PRIORITY, MAX_PRIORITY),
        depends_on=ids_of("depends_on", given.get("depends_on", ())),
        job=_job(given.get("job")),
        due_at=due_at,
        key=_key(given.get("key"), count),
        on_conflict=_conflict(given),
        expires_at=expires_at,
        try_count=None if given.get("try_count") is None else whole("try_count", given["try_count"], 1, MAX_TRIES),
    )


def _job(job: object) -> Job | str | None:
    if job is None or isinstance(job, Job | str):
        return job
    raise RequestError(f"job is a job of system.tasks.job(...), or the id of one, not {quoted(job)}")


def _key(key: object, count: int) -> str | None:
    if key is None:
        return None
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise RequestError(f"key is 1 to {LONGEST_KEY} printable characters, not {quoted(key)}")
    if count > 1:
        raise RequestError(f"key names one task, and these are {count:,}; submit them one by one, each with its key")
    return key


def _conflict(given: Mapping[str, Any]) -> Conflict:
    if "on_conflict" not in given:
        return "existing"
    value = given["on_conflict"]
    if value not in CONFLICTS:
        raise RequestError(f"on_conflict is one of {', '.join(CONFLICTS)}, not {quoted(value)}")
    if given.get("key") is None:
        raise RequestError("on_conflict says what is done about a second task of one key; give the key too")
    found: Conflict = value
    return found
