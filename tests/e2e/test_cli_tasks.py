"""``tasks`` as a person types it: every option does what it says, every mistake is told."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import msgspec
import pytest

from dagger_actors import ActorSystem, task_agent
from dagger_actors.cli.task_staying import Stay

ABC = '{"text": "abc"}'
OURS = ("--import", "agents.py", "--wait")


def submit(typed, agent: str, text: str, *words: str) -> int:
    """Submit a task that nobody does; its id."""
    payload = msgspec.json.encode({"text": text}).decode()
    status, out, err = typed("tasks", "submit", agent, payload, "--import", "agents.py", *words)
    assert status == 0, err
    return int(out)


@pytest.fixture
def done(typed):
    """Task of ``measure`` completed, of ``fail`` failed, one that it left stuck; in the job ``j`` but for the first."""
    with ActorSystem("dagger.db", imports=["agents.py"], synchronous="normal") as system:
        tasks = system.tasks
        completed = tasks.submit("measure", {"text": "abc"})
        failed = tasks.submit("fail", {"text": "of course"}, job="j")
        stuck = tasks.submit("measure", {"text": "later"}, job="j", depends_on=[failed])
        for task in (completed, failed, stuck):
            task.wait(60)
    typed.completed, typed.failed, typed.stuck = completed.id, failed.id, stuck.id
    return typed


# --- looking


def ids(typed, *words: str) -> set[int]:
    return {one["id"] for one in typed.json("tasks", "list", *words)}


def test_each_filter_of_the_list_keeps_what_it_says(done):
    """Law: --state, --agent, --job, --since, --text and --limit each narrow it; several states are any of them."""
    all_of_them = {done.completed, done.failed, done.stuck}
    assert ids(done) == all_of_them
    assert ids(done, "--state", "failed") == {done.failed}
    assert ids(done, "--state", "failed", "--state", "stuck") == {done.failed, done.stuck}
    assert ids(done, "--agent", "measure") == {done.completed, done.stuck}
    assert ids(done, "--job", "j") == {done.failed, done.stuck}
    assert ids(done, "--text", "of COURSE") == {done.failed}
    assert ids(done, "--limit", "1") == {max(all_of_them)}
    assert (ids(done, "--since", "1h"), ids(done, "--since", "2100-01-01")) == (all_of_them, set())


def test_the_list_is_a_table_without_anything_that_steers_a_terminal(done):
    """Law: a row for each, the error as one line, hostile text escaped; what was cut off is said."""
    status, out, err = done("tasks", "list")
    assert (status, err) == (0, "")
    assert "\x1b[2J" not in out
    assert "ValueError: broken \\x1b[2J of course" in out
    assert [line.split()[2] for line in out.splitlines()[1:]] == ["stuck", "failed", "completed"]
    assert "the newest 1; --limit N shows more" in done("tasks", "list", "--limit", "1")[2]
    assert "all of them: dagger-actors tasks list" in done("tasks", "list", "--state", "paused")[2]


def test_a_state_that_cannot_be_is_refused_with_the_nearest(done):
    status, out, err = done("tasks", "list", "--state", "faild")
    assert (status, out, "did you mean 'failed'?" in err) == (2, "", True)


def test_show_tells_all_of_a_task_and_the_way_on(done):
    """Law: state, attempts, error with the user's frames, payload, whom it waits for; several ids at once."""
    status, out, err = done("tasks", "show", str(done.failed), str(done.stuck), str(done.completed))
    assert status == 0
    assert "\x1b[2J" not in out
    for part in (
        f"task {done.failed} of agent fail: failed", "attempt 1 failed after", "attempt 2 failed after", "job: j",
        "raise ValueError", 'payload: {"text":"of course"}', f"task {done.stuck} of agent measure: stuck",
        f"task {done.failed} (failed): is to succeed", "letters  3",
    ):  # fmt: skip
        assert part in out, part
    assert err == f"next: dagger-actors tasks retry {done.failed} --db dagger.db\n"
    one = done.json("tasks", "show", str(done.completed))
    assert (one["state"], one["result"]) == ("completed", {"letters": 3})
    two = done.json("tasks", "show", str(done.completed), str(done.failed))
    assert [report["state"] for report in two] == ["completed", "failed"]


def test_a_task_that_is_not_there_is_told_with_the_command_that_lists_them(done):
    status, _, err = done("tasks", "show", "99")
    assert status == 2
    assert "no task 99" in err
    assert err.endswith("dagger-actors tasks list\n")
    assert done("tasks", "show")[0] == 2
    assert "nope" in done("tasks", "show", "nope")[2]


