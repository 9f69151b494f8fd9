"""Flows inside flows, by the command line: run, killed, looked at, retried."""

from __future__ import annotations

import contextlib
import json

import apsw
import msgspec
import pytest

INNER = """
name: inner
actions: [actions.py]
inputs: {count: {type: int}}
nodes:
  - {id: numbers, action: numbers, inputs: {count: inputs.count}}
  - {id: work, action: work, inputs: {pause_s: {value: 0.05}}, map: {over: numbers.numbers, item: number}}
  - {id: total, action: total, inputs: {results: work}}
outputs: {total: total}
"""

OUTER = """
name: outer
actions: [actions.py]
nodes:
  - {id: sub, flow: inside/inner.yaml, inputs: {count: {value: 30}}}
  - {id: after, action: after, inputs: {value: sub.total}}
"""

FAILING = """
name: inner
actions: [actions.py]
nodes:
  - {id: fail, action: fail}
"""


def written(program, inner: str, outer: str = OUTER) -> None:
    folder = program.folder / "inside"
    folder.mkdir()
    (folder / "actions.py").write_text((program.folder / "actions.py").read_text())
    (folder / "inner.yaml").write_text(inner)
    (program.folder / "outer.yaml").write_text(outer)


@pytest.mark.parametrize(("over", "named"), [("cancelled", "r"), ("failed", "r/sub"), ("timed_out", "r/sub")])
def test_what_a_death_has_left_inside_is_told_and_reached(program, wait_for, over, named):
    """Law: the run above is over, the one inside looks as if it went on: show and why name the cancel that ends it."""
    written(program, INNER)
    process = program.start("run", "outer.yaml", "--run-id", "r")
    wait_for(process, "numbers succeeded")
    process.kill()
    process.wait()
    with contextlib.closing(apsw.Connection(str(program.folder / "dagger.db"))) as connection:
        # As it is when the process dies between the end of the run above and that of the one inside.
        connection.execute("UPDATE flow_runs SET status = ?, owner = NULL WHERE run_id = 'r'", (over,))
    shown = program("show", "r/sub")
    assert "interrupted" in shown.stdout
    assert shown.stderr == f"next: dagger-actors cancel {named} --db dagger.db\n"
    why = program("why", "r/sub", "work")
    assert why.stderr == shown.stderr
    assert "the run that it is inside of is over" in why.stdout
    assert program("cancel", named).returncode == 0
    assert program.report("r/sub")["state"] == "cancelled"


def test_a_run_with_a_flow_inside_is_killed_and_resumed(program, wait_for):
    """Law: who resumes the run above goes on with the one inside, where it was, with the actions beside its own file."""
    written(program, INNER)
    process = program.start("run", "outer.yaml", "--run-id", "r")
    wait_for(process, "numbers succeeded")
    process.kill()
    process.wait()
    assert [line.split()[0] for line in program("runs").stdout.splitlines()[1:]] == ["r"]
    done = program("resume", "r")
    assert done.returncode == 0, done.stderr
    assert program.report("r/sub")["state"] == "succeeded"
    shown = program("show", "r")
    assert "sub is run r/sub" in shown.stdout
    listed = msgspec.json.decode(program("runs", "--inside", "--json").stdout)
    assert {one["run_id"]: one["state"] for one in listed} == {"r": "succeeded", "r/sub": "succeeded"}


def test_a_failure_inside_is_explained_and_drawn(program):
    """Law: ``show``, ``why`` and ``graph`` say which flow a node runs, in which run, and how that ended."""
    written(program, FAILING, OUTER.replace(", inputs: {count: {value: 30}}", "").replace("sub.total", "sub.fail"))
    assert program("run", "outer.yaml", "--run-id", "r").returncode == 1
    assert "run 'r/sub' failed" in program("show", "r").stdout
    why = program("why", "r", "sub")
    told = why.stdout
    assert "run 'r/sub' failed" in told
    assert "as run 'r/sub', whose nodes say why" in told
    assert "it comes from 'fail' in run 'r/sub', which failed with ValueError: broken" in told
    assert "in fail\n" in told  # where it was raised, as `why` of the run inside has it
    assert why.stderr.splitlines()[0] == "next: dagger-actors why r/sub fail --db dagger.db"
    refused = program("retry", "r/sub")
    assert refused.returncode != 0
    assert "dagger-actors retry r" in refused.stderr
    (node,) = {
        one["node_id"]
        for one in json.loads(program("show", "r/sub", "--json").stdout)["nodes"]
        if one["state"] == "failed"
    }
    for told in (program("show", "r/sub"), program("why", "r/sub", node)):
        assert "next: dagger-actors retry r --db dagger.db" in told.stderr
    refused = program("replay", "r", "sub")
    assert "it runs a flow, and no action; replay a node of its run: dagger-actors replay r/sub NODE" in refused.stderr
    drawn = program("graph", "outer.yaml", "--format", "dot")
    assert "shape=box3d" in drawn.stdout, drawn.stderr
    assert "flow inner" in drawn.stdout


ASKING = """
name: inner
nodes:
  - {id: ok, approval: {message: "Go on?"}}
"""


def test_a_run_inside_that_asks_is_answered_from_another_process(program):
    """Law: with nobody at a terminal the run exits with 3, and says which run and node to answer; resume goes on with both."""
    written(program, ASKING, "name: outer\nnodes:\n  - {id: sub, flow: inside/inner.yaml}\n")
    done = program("run", "outer.yaml", "--run-id", "r")
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "next: dagger-actors approve r/sub ok --db dagger.db" in done.stderr
    assert "next: dagger-actors approve r/sub ok" in program("show", "r").stderr
    assert "a person is asked at node 'ok' of run 'r/sub': Go on?" in program("why", "r", "sub").stdout
    refused = program("approve", "r", "sub")
    assert refused.returncode == 2
    assert "it is node 'ok' of run 'r/sub' that asks" in refused.stderr
    told = program("approve", "r", "sub/ok")
    assert told.returncode == 0, told.stderr
    assert "approved ok of run r/sub" in told.stderr
    done = program("resume", "r")
    assert done.returncode == 0, done.stderr
    assert program.report("r/sub")["state"] == "succeeded"
