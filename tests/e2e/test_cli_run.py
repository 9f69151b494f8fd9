"""``run``: exit statuses, where results and progress go, and what a failure tells."""

import os
import re
import subprocess
from itertools import pairwise

import msgspec
import pytest

from dagger_actors.cli import staying
from dagger_actors.cli.asking import stay_with


def test_a_run_that_succeeds_prints_its_outputs_on_stdout_and_exits_with_0(program):
    """Law: results go to stdout, progress and verdict to stderr."""
    done = program("run", "fan.yaml", "-i", "count=4", "--run-id", "one")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "total: 12\n"
    assert "run one succeeded" in done.stderr


def test_piped_progress_is_one_line_per_node_and_items_that_go_well_are_counted(program):
    """Law: without a terminal each node's end is a line on stderr, a map's items are a count; no control character."""
    done = program("run", "fan.yaml", "--run-id", "one")
    for line in ("numbers succeeded", "work 3 items done", "work succeeded", "total succeeded"):
        assert sum(told.endswith(f" {line}") for told in done.stderr.splitlines()) == 1, done.stderr
    assert "work[" not in done.stderr
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr


def test_json_is_the_report_alone_on_stdout(program):
    """Law: with --json stdout is one document that holds run, state, inputs, outputs and every node."""
    done = program("run", "fan.yaml", "--json", "--run-id", "one", "-i", "count=2")
    report = msgspec.json.decode(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (report["run_id"], report["flow_name"], report["state"]) == ("one", "fan", "succeeded")
    assert (report["inputs"]["count"], report["outputs"]) == (2, {"total": 2})
    assert {node["node_id"] for node in report["nodes"]} == {"numbers", "work", "total"}


def test_rows_are_printed_as_a_table(program):
    """Law: a list of equal mappings is a table with its keys as headings, numbers to the right."""
    done = program("run", "rows.yaml", "-i", "count=60")
    lines = done.stdout.splitlines()
    assert lines[:3] == ["rows", " n  square", " 0       0"]
    assert lines[-1] == "... and 10 more rows; --json gives them all"


def test_a_failed_run_names_node_error_and_next_command_and_exits_with_1(program):
    """Law: a failure is told once, printable, without a traceback, and with the command that goes on."""
    done = program("run", "broken.yaml", "--run-id", "one")
    assert done.returncode == 1
    assert "fail failed: ValueError: broken \\x1b[2J on purpose" in done.stderr
    assert "dagger-actors retry one --db dagger.db" in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr


def test_a_run_that_pauses_exits_with_3_and_names_resume(program):
    """Law: a paused run is neither success nor failure."""
    (program.folder / "broken.yaml").write_text((program.folder / "broken.yaml").read_text().replace("stop", "pause"))
    done = program("run", "broken.yaml", "--run-id", "one")
    assert done.returncode == 3, done.stderr
    assert "dagger-actors resume one --db dagger.db" in done.stderr


def test_retry_runs_only_what_did_not_succeed(program):
    """Law: fix and retry: the failed node runs again, then those that waited for it."""
    assert program("run", "broken.yaml", "--run-id", "one").returncode == 1
    (program.folder / "mended").touch()
    again = program("retry", "one")
    assert again.returncode == 0, again.stderr
    assert again.stdout == "after: 8\n"
    assert program.log() == ["fail", "fail", "after"]


def test_the_same_run_id_with_the_same_flow_and_inputs_is_the_same_run(program):
    """Law: a run that has succeeded is told again, not run again; with other inputs the id is taken."""
    assert program("run", "fan.yaml", "--run-id", "one").returncode == 0
    log = program.log()
    again = program("run", "fan.yaml", "--run-id", "one")
    assert (again.returncode, again.stdout) == (0, "total: 6\n")
    assert program.log() == log
    other = program("run", "fan.yaml", "--run-id", "one", "-i", "count=5")
    assert other.returncode == 2
    assert "exists already" in other.stderr


@pytest.mark.parametrize("how", [("--sequential",), ("--parallel", "1")])
def test_sequential_and_parallel_1_run_one_node_at_a_time(program, how):
    """Law: --sequential and --parallel reach the run."""
    done = program("run", "fan.yaml", *how, "-i", "count=6", "-i", "pause_s=0.01", "--json")
    spans = [
        (attempt["started_us"], attempt["finished_us"])
        for node in msgspec.json.decode(done.stdout)["nodes"]
        for attempt in node["attempts"]
        if node["node_id"] != "work" or node["invocation_key"]
    ]
    spans.sort()
    assert len(spans) == 8
    assert all(before[1] <= behind[0] for before, behind in pairwise(spans))


def test_the_database_is_dagger_db_unless_another_is_named(program):
    """Law: --db is where the run is, and only there."""
    assert program("run", "fan.yaml", "--db", "other.db").returncode == 0
    assert (program.folder / "other.db").exists()
    assert not (program.folder / "dagger.db").exists()
    assert program("run", "fan.yaml").returncode == 0
    assert (program.folder / "dagger.db").exists()


def test_actions_can_come_from_import_instead_of_the_file(program):
    """Law: --import adds to what the flow names."""
    text = (program.folder / "fan.yaml").read_text().replace("actions: [actions.py]\n", "")
    (program.folder / "bare.yaml").write_text(text)
    assert program("run", "bare.yaml").returncode == 2
    assert program("run", "bare.yaml", "--import", "actions.py").stdout == "total: 6\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "missing.yaml"], "missing.yaml"),
        (["run", "fan.yaml", "-i", "count=many"], "the input 'count' must be of type int"),
        (["run", "fan.yaml", "-i", "cuont=1"], "cuont"),
        (["run", "fan.yaml", "-i", "count"], "KEY=VALUE"),
        (["run", "fan.yaml", "--parallel", "2", "--sequential"], "exclude one another"),
        (["run", "fan.yaml", "--parallel", "0"], "--parallel 0"),
        (["run", "fan.yaml", "--run-id", "a/b"], "write 'a-b'"),
        (["run", "fan.yaml", "--unknown"], "--unknown"),
        (["run", "fan.yaml", "--import", "no_such_module"], "no_such_module"),
        (["run"], "SPEC"),
        (["rum", "fan.yaml"], 'Did you mean "run"'),
        (["resume"], "a run id or --all"),
        (["resume", "one"], "no database"),
        (["retry", "one", "--db", "else.db"], "else.db"),
        (["cancel", "one"], "no database"),
        (["show", "one"], "no database"),
        (["runs"], "no database"),
        (["run", "x\x1b[2J.yaml"], "x\\x1b[2J.yaml"),
        (["list", "missing"], "the folder cannot be read"),
    ],
)
def test_a_mistake_of_the_caller_is_one_sentence_and_exits_with_2(program, words, told):
    """Law: no traceback, nothing on stdout, the culprit named, and no database made by accident."""
    done = program(*words)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert not list(program.folder.glob("*.db*"))


