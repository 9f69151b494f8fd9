"""Jobs: made by their ids, waited for, cancelled."""

from __future__ import annotations

import contextlib
from typing import Any, Literal, cast

import msgspec

from dagger_actors.bodies.asking import Asking, Await
from dagger_actors.bodies.patience import check_timeout
from dagger_actors.core.protocols import Write
from dagger_actors.core.task_stalls import StallAction, StallFails, StallNotifies, StallTells
from dagger_actors.core.tasks import CancelJob
from dagger_actors.core.wording import quoted
from dagger_actors.errors import JobConflict, RequestError, UnitRejected
from dagger_actors.tasks.agents.results import Stall
from dagger_actors.tasks.reports.report import JobReport
from dagger_actors.tasks.verbs.job import Job, JobSource, how_it_ended
from dagger_actors.tasks.verbs.submission import Submission
from dagger_actors.tasks.verbs.waiting import Reopened, Waiting

__all__ = ["Jobs"]

LONGEST_ID = 200
MOST_RESULTS = 10_000

_actions = msgspec.json.Decoder(StallAction)


class Jobs(Submission, Waiting):
    """The verbs about jobs."""

    def job(
        self,
        job_id: str | None = None,
        *,
        on_failure: Literal["continue", "stop"] = "continue",
        stall: Stall | None = None,
    ) -> Job:
        """Make a job, or give the one of that id; it is durable when this returns.

        Args:
            job_id: 1 to 200 printable characters; None = one is made.
            on_failure: What the first failed task does to the rest: nothing, or it cancels them.
            stall: What is done when nothing has moved for some time; None = nothing. A ``callback`` is called in this process,
                on a thread, with the ``JobReport``; when the process ends, the next one that gives the job's ``stall`` takes
                over. Of jobs that have ended some callbacks are kept, in case that they are opened again: a thousand at most.

        Raises:
            JobConflict: It exists with other settings.
            UnknownAgent: There is no such agent as ``stall`` is to notify.
            RequestError: The id, or a setting, cannot be.
            BlockingCall: On a running event loop; use ``await tasks.ajob(...)``.
        """
        asking = self._making(job_id, on_failure, stall)
        return self._asker.run(asking, "tasks.job()", "await tasks.ajob(...)")

    async def ajob(
        self,
        job_id: str | None = None,
        *,
        on_failure: Literal["continue", "stop"] = "continue",
        stall: Stall | None = None,
    ) -> Job:
        """``job``, without blocking the loop."""
        return await self._asker.arun(self._making(job_id, on_failure, stall))

    def get_job(self, job_id: str) -> Job:
        """The handle of a job that exists.

        Raises:
            JobNotFound: There is none of that id.
        """
        return Job(job_id, self._job_row(job_id).job_key, cast("JobSource", self))

    def _making(self, job_id: str | None, on_failure: str, stall: Stall | None) -> Asking[Job]:
        self._refuse_closed()
        if on_failure not in ("continue", "stop"):
            raise RequestError(f"on_failure of a job is 'continue' or 'stop', not {quoted(on_failure)}")
        if stall is not None and not isinstance(stall, Stall):
            raise RequestError(f"stall is a Stall(after_s=..., ...), not {quoted(stall)}")
        chosen = self._hub.runtime.ids.run_id() if job_id is None else _checked(job_id)
        action = None if stall is None else self._action(stall)
        key = yield from self._made(chosen, on_failure, None if stall is None else stall.after_us, action)
        if stall is not None:
            self._hub.stalls.watch(key, stall)
        return Job(chosen, key, cast("JobSource", self))

    def _made(self, job_id: str, on_failure: str, after_us: int | None, action: StallAction | None) -> Asking[int]:
        text = None if action is None else msgspec.json.encode(action).decode()
        while True:
            found = self._store.readers.query("read.job_settings", job_id)
            if found:
                return (yield from self._same(job_id, found[0], on_failure, after_us, action))
            (key,) = yield from self._hub.job_keys.taking()
            row = (key, job_id, on_failure, after_us, text, self._now_us())
            try:
                yield Await(self._hub.ask((), [Write("jobs.insert", (row,), 1)]))
            except UnitRejected:  # somebody was faster
                if not self._store.readers.query("read.job_settings", job_id):
                    raise
                continue
            return key

    def _same(
        self, job_id: str, found: Any, on_failure: str, after_us: int | None, action: StallAction | None
    ) -> Asking[int]:
        key, its_failure, its_after_us, its_text = found
        its_action = None if its_text is None else _actions.decode(its_text)
        if its_failure != on_failure:
            raise JobConflict(job_id, "on_failure")
        if its_after_us != after_us or type(its_action) is not type(action):
            raise JobConflict(job_id, "stall")
        if isinstance(action, StallTells):
            if its_action != action:
                text = msgspec.json.encode(action).decode()
                yield Await(self._hub.ask((), [Write("jobs.tell", ((key, text),), 1)]))
        elif its_action != action:
            raise JobConflict(job_id, "stall")
        return int(key)

    def _action(self, stall: Stall) -> StallAction:
        if stall.action == "fail":
            return StallFails()
        if stall.callback is not None:
            return StallTells(self._hub.store.worker_id)
        return StallNotifies(self._doors.find(stall.agent).name)

    def _job_key(self, job: Any) -> Asking[int | None]:
        """The key of the job that a task is submitted to; one that is given by its id is made when there is none."""
        if job is None:
            return None
        if isinstance(job, Job):
            return job.key
        found = self._store.readers.query("read.job_settings", _checked(job))
        if found:
            return int(found[0][0])
        return (yield from self._made(job, "continue", None, None))

    # --- waiting

    def wait_for_job(self, job_key: int, job_id: str, timeout: float | None) -> JobReport:
        """Block until a job has come to rest; see ``Job.wait``."""
        check_timeout(timeout)
        self._refuse_to_block(lambda: self.job_state(job_id) != "running", "job.wait()", "await job.await_report()")
        return self._asker.run_here(self._resting_job(job_key, job_id, timeout))[0]

    async def await_job(self, job_key: int, job_id: str) -> JobReport:
        """``wait_for_job``, without blocking the loop."""
        return (await self._asker.arun(self._resting_job(job_key, job_id, None)))[0]

    def results_of_job(self, job_key: int, job_id: str, timeout: float | None) -> list[Any]:
        """Block until a job has its results; see ``Job.result``."""
        check_timeout(timeout)
        self._refuse_to_block(lambda: self.job_state(job_id) != "running", "job.result()", "await job")
        return self._asker.run_here(self._resulting_job(job_key, job_id, timeout))

    async def await_job_results(self, job_key: int, job_id: str) -> list[Any]:
        """``results_of_job``, without blocking the loop."""
        return await self._asker.arun(self._resulting_job(job_key, job_id, None))

    def _resulting_job(self, job_key: int, job_id: str, timeout: float | None) -> Asking[list[Any]]:
        while True:
            report, timeout = yield from self._resting_job(job_key, job_id, timeout)
            if report.state != "succeeded":
                raise how_it_ended(report)
            with contextlib.suppress(Reopened):  # or there are more tasks by now
                return self._job_results(job_key)

    def _resting_job(self, job_key: int, job_id: str, timeout: float | None) -> Asking[tuple[JobReport, float | None]]:
        """Wait until a job has come to rest; gives what is left of the time-out, too."""
        waiters = self._hub.waiters
        while True:
            future = waiters.watch_job(job_key)
            try:
                if self.job_state(job_id) != "running" and (report := self.job_report(job_id)).state != "running":
                    return report, timeout
                timeout = yield from self._patiently(future, timeout, f"job {job_id!r} still runs")
            finally:
                waiters.leave_job(job_key, future)

    def _job_results(self, job_key: int) -> list[Any]:
        rows = self._store.readers.query("read.job_results", job_key, MOST_RESULTS + 1)
        if len(rows) > MOST_RESULTS:
            raise RequestError(
                f"this job has more than {MOST_RESULTS:,} results; read those of each task: task.result()"
            )
        return [self._result(row[0]) for row in rows]

    def cancel_job(self, job_key: int, reason: str) -> list[int]:
        """Cancel a job; see ``Job.cancel``."""
        return self._asker.run(self._cancelling_job(job_key, reason), "job.cancel()", "await job.acancel()")

    async def acancel_job(self, job_key: int, reason: str) -> list[int]:
        """``cancel_job``, without blocking the loop."""
        return await self._asker.arun(self._cancelling_job(job_key, reason))

    def _cancelling_job(self, job_key: int, reason: str) -> Asking[list[int]]:
        found = list(
            (yield from self._committing(CancelJob(job_key, reason or "its job was cancelled", self._now_us())))
        )
        self._hub.has_cancelled(found)
        return found


def _checked(job_id: str) -> str:
    if not isinstance(job_id, str) or not 1 <= len(job_id) <= LONGEST_ID or not job_id.isprintable():
        raise RequestError(f"a job's id is 1 to {LONGEST_ID} printable characters, not {quoted(job_id)}")
    return job_id
