"""Jobs: the same id is the same job, each ends as its tasks did, and a standstill is told once."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import msgspec
import pytest

from dagger_actors import JobReport, Stall, TaskAgent, TaskContext, task_agent
from dagger_actors.errors import (
    JobCancelled,
    JobClosed,
    JobConflict,
    JobFailed,
    JobNotFound,
    JobPaused,
    RequestError,
    TaskPaused,
    UnknownAgent,
)
from dagger_actors.tasks.working import stalls


class Word(msgspec.Struct, frozen=True):
    """A payload."""

    text: str = ""


class Notice(msgspec.Struct, frozen=True):
    """What an agent is told of a stalled job."""

    job_id: str
    open: int
    still_us: int


@task_agent
async def echo(task: Word) -> str:
    """Give the text after a second."""
    await asyncio.sleep(1)
    return task.text


@task_agent
async def fail(task: Word) -> str:
    """Fail."""
    raise ValueError(task.text)


@task_agent(concurrency=2)
async def long(task: Word) -> str:
    """Give the text after a long time."""
    await asyncio.sleep(70)
    return task.text


class Alarm:
    """Who is told of standstills."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.reports: list[JobReport] = []

        @task_agent(name="alarm")
        async def alarm(task: Notice) -> None:
            self.notices.append(task)

        self.agent = alarm


@pytest.fixture
def alarm() -> Alarm:
    return Alarm()


@pytest.fixture
def system(sim: Any, alarm: Alarm) -> Any:
    return sim.system(agents=[echo, fail, long, alarm.agent])


def test_a_job_gives_the_results_of_its_tasks_in_the_order_they_were_submitted(system: Any) -> None:
    job = system.tasks.job()
    assert (job.state, job.id) == ("running", system.tasks.jobs()[0].id)
    job.submit(echo, Word("last"), delay=5)
    job.submit_many(echo, [Word("a"), Word("b")], priority=3)
    assert job.result() == ["last", "a", "b"]
    assert job.wait().progress == job.progress() == job.report().progress


def test_the_results_of_a_job_are_those_of_the_tasks_that_nobody_spawned(sim: Any) -> None:
    class Parent(TaskAgent):
        def execute(self, task: Word, ctx: TaskContext) -> str:
            return "+".join(ctx.gather([ctx.spawn("echo", Word(task.text * at)) for at in (1, 2)]))

    system = sim.system(agents=[echo, Parent])
    job = system.tasks.job("j")
    job.submit(Parent, Word("x"))
    assert job.result() == ["x+xx"]
    assert job.progress().total == 3


def test_the_same_id_with_the_same_settings_is_the_same_job(system: Any) -> None:
    tasks = system.tasks
    stall = Stall(after_s=5, agent="alarm")
    job = tasks.job("a", on_failure="stop", stall=stall)
    assert tasks.job("a", on_failure="stop", stall=stall) == job == tasks.get_job("a")
    for settings, difference in (
        ({"stall": stall}, "on_failure"),
        ({"on_failure": "stop"}, "stall"),
        ({"on_failure": "stop", "stall": Stall(after_s=6, agent="alarm")}, "stall"),
        ({"on_failure": "stop", "stall": Stall(after_s=5, agent=echo)}, "stall"),
        ({"on_failure": "stop", "stall": Stall(after_s=5, action="fail")}, "stall"),
        ({"on_failure": "stop", "stall": Stall(after_s=5, callback=print)}, "stall"),
    ):
        with pytest.raises(JobConflict) as caught:
            tasks.job("a", **settings)
        assert caught.value == JobConflict("a", difference)
    assert len(tasks.jobs()) == 1
    with pytest.raises(JobNotFound):
        tasks.get_job("b")
    with pytest.raises(JobNotFound):
        tasks.job_report("b\x00")


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        (("",), {}, "a job's id is 1 to 200"),
        (("a\n",), {}, "a job's id is 1 to 200"),
        ((5,), {}, "a job's id is 1 to 200"),
        (("a",), {"on_failure": "pause"}, "'continue' or 'stop'"),
        (("a",), {"stall": 5}, "stall is a Stall"),
        (("a",), {"stall": Stall(after_s=5, agent="alrm")}, "did you mean 'alarm'"),
    ],
)
def test_a_job_that_cannot_be_is_refused_and_not_stored(
    system: Any, arguments: tuple[Any, ...], settings: dict[str, Any], told: str
) -> None:
    with pytest.raises((RequestError, UnknownAgent), match=told):
        system.tasks.job(*arguments, **settings)
    assert system.tasks.jobs() == []