def test_a_file_that_is_no_database_is_refused_and_left_alone(program):
    """Law: one clear sentence, exit 2, not a byte changed."""
    (program.folder / "dagger.db").write_text("a letter to a friend, longer than any header\n" * 100)
    before = (program.folder / "dagger.db").read_bytes()
    for words in (["run", "fan.yaml"], ["runs"], ["resume", "one"]):
        done = program(*words)
        assert done.returncode == 2, done.stderr
        assert "is not a dagger_actors database" in done.stderr
        assert "Traceback" not in done.stderr
    assert (program.folder / "dagger.db").read_bytes() == before


TALKS = """
from dagger_actors import Context, action

@action
def talk(ctx: Context) -> list[dict[str, str]]:
    with open("go") as go:
        go.read()
    for n in range(3):
        print("x" * 100_000, flush=True)
        ctx.log(f"said {n}")
    return [{"row": "y" * 70} for _ in range(50)]
"""


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_is_gone_ends_neither_the_run_nor_the_command(program, closed, options):
    """Law: an action that prints does not fail for it, what is left is done, and the exit status is the run's."""
    (program.folder / "talks.py").write_text(TALKS)
    (program.folder / "talks.yaml").write_text("name: t\nactions: [talks.py]\nnodes: [{id: talk, action: talk}]\n")
    os.mkfifo(program.folder / "go")
    process = program.start("run", "talks.yaml", "--run-id", "one", *options)
    gate = os.open(program.folder / "go", os.O_WRONLY)  # the action is there
    getattr(process, closed).close()
    os.close(gate)
    setattr(process, closed, None)
    told = process.communicate()
    process.stdout = process.stderr = None
    assert process.returncode == 0, told
    assert "Traceback" not in "".join(text or "" for text in told)
    assert program.report("one")["state"] == "succeeded"


SAYS = """
from dagger_actors import Context, action

@action
def says(ctx: Context) -> int:
    ctx.log("said at once")
    return 1
"""


def test_what_an_action_logs_before_its_run_is_waited_for_is_shown_too(typed, monkeypatch):
    """Law: nothing is lost, though the run had ended before the command got on."""

    def late(system, runs, *rest, **options):
        runs[0].wait(60)
        return stay_with(system, runs, *rest, **options)

    monkeypatch.setattr(staying, "stay_with", late)
    (typed.folder / "says.py").write_text(SAYS)
    (typed.folder / "says.yaml").write_text("name: s\nactions: [says.py]\nnodes: [{id: n, action: says}]\n")
    status, out, err = typed("run", "says.yaml", "--run-id", "r")
    assert (status, out) == (0, "n: 1\n")
    assert " r/n: said at once\n" in err


@pytest.mark.parametrize("words", [["runs"], ["show", "one"], ["show", "one", "--json"], ["graph", "fan.yaml"]])
def test_looking_through_head_is_no_failure(program, words):
    """Law: no traceback and exit 0, whatever was left to print."""
    assert program("run", "fan.yaml", "--run-id", "one").returncode == 0
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        program.command(*words), cwd=program.folder, env=program.environment, stdout=writer, stderr=subprocess.PIPE,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_quiet_says_only_what_came_of_it(program):
    """Law: outputs on stdout, one line on stderr; after a failure its error and what to do next; no logs, no progress."""
    done = program("run", "fan.yaml", "--run-id", "one", "--quiet")
    assert done.stdout == "total: 6\n"
    assert re.fullmatch(r"run one succeeded after [\d.]+ s\n", done.stderr)
    failed = program("run", "broken.yaml", "--run-id", "two", "-q")
    assert failed.stderr.startswith("fail failed: ValueError: broken")
    assert [line for line in failed.stderr.splitlines() if not line.startswith("  ")][1:] == [
        re.search("run two failed after .*", failed.stderr)[0],
        "next: dagger-actors retry two --db dagger.db",
        "next: dagger-actors why two fail --db dagger.db",
    ]
    assert program("retry", "two", "-q").stderr.startswith("fail failed after 2 attempts: ")
    assert program("resume", "one", "-q").stdout == "total: 6\n"
