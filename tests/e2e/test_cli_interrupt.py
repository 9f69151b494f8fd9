"""Ctrl-C, SIGTERM, ``kill -9`` and ``cancel``: what is left, and how it goes on."""

import shlex
import signal
from collections import Counter

import pytest

from tests.busy import BEGUN_S, COMMAND_S

HELD = """

from dagger_actors.actors.gate import Gate

hold = Gate.hold

def held(gate):
    hold(gate)
    open("go", "w").close()

Gate.hold = held
"""
"""The first node goes on until the process that leaves lets nothing begin any more; the printed word comes before that."""

SOME_WAIT = """

@action
def work_or_wait(number: int) -> int:
    return until_go() and work(number) if number >= 20 else work(number)
"""


@pytest.mark.parametrize(("number", "grace"), [(signal.SIGINT, "10 s"), (signal.SIGTERM, "25 s")])
def test_the_first_signal_lets_code_end_starts_nothing_new_and_prints_the_way_on(program, wait_for, number, grace):
    """Law: exit 130; the running node ended within its grace; the printed line, typed as it is, finishes the run."""
    with (program.folder / "actions.py").open("a") as actions:
        actions.write(HELD)
    process = program.start("run", "slow.yaml", "--run-id", "one")
    wait_for(process, "first running")
    process.send_signal(number)
    told = process.communicate()[1]
    assert process.returncode == 130, told
    assert f"running nodes have {grace} to end" in told
    assert program.log() == ["until go"]
    assert [node["state"] for node in program.report("one")["nodes"]] == ["succeeded", "ready"]
    line = next(line for line in told.splitlines() if "dagger-actors resume" in line)
    words = shlex.split(line[line.index("dagger-actors") :])
    assert words == ["dagger-actors", "resume", "one", "--db", "dagger.db"]
    done = program(*words[1:])
    assert (done.returncode, done.stdout) == (0, "second: done\n"), done.stderr
    assert program.log() == ["until go", "until go"]


def test_the_second_signal_ends_the_process_at_once(program, wait_for):
    """Law: code that never ends cannot hold the terminal; the run stays resumable."""
    process = program.start("run", "stuck.yaml", "--run-id", "one")
    wait_for(process, "wait running")
    process.send_signal(signal.SIGTERM)
    wait_for(process, "once more")
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=COMMAND_S)[1]
    assert process.returncode == 130
    assert "left at once" in told, "and not after the 25 s of the first one"
    assert program.report("one")["state"] == "running"


def test_a_killed_run_resumes_without_redoing_what_was_committed(program, wait_for):
    """Law: kill -9, resume: the result as if undisturbed; what was told as succeeded ran once, at most 16 others twice."""
    with (program.folder / "actions.py").open("a") as actions:
        actions.write(SOME_WAIT)
    fan = (program.folder / "fan.yaml").read_text()
    (program.folder / "fan.yaml").write_text(
        fan.replace("action: work, inputs: {pause_s: inputs.pause_s}", "action: work_or_wait")
    )
    process = program.start("run", "fan.yaml", "--run-id", "one", "-i", "count=60")
    wait_for(process, "run one in")
    events = program.start("tail", "one", "--follow").stdout
    for _ in range(20):
        assert any("work[" in line and "]  succeeded  " in line for line in events)
    process.kill()
    process.communicate()
    nodes = program.report("one")["nodes"]
    told = {node["invocation_key"] for node in nodes if node["invocation_key"] and node["state"] == "succeeded"}
    assert told == {str(number) for number in range(20)}
    listed = program("runs")
    assert "interrupted" in listed.stdout
    (program.folder / "go").touch()
    done = program("resume", "one")
    assert (done.returncode, done.stdout) == (0, f"total: {sum(range(60)) * 2}\n"), done.stderr
    times = Counter(line.split()[1] for line in program.log() if line.startswith("work "))
    assert len(times) == 60
    assert {number for number in told if times[number] != 1} == set()
    assert program.log().count("until go") <= 40 + 16
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
    (program.folder / "go").touch()
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


def leaves_at_once(process, told: list[str]) -> None:
    """The wait was told; one Ctrl-C ends it."""
    assert "node 'wait' of run 'one'" in told[-1]
    assert "Ctrl-C leaves it now" in told[-1]
    process.send_signal(signal.SIGINT)
    assert "left at once, what is committed is safe" in process.communicate(timeout=COMMAND_S)[1]
    assert process.returncode == 130


WAITING = "waiting for code that has not ended"


def test_a_wait_for_code_that_does_not_end_is_told_and_can_be_cut_short(program, wait_for):
    """Law: whoever waits after a signal is told for which node of which run, and the next Ctrl-C leaves at once."""
    process = program.start("run", "stuck.yaml", "--run-id", "one")
    wait_for(process, "wait running")
    process.send_signal(signal.SIGINT)
    leaves_at_once(process, wait_for(process, WAITING))
    assert program.report("one")["state"] == "running"


def test_a_wait_for_code_beyond_its_time_out_is_told_and_can_be_cut_short(program, wait_for):
    """Law: the run has failed by then; the first Ctrl-C leaves at once."""
    limit_s, told = BEGUN_S / 2, [""]
    while WAITING not in told[-1]:
        # A time-out counts from the grant: where it came before the body had begun, there is nothing to wait for.
        assert program.log() == [], told
        limit_s *= 2
        (program.folder / "stuck.yaml").write_text(
            f"name: stuck\nactions: [actions.py]\nnodes:\n  - {{id: wait, action: stuck, timeout: {limit_s:g}}}\n"
        )
        (program.folder / "dagger.db").unlink(missing_ok=True)
        process = program.start("run", "stuck.yaml", "--run-id", "one")
        told = wait_for(process, WAITING, is_end_enough=True)
    leaves_at_once(process, told)
    assert program.report("one")["state"] == "failed"
