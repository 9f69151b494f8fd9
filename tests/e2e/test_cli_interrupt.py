"""Ctrl-C, SIGTERM, ``kill -9`` and ``cancel``: what is left, and how it goes on."""

import shlex
import signal
from collections import Counter

import pytest

from tests.busy import BEGUN_S


@pytest.mark.parametrize(("number", "grace"), [(signal.SIGINT, "10 s"), (signal.SIGTERM, "25 s")])
def test_the_first_signal_lets_code_end_starts_nothing_new_and_prints_the_way_on(program, wait_for, number, grace):
    """Law: exit 130; the running node ended within its grace; the printed line, typed as it is, finishes the run."""
    process = program.start("run", "slow.yaml", "--run-id", "one")
    wait_for(process, "first running")
    process.send_signal(number)
    told = process.communicate()[1]
    assert process.returncode == 130, told
    assert f"running nodes have {grace} to end" in told
    assert program.log() == ["a while"]
    line = next(line for line in told.splitlines() if "dagger-actors resume" in line)
    words = shlex.split(line[line.index("dagger-actors") :])
    assert words == ["dagger-actors", "resume", "one", "--db", "dagger.db"]
    done = program(*words[1:])
    assert (done.returncode, done.stdout) == (0, "second: done\n"), done.stderr
    assert program.log() == ["a while", "a while"]


def test_the_second_signal_ends_the_process_at_once(program, wait_for):
    """Law: code that never ends cannot hold the terminal; the run stays resumable."""
    process = program.start("run", "stuck.yaml", "--run-id", "one")
    wait_for(process, "wait running")
    process.send_signal(signal.SIGTERM)
    wait_for(process, "once more")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)  # the first one alone would give 25 s
    assert process.returncode == 130
    assert program.report("one")["state"] == "running"


def test_a_killed_run_resumes_without_redoing_what_was_committed(program, wait_for):
    """Law: kill -9, resume: the result as if undisturbed; what was told as succeeded ran once, at most 16 others twice."""
    process = program.start("run", "fan.yaml", "--run-id", "one", "-i", "count=60", "-i", "pause_s=0.7")
    wait_for(process, "items done")
    process.kill()
    process.communicate()
    nodes = program.report("one")["nodes"]
    told = {node["invocation_key"] for node in nodes if node["invocation_key"] and node["state"] == "succeeded"}
    assert told
    listed = program("runs")
    assert "interrupted" in listed.stdout
    done = program("resume", "one")
    assert (done.returncode, done.stdout) == (0, f"total: {sum(range(60)) * 2}\n"), done.stderr
    times = Counter(line.split()[1] for line in program.log() if line.startswith("work "))
    assert len(times) == 60
    assert {number for number in told if times[number] != 1} == set()
    assert sum(count - 1 for count in times.values()) <= 16
    assert program.log().count("total") == 1


def test_resume_all_finishes_every_run_whose_process_is_gone(program, wait_for):
    """Law: --all takes what can go on, and is quiet about what has ended."""
    assert program("run", "fan.yaml", "--run-id", "ended").returncode == 0
    process = program.start("run", "slow.yaml", "--run-id", "left")
    wait_for(process, "first running")
    process.kill()
    process.communicate()
    other = program("run", "fan.yaml")
    assert other.returncode == 0
    assert "1 run waits here; go on with: dagger-actors resume --all --db dagger.db" in other.stderr
    done = program("resume", "--all")
    assert done.returncode == 0, done.stderr
    assert "run left succeeded" in done.stderr
    assert "run ended" not in done.stderr
    again = program("resume", "--all")
    assert again.returncode == 0
    assert "nothing to resume" in again.stderr


def test_resuming_a_run_that_is_being_run_names_its_process(program, wait_for):
    """Law: one owner; the other is told who."""
    process = program.start("run", "endless.yaml", "--run-id", "one")
    wait_for(process, "wait running")
    refused = program("resume", "one")
    assert refused.returncode == 2, refused.stderr
    assert str(process.pid) in refused.stderr


def test_a_cancel_from_another_process_ends_the_run(program, wait_for):
    """Law: cancel returns when it is recorded; the runner tells its code and exits with 1."""
    process = program.start("run", "endless.yaml", "--run-id", "one")
    wait_for(process, "wait running")
    cancelled = program("cancel", "one")
    assert cancelled.returncode == 0, cancelled.stderr
    assert "run one cancelled" in cancelled.stderr
    told = process.communicate()[1]
    assert process.returncode == 1, told
    assert "dagger-actors retry one" in told
    assert program.report("one")["state"] == "cancelled"


def test_looking_at_a_run_while_another_process_runs_it_changes_nothing(program, wait_for):
    """Law: runs and show read; the owner stays the owner."""
    process = program.start("run", "endless.yaml", "--run-id", "one")
    wait_for(process, "wait running")
    listed = program("runs")
    assert str(process.pid) in listed.stdout, listed.stderr
    assert "running" in listed.stdout
    assert program.report("one")["state"] == "running"
    assert process.poll() is None
    assert program("cancel", "one").returncode == 0


@pytest.mark.parametrize("way", ["a time-out", "a first signal"])
def test_a_wait_for_code_that_does_not_end_is_told_and_can_be_cut_short(program, wait_for, way):
    """Law: whoever waits is told for which node of which run, and the next Ctrl-C leaves at once."""
    limit = f", timeout: {BEGUN_S:g}" if way == "a time-out" else ""
    (program.folder / "stuck.yaml").write_text(
        f"name: stuck\nactions: [actions.py]\nnodes:\n  - {{id: wait, action: stuck{limit}}}\n"
    )
    process = program.start("run", "stuck.yaml", "--run-id", "one")
    if way == "a first signal":
        wait_for(process, "wait running")
        process.send_signal(signal.SIGINT)
    told = "".join(wait_for(process, "waiting for code that has not ended"))
    assert "node 'wait' of run 'one'" in told
    assert "Ctrl-C leaves it now" in told
    process.send_signal(signal.SIGINT)
    assert "left at once, what is committed is safe" in process.communicate(timeout=8)[1]  # by itself, 10 s
    assert process.returncode == 130
    assert program.report("one")["state"] == ("failed" if way == "a time-out" else "running")
