"""``runs``, ``show``, ``validate``, ``list`` and ``--help``."""

import subprocess
import sys

import msgspec


def test_show_renders_nodes_maps_failures_and_the_next_command(program):
    """Law: items of a map are counted, failures listed, hostile text shown escaped."""
    assert program("run", "fan.yaml", "--run-id", "good", "-i", "count=30").returncode == 0
    assert program("run", "broken.yaml", "--run-id", "bad").returncode == 1
    good = program("show", "good")
    assert good.returncode == 0, good.stderr
    assert "run good of flow fan: succeeded" in good.stdout
    assert "30 succeeded" in good.stdout
    assert "work[7]" not in good.stdout
    assert "total: 870" in good.stdout
    bad = program("show", "bad")
    assert "fail failed: ValueError: broken \\x1b[2J on purpose" in bad.stdout
    assert "skipped" in bad.stdout
    assert "dagger-actors retry bad" in bad.stderr
    assert "\x1b" not in bad.stdout


def test_runs_lists_every_run_the_newest_first(program):
    """Law: one line a run; --json the same as a list."""
    for run_id in ("first", "second"):
        assert program("run", "fan.yaml", "--run-id", run_id).returncode == 0
    lines = program("runs").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["run", "second", "first"]
    assert [one["run_id"] for one in msgspec.json.decode(program("runs", "--json").stdout)] == ["second", "first"]


def test_an_unknown_run_is_named(program):
    """Law: a run id that is not there is the caller's mistake."""
    assert program("run", "fan.yaml").returncode == 0
    for verb in ("show", "resume", "retry", "cancel"):
        done = program(verb, "nope")
        assert done.returncode == 2, done.stderr
        assert "nope" in done.stderr
        assert "Traceback" not in done.stderr


def test_validate_tells_every_mistake_at_once_with_its_place(program):
    """Law: all problems, each with file, line and column and a caret; nothing is executed."""
    (program.folder / "wrong.yaml").write_text(
        "name: wrong\n"
        "actions: [actions.py]\n"
        "nodes:\n"
        "  - {id: a, action: numbers, tiemout: 3}\n"
        "  - {id: b, action: totl, dependencies: [aa]}\n"
        "  - {id: c, action: fail, try_count: 0}\n"
    )
    done = program("validate", "wrong.yaml")
    assert done.returncode == 2
    assert done.stdout == ""
    for part in ("wrong.yaml:4:", "timeout", "wrong.yaml:5:", "'aa'", "wrong.yaml:6:", "try_count", "^"):
        assert part in done.stderr, part
    assert program.log() == []


def test_validate_accepts_a_good_file_and_runs_nothing(program):
    """Law: exit 0, a line that names the flow, and no database."""
    done = program("validate", "fan.yaml")
    assert done.returncode == 0, done.stderr
    assert "'fan' is valid: 3 nodes" in done.stdout
    assert program.log() == []
    assert not list(program.folder.glob("*.db*"))


def test_list_shows_metadata_and_filters_by_all_or_any_tags(program, repository):
    """Law: every tag must match; with --any one is enough."""
    specs = str(repository / "specs")

    def names(*words):
        done = program("list", specs, "--json", *words)
        assert done.returncode == 0, done.stderr
        return {one["name"] for one in msgspec.json.decode(done.stdout)}

    assert names() >= {"census", "infolder", "parallel_demo"}
    assert names("--tag", "diamond") == {"parallel_demo"}
    assert names("--tag", "example", "--tag", "chain") == {"infolder"}
    assert names("--tag", "diamond", "--tag", "chain") == set()
    assert names("--tag", "diamond", "--tag", "chain", "--any") == {"infolder", "parallel_demo"}
    refused = program("list", specs, "--any")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--any --tag A --tag B" in refused.stderr
    shown = program("list", specs, "--tag", "chain")
    assert "Adds two numbers, squares the sum" in shown.stdout


SAID = """
name: said
description: what it is for
author: Ada
version: "1.10"
signature: count -> total
instructions: run it nightly
tags: [nightly]
inputs:
  count: {type: int, default: 3, description: how many}
  folder: {type: str, description: where to}
  token: {secret: true}
  more: null_is_no_default
nodes: [{id: a, action: x, inputs: {count: inputs.count}}]
outputs:
  total: {reference: a.total, description: the sum}
  whole: a
"""