def test_logs_are_those_of_the_attempts(done):
    status, out, _ = done("tasks", "logs", str(done.completed))
    assert (status, out) == (0, "--- attempt 1\nmeasures \\x1b[2Jabc\n")
    assert done("tasks", "logs", str(done.stuck))[1:] == ("", "nothing was logged by the attempts that have ended\n")
    assert done.json("tasks", "logs", str(done.completed))[0]["attempt"] == 1


def test_agents_are_listed_with_their_schemas_and_who_does_them(done):
    _, out, _ = done("tasks", "agents")
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["fail", "measure", "parent", "patient"]
    assert "nobody" in out
    by_name = {one["name"]: one for one in done.json("tasks", "agents")}
    assert by_name["measure"]["open"] == 1
    assert "text" in str(by_name["measure"]["payload_schema"])


@pytest.mark.parametrize(
    "words", [("list",), ("show", "1"), ("logs", "1"), ("agents",), ("cancel", "1"), ("prune", "1d")]
)
def test_looking_and_deciding_make_no_database(typed, words):
    status, _, err = typed("tasks", *words)
    assert (status, "there is no database 'dagger.db'" in err) == (2, True)
    assert not list(typed.folder.glob("*.db*"))


# --- submitting


def test_submit_stores_a_task_and_prints_its_id(typed):
    """Law: durable, ready, and not begun by the process that submits, also when that could do it."""
    task = submit(typed, "measure", "abc")
    report = typed.json("tasks", "show", str(task))
    assert (report["state"], report["attempt"], report["payload"]) == ("ready", 0, {"text": "abc"})
    status, out, err = typed("tasks", "submit", "measure", ABC)  # the database knows the agent by now
    assert (status, err) == (0, f"next: dagger-actors tasks show {out.strip()} --db dagger.db\n")
    assert typed("tasks", "submit", "measure", ABC, "--quiet")[2] == ""
    assert typed.json("tasks", "submit", "measure", ABC)["state"] == "ready"


def test_each_option_of_submit_is_the_tasks(typed):
    """Law: --priority, --delay, --expires, --key, --on-conflict, --depends-on, --job and --tries reach the stored task."""
    first = submit(typed, "measure", "a", "--priority", "-5", "--key", "k", "--job", "j", "--tries", "4")
    second = submit(typed, "measure", "b", "--depends-on", str(first), "--expires", "3600")
    third = submit(typed, "measure", "c", "--delay", "3600")
    one, two, three = typed.json("tasks", "show", str(first), str(second), str(third))
    assert (one["priority"], one["key"], one["job"], one["try_count"]) == (-5, "k", "j", 4)
    assert (two["state"], two["dependencies"][0]["id"]) == ("blocked", first)
    assert two["expires_us"] - two["created_us"] == pytest.approx(3600e6, abs=60e6)
    assert (three["state"], three["due_us"] > three["created_us"]) == ("pending", True)
    assert submit(typed, "measure", "d", "--key", "k") == first
    refused = typed("tasks", "submit", "measure", ABC, "--key", "k", "--on-conflict", "reject")
    assert (refused[0], f"task {first} of the agent" in refused[2]) == (2, True)
    assert submit(typed, "measure", "d", "--key", "k", "--on-conflict", "replace") != first


def test_a_payload_comes_from_stdin_too(typed, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(ABC))
    status, out, _ = typed("tasks", "submit", "measure", "-", *OURS)
    assert (status, out) == (0, "letters: 3\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("measure", "{text: abc}"), "quote it for the shell"),
        (("measure", '{"text": 1}'), "at `$.text`"),
        (("measure", "-5"), "got `int`"),
        (("measre", ABC), "did you mean 'measure'?"),
        (("nothing-like-it", ABC), "name the module it is in with --import"),
        (
            ("measure", ABC, "--import", "agents.py:mesure"),
            "agents.py:mesure is no task agent\n  did you mean agents.py:measure?",
        ),
        (("measure", ABC, "--depends-on", "99"), "there is no such task"),
        (("measure", ABC, "--priority", "99999999999"), "priority is a whole number"),
        (("measure", ABC, "--timeout", "3"), "--timeout is for --wait"),
        (("measure", ABC, "--wait", "--timeout", "-3"), "--timeout -3 is out of range"),
        (("measure", ABC, "--on-conflict", "reject"), "give the key too"),
    ],
)
def test_a_mistake_at_submit_is_told_and_nothing_is_stored(typed, words, told):
    status, out, err = typed("tasks", "submit", *words, "--import", "agents.py")
    assert (status, out) == (2, "")
    assert told in err
    assert not Path("dagger.db").exists() or typed.json("tasks", "list") == []


