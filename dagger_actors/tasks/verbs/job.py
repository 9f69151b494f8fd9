"""The handle of one job: a group of tasks."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, Protocol, Unpack

from dagger_actors.errors import JobCancelled, JobEnded, JobFailed, JobPaused
from dagger_actors.tasks.agents.doors import AgentName
from dagger_actors.tasks.handles.given import GivenToJobs
from dagger_actors.tasks.handles.task import Task
from dagger_actors.tasks.reports.report import JobProgress, JobReport

__all__ = ["Job", "JobSource", "how_it_ended"]

ENDS: dict[str, type[JobEnded]] = {"failed": JobFailed, "cancelled": JobCancelled, "paused": JobPaused}


class JobSource(Protocol):
    """What a handle asks; ``tasks.verbs.tasks.Tasks`` answers."""

    def submit(self, agent: AgentName, payload: Any = None, **options: Any) -> Task:
        """Submit a task."""
        ...

    def submit_many(self, agent: AgentName, payloads: Iterable[Any], **options: Any) -> list[Task]:
        """Submit many tasks."""
        ...

    async def asubmit(self, agent: AgentName, payload: Any = None, **options: Any) -> Task:
        """``submit``, without blocking the loop."""
        ...

    async def asubmit_many(self, agent: AgentName, payloads: Iterable[Any], **options: Any) -> list[Task]:
        """``submit_many``, without blocking the loop."""
        ...

    def job_report(self, job_id: str) -> JobReport:
        """All that is known of a job."""
        ...

    def job_progress(self, job_id: str) -> JobProgress:
        """How far a job is."""
        ...

    def job_state(self, job_id: str) -> str:
        """The state of a job."""
        ...

    def wait_for_job(self, job_key: int, job_id: str, timeout: float | None) -> JobReport:
        """Block until a job has come to rest."""
        ...

    async def await_job(self, job_key: int, job_id: str) -> JobReport:
        """``wait_for_job``, without blocking the loop."""
        ...

    def results_of_job(self, job_key: int, job_id: str, timeout: float | None) -> list[Any]:
        """Block until a job has its results."""
        ...

    async def await_job_results(self, job_key: int, job_id: str) -> list[Any]:
        """``results_of_job``, without blocking the loop."""
        ...

    def cancel_job(self, job_key: int, reason: str) -> list[int]:
        """Cancel a job."""
        ...

    async def acancel_job(self, job_key: int, reason: str) -> list[int]:
        """``cancel_job``, without blocking the loop."""
        ...


class Job:
    """A job, wherever it stands; any number of handles may watch one job, and those of one id are equal.

    It is ``running`` while one of its tasks can still move by itself, and as long as it has none; then ``paused``,
    ``cancelled``, ``failed`` or ``succeeded``. ``await job`` gives its results, as ``result`` does.

    Attributes:
        id: Its id.
    """

    __slots__ = ("_jobs", "id", "key")

    def __init__(self, job_id: str, key: int, jobs: JobSource) -> None:
        self.id = job_id
        self.key = key
        self._jobs = jobs

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def state(self) -> str:
        """Its state, as of the last commit."""
        return self._jobs.job_state(self.id)

    def submit(self, agent: AgentName, payload: Any = None, **options: Unpack[GivenToJobs]) -> Task:
        """``system.tasks.submit``, as a task of this job.

        Raises:
            JobClosed: It was cancelled, or stopped after a failure.
        """
        return self._jobs.submit(agent, payload, **{**options, "job": self})

    def submit_many(self, agent: AgentName, payloads: Iterable[Any], **options: Unpack[GivenToJobs]) -> list[Task]:
        """``system.tasks.submit_many``, as tasks of this job."""
        return self._jobs.submit_many(agent, payloads, **{**options, "job": self})

    async def asubmit(self, agent: AgentName, payload: Any = None, **options: Unpack[GivenToJobs]) -> Task:
        """``submit``, without blocking the loop."""
        return await self._jobs.asubmit(agent, payload, **{**options, "job": self})

    async def asubmit_many(
        self, agent: AgentName, payloads: Iterable[Any], **options: Unpack[GivenToJobs]
    ) -> list[Task]:
        """``submit_many``, without blocking the loop."""
        return await self._jobs.asubmit_many(agent, payloads, **{**options, "job": self})

    def report(self) -> JobReport:
        """All that is known of it."""
        return self._jobs.job_report(self.id)

    def progress(self) -> JobProgress:
        """How far it is; costs the same however many tasks it has."""
        return self._jobs.job_progress(self.id)

    def wait(self, timeout: float | None = None) -> JobReport:
        """Wait until nothing of it moves by itself any more. One without tasks runs, and is waited for.

        Args:
            timeout: Seconds; None = as long as it takes.

        Raises:
            TimeoutError: It still runs; it goes on.
            BlockingCall: On a running event loop; use ``await job.await_report()``.
        """
        return self._jobs.wait_for_job(self.key, self.id, timeout)

    def result(self, timeout: float | None = None) -> list[Any]:
        """Wait for the results of its tasks, in the order they were submitted; those that tasks have spawned are theirs.

        Raises:
            JobFailed, JobCancelled, JobPaused: It did not succeed; carries the ``report``.
            RequestError: They are more than 10,000: read those of each task.
            TimeoutError: It still runs; it goes on.
            BlockingCall: On a running event loop; use ``await job``.
        """
        return self._jobs.results_of_job(self.key, self.id, timeout)

    def __await__(self) -> Generator[Any, None, list[Any]]:
        return self._jobs.await_job_results(self.key, self.id).__await__()

    async def await_report(self) -> JobReport:
        """``wait``, without blocking the loop."""
        return await self._jobs.await_job(self.key, self.id)

    def cancel(self, reason: str = "") -> list[int]:
        """Cancel what is open of it; it takes no new tasks. Recorded when this returns; gives the ids of those cancelled."""
        return self._jobs.cancel_job(self.key, reason)

    async def acancel(self, reason: str = "") -> list[int]:
        """``cancel``, without blocking the loop."""
        return await self._jobs.acancel_job(self.key, reason)


def how_it_ended(report: JobReport) -> JobEnded:
    """The error of a job that did not succeed."""
    return ENDS[report.state](report.id, report.why, report)