def test_list_as_json_gives_all_that_a_flow_says_of_itself(program):
    """Law: each key of identity, and of its inputs and outputs what whoever starts it must know."""
    (program.folder / "flows").mkdir()
    (program.folder / "flows" / "said.yaml").write_text(SAID)
    (program.folder / "flows" / "terse.yaml").write_text(
        "name: terse\nnodes: [{id: a, action: x, inputs: {n: inputs.n}}]\n"
    )
    said, terse = msgspec.json.decode(program("list", "flows", "--json").stdout)
    assert said == {
        "file": "flows/said.yaml",
        "name": "said",
        "description": "what it is for",
        "author": "Ada",
        "version": "1.10",
        "signature": "count -> total",
        "instructions": "run it nightly",
        "tags": ["nightly"],
        "nodes": 1,
        "inputs": {
            "count": {"type": "int", "required": False, "default": 3, "description": "how many"},
            "folder": {"type": "str", "required": True, "description": "where to"},
            "token": {"type": "any", "required": True, "description": "", "secret": True},
            "more": {"type": "any", "required": False, "default": "null_is_no_default", "description": ""},
        },
        "outputs": {"total": "the sum", "whole": ""},
    }
    assert terse["inputs"] == {"n": {"type": "any", "required": True, "description": ""}}
    row = program("list", "flows").stdout.splitlines()[1].split()
    assert row[:5] == ["said", "1.10", "1", "nightly", "flows/said.yaml"]


def test_an_input_that_is_missing_is_told_with_its_description(program):
    """Law: whoever does not give it learns what it is, and how it is given."""
    (program.folder / "ask.yaml").write_text(
        "name: ask\nactions: [actions.py]\ninputs: {count: {type: int, description: how many numbers}}\n"
        "nodes: [{id: numbers, action: numbers, inputs: {count: inputs.count}}]\n"
    )
    done = program("run", "ask.yaml")
    assert done.returncode == 2
    assert done.stderr == (
        "dagger-actors: flow 'ask' cannot start: the input 'count' (int) is missing: how many numbers\n"
        "  for example: -i count=10\n"
    )


def test_list_names_broken_files_and_shows_the_others(program):
    """Law: one bad file hides nothing, and is not passed over in silence."""
    folder = program.folder / "flows"
    folder.mkdir()
    (folder / "good.yaml").write_text("name: good\nnodes: [{id: a, action: x}]\n")
    (folder / "bad.yaml").write_text("name: bad\nnodez: []\n")
    done = program("list", "flows")
    assert done.returncode == 2
    assert "good" in done.stdout
    assert "flows/bad.yaml" in done.stderr


def test_help_names_every_command_and_every_option(program):
    """Law: --help is complete and exits with 0; so does each command's own."""
    shown = program("--help")
    assert shown.returncode == 0
    for word in ("run", "resume", "retry", "cancel", "runs", "show", "why", "artifacts", "validate", "list"):
        assert f"  {word}: " in shown.stdout
    options = program("run", "--help").stdout
    for option in ("-i", "--db", "--import", "--run-id", "--parallel", "--sequential", "--json"):
        assert option in options


def test_help_loads_neither_store_nor_event_loop(program):
    """Law: --help answers at once; what only commands need is loaded by them."""
    script = (
        "import sys; from dagger_actors.cli import main; main(['--help']); print({'apsw', 'asyncio'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=program.folder,
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_reader_that_has_seen_enough_is_no_error(program):
    """Law: a closed pipe ends the output quietly."""
    assert program("run", "fan.yaml", "--run-id", "one").returncode == 0
    process = program.start("show", "one", "--json")
    process.stdout.close()
    told = process.stderr.read()
    process.wait(timeout=30)
    process.stdout = None
    assert told == ""


def test_tail_prints_the_events_of_a_run(program):
    """Law: a line or a JSON object for each, from a number on; what is no channel is a run."""
    assert program("run", "fan.yaml", "--run-id", "r1").returncode == 0
    shown = program("tail", "r1")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert lines[0].split()[0] == "1"
    assert lines[-1].endswith("run  succeeded")
    assert any("work[1]  succeeded" in line for line in lines)
    events = [msgspec.json.decode(line) for line in program("tail", "r1", "--json").stdout.splitlines()]
    assert len(events) == len(lines)
    after = events[3]["seq"]
    assert program("tail", "r1", "--after", str(after), "--follow").stdout.splitlines() == lines[4:]
    for more in ((), ("--follow",)):
        last = program("tail", "r1", "--limit", "2", *more)
        assert (last.returncode, last.stderr, last.stdout.splitlines()) == (0, "", lines[-2:])
        for count in (len(lines) - 1, 1000):  # some numbers are of no event
            assert program("tail", "r1", "--limit", str(count), *more).stdout.splitlines() == lines[-count:]
        assert program("tail", "r1", "--after", str(after), "--limit", "2", *more).stdout.splitlines() == lines[4:6]
    assert "no run 'r2'" in program("tail", "r2", "--after", "0").stderr
    assert program("tail", "r1", "--after", "1", "--from", "earliest").returncode == 2
    assert (
        "'r1' is a run, and --from is of channels\n  its events: --after NUMBER"
        in program("tail", "r1", "--from", "earliest").stderr
    )