def test_wait_prints_the_result_and_the_status_tells_how_it_ended(typed):
    """Law: 0 and the result on stdout; 1 and the error on stderr; JSON is the report, whatever the end."""
    assert typed("tasks", "submit", "measure", ABC, *OURS)[:2] == (0, "letters: 3\n")
    assert typed("tasks", "submit", "parent", '{"text": "a bb"}', *OURS)[:2] == (0, "[1,2]\n")
    status, out, err = typed("tasks", "submit", "fail", ABC, *OURS)
    assert (status, out) == (1, "")
    assert "error: ValueError: broken \\x1b[2J abc\n" in err
    assert "next: dagger-actors tasks retry" in err
    status, out, _ = typed("tasks", "submit", "fail", ABC, *OURS, "--json")
    assert (status, msgspec.json.decode(out)["state"]) == (1, "failed")


def test_wait_shows_how_it_stands_and_what_it_logs_unless_it_is_to_be_quiet(typed):
    _, _, err = typed("tasks", "submit", "parent", '{"text": "a bb"}', *OURS)
    assert "of parent: " in err
    assert "measures \\x1b[2Ja\n" in err
    quiet = typed("tasks", "submit", "parent", '{"text": "a bb"}', *OURS, "--quiet")
    assert (quiet[1], "of parent: " in quiet[2]) == ("[1,2]\n", False)


def test_what_a_task_logs_before_it_is_waited_for_is_shown_too(typed, monkeypatch):
    """Law: nothing is lost, though the task had ended before the command got on."""
    wait = Stay.wait

    def late(stay, system, task, interrupts):
        task.wait(60)
        return wait(stay, system, task, interrupts)

    monkeypatch.setattr(Stay, "wait", late)
    assert "measures \\x1b[2Jabc\n" in typed("tasks", "submit", "measure", ABC, *OURS)[2]


ASIDE = """
from dagger_actors import task_agent

@task_agent
def aside(task: str) -> str:
    print("said aside")
    return task
"""


def test_json_is_all_that_is_on_stdout_whatever_the_task_prints_and_nothing_is_said_meanwhile(typed):
    """Law: one document; what a body prints goes to stderr, how it stands is not told."""
    (typed.folder / "aside.py").write_text(ASIDE)
    words = ("tasks", "submit", "aside", '"x"', "--import", "aside.py", "--wait")
    assert typed(*words)[1] == "said aside\nx\n"
    status, out, err = typed(*words, "--json")
    assert (status, msgspec.json.decode(out)["result"]) == (0, "x")
    assert err == "said aside\n"


def test_timeout_ends_the_wait_and_not_the_task(typed):
    """Law: 3, with the way to look at it again; the task is as it was."""
    submit(typed, "patient", "x")
    status, out, err = typed("tasks", "submit", "patient", ABC, "--wait", "--timeout", "0.05")
    assert (status, out) == (3, "")
    assert "waited for 0.05 s; task" in err
    assert {one["state"] for one in typed.json("tasks", "list")} == {"ready"}


def test_wait_says_when_nobody_does_the_task_and_how_to_start_one(typed):
    """Law: not when somebody is there, nor when it is to be quiet; the command that is told does it."""
    task = submit(typed, "measure", "x")
    waiting = ("tasks", "submit", "measure", ABC, "--wait", "--timeout", "0.05")
    told = "nobody does the tasks of the agent 'measure' now; start a worker that has it: "
    _, _, err = typed(*waiting)
    (line,) = [line for line in err.splitlines() if line.startswith(told)]
    assert told not in typed(*waiting, "--quiet")[2]
    with ActorSystem("dagger.db", agents=[measure_otherwise], synchronous="normal"):
        assert told not in typed(*waiting[:-2], "--timeout", "60")[2]
    second = submit(typed, "measure", "y")
    program, *words = shlex.split(typed(*waiting)[2].partition(told)[2].splitlines()[0])
    assert (program, line.startswith(told)) == ("dagger-actors", True)
    assert typed(*words, "--until-rest")[0] == 0
    assert {one["state"] for one in typed.json("tasks", "show", str(task), str(second))} == {"completed"}


@task_agent(name="measure")
def measure_otherwise(task: dict[str, str]) -> dict[str, int]:
    return {"letters": 99}


def test_wait_with_import_does_no_work_that_another_process_does(typed):
    """Law: the worker that is there does it, as its result tells; this process only waits."""
    with ActorSystem("dagger.db", agents=[measure_otherwise], synchronous="normal"):
        assert typed("tasks", "submit", "measure", ABC, *OURS)[:2] == (0, "letters: 99\n")
    assert typed("tasks", "submit", "measure", ABC, *OURS)[:2] == (0, "letters: 3\n")


