"""``jobs`` as a person types it."""

from __future__ import annotations

import pytest

from dagger_actors import ActorSystem

HOSTILE = '-j"<b>'


@pytest.fixture
def jobs(typed):
    """A job with a failure and what it left stuck, one with a family, one that waits."""
    with ActorSystem("dagger.db", imports=["agents.py"], synchronous="normal") as system:
        tasks = system.tasks
        failed = tasks.submit("fail", {"text": "x"}, job=HOSTILE)
        tasks.submit("measure", {"text": "y"}, job=HOSTILE, depends_on=[failed])
        tasks.submit("parent", {"text": "a bb"}, job="family").wait(60)
        tasks.submit("measure", {"text": "z"}, job="later", delay=3600)
        tasks.get_job(HOSTILE).wait(60)
        typed.failed = failed.id
    return typed


def test_jobs_are_listed_by_state_age_and_number(jobs):
    """Law: --state, --since and --limit; how far each is stands in the table."""
    status, out, _ = jobs("jobs", "list")
    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        ["later", "running"], ["family", "succeeded"], [HOSTILE, "failed"],
    ]  # fmt: skip
    assert "3/3 done" in out
    assert "1/2 done, 1 stuck, 1 failed" in out
    assert [one["id"] for one in jobs.json("jobs", "list", "--state", "failed", "--state", "running")] == [
        "later",
        HOSTILE,
    ]
    assert [one["id"] for one in jobs.json("jobs", "list", "--limit", "1")] == ["later"]
    assert jobs.json("jobs", "list", "--since", "2100-01-01") == []
    assert "no such jobs; all of them: dagger-actors jobs list" in jobs("jobs", "list", "--state", "paused")[2]


def test_show_names_the_tasks_that_need_a_look_and_the_way_on(jobs):
    """Law: also of an id that begins with a dash; the suggested command, typed as it is, does it."""
    status, out, err = jobs("jobs", "show", "--", HOSTILE)
    assert status == 0
    assert f"job {HOSTILE}: failed" in out
    assert "ValueError: broken \\x1b[2J x" in out
    assert "stuck" in out
    assert err == f"next: dagger-actors tasks retry --state failed '--job={HOSTILE}' --db dagger.db\n"
    assert jobs.json("tasks", "retry", "--state", "failed", f"--job={HOSTILE}") == [jobs.failed]
    assert jobs.json("jobs", "show", "family")["progress"]["succeeded"] == 3


def test_cancel_ends_what_is_open_of_several_jobs(jobs):
    """Law: recorded with the reason; one that is not there is told, and keeps no other from it."""
    status, _, err = jobs("jobs", "cancel", "later", "nope", "family", "--reason", "not wanted")
    assert status == 2
    assert "no job 'nope'" in err
    assert "job later cancelled, and 1 open task with it\n" in err
    report = jobs.json("jobs", "show", "later")
    assert (report["state"], report["reason"]) == ("cancelled", "not wanted")
    assert jobs.json("jobs", "cancel", "later") == {"later": []}
    refused = jobs("tasks", "submit", "measure", '{"text": "x"}', "--job", "later")
    assert (refused[0], "takes no new tasks" in refused[2]) == (2, True)


def test_a_job_that_is_not_there_is_told(jobs):
    status, _, err = jobs("jobs", "show", "nope")
    assert (status, err.endswith("list the jobs with: dagger-actors jobs list\n")) == (2, True)