def test_a_job_ends_as_its_tasks_did_and_its_error_carries_the_report(sim: Any, system: Any) -> None:
    tasks = system.tasks
    failed = tasks.job("failed")
    culprit = failed.submit(fail, Word("on purpose"), try_count=1)
    failed.submit(echo, Word(), depends_on=[culprit])
    failed.submit(echo, Word())
    cancelled = tasks.job("cancelled")
    cancelled.submit(long, Word())
    cancelled.submit(echo, Word())
    sim.settle()
    assert len(cancelled.cancel("enough")) == 2
    for job, error, told in (
        (failed, JobFailed, f"job 'failed' failed: task {culprit.id} of fail: ValueError: on purpose"),
        (cancelled, JobCancelled, "job 'cancelled' was cancelled: enough"),
    ):
        with pytest.raises(error) as caught:
            job.result()
        assert str(caught.value) == told
        assert caught.value.report == job.report() == job.wait()
    report = failed.report()
    assert [one.state for one in report.problems] == ["failed", "blocked"]
    assert (report.progress.failed, report.progress.stuck, report.progress.succeeded) == (1, 1, 1)
    with pytest.raises(JobClosed):
        cancelled.submit(echo, Word())


def test_a_paused_job_says_so_and_goes_on_after_a_retry(sim: Any) -> None:
    once = task_agent(name="once", durability="at_most_once")(careful)
    system = sim.system(agents=[once])
    job = system.tasks.job("j")
    task = job.submit(once, Word())
    sim.advance(10)
    system = sim.restart(system)
    sim.advance(120)
    job = system.tasks.get_job("j")
    with pytest.raises(JobPaused, match="interrupted"):
        job.result()
    assert job.progress().paused == 1
    with pytest.raises(TaskPaused, match="is paused: interrupted") as caught:
        system.tasks.get(task.id).result()
    assert caught.value.report == system.tasks.report(task.id)
    system.tasks.retry(task.id)
    assert job.state == "running"
    assert job.result() == ["done"]


async def careful(task: Word) -> str:
    """Take a while."""
    await asyncio.sleep(60)
    return "done"


def test_the_first_failure_of_a_job_that_is_to_stop_cancels_the_rest(sim: Any, system: Any) -> None:
    going, stopping = system.tasks.job("going"), system.tasks.job("stopping", on_failure="stop")
    for job in (going, stopping):
        job.submit(long, Word())
        job.submit(echo, Word(), delay=30)
        job.submit(fail, Word("x"), try_count=1)
    sim.advance(1)
    assert (going.progress().open, stopping.progress().open, stopping.state) == (2, 0, "failed")
    assert "failed" in stopping.report().reason


def test_a_stalled_job_that_is_to_fail_fails(sim: Any, system: Any) -> None:
    job = system.tasks.job("j", stall=Stall(after_s=6, action="fail"))
    job.submit(long, Word())
    began = sim.now_s
    with pytest.raises(JobFailed, match="stalled: nothing has moved for 6"):
        job.result()
    assert 6 <= sim.now_s - began < 7


def test_an_agent_is_told_of_each_standstill_once(sim: Any, system: Any, alarm: Alarm) -> None:
    job = system.tasks.job("j", stall=Stall(after_s=6, agent=alarm.agent))
    job.submit(long, Word())
    sim.advance(30)
    assert [(one.job_id, one.open) for one in alarm.notices] == [("j", 1)]
    assert 6e6 <= alarm.notices[0].still_us < 7e6
    assert job.report().stalled_us is not None
    job.submit(long, Word())
    assert job.report().stalled_us is None
    sim.advance(30)
    assert len(alarm.notices) == 2
    assert [one.state for one in system.tasks.tasks(agent="alarm")] == ["completed"] * 2
    sim.advance(50)
    assert (job.state, len(alarm.notices)) == ("succeeded", 3), "between the end of the first and of the second"
    sim.advance(60)
    assert len(alarm.notices) == 3


def test_a_program_is_told_of_each_standstill_once_by_the_process_that_made_the_job(
    sim: Any, system: Any, alarm: Alarm
) -> None:
    maker = sim.system()
    job = maker.tasks.job("j", stall=Stall(after_s=6, callback=alarm.reports.append))
    job.submit("long", Word())
    sim.advance(30)
    assert [(one.id, one.state, one.progress.open) for one in alarm.reports] == [("j", "running", 1)]
    assert alarm.reports[0].stalled_us is not None, "it is told after the commit that says so"
    others: list[JobReport] = []
    again = system.tasks.job("j", stall=Stall(after_s=6, callback=others.append))
    assert again == job
    again.submit("long", Word())
    sim.advance(30)
    assert (len(alarm.reports), len(others)) == (1, 1)


