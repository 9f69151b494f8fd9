"""Runs that ask people, as the program: it asks at a terminal, exits with 3 elsewhere, and takes answers from other processes."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import sqlite3
from contextlib import closing

import pytest

FLOW = """
name: letters
actions: [actions.py]
nodes:
  - {id: numbers, action: numbers}
  - {id: ok, approval: {message: "Go on? \\e[2J"}, dependencies: [numbers]}
  - {id: total, action: total, inputs: {results: numbers.numbers}, dependencies: [ok]}
"""


@pytest.fixture
def asking(program):
    (program.folder / "ask.yaml").write_text(FLOW)
    (program.folder / "size.yaml").write_text(FLOW.replace("approval: {", "approval: {type: int, "))
    return program


def test_a_run_exits_with_3_once_nothing_but_people_are_awaited_and_goes_on_with_the_answer(asking):
    """Law: another process answers, with nobody alive; resume goes on, and what was done is not done again."""
    done = asking("run", "ask.yaml", "--run-id", "r")
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "ok asks: Go on? \\x1b[2J (yes or no)\nnext: dagger-actors approve r ok --db dagger.db" in done.stderr
    assert "ok asks: Go on? " in asking("show", "r").stderr
    why = asking("why", "r", "ok").stdout
    assert "a person is asked: Go on? " in why
    assert "\x1b" not in why
    done = asking("approve", "r", "ok")
    assert done.returncode == 0, done.stderr
    assert "approved ok of run r, which is paused" in done.stderr
    assert "next: dagger-actors resume r --db dagger.db" in done.stderr
    why = asking("why", "r", "ok")
    assert "it has its answer: true, of " in why.stdout
    assert "asked" not in why.stdout
    assert "next: dagger-actors resume r" in why.stderr
    shown = asking("show", "r").stderr
    assert "next: dagger-actors resume r" in shown
    assert "asks" not in shown
    assert "approve" not in shown
    again = asking("approve", "r", "ok")
    assert again.returncode == 0
    refused = asking("reject", "r", "ok", "--reason", "no")
    assert refused.returncode == 2
    assert "has its answer: true, of " in refused.stderr
    done = asking("resume", "r")
    assert done.returncode == 0, done.stderr
    assert asking.log() == ["total"]
    with closing(sqlite3.connect(asking.folder / "dagger.db")) as connection:
        assert connection.execute("SELECT count(*), min(pid) > 0 FROM answers").fetchall() == [(1, 1)]


def test_what_is_asked_in_all_runs_is_listed_with_how_to_answer_it(asking):
    """Law: the oldest first; what has its answer is left out, though its run rests and has not taken it; JSON alone on stdout."""
    (asking.folder / "later.yaml").write_text(
        FLOW.replace("approval: {", "approval: {type: int, timeout_s: 3600, on_timeout: autopilot, default: 3, ")
    )
    for run, flow in (("a", "ask.yaml"), ("b", "later.yaml"), ("c", "ask.yaml")):
        assert asking("run", flow, "--run-id", run).returncode == 3
    listed = asking("questions")
    assert listed.returncode == 0, listed.stderr
    lines = listed.stdout.splitlines()
    assert lines[::2] == [
        f"{run}: ok asks: Go on? \\x1b[2J ({wanted})"
        for run, wanted in (("a", "yes or no"), ("b", "int"), ("c", "yes or no"))
    ]
    assert re.fullmatch(r"  since \S{10} \S{8} UTC", lines[1])
    assert re.fullmatch(r"  since \S{10} \S{8}, until \S{10} \S{8} UTC, then autopilot: 3", lines[3])
    assert listed.stderr.startswith("next: dagger-actors approve a ok --db dagger.db\n")
    assert asking("approve", "a", "ok").returncode == 0
    left = asking("questions", "--limit", "1")
    assert left.stdout.startswith("b: ok asks: ")
    assert left.stderr.startswith(
        "the first 1; --limit N shows more\nnext: dagger-actors signal b ok VALUE --db dagger.db\n"
    )
    assert [one["run_id"] for one in json.loads(asking("questions", "--json").stdout)] == ["b", "c"]
    assert asking("questions", "a").stderr == "nobody is asked anything in run a\n"


def test_a_rejection_fails_the_run_with_its_reason(asking):
    """Law: resume says so, and exits with 1."""
    asking("run", "ask.yaml", "--run-id", "r")
    assert asking("reject", "r", "ok", "--reason", "not now").returncode == 0
    done = asking("resume", "r")
    assert done.returncode == 1
    assert "not now" in done.stderr


def test_an_answer_of_another_type_is_refused(asking):
    """Law: exit 2, what is asked for, and how to give it; the run is as it was."""
    asking("run", "size.yaml", "--run-id", "r")
    refused = asking("approve", "r", "ok")
    assert refused.returncode == 2
    assert "asks for an answer of type int" in refused.stderr
    assert "dagger-actors signal r ok VALUE" in refused.stderr
    refused = asking("signal", "r", "ok", "many")
    assert refused.returncode == 2
    assert "the answer must be of type int, not 'many'" in refused.stderr
    assert asking("signal", "r", "numbers", "1").returncode == 2
    assert asking("signal", "r", "ok", "12").returncode == 0
    assert asking("resume", "r").returncode == 0


WRONG = [
    (["approve", "q", "ok"], "no run 'q' in ", "list the runs with: dagger-actors runs"),
    (["approve", "r", "okay"], "run 'r' has no node 'okay'; did you mean 'ok'?", ""),
    (["approve", "r", "numbers"], "node 'numbers' of run 'r'", "it is no approval"),
    (["signal", "r", "ok"], 'Command "signal" parameter VALUE requires an argument', "signal --help"),
    (["signal", "r", "ok", "maybe"], "the answer must be of type bool, not 'maybe'", "for example: true"),
    (["reject", "r", "ok", "--reason", "x" * 2001], "a reason is text of at most 2,000 characters", ""),
    (["cancel", "r", "--node", "numbers"], "is succeeded, it cannot become cancelled", ""),
    (["cancel", "r", "--node", "nothing"], "run 'r' has no node 'nothing'", ""),
    (["fork", "r", "--from", "total"], "the node 'total' of run 'r' never ran", "such as 'ok'"),
    (["fork", "r", "--from", "totl"], "run 'r' has no node 'totl'; did you mean 'total'?", ""),
]


def test_what_is_wrong_is_told_with_what_to_do_and_exits_with_2(asking):
    """Law: one line of what is, one of what to do, no traceback, and the run is as it was."""
    asking("run", "ask.yaml", "--run-id", "r")
    shown = asking("show", "r", "--json").stdout
    for command, *told in WRONG:
        done = asking(*command)
        assert done.returncode == 2, command
        assert all(text in done.stderr for text in told), done.stderr
        assert done.stderr.startswith("dagger-actors: ")
        assert done.stderr.count("\n") <= 2
        assert done.stdout == ""
    assert asking("show", "r", "--json").stdout == shown
    asking("cancel", "r")
    for command, *told in (
        (["approve", "r", "ok"], "nobody is asked at node 'ok' of run 'r': it is cancelled (run cancelled)"),
        (["pause", "r"], "run 'r' is cancelled, it cannot become paused"),
        (["resume", "r"], "it cannot become resumed", "try it again with: dagger-actors retry r"),
    ):
        done = asking(*command)
        assert (done.returncode, done.stdout) == (2, ""), command
        assert all(text in done.stderr for text in told), done.stderr


def test_with_wait_a_run_stays_until_another_process_has_answered(asking, wait_for):
    """Law: it goes on by itself, and exits as it ends."""
    process = asking.start("run", "ask.yaml", "--run-id", "r", "--wait")
    wait_for(process, "run r paused")
    assert asking("approve", "r", "ok").returncode == 0
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert "total" in stdout


def test_whoever_waits_may_be_killed(asking, wait_for):
    """Law: SIGKILL while a person is asked: the answer is recorded, and the next process goes on with it."""
    process = asking.start("run", "ask.yaml", "--run-id", "r", "--wait")
    wait_for(process, "run r paused")
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert asking("approve", "r", "ok").returncode == 0
    done = asking("resume", "r")
    assert done.returncode == 0, done.stderr
    assert asking.log() == ["total"]


def test_who_answers_a_run_whose_process_is_gone_is_told_that_it_has_to_be_resumed(asking, wait_for):
    """Law: what an answer prints of a run is what `runs` says of it."""
    (asking.folder / "busy.yaml").write_text(
        "name: busy\nactions: [actions.py]\nnodes:\n"
        "  - {id: ok, approval: {message: Well?}}\n  - {id: wait, action: stuck}\n"
    )
    process = asking.start("run", "busy.yaml", "--run-id", "r")
    wait_for(process, "wait running")
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    told = asking("approve", "r", "ok").stderr
    assert told == (
        "approved ok of run r, which is interrupted\n"
        "next: dagger-actors resume r --db dagger.db, unless a worker that has its code is there\n"
    )


def at_a_terminal(asking, answers: bytes, *words: str) -> tuple[int, str]:
    """Run a command on a terminal of its own; the answers are typed when it first asks."""
    command = asking.command(*words)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(asking.folder)
        os.execve(command[0], command, {**asking.environment, "TERM": "xterm", "COLUMNS": "120"})
    seen = b""
    has_answered = False
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux reports the end of a pseudo-terminal as EIO
            break
        if not chunk:
            break
        seen += chunk
        if b"leaves it open" in seen and not has_answered:
            has_answered = True
            os.write(terminal, answers)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


@pytest.mark.parametrize(("answers", "status"), [(b"maybe\ny\n", 0), (b"n\n", 1), (b"\n", 3), (b"\x03", 130)])
def test_at_a_terminal_a_person_is_asked(asking, answers, status):
    """Law: yes goes on, no fails, Enter leaves the question open, Ctrl-C leaves; nothing in the message steers the terminal."""
    ended, seen = at_a_terminal(asking, answers, "run", "ask.yaml", "--run-id", "r")
    assert ended == status, seen
    assert "ok asks: Go on? " in seen
    assert "\x1b[2J" not in seen


def test_a_number_is_asked_for_until_it_is_one(asking):
    """Law: what is none is told, and asked again."""
    ended, seen = at_a_terminal(asking, b"many\n12\n", "run", "size.yaml")
    assert ended == 0, seen
    assert "the answer must be of type int" in seen
