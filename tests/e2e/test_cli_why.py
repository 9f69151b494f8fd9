"""``why`` as a person types it."""

from __future__ import annotations

import msgspec


def test_why_explains_a_failure_and_what_it_skipped(program) -> None:
    """Law: sentences on stdout, the next command on stderr, nothing a terminal obeys, nothing written."""
    assert program("run", "broken.yaml", "--run-id", "bad", "--db", "my runs.db").returncode == 1
    before = sorted(path.name for path in program.folder.iterdir())
    done = program("why", "bad", "after", "--db", "my runs.db")
    assert (done.returncode, "\x1b" in done.stdout) == (0, False)
    lines = done.stdout.splitlines()
    assert lines[0] == "after: skipped, in run bad (failed)"
    assert lines[1] in ("  it was skipped: run stopped", "  it was skipped: dependency 'fail' failed")
    assert "    fail (failed): failed with ValueError: broken \\x1b[2J on purpose" in lines
    assert done.stderr == "next: dagger-actors retry bad --db 'my runs.db'\n"
    assert sorted(path.name for path in program.folder.iterdir()) == before
    found = msgspec.json.decode(program("why", "bad", "after", "--json", "--db", "my runs.db").stdout)
    assert (found["state"], found["next_verb"], found["causes"][0]["node_id"]) == ("skipped", "retry", "fail")


def test_why_knows_items_and_suggests_the_nearest(program) -> None:
    """Law: --item asks for one; a typo is answered with what was meant, exit 2."""
    assert program("run", "fan.yaml", "--run-id", "good").returncode == 0
    done = program("why", "good", "work", "--item", "1")
    assert done.stdout.startswith("work[1]: succeeded, in run good (succeeded)\n  it succeeded in attempt 1")
    for words, part in (
        (("why", "good", "wrok"), "did you mean 'work'?"),
        (("why", "good", "work", "--item", "7"), "no item '7'"),
        (("why", "nope", "work"), "no run 'nope'"),
    ):
        done = program(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert part in done.stderr
        assert "Traceback" not in done.stderr


def test_a_run_whose_process_is_gone_is_interrupted_everywhere(program, wait_for) -> None:
    """Law: `runs`, `show`, `why`, `tree` and the pictures agree: nothing runs there, and no bar grows."""
    process = program.start("run", "stuck.yaml", "--run-id", "lost")
    wait_for(process, "wait running")
    process.kill()
    process.wait()
    assert " interrupted " in program("runs").stdout
    shown = program("show", "lost")
    assert "run lost of flow stuck: interrupted" in shown.stdout
    assert shown.stderr == "next: dagger-actors resume lost --db dagger.db\n"
    assert "wait  interrupted  " in shown.stdout
    assert program("tree", "lost").stdout.splitlines()[0].startswith("run lost of flow stuck: interrupted")
    assert "run lost · interrupted" in program("graph", "--run", "lost").stdout
    chart = program("graph", "--run", "lost", "--gantt").stdout
    assert "run lost · interrupted" in chart
    assert "attempt 1: interrupted" in chart
    assert chart == program("graph", "--run", "lost", "--gantt").stdout
    told = program("why", "lost", "wait")
    assert "in run lost (interrupted)" in told.stdout
    assert told.stderr == "next: dagger-actors resume lost --db dagger.db\n"
    assert "lost" in program("runs", "--state", "interrupted").stdout
    done = program("runs", "--state", "running")
    assert done.stdout == ""
    assert done.stderr == "no such runs; all of them: dagger-actors runs --db dagger.db\n"


def test_runs_filters_by_what_it_is_told(program) -> None:
    """Law: each filter leaves something out; a wrong one is named."""
    for flow, run_id in (("fan.yaml", "one"), ("broken.yaml", "two")):
        program("run", flow, "--run-id", run_id)

    def ids(*words: str) -> list[str]:
        done = program("runs", "--json", *words)
        assert done.returncode == 0, done.stderr
        return [one["run_id"] for one in msgspec.json.decode(done.stdout)]

    assert ids() == ["two", "one"]
    assert ids("--state", "failed") == ["two"]
    assert ids("--state", "failed", "--state", "succeeded") == ["two", "one"]
    assert ids("--flow", "fan") == ["one"]
    assert ids("--since", "1h") == ["two", "one"]
    assert ids("--since", "2999-01-01") == []
    assert ids("--limit", "1") == ["two"]
    for words, part in (
        (("--state", "faild"), "did you mean 'failed'"),
        (("--since", "soon"), "for example 90s"),
        (("--limit", "0"), "1 or more"),
    ):
        done = program("runs", *words)
        assert (done.returncode, part in done.stderr) == (2, True), done.stderr


def test_errors_name_the_database_when_it_is_not_the_default(program, wait_for) -> None:
    """Law: what is copied from an error acts on the database the error is about."""
    assert program("run", "broken.yaml", "--run-id", "bad", "--db", "x.db").returncode == 1
    done = program("resume", "bad", "--db", "x.db")
    assert done.stderr.endswith("try it again with: dagger-actors retry bad --db x.db\n")
    done = program("show", "nope", "--db=x.db")
    assert done.stderr.endswith("list the runs with: dagger-actors runs --db x.db\n")
    process = program.start("run", "stuck.yaml", "--run-id", "busy", "--db", "x.db")
    wait_for(process, "wait running")
    done = program("resume", "busy", "--db", "x.db")
    assert done.returncode == 2
    assert done.stderr.endswith("  see: dagger-actors show busy --db x.db\n")


def test_a_bad_file_is_told_with_how_to_check_it_again(program) -> None:
    """Law: `run` and `validate` both say it."""
    (program.folder / "bad.yaml").write_text("name: bad\nnodes: []\n")
    for verb in ("run", "validate"):
        done = program(verb, "bad.yaml")
        assert done.returncode == 2
        assert done.stderr.endswith("next: mend it, then: dagger-actors validate bad.yaml\n")


def test_a_second_signal_says_one_sentence(program, wait_for) -> None:
    """Law: it leaves at once, and says how to go on."""
    import signal

    process = program.start("run", "stuck.yaml", "--run-id", "one")
    wait_for(process, "wait running")
    process.send_signal(signal.SIGINT)
    wait_for(process, "stopping")
    process.send_signal(signal.SIGINT)
    told = process.communicate()[1].splitlines()
    assert process.returncode == 130
    if told[0].startswith("waiting for code that has not ended: "):
        told = told[1:]  # it was for a second, before the second signal came
    assert told == ["left at once, what is committed is safe; go on with: dagger-actors resume one --db dagger.db"]