def test_a_short_standstill_is_told_in_time_in_a_system_where_nothing_runs(sim: Any, system: Any, alarm: Alarm) -> None:
    """Law: neither the standstill nor its notice waits for a look at the file, which is seldom then."""
    sim.advance(10)
    told: list[JobReport] = []
    one = system.tasks.job("one", stall=Stall(after_s=0.1, agent=alarm.agent))
    two = system.tasks.job("two", stall=Stall(after_s=0.1, callback=told.append))
    for job in (one, two):
        job.submit(echo, Word(), delay=100)
    sim.advance(0.15)
    assert (len(alarm.notices), len(told)) == (1, 1)


def test_a_callback_that_raises_is_logged_and_does_no_harm(sim: Any, system: Any, caplog: Any) -> None:
    def explode(_report: JobReport) -> None:
        raise ValueError("on purpose")

    job = system.tasks.job("j", stall=Stall(after_s=6, callback=explode))
    job.submit(long, Word())
    assert job.result() == [""]
    assert "the callback of job 'j', which has stalled, failed" in caplog.text


def test_callbacks_of_jobs_that_have_ended_do_not_pile_up(
    sim: Any, system: Any, alarm: Alarm, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Law: of a thousand jobs after each other few callbacks are kept, and no job that is open loses its own."""
    monkeypatch.setattr(stalls, "KEPT", 4)
    first = system.tasks.job("first", stall=Stall(after_s=60, callback=alarm.reports.append))
    first.submit(long, Word())
    for number in range(30):
        job = system.tasks.job(f"j{number}", stall=Stall(after_s=1000, callback=alarm.reports.append))
        job.submit(echo, Word()).wait()
    kept = system.tasks._hub.stalls._callbacks
    assert len(kept) <= 5
    assert first.key in kept
    sim.advance(40)
    assert [one.id for one in alarm.reports] == ["first"]
    again = system.tasks.get_job("j3")
    again.submit(long, Word(), delay=2000)
    sim.advance(1200)
    assert "nobody is told that job 'j3' has stalled" in caplog.text


def test_what_is_stuck_or_paused_does_not_stall(sim: Any, system: Any, alarm: Alarm) -> None:
    job = system.tasks.job("j", stall=Stall(after_s=6, agent=alarm.agent))
    culprit = job.submit(fail, Word(), try_count=1)
    job.submit(echo, Word(), depends_on=[culprit])
    sim.advance(60)
    assert (job.state, alarm.notices) == ("failed", [])


def test_a_delayed_task_may_stall_its_job(sim: Any, system: Any, alarm: Alarm) -> None:
    """Law: nothing has moved for that time, whatever the reason; who delays says so by a longer time."""
    job = system.tasks.job("j", stall=Stall(after_s=6, agent=alarm.agent))
    job.submit(echo, Word(), delay=100)
    sim.advance(20)
    assert len(alarm.notices) == 1


def test_jobs_are_listed_by_state_and_age(sim: Any, system: Any) -> None:
    for name, agent in (("a", echo), ("b", fail), ("c", long)):
        system.tasks.job(name).submit(agent, Word(), try_count=1)
    sim.advance(60)
    system.tasks.job("d")
    listed = system.tasks.jobs
    assert [one.id for one in listed()] == ["d", "c", "b", "a"]
    assert [one.id for one in listed(state="running")] == ["d", "c"]
    assert [one.id for one in listed(state=["failed", "succeeded"])] == ["b", "a"]
    assert [one.id for one in listed(since="50s")] == ["d"]
    assert [one.id for one in listed(limit=1)] == ["d"]
    for filters, told in (
        ({"state": "stuck"}, "no job is ever 'stuck'"),
        ({"limit": 0}, "limit is a whole number"),
        ({"since": "soon"}, "neither an age nor a date"),
    ):
        with pytest.raises(RequestError, match=told):
            listed(**filters)


def test_a_job_is_waited_for_on_an_event_loop(open_system: Any) -> None:
    @task_agent
    def shout(task: Word) -> str:
        return task.text.upper()

    system = open_system(agents=[shout])

    async def all_of_it() -> None:
        job = await system.tasks.ajob("j")
        await job.asubmit(shout, Word("a"))
        await job.asubmit_many(shout, [Word("b")])
        assert await job == ["A", "B"]
        assert (await job.await_report()).state == "succeeded"
        assert job.result() == ["A", "B"]
        assert await job.acancel() == []

    asyncio.run(all_of_it())


def test_a_callback_runs_on_a_thread_of_its_own(open_system: Any) -> None:
    told = threading.Event()
    threads: list[str] = []

    def call(_report: JobReport) -> None:
        threads.append(threading.current_thread().name)
        told.set()

    system = open_system(agents=[echo])
    system.tasks.job("j", stall=Stall(after_s=0.05, callback=call)).submit(echo, Word(), delay=1000)
    assert told.wait(30)
    assert threads[0].startswith("dagger-waiting")