# --- deciding


def test_cancel_retry_accept_reject_and_reopen_change_the_state(done):
    """Law: each verb, of several tasks at once; one line each."""
    other = submit(done, "measure", "x", "--delay", "3600")
    status, _, err = done("tasks", "cancel", str(done.stuck), str(other), "--reason", "not \x1b[2Jwanted")
    assert (status, err) == (0, f"task {done.stuck} cancelled\ntask {other} cancelled\n")
    assert done.json("tasks", "show", str(other))["reason"] == "not \x1b[2Jwanted"
    assert done("tasks", "retry", str(other), str(done.failed))[0] == 0
    assert {one["state"] for one in done.json("tasks", "show", str(other), str(done.failed))} <= {"ready", "pending"}
    assert done("tasks", "reject", str(done.completed), "--reason", "too short")[0] == 0
    rejected = done.json("tasks", "show", str(done.completed))
    assert (rejected["state"], rejected["reason"]) == ("rejected", "too short")
    assert done.json("tasks", "reopen", str(done.completed))[0]["state"] == "ready"


def test_accept_is_of_the_version_that_was_looked_at(done):
    """Law: a stale --version is refused and changes nothing; the right one is taken, and its reason kept."""
    version = done.json("tasks", "show", str(done.completed))["version"]
    status, _, err = done("tasks", "accept", str(done.completed), "--version", str(version + 1))
    assert (status, f"of version {version}, not {version + 1}" in err) == (2, True)
    assert done.json("tasks", "show", str(done.completed))["state"] == "completed"
    status, _, err = done("tasks", "accept", str(done.completed), "--version", str(version), "--reason", "fine")
    assert (status, err) == (0, f"task {done.completed} accepted\n")
    report = done.json("tasks", "show", str(done.completed))
    assert (report["state"], report["reason"]) == ("accepted", "fine")


@pytest.mark.parametrize("verb", ["cancel", "retry", "reject", "reopen"])
def test_every_verb_refuses_a_stale_version(done, verb):
    words = ("--reason", "no") if verb == "reject" else ()
    status, _, err = done("tasks", verb, str(done.failed), "--version", "77", *words)
    assert (status, "it is of version" in err) == (2, True)
    several = done("tasks", verb, str(done.failed), str(done.stuck), "--version", "77", *words)
    assert (several[0], "--version is that of one task" in several[2]) == (2, True)


def test_one_that_is_refused_keeps_no_other_from_it(done):
    """Law: 2 at the end, the mistake named, the others decided."""
    status, _, err = done("tasks", "cancel", "99", str(done.completed), str(done.stuck))
    assert status == 2
    assert "no task 99" in err
    assert f"task {done.completed} is completed, it cannot become cancelled" in err
    assert f"task {done.stuck} cancelled\n" in err


def test_retry_chooses_many_by_its_options(done):
    """Law: --state, --agent, --job, --since and --text choose; without --state the failed ones."""
    for words in (
        ("--agent", "measure"),
        ("--job", "j", "--text", "nowhere"),
        ("--since", "2100-01-01", "--state", "failed"),
    ):
        assert done("tasks", "retry", *words)[2] == "0 tasks opened again\n"
    assert done.json("tasks", "retry", "--agent", "fail", "--job", "j", "--text", "course") == [done.failed]
    assert done("tasks", "cancel", str(done.failed))[0] == 0
    assert done.json("tasks", "retry", "--state", "failed") == []
    assert done.json("tasks", "retry", "--state", "cancelled") == [done.failed]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--state failed"),
        (("2", "--agent", "fail"), "not both"),
        (("--state", "completed"), "failed, cancelled or paused"),
        (("--agent", "fail", "--version", "3"), "--version is that of one task"),
        (("--job", "nope"), "no job 'nope'"),
    ],
)
def test_a_retry_that_does_not_say_which_is_refused(done, words, told):
    status, _, err = done("tasks", "retry", *words)
    assert (status, told in err) == (2, True), err


def test_reject_wants_a_reason(done):
    status, _, err = done("tasks", "reject", str(done.completed))
    assert (status, "--reason" in err) == (2, True)


def test_prune_deletes_what_ended_long_ago(done):
    """Law: the age is what counts."""
    assert done("tasks", "prune", "7d")[2] == "0 tasks deleted\n"
    assert done.json("tasks", "prune", "0s") == {"deleted": 1}
    assert done.completed not in ids(done)
    assert done("tasks", "prune", "soon")[0] == 2
