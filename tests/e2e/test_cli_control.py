"""``pause``, ``cancel --node`` and ``fork``: what one process says of a run that another one runs, or has run."""

from __future__ import annotations

FLOW = """
name: branches
actions: [actions.py]
nodes:
  - {id: wait, action: until_told}
  - {id: next, action: after, inputs: {value: wait}}
  - {id: stuck, action: until_cancelled}
  - {id: behind, action: until_go, dependencies: [stuck]}
"""
ACTION = """

@action
def until_told() -> int:
    note("until told")
    while not os.path.exists("told"):
        time.sleep(0.01)
    return 1
"""


def write(program) -> None:
    with (program.folder / "actions.py").open("a") as actions:
        actions.write(ACTION)
    (program.folder / "branches.yaml").write_text(FLOW)


def states(program) -> dict[str, str]:
    return {node["node_id"]: node["state"] for node in program.report("one")["nodes"]}


def test_a_branch_is_cancelled_then_the_run_paused_and_resumed_by_others(program, wait_for):
    """Law: the owner obeys at once, its own command exits with 3 when what ran has ended, and the resume does the rest."""
    write(program)
    process = program.start("run", "branches.yaml", "--run-id", "one")
    wait_for(process, "wait running", "stuck running")
    cut = program("cancel", "one", "--node", "stuck")
    assert (cut.returncode, cut.stderr) == (0, "node stuck of run one cancelled; the run is running\n")
    paused = program("pause", "one")
    assert paused.returncode == 0, paused.stderr
    assert paused.stderr == (
        "run one is paused when what runs has ended (1 node)\nnext: dagger-actors resume one --db dagger.db\n"
    )
    assert program("pause", "one").stderr == paused.stderr
    assert program("show", "one").stdout.startswith(
        "run one of flow branches: running, and pausing: nothing more begins, "
    )
    pausing = "the run is pausing: nothing more starts, and it is paused when what runs has ended"
    assert pausing in program("why", "one", "next").stdout
    (program.folder / "told").touch()
    process.communicate(timeout=60)
    assert process.returncode == 3
    assert states(program) == {"wait": "succeeded", "next": "pending", "stuck": "cancelled", "behind": "skipped"}
    done = program("resume", "one")
    assert (done.returncode, done.stdout) == (0, "next: 2\n"), done.stderr
    assert program.log() == ["until told", "waiting", "after"] or program.log() == ["waiting", "until told", "after"]


def test_a_run_of_a_killed_process_is_paused_without_its_code(program, wait_for):
    """Law: no action's module is imported; what does not fit the run's state is one sentence, exit 2."""
    write(program)
    process = program.start("run", "branches.yaml", "--run-id", "one")
    wait_for(process, "stuck running")
    process.kill()
    process.communicate()
    (program.folder / "actions.py").unlink()
    paused = program("pause", "one")
    assert (paused.returncode, paused.stderr.splitlines()[0]) == (0, "run one paused")
    assert program("cancel", "one", "--node", "stuk").stderr == (
        "dagger-actors: run 'one' has no node 'stuk'; did you mean 'stuck'?\n"
    )
    assert program("cancel", "one").returncode == 0
    late = program("pause", "one")
    assert (late.returncode, late.stderr) == (2, "dagger-actors: run 'one' is cancelled, it cannot become paused\n")


def test_a_run_is_forked_with_another_input(program):
    """Law: only what is downstream runs; `show` says where it comes from; what cannot be forked is one sentence, exit 2."""
    assert program("run", "fan.yaml", "--run-id", "one").returncode == 0
    before = program.report("one")
    done = program("fork", "one", "--from", "total", "--run-id", "two")
    assert (done.returncode, done.stdout) == (0, "total: 6\n"), done.stderr
    assert program.log()[3:] == ["total", "total"]
    assert "forked from run one at total" in program("show", "two").stdout
    assert program("fork", "two", "--from", "numbers", "-i", "count=4").stdout == "total: 12\n"
    refused = program("fork", "one", "--from", "total", "-i", "count=4")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "the input 'count' was used by 'numbers'" in refused.stderr
    assert "dagger-actors fork one --from total --from numbers" in refused.stderr
    assert program.report("one") == before
