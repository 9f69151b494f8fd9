"""``jobs`` as a person types it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

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


# --- pictures


def test_a_job_is_drawn_in_each_format_with_the_states_of_its_tasks(jobs):
    """Law: an arrow from what is needed, and from who spawned; hostile text is only text."""
    status, out, err = jobs("jobs", "graph", "--", HOSTILE)
    assert (status, err) == (0, "")
    assert "class n0 failed" in out
    assert "class n1 stuck" in out
    assert "  n0 --> n1\n" in out
    assert "<b>" not in out.split("flowchart TD")[1]
    assert "ValueError#58; broken #92;x1b#91;2J x" in out
    family = jobs("jobs", "graph", "family")[1]
    assert "  n0 --> n1\n  n0 --> n2\n" in family
    assert family.count("-->") == 2
    assert jobs("jobs", "graph", "family", "--format", "dot")[1].startswith("digraph")
    assert jobs("jobs", "graph", "family", "--output", "family.svg")[1:] == ("", "wrote family.svg\n")
    svg = ET.fromstring((jobs.folder / "family.svg").read_text())
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert any(text.startswith("succeeded · 3/3 done") for text in texts)
    tooltips = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert any("parent" in text and "waits for: task " in text for text in tooltips)


def test_a_large_job_is_bounded_and_what_is_left_out_is_said(jobs):
    """Law: what needs a look is drawn first; the rest is one box that counts it by state."""
    with ActorSystem("dagger.db", imports=["agents.py"], synchronous="normal") as system:
        tasks = system.tasks
        tasks.submit_many("measure", [{"text": "x"}] * 300, job="large", delay=3600)
        tasks.submit("fail", {"text": "x"}, job="large").wait(60)
    out = jobs("jobs", "graph", "large")[1]
    assert out.count("measure ") == 199
    assert "class n199 failed" in out
    assert "101 more<br/>of 301 left out#59; #45;#45;limit draws more<br/>101 pending" in out
    small = jobs("jobs", "graph", "large", "--limit", "1")[1]
    assert "class n0 failed" in small
    assert "300 more" in small
    for limit in ("0", "100000"):
        status, _, err = jobs("jobs", "graph", "large", "--limit", limit)
        assert (status, "is out of range" in err) == (2, True)


def test_a_job_that_is_not_there_is_not_drawn(jobs):
    status, out, err = jobs("jobs", "graph", "nope", "--output", "nope.svg")
    assert (status, out, "no job 'nope'" in err) == (2, "", True)
    assert not (jobs.folder / "nope.svg").exists()
